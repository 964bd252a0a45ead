"""A model's own hooks, called so that no handler sees what comes of it: no tracer, no stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables.config import var_child_runnable_config

__all__ = ["achunks", "aresult", "chunks", "result"]


def result(
    model: BaseChatModel,
    messages: list[BaseMessage],
    stop: list[str] | None,
    kwargs: dict[str, Any],
) -> ChatResult:
    """The model's own response."""
    with _detached():
        return model._generate(messages, stop=stop, **kwargs)  # noqa: SLF001


async def aresult(
    model: BaseChatModel,
    messages: list[BaseMessage],
    stop: list[str] | None,
    kwargs: dict[str, Any],
) -> ChatResult:
    """`result`, async."""
    with _detached():
        return await model._agenerate(messages, stop=stop, **kwargs)  # noqa: SLF001


def chunks(
    model: BaseChatModel,
    messages: list[BaseMessage],
    stop: list[str] | None,
    kwargs: dict[str, Any],
) -> Any:
    """The model's own chunks; one, if it does not stream."""
    if type(model)._stream is BaseChatModel._stream:  # noqa: SLF001
        yield _as_chunk(result(model, messages, stop, kwargs))
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
        yield _as_chunk(await aresult(model, messages, stop, kwargs))
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


def _as_chunk(whole: ChatResult) -> ChatGenerationChunk:
    generation = whole.generations[0]  # a stream holds one response, as LangChain's own do
    message = generation.message
    if isinstance(message, AIMessage) and not isinstance(message, AIMessageChunk):
        message = AIMessageChunk(**message.model_dump(exclude={"type"}), chunk_position="last")
    return ChatGenerationChunk(message=message, generation_info=generation.generation_info)


@contextmanager
def _detached() -> Iterator[None]:
    """Keep the handlers around from what the model calls in the block."""
    token = var_child_runnable_config.set({"callbacks": []})
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)
