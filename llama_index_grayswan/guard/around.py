"""An LLM whose every call is judged: the hooks, and the class that has them.

A protected LLM is a copy of the LLM, of a subclass that judges around the LLM's own hooks. Those
are called without LlamaIndex's decorators, so no event handler, callback and span sees what has
not been judged.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
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
    MessageRole,
)
from llama_index.core.llms import callbacks
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import LLM

from grayswan_core.cygnal.protection import Protection
from llama_index_grayswan.guard.call import AsyncCall, Call, acall, call

__all__ = ["guarded", "is_guarded"]

_L = TypeVar("_L", bound=LLM)

_PROTECTION = "_cygnal_protection"

_WAYS = (
    "chat",
    "achat",
    "stream_chat",
    "astream_chat",
    "complete",
    "acomplete",
    "stream_complete",
    "astream_complete",
)


def guarded(llm: _L, protection: Protection) -> _L:
    """A copy of an LLM whose every call is judged."""
    copy = llm.model_copy()
    copy.__class__ = _guarded_class(type(llm))
    copy.__dict__[_PROTECTION] = protection
    return copy


def is_guarded(llm: object) -> bool:
    """Whether the calls of an LLM are judged."""
    return _PROTECTION in getattr(llm, "__dict__", {})


def _bare(llm: LLM) -> Any:
    """The LLM itself: the same state, and its own hooks without decorators."""
    bare = object.__new__(_bare_class(type(llm).__mro__[1]))
    object.__setattr__(bare, "__dict__", llm.__dict__)
    for slot in ("__pydantic_private__", "__pydantic_fields_set__", "__pydantic_extra__"):
        object.__setattr__(bare, slot, getattr(llm, slot))
    return bare


@cache
def _bare_class(kind: type[LLM]) -> type[LLM]:
    bare = type(kind.__name__, (kind,), {"__module__": kind.__module__, "__doc__": kind.__doc__})
    for name in _WAYS:
        setattr(bare, name, _undecorated(inspect.getattr_static(kind, name)))
    return bare


def _undecorated(method: Any) -> Callable[..., Any]:
    """A hook without LlamaIndex's decorators, which tell of its result."""
    while True:
        wrapped = getattr(method, "__wrapped__", None)
        code = getattr(method, "__code__", None)
        if callable(wrapped):  # a span
            method = wrapped
        elif code is not None and code.co_filename == callbacks.__file__:
            method = inspect.getclosurevars(method).nonlocals["f"]
        else:
            own: Callable[..., Any] = method
            return own


def _protection(llm: LLM) -> Protection:
    protection: Protection = llm.__dict__[_PROTECTION]
    # An LLM that makes errors of the API's refusals makes errors of these, too.
    raises = protection.raises or bool(getattr(llm, "raise_on_content_filter", False))
    return replace(protection, raises=raises)


def _prompted(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=prompt)]


def _prompt(judged: Call | AsyncCall, prompt: str) -> str:
    """The prompt that is sent, which is a placeholder where it was replaced."""
    return str(judged.sent[-1].content) if judged.replaced else prompt


@llm_chat_callback()
def chat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
    """A judged response."""
    judged = call(_protection(self), messages, ChatResponse)
    response: ChatResponse = judged.respond(lambda sent: _bare(self).chat(sent, **kwargs))
    return response


@llm_chat_callback()
async def achat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
    """`chat`, async."""
    judged = acall(_protection(self), messages, ChatResponse)
    response: ChatResponse = await judged.respond(lambda sent: _bare(self).achat(sent, **kwargs))
    return response


@llm_chat_callback()
def stream_chat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
    """The judged response in pieces; each holds the response so far."""
    judged = call(_protection(self), messages, ChatResponse)
    return judged.stream(lambda sent: _bare(self).stream_chat(sent, **kwargs))


@llm_chat_callback()
async def astream_chat(
    self: Any, messages: Sequence[ChatMessage], **kwargs: Any
) -> ChatResponseAsyncGen:
    """`stream_chat`, async."""
    judged = acall(_protection(self), messages, ChatResponse)
    return judged.stream(lambda sent: _each(_bare(self).astream_chat(sent, **kwargs)))


@llm_completion_callback()
def complete(self: Any, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
    """A judged response to a text."""
    judged = call(_protection(self), _prompted(prompt), CompletionResponse)

    def ask(_: Any) -> Any:
        return _bare(self).complete(_prompt(judged, prompt), formatted=formatted, **kwargs)

    response: CompletionResponse = judged.respond(ask)
    return response


@llm_completion_callback()
async def acomplete(
    self: Any, prompt: str, formatted: bool = False, **kwargs: Any
) -> CompletionResponse:
    """`complete`, async."""
    judged = acall(_protection(self), _prompted(prompt), CompletionResponse)

    def ask(_: Any) -> Any:
        return _bare(self).acomplete(_prompt(judged, prompt), formatted=formatted, **kwargs)

    response: CompletionResponse = await judged.respond(ask)
    return response


@llm_completion_callback()
def stream_complete(
    self: Any, prompt: str, formatted: bool = False, **kwargs: Any
) -> CompletionResponseGen:
    """The judged response to a text, in pieces; each holds the response so far."""
    judged = call(_protection(self), _prompted(prompt), CompletionResponse)

    def ask(_: Any) -> Any:
        return _bare(self).stream_complete(_prompt(judged, prompt), formatted=formatted, **kwargs)

    return judged.stream(ask)


@llm_completion_callback()
async def astream_complete(
    self: Any, prompt: str, formatted: bool = False, **kwargs: Any
) -> CompletionResponseAsyncGen:
    """`stream_complete`, async."""
    judged = acall(_protection(self), _prompted(prompt), CompletionResponse)

    def ask(_: Any) -> Any:
        return _each(
            _bare(self).astream_complete(_prompt(judged, prompt), formatted=formatted, **kwargs)
        )

    return judged.stream(ask)


async def _each(coming: Awaitable[Any]) -> Any:
    async with aclosing(await coming) as responses:
        async for response in responses:
            yield response


def _reduced(self: Any) -> Any:
    kind = type(self).__mro__[1]
    own = self.model_copy()
    own.__class__ = kind
    del own.__dict__[_PROTECTION]
    return guarded, (own, self.__dict__[_PROTECTION])


@cache
def _guarded_class(kind: type[LLM]) -> type[Any]:
    namespace = {name: globals()[name] for name in _WAYS}
    extra = {"__module__": __name__, "__doc__": kind.__doc__, "__reduce__": _reduced}
    return type(f"Protected{kind.__name__}", (kind,), {**extra, **namespace})
