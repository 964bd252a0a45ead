from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grayswan_core.decoding.sse import Event, EventDecoder, EventTooLargeError


def decode(*pieces):
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def by_the_standard(body):
    """The algorithm of the WHATWG standard, character for character where it has one.

    Decoding is by latin-1, which keeps bytes as they are; the one mark of byte order that UTF-8
    decoding strips is stripped by hand.
    """
    text = body.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    events = []
    data_buffer = event_type = line = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character not in "\r\n":
            line += character
            continue
        if character == "\r" and text[position : position + 1] == "\n":
            position += 1
        if line == "":
            if data_buffer != "":
                data = data_buffer.removesuffix("\n").encode("latin-1")
                events.append(Event(data, (event_type or "message").encode("latin-1")))
            data_buffer = event_type = ""
        elif not line.startswith(":"):
            name, colon, value = line.partition(":")
            if colon and value.startswith(" "):
                value = value[1:]
            if name == "event":
                event_type = value
            elif name == "data":
                data_buffer += value + "\n"
        line = ""
    return events


def cut(body, places):
    ends = sorted(place % (len(body) + 1) for place in places)
    return [body[start:end] for start, end in zip([0, *ends], [*ends, len(body)], strict=True)]


# Bytes that mean something are likely, so that streams of them mean something too.
_fragments = st.one_of(
    st.sampled_from(
        [
            b"data",
            b"data:",
            b"data: ",
            b"event:",
            b"event: x",
            b"id: 1",
            b":",
            b" ",
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"\r\n\r\n",
            b"\xef\xbb\xbf",
            b"\x00",
            b"\xe2\x80\xa8",
            b"\xc2\x85",
            b"\x0b",
            b"\x0c",
            b"\x1c",
            b"[DONE]",
            b"{}",
        ]
    ),
    st.binary(max_size=6),
)
streams = st.lists(_fragments, max_size=40).map(b"".join)
places = st.lists(st.integers(min_value=0, max_value=400), max_size=12)


@given(streams)
@example(b"\xef\xbb\xbf\xef\xbb\xbfdata: two marks\n\n")
@example(b"\n\xef\xbb\xbfdata: a mark on the second line\n\n")
@example(b"data\n\ndata:\n\ndata: \n\n")
def test_any_stream_is_read_as_the_standard_says(body):
    assert by_the_standard(body) == decode(body)


@given(streams, places)
def test_it_does_not_matter_where_a_stream_is_cut(body, where):
    assert decode(body) == decode(*cut(body, where))


@given(streams)
def test_a_stream_may_come_byte_by_byte_with_empty_pieces_between(body):
    pieces = [piece for byte in body for piece in (bytes([byte]), b"")]
    assert decode(body) == decode(*pieces)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            b"data: YHOO\ndata: +2\ndata: 10\n\n", [Event(b"YHOO\n+2\n10")], id="three data lines"
        ),
        pytest.param(
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
            b"data:  third event\n\n",
            [Event(b"first event"), Event(b"second event"), Event(b" third event")],
            id="a comment, ids, and one space that goes",
        ),
        pytest.param(
            b"data\n\ndata\ndata\n\ndata:", [Event(b""), Event(b"\n")], id="data without a colon"
        ),
        pytest.param(
            b"data:test\n\ndata: test\n\n", [Event(b"test"), Event(b"test")], id="with and without"
        ),
        pytest.param(
            b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
            [Event(b"73857293", b"add"), Event(b"2153", b"remove")],
            id="named events",
        ),
    ],
)
def test_the_examples_of_the_standard(body, expected):
    assert expected == decode(body)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_line_ends_with_cr_with_lf_or_with_both(end):
    assert [Event(b"a\nb"), Event(b"c")] == decode(
        b"data: a" + end + b"data: b" + end + end + b"data: c" + end + end
    )


def test_cr_and_lf_in_two_reads_are_one_line_end():
    assert [Event(b"a\nb")] == decode(b"data: a\r", b"\ndata: b\r", b"", b"\n\r", b"\n")


def test_an_event_comes_out_at_the_cr_and_does_not_wait_for_an_lf():
    assert [Event(b"a")] == decode(b"data: a\r\r")


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c", "\x1e"])
def test_nothing_else_ends_a_line(character):
    data = f"a{character}data: b".encode()
    assert [Event(data)] == decode(b"data: " + data + b"\n\n")


def test_a_character_may_be_split_across_reads():
    body = "data: wörld 🦢\n\n".encode()
    assert [Event("wörld 🦢".encode())] == decode(*(bytes([byte]) for byte in body))


def test_a_byte_order_mark_may_come_first_in_pieces():
    assert [Event(b"a")] == decode(b"\xef", b"\xbb", b"\xbf", b"data: a\n\n")


def test_an_event_that_the_end_cuts_off_is_no_event():
    assert [Event(b"a")] == decode(b"data: a\n\ndata: b\n")


def test_a_name_without_data_is_no_event_and_does_not_last():
    assert [Event(b"a")] == decode(b"event: ping\n\ndata: a\n\n")


def test_unknown_fields_are_left_out():
    assert [Event(b"a")] == decode(b"id: 1\nretry: 10\nfoo: bar\nDATA: x\n data: y\ndata: a\n\n")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"data: " + b"x" * 100, id="a line without end"),
        pytest.param(b":" + b"x" * 100, id="a comment without end"),
        pytest.param(b"data: " + b"x" * 100 + b"\n", id="one line too long"),
        pytest.param(b"data: xxxxxxxxx\n" * 10, id="lines without end"),
        pytest.param(b"data:\n" * 100, id="empty lines without end"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_past_the_limit_is_an_error(body, size):
    decoder = EventDecoder(max_event_size=64)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    with pytest.raises(EventTooLargeError, match="larger than 64 bytes"):
        list(map(decoder.feed, pieces))


def test_the_limit_is_of_one_event_and_not_of_the_stream():
    decoder = EventDecoder(max_event_size=64)
    assert [Event(b"x" * 50)] * 100 == decoder.feed((b"data: " + b"x" * 50 + b"\n\n") * 100)


class _CountedPiece(bytes):
    """A read that counts the bytes that are looked at when it is split into lines."""

    looked_at = 0

    def __contains__(self, byte):
        type(self).looked_at += len(self)
        return super().__contains__(byte)

    def split(self, *arguments):
        type(self).looked_at += len(self)
        return super().split(*arguments)


def test_the_work_grows_with_the_stream_and_not_with_its_square():
    _CountedPiece.looked_at = 0
    size = 250_000
    decoder = EventDecoder()
    byte = _CountedPiece(b"x")
    decoder.feed(b"data: ")
    for _ in range(size):
        assert not decoder.feed(byte)
    assert [Event(b"x" * size)] == decoder.feed(b"\n\n")
    # Two looks at each byte; a buffer that is searched anew at each read has 3 * 10**10.
    assert 2 * size >= _CountedPiece.looked_at
