"""The parser alone, and beside h11, which another parser's authors wrote."""

from __future__ import annotations

import re
from itertools import pairwise

import h11
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grayswan_core.http.direct.parser import ResponseParser
from grayswan_core.http.protocol import ProtocolError

HEAD = b"HTTP/1.1 200 OK\r\n"
CODED = HEAD + b"Transfer-Encoding: "
CHUNKED = CODED + b"Chunked\r\n\r\n"
MAX_OVERHEAD = 256 * 1024


def parse(*pieces, eof=False):
    """A parser that has been fed."""
    parser = ResponseParser()
    for piece in pieces:
        parser.feed(piece)
    if eof:
        parser.feed_eof()
    return parser


def split(wire, cuts):
    """The bytes in pieces, none of which is empty."""
    places = sorted({0, *(cut % (len(wire) + 1) for cut in cuts), len(wire)})
    return [wire[a:b] for a, b in pairwise(places)]


def result(wire, cuts=()):
    """What a response is read as: (status, body, complete), or None for a refusal."""
    parser = parse(*split(wire, cuts), eof=True)
    try:
        if not parser.complete:
            parser.check()
    except ProtocolError:
        return None
    return parser.status, parser.take(), parser.complete


def result_of_h11(wire):
    """The same by h11."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=2 * MAX_OVERHEAD)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(wire)
    connection.receive_data(b"")
    status, body = 0, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body, True
            elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None


# --- what is read


GOOD = {
    "a length": (HEAD + b"Content-Length: 2\r\n\r\nhi", b"hi", True),
    "no body": (HEAD + b"Content-Length: 0\r\n\r\n", b"", True),
    "chunked": (CHUNKED + b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", b"hi", True),
    "extensions": (CHUNKED + b"2;a=b\r\nhi\r\n0\r\n\r\n", b"hi", True),
    "trailers": (CHUNKED + b"2\r\nhi\r\n0\r\nx: y\r\n\r\n", b"hi", True),
    "1xx first": (b"HTTP/1.1 100 Go on\r\n\r\n" * 3 + HEAD + b"Content-Length: 2\r\n\r\nhi",
                  b"hi", True),
    "103 with headers": (
        b"HTTP/1.1 103 X\r\nContent-Length: 7\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi",
        b"hi", True),
    "a Latin-1 reason": (b"HTTP/1.1 200 Gr\xfc\xdfe\r\nContent-Length: 2\r\n\r\nhi", b"hi", True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", b"hi", True),
    "closed when done": (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", b"hi", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi", False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", b"", False),
    "204, chunked": (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", b"", False),
}  # fmt: skip


@pytest.mark.parametrize(("wire", "body", "reusable"), GOOD.values(), ids=GOOD)
@given(cuts=st.lists(st.integers(0, 200), max_size=6))
def test_a_response_is_read_however_it_is_split(wire, body, reusable, cuts):
    parser = parse(*split(wire, cuts))
    assert (True, body, reusable) == (parser.complete, parser.take(), parser.reusable)
    assert result_of_h11(wire)[1] == body


def test_without_a_length_the_end_of_the_connection_is_the_end():
    parser = parse(HEAD + b"\r\nhi")
    assert (True, False, 2) == (parser.has_head, parser.complete, parser.buffered)
    parser.feed_eof()
    assert (True, False, b"hi") == (parser.complete, parser.reusable, parser.take())


def test_headers_are_in_lower_case_and_repeated_ones_joined():
    parser = parse(HEAD + b"X-A:  1 \r\nx-a: \xe9\r\nContent-Length: 0\r\n\r\n")
    assert {"x-a": "1, \xe9", "content-length": "0"} == parser.headers


def test_what_came_with_1xx_and_trailers_is_no_header():
    wire = b"HTTP/1.1 103 Early\r\nx: 1\r\n\r\n" + CHUNKED + b""
    parser = parse(wire + b"0\r\ny: 1\r\n\r\n")
    assert {"transfer-encoding"} == parser.headers.keys()
    assert parser.complete


def test_a_header_of_64_kb_is_read():
    parser = parse(HEAD + b"x: " + b"y" * 65536 + b"\r\nContent-Length: 0\r\n\r\n")
    assert 65536 == len(parser.headers["x"])
    assert parser.complete


# --- what is refused


BAD = {
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
    "a list of lengths": HEAD + b"Content-Length: 2, 2\r\n\r\nhi",
    "a negative length": HEAD + b"Content-Length: -2\r\n\r\nhi",
    "a length that overflows": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nhi",
    "no number": HEAD + b"Content-Length: 0x2\r\n\r\nhi",
    "length, chunked": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": CODED + b"chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "an unknown coding": CODED + b"xchunked\r\n\r\nhi",
    "gzip, chunked": CODED + b"gzip, chunked\r\n\r\n0\r\n\r\n",
    "204, chunked twice": b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
    "twice": CODED + b"chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity": CODED + b"identity\r\n\r\nhi",
    "obs-fold": HEAD + b"x: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "NUL": HEAD + b"x: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": HEAD + b"Content-Length : 0\r\n\r\n",
    "no name": HEAD + b": 0\r\nContent-Length: 0\r\n\r\n",
    "a bad chunk size": CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n",
    "a chunk without its end": CHUNKED + b"2\r\nhi0\r\n\r\n",
    "a chunk size that overflows": CHUNKED + b"f" * 17 + b"\r\nhi",
    "101": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "status 99": b"HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 X\r\nContent-Length: 0\r\n\r\n",
    "HTTP/0.9": b"hi",
    "HTTP/3.7": b"HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "half a body": HEAD + b"Content-Length: 3\r\n\r\nhi",
    "no last chunk": CHUNKED + b"2\r\nhi\r\n",
    "half a trailer": CHUNKED + b"0\r\nx: ",
    "a request": b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("wire", BAD.values(), ids=BAD)
@given(cuts=st.lists(st.integers(0, 200), max_size=4))
def test_what_is_ambiguous_or_cut_is_refused(wire, cuts):
    parser = parse(*split(wire, cuts), eof=True)
    assert not parser.complete
    assert not parser.reusable
    with pytest.raises(ProtocolError):
        parser.check()


ENDLESS = {
    "a header": (HEAD, b"x: " + b"y" * 60_000 + b"\r\n"),
    "a header's value": (HEAD + b"x: ", b"y" * 60_000),
    "a reason": (b"HTTP/1.1 200 ", b"y" * 60_000),
    "trailers": (CHUNKED + b"0\r\n", b"x: " + b"y" * 60_000 + b"\r\n"),
    "a chunk's extension": (CHUNKED + b"1;", b"y" * 60_000),
}  # fmt: skip


@pytest.mark.parametrize(("start", "more"), ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_refused_before_it_is_large(start, more):
    parser = parse(start)
    for _ in range(MAX_OVERHEAD // 60_000 + 1):
        parser.feed(more)
    with pytest.raises(ProtocolError):
        parser.check()


def test_a_long_body_and_many_1xx_are_no_head():
    parser = parse(*[b"HTTP/1.1 100 Continue\r\n\r\n" * 1000] * 20)
    parser.check()
    parser.feed(HEAD + b"Content-Length: 9000000\r\n\r\n")
    for _ in range(90):
        parser.feed(b"x" * 100_000)
    assert (True, 9_000_000) == (parser.complete, len(parser.take()))


@pytest.mark.parametrize("cut", range(3))
def test_what_had_arrived_before_it_went_wrong_can_be_taken(cut):
    wire = CHUNKED + b"2\r\nhi\r\n", b"zz\r\n"
    parser = parse(*(b"".join(wire),) if cut == 0 else wire, eof=cut == 2)
    assert b"hi" == parser.take()
    with pytest.raises(ProtocolError, match="chunk size"):
        parser.check()


# --- what comes after


@pytest.mark.parametrize("more", [HEAD, b"H", b"garbage", HEAD + b"Content-Length: 1\r\n\r\nx"])
@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize("apart", [False, True])
def test_what_comes_after_a_response_is_thrown_away_and_the_connection_too(more, ending, apart):
    wire = HEAD + ending + b"Content-Length: 2\r\n\r\nhi"
    parser = parse(wire, more) if apart else parse(wire + more)
    assert (True, False) == (parser.complete, parser.reusable)
    assert (200, {"content-length": "2"}) == (
        parser.status,
        {name: value for name, value in parser.headers.items() if name != "connection"},
    )
    assert b"hi" == parser.take()


# --- beside h11


BLANK_BEFORE_STATUS = re.compile(rb"\A[\r\n]|HTTP/1\.[01] 1.*?\r\n\r\n[\r\n]", re.DOTALL)

TOKENS = st.sampled_from([
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No\r\n", b"HTTP/1.1 304 No\r\n",
    b"HTTP/1.1 100 Go on\r\n", b"HTTP/1.1 500 \xff\r\n", b"HTTP/1.1 200\r\n",
    b"Content-Length: 2\r\n", b"content-length: 02\r\n", b"Content-Length: +2\r\n",
    b"Content-Length: 2, 2\r\n", b"Content-Length:\t2 \r\n", b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: CHUNKED \r\n",
    b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: \x0bchunked\r\n",
    b"Transfer-Encoding:\r\n", b"Transfer_Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Upgrade: x\r\n", b"x: y\r\n",
    b" folded\r\n", b"\r\n", b"\n", b"\r", b"hi", b"2\r\nhi\r\n", b'2;x="y"\r\nhi\r\n',
    b"02\r\nhi\r\n", b"2 \r\nhi\r\n", b"2\nhi\n", b"0\r\n\r\n", b"0\r\nx: y\r\n\r\n",
    b"A\r\n0123456789\r\n", b"\0", b":",
])  # fmt: skip


@given(st.lists(TOKENS, max_size=9).map(b"".join), st.lists(st.integers(0, 200), max_size=4))
def test_what_both_read_they_read_alike_and_h11_reads_all_that_this_does(wire, cuts):
    # llhttp passes over blank lines before a status line, which moves nothing between responses.
    assume(not BLANK_BEFORE_STATUS.search(wire))
    ours = result(wire, cuts)
    assert ours == result(wire)
    if ours is not None:
        assert result_of_h11(wire) == ours


@given(
    st.sampled_from([200, 204, 304, 400, 503]),
    st.binary(max_size=60),
    st.sampled_from(["length", "chunked", "eof"]),
    st.lists(st.integers(1, 20), min_size=1, max_size=5),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_all_that_a_server_may_send_is_read(status, body, framing, sizes, cuts):
    head = f"HTTP/1.1 {status} X\r\n".encode()
    if status in (204, 304):
        wire, body = head + b"\r\n", b""
    elif framing == "length":
        wire = head + b"content-length: %d\r\n\r\n" % len(body) + body
    elif framing == "eof":
        wire = head + b"\r\n" + body
    else:
        wire, rest = head + b"transfer-encoding: chunked\r\n\r\n", body
        for size in sizes * len(body):
            piece, rest = rest[:size], rest[size:]
            wire += b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""
        wire += b"0\r\n\r\n"
        body = body[: sum(sizes) * len(body)]
    assert (status, body, True) == result(wire, cuts) == result_of_h11(wire)


@given(st.binary(max_size=100), st.lists(st.integers(0, 100), max_size=3))
def test_no_bytes_raise_anything_else(wire, cuts):
    result(wire, cuts)
    result(HEAD + wire, cuts)
