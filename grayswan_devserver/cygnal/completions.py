"""`POST /cygnal/chat/completions`: the engine behind the judge, before and after.

The request is OpenAI's. A block is a `finish_reason` of `violation`; in a stream, the response is
cut where the judge objects, and the refusal follows what had been sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from grayswan_core.wire import (
    ChatRequest,
    FunctionDefinition,
    Message,
    MonitorMessage,
    MonitorRequest,
    NamedToolChoice,
    ReasoningMode,
    Role,
    Tool,
    ToolCall,
)
from grayswan_devserver.answers import Answer, play
from grayswan_devserver.cygnal.judge import judge
from grayswan_devserver.engine import FinishPiece, TextPiece, ToolCallPiece, UsagePiece
from grayswan_devserver.problems import RefusedError
from grayswan_devserver.tokens import count_tokens

if TYPE_CHECKING:
    from grayswan_devserver.engine import Pieces

__all__ = [
    "BLOCK_MESSAGE",
    "CompletionRequest",
    "Protection",
    "cost",
    "protection_of",
    "refusal",
    "whole_refusals",
]

BLOCK_MESSAGE = "Sorry, I can't help with that."

_RULE_HEADERS = ("cygnal-rule-", "policy-rule-", "rule-", "category-")


class CompletionMessage(BaseModel):
    """A message as OpenAI has it, but for lists of content parts, which this endpoint refuses."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "user", "assistant", "tool", "function", "developer"]
    content: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class CompletionFunction(FunctionDefinition):
    """A function; OpenAI's other fields, such as `strict`, which its clients send, are ignored."""

    model_config = ConfigDict(extra="ignore")


class CompletionTool(BaseModel):
    """A tool; unlike with OpenAI, its description and parameters are required."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["function"] = "function"
    function: CompletionFunction


class CompletionRequest(BaseModel):
    """OpenAI's request for a chat completion. What no engine here can honour is accepted."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1)
    messages: list[CompletionMessage] = Field(min_length=1)
    stream: bool | None = None
    n: int | None = Field(default=None, ge=1, le=128)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = None
    tools: list[CompletionTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedToolChoice | None = None
    policy_id: str | None = None
    moderate_before: bool | None = None
    reasoning_mode: ReasoningMode | None = None

    def chat_request(self) -> ChatRequest:
        """The same for an engine."""
        tools = [Tool(function=tool.function) for tool in self.tools or ()]
        choice = self.tool_choice
        if choice == "required":
            choice = NamedToolChoice.of(tools[0].function.name) if tools else None
        return ChatRequest(
            model=self.model,
            messages=[_engine_message(message) for message in self.messages],
            stream=self.stream,
            n=self.n,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            tools=tools or None,
            tool_choice=choice,
        )


_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "data",
}


def _engine_message(message: CompletionMessage) -> Message:
    role = _ROLES[message.role]
    if role == "tool" and not message.tool_call_id:
        role = "data"
    return Message(
        role=role,
        content=message.content or "",
        tool_calls=message.tool_calls,
        tool_call_id=message.tool_call_id,
    )


@dataclass(frozen=True)
class Protection:
    """What a request's headers ask for; thresholds from 0, the strictest, to 1."""

    rules: dict[str, str]
    pre_violation: float
    pre_jailbreak: float
    post_violation: float

    def blocks_input(self, request: CompletionRequest) -> bool:
        """Whether the conversation is refused before the engine is asked."""
        messages = [
            MonitorMessage(
                role="tool" if message.role == "function" else message.role,
                content=message.content,
                tool_calls=message.tool_calls,
            )
            for message in request.messages
        ]
        found = judge(MonitorRequest(messages=messages, rules=self.rules or None))
        return found.violation >= self.pre_violation or (found.ipi and self.pre_jailbreak < 1)

    def blocks_output(self, text: str) -> bool:
        found = judge(MonitorRequest(text=text, rules=self.rules or None))
        return found.violation >= self.post_violation

    def filtered(self, pieces: Pieces) -> Pieces:
        """The pieces up to where the judge objects, and then the refusal."""
        texts: dict[int, str] = {}
        blocked: set[int] = set()
        for piece in pieces:
            if isinstance(piece, UsagePiece):
                yield piece
            elif piece.index in blocked:
                continue
            elif self._objects(piece, texts):
                blocked.add(piece.index)
                yield TextPiece(piece.index, BLOCK_MESSAGE)
                yield FinishPiece(piece.index, "violation")
            else:
                yield piece

    def _objects(self, piece: Any, texts: dict[int, str]) -> bool:
        if isinstance(piece, FinishPiece):
            return False
        more = piece.text if isinstance(piece, TextPiece) else _call_text(piece)
        texts[piece.index] = texts.get(piece.index, "") + more
        return self.blocks_output(texts[piece.index])


def _call_text(piece: ToolCallPiece) -> str:
    return f" {piece.name} " if piece.name else piece.arguments


def refusal(asked: ChatRequest) -> Pieces:
    """The pieces of a response to a request that is refused."""
    return play(Answer(BLOCK_MESSAGE, finish_reason="violation"), asked)


def whole_refusals(body: dict[str, Any]) -> dict[str, Any]:
    """A whole response in which a blocked choice holds the refusal alone, also as `refusal`."""
    for choice in body["choices"]:
        if choice["finish_reason"] == "violation":
            message = {"role": "assistant", "content": BLOCK_MESSAGE, "refusal": BLOCK_MESSAGE}
            choice["message"] = {**message, "tool_calls": None}
    return body


def protection_of(headers: Mapping[str, str], request: CompletionRequest) -> Protection:
    """What the headers of a request ask for.

    Raises:
        RefusedError: no policy is named, or a threshold is none.
    """
    if not (headers.get("policy-id") or headers.get("agent-id") or request.policy_id):
        raise RefusedError(
            400, "no_policy", "No policy specified", "Send the header 'policy-id' or 'agent-id'."
        )
    return Protection(
        rules=dict(_rules(headers.items())),
        pre_violation=_threshold(headers, "pre-violation", 0.5),
        pre_jailbreak=_threshold(headers, "pre-jailbreak", 0.3),
        post_violation=_threshold(headers, "post-violation", 0.5),
    )


def cost(request: CompletionRequest) -> int:
    """Tokens of a request, for the quota."""
    return sum(count_tokens(message.content or "") for message in request.messages)


def _rules(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for header, value in headers:
        prefix = next((each for each in _RULE_HEADERS if header.startswith(each)), None)
        if prefix:
            yield header.removeprefix(prefix), value


def _threshold(headers: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(headers.get(name, default))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        said = f"{headers[name]!r} is no number from 0 to 1."
        raise RefusedError(400, "invalid_threshold", f"The header {name!r} cannot be used.", said)
    return value
