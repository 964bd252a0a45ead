from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace

import pytest
from client_calls import REQUEST, answer, event, text_of
from wire_server import LAST_CHUNK, Close, Reset, Stall, chunk, head, stream, whole

from grayswan_core.decoding.chunk_stream import ChunkStream
from grayswan_core.decoding.json_body import JSONBody
from grayswan_core.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    IncompleteStreamError,
    InternalServerError,
    ResponseError,
    StreamError,
)
from grayswan_core.http.attempt import Attempt, Call
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.protocol import Request
from grayswan_core.limits import Limits, Timeout
from grayswan_core.wire import ChatResponse

A = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def begin(clock):
    def start(new_reader=ChunkStream, *, may_linger=True, size=10_000, **timeout):
        streams = new_reader is not plain
        request = Request("http://x/", dict, b"")
        call = Call(request, "text/event-stream", streams, new_reader, refuse)
        limits = Limits(max_response_size=size, max_error_size=10)
        attempt = Attempt(call, Deadline(Timeout(**timeout), clock), limits)
        attempt.begin(200, {"x-request-id": "req-1"}, may_linger=may_linger)
        return attempt

    return start


def refuse(status, headers, body):
    raise AssertionError


def plain():
    return JSONBody(ChatResponse)


def test_pieces_become_chunks_and_the_end_is_the_end(begin):
    attempt = begin()
    assert 1 == len(list(attempt.feed(A)))
    assert not attempt.over
    assert 1 == len(list(attempt.feed(END)))
    assert () == attempt.close()


def test_what_has_come_is_handed_out_and_then_it_is_late(begin, clock):
    attempt = begin(total=10)
    clock.now = 11
    chunks = attempt.feed(A)
    assert "a" == next(chunks)["choices"][0]["delta"].get("content")
    with pytest.raises(APITimeoutError, match="total"):
        next(chunks)


def test_pieces_that_make_no_chunk_do_not_count(begin, clock):
    attempt = begin(between_chunks=10)
    for now in (4, 8):
        clock.now = now
        assert [] == list(attempt.feed(b": alive\n\n"))
    clock.now = 12
    with pytest.raises(APITimeoutError, match="between_chunks"):
        list(attempt.feed(b": alive\n\n"))


def test_a_whole_answer_has_no_chunks_to_wait_for(begin, clock):
    attempt = begin(plain, between_chunks=10)
    clock.now = 100
    assert [] == list(attempt.feed(b" "))


def test_a_body_past_the_limit_is_an_error_before_it_is_whole(begin):
    attempt = begin(plain, size=10)
    list(attempt.feed(b"12345"))
    list(attempt.feed(b"12345"))
    with pytest.raises(ResponseError, match=r"larger than 10 bytes \(limit `max_response_size`\)"):
        list(attempt.feed(b"1"))


def test_the_end_of_a_body_is_waited_for_where_that_can_be_short(begin, clock):
    attempt = begin()
    list(attempt.feed(A + END + DONE))
    assert not attempt.over
    clock.now = 1
    with attempt:  # the response is whole, so nothing is lost
        list(attempt.feed(b": more\n"))
    elsewhere = begin(may_linger=False)
    list(elsewhere.feed(A + END + DONE))
    assert elsewhere.over


def test_it_is_not_waited_for_where_the_answer_is_none_or_was_cut_by_us(begin):
    empty = begin()
    list(empty.feed(DONE))
    assert empty.over
    cut = begin(lambda: ChunkStream(stop=("a",)))
    list(cut.feed(A))
    assert cut.over


def test_an_error_is_told_what_is_known_of_the_answer(begin):
    attempt = begin()
    assert attempt.judge(ResponseError("x"))
    list(attempt.feed(A))
    error = APIConnectionError("x")
    with pytest.raises(APIConnectionError), attempt:
        raise error
    assert not attempt.judge(error)
    assert ("a", 200, "req-1") == (error.partial_text, error.status_code, error.request_id)
    known = StreamError("x", status_code=503, request_id="req-2")
    attempt.judge(known)
    assert (503, "req-2") == (known.status_code, known.request_id)


def test_the_response_is_known_by_its_request_id(begin):
    first, second, last = begin().feed(A + A + END)
    assert "req-1" == first["request_id"]
    assert not {"request_id"} & {*second, *last}
    whole = begin(plain)
    list(whole.feed(b'{"choices": [{"message": {"content": "a"}}], "request_id": 7}'))
    (response,) = whole.close()
    assert "req-1" == response.request_id
    assert "request_id" not in response.model_dump()


