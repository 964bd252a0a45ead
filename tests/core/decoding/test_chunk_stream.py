from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.decoding.chunk_stream import ChunkStream
from grayswan_core.errors import (
    APIError,
    IncompleteStreamError,
    InternalServerError,
    ResponseError,
    StreamError,
)


def read(*pieces, **settings):
    """All chunks of a stream, to its end."""
    stream = ChunkStream(**settings)
    chunks = [chunk for piece in pieces for chunk in stream.feed(piece)]
    return [*chunks, *stream.close()]


def added_up(chunks):
    accumulator = Accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    return accumulator.response()


def event(choices=(), **fields):
    data = json.dumps({"id": "chat-1", "choices": list(choices), **fields}, ensure_ascii=False)
    return f"data: {data}\n\n".encode()


def text(content, *, index=0, finish_reason=None):
    return {"index": index, "delta": {"content": content}, "finish_reason": finish_reason}


DONE = b"data: [DONE]\n\n"
END = event([text(None, finish_reason="stop")])


def outcome(pieces, **settings):
    """What a stream comes to, an error included, as something to compare."""
    chunks = []
    stream = ChunkStream(**settings)
    try:
        for piece in pieces:
            chunks += stream.feed(piece)
        stream.close()
    except APIError as error:
        return chunks, type(error), error.message, error.partial
    return chunks, None, stream.done, stream.finished


