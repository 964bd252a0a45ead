"""One call of a model: the request, and what is made true about the answer on this side.

The four functions differ in their I/O alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grayswan_core.completion.answer_check import AnswerCheck, check_answer
from grayswan_core.completion.required_tool import RequiredTool, StreamGate
from grayswan_core.wire import ChatRequest, ChatResponse, Chunk

if TYPE_CHECKING:
    from grayswan_core.client import CygnetClient

__all__ = ["Ask", "aask", "aask_stream", "ask", "ask_stream"]


@dataclass(frozen=True)
class Ask:
    """What to ask, and what the service has no field for.

    Attributes:
        request: What is sent.
        stop: Sequences that end the answer.
        tool_required: Whether the answer must call one of the request's tools.
        parallel_tool_calls: Whether the answer may call several tools. If not, the first call
            is kept.
        raise_on_content_filter: Whether a refusal is to be an error instead of an answer.
    """

    request: ChatRequest
    stop: tuple[str, ...] = ()
    tool_required: bool = False
    parallel_tool_calls: bool = True
    raise_on_content_filter: bool = False

    @property
    def is_checked(self) -> bool:
        """Whether the chunks of the answer are to be judged. A plain text can come to no harm."""
        return bool(self.request.tools) or self.raise_on_content_filter

    def check(self) -> AnswerCheck:
        """What judges the answer's chunks."""
        return AnswerCheck(
            parallel_tool_calls=self.parallel_tool_calls,
            raise_on_content_filter=self.raise_on_content_filter,
        )


def ask(client: CygnetClient, what: Ask) -> ChatResponse:
    """The whole answer.

    Raises:
        APIError: the request failed, no tool was called where one had to be, or the answer is
            not one to act on (`answer_check`).
    """
    required = RequiredTool(what.request)
    while True:
        answer = client.complete(required.request, stop=what.stop)
        if not what.tool_required or required.settles(answer):
            return _finished(answer, what, required)
        required.correct(answer)


async def aask(client: CygnetClient, what: Ask) -> ChatResponse:
    """`ask`, async."""
    required = RequiredTool(what.request)
    while True:
        answer = await client.acomplete(required.request, stop=what.stop)
        if not what.tool_required or required.settles(answer):
            return _finished(answer, what, required)
        required.correct(answer)


def ask_stream(client: CygnetClient, what: Ask) -> Generator[Chunk, None, None]:
    """The answer in chunks. Errors are those of `ask`."""
    if what.tool_required:
        return _required(client, what)
    chunks = client.stream(what.request, stop=what.stop)
    return _checked(chunks, what) if what.is_checked else chunks


def aask_stream(client: CygnetClient, what: Ask) -> AsyncGenerator[Chunk, None]:
    """`ask_stream`, async."""
    if what.tool_required:
        return _arequired(client, what)
    chunks = client.astream(what.request, stop=what.stop)
    return _achecked(chunks, what) if what.is_checked else chunks


def _checked(chunks: Generator[Chunk, None, None], what: Ask) -> Generator[Chunk, None, None]:
    check = what.check()
    with closing(chunks):
        for chunk in chunks:
            yield check.passed(chunk)
    check.close()


async def _achecked(chunks: AsyncGenerator[Chunk, None], what: Ask) -> AsyncGenerator[Chunk, None]:
    check = what.check()
    async with aclosing(chunks):
        async for chunk in chunks:
            yield check.passed(chunk)
    check.close()


def _required(client: CygnetClient, what: Ask) -> Generator[Chunk, None, None]:
    check = what.check()
    required = RequiredTool(what.request)
    done = False
    while not done:
        gate = StreamGate(required)
        with closing(client.stream(required.request, stop=what.stop)) as chunks:
            for chunk in chunks:
                for admitted in gate.admit(chunk):
                    yield check.passed(admitted)
        done = gate.close()
    check.close()


async def _arequired(client: CygnetClient, what: Ask) -> AsyncGenerator[Chunk, None]:
    check = what.check()
    required = RequiredTool(what.request)
    done = False
    while not done:
        gate = StreamGate(required)
        async with aclosing(client.astream(required.request, stop=what.stop)) as chunks:
            async for chunk in chunks:
                for admitted in gate.admit(chunk):
                    yield check.passed(admitted)
        done = gate.close()
    check.close()


def _finished(answer: ChatResponse, what: Ask, required: RequiredTool) -> ChatResponse:
    if answer.usage is not None:
        answer.usage = required.total(answer.usage)
    if not what.parallel_tool_calls:
        for choice in answer.choices:
            if choice.message.tool_calls:
                choice.message.tool_calls = choice.message.tool_calls[:1]
    check_answer(answer, raise_on_content_filter=what.raise_on_content_filter)
    return answer
