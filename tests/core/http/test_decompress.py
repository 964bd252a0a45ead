from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.errors import ResponseError
from grayswan_core.http.decompress import Unpacker

RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
TEXT = b"Hello, world. " * 1000

PACKED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "GZIP": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "deflate, raw": RAW.compress(TEXT) + RAW.flush(),
    "identity": TEXT,
    "": TEXT,
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_body_is_unpacked_however_it_is_cut(name, size):
    unpacker = Unpacker(name.partition(", raw")[0])
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
    with pytest.raises(ResponseError, match="truncated"):
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
    except ResponseError:
        pass