@pytest.mark.parametrize("name", ["plain", "crlf", "cr", "byte_order_mark"])
def test_a_plain_stream_is_its_text_whatever_ends_its_lines(stream_file, name):
    chunks = read(stream_file(name))
    response = added_up(chunks)
    assert ["", "Hello", ", wörld", " 🦢.", None] == [
        chunk["choices"][0]["delta"].get("content") for chunk in chunks
    ]
    assert "Hello, wörld 🦢." == response.choices[0].message.content
    assert "stop" == response.choices[0].finish_reason
    assert ("chat-7f3a", "cygnet", 1735689600, "fp_1") == (
        response.id,
        response.model,
        response.created,
        response.system_fingerprint,
    )


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("tool_call", [("call_1", "get_weather", '{"city": "Columbus"}')]),
        (
            "two_tool_calls_in_one_chunk",
            [("call_1", "add", '{"a": 1, "b": 2}'), ("call_2", "now", "{}")],
        ),
        (
            "interleaved_tool_calls",
            [("call_1", "first", '{"x": 1}'), ("call_2", "second", '{"y": 2}')],
        ),
    ],
)
def test_tool_calls_come_together(stream_file, name, calls):
    choice = added_up(read(stream_file(name))).choices[0]
    assert "tool_calls" == choice.finish_reason
    assert calls == [
        (call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls
    ]


def test_usage_may_come_in_a_chunk_without_choices(stream_file):
    *_, last = read(stream_file("usage_without_choices"))
    assert [] == last["choices"]
    assert 13 == last["usage"]["total_tokens"]


def test_two_answers_are_kept_apart(stream_file):
    response = added_up(read(stream_file("two_answers"), expected_choices=2))
    assert [("Hello", "stop"), ("Howdy", "length")] == [
        (choice.message.content, choice.finish_reason) for choice in response.choices
    ]


def test_comments_empty_data_and_chunks_of_nothing_are_passed_over(stream_file):
    chunks = read(stream_file("keep_alives"))
    assert ["a", "b"] == [chunk["choices"][0]["delta"].get("content") for chunk in chunks]


def test_null_is_read_as_absent(stream_file):
    assert "x" == added_up(read(stream_file("nulls"))).choices[0].message.content


def test_separators_that_are_no_line_ends_stay_in_the_text(stream_file):
    response = added_up(read(stream_file("odd_line_separators")))
    assert "a\u2028b\u2029c\u0085d\x7f" == response.choices[0].message.content


def test_a_finish_reason_is_enough_for_a_whole_answer(stream_file):
    assert "whole" == added_up(read(stream_file("no_done"))).choices[0].message.content


def test_done_is_enough_for_a_whole_answer():
    assert ["a"] == [
        chunk["choices"][0]["delta"].get("content") for chunk in read(event([text("a")]), DONE)
    ]


@pytest.mark.parametrize(
    ("name", "partial"),
    [("no_finish_reason", "half of it"), ("cut_in_an_event", "cut "), ("open_tool_call", "")],
)
def test_a_stream_that_ends_before_its_answer_is_an_error_with_what_came(
    stream_file, name, partial
):
    with pytest.raises(IncompleteStreamError) as caught:
        read(stream_file(name))
    assert partial == caught.value.partial_text
    assert caught.value.is_retryable
    assert caught.value.partial.choices[0].finish_reason is None


@pytest.mark.parametrize(
    "body", [b"", b": only a comment\n\n", b"\n\n\n", event(), b"data: {", DONE, event() + DONE]
)
def test_a_stream_without_an_answer_is_an_error_with_nothing_in_it(body):
    with pytest.raises(IncompleteStreamError) as caught:
        read(body)
    assert caught.value.partial is None
    assert "" == caught.value.partial_text


def test_an_answer_that_was_asked_for_and_never_began_is_missed():
    with pytest.raises(IncompleteStreamError):
        read(event([text("a", finish_reason="stop")]), expected_choices=2)


def test_one_of_two_answers_without_its_end_is_missed():
    body = event([text("a", finish_reason="stop"), text("b", index=1)])
    with pytest.raises(IncompleteStreamError) as caught:
        read(body, expected_choices=2)
    assert ["stop", None] == [choice.finish_reason for choice in caught.value.partial.choices]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("error_service", StreamError, "Model overloaded: try later"),
        ("error_fastapi", StreamError, "body.messages.0.content: field required"),
        ("error_openai", InternalServerError, "Model overloaded"),
        ("error_text", StreamError, "Model overloaded"),
        ("error_detail", StreamError, "Model overloaded"),
        ("error_gateway", StreamError, "Internal server error"),
        ("error_named_event", StreamError, "Model overloaded"),
        ("error_beside_choices", InternalServerError, "Provider disconnected"),
        ("error_html", ResponseError, "<html>502 Bad Gateway</html>"),
        ("bad_utf8", ResponseError, "cannot be read"),
    ],
)
def test_an_error_inside_a_stream_comes_in_the_services_words(stream_file, name, kind, words):
    with pytest.raises(APIError) as caught:
        read(stream_file(name))
    assert kind is type(caught.value)
    assert words in caught.value.message
    assert caught.value.partial_text in {"before", "ok"}
    unreadable = "cannot be read" in caught.value.message
    assert unreadable == (type(caught.value.__cause__) is ValueError)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "data",
    ["error", '"words"', "[1]", "null", "12", '{"a": 1}', "{}", '{"choices": []}', ""],
)
def test_an_event_named_error_is_one_whatever_its_data(data):
    with pytest.raises(StreamError):
        read(f"event: error\ndata: {data}\n\n".encode())


@pytest.mark.parametrize(
    "extra",
    [
        {"error": None},
        {"error": False},
        {"error": ""},
        {"error": {}},
        {"detail": "a field of tomorrow"},
        {"message": "a field of tomorrow", "detail": {"a": 1}},
        {"service_tier": "default", "provider": "x", "copy": 1, "model_fields": 2},
    ],
)
@pytest.mark.parametrize("usage", [False, True])
def test_a_chunk_with_unknown_fields_is_a_chunk(extra, usage):
    fields = {"usage": {"total_tokens": 1}} if usage else {}
    choices = [] if usage else [text("a")]
    chunk, *_ = read(event(choices, **fields, **extra), event([text("b")]), END)
    assert extra.items() <= chunk.items()


@pytest.mark.parametrize("data", ["{}", '{"type": "ping"}', '{"id": "chat-1"}', " "])
def test_an_event_that_says_nothing_is_passed_over(data):
    chunks = read(f"data: {data}\n\n".encode(), event([text("a")]), END)
    assert ["a", None] == [chunk["choices"][0]["delta"].get("content") for chunk in chunks]


