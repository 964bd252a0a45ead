"""What networks do beneath HTTP, on both transports: TLS, names, descriptors, proxies."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest
import trio
import trustme
from fault_table import answer
from wire_server import whole

from grayswan_core import (
    APIConnectionError,
    ChatRequest,
    ClientConfig,
    ConfigurationError,
    CygnetClient,
    Limits,
    Message,
    Timeout,
)
from grayswan_core.http.certificates import ssl_context

REQUEST = ChatRequest(model="m", messages=[Message(role="user", content="Hello")])
GOOD = whole(answer())


@pytest.fixture(params=["direct", "httpx"])
def transport(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def ask(request, transport):
    """Asks once, in a model of its own, and returns the text."""

    def run(url, **more):
        config = ClientConfig.resolve(
            api_key="gs-test-key-0123",
            base_url=url,
            max_retries=0,
            allow_insecure_http=True,
            **more,
        )

        async def on_a_loop():
            async with CygnetClient(config, transport=transport) as client:
                return await client.acomplete(REQUEST)

        if request.param:
            response = asyncio.run(on_a_loop())
        else:
            with CygnetClient(config, transport=transport) as client:
                response = client.complete(REQUEST)
        return response.choices[0].message.content

    return run


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    ssl_context.cache_clear()
    yield
    ssl_context.cache_clear()


@contextmanager
def serving(handle):
    """A server that hands each connection to a function, in a thread; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection):
        connection.settimeout(30)
        with suppress(OSError), connection:
            handle(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def server_context(authority, name="localhost"):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def over_tls(authority, answer_with, *, name="localhost", **options):
    """A handler that answers each request over TLS."""
    context = server_context(authority, name)
    for option, value in options.items():
        setattr(context, option, value)

    def handle(connection):
        with context.wrap_socket(connection, server_side=True) as secured:
            while secured.recv(65536):
                answer_with(secured)

    return handle


def send(secured):
    secured.sendall(GOOD)


# --- TLS


def test_tls_with_the_trust_of_the_environment(ask, authority, trusted):
    with serving(over_tls(authority, send)) as port:
        assert "Hi there." == ask(f"https://localhost:{port}")


def test_a_certificate_of_nobody_known_is_an_error_that_says_what_to_set(ask, authority):
    with serving(over_tls(authority, send)) as port:
        with pytest.raises(APIConnectionError, match="SSL_CERT_FILE") as caught:
            ask(f"https://localhost:{port}")
        assert not caught.value.is_retryable
        assert f"https://localhost:{port}" in caught.value.message


def test_a_certificate_for_another_name_is_refused(ask, authority, trusted):
    with serving(over_tls(authority, send, name="other.example")) as port:
        with pytest.raises(APIConnectionError, match="verified") as caught:
            ask(f"https://localhost:{port}")
        assert not caught.value.is_retryable


def test_no_tls_at_all_is_a_connection_error(ask):
    with (
        serving(lambda plain: plain.recv(9999) and plain.sendall(GOOD)) as port,
        pytest.raises(APIConnectionError, match=f"https://127.0.0.1:{port} cannot be reached"),
    ):
        ask(f"https://127.0.0.1:{port}")


def test_a_client_certificate_that_is_demanded_is_a_connection_error(ask, authority, trusted):
    with (
        serving(over_tls(authority, send, verify_mode=ssl.CERT_REQUIRED)) as port,
        pytest.raises(APIConnectionError, match=f"https://localhost:{port}"),
    ):
        ask(f"https://localhost:{port}")


@pytest.mark.parametrize("how", ["cut", "reset", "garbage"])
def test_tls_that_breaks_in_the_midst_is_a_connection_error(ask, authority, trusted, how):
    def half(secured):
        secured.sendall(GOOD[:-5])
        raw = socket.socket(fileno=secured.detach())
        if how == "garbage":
            raw.sendall(b"\x17\x03\x03\x00\x40" + b"x" * 64)
        elif how == "reset":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()

    with serving(over_tls(authority, half)) as port:
        with pytest.raises(APIConnectionError, match="broke before") as caught:
            ask(f"https://localhost:{port}")
        assert caught.value.is_retryable


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_ends_before_a_request_is_no_timeout(
    ask, authority, trusted, scheme, resets
):
    """As of a load balancer that has no server behind it."""

    def leave(connection):
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    handle = leave
    if scheme == "https":
        context = server_context(authority)

        def handle(connection):
            with context.wrap_socket(connection, server_side=True) as secured:
                leave(secured)

    with serving(handle) as port, pytest.raises(APIConnectionError) as caught:
        ask(f"{scheme}://localhost:{port}")
    assert type(caught.value) is APIConnectionError
    assert caught.value.is_retryable


def test_a_handshake_without_end_is_a_timeout(ask):
    with (
        serving(lambda connection: connection.recv(65536) and threading.Event().wait(5)) as port,
        pytest.raises(APIConnectionError, match="connect"),
    ):
        ask(f"https://localhost:{port}", timeout=Timeout(connect=0.3))


# --- names and addresses


def test_a_refused_connection_names_the_address_and_the_reason(ask):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(APIConnectionError, match=f"http://127.0.0.1:{port} .*refused") as caught:
        ask(f"http://127.0.0.1:{port}")
    assert caught.value.is_retryable


def test_a_name_that_nobody_knows_is_a_connection_error(ask):
    with pytest.raises(APIConnectionError, match=r"http://nobody\.invalid cannot be reached"):
        ask("http://nobody.invalid")


def found(*addresses):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]


