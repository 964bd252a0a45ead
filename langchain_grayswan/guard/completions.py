"""Protected completions: a `violation` of the API's, read as the refusal it is.

The API judges an OpenAI-shaped call by itself. What it blocks ends with the finish reason
`violation`, which LangChain does not know; in a stream, the refusal's text follows the text that it
cut off. Here the two are told apart.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from grayswan_core.cygnal.protection import DEFAULT_REFUSAL
from grayswan_core.wire import REFUSALS
from langchain_grayswan.guard.model import achunks, bare_model, chunks
from langchain_grayswan.refusals import PROVIDER

__all__ = ["reading_violations", "reads_violations"]

_ModelT = TypeVar("_ModelT", bound=BaseChatModel)

if TYPE_CHECKING:
    _Base = BaseChatModel
else:
    _Base = object

_REFUSAL = "_cygnal_refusal"


def reading_violations(model: _ModelT, refusal: str | None) -> _ModelT:
    """A copy of a model that reads violations as refusals.

    Args:
        model: A model that is pointed at protected completions.
        refusal: What the policy says in place of what it blocks; else what the API says.
    """
    copy = model.model_copy()
    copy.__class__ = _reading_class(type(model))
    copy.__dict__[_REFUSAL] = refusal or DEFAULT_REFUSAL
    return copy


def reads_violations(model: object) -> bool:
    """Whether a model reads violations as refusals."""
    return isinstance(model, _ReadsViolations)


class _ReadsViolations(_Base):
    """The hooks; they come before the model's own class."""

    _stream_chat_model_events = None
    _astream_chat_model_events = None

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        result = bare_model(self)._generate(messages, stop=stop, **kwargs)  # noqa: SLF001
        return _read(result)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        result = await bare_model(self)._agenerate(messages, stop=stop, **kwargs)  # noqa: SLF001
        return _read(result)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        tail = _Tail(self.__dict__[_REFUSAL])
        with closing(chunks(bare_model(self), messages, stop, kwargs)) as own:
            for chunk in own:
                for released in tail.add(chunk):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(released.text, chunk=released)
                    yield released
            yield from tail.end()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        tail = _Tail(self.__dict__[_REFUSAL])
        async with aclosing(achunks(bare_model(self), messages, stop, kwargs)) as own:
            async for chunk in own:
                for released in tail.add(chunk):
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(released.text, chunk=released)
                    yield released
            for released in tail.end():
                yield released


@cache
def _reading_class(kind: type[BaseChatModel]) -> type[Any]:
    return type(f"Reading{kind.__name__}", (_ReadsViolations, kind), {"__module__": __name__})


def _finish(generation: ChatGeneration) -> str | None:
    known = generation.message.response_metadata.get("finish_reason")
    reason: str | None = known or (generation.generation_info or {}).get("finish_reason")
    return reason


def _read(result: ChatResult) -> ChatResult:
    result.generations = [
        _refused(each) if _finish(each) in REFUSALS else each for each in result.generations
    ]
    return result


def _refused(generation: ChatGeneration) -> ChatGeneration:
    """A whole response that the API blocked; what it says is the refusal, and calls are none."""
    message = generation.message
    said = message.additional_kwargs.get("refusal") or str(message.text)
    metadata = {**message.response_metadata, "model_provider": PROVIDER}
    refused = AIMessage(
        content=said,
        id=message.id,
        additional_kwargs={"refusal": said},
        response_metadata=metadata,
        usage_metadata=message.usage_metadata if isinstance(message, AIMessage) else None,
    )
    return ChatGeneration(message=refused, generation_info=generation.generation_info)


class _Tail:
    """Holds the end of a stream back, since it may be a refusal.

    Args:
        refusal: The words of a refusal.
    """

    def __init__(self, refusal: str) -> None:
        self._refusal = refusal
        self._held: list[ChatGenerationChunk] = []

    def add(self, chunk: ChatGenerationChunk) -> list[ChatGenerationChunk]:
        """Take a chunk in; the chunks that are no part of a refusal."""
        self._held.append(chunk)
        length = sum(len(each.text) for each in self._held)
        released: list[ChatGenerationChunk] = []
        while self._held and length - len(self._held[0].text) >= len(self._refusal):
            length -= len(self._held[0].text)
            released.append(self._held.pop(0))
        return released

    def end(self) -> list[ChatGenerationChunk]:
        """The chunks at the end: text that was cut, and the refusal by itself."""
        if not any(_finish(each) in REFUSALS for each in self._held):
            return self._held
        merged = merge_chat_generation_chunks(self._held)
        if merged is None or not isinstance(merged.message, AIMessageChunk):
            return self._held
        text = merged.text
        said = self._refusal if text.endswith(self._refusal) else self._last_text()
        cut = text[: len(text) - len(said)]
        message = merged.message
        update = {
            "content": cut,
            "tool_call_chunks": [],
            "tool_calls": [],
            "invalid_tool_calls": [],
        }
        frame = message.model_copy(update=update)
        block: Any = [{"type": "refusal", "refusal": said}]
        refusal = AIMessageChunk(
            content=block, id=message.id, additional_kwargs={"refusal": said}, chunk_position="last"
        )
        return [
            ChatGenerationChunk(message=frame, generation_info=merged.generation_info),
            ChatGenerationChunk(message=refusal),
        ]

    def _last_text(self) -> str:
        return next((each.text for each in reversed(self._held) if each.text), "")
