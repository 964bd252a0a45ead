from __future__ import annotations

from itertools import count

from transport_parts import KEY, post

from grayswan_core.http.protocol import ConnectError, WaitTimeoutError, new_request


def test_a_request_asks_for_one_content_type_and_no_compression():
    made = new_request("http://h", lambda: {"a": "1", "accept-encoding": "br"}, b"x", accept="t/x")
    assert {"a": "1", "accept": "t/x", "accept-encoding": "identity"} == made.headers()
    assert ("http://h", b"x") == (made.url, made.body)


def test_headers_are_made_anew_each_time():
    tries = count()
    made = new_request("http://h", lambda: {"try": str(next(tries))}, b"", accept="t/x")
    assert ["0", "1"] == [made.headers()["try"] for _ in range(2)]


def test_neither_the_key_nor_the_prompt_is_in_a_repr():
    request = post(body=b"a secret prompt")
    assert f"Bearer {KEY}" == request.headers()["authorization"]
    assert KEY not in repr(request)
    assert "prompt" not in repr(request)


def test_errors_carry_what_happened():
    reason = OSError("refused")
    assert (reason, "refused") == (ConnectError(reason).reason, str(ConnectError(reason)))
    assert "read" == WaitTimeoutError("read").wait
