"""The model in memory: loaded once for a process, and asked through a stream of chunks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from grayswan_devserver.smollm2.packages import llama_cpp, weights_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CONTEXT_TOKENS", "SLOTS", "ChatServer", "Chunk", "loaded", "stream"]

CONTEXT_TOKENS = 8192
"""The longest conversation, its answer included: what the model was trained for."""

SLOTS = 2
"""Requests that run at the same time; others wait. Each takes 180 MiB of memory."""

Chunk: TypeAlias = dict[str, Any]
"""A chunk in the shape of OpenAI's, or `{"error": {...}}`."""


class ChatServer(Protocol):
    """What is used of llama.cpp's server."""

    def handle_chat_completions(
        self, request: dict[str, Any], callback: Callable[[Chunk], bool]
    ) -> object:
        """Answer in chunks, blocking, until the callback returns True."""


_lock = Lock()
_servers: dict[str, ChatServer] = {}


def loaded() -> ChatServer:
    """The model, loaded at the first call, which takes a second or two.

    Raises:
        MissingModelError: a package is missing.
    """
    with _lock:
        if not _servers:
            _servers["smollm2"] = _load(llama_cpp(), weights_file())
        return _servers["smollm2"]


def _load(module: Any, weights: Path) -> ChatServer:
    params = module.CommonParams()
    params.model.path = str(weights)
    params.n_ctx = CONTEXT_TOKENS * SLOTS
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = _threads()
    params.n_gpu_layers = 0
    params.cache_ram_mib = 0
    params.warmup = False
    # Below all levels: what llama.cpp has to tell is not for the terminal of this server's user.
    params.verbosity = -1
    _close_to_others(params)
    server: ChatServer = module.Server(params)
    return server


def _close_to_others(params: Any) -> None:
    # llama.cpp opens a port of its own and cannot be told not to. Nothing here uses it: it is on
    # loopback, without pages, and with a key that nobody has.
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [secrets.token_hex()]
    params.ui = False
    params.endpoint_slots = False
    params.cors_origins = "http://127.0.0.1"


def _threads() -> int:
    # Its threads wait for each other by spinning. With one for each core, any other busy process
    # makes them ten times slower; a model this small gains little from many.
    return max(1, min(4, (os.cpu_count() or 1) // 2))


def stream(server: ChatServer, request: dict[str, Any]) -> Generator[Chunk, None, None]:
    """Ask, and give each chunk as it comes. Closing the generator stops the model.

    Raises:
        ValueError: the request is not one that llama.cpp can answer.
    """
    with closing(_Asking(server, request)) as asking:
        yield from asking


class _Asking:
    """A call that hands its chunks to a callback, turned into an iterator by a thread."""

    def __init__(self, server: ChatServer, request: dict[str, Any]) -> None:
        self._server = server
        self._request = request
        self._chunks: SimpleQueue[Chunk | Exception | None] = SimpleQueue()
        self._unwanted = Event()
        self._thread = Thread(target=self._run, name="grayswan-smollm2")
        self._thread.start()

    def __iter__(self) -> Iterator[Chunk]:
        while (chunk := self._chunks.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self) -> None:
        """Stop the model; returns when it has stopped."""
        self._unwanted.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._server.handle_chat_completions(self._request, self._take)
        except Exception as error:  # noqa: BLE001 - raised again where the chunks are read
            self._chunks.put(error)
        finally:
            self._chunks.put(None)

    def _take(self, chunk: Chunk) -> bool:
        self._chunks.put(chunk)
        return self._unwanted.is_set()
