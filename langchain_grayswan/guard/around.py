"""A chat model whose calls are made through another object's: the hooks, and the class with them.

Such a model is a copy of the model, of a class that has these hooks before the model's own. So
tools, structured output, profile and settings are the model's. The hooks call those of the model
itself without a run manager, so no handler sees more than what comes of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from grayswan_core import ConfigurationError
from grayswan_core.cygnal.call import AsyncGuardedCall, GuardedCall
from grayswan_core.cygnal.completions import AsyncReadCall, ReadCall
from langchain_grayswan.errors import langchain_errors
from langchain_grayswan.guard.bare import achunks, aresult, chunks, result
from langchain_grayswan.guard.parents import parent

__all__ = ["Around", "AsyncCall", "Call", "bare_model", "put_around"]

Call: TypeAlias = (
    GuardedCall[BaseMessage, ChatResult, ChatGenerationChunk]
    | ReadCall[BaseMessage, ChatResult, ChatGenerationChunk]
)
AsyncCall: TypeAlias = (
    AsyncGuardedCall[BaseMessage, ChatResult, ChatGenerationChunk]
    | AsyncReadCall[BaseMessage, ChatResult, ChatGenerationChunk]
)
_ModelT = TypeVar("_ModelT", bound=BaseChatModel)

if TYPE_CHECKING:
    _Base = BaseChatModel
else:
    _Base = object


class Around(_Base):
    """The hooks. A class derived from it comes before the model's own."""

    # Native events would pass the hooks by.
    _stream_chat_model_events = None
    _astream_chat_model_events = None

    def _new_call(
        self, messages: Sequence[BaseMessage], manager: BaseCallbackManager | None
    ) -> Call:
        """A call with this conversation; the manager is for the children of its run."""
        raise NotImplementedError

    def _anew_call(
        self, messages: Sequence[BaseMessage], manager: BaseCallbackManager | None
    ) -> AsyncCall:
        """`_new_call`, for an async call."""
        raise NotImplementedError

    def configurable_fields(self, **kwargs: Any) -> Any:
        """Not possible: LangChain would make the model anew, with its fields alone.

        Raises:
            ConfigurationError: always.
        """
        with langchain_errors():
            raise ConfigurationError(
                f"{', '.join(kwargs)} of a protected model cannot be configured, since LangChain"
                " would make a model that is not protected. Make a model for each value, protect"
                " them, and use configurable_alternatives."
            )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._new_call(messages, parent(run_manager))
        return call.respond(lambda sent: result(bare_model(self), sent, stop, kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._anew_call(messages, parent(run_manager))
        return await call.respond(lambda sent: aresult(bare_model(self), sent, stop, kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._new_call(messages, parent(run_manager))
        for chunk in call.stream(lambda sent: chunks(bare_model(self), sent, stop, kwargs)):
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._anew_call(messages, parent(run_manager))
        stream = call.stream(lambda sent: achunks(bare_model(self), sent, stop, kwargs))
        async with aclosing(stream) as released:
            async for chunk in released:
                if run_manager is not None:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk


def put_around(model: _ModelT, hooks: Any, name: str, **state: Any) -> _ModelT:
    """A copy of a model with other hooks before its own.

    Args:
        model: The model.
        hooks: Those hooks.
        name: What the name of its class begins with.
        state: What they need, which is kept beside the model's fields.
    """
    copy = model.model_copy()
    copy.__class__ = _class(hooks, type(model), name)
    # LangChain caches how a model is written down, with the name of its class, at its first call.
    copy.__dict__.pop("_serialized", None)
    copy.__dict__.update(state)
    return copy


def bare_model(model: BaseChatModel) -> BaseChatModel:
    """The model itself: the same state, in its own class."""
    kind = type(model).__bases__[1]
    bare = cast("BaseChatModel", object.__new__(kind))
    object.__setattr__(bare, "__dict__", model.__dict__)
    for slot in ("__pydantic_private__", "__pydantic_fields_set__", "__pydantic_extra__"):
        object.__setattr__(bare, slot, getattr(model, slot))
    return bare


@cache
def _class(hooks: Any, kind: type[BaseChatModel], name: str) -> type[Any]:
    return type(f"{name}{kind.__name__}", (hooks, kind), {"__module__": __name__})