def test_a_call_shows_neither_its_prompt_nor_its_headers(begin):
    request = Request("http://x/", lambda: {"key": "secret"}, b"the prompt")
    shown = repr(replace(begin()._call, request=request))
    assert "prompt" not in shown
    assert "headers" not in shown


def test_no_try_begins_when_the_time_is_up(clock):
    deadline = Deadline(Timeout(total=1), clock)
    call = Call(Request("http://x/", dict, b""), "", True, ChunkStream, refuse)
    clock.now = 1
    with pytest.raises(APITimeoutError, match="total"):
        Attempt(call, deadline, Limits())


REPEATED = A.replace(b"}}]", b'}, "finish_reason": "stop"}]')


@pytest.mark.parametrize("seconds", [1, 6, 59])
def test_a_response_that_goes_on_after_its_finish_reason_waits_for_each_next_chunk(
    begin, clock, seconds
):
    attempt = begin(total=None)
    list(attempt.feed(REPEATED))
    clock.now += 4
    for _ in range(20):
        assert 1 == len(list(attempt.feed(REPEATED)))
        clock.now += seconds
    list(attempt.feed(DONE))
    assert () == attempt.close()


def test_what_follows_a_finish_reason_without_text_is_still_waited_for_briefly(begin, clock):
    attempt = begin()
    list(attempt.feed(A))
    for _ in range(5):
        list(attempt.feed(END))
        clock.now += 1.1
    with pytest.raises(APITimeoutError):
        list(attempt.feed(b": keep-alive\n\n"))


def test_only_done_ends_a_response_that_went_on_after_its_finish_reason(begin):
    broken = APIConnectionError("The connection was reset.")
    attempt = begin()
    list(attempt.feed(REPEATED))
    with attempt:
        raise broken
    list(attempt.feed(REPEATED))
    with pytest.raises(IncompleteStreamError, match="was reset") as caught, attempt:
        raise broken
    assert broken is caught.value.__cause__
    with pytest.raises(IncompleteStreamError):
        attempt.close()
    list(attempt.feed(DONE))
    with attempt:
        raise broken
    assert () == attempt.close()


# --- a stream that fails


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ((Reset(),), APIConnectionError),
        ((Close(),), APIConnectionError),
        ((LAST_CHUNK,), IncompleteStreamError),
        ((chunk(b"data: {half an"), LAST_CHUNK), IncompleteStreamError),
        ((chunk(b'data: {"error": "overloaded"}\n\n'), LAST_CHUNK), StreamError),
        ((chunk(b'data: {"error": {"code": 503}}\n\n'), LAST_CHUNK), InternalServerError),
        ((chunk(b"data: nonsense\n\n"), LAST_CHUNK), ResponseError),
        ((chunk(b"data: \xff\n\n"), LAST_CHUNK), ResponseError),
        ((b"this is no chunk\r\n",), APIConnectionError),
    ],
    ids=["reset", "close", "end", "half", "error", "503", "nonsense", "utf8", "framing"],
)
async def test_a_stream_that_breaks_is_an_error_with_what_came(server, calls, sleeps, steps, kind):
    server.play(*stream(event("so "), event("far")), *steps)
    chunks, error = await calls.stream()
    assert "so far" == text_of(chunks)
    assert kind is type(error)
    assert "so far" == error.partial_text
    assert error.partial.choices[0].finish_reason is None
    assert (1, []) == (len(server.requests), sleeps)  # the chunks are out and cannot be taken back


async def test_a_stream_that_stalls_is_an_error_with_what_came(server, half, new_client, sleeps):
    calls = half(new_client(timeout=Timeout(read=0.5)))
    server.play(*stream(event("so far")), Stall())
    _, error = await calls.stream()
    assert APITimeoutError is type(error)
    assert "so far" == error.partial_text
    assert [] == sleeps


@pytest.mark.parametrize(
    "steps", [(Reset(),), (Close(),), (LAST_CHUNK,), (b"this is no chunk\r\n",), (Stall(),)]
)
async def test_an_answer_that_is_whole_survives_what_comes_after(server, half, new_client, steps):
    calls = half(new_client(timeout=Timeout(read=0.5)))
    server.play(*stream(event("whole", "stop")), *steps)
    chunks, error = await calls.stream()
    assert error is None
    assert "whole" == text_of(chunks)


