"""LangChain messages to turns. Field mapping only.

Which Cygnet role a turn gets is not decided here but in `grayswan_core.request.roles`. A message's
`name`, `id` and `artifact` have no place on the wire and stay on this side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from grayswan_core import ToolCall, Turn, UnsupportedContentError
from grayswan_core.decoding.tool_calls import past_call

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _MessageType
else:
    _MessageType = type(ChatMessage)

__all__ = ["DataMessage", "turns_from_messages"]


class _DataRole(_MessageType):
    """Makes `DataMessage(...)` a plain `ChatMessage`, and knows one by its role."""

    def __call__(cls, *content: Any, **fields: Any) -> ChatMessage:  # noqa: N805 - a class's class
        return ChatMessage(*content, **{**fields, "role": "data"})

    def __instancecheck__(cls, instance: object) -> bool:  # noqa: N805
        return isinstance(instance, ChatMessage) and instance.role == "data"


class DataMessage(ChatMessage, metaclass=_DataRole):
    """Untrusted content: a web page, a document, a tool's output.

    The model reads it and typically follows no instructions found in it. Put it after the
    question it is about:

    ```python
    [HumanMessage("What does the page say?"), DataMessage(page)]
    ```

    What is made is a `ChatMessage` whose role is `data`, and each such message is an instance
    of this class. LangChain knows `ChatMessage` everywhere: in `loads`, in LangGraph's
    checkpoints (which warn of other classes, or refuse them), in `AnyMessage`.
    """

    role: Literal["data"] = "data"

    if TYPE_CHECKING:

        def __init__(self, content: str | list[str | dict[str, Any]], **fields: Any) -> None: ...


def turns_from_messages(messages: Sequence[BaseMessage]) -> list[Turn]:
    """What the messages say, in the core's terms.

    Raises:
        UnsupportedContentError: a message, or a block in one, cannot be sent to Cygnet.
    """
    return [turn for message in messages for turn in _turns(message)]


def _turns(message: BaseMessage) -> Iterator[Turn]:
    match message:
        case SystemMessage():
            yield Turn("system", _text(message))
        case HumanMessage():
            yield from _human_turns(message)
        case AIMessage():
            yield Turn("assistant", _text(message), tool_calls=_tool_calls(message))
        case ToolMessage():
            said = _told(_text(message), failed=message.status == "error")
            yield Turn("tool", said, tool_call_id=message.tool_call_id)
        case ChatMessage():
            yield Turn(message.role, _text(message))
        case _:
            raise UnsupportedContentError(
                f"A {type(message).__name__} cannot be sent to Cygnet. Use SystemMessage,"
                " HumanMessage, AIMessage, ToolMessage or DataMessage."
            )


def _human_turns(message: HumanMessage) -> Iterator[Turn]:
    """The user's words, after the tool results that Anthropic's form puts among them."""
    if isinstance(message.content, str):
        yield Turn("user", message.content)
        return
    words: list[str | dict[str, Any]] = []
    for block in message.content:
        if isinstance(block, str) or block.get("type") != "tool_result":
            words.append(block)
            continue
        said = _joined(block.get("content") or "", message)
        failed = bool(block.get("is_error"))
        yield Turn("tool", _told(said, failed=failed), tool_call_id=block.get("tool_use_id"))
    if words or not message.content:
        yield Turn("user", _joined(words, message))


def _told(result: str, *, failed: bool) -> str:
    """A tool's result. The wire has no field for a failure, so the text has to say it."""
    if failed and not result.lower().startswith("error"):
        return f"Error: {result}"
    return result


def _text(message: BaseMessage) -> str:
    return _joined(message.content, message)


def _joined(content: str | Sequence[str | dict[str, Any]], message: BaseMessage) -> str:
    if isinstance(content, str):
        return content
    return "".join(_block_text(block, message) for block in content)


# Blocks in which the providers write the calls of an assistant's message into its content.
_CALLS = frozenset({"tool_use", "tool_call", "function_call"})

# Blocks of an assistant's message that are no part of what it said: calls, which are read on
# their own, pieces and failures of calls, and what the model thought.
_BESIDE_TEXT = _CALLS | {
    "invalid_tool_call",
    "tool_call_chunk",
    "input_json_delta",
    "thinking",
    "redacted_thinking",
    "reasoning",
}


def _block_text(block: str | dict[str, Any], message: BaseMessage) -> str:
    if isinstance(block, str):
        return block
    kind = block.get("type")
    if kind == "text":
        return str(block["text"])
    if isinstance(message, AIMessage):
        if kind in _BESIDE_TEXT:
            return ""
        if kind == "refusal":
            return str(block.get("refusal", ""))
    raise UnsupportedContentError(
        f"Cygnet reads text only: a block of type {kind!r} in a {type(message).__name__} cannot"
        " be sent. Put its text in a block of type 'text', or leave it out."
    )


def _tool_calls(message: AIMessage) -> tuple[ToolCall, ...]:
    """The calls, bad arguments as they came; those that only the content tells of come last."""
    calls = [
        past_call(call["id"], call["name"], call["args"])
        for call in (*message.tool_calls, *message.invalid_tool_calls)
    ]
    known = {call.id for call in calls}
    told = map(_call_in, message.content if isinstance(message.content, list) else ())
    return (*calls, *(call for call in told if call is not None and call.id not in known))


def _call_in(block: str | dict[str, Any]) -> ToolCall | None:
    """The call a block of content tells of, in LangChain's, Anthropic's or OpenAI's form."""
    if isinstance(block, str) or block.get("type") not in _CALLS:
        return None
    arguments = block.get("args", block.get("input", block.get("arguments")))
    return past_call(block.get("call_id") or block.get("id"), block.get("name"), arguments)
