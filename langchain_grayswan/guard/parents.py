"""Whose children the checks of a call are, in a trace."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config

__all__ = ["ParentOfChecks", "parent"]

if TYPE_CHECKING:
    _Base = BaseChatModel
else:
    _Base = object

_parent: ContextVar[BaseCallbackManager | None] = ContextVar("cygnal_parent", default=None)


@contextmanager
def _under(manager: BaseCallbackManager | None) -> Iterator[None]:
    """Let the calls in the block find whose children their checks are."""
    token = _parent.set(manager)
    try:
        yield
    finally:
        _parent.reset(token)


def parent(
    run: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None,
) -> BaseCallbackManager | None:
    """The manager for the children of a run, or else of the one around."""
    return _parent.get() if run is None else _child_of(run)


def _child_of(
    run: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun,
) -> BaseCallbackManager:
    """The manager for the children of a model's run, which LangChain has no way to ask for."""
    is_async = isinstance(run, AsyncCallbackManagerForLLMRun)
    kind: type[BaseCallbackManager] = AsyncCallbackManager if is_async else CallbackManager
    manager = kind(handlers=[], parent_run_id=run.run_id)
    manager.set_handlers(run.inheritable_handlers)
    manager.add_tags(run.inheritable_tags)
    manager.add_metadata(run.inheritable_metadata)
    return manager


class ParentOfChecks(_Base):
    """Notes whose children the checks are, where LangChain hands `_stream` no run manager."""

    def _generate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with _under(_child_of(run_manager) if run_manager else None):
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
        with _under(_child_of(run_manager) if run_manager else None):
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
            with _under(manager):
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
            with _under(manager):
                first = await anext(chunks, None)
            if first is not None:
                yield first
                async for chunk in chunks:
                    yield chunk


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
