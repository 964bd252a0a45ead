"""A chat model whose every call is judged: the hooks, and the class that has them.

A protected model is a copy of the model, of a class that has these hooks before the model's own. So
tools, structured output, profile and settings are the model's. The hooks call those of the model
itself without a run manager, so no handler sees what has not been judged: no tracer, and no stream.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, var_child_runnable_config

from grayswan_core.cygnal.protection import Protection
from langchain_grayswan.guard.call import acall, call
from langchain_grayswan.guard.checks import child_of, parent, under

__all__ = ["achunks", "bare_model", "chunks", "guarded", "is_guarded"]

_ModelT = TypeVar("_ModelT", bound=BaseChatModel)
if TYPE_CHECKING:
    _Base = BaseChatModel
else:
    _Base = object

_PROTECTION = "_cygnal_protection"


def guarded(model: _ModelT, protection: Protection) -> _ModelT:
    """A copy of a model whose every call is judged."""
    copy = model.model_copy()
    copy.__class__ = _guarded_class(type(model))
    # A cache would keep refusals of the moment, as when the monitor cannot be reached.
    copy.__dict__.update({_PROTECTION: protection, "cache": False})
    return copy


def is_guarded(model: object) -> bool:
    """Whether the calls of a model are judged."""
    return isinstance(model, _Guarded)


def bare_model(model: BaseChatModel) -> BaseChatModel:
    """The model itself: the same state, in its own class."""
    kind = type(model).__mro__[2]
    bare = cast("BaseChatModel", object.__new__(kind))
    object.__setattr__(bare, "__dict__", model.__dict__)
    for slot in ("__pydantic_private__", "__pydantic_fields_set__", "__pydantic_extra__"):
        object.__setattr__(bare, slot, getattr(model, slot))
    return bare


def _protection(model: BaseChatModel) -> Protection:
    protection: Protection = model.__dict__[_PROTECTION]
    # A model that makes errors of the API's refusals makes errors of these, too.
    raises = protection.raises or bool(getattr(model, "raise_on_content_filter", False))
    return replace(protection, raises=raises)


@contextmanager
def _detached() -> Iterator[None]:
    """Keep the handlers around from what the model calls in the block."""
    token = var_child_runnable_config.set({"callbacks": []})
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


class _Guarded(_Base):
    """The hooks that judge. It comes before the model's own class."""

    # Every public way to call a model leads to the hooks below, whatever the class makes of it.
    invoke = BaseChatModel.invoke
    ainvoke = BaseChatModel.ainvoke
    batch = BaseChatModel.batch
    abatch = BaseChatModel.abatch
    batch_as_completed = BaseChatModel.batch_as_completed
    abatch_as_completed = BaseChatModel.abatch_as_completed
    transform = BaseChatModel.transform
    atransform = BaseChatModel.atransform
    generate = BaseChatModel.generate
    agenerate = BaseChatModel.agenerate
    generate_prompt = BaseChatModel.generate_prompt
    agenerate_prompt = BaseChatModel.agenerate_prompt
    stream_events = BaseChatModel.stream_events
    astream_events = BaseChatModel.astream_events
    _call_async = BaseChatModel._call_async  # noqa: SLF001
    # Native events would pass the hooks by.
    _stream_chat_model_events = None
    _astream_chat_model_events = None

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        def ask(sent: list[BaseMessage]) -> ChatResult:
            with _detached():
                return bare_model(self)._generate(sent, stop=stop, **kwargs)  # noqa: SLF001

        return call(_protection(self), messages, parent(run_manager)).respond(ask)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async def ask(sent: list[BaseMessage]) -> ChatResult:
            with _detached():
                return await bare_model(self)._agenerate(sent, stop=stop, **kwargs)  # noqa: SLF001

        return await acall(_protection(self), messages, parent(run_manager)).respond(ask)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        def ask(sent: list[BaseMessage]) -> Any:
            return chunks(bare_model(self), sent, stop, kwargs)

        for chunk in call(_protection(self), messages, parent(run_manager)).stream(ask):
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
        def ask(sent: list[BaseMessage]) -> Any:
            return achunks(bare_model(self), sent, stop, kwargs)

        judged = acall(_protection(self), messages, parent(run_manager)).stream(ask)
        async with aclosing(judged) as released:
            async for chunk in released:
                if run_manager is not None:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    # On these ways LangChain hands `_stream` no run manager, whose children the checks are.

    def _generate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with under(child_of(run_manager) if run_manager else None):
            return BaseChatModel._generate_with_cache(  # noqa: SLF001
                self, messages, stop, run_manager, **kwargs
            )

    async def _agenerate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with under(child_of(run_manager) if run_manager else None):
            return await BaseChatModel._agenerate_with_cache(  # noqa: SLF001
                self, messages, stop, run_manager, **kwargs
            )

    def stream(
        self,
        input: Any,  # noqa: A002 - LangChain's name for it
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """The judged response in chunks."""
        config, manager = _with_parent(config, CallbackManager)
        with closing(BaseChatModel.stream(self, input, config, stop=stop, **kwargs)) as chunks:  # type: ignore[type-var]
            with under(manager):
                first = next(chunks, None)
            if first is not None:
                yield first
                yield from chunks

    async def astream(
        self,
        input: Any,  # noqa: A002 - LangChain's name for it
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """`stream`, async."""
        config, manager = _with_parent(config, AsyncCallbackManager)
        made = BaseChatModel.astream(self, input, config, stop=stop, **kwargs)
        async with aclosing(made) as chunks:  # type: ignore[type-var]
            with under(manager):
                first = await anext(chunks, None)
            if first is not None:
                yield first
                async for chunk in chunks:
                    yield chunk

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **kwargs: Any
    ) -> Any:
        """The model's own; a refusal is an error, unless the raw message is asked for."""
        model = self
        if not include_raw:
            model = self.model_copy()
            model.__dict__[_PROTECTION] = replace(_protection(self), raises=True)
        own = super(_Guarded, model).with_structured_output
        return own(schema, include_raw=include_raw, **kwargs)

    # Written down, a protected model would be read back as one that is not.

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """No: what is read back would not be protected."""
        return False

    @property
    def _serialized(self) -> dict[str, Any]:
        return bare_model(self)._serialized  # noqa: SLF001

    def __repr__(self) -> str:
        return f"protect({type(self).__mro__[2].__name__})"

    def __reduce__(self) -> Any:
        return guarded, (bare_model(self).model_copy(), self.__dict__[_PROTECTION])


@cache
def _guarded_class(kind: type[BaseChatModel]) -> type[Any]:
    return type(f"Protected{kind.__name__}", (_Guarded, kind), {"__module__": __name__})


def chunks(
    model: BaseChatModel,
    messages: list[BaseMessage],
    stop: list[str] | None,
    kwargs: dict[str, Any],
) -> Any:
    """The model's own chunks; one, if it does not stream."""
    if type(model)._stream is BaseChatModel._stream:  # noqa: SLF001
        with _detached():
            result = model._generate(messages, stop=stop, **kwargs)  # noqa: SLF001
        yield from map(_as_chunk, result.generations)
        return
    own = iter(model._stream(messages, stop=stop, **kwargs))  # noqa: SLF001
    try:
        while True:
            with _detached():
                chunk = next(own, None)
            if chunk is None:
                return
            yield chunk
    finally:
        if hasattr(own, "close"):
            own.close()


async def achunks(
    model: BaseChatModel,
    messages: list[BaseMessage],
    stop: list[str] | None,
    kwargs: dict[str, Any],
) -> Any:
    """`chunks`, async."""
    kind = type(model)
    if kind._astream is BaseChatModel._astream and kind._stream is BaseChatModel._stream:  # noqa: SLF001
        with _detached():
            result = await model._agenerate(messages, stop=stop, **kwargs)  # noqa: SLF001
        for generation in result.generations:
            yield _as_chunk(generation)
        return
    own = aiter(model._astream(messages, stop=stop, **kwargs))  # noqa: SLF001
    try:
        while True:
            with _detached():
                chunk = await anext(own, None)
            if chunk is None:
                return
            yield chunk
    finally:
        if hasattr(own, "aclose"):
            await own.aclose()


def _as_chunk(generation: Any) -> ChatGenerationChunk:
    message = generation.message
    if isinstance(message, AIMessage) and not isinstance(message, AIMessageChunk):
        message = AIMessageChunk(**message.model_dump(exclude={"type"}), chunk_position="last")
    return ChatGenerationChunk(message=message, generation_info=generation.generation_info)


def _with_parent(
    config: RunnableConfig | None, kind: type[CallbackManager | AsyncCallbackManager]
) -> tuple[RunnableConfig, BaseCallbackManager]:
    """The configuration with a run ID of our choice, and the manager for children of that run."""
    config = ensure_config(config)
    run_id = config.get("run_id") or uuid.uuid4()
    manager = kind.configure(config.get("callbacks"))
    children = manager.copy()
    children.parent_run_id = run_id
    children.handlers = list(manager.inheritable_handlers)
    return {**config, "run_id": run_id, "callbacks": manager}, children
