from __future__ import annotations

import pytest

from grayswan_core.audit.advice import Advisor
from grayswan_core.audit.records import Model, Sent, Source

SOURCE = Source(0, "tool result", "search", 9)
ADVISOR = Advisor({"tool result": "wrap the tool"}, model="Ours()", tool_result="send a result")


def advice(model, role="system"):
    return ADVISOR(SOURCE, Sent(role, "message 1", "text"), model)


def test_a_model_that_takes_marks_needs_the_change_alone():
    assert "wrap the tool; Ours then sends it as data." == advice(Model("Ours", takes_marks=True))


@pytest.mark.parametrize(
    ("role", "place"), [("system", "system message"), ("tool definition", "tool's definition")]
)
def test_another_model_is_replaced(role, place):
    assert (
        "wrap the tool, and put Ours() in the place of ChatOther, which has no role for such text."
        f" Or take it out of the {place}, and send a result."
    ) == advice(Model("ChatOther", takes_marks=False), role)


def test_a_model_of_openais_can_be_kept():
    text = advice(Model("ChatOpenAI", takes_marks=False))
    assert text.endswith("Or keep the model as untrusted_fallback(ChatOpenAI(...)).")
