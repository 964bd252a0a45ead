"""What comes back from the Cygnet API, whole and in a stream.

These types are lenient: unknown fields are kept, so that nothing the API says is lost, and `null`
means absent wherever the API may write it.

`finish_reason` is a plain string, since the API may name one that is newer than this module.
Known values are `stop`, `length`, `tool_calls`, `content_filter` and `violation`; the last two
are refusals (`REFUSALS`).

Source: as in `requests`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
    with_config,
)
from pydantic_core import from_json, to_json
from typing_extensions import Self, TypedDict

__all__ = [
    "REFUSALS",
    "ChatResponse",
    "Choice",
    "Chunk",
    "ChunkChoice",
    "Delta",
    "FunctionCallDelta",
    "ModerationResponse",
    "ResponseFunctionCall",
    "ResponseMessage",
    "ResponseToolCall",
    "ToolCallDelta",
    "Usage",
    "UsageDelta",
    "parse",
    "parse_chunk",
]

REFUSALS = frozenset({"content_filter", "violation"})


class ReceivedBody(BaseModel):
    model_config = ConfigDict(extra="allow")


def _text(value: Any) -> Any:
    return value if value is None else str(value)


class Usage(ReceivedBody):
    """Token counts of one request. A total that the API leaves out is the sum."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.total_tokens:
            self.total_tokens = self.prompt_tokens + self.completion_tokens
        return self

    def __add__(self, other: Usage) -> Usage:
        """The sum of the counts, the details that come with them included."""
        return Usage.model_validate(_sum(self.model_dump(), other.model_dump()))


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two nested dicts of counts as one; what is no count is the first's."""
    total = {**other, **one}
    for name, value in total.items():
        mine, theirs = one.get(name), other.get(name)
        if isinstance(value, dict):
            mine, theirs = (each if isinstance(each, dict) else {} for each in (mine, theirs))
            total[name] = _sum(mine, theirs)
        elif isinstance(value, int):
            total[name] = sum(each for each in (mine, theirs) if isinstance(each, int))
    return total


class ResponseFunctionCall(ReceivedBody):
    """The function the model wants called; `arguments` is JSON text the model wrote."""

    name: str
    arguments: str = ""


class ResponseToolCall(ReceivedBody):
    """A call the model wants made."""

    id: str = ""
    type: str = "function"
    function: ResponseFunctionCall


class ResponseMessage(ReceivedBody):
    """The assistant's message. `refusal` comes from the API's newer endpoints.

    The legacy `function_call` of a gateway is read as a tool call.
    """

    role: str = "assistant"
    content: str | None = None
    tool_calls: list[ResponseToolCall] | None = None
    refusal: str | None = None

    @model_validator(mode="after")
    def _read_legacy_call(self) -> Self:
        legacy = (self.model_extra or {}).get("function_call")
        if isinstance(legacy, Mapping) and not self.tool_calls:
            function = ResponseFunctionCall.model_validate(legacy)
            self.tool_calls = [ResponseToolCall(function=function)]
        return self


class Choice(ReceivedBody):
    """One of the `n` answers of a response."""

    index: int = 0
    finish_reason: str | None = None
    message: ResponseMessage
    logprobs: Any = None


class ChatResponse(ReceivedBody):
    """The response to `POST /chat/completion`.

    `created` is in Unix seconds; `request_id` is the header `x-request-id`, no part of the body.
    """

    id: str = ""
    object: str = "chat.completion"
    created: int = 0
    model: str = ""
    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None
    system_fingerprint: str | None = None
    request_id: Annotated[str | None, BeforeValidator(_text)] = Field(default=None, exclude=True)


class ModerationResponse(ReceivedBody):
    """The answer to `POST /moderation`. `detected` and `passed` are scores from 0 to 1."""

    id: str = ""
    created: int = 0
    model: str = ""
    flagged: bool
    detected: float
    passed: float
    categories: list[Any] | dict[str, Any] | None = None
    rewrite: str | None = None
    system_fingerprint: str | None = None
    usage: Usage | None = None


# --- what we receive in a stream ------------------------------------------------------------

# A stream has a thousand chunks where a call has one answer. Building a model for each cost
# more than reading it, so these are the plain dicts of the JSON: checked, typed, no objects.
_lenient = with_config(ConfigDict(extra="allow"))


