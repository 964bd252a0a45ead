"""A server that is never the bottleneck: a process of its own that writes prebuilt bytes.

The first part of a request's path says how to answer; whether the body asks for a stream says
with what:

    /burst-1000/...    1,000 chunks at once
    /pieces-1000/...   1,000 chunks in pieces of 16 KiB
    /paced-1000/...    1,000 chunks, one each millisecond
    /tools-1000/...    a tool call whose arguments come in 1,000 chunks, at once
    /idle-1/...        the first chunk, and then nothing until the client leaves
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection

from benchmarks.performance.wire import plain_answer, stream_answer

__all__ = ["running_server"]

_PIECE_SIZE = 16 * 1024
_PACE_SECONDS = 0.001


@contextmanager
def running_server() -> Iterator[str]:
    """Run a fresh server process; gives its base URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    asyncio.run(_serve_forever(pipe))


async def _serve_forever(pipe: Connection) -> None:
    server = await asyncio.start_server(_answer_all, "127.0.0.1", 0, backlog=4096)
    pipe.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


async def _answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_content_length(head))
            manner = head.split(b"/", 2)[1].decode()
            if b'"stream":true' in body.replace(b" ", b""):
                await _stream(writer, manner)
            else:
                writer.write(_plain())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _stream(writer: asyncio.StreamWriter, manner: str) -> None:
    kind, _, count = manner.partition("-")
    if kind == "paced":
        for piece in _pieces(kind, int(count)):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(_PACE_SECONDS)
    elif kind == "idle":
        writer.write(b"".join(_pieces(kind, 1)[:2]))
    elif kind == "pieces":
        whole = _whole(kind, int(count))
        for start in range(0, len(whole), _PIECE_SIZE):
            writer.write(whole[start : start + _PIECE_SIZE])
            await writer.drain()
    else:
        writer.write(_whole(kind, int(count)))


@cache
def _plain() -> bytes:
    return plain_answer()


@cache
def _pieces(kind: str, count: int) -> list[bytes]:
    return stream_answer(count, tool_call=kind == "tools")


@cache
def _whole(kind: str, count: int) -> bytes:
    return b"".join(_pieces(kind, count))
