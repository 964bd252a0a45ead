from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_batch.errors import InputError, MissingColumnError
from grayswan_batch.prompts import Message, compile_prompt

ROW = {"question": "Why?", "page": "Because {of} it.", "n": 3}


@pytest.mark.parametrize(
    ("prompt", "filled", "columns"),
    [
        ("question", "Why?", ["question"]),
        ("n", "3", ["n"]),
        ("Q: {question} {page}", "Q: Why? Because {of} it.", ["question", "page"]),
        ("{{json}} { n }", "{json} 3", ["n"]),
        (
            [
                ("system", "Be brief."),
                ("user", "{question}"),
                {"role": "data", "content": "{page}"},
            ],
            [
                Message("system", "Be brief."),
                Message("user", "Why?"),
                Message("data", "Because {of} it."),
            ],
            ["question", "page"],
        ),
        (lambda row: row["question"] * 2, "Why?Why?", []),
        (lambda row: [("human", "Hi"), "theirs"], [Message("user", "Hi"), "theirs"], []),
    ],
)
def test_what_a_row_becomes(prompt, filled, columns):
    compiled = compile_prompt(prompt)

    assert compiled.fill(ROW) == filled
    assert compiled.columns == columns


def test_the_default_is_the_column_prompt_or_the_row():
    assert compile_prompt(None).fill({"prompt": "Hi"}) == "Hi"
    assert compile_prompt(None, whole_row=True).fill(ROW) == ROW


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("{", "single '{'"),
        ("a } b", "single '}'"),
        ("{}", "without a column"),
        ("{{no column}}", "asked the same"),
        ([("user", "always the same")], "asked the same"),
        ([("tool", "{a}")], "Unknown role 'tool'"),
        ([("user",)], "pair of strings"),
        (["just text"], "is \\(role, template\\)"),
        ([{"role": "user"}], "role and content"),
        (7, "not int"),
    ],
)
def test_what_is_no_prompt_is_refused(prompt, says):
    with pytest.raises(InputError, match=says):
        compile_prompt(prompt)


@pytest.mark.parametrize("row", [{}, {"question": None}, {"Question": "x"}])
@pytest.mark.parametrize("prompt", ["question", "{question}?", [("user", "{question}")]])
def test_a_row_without_the_column_says_which(prompt, row):
    with pytest.raises(MissingColumnError, match="'question'"):
        compile_prompt(prompt).fill(row)


@given(st.text(), st.text())
def test_no_value_is_read_as_a_template(before, value):
    template = before.replace("{", "{{").replace("}", "}}") + "{v}"

    assert compile_prompt(template).fill({"v": value}) == before + value


def test_attributes_are_not_looked_up():
    with pytest.raises(MissingColumnError, match="__class__"):
        compile_prompt("{question.__class__}").fill(ROW)


def test_prompts_are_told_apart():
    def ask(row):
        return row["question"]

    descriptions = [
        str(compile_prompt(prompt).describe())
        for prompt in ("question", "{question}", [("user", "{question}")], ask, lambda row: "x")
    ]
    assert len(set(descriptions)) == 5
    assert compile_prompt(ask).describe() == compile_prompt(ask).describe()