@_lenient
class FunctionCallDelta(TypedDict, total=False):
    """A piece of a function call; the pieces of `arguments` are to be joined."""

    name: str | None
    arguments: str | None


@_lenient
class ToolCallDelta(TypedDict, total=False):
    """A piece of a tool call. The pieces with one `index`, 0 if absent, belong to one call."""

    index: int
    id: str | None
    type: str | None
    function: FunctionCallDelta | None


@_lenient
class Delta(TypedDict, total=False):
    """What one chunk adds to one choice."""

    role: str | None
    content: str | None
    tool_calls: list[ToolCallDelta] | None
    refusal: str | None


@_lenient
class ChunkChoice(TypedDict, total=False):
    """One choice's part of a chunk; `index` is 0 if absent."""

    index: int
    delta: Delta
    finish_reason: str | None


@_lenient
class UsageDelta(TypedDict, total=False):
    """Token counts of the whole request so far, as `Usage` has them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@_lenient
class Chunk(TypedDict, total=False):
    """One event of a stream. `choices` may be empty or absent, as where only `usage` is sent.

    `request_id` is the header `x-request-id`; the first chunk has it.
    """

    id: str
    object: str
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: UsageDelta | None
    system_fingerprint: str | None
    request_id: Any


# --- reading it ---------------------------------------------------------------------------

_T = TypeVar("_T", bound=ReceivedBody)
_chunks = TypeAdapter(Chunk).validator


def parse(kind: type[_T], body: bytes) -> _T:
    """Read a received type from JSON bytes.

    Raises:
        ValueError: the bytes are not JSON, not UTF-8, or not of this type (then it is
            pydantic's `ValidationError`, a subclass).
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        # The common response is read in one pass. Only one that did not fit is looked at again.
        return kind.model_validate(_tolerated(body))


def parse_chunk(data: bytes) -> Chunk:
    """Read a chunk from JSON bytes; errors as in `parse`."""
    try:
        chunk: Chunk = _chunks.validate_json(data)
    except ValidationError:
        chunk = _chunks.validate_python(_tolerated(data))
    if b"function_call" in data:
        _read_legacy_calls(chunk)
    return chunk


def _read_legacy_calls(chunk: Chunk) -> None:
    """Make tool calls of the legacy `function_call` of a gateway."""
    for choice in chunk.get("choices", ()):
        delta: dict[str, Any] = choice.get("delta") or {}  # type: ignore[assignment]
        if isinstance(legacy := delta.get("function_call"), Mapping):
            delta.setdefault("tool_calls", [{"index": 0, "function": legacy}])


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# An escape in JSON; the group is half of a surrogate pair without its other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)

# Fields without which a response is as good. The API, or a gateway that imitates it, may write
# them in another type: an `id` as a number, a fraction in `created` or a token count.
_TEXTS = frozenset({"id", "object", "model", "system_fingerprint", "role", "type"})
_NUMBERS = frozenset({"created", "prompt_tokens", "completion_tokens", "total_tokens"})


def _tolerated(body: bytes) -> Any:
    r"""The JSON value with nulls taken as absent, and without what is odd and says nothing.

    Half of a surrogate pair, which is no text, stays the escape that it is written as: `\ud83d`.

    Raises:
        ValueError: it is not JSON.
    """
    text = _ESCAPE.sub(_kept_escape, body.removeprefix(_BYTE_ORDER_MARK))
    return _repaired(from_json(text))


def _kept_escape(found: re.Match[bytes]) -> bytes:
    return b"\\" + found[0] if found[1] else found[0]


def _repaired(value: Any) -> Any:
    if isinstance(value, Mapping):
        fields = ((key, _field(key, item)) for key, item in value.items())
        return {key: item for key, item in fields if item is not None}
    if isinstance(value, list):
        return [_repaired(item) for item in value if item is not None]
    return value


def _field(name: str, value: Any) -> Any:
    """A field's value as its type has it; None where there is nothing to read in it."""
    if name in _NUMBERS:
        return _whole_number(value)
    if name in _TEXTS:
        return str(value) if isinstance(value, str | int | float) else None
    if name == "arguments" and isinstance(value, Mapping):  # written out, instead of as JSON text
        return to_json(value).decode()
    if name == "usage" and not isinstance(value, Mapping):
        return None
    return _repaired(value)


def _whole_number(value: Any) -> int | None:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