async def test_one_whole_answer_of_two_does_not(server, client, sleeps):
    server.play(*stream(event("whole", "stop")), Reset())
    with pytest.raises(APIConnectionError) as caught:
        list(client.stream(REQUEST.model_copy(update={"n": 2})))
    assert "whole" == caught.value.partial_text


async def test_an_error_after_a_whole_answer_is_still_told(server, calls):
    server.play(*stream(event("whole", "stop"), b'data: {"error": "moderated"}\n\n'), LAST_CHUNK)
    _, error = await calls.stream()
    assert StreamError is type(error)


async def test_text_that_waited_for_a_stop_sequence_is_in_the_partial_answer(server, calls):
    server.play(*stream(event("a\nUs")), Reset())
    chunks, error = await calls.stream(stop=["\nUser:"])
    assert ("a", "a\nUs") == (text_of(chunks), error.partial_text)


async def test_an_error_of_the_client_comes_whole_out_of_a_pickle(server, calls):
    server.play(*stream(event("so far")), Reset())
    _, error = await calls.stream()
    copied = pickle.loads(pickle.dumps(error))
    assert type(error) is type(copied)
    assert (error.message, error.partial) == (copied.message, copied.partial)


# --- a response that is none


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(server, calls, status):
    server.play(whole("", status, headers={"location": f"{server.url}/elsewhere"}))
    with pytest.raises(APIStatusError, match=str(status)):
        await calls.complete()
    assert 1 == len(server.requests)


async def test_html_is_an_error_that_names_it(server, calls, sleeps):
    server.play(whole("<html>Sign in</html>", content_type="text/html"))
    with pytest.raises(ResponseError, match=r"text/html.*Sign in") as caught:
        await calls.complete()
    assert [] == sleeps
    assert "<html>Sign in</html>" == caught.value.body


async def test_html_where_a_stream_was_asked_for_is_an_error_that_names_it(server, calls):
    server.play(whole("<html>Sign in</html>", content_type="text/html"))
    chunks, error = await calls.stream()
    assert [] == chunks
    assert "text/html instead of text/event-stream" in error.message


async def test_json_where_a_stream_was_asked_for_is_an_error_that_names_it(server, calls):
    server.play(whole(answer()))
    _, error = await calls.stream()
    assert ResponseError is type(error)
    assert "application/json instead of text/event-stream" in error.message


async def test_an_error_where_a_stream_was_asked_for_is_that_error(server, calls):
    server.play(whole('{"error": "overloaded"}'))
    _, error = await calls.stream()
    assert StreamError is type(error)
    assert "overloaded" in error.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": true, "message": "overloaded"}', "overloaded"),
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("{}", "choices: Field required"),
        ('{"choices": []}', "choices"),
    ],
)
async def test_json_that_is_no_answer_is_an_error(server, calls, body, words):
    server.play(whole(body))
    with pytest.raises(ResponseError, match=words):
        await calls.complete()


async def test_an_error_body_that_breaks_off_leaves_the_status(server, half, new_client):
    calls = half(new_client(max_retries=0))
    server.play(head(503) + b"content-length: 100\r\n\r\nover", Close())
    with pytest.raises(InternalServerError, match=r"503\. over"):
        await calls.complete()


async def test_of_an_endless_error_body_only_the_start_is_read(server, half, new_client):
    calls = half(new_client(max_retries=0))
    endless = [chunk(b"x" * 65536)] * 1000
    server.play(head(500, "text/plain") + b"transfer-encoding: chunked\r\n\r\n", *endless, Stall())
    with pytest.raises(InternalServerError, match=r"xxx\.\.\."):
        await calls.complete()
    await asyncio.to_thread(server.wait_for_close)


async def test_a_compressed_answer_is_read_though_none_was_asked_for(server, calls):
    import gzip  # noqa: PLC0415

    body = gzip.compress(answer().encode())
    server.play(whole(body, headers={"content-encoding": "gzip"}))
    assert "Hi there." == (await calls.complete()).choices[0].message.content
    server.play(whole(b"not gzip", headers={"content-encoding": "gzip"}))
    with pytest.raises(ResponseError, match="cannot be decompressed"):
        await calls.complete()
