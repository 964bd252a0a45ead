from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.errors import APIConnectionError, ResponseError
from grayswan_core.http.decompress import Unpacker

RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
TEXT = b"Hello, world. " * 1000

PACKED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "GZIP": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "deflate, raw": RAW.compress(TEXT) + RAW.flush(),
    "gzip, several members": b"".join(map(gzip.compress, (TEXT[:9], b"", TEXT[9:99], TEXT[99:]))),
    "gzip, padded": gzip.compress(TEXT) + bytes(70),
    "gzip, members padded": gzip.compress(TEXT[:9]) + bytes(3) + gzip.compress(TEXT[9:]) + b"\0",
    "identity": TEXT,
    "": TEXT,
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_body_is_unpacked_however_it_is_cut(name, size):
    unpacker = Unpacker(name.partition(", ")[0])
    packed = PACKED[name]
    pieces = [packed[place : place + size] for place in range(0, len(packed), size)]
    unpacked = b"".join(part for piece in pieces for part in unpacker.feed(piece))
    unpacker.close()
    assert unpacked == TEXT


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "gzip, gzip", "deflate, gzip", "compress", "x" * 500]
)
def test_another_packing_is_refused_with_its_name(coding):
    with pytest.raises(ResponseError, match=coding[:50]):
        Unpacker(coding)


def test_a_bomb_comes_out_a_little_at_a_time():
    bomb = gzip.compress(bytes(50_000_000))
    parts = Unpacker("gzip").feed(bomb)
    assert {65536} == {len(next(parts)) for _ in range(100)}


def test_nonsense_and_short_bodies_are_errors():
    with pytest.raises(ResponseError, match="cannot be decompressed") as caught:
        list(Unpacker("gzip").feed(b"nonsense"))
    assert isinstance(caught.value.__cause__, zlib.error)
    short = Unpacker("gzip")
    list(short.feed(gzip.compress(TEXT)[:-10]))
    with pytest.raises(APIConnectionError, match="truncated"):
        short.close()


@given(st.binary(max_size=100_000).map(lambda text: text * 3), st.integers(1, 5000))
def test_what_was_packed_comes_out(text, size):
    unpacker = Unpacker("gzip")
    packed = gzip.compress(text)
    pieces = [packed[place : place + size] for place in range(0, len(packed), size)]
    assert text == b"".join(part for piece in pieces for part in unpacker.feed(piece))
    unpacker.close()


@given(st.binary(max_size=2000), st.sampled_from(["gzip", "deflate"]))
def test_garbage_is_an_error_or_little(garbage, coding):
    unpacker = Unpacker(coding)
    try:
        assert all(len(part) <= 65536 for part in unpacker.feed(garbage))
        unpacker.close()
    except (APIConnectionError, ResponseError):
        pass


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5), st.integers(1, 50))
def test_any_members_come_out_in_their_order(texts, size):
    unpacker = Unpacker("gzip")
    packed = b"".join(map(gzip.compress, texts))
    pieces = [packed[place : place + size] for place in range(0, len(packed), size)]
    unpacked = [part for piece in pieces for part in unpacker.feed(piece)]
    unpacker.close()
    assert b"".join(texts) == b"".join(unpacked)


@pytest.mark.parametrize("rest", [b"xx", b"\0xx", b"\x1fx", b"<html>"])
def test_other_bytes_after_the_end_are_an_error(rest):
    with pytest.raises(ResponseError, match="other bytes follow"):
        list(Unpacker("gzip").feed(gzip.compress(TEXT) + rest))


@pytest.mark.parametrize("rest", [b"\x1f", gzip.compress(TEXT, mtime=0)[:5]])
def test_a_member_that_is_cut_is_an_error(rest):
    unpacker = Unpacker("gzip")
    assert TEXT == b"".join(unpacker.feed(gzip.compress(TEXT) + rest))
    with pytest.raises(APIConnectionError, match="truncated"):
        unpacker.close()


def test_what_was_flushed_comes_out_at_once_and_the_end_is_missed_at_the_close():
    unpacker, packer = Unpacker("gzip"), zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    for text in (b"a", b"b" * 100):
        piece = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
        assert text == b"".join(unpacker.feed(piece))
    with pytest.raises(APIConnectionError):
        unpacker.close()
