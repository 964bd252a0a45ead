"""One call of a model, with what the API lacks.

The pairs of functions differ in their I/O alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from grayswan_core.completion.required_tool import Rounds
from grayswan_core.completion.stream_review import StreamReview
from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.request.build import CompletionCall
from grayswan_core.wire import ChatResponse, Chunk

if TYPE_CHECKING:
    from grayswan_core.client import CygnetClient

__all__ = ["acomplete", "astream", "complete", "stream"]


def complete(client: CygnetClient, call: CompletionCall) -> ChatResponse:
    """The whole response.

    Raises:
        APIError: the request failed, no tool was called where one was required, or the response
            is not one to act on (`answer_check`).
    """
    rounds = Rounds(call)
    for request in rounds:
        rounds.take(client.complete(request, stop=call.stop))
    return rounds.response


async def acomplete(client: CygnetClient, call: CompletionCall) -> ChatResponse:
    """`complete`, async."""
    rounds = Rounds(call)
    for request in rounds:
        rounds.take(await client.acomplete(request, stop=call.stop))
    return rounds.response


def stream(
    client: CygnetClient, call: CompletionCall, answer: Accumulator | None = None
) -> Generator[Chunk, None, None]:
    """The response in chunks. Errors are those of `complete`.

    Args:
        client: Sends the requests.
        call: What is asked for.
        answer: Adds up the chunks, for callers that want the response so far.
    """
    if not call.is_reviewed:
        return client.stream(call.request, stop=call.stop, answer=answer)
    return _reviewed(client, call, answer)


def astream(
    client: CygnetClient, call: CompletionCall, answer: Accumulator | None = None
) -> AsyncGenerator[Chunk, None]:
    """`stream`, async."""
    if not call.is_reviewed:
        return client.astream(call.request, stop=call.stop, answer=answer)
    return _areviewed(client, call, answer)


def _reviewed(
    client: CygnetClient, call: CompletionCall, answer: Accumulator | None
) -> Generator[Chunk, None, None]:
    rounds = Rounds(call)
    for request in rounds:
        review = StreamReview(rounds)
        chunks = client.stream(request, stop=call.stop, answer=answer, review=review)
        with closing(chunks):
            yield from chunks


async def _areviewed(
    client: CygnetClient, call: CompletionCall, answer: Accumulator | None
) -> AsyncGenerator[Chunk, None]:
    rounds = Rounds(call)
    for request in rounds:
        review = StreamReview(rounds)
        chunks = client.astream(request, stop=call.stop, answer=answer, review=review)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