def test_an_event_past_the_limit_is_an_error_with_what_came():
    stream = ChunkStream(max_event_size=200)
    list(stream.feed(event([text("a")])))
    with pytest.raises(ResponseError, match="larger than 200 bytes") as caught:
        list(stream.feed(b"data: " + b"x" * 300))
    assert "a" == caught.value.partial_text


def test_nothing_is_read_after_the_end():
    stream = ChunkStream()
    body = event([text("a")]) + DONE + event([text("b")]) + b"data: nonsense\n\n"
    assert 1 == len(list(stream.feed(body)))
    assert [] == list(stream.feed(body))
    assert () == stream.close()


def test_an_answer_is_finished_before_its_stream_is_done():
    stream = ChunkStream()
    list(stream.feed(event([text("a")])))
    assert (True, False, False) == (stream.started, stream.finished, stream.done)
    list(stream.feed(END))
    assert (True, True, False) == (stream.started, stream.finished, stream.done)
    list(stream.feed(DONE))
    assert (True, True, True) == (stream.started, stream.finished, stream.done)


def test_failing_gives_the_same_error_what_had_come_and_may_be_said_twice():
    stream = ChunkStream(stop=["END"])
    list(stream.feed(event([text("text and EN")])))
    error = APIError("broken")
    assert error is stream.failed(error)
    assert "text and EN" == stream.failed(error).partial_text


# --- stop sequences


def test_an_answer_ends_at_its_stop_sequence_though_it_comes_in_pieces():
    stream = ChunkStream(stop=["\nUser:"])
    body = event([text("Hi.")]) + event([text("\nUs")]) + event([text("er: more")])
    chunks = list(stream.feed(body + event([text("never")])))
    assert [("Hi.", None), ("", None), ("", "stop")] == [
        (chunk["choices"][0]["delta"].get("content"), chunk["choices"][0].get("finish_reason"))
        for chunk in chunks
    ]
    assert stream.done
    assert () == stream.close()


def test_text_that_waited_for_a_stop_that_did_not_come_is_not_lost_at_the_finish_reason():
    response = added_up(read(event([text("a\nUs")]), END, stop=["\nUser:"]))
    assert "a\nUs" == response.choices[0].message.content


def test_text_that_waited_for_a_stop_that_did_not_come_is_not_lost_at_done():
    response = added_up(read(event([text("a\nUs")]), DONE, stop=["\nUser:"]))
    assert "a\nUs" == response.choices[0].message.content


def test_each_answer_has_a_stop_of_its_own():
    stream = ChunkStream(stop=["END"], expected_choices=2)
    first = list(stream.feed(event([text("aEND"), text("bEN", index=1)])))
    assert not stream.done
    second = list(stream.feed(event([text("a"), text("D", index=1)])))
    assert stream.done
    response = added_up(first + second)
    assert [("a", "stop"), ("b", "stop")] == [
        (choice.message.content, choice.finish_reason) for choice in response.choices
    ]


def test_a_chunk_of_which_a_stop_leaves_nothing_is_not_handed_out():
    stream = ChunkStream(stop=["END"], expected_choices=2)
    list(stream.feed(event([text("aEND")])))
    assert [] == list(stream.feed(event([text("more")])))


def test_a_tool_call_beside_a_stop_goes_with_the_rest():
    delta = {"content": "END", "tool_calls": [{"index": 0, "function": {"name": "f"}}]}
    (chunk,) = read(event([{"index": 0, "delta": delta}]), stop=["END"])
    assert "tool_calls" not in chunk["choices"][0]["delta"]
    assert "stop" == chunk["choices"][0]["finish_reason"]


def test_a_stop_leaves_null_content_null():
    chunks = read(event([{"delta": {"role": "assistant", "content": None}}]), END, stop=["END"])
    assert [None, None] == [chunk["choices"][0]["delta"].get("content") for chunk in chunks]


# --- any stream at all

_names = st.sampled_from(
    [
        "plain",
        "crlf",
        "cr",
        "keep_alives",
        "nulls",
        "interleaved_tool_calls",
        "two_answers",
        "cut_in_an_event",
        "error_service",
        "error_html",
        "bad_utf8",
        "usage_without_choices",
    ]
)
_places = st.lists(st.integers(min_value=0, max_value=5000), max_size=20)


