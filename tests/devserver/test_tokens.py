from hypothesis import given
from hypothesis import strategies as st

from grayswan_devserver.tokens import count_prompt_tokens, count_tokens, split_tokens


def test_documented_example():
    assert split_tokens("It's 3 pm. ") == ["It", "'", "s", " 3", " pm", ". "]


def test_a_cjk_character_is_a_token():
    assert split_tokens("王小明 OK") == ["王", "小", "明", " OK"]


@given(st.text())
def test_tokens_join_to_the_text(text):
    assert "".join(split_tokens(text)) == text


@given(st.text())
def test_only_the_empty_text_has_no_token(text):
    assert (count_tokens(text) == 0) == (text == "")


def test_prompt_counts_data_calls_and_tools(request_of, weather, called):
    bare = count_prompt_tokens(request_of("Hi"))
    assert bare == 2
    assert count_prompt_tokens(request_of("Hi", ("data", "a b c"))) == bare + 4
    assert count_prompt_tokens(request_of("Hi", tools=[weather])) > bare
    assert count_prompt_tokens(request_of("Hi", called("f", "")[0])) == bare + 1 + 1 + 2
