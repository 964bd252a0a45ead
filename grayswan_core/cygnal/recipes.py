"""Protected completions: an OpenAI-shaped client pointed at Cygnal. Sans-I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import SecretStr

from grayswan_core.config import resolve_api_key, resolve_base_url
from grayswan_core.cygnal.rules import Rules, checked_rules
from grayswan_core.errors import ConfigurationError
from grayswan_core.wire import CYGNAL_PATH, ReasoningMode

__all__ = ["cygnal_settings", "require_completions"]

_THRESHOLDS = ("pre_violation", "pre_jailbreak", "post_violation", "post_violation_jb")
_KEY = "grayswan-api-key"
_ADDRESSES = ("openai_api_base", "api_base", "base_url")
_RULE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def cygnal_settings(
    *,
    api_key: SecretStr | str | None = None,
    base_url: str | None = None,
    policy_id: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    rules: Rules | None = None,
    reasoning_mode: ReasoningMode | None = None,
    address: Literal["base_url", "api_base"] = "base_url",
    allow_insecure_http: bool = False,
) -> dict[str, Any]:
    """Address and headers that send an OpenAI client's calls through Cygnal.

    ```python
    ChatOpenAI(model="gpt-4o", **cygnal_settings(policy_id="..."))
    OpenAI(model="gpt-4o", **cygnal_settings(policy_id="...", address="api_base"))  # LlamaIndex
    openai.OpenAI(**cygnal_settings(policy_id="..."))
    ```

    The client's own key is the provider's; the one of Gray Swan is a header. Over the quota, the
    API still answers and filters nothing, and nothing in the response says so: a `CygnalGuard`
    fails closed instead.

    Args:
        api_key: Gray Swan's key; else the variable `GRAYSWAN_API_KEY`.
        base_url: The API's address; else the variable `GRAY_SWAN_BASE_URL`.
        policy_id: The policy. Without one, the API may answer 400 ("No policy specified").
        thresholds: From 0 (strictest) to 1, for `pre_violation`, `pre_jailbreak`, `post_violation`
            and `post_violation_jb`; the others are the policy's.
        rules: Rules in plain words: name to text, or a list of texts, which are numbered.
        reasoning_mode: `off`, `hybrid` or `thinking`.
        address: What the client calls its base URL. LlamaIndex's `OpenAI` calls it `api_base`.
        allow_insecure_http: Allow `http://` to another machine than this one.

    Raises:
        ConfigurationError: there is no key, or a setting cannot be a header.
    """
    headers = {_KEY: resolve_api_key(api_key).get_secret_value()}
    if policy_id is not None:
        headers["policy-id"] = policy_id
    if reasoning_mode is not None:
        headers["reasoning-mode"] = reasoning_mode
    for name, threshold in (thresholds or {}).items():
        if name not in _THRESHOLDS:
            raise ConfigurationError(
                f"There is no threshold {name!r}. There are {', '.join(_THRESHOLDS)}."
            )
        if isinstance(threshold, bool) or not 0 <= threshold <= 1:
            raise ConfigurationError(f"The threshold {name!r} is from 0 to 1, not {threshold!r}.")
        headers[name.replace("_", "-")] = str(threshold)
    for name, text in _named(checked_rules(rules)).items():
        headers[f"rule-{name}"] = text
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value.strip()):
            raise ConfigurationError(
                f"The header {name!r} must be one line of plain ASCII text. Write the rule so, or"
                " put it into the policy."
            )
    url = resolve_base_url(base_url, allow_insecure_http=allow_insecure_http)
    return {address: url + CYGNAL_PATH, "default_headers": headers}


def require_completions(model: object) -> None:
    """Let pass a model that may be pointed at protected completions.

    A model of which neither address nor headers can be read passes.

    Raises:
        ConfigurationError: it is pointed elsewhere, so nobody would judge what it says.
    """
    known = [name for name in _ADDRESSES if hasattr(model, name)]
    addresses = [str(getattr(model, name) or "") for name in known]
    headers = {str(name).lower() for name in getattr(model, "default_headers", None) or ()}
    if not known or _KEY in headers or any(CYGNAL_PATH in each for each in addresses):
        return
    raise ConfigurationError(
        "Without a guard, protect() judges nothing: it reads the verdicts of protected completions,"
        f" and this {type(model).__name__} is not pointed at them. Pass a guard,"
        " protect(model, CygnalGuard()), or make the model with cygnal_settings()."
    )


def _named(rules: Any) -> dict[str, str]:
    if isinstance(rules, dict):
        named = rules
    else:
        named = {str(number): text for number, text in enumerate(rules or (), 1)}
    for name, text in named.items():
        if not isinstance(text, str):
            raise ConfigurationError("As headers, rules are texts: name to text, or a list.")
        if not _RULE_NAME.fullmatch(name):
            raise ConfigurationError(
                f"The name of the rule {name!r} becomes a header's: use letters, digits, - and _."
            )
    return named
