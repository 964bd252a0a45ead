"""The Cygnal wire: what the monitor is sent, and what it answers.

Source: the Gray Swan API's published OpenAPI description (info.version 0.1.0).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from grayswan_core.wire.requests import SentBody, ToolCall
from grayswan_core.wire.responses import ReceivedBody

__all__ = [
    "CYGNAL_COMPLETIONS_PATHS",
    "CYGNAL_PATH",
    "MONITOR_PATH",
    "MonitorMessage",
    "MonitorRequest",
    "MonitorResponse",
    "MonitorRole",
    "MonitorRules",
    "ReasoningMode",
    "ViolatedRule",
]

CYGNAL_PATH = "/cygnal"
"""Under the API's address: the base URL of protected completions, as OpenAI's SDK has one."""

MONITOR_PATH = "/cygnal/monitor"
CYGNAL_COMPLETIONS_PATHS = ("/cygnal/chat/completions", "/cygnal/v1/chat/completions")

MonitorRole: TypeAlias = Literal["system", "user", "assistant", "tool", "developer"]
"""The monitor has no role `data`: untrusted content is sent as `tool`, named `data`."""

ReasoningMode: TypeAlias = Literal["off", "hybrid", "thinking"]

MonitorRules: TypeAlias = dict[str, str] | list[str] | list[dict[str, Any]]
"""Rules in plain words: name to text, a list of texts, or a list of maps."""


class MonitorMessage(BaseModel):
    """One message of the conversation to judge; content parts have a `type`, and `text` or media.

    Clients send what their providers' messages hold, so unknown fields are let through.
    """

    model_config = ConfigDict(extra="allow")

    role: MonitorRole
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class MonitorRequest(SentBody):
    """The body of `POST /cygnal/monitor`. `text` wins over `messages`."""

    text: str | None = None
    messages: list[MonitorMessage] | None = None
    tools: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None
    litellm_metadata: dict[str, Any] | None = None
    rules: MonitorRules | None = None
    categories: MonitorRules | None = None  # the older name of `rules`
    reasoning_mode: ReasoningMode | None = None
    policy_id: str | None = None
    policy_ids: list[str] | None = None
    scanner_configs: list[dict[str, Any]] | None = None

    def to_body(self) -> bytes:
        """The request as JSON bytes.

        Raises:
            ValueError: a text is not valid Unicode.
        """
        return self.to_json()


# Lax parsing would read `true` as 1.0 and "0" as 0.0. A score that is no number is no score.
_Score = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
_Flag = Annotated[bool, Field(strict=True)]


class ViolatedRule(ReceivedBody):
    """A rule that was violated: its number, its name and its text."""

    rule: int | None = None
    name: str | None = None
    description: str | None = None


class MonitorResponse(ReceivedBody):
    """The answer to `POST /cygnal/monitor`; scores go from 0 to 1.

    `violation` is required here, although the schema has a default of 0.0: a body without it would
    pass as harmless. `error` is no field on purpose: where it is set, with status 200 and a
    `violation` of 0.0, the reader of JSON bodies raises.
    """

    violation: _Score
    observe_violation: _Score | None = None
    violated_rules: list[int] = Field(default_factory=list)
    violated_rule_descriptions: list[ViolatedRule] = Field(default_factory=list)
    ipi: _Flag = False
    mutation: _Flag = False
    ignored_inputs: list[dict[str, Any]] = Field(default_factory=list)
    scanner_output: dict[str, Any] | None = None
    reasoning: str | None = None
    block_message: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    activity_id: str | None = None
