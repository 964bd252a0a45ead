"""Protected completions: a `violation` of the API's, read as the refusal it is.

The API judges an OpenAI-shaped call by itself. What it blocks ends with the finish reason
`violation`, which the frameworks do not know; in a stream, the refusal's text follows the text that
it cut off. Here the two are told apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import aclosing, closing
from typing import Any, Generic, TypeVar

from grayswan_core.cygnal.protection import DEFAULT_REFUSAL

__all__ = ["AsyncReadCall", "CompletionDialect", "ReadCall", "RefusalTail"]

_M = TypeVar("_M")
_R = TypeVar("_R")
_C = TypeVar("_C")


class CompletionDialect(ABC, Generic[_R, _C]):
    """A framework's responses, whole and in chunks, of protected completions.

    Args:
        refusal: What the policy says in place of what it blocks; else what the API says.
    """

    def __init__(self, refusal: str | None) -> None:
        self.refusal = refusal or DEFAULT_REFUSAL

    @abstractmethod
    def read(self, response: _R) -> _R:
        """A whole response, which is a refusal where the API blocked it; calls are none then."""

    @abstractmethod
    def split(self, held: list[_C], *, before: str, cut: str, said: str) -> list[_C]:
        """The chunks that end a stream which the API cut off.

        Args:
            held: What came at its end.
            before: The text that came before.
            cut: The text at its end that is the model's.
            said: The refusal that follows.
        """

    @abstractmethod
    def text(self, chunk: _C) -> str:
        """The text that a chunk adds."""

    @abstractmethod
    def has_calls(self, chunk: _C) -> bool:
        """Whether a chunk adds to a call, or has one."""

    @abstractmethod
    def is_refused(self, chunk: _C) -> bool:
        """Whether a chunk tells that the API cut the stream off."""


class RefusalTail(Generic[_C]):
    """Holds the end of a stream back, since it may be a refusal, and calls, since none may be made.

    Args:
        dialect: The framework's chunks.
    """

    def __init__(self, dialect: CompletionDialect[Any, _C]) -> None:
        self._dialect = dialect
        self._held: list[_C] = []
        self._before: list[str] = []
        self._has_calls = False

    def add(self, chunk: _C) -> list[_C]:
        """Take a chunk in; the chunks that are no part of a refusal, nor of a call."""
        self._held.append(chunk)
        self._has_calls = self._has_calls or self._dialect.has_calls(chunk)
        if self._has_calls:
            return []
        texts = list(map(self._dialect.text, self._held))
        left, end = sum(map(len, texts)), 0
        while end < len(texts) and left - len(texts[end]) >= len(self._dialect.refusal):
            left -= len(texts[end])
            end += 1
        released, self._held = self._held[:end], self._held[end:]
        self._before += texts[:end]
        return released

    def end(self) -> list[_C]:
        """The chunks at the end: text that was cut, and the refusal by itself."""
        if not any(map(self._dialect.is_refused, self._held)):
            return self._held
        texts = list(map(self._dialect.text, self._held))
        text, said = "".join(texts), self._dialect.refusal
        if not text.endswith(said):
            said = next((each for each in reversed(texts) if each), "")
        cut = text[: len(text) - len(said)]
        return self._dialect.split(self._held, before="".join(self._before), cut=cut, said=said)


class _Call(Generic[_M, _R, _C]):
    """What sync and async calls have in common.

    Args:
        dialect: The framework's responses.
        messages: The conversation.
    """

    replaced = False
    """Whether a placeholder is sent in place of the input."""

    def __init__(self, dialect: CompletionDialect[_R, _C], messages: Sequence[_M]) -> None:
        self.sent = list(messages)
        self._dialect = dialect


class ReadCall(_Call[_M, _R, _C]):
    """A sync call, of which a violation is read."""

    def respond(self, ask: Callable[[list[_M]], _R]) -> _R:
        """The response.

        Args:
            ask: Calls the model.
        """
        return self._dialect.read(ask(self.sent))

    def stream(self, ask: Callable[[list[_M]], Any]) -> Generator[_C, None, None]:
        """The chunks.

        Args:
            ask: Calls the model, and gives a generator of chunks.
        """
        tail = RefusalTail(self._dialect)
        with closing(ask(self.sent)) as chunks:
            for chunk in chunks:
                yield from tail.add(chunk)
        yield from tail.end()


class AsyncReadCall(_Call[_M, _R, _C]):
    """`ReadCall`, async."""

    async def respond(self, ask: Callable[[list[_M]], Coroutine[Any, Any, _R]]) -> _R:
        """The response.

        Args:
            ask: Calls the model.
        """
        return self._dialect.read(await ask(self.sent))

    async def stream(self, ask: Callable[[list[_M]], Any]) -> AsyncGenerator[_C, None]:
        """The chunks.

        Args:
            ask: Calls the model, and gives an async generator of chunks.
        """
        tail = RefusalTail(self._dialect)
        async with aclosing(ask(self.sent)) as chunks:
            async for chunk in chunks:
                for released in tail.add(chunk):
                    yield released
        for released in tail.end():
            yield released
