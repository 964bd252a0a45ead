import pytest

from grayswan_devserver.recording import RecordedRequest, Recorder


def _request():
    return RecordedRequest("POST", "/", {}, authorized=True, body={}, raw=b"", request_id="r")


def test_requests_are_kept_in_order_and_cleared():
    recorder = Recorder()
    first, second = _request(), _request()
    recorder.add(first)
    recorder.add(second)
    assert [id(request) for request in recorder.requests] == [id(first), id(second)]
    recorder.clear()
    assert recorder.requests == []


def test_the_list_is_a_copy():
    recorder = Recorder()
    recorder.requests.append(_request())
    assert recorder.requests == []


def test_waiting_for_the_end():
    request = _request()
    assert request.wait(timeout=0) is False
    request.finish()
    assert request.wait() is True


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"status": 200}, "POST /chat/completion system user data -> 200"),
        ({"aborted": True}, "POST /chat/completion system user data -> client left"),
        ({"body": {"messages": 7}, "status": 422}, "POST /chat/completion -> 422"),
        ({"body": {"messages": ["x"]}}, "POST /chat/completion ? -> no response"),
    ],
)
def test_a_request_in_one_line(fields, line):
    messages = [{"role": role} for role in ("system", "user", "data")]
    given = {"headers": {}, "authorized": True, "raw": b"", "request_id": "req_1"}
    body = {"messages": messages}
    request = RecordedRequest("POST", "/chat/completion", **{"body": body, **given, **fields})
    assert line == request.line
