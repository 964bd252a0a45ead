"""The Cygnet wire: what is sent, what comes back. The only module that spells JSON keys.

Source of the facts: the Gray Swan API's published OpenAPI description and the types of its
official library, `grayswan-api` 0.1.0a49.

Two families of types, with opposite manners:

* What we **send** is strict. A field that the service does not know is refused here, before it
  goes out, because the service would ignore or refuse it there.
* What we **receive** is lenient. Unknown fields are kept, so nothing the service says is lost,
  and `null` means absent wherever the service may write it.

JSON may name a choice's `finish_reason` something newer than this module: it is a plain string.
Known values are `stop`, `length`, `tool_calls`, `content_filter` and `violation`; the last two
are refusals (`REFUSALS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    with_config,
)
from pydantic_core import PydanticSerializationError, from_json
from typing_extensions import TypedDict

from grayswan_core.errors import InvalidRequestError

__all__ = [
    "DEFAULT_BASE_URL",
    "DEFAULT_CHAT_PATH",
    "DEFAULT_MODEL",
    "KNOWN_MODELS",
    "MODERATION_PATH",
    "REFUSALS",
    "ChatRequest",
    "ChatResponse",
    "Choice",
    "Chunk",
    "ChunkChoice",
    "Delta",
    "FunctionCall",
    "FunctionCallDelta",
    "FunctionDefinition",
    "FunctionName",
    "Message",
    "ModerationRequest",
    "ModerationResponse",
    "NamedToolChoice",
    "ResponseFunctionCall",
    "ResponseMessage",
    "ResponseToolCall",
    "Role",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "Usage",
    "UsageDelta",
    "parse",
    "parse_chunk",
]

DEFAULT_BASE_URL = "https://api.grayswan.ai"
DEFAULT_CHAT_PATH = "/chat/completion"
MODERATION_PATH = "/moderation"

DEFAULT_MODEL = "cygnet"
KNOWN_MODELS = ("cygnet", "cygnet-llama-3", "cygnet-v0.2")

REFUSALS = frozenset({"content_filter", "violation"})

Role: TypeAlias = Literal["system", "user", "assistant", "data", "tool"]


# --- what we send ---------------------------------------------------------------------------


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    def _json(self) -> bytes:
        try:
            return self.model_dump_json(exclude_none=True).encode()
        except PydanticSerializationError as error:
            raise InvalidRequestError(f"The request cannot be written as JSON: {error}") from None


class FunctionCall(_Sent):
    """The function a tool call names; `arguments` is JSON text, kept exactly as it came."""

    name: str
    arguments: str


class ToolCall(_Sent):
    """A call the assistant made earlier in the conversation, as its message carries it."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


# The service lets an assistant message that only calls tools have no text, written as null.
_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class Message(_Sent):
    """One message of a conversation. `content` is text only; `null` is read as no text."""

    role: Role
    content: _Text
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class FunctionDefinition(_Sent):
    """A function the model may call; `parameters` is a JSON Schema of type `object`."""

    name: str
    description: str
    parameters: dict[str, Any]


class Tool(_Sent):
    """A tool on offer. The service has one kind, the function."""

    type: Literal["function"] = "function"
    function: FunctionDefinition


class FunctionName(_Sent):
    name: str


class NamedToolChoice(_Sent):
    """Makes the model call the one tool named."""

    type: Literal["function"] = "function"
    function: FunctionName

    @classmethod
    def of(cls, name: str) -> NamedToolChoice:
        return cls(function=FunctionName(name=name))


ToolChoice: TypeAlias = Literal["none", "auto"] | NamedToolChoice


class ChatRequest(_Sent):
    """The body of `POST /chat/completion`.

    Fields left at `None` are not sent, so the service's own defaults hold: `temperature` 1,
    `top_p` 1, `frequency_penalty` 0, `n` 1. `max_tokens` counts tokens of the answer.
    """

    messages: list[Message] = Field(min_length=1)
    model: str = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, ge=0, le=1)
    frequency_penalty: float | None = None
    n: int | None = Field(default=None, ge=1)
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    moderate_before: bool | None = None

    def to_body(self, *, stream: bool = False) -> bytes:
        """The request as JSON bytes, asking for a stream or not.

        Raises:
            InvalidRequestError: a text is no Unicode, or a tool's schema holds no JSON.
        """
        request = self.model_copy(update={"stream": True if stream else None})
        return request._json()  # noqa: SLF001 - of the same class


class ModerationRequest(_Sent):
    """The body of `POST /moderation`."""

    input: str
    moderation_prompt: str | None = None
    rewrite: bool | None = None

    def to_body(self) -> bytes:
        """The request as JSON bytes; errors as in `ChatRequest.to_body`."""
        return self._json()


# --- what we receive ------------------------------------------------------------------------


class _Received(BaseModel):
    model_config = ConfigDict(extra="allow")


class Usage(_Received):
    """Token counts of one request."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ResponseFunctionCall(_Received):
    """The function the model wants called; `arguments` is JSON text the model wrote."""

    name: str
    arguments: str = ""


class ResponseToolCall(_Received):
    """A call the model wants made."""

    id: str = ""
    type: str = "function"
    function: ResponseFunctionCall


class ResponseMessage(_Received):
    """The assistant's answer. `refusal` comes from the service's newer endpoints."""

    role: str = "assistant"
    content: str | None = None
    tool_calls: list[ResponseToolCall] | None = None
    refusal: str | None = None


class Choice(_Received):
    """One of the `n` answers of a response."""

    index: int = 0
    finish_reason: str | None = None
    message: ResponseMessage
    logprobs: Any = None


class ChatResponse(_Received):
    """The answer to `POST /chat/completion`. `created` is in Unix seconds."""

    id: str = ""
    object: str = "chat.completion"
    created: int = 0
    model: str = ""
    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None
    system_fingerprint: str | None = None


class ModerationResponse(_Received):
    """The answer to `POST /moderation`. `detected` and `passed` are scores from 0 to 1."""

    id: str = ""
    created: int = 0
    model: str = ""
    flagged: bool
    detected: float
    passed: float
    categories: list[Any] | None = None
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
    """One event of a stream. `choices` may be empty or absent, as where only `usage` is told."""

    id: str
    object: str
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: UsageDelta | None
    system_fingerprint: str | None


# --- reading it ---------------------------------------------------------------------------

_T = TypeVar("_T", bound=_Received)
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
        # The common answer is read in one pass. Only one that did not fit is looked at again
        # with its nulls taken as absent, which every field that has a default then accepts.
        return kind.model_validate(_without_nulls(from_json(body)))


def parse_chunk(data: bytes) -> Chunk:
    """Read a chunk from JSON bytes; errors as in `parse`."""
    try:
        chunk: Chunk = _chunks.validate_json(data)
    except ValidationError:
        chunk = _chunks.validate_python(_without_nulls(from_json(data)))
    return chunk


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
