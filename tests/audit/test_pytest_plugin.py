from __future__ import annotations

import subprocess
import sys

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage, ToolMessage

# Here as a name, since a checkout may be on the path without being installed.
from grayswan_audit.pytest_plugin import grayswan_audit  # noqa: F401

PAGE = "Mute swans stay with one partner for many years and hold a territory on a quiet lake."


@pytest.mark.parametrize("number", [1, 2])
def test_each_test_has_an_audit_of_its_own(grayswan_audit, number):  # noqa: F811
    with pytest.raises(AssertionError, match="Nothing was observed"):
        grayswan_audit.assert_clean()
    model = FakeListChatModel(responses=["Fine."])
    model.invoke([HumanMessage("Hi"), ToolMessage(PAGE, tool_call_id="1")])
    grayswan_audit.assert_clean()
    model.invoke(PAGE)
    with pytest.raises(AssertionError, match="1 of 1 texts"):
        grayswan_audit.assert_clean()


def test_importing_the_plugin_imports_no_framework():
    code = (
        "import sys, grayswan_audit.pytest_plugin\n"
        "sys.exit(any(n.startswith(('langchain', 'llama_index')) for n in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code
