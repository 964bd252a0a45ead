"""An LLM whose calls are made through another object's: the hooks, and the class that has them.

Such an LLM is a copy of the LLM, of a subclass that puts a call around the LLM's own hooks. Those
are called without LlamaIndex's decorators, so no event handler, callback and span sees more than
what comes of the call.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache, wraps
from types import FunctionType
from typing import Any, TypeAlias, TypeVar

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
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM

from grayswan_core.cygnal.call import AsyncGuardedCall, GuardedCall
from grayswan_core.cygnal.completions import AsyncReadCall, ReadCall

__all__ = ["RAISES", "Around", "AsyncCall", "Call"]

_L = TypeVar("_L", bound=LLM)

Call: TypeAlias = GuardedCall[ChatMessage, Any, Any] | ReadCall[ChatMessage, Any, Any]
AsyncCall: TypeAlias = (
    AsyncGuardedCall[ChatMessage, Any, Any] | AsyncReadCall[ChatMessage, Any, Any]
)

RAISES = "_cygnal_raises"
"""What a class has whose refusals are errors, as where an object is to be made of a response."""

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

_STRUCTURED = (
    *("structured_predict", "astructured_predict"),
    *("stream_structured_predict", "astream_structured_predict"),
)

# What LlamaIndex makes of those. Some integrations have their own, which may call the API directly.
_MADE_OF_THEM = (
    *("predict", "apredict", "stream", "astream"),
    *_STRUCTURED,
    *("chat_with_tools", "achat_with_tools", "stream_chat_with_tools", "astream_chat_with_tools"),
    *("predict_and_call", "apredict_and_call"),
)

# Integrations whose own ones are known to call `chat` and the like.
_CALL_THE_HOOKS = ("llama_index.core.", "llama_index.llms.openai", "llama_index_grayswan.")


@dataclass(frozen=True)
class Around:
    """What stands around an LLM.

    Attributes:
        name: What the names of the classes begin with.
        key: Where an LLM's `__dict__` has what the calls need.
        call: Makes a sync call of an LLM: with this conversation, for this class of responses.
        acall: Makes an async call.
    """

    name: str
    key: str
    call: Callable[[LLM, Sequence[ChatMessage], type[Any]], Call]
    acall: Callable[[LLM, Sequence[ChatMessage], type[Any]], AsyncCall]

    def put(self, llm: _L, value: Any) -> _L:
        """A copy of an LLM with this around it, and with what the calls need."""
        copy = llm.model_copy()
        copy.__class__ = _class(self, type(llm))
        copy.__dict__[self.key] = value
        return copy

    def is_around(self, llm: object) -> bool:
        """Whether this stands around an LLM."""
        return self.key in getattr(llm, "__dict__", {})


def _bare(llm: LLM) -> Any:
    """The LLM itself: the same state, and its own hooks without decorators."""
    hooked = next(kind for kind in type(llm).__mro__ if "_new_call" in vars(kind))
    return _as(_bare_class(hooked.__mro__[1]), llm)


def _as(kind: type[LLM], llm: LLM) -> Any:
    """The LLM as one of another class, with the same state."""
    same = object.__new__(kind)
    object.__setattr__(same, "__dict__", llm.__dict__)
    for slot in ("__pydantic_private__", "__pydantic_fields_set__", "__pydantic_extra__"):
        object.__setattr__(same, slot, getattr(llm, slot))
    return same


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


def _core_ways(kind: type[LLM]) -> dict[str, Any]:
    """LlamaIndex's own ways to call an LLM, for those of a class that may pass the hooks by."""
    core = {}
    for name in _MADE_OF_THEM:
        owner = next((each for each in kind.__mro__ if name in vars(each)), None)
        if owner is not None and not owner.__module__.startswith(_CALL_THE_HOOKS):
            base = LLM if hasattr(LLM, name) else FunctionCallingLLM
            base = FunctionCallingLLM if issubclass(kind, FunctionCallingLLM) else base
            core[name] = inspect.getattr_static(base, name)
    return core


def _prompted(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=prompt)]


def _prompt(call: Call | AsyncCall, prompt: str) -> str:
    """The prompt that is sent, which is a placeholder where it was replaced."""
    return str(call.sent[-1].content) if call.replaced else prompt


def chat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
    """What comes of the call."""
    call: Call = self._new_call(messages, ChatResponse)
    response: ChatResponse = call.respond(lambda sent: _bare(self).chat(sent, **kwargs))
    return response


async def achat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
    """`chat`, async."""
    call: AsyncCall = self._anew_call(messages, ChatResponse)
    response: ChatResponse = await call.respond(lambda sent: _bare(self).achat(sent, **kwargs))
    return response