@pytest.mark.parametrize("family", [socket.AF_INET, 4096], ids=["refused", "unknown family"])
def test_addresses_are_tried_one_after_the_other(ask, server, monkeypatch, transport, family):
    """The system may not have the family of an address, as IPv6."""
    if transport == "httpx":
        pytest.skip("anyio and httpcore look names up in ways of their own")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = listener.getsockname()
    server.play_always(GOOD)
    alive = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    real = socket.getaddrinfo

    def look_up(host, *rest, flags=0, **more):
        return (
            [(family, *found(dead)[0][1:]), *found(alive)]
            if host == "h.example" and not flags
            else real(host, *rest, flags=flags, **more)
        )

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert "Hi there." == ask("http://h.example")


def test_a_silent_address_leaves_time_for_the_next(ask, server, monkeypatch, transport):
    if transport == "httpx":
        pytest.skip("anyio and httpcore look names up in ways of their own")
    server.play_always(GOOD)
    alive = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    real = socket.getaddrinfo
    full = socket.create_server(("127.0.0.1", 0), backlog=0)  # takes no further connection
    waiting = [socket.socket() for _ in range(8)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(full.getsockname())

    def look_up(host, *rest, flags=0, **more):
        return (
            found(full.getsockname(), alive)
            if host == "h.example" and not flags
            else real(host, *rest, flags=flags, **more)
        )

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        assert "Hi there." == ask("http://h.example", timeout=Timeout(connect=2))
    finally:
        for each in (*waiting, full):
            each.close()


def test_a_lookup_without_end_is_a_timeout(ask, monkeypatch, transport):
    if transport == "httpx":
        pytest.skip("anyio and httpcore look names up in ways of their own")
    end = threading.Event()
    real = socket.getaddrinfo

    def look_up(host, *rest, flags=0, **more):
        if not flags and host == "slow.example":
            end.wait(30)
        return real("127.0.0.1" if host == "slow.example" and not flags else host, *rest,
                    flags=flags, **more)  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        with pytest.raises(APIConnectionError, match="timeout `connect`"):
            ask("http://slow.example", timeout=Timeout(connect=0.2))
    finally:
        end.set()
        for thread in threading.enumerate():  # else the next case could join its lookup
            if thread.name == "look up slow.example":
                thread.join()


DESCRIPTORS = """
import asyncio, os, resource, sys
from grayswan_core import *
config = ClientConfig.resolve(api_key="gs-test-key", base_url=sys.argv[1], max_retries=0)
client = CygnetClient(config, transport=sys.argv[2])
request = ChatRequest(model="m", messages=[Message(role="user", content="Hello")])
loop = asyncio.new_event_loop()
loop.run_until_complete(client.acomplete(request))
client.complete(request)
loop.run_until_complete(client.aclose())
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
taken = []
try:
    while True: taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for ask in (client.complete, lambda request: loop.run_until_complete(client.acomplete(request))):
    try:
        ask(request)
    except APIConnectionError as error:
        assert "Too many open files" in error.message, error.message
    else:
        raise AssertionError
for each in taken: os.close(each)
client.complete(request)
loop.run_until_complete(client.acomplete(request))
loop.run_until_complete(client.aclose())
loop.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no such limit")
def test_without_descriptors_it_is_a_connection_error(server, transport):
    server.play_always(GOOD)
    program = [sys.executable, "-c", DESCRIPTORS, server.url, transport]
    subprocess.run(program, check=True, timeout=120)  # noqa: S603 - ours


# --- trio


def test_trio_is_refused_in_a_sentence(transport, server):
    config = ClientConfig.resolve(api_key="gs-test-key", base_url=server.url)
    client = CygnetClient(config, transport=transport)

    async def main():
        with pytest.raises(ConfigurationError, match="asyncio"):
            await client.acomplete(REQUEST)

    trio.run(main)


# --- proxies


def proxy(status, target):
    """A proxy that refuses to connect, or connects to a port."""

    def handle(connection):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        seen.append(head)
        connection.sendall(f"HTTP/1.1 {status} Whatever\r\n\r\n".encode())
        if status == 200:
            with socket.create_connection(("127.0.0.1", target)) as other:
                threading.Thread(target=pump, args=(other, connection), daemon=True).start()
                pump(connection, other)

    seen = []
    return handle, seen


def pump(source, sink):
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def ask_through(request, monkeypatch, authority, trusted):
    def run(is_async, status, target=0):
        handle, seen = proxy(status, target)
        config = ClientConfig.resolve(
            api_key="gs-test-key", base_url="https://api.example", max_retries=0
        )
        with serving(handle) as port:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{port}")
            client = CygnetClient(config)

            async def on_a_loop():
                async with client:
                    return await client.acomplete(REQUEST)

            with client:
                response = asyncio.run(on_a_loop()) if is_async else client.complete(REQUEST)
        return response.choices[0].message.content, seen

    return run


@pytest.mark.parametrize("is_async", [False, True])
def test_a_proxy_carries_tls_and_never_sees_the_key(ask_through, authority, is_async):
    with serving(over_tls(authority, send, name="api.example")) as port:
        text, seen = ask_through(is_async, 200, port)
    assert "Hi there." == text
    assert seen[0].startswith(b"CONNECT api.example:443 ")
    assert b"gs-test-key" not in seen[0]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("status", "again"), [(407, False), (403, False), (502, True)])
def test_a_proxy_that_refuses_is_named(ask_through, is_async, status, again):
    with pytest.raises(APIConnectionError, match="proxy in HTTPS_PROXY") as caught:
        ask_through(is_async, status)
    assert (status, again) == (caught.value.status_code, caught.value.is_retryable)
    assert "secret" not in caught.value.message


# --- connections


def test_a_burst_waits_for_places(server, transport):
    server.play_always(GOOD)
    config = ClientConfig.resolve(
        api_key="gs-test-key", base_url=server.url, limits=Limits(max_connections=3)
    )

    async def burst():
        async with CygnetClient(config, transport=transport) as client:
            await asyncio.gather(*(client.acomplete(REQUEST) for _ in range(60)))

    asyncio.run(burst())
    assert 60 == len(server.requests)
    if transport == "direct":
        assert 3 == len(server.connections)
