import subprocess
import sys
import threading

import httpx
import pytest

from grayswan_devserver import DevServer
from grayswan_devserver.server import listen

BODY = {"model": "cygnet", "messages": [{"role": "user", "content": "Hello!"}]}
KEY = {"Authorization": "Bearer k"}


def test_serves_on_loopback_until_the_block_ends():
    with DevServer() as server:
        url = server.url
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(url).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_servers_do_not_meet():
    with DevServer() as one, DevServer() as other:
        assert one.url != other.url
        httpx.get(one.url)
        assert (len(one.requests), len(other.requests)) == (1, 0)


def _server_threads():
    return {thread for thread in threading.enumerate() if thread.name == "grayswan-devserver"}


def test_no_thread_is_left():
    before = _server_threads()
    with DevServer() as server:
        httpx.post(f"{server.url}/chat/completion", json=BODY, headers=KEY)
        assert len(_server_threads() - before) == 1
    assert _server_threads() == before


def test_used_again():
    server = DevServer()
    for _ in range(2):
        with server:
            assert httpx.get(server.url).status_code == 200


def test_misuse_is_told():
    server = DevServer()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url
    with pytest.raises(LookupError):
        _ = server.last
    with server, pytest.raises(RuntimeError, match="running already"):
        server.start()
    server.stop()


def test_a_taken_port_is_an_error():
    with DevServer() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            DevServer(port=port).start()


def test_requests_are_cleared():
    with DevServer() as server:
        httpx.get(server.url)
        server.clear()
        assert server.requests == []


def test_many_clients_at_once():
    with DevServer() as server, httpx.Client(base_url=server.url, headers=KEY) as http:
        answers = []

        def ask(number):
            body = {**BODY, "messages": [{"role": "user", "content": f"Repeat: number {number}"}]}
            response = http.post("/chat/completion", json=body)
            answers.append(response.json()["choices"][0]["message"]["content"])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == sorted(f"number {number}" for number in range(20))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "::", "8.8.8.8"])  # noqa: S104
def test_only_loopback(host):
    with pytest.raises(ValueError, match="loopback"):
        listen(host, 0)


def test_nothing_is_left_unclosed():
    code = (
        "import httpx\n"
        "from grayswan_devserver import DevServer\n"
        "with DevServer() as server:\n"
        "    httpx.get(server.url)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    # The debugging event loop remarks on steps that a loaded machine makes slow.
    remarks = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.returncode, remarks) == (0, [])
