"""A server that is never the bottleneck: a process of its own that writes prebuilt bytes.

The first part of a request's path says how to answer, if the body asks for a stream:

    /burst-1000/...   1,000 chunks at once
    /events-1000/...  1,000 chunks, one write each
    /paced-20/...     20 chunks, one each 50 ms, whose text is the time of their writing
    /call-4000/...    a tool call with 4,000 characters of arguments, one write a chunk
    /idle-1/...       the first chunk, and then nothing until the client leaves
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.performance.wire import event, plain_response, stream_response

__all__ = ["running_server"]

_PACE_SECONDS = 0.05
_TURN = 8
"""Writes after which the server lets the network have a turn."""


@contextmanager
def running_server(*, tls: bool = False) -> Iterator[str]:
    """Run a fresh server process; gives its base URL.

    Over TLS, `SSL_CERT_FILE` names its certificate as long as it runs: clients trust it.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    certificate = _certificate() if tls else None
    if certificate is not None:
        os.environ["SSL_CERT_FILE"] = certificate[0]
    process = context.Process(target=_serve, args=(theirs, certificate), daemon=True)
    process.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{ours.recv()}"
    finally:
        os.environ.pop("SSL_CERT_FILE", None)
        process.terminate()
        process.join()


@cache
def _certificate() -> tuple[str, str]:
    """A certificate and its key: one for all servers, as clients keep what they have read of it."""
    directory = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, directory)
    certificate, key = str(directory / "certificate.pem"), str(directory / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=benchmark", "-out", certificate]
    command += ["-keyout", key, "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours
    return certificate, key


def _serve(pipe: Connection, certificate: tuple[str, str] | None) -> None:
    asyncio.run(_serve_forever(pipe, certificate))


async def _serve_forever(pipe: Connection, certificate: tuple[str, str] | None) -> None:
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    server = await asyncio.start_server(_respond_to_all, "127.0.0.1", 0, backlog=4096, ssl=context)
    pipe.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


async def _respond_to_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
    pieces = _pieces(kind == "call", 1 if kind == "idle" else int(count))
    if kind == "burst":
        writer.write(b"".join(pieces))
    elif kind == "idle":
        writer.write(pieces[0] + pieces[2])  # without the one of no text, which some withhold
    elif kind == "paced":
        await _paced(writer, pieces, int(count))
    else:
        for number, piece in enumerate(pieces):
            writer.write(piece)
            if number % _TURN == 0:
                await asyncio.sleep(0)


async def _paced(writer: asyncio.StreamWriter, pieces: list[bytes], count: int) -> None:
    writer.write(pieces[0] + pieces[1])
    for _ in range(count):
        await asyncio.sleep(_PACE_SECONDS)
        writer.write(event({"content": f"{time.monotonic():.6f}"}))
    writer.write(b"".join(pieces[-3:]))


@cache
def _plain() -> bytes:
    return plain_response()


@cache
def _pieces(calls_tool: bool, count: int) -> list[bytes]:
    return stream_response(count, calls_tool=calls_tool)
