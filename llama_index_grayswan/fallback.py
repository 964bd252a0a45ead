"""Another vendor's LLM in Cygnet's place, with untrusted text kept out of its trusted roles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    ContentBlock,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM

from grayswan_core import ConfigurationError
from grayswan_core.request.roles import assign_roles
from grayswan_core.untrusted.marks import has_marks, may_have_marks
from grayswan_core.untrusted.tool_results import refuse_marks, translate
from grayswan_core.wire import Message
from llama_index_grayswan.messages import is_data_message, turns_from_messages
from llama_index_grayswan.subclassing import subclass

__all__ = ["TranslatesMarks", "untrusted_fallback"]

_T = TypeVar("_T", bound=FunctionCallingLLM)

_OPENAI = ("llama_index.llms.openai.base", "OpenAI")


def untrusted_fallback(llm: _T) -> _T:
    """Another vendor's LLM that takes marks off its requests, to fall back on.

    ```python
    engine = secure(index.as_query_engine(llm=untrusted_fallback(OpenAI(model="gpt-4o-mini"))))
    ```

    Such a model has no role for untrusted text. It is sent as the result of a call of a tool, which
    such models rank below instructions; how well they do is theirs. The LLM keeps its class.

    Args:
        llm: An `OpenAI`, or an LLM that is made of it, such as `OpenAILike`. It is left as it is.

    Raises:
        ConfigurationError: it is an LLM of another kind, or no chat model.
    """
    kind: type[FunctionCallingLLM] = type(llm)
    if issubclass(kind, TranslatesMarks):
        return llm
    if not any((each.__module__, each.__qualname__) == _OPENAI for each in kind.__mro__):
        raise ConfigurationError(
            f"untrusted_fallback() knows how LLMs of OpenAI's shape take untrusted text, and not"
            f" how a {kind.__module__}.{kind.__qualname__} does. Use OpenAI or OpenAILike."
        )
    if not llm.metadata.is_chat_model:
        raise ConfigurationError(
            f"{llm.metadata.model_name!r} completes one text without roles: nothing keeps"
            " untrusted text apart there. Use a chat model (of OpenAILike: is_chat_model=True)."
        )
    copy = llm.model_copy()
    object.__setattr__(copy, "__class__", _translating_class(kind))
    return copy


@cache
def _translating_class(kind: type[FunctionCallingLLM]) -> type[FunctionCallingLLM]:
    return subclass(f"Untrusted{kind.__name__}", (TranslatesMarks, kind), {})


class TranslatesMarks(FunctionCallingLLM):
    """What `untrusted_fallback` puts before an LLM's own class.

    The methods are those by which `OpenAI` makes its requests, for `chat` and `complete` alike.
    """

    @classmethod
    def class_name(cls) -> str:
        """A name of its own: what is loaded by the LLM's name would not take marks off."""
        return "UntrustedFallback"

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        messages, kwargs = _translated(messages, kwargs)
        return super()._chat(messages, **kwargs)  # type: ignore[misc, no-any-return]

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        messages, kwargs = _translated(messages, kwargs)
        return await super()._achat(messages, **kwargs)  # type: ignore[misc, no-any-return]

    def _stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        messages, kwargs = _translated(messages, kwargs)
        return super()._stream_chat(messages, **kwargs)  # type: ignore[misc, no-any-return]

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        messages, kwargs = _translated(messages, kwargs)
        return await super()._astream_chat(messages, **kwargs)  # type: ignore[misc, no-any-return]

    def _complete(self, prompt: str, **kwargs: Any) -> CompletionResponse:
        refuse_marks({"prompt": prompt, **kwargs})
        return super()._complete(prompt, **kwargs)  # type: ignore[misc, no-any-return]

    async def _acomplete(self, prompt: str, **kwargs: Any) -> CompletionResponse:
        refuse_marks({"prompt": prompt, **kwargs})
        return await super()._acomplete(prompt, **kwargs)  # type: ignore[misc, no-any-return]

    def _stream_complete(self, prompt: str, **kwargs: Any) -> CompletionResponseGen:
        refuse_marks({"prompt": prompt, **kwargs})
        return super()._stream_complete(prompt, **kwargs)  # type: ignore[misc, no-any-return]

    async def _astream_complete(self, prompt: str, **kwargs: Any) -> CompletionResponseAsyncGen:
        refuse_marks({"prompt": prompt, **kwargs})
        return await super()._astream_complete(prompt, **kwargs)  # type: ignore[misc, no-any-return]


def _translated(
    messages: Sequence[ChatMessage], arguments: dict[str, Any]
) -> tuple[Sequence[ChatMessage], dict[str, Any]]:
    """What another vendor's model is sent; the same where nothing in it is untrusted."""
    tools = arguments.get("tools") or ()
    said = json.dumps(
        [tools, [message.model_dump() for message in messages]], default=str, ensure_ascii=False
    )
    refuse_marks({name: each for name, each in arguments.items() if name != "tools"})
    if not may_have_marks(said) and not any(map(is_data_message, messages)):
        return messages, arguments
    sent = assign_roles(turns_from_messages(messages))
    kept = {id(own): _without_marks(message) for own, message in zip(sent, messages, strict=True)}
    translated, renewed = translate(sent, tools)
    if tools:
        arguments = {**arguments, "tools": renewed}
    return [kept.get(id(each)) or _message(each) for each in translated], arguments


def _without_marks(message: ChatMessage) -> ChatMessage:
    """The message without a provider's own fields that hold untrusted text."""
    if not has_marks(repr(message.additional_kwargs)):
        return message
    fields = {n: v for n, v in message.additional_kwargs.items() if not has_marks(repr({n: v}))}
    return message.model_copy(update={"additional_kwargs": fields})


def _message(message: Message) -> ChatMessage:
    calls = [
        ToolCallBlock(
            tool_call_id=call.id, tool_name=call.function.name, tool_kwargs=call.function.arguments
        )
        for call in message.tool_calls or ()
    ]
    blocks: list[ContentBlock] = [TextBlock(text=message.content), *calls]
    more = {"tool_call_id": message.tool_call_id} if message.tool_call_id else {}
    return ChatMessage(role=message.role, blocks=blocks, additional_kwargs=more)
