import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.wire import ChatRequest
from grayswan_devserver import Answer, Call, FinishPiece, TextPiece, ToolCallPiece
from grayswan_devserver.answers import play


def _request(**fields):
    message = {"role": "user", "content": "Hi"}
    return ChatRequest.model_validate({"model": "cygnet", "messages": [message], **fields})


@given(st.text(), st.text(), st.integers(1, 50))
def test_max_tokens_cuts_text_then_calls(text, arguments, limit):
    answer = Answer(text, [Call("f", arguments)])
    *pieces, finish, usage = play(answer, _request(max_tokens=limit))
    whole = list(play(answer, _request()))[:-2]
    assert pieces == whole[:limit]
    assert finish == FinishPiece(0, "length" if len(whole) > limit else "tool_calls")
    assert usage.completion_tokens == len(pieces) <= limit


def test_an_answer_of_exactly_max_tokens_is_not_cut():
    assert list(play(Answer("a b"), _request(max_tokens=2)))[-2] == FinishPiece(0, "stop")


def test_choices_take_turns():
    pieces = list(play(Answer("a b"), _request(n=2)))
    assert pieces[:4] == [
        TextPiece(0, "a"),
        TextPiece(1, "a"),
        TextPiece(0, " b"),
        TextPiece(1, " b"),
    ]


def test_calls_have_ids_of_their_own():
    pieces = play(Answer(tool_calls=[Call("f"), Call("f")]), _request(n=2))
    ids = [piece.id for piece in pieces if isinstance(piece, ToolCallPiece) and piece.id]
    assert len(set(ids)) == 4


def test_call_ids_differ_between_turns_and_agree_between_repeats(request_of):
    def call_id(*messages):
        first = next(play(Answer(tool_calls=[Call("f")]), request_of(*messages)))
        return first.id

    assert call_id("a") == call_id("a")
    assert call_id("a") != call_id("a", ("assistant", "b"), "a")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer("a"), "stop"),
        (Answer(tool_calls=[Call("f")]), "tool_calls"),
        (Answer("a", finish_reason="content_filter"), "content_filter"),
    ],
)
def test_finish_reason(answer, reason):
    assert answer.reason == reason


def test_arguments_are_json_with_its_characters_kept_or_text_as_it_stands():
    assert Call("f", {"a": "你"}).arguments_json == '{"a": "你"}'
    assert Call("f", "{broken").arguments_json == "{broken"