def stream_chat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
    """What comes of the call, in pieces; each holds the response so far."""
    call: Call = self._new_call(messages, ChatResponse)
    return call.stream(lambda sent: _bare(self).stream_chat(sent, **kwargs))


async def astream_chat(
    self: Any, messages: Sequence[ChatMessage], **kwargs: Any
) -> ChatResponseAsyncGen:
    """`stream_chat`, async."""
    call: AsyncCall = self._anew_call(messages, ChatResponse)
    return call.stream(lambda sent: _each(_bare(self).astream_chat(sent, **kwargs)))


def complete(self: Any, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
    """What comes of the call with a text."""
    call: Call = self._new_call(_prompted(prompt), CompletionResponse)

    def ask(_: Any) -> Any:
        return _bare(self).complete(_prompt(call, prompt), formatted=formatted, **kwargs)

    response: CompletionResponse = call.respond(ask)
    return response


async def acomplete(
    self: Any, prompt: str, formatted: bool = False, **kwargs: Any
) -> CompletionResponse:
    """`complete`, async."""
    call: AsyncCall = self._anew_call(_prompted(prompt), CompletionResponse)

    def ask(_: Any) -> Any:
        return _bare(self).acomplete(_prompt(call, prompt), formatted=formatted, **kwargs)

    response: CompletionResponse = await call.respond(ask)
    return response


def stream_complete(
    self: Any, prompt: str, formatted: bool = False, **kwargs: Any
) -> CompletionResponseGen:
    """`complete`, in pieces; each holds the response so far."""
    call: Call = self._new_call(_prompted(prompt), CompletionResponse)

    def ask(_: Any) -> Any:
        return _bare(self).stream_complete(_prompt(call, prompt), formatted=formatted, **kwargs)

    return call.stream(ask)


async def astream_complete(
    self: Any, prompt: str, formatted: bool = False, **kwargs: Any
) -> CompletionResponseAsyncGen:
    """`stream_complete`, async."""
    call: AsyncCall = self._anew_call(_prompted(prompt), CompletionResponse)

    def ask(_: Any) -> Any:
        return _each(
            _bare(self).astream_complete(_prompt(call, prompt), formatted=formatted, **kwargs)
        )

    return call.stream(ask)


async def _each(coming: Awaitable[Any]) -> Any:
    async with aclosing(await coming) as responses:
        async for response in responses:
            yield response


def _told(name: str) -> Callable[..., Any]:
    """A hook with LlamaIndex's decorator, made anew: it tells of each function but once."""
    own = globals()[name]
    hook = FunctionType(own.__code__, own.__globals__, name, own.__defaults__)
    hook.__doc__, hook.__annotations__ = own.__doc__, own.__annotations__
    callback: Any = llm_chat_callback if name.endswith("chat") else llm_completion_callback
    told: Callable[..., Any] = callback()(hook)
    return told


def _raising(method: Any) -> Callable[..., Any]:
    """A way to get an object, in which a refusal is an error: no object is made of one."""

    @wraps(method)  # which keeps it from a second span, too
    def raising(self: LLM, *args: Any, **kwargs: Any) -> Any:
        same = self if hasattr(type(self), RAISES) else _as(_raising_class(type(self)), self)
        return method.__get__(same, type(same))(*args, **kwargs)

    return raising


@cache
def _raising_class(kind: type[LLM]) -> type[LLM]:
    return type(kind.__name__, (kind,), {"__module__": __name__, RAISES: True})


@cache
def _class(around: Around, kind: type[LLM]) -> type[Any]:
    def _new_call(self: LLM, messages: Sequence[ChatMessage], response: type[Any]) -> Call:
        return around.call(self, messages, response)

    def _anew_call(self: LLM, messages: Sequence[ChatMessage], response: type[Any]) -> AsyncCall:
        return around.acall(self, messages, response)

    def reduce(self: LLM) -> Any:
        own = self.model_copy()
        own.__class__ = kind
        return around.put, (own, own.__dict__.pop(around.key))

    namespace: dict[str, Any] = {name: _told(name) for name in _WAYS}
    core = _core_ways(kind)
    structured = {
        name: core.get(name) or inspect.getattr_static(kind, name) for name in _STRUCTURED
    }
    namespace |= core | {name: _raising(method) for name, method in structured.items()}
    namespace |= {"_new_call": _new_call, "_anew_call": _anew_call, "__reduce__": reduce}
    namespace |= {"__module__": __name__, "__doc__": kind.__doc__}
    return type(f"{around.name}{kind.__name__}", (kind,), namespace)
