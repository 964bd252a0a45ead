from __future__ import annotations

import pytest

from grayswan_core.request.hints import advice_on

KNOWN = ("base_url", "model", "temperature", "timeout")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model_name", "Use model."),
        ("openai_api_key", "Use api_key."),
        ("functions", "Use tools."),
        ("function_call", "Use tool_choice."),
        ("temprature", "Did you mean temperature?"),
        ("base_ur", "Did you mean base_url?"),
        ("zzz", "Available: base_url, model, temperature, timeout."),
    ],
)
def test_says_what_to_do_instead(name, expected):
    assert expected == advice_on(name, KNOWN)
