"""The server of docs/deploying.md, run as it stands there: whole streams, and readers who leave."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn

from grayswan_devserver import Answer, DevServer, FinishPiece, RawResponse, TextPiece

PAGE = Path(__file__).parents[1] / "docs" / "deploying.md"
CODE = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1]


class Endless:
    """An engine that goes on until its client leaves."""

    fingerprint = "endless"

    def generate(self, request):
        for number in range(1_000_000):
            yield TextPiece(0, f"word {number} ")
        yield FinishPiece(0, "stop")


@pytest.fixture(params=[None, Endless()], ids=["scripted", "endless"])
def api(request, monkeypatch):
    with DevServer(**({"engine": request.param} if request.param else {})) as server:
        monkeypatch.setenv("GRAYSWAN_API_KEY", "fake-key-for-tests")
        monkeypatch.setenv("GRAY_SWAN_BASE_URL", server.url)
        yield server


@pytest.fixture
def url(api):
    """Where the page's own code is served."""
    names = {"__name__": "app"}
    exec(compile(CODE, str(PAGE), "exec"), names)  # noqa: S102 - the project's own page
    config = uvicorn.Config(names["app"], port=0, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    (listening,) = server.servers[0].sockets
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("path", ["langchain", "llama_index"])
@pytest.mark.parametrize("api", [None], indirect=True)
def test_a_whole_response_is_streamed(api, url, path):
    api.script(Answer("Swans mate for life."))
    response = httpx.post(f"{url}/{path}", json={"question": "Do they?"})
    *texts, end = response.text.strip().split("\n\n")
    assert "event: end\ndata:" == end
    assert "Swans mate for life." == "".join(json.loads(text[len("data: ") :]) for text in texts)


@pytest.mark.parametrize("path", ["langchain", "llama_index"])
@pytest.mark.parametrize("api", [Endless()], indirect=True)
def test_a_reader_who_leaves_ends_the_request_to_the_api(api, url, path):
    for _ in range(3):
        with httpx.stream("POST", f"{url}/{path}", json={"question": "Go on"}) as response:
            assert next(response.iter_lines()).startswith("data: ")
    for request in api.requests:
        assert request.wait()
        assert request.aborted


CUT = RawResponse(
    [b'data: {"choices": [{"delta": {"content": "Swans"}}]}\n\n'],
    headers={"content-type": "text/event-stream"},
)


@pytest.mark.parametrize("path", ["langchain", "llama_index"])
@pytest.mark.parametrize("api", [None], indirect=True)
def test_a_stream_that_breaks_off_ends_in_an_error_event(api, url, path):
    api.script(CUT)
    response = httpx.post(f"{url}/{path}", json={"question": "Do they?"})
    first, last = response.text.strip().split("\n\n")
    assert 'data: "Swans"' == first
    assert 'event: error\ndata: "IncompleteStreamError"' == last
