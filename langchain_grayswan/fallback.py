"""Another vendor's model beside Cygnet, with untrusted text kept out of its trusted roles."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from grayswan_core import ConfigurationError
from grayswan_core.request.roles import assign_roles
from grayswan_core.untrusted.marks import has_marks, may_have_marks
from grayswan_core.untrusted.tool_results import refuse_marks, translate
from grayswan_core.wire import Message
from langchain_grayswan.errors import langchain_errors
from langchain_grayswan.messages import DataMessage, turns_from_messages

__all__ = ["untrusted_fallback"]

_T = TypeVar("_T", bound=BaseChatModel)


def untrusted_fallback(model: _T) -> _T:
    """Another vendor's chat model that takes marks off its requests, to fall back on.

    ```python
    model = ChatGraySwan().with_fallbacks([untrusted_fallback(ChatOpenAI(model="gpt-4o-mini"))])
    ```

    Such a model has no role for untrusted text. It is sent as the result of a call of a tool, which
    such models rank below instructions; how well they do is theirs. The model keeps its class.

    Args:
        model: A `ChatOpenAI`, or another model that `langchain-openai` brings or is the base of. It
            is left as it is.

    Raises:
        ConfigurationError: it is a model of another kind.
    """
    kind: type[BaseChatModel] = type(model)
    if not any(each.__module__.startswith("langchain_openai.") for each in kind.__mro__):
        raise ConfigurationError(
            f"untrusted_fallback() knows how models of OpenAI's shape take untrusted text, and not"
            f" how a {kind.__module__}.{kind.__qualname__} does. Use ChatOpenAI, or a model that is"
            " made of it."
        )
    if issubclass(kind, _Translates):
        return model
    copy = model.model_copy()
    copy.__class__ = cast("type[_T]", _translating_class(kind))
    # LangChain caches how a model is written down, with the name of its class, at its first call.
    copy.__dict__.pop("_serialized", None)
    return copy


class _Translates(BaseChatModel):
    """What `untrusted_fallback` puts before a model's own class."""

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        messages, kwargs = _translated(messages, kwargs)
        return super()._generate(messages, *args, **kwargs)  # type: ignore[safe-super]

    async def _agenerate(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        messages, kwargs = _translated(messages, kwargs)
        return await super()._agenerate(messages, *args, **kwargs)

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        messages, kwargs = _translated(messages, kwargs)
        yield from super()._stream(messages, *args, **kwargs)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        messages, kwargs = _translated(messages, kwargs)
        async for chunk in super()._astream(messages, *args, **kwargs):
            yield chunk

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made while the program runs, so a pickle cannot name it.
        bare = self.model_copy()
        bare.__class__ = type(self).__mro__[2]
        return untrusted_fallback, (bare,)


@cache
def _translating_class(kind: type[BaseChatModel]) -> type[BaseChatModel]:
    return type(f"Untrusted{kind.__name__}", (_Translates, kind), {"__module__": __name__})


def _translated(
    messages: list[BaseMessage], arguments: dict[str, Any]
) -> tuple[list[BaseMessage], dict[str, Any]]:
    """What another vendor's model is sent; the same where nothing in it is untrusted."""
    tools = arguments.get("tools") or ()
    described = json.dumps(tools, default=str, ensure_ascii=False)
    said = json.dumps([m.model_dump(exclude={"artifact"}) for m in messages], default=str)
    is_data = any(isinstance(message, DataMessage) for message in messages)
    with langchain_errors():
        refuse_marks({name: each for name, each in arguments.items() if name != "tools"})
        if not is_data and not may_have_marks(said) and not may_have_marks(described):
            return messages, arguments
        return _separated(messages, arguments, tools)


def _separated(
    messages: list[BaseMessage], arguments: dict[str, Any], tools: Sequence[Any]
) -> tuple[list[BaseMessage], dict[str, Any]]:
    sent = assign_roles(turns_from_messages(messages))
    left = iter(sent)
    kept: dict[int, BaseMessage] = {}
    for message in messages:
        own = list(islice(left, len(turns_from_messages([message]))))
        if len(own) == 1:
            kept[id(own[0])] = _without_marked_fields(message)
    translated, renewed = translate(sent, tools)
    if tools:
        arguments = {**arguments, "tools": renewed}
    return [kept.get(id(each)) or _message(each) for each in translated], arguments


def _without_marked_fields(message: BaseMessage) -> BaseMessage:
    """The message without a provider's own fields, or a name, that hold untrusted text."""
    fields: dict[str, Any] = {"additional_kwargs": {}, "name": None}
    marked = [n for n in fields if has_marks(json.dumps(getattr(message, n), default=str))]
    return message.model_copy(update={name: fields[name] for name in marked}) if marked else message


def _message(message: Message) -> BaseMessage:
    if message.role == "system":
        return SystemMessage(message.content)
    if message.role == "user":
        return HumanMessage(message.content)
    if message.role == "tool":
        return ToolMessage(message.content, tool_call_id=message.tool_call_id or "")
    calls, invalid = [], []
    for call in message.tool_calls or ():
        name, arguments = call.function.name, call.function.arguments
        try:
            calls.append(LangChainToolCall(name=name, args=json.loads(arguments), id=call.id))
        except ValueError:
            invalid.append(
                InvalidToolCall(
                    name=name, args=arguments, id=call.id, error=None, type="invalid_tool_call"
                )
            )
    return AIMessage(message.content, tool_calls=calls, invalid_tool_calls=invalid)
