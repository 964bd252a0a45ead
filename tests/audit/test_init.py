from __future__ import annotations

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.tools import tool
from llama_index.core.llms.mock import MockLLM
from llama_index.core.tools import FunctionTool

from grayswan_audit import audit_untrusted

PAGE = "Mute swans stay with one partner for many years and hold a territory on a quiet lake."


def read() -> str:
    """Read."""
    return PAGE


def test_what_one_framework_brings_in_is_found_in_the_other():
    with audit_untrusted() as audit:
        tool(read).invoke({})
        MockLLM(max_tokens=3).complete(f"Sum up: {PAGE}")
        FunctionTool.from_defaults(lambda: PAGE[::-1], name="other", description="Other.")()
        FakeListChatModel(responses=["Fine."]).invoke(f"Sum up: {PAGE[::-1]}")
    assert {("read", "MockLLM"), ("other", "FakeListChatModel")} == {
        (each.source.name, each.model) for each in audit.report().findings
    }
