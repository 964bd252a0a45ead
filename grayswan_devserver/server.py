"""The server in a thread of its own, for tests and notebooks."""

from __future__ import annotations

import ipaddress
import socket
from threading import Event, Thread
from typing import TYPE_CHECKING

import uvicorn

from grayswan_devserver.app import create_app
from grayswan_devserver.recording import RecordedRequest, Recorder
from grayswan_devserver.scripting import Script

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable
    from types import TracebackType

    from starlette.types import ASGIApp
    from typing_extensions import Self

    from grayswan_devserver.engine import Engine
    from grayswan_devserver.load import Load
    from grayswan_devserver.scripting import Scripted

__all__ = ["DevServer", "listen"]


class DevServer:
    """Serves the Cygnet wire on a free port of this machine for the length of a `with` block.

    Args:
        engine: writes the answers; a `RulesEngine` unless given.
        models: model names accepted beside the documented ones.
        chunk_delay: pause before each piece of a stream, in seconds.
        port: the port to listen on; 0 is a free one.
        load: latency, rate limits and failures; none unless given.
        cygnal_quota: tokens that Cygnal judges before its quota is used up; None for no end.
        keep_requests: how many recorded requests are kept, the latest; all unless given.

    Raises:
        OSError: on entering, the port is taken.
    """

    def __init__(
        self,
        *,
        engine: Engine | None = None,
        models: Iterable[str] = (),
        chunk_delay: float = 0.0,
        port: int = 0,
        load: Load | None = None,
        cygnal_quota: int | None = None,
        keep_requests: int | None = None,
    ) -> None:
        self._recorder = Recorder(keep_requests)
        self._script = Script()
        self._port = port
        self._app = create_app(
            engine,
            models=models,
            chunk_delay=chunk_delay,
            recorder=self._recorder,
            script=self._script,
            load=load,
            cygnal_quota=cygnal_quota,
        )
        self._running: tuple[_Server, Thread, socket.socket] | None = None

    @property
    def url(self) -> str:
        """The base URL.

        Raises:
            RuntimeError: the server is not running.
        """
        if self._running is None:
            raise RuntimeError("the server is not running: use it as 'with DevServer() as server'")
        host, port = self._running[2].getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests since the start or the last `clear`, in the order they came."""
        return self._recorder.requests

    @property
    def statuses(self) -> Counter[int]:
        """How many responses had which status since the start or the last `clear`."""
        return self._recorder.statuses

    @property
    def last(self) -> RecordedRequest:
        """The latest request.

        Raises:
            LookupError: there was none.
        """
        requests = self.requests
        if not requests:
            raise LookupError("the server got no request")
        return requests[-1]

    def script(self, *answers: Scripted) -> None:
        """Lay out the next answers: one `Answer` or `RawResponse` for each coming request."""
        self._script.add(*answers)

    def clear(self) -> None:
        """Forget the recorded requests and the script."""
        self._recorder.clear()
        self._script.clear()

    def start(self) -> None:
        """Start serving; returns when the server accepts requests."""
        if self._running is not None:
            raise RuntimeError("the server is running already")
        listener = listen("127.0.0.1", self._port)
        server = _Server(server_config(self._app, "critical"))
        thread = Thread(target=server.serve_on, args=(listener,), name="grayswan-devserver")
        thread.daemon = True
        thread.start()
        server.settled.wait()
        self._running = (server, thread, listener)
        if not server.started:
            self.stop()
            raise RuntimeError("the server did not start")

    def stop(self) -> None:
        """Stop serving; returns when every connection is closed."""
        if self._running is None:
            return
        server, thread, listener = self._running
        self._running = None
        server.should_exit = True
        thread.join()
        listener.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(uvicorn.Server):
    """Says when it has started, or failed to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = Event()

    def serve_on(self, listener: socket.socket) -> None:
        try:
            self.run(sockets=[listener])
        finally:
            self.settled.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()


def server_config(app: ASGIApp, log_level: str) -> uvicorn.Config:
    """How uvicorn is run, here and on the command line."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        lifespan="off",
        ws="none",
        log_config=None,
        log_level=log_level,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket on this machine's loopback interface; port 0 is a free one.

    Raises:
        ValueError: the host is not a loopback address.
        OSError: the port is taken.
    """
    address = _address(host)
    if address is None or not address.is_loopback:
        raise ValueError(f"{host} is not a loopback address, and nothing else is served on")
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
    return socket.create_server((str(address), port), family=family, backlog=2048)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None
