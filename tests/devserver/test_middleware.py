import httpx
import pytest

from grayswan_devserver.middleware import RecordingMiddleware, bearer_key
from grayswan_devserver.recording import Recorder

BODY = {"model": "cygnet", "messages": [{"role": "user", "content": "Hello!"}]}


def test_requests_are_recorded_without_their_key(http, grayswan_server):
    response = http.post("/chat/completion", json=BODY, headers={"X-Mine": "yes"})
    request = grayswan_server.last
    assert (request.method, request.path, request.status) == ("POST", "/chat/completion", 200)
    assert request.body == BODY
    assert request.authorized is True
    assert request.headers["x-mine"] == "yes"
    assert "authorization" not in request.headers
    assert "local-test" not in repr(request)
    assert response.headers["x-request-id"] == request.request_id


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [("GET", "/nothing", b""), ("POST", "/chat/completion", b"{"), ("POST", "/moderation", b"[]")],
)
def test_every_response_has_an_id_and_is_recorded(http, grayswan_server, method, path, content):
    response = http.request(method, path, content=content)
    assert response.headers["x-request-id"]
    assert grayswan_server.last.status == response.status_code
    assert grayswan_server.last.body == {}
    assert grayswan_server.last.raw == content


def test_a_request_without_a_key_is_recorded_as_such(grayswan_server):
    httpx.post(f"{grayswan_server.url}/chat/completion", json=BODY)
    assert grayswan_server.last.authorized is False


def test_ids_differ(http):
    ids = {http.post("/chat/completion", json=BODY).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("header", "key"),
    [("Bearer abc", "abc"), ("bearer abc ", "abc"), ("Basic abc", ""), ("", ""), ("Bearer", "")],
)
def test_bearer_key(header, key):
    assert bearer_key(header) == key


async def test_whoever_has_a_response_finds_it_counted():
    recorder = Recorder()
    counted = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 429, "headers": []})

    async def receive():
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message):
        counted.append((recorder.requests[-1].status, recorder.statuses))

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await RecordingMiddleware(app, recorder)(scope, receive, send)

    assert counted == [(429, {429: 1})]
