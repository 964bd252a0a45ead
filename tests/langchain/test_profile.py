from __future__ import annotations

from langchain_core.language_models import ModelProfile

from langchain_grayswan.profile import profile


def test_says_nothing_that_langchain_does_not_know():
    assert set(profile()) <= set(ModelProfile.__annotations__)


def test_structured_output_is_not_native():
    assert profile()["structured_output"] is False
    assert profile()["tool_calling"] is True
