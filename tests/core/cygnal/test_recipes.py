from types import SimpleNamespace

import pytest

from grayswan_core import ConfigurationError
from grayswan_core.cygnal.recipes import cygnal_settings, require_completions

KEY = "not-a-real-key"


def test_address_and_headers():
    settings = cygnal_settings(
        api_key=KEY,
        base_url="https://example.org/",
        policy_id="p-1",
        thresholds={"pre_violation": 0.25, "post_violation_jb": 0},
        rules={"fruit": "Never speak of bananas."},
        reasoning_mode="hybrid",
    )
    assert {
        "base_url": "https://example.org/cygnal",
        "default_headers": {
            "grayswan-api-key": KEY,
            "policy-id": "p-1",
            "reasoning-mode": "hybrid",
            "pre-violation": "0.25",
            "post-violation-jb": "0",
            "rule-fruit": "Never speak of bananas.",
        },
    } == settings


def test_llama_index_calls_the_address_otherwise():
    assert "api_base" in cygnal_settings(api_key=KEY, address="api_base")


def test_rules_of_a_list_are_numbered():
    headers = cygnal_settings(api_key=KEY, rules=["no x", "no y"])["default_headers"]
    assert ("no x", "no y") == (headers["rule-1"], headers["rule-2"])


@pytest.mark.parametrize(
    "settings",
    [
        {"thresholds": {"input": 0.5}},
        {"thresholds": {"pre_violation": 1.5}},
        {"thresholds": {"pre_violation": float("nan")}},
        {"rules": [{"name": "x"}]},
        {"rules": {"a b": "x"}},
        {"rules": {"a": "two\nlines"}},
        {"rules": {"a": "caf\u00e9"}},
        {"policy_id": "a\r\nx: y"},
        {"policy_id": ""},
    ],
)
def test_what_cannot_be_a_header_is_refused(settings):
    with pytest.raises(ConfigurationError):
        cygnal_settings(api_key=KEY, **settings)


@pytest.mark.parametrize(
    "model",
    [
        SimpleNamespace(),
        SimpleNamespace(base_url="https://example.org/cygnal/v1"),
        SimpleNamespace(api_base=None, default_headers={"Grayswan-Api-Key": KEY}),
        SimpleNamespace(openai_api_base=None, base_url="https://example.org/cygnal"),
    ],
    ids=["unknown", "address", "headers", "second address"],
)
def test_protected_completions_pass(model):
    require_completions(model)


@pytest.mark.parametrize(
    "model",
    [
        SimpleNamespace(base_url="https://api.grayswan.ai"),
        SimpleNamespace(openai_api_base=None, default_headers=None),
        SimpleNamespace(api_base="https://example.org/v1", default_headers={"x-team": "a"}),
    ],
    ids=["Gray Swan", "default address", "other headers"],
)
def test_other_completions_are_refused(model):
    with pytest.raises(ConfigurationError, match="Pass a guard"):
        require_completions(model)
