"""What is sent to the Cygnet API.

These types are strict: a field that the API does not know is refused here, before it goes out,
because the API would ignore or reject it.

Source: the Gray Swan API's published OpenAPI description and the types of its official library,
`grayswan-api` 0.1.0a49.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = [
    "DEFAULT_BASE_URL",
    "DEFAULT_CHAT_PATH",
    "DEFAULT_MODEL",
    "KNOWN_MODELS",
    "MODERATION_PATH",
    "TOOL_CALL_CORRECTION",
    "ChatRequest",
    "FunctionCall",
    "FunctionDefinition",
    "FunctionName",
    "Message",
    "ModerationRequest",
    "NamedToolChoice",
    "Role",
    "Tool",
    "ToolCall",
    "ToolChoice",
]

DEFAULT_BASE_URL = "https://api.grayswan.ai"
DEFAULT_CHAT_PATH = "/chat/completion"
MODERATION_PATH = "/moderation"

DEFAULT_MODEL = "cygnet"
KNOWN_MODELS = ("cygnet", "cygnet-llama-3", "cygnet-v0.2")

TOOL_CALL_CORRECTION = "Answer with a call of one of these tools, not in text: {names}."
"""The system message that follows a response without a tool call where one was required.

The API has no `tool_choice="required"`, so this is said in words, and a server that is to obey
it has to know them.
"""

Role: TypeAlias = Literal["system", "user", "assistant", "data", "tool"]


class SentBody(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    def to_json(self) -> bytes:
        try:
            return to_json(self, exclude_none=True)
        except PydanticSerializationError as error:
            raise ValueError(f"The request cannot be written as JSON: {error}") from None


class FunctionCall(SentBody):
    """The function a tool call names; `arguments` is JSON text, kept exactly as it came."""

    name: str
    arguments: str


class ToolCall(SentBody):
    """A call the assistant made earlier in the conversation, as its message carries it."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


# The API lets an assistant message that only calls tools have no text, written as null.
_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class Message(SentBody):
    """One message of a conversation. `content` is text only; `null` is read as no text."""

    role: Role
    content: _Text
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


def _plain_json(value: Any) -> Any:
    """The value as JSON has it: only dicts with text keys, lists, texts, finite numbers and so on.

    So whoever looks for texts in it finds all of them, at a depth that recursion can reach.

    Raises:
        ValueError: it cannot be written as JSON, refers to itself or is nested too deeply.
    """
    try:
        return from_json(to_json(value, inf_nan_mode="constants"), allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON that can be sent: {_reason(str(error))}") from None


def _reason(said: str) -> str:
    """Why a value cannot be sent; pydantic's words for the common reasons lead nowhere."""
    if "depth exceeded" in said or "recursion" in said:
        return "nested more than 200 levels deep"
    if "Circular" in said:
        return "it refers to itself; a schema does so by a `$ref` to its `$defs`"
    if said.startswith(("expected value", "invalid number")):  # where pydantic wrote a constant
        return "NaN and Infinity are no JSON numbers"
    return said.removeprefix("Error serializing to JSON: ")


class FunctionDefinition(SentBody):
    """A function the model may call; `parameters` is a JSON Schema of type `object`."""

    name: str
    description: str
    parameters: Annotated[dict[str, Any], BeforeValidator(_plain_json)]


class Tool(SentBody):
    """A tool on offer. The API has one kind, the function."""

    type: Literal["function"] = "function"
    function: FunctionDefinition


class FunctionName(SentBody):
    name: str


class NamedToolChoice(SentBody):
    """Makes the model call the one tool named."""

    type: Literal["function"] = "function"
    function: FunctionName

    @classmethod
    def of(cls, name: str) -> NamedToolChoice:
        return cls(function=FunctionName(name=name))


ToolChoice: TypeAlias = Literal["none", "auto"] | NamedToolChoice


class ChatRequest(SentBody):
    """The body of `POST /chat/completion`.

    Fields left at `None` are not sent, so the API's own defaults hold: `temperature` 1,
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
            ValueError: a text is not valid Unicode, or a tool's schema is not valid JSON.
        """
        wanted = True if stream else None
        request = self if self.stream is wanted else self.model_copy(update={"stream": wanted})
        return request.to_json()


class ModerationRequest(SentBody):
    """The body of `POST /moderation`."""

    input: str
    moderation_prompt: str | None = None
    rewrite: bool | None = None

    def to_body(self) -> bytes:
        """The request as JSON bytes; errors as in `ChatRequest.to_body`."""
        return self.to_json()
