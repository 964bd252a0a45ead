"""LangChain messages to turns. Field mapping only.

Which Cygnet role a turn gets is not decided here but in `grayswan_core.request.roles`. A message's
`name`, `id` and `artifact` have no place on the wire and stay on this side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.utils import MessageLikeRepresentation

from grayswan_core import ToolCall, Turn, UnsupportedContentError
from grayswan_core.decoding.tool_calls import past_call
from grayswan_core.request.roles import role_of
from grayswan_core.untrusted.marks import mark_untrusted, without_marks
from grayswan_core.wire import Role
from langchain_grayswan.blocks import CALLS, Block, joined_text

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from pydantic._internal._model_construction import ModelMetaclass as _MessageType
else:
    _MessageType = type(ChatMessage)

__all__ = ["DataMessage", "speaker_of", "turns_from_messages", "with_data_messages"]


class _DataRole(_MessageType):
    """Makes `DataMessage(...)` a plain `ChatMessage`, and knows one by its role."""

    def __call__(cls, content: Any = "", **fields: Any) -> ChatMessage:  # noqa: N805 - a class's class
        content = fields.pop("content_blocks", content)
        return ChatMessage(content=_marked(content), **{**fields, "role": "data"})

    def __instancecheck__(cls, instance: object) -> bool:  # noqa: N805
        return isinstance(instance, ChatMessage) and instance.role == "data"


class DataMessage(ChatMessage, metaclass=_DataRole):
    """Untrusted content: a web page, a document, a tool's output.

    The model reads it and typically follows no instructions found in it. Put it after the
    question it is about:

    ```python
    [HumanMessage("What does the page say?"), DataMessage(page)]
    ```

    Its text is marked as untrusted, so that it stays data where a summary, a condensed question or
    another template retells the history; `strip_marks(message)` is what people are shown.

    What is made is a `ChatMessage` whose role is `data`, and each such message is an instance
    of this class. LangChain knows `ChatMessage` everywhere: in `loads`, in LangGraph's
    checkpoints (which warn of other classes, or refuse them), in `AnyMessage`.
    """

    role: Literal["data"] = "data"

    if TYPE_CHECKING:

        def __init__(
            self, content: str | Document | Sequence[str | dict[str, Any] | Document], **fields: Any
        ) -> None: ...


def _marked(content: Any) -> Any:
    """The content of a data message, marked: a text, a document, or a list of blocks of these."""
    if isinstance(content, str):
        return mark_untrusted(content, ticks=False)
    if isinstance(content, (list, tuple)) and content:
        return [_marked(each) for each in content]
    if isinstance(content, dict):  # a block; one of no text is refused when it is sent
        return {name: _marked(v) if name == "text" else v for name, v in content.items()}
    text = getattr(content, "page_content", None)
    if isinstance(text, str) and text.strip():
        return mark_untrusted(text, ticks=False)
    raise UnsupportedContentError(
        "A data message takes a text, a Document that has some, or a list of these that is not"
        f" empty, not {content!r:.60}. Of another object, pass its text."
    )


def with_data_messages(model_input: LanguageModelInput) -> LanguageModelInput:
    """A model's input, with `("data", text)` and `{"role": "data", ...}` made data messages.

    LangChain makes messages of such pairs and dicts, but of the roles that it knows alone.
    """
    if isinstance(model_input, (list, tuple)):
        return [_data_message(each) for each in model_input]
    return model_input


_OF_DICTS = frozenset({"role", "type", "content"})


def _data_message(given: MessageLikeRepresentation) -> MessageLikeRepresentation:
    match given:
        case ("data", content):
            return DataMessage(content)
        case {"role": "data", "content": content} | {"type": "data", "content": content}:
            fields = dict(cast("dict[str, Any]", given))
            return DataMessage(content, **{n: v for n, v in fields.items() if n not in _OF_DICTS})
        case _:
            return given


def speaker_of(message: BaseMessage) -> str:
    """Who speaks in a message of any class, or in the chunk of one."""
    if isinstance(message, ChatMessage):
        return message.role
    return message.type.removesuffix("MessageChunk").lower()


def turns_from_messages(messages: Sequence[BaseMessage]) -> list[Turn]:
    """The messages in the core's terms.

    Raises:
        UnsupportedContentError: a message, or a block in one, cannot be sent to Cygnet.
        InvalidRequestError: the arguments of a past call cannot be sent as JSON.
    """
    answered = {call_id for message in messages for call_id in _results_in(message)}
    return [turn for message in messages for turn in _turns(message, answered)]


def _turns(message: BaseMessage, answered: Collection[str]) -> Iterator[Turn]:
    match message:
        case SystemMessage():
            yield Turn("system", _text(message, "system"))
        case HumanMessage():
            yield from _human_turns(message)
        case AIMessage():
            calls = _tool_calls(message, answered)
            yield Turn("assistant", _text(message, "assistant"), tool_calls=calls)
        case ToolMessage():
            result = _result(_text(message, "tool"), failed=message.status == "error")
            yield Turn("tool", result, tool_call_id=message.tool_call_id)
        case ChatMessage():
            yield Turn(message.role, _text(message, role_of(message.role)))
        case _:
            raise UnsupportedContentError(
                f"A {type(message).__name__} cannot be sent to Cygnet. Use SystemMessage,"
                " HumanMessage, AIMessage, ToolMessage or DataMessage."
            )


def _text(message: BaseMessage, role: Role) -> str:
    return joined_text(message.content, role, type(message).__name__)


def _human_turns(message: HumanMessage) -> Iterator[Turn]:
    """The user's text, after the tool results that Anthropic's form puts into the message."""
    results = list(_tool_results(message))
    for block in results:
        text = joined_text(block.get("content") or "", "tool", "tool result")
        failed = bool(block.get("is_error"))
        yield Turn("tool", _result(text, failed=failed), tool_call_id=block.get("tool_use_id"))
    if not results or len(results) < len(message.content):
        blocks = [block for block in message.content if block not in results]
        content = message.content if isinstance(message.content, str) else blocks
        yield Turn("user", joined_text(content, "user", type(message).__name__))


def _tool_results(message: BaseMessage) -> Iterator[dict[str, Any]]:
    for block in message.content if isinstance(message.content, list) else ():
        if isinstance(block, dict) and block.get("type") == "tool_result":
            yield block


def _results_in(message: BaseMessage) -> Iterator[str]:
    """The ids of the calls whose results a message holds."""
    if isinstance(message, ToolMessage):
        yield message.tool_call_id
    elif isinstance(message, HumanMessage):
        yield from (str(block.get("tool_use_id")) for block in _tool_results(message))


def _result(text: str, *, failed: bool) -> str:
    """A tool's result. The wire has no field for a failure, so the text has to say it."""
    if failed and not without_marks(text).lower().startswith("error"):
        return f"Error: {text}"
    return text


def _tool_calls(message: AIMessage, answered: Collection[str]) -> tuple[ToolCall, ...]:
    """The calls; arguments that could not be read go back as they came.

    They may be in the content alone, as in Anthropic's form of a history. But a call that a
    program has taken out of `tool_calls`, together with its result, is still in the content of
    some providers' messages, and is not sent again.
    """
    listed = [
        past_call(call["id"], call["name"], call["args"])
        for call in (*message.tool_calls, *message.invalid_tool_calls)
    ]
    known = {call.id for call in listed}
    has_list = bool(listed) or "tool_calls" in message.model_fields_set
    blocks = message.content if isinstance(message.content, list) else ()
    unlisted = [call for block in blocks if (call := _call_in(block)) and call.id not in known]
    return (*listed, *(call for call in unlisted if call.id in answered or not has_list))


def _call_in(block: Block) -> ToolCall | None:
    """The call that a block of content holds, in LangChain's, Anthropic's or OpenAI's form."""
    if isinstance(block, str) or block.get("type") not in CALLS:
        return None
    arguments = block.get("args", block.get("input", block.get("arguments")))
    return past_call(block.get("call_id") or block.get("id"), block.get("name"), arguments)