def cut(body, places):
    ends = sorted(place % (len(body) + 1) for place in places)
    return [body[start:end] for start, end in zip([0, *ends], [*ends, len(body)], strict=True)]


@pytest.fixture(scope="module")
def any_stream(request):
    folder = request.path.parents[1] / "streams"
    return lambda name: (folder / f"{name}.txt").read_bytes()


@given(name=_names, places=_places, stop=st.sampled_from([(), ("lo",), (", w", "🦢"), ("b",)]))
def test_it_does_not_matter_where_a_stream_is_cut(any_stream, name, places, stop):
    body = any_stream(name)
    assert outcome([body], stop=stop) == outcome(cut(body, places), stop=stop)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "content",
                    "tool_calls",
                    "function",
                    "index",
                    "usage",
                    "error",
                    "detail",
                    "message",
                    "msg",
                    "loc",
                    "code",
                    "id",
                    "finish_reason",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_events = st.one_of(
    _json.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
    _json.map(lambda value: b"event: error\ndata: " + json.dumps(value).encode() + b"\n\n"),
    st.binary(max_size=20),
    st.binary(max_size=20).map(lambda data: b"data: " + data + b"\n\n"),
    st.sampled_from([event([text("END a")]), END, DONE]),
)


@given(st.lists(_events, max_size=8), st.sampled_from([(), ("END",)]))
@example([b'data: {"detail": [{"msg": "x", "loc": null}]}\n\n'], ())
@example([b'data: {"detail": [{"msg": "x", "loc": 5}]}\n\n'], ())
@example([b"data: " + b"[" * 10_000 + b"\n\n"], ())
@example([b'data: {"created": ' + b"9" * 5_000 + b"}\n\n"], ())
@example([b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n'], ())
def test_any_stream_gives_chunks_or_an_api_error(events, stop):
    together = outcome([b"".join(events)], stop=stop)
    apart = outcome([bytes([byte]) for byte in b"".join(events)], stop=stop)
    assert repr(together) == repr(apart)  # NaN is not equal to itself


def test_what_came_before_an_event_past_the_limit_is_handed_out_though_in_the_same_piece():
    piece = event([text("so far")]) + b"data: " + b"x" * 200
    chunks = ChunkStream(max_event_size=150)
    came = []
    with pytest.raises(ResponseError, match="larger than 150") as caught:
        came.extend(chunks.feed(piece))
    assert "so far" == caught.value.partial_text


REPEATED = [event([text(each, finish_reason="stop")]) for each in ("a", "b", "c")]


def test_a_response_that_goes_on_after_its_finish_reason_is_whole_with_done_alone():
    stream = ChunkStream()
    states = []
    for body in (*REPEATED, event([text("", finish_reason="stop")]), b"data: [DONE]\n\n"):
        list(stream.feed(body))
        states.append((stream.finished, stream.resumed))
    assert [(True, False), *[(False, True)] * 3, (True, False)] == states
    assert () == stream.close()


@pytest.mark.parametrize("index", [0, 1])
def test_a_response_that_goes_on_after_its_finish_reason_is_not_whole_without_done(index):
    stream = ChunkStream(expected_choices=2)
    for body in (event([text("a", finish_reason="stop"), text("b", index=1, finish_reason="stop")]),
                 event([text("c", index=index)])):  # fmt: skip
        list(stream.feed(body))
    with pytest.raises(IncompleteStreamError) as caught:
        stream.close()
    contents = [choice.message.content for choice in caught.value.partial.choices]
    assert (["ac", "b"], ["a", "bc"])[index] == contents


def test_a_stop_sequence_is_found_across_repeated_finish_reasons():
    stream = ChunkStream(stop=["STOP"])
    pieces = ("a", " ST", "OP b")
    bodies = [event([text(each, finish_reason="stop")]) for each in pieces]
    chunks = [chunk for body in bodies for chunk in stream.feed(body)]
    assert ["a", " ", ""] == [chunk["choices"][0]["delta"]["content"] for chunk in chunks]
    assert stream.cut
