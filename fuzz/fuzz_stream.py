"""Coverage-guided fuzzing of everything that reads what the API sends.

    make fuzz                  # a minute
    make fuzz FUZZ_SECONDS=3600

Whatever the bytes and however they are cut: the same events and chunks, or a typed error; never
another exception, and never more kept than the limits allow.
"""

# ruff: noqa: INP001 - run as a file, imported by nobody

from __future__ import annotations

import os
import re
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic_core import to_json

try:
    import atheris
except ImportError:
    sys.exit(
        "atheris is not installed. It has wheels for CPython 3.11 to 3.13 on Linux; `make fuzz"
        " PYTHON=python3.11` installs it into an environment of its own."
    )

with atheris.instrument_imports(include=["grayswan_core"]):
    from grayswan_core.decoding.chunk_stream import ChunkStream
    from grayswan_core.decoding.json_body import JSONBody
    from grayswan_core.decoding.sse import EventDecoder, EventTooLargeError
    from grayswan_core.errors import APIError
    from grayswan_core.http.decompress import Unpacker
    from grayswan_core.http.direct.parser import ResponseParser
    from grayswan_core.http.protocol import ProtocolError
    from grayswan_core.wire import ChatResponse, ModerationResponse

MAX_EVENT_SIZE = 4096
UNPACKED_PIECE = 64 * 1024
MADE_CALL_ID = re.compile(rb"call_[0-9a-f]{32}")


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    """The body, cut where the fuzzer says."""
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    return [body[start:end] for start, end in pairwise(places)]


def events_of(body: list[bytes]) -> Any:
    decoder = EventDecoder(MAX_EVENT_SIZE)
    found = []
    try:
        for piece in body:
            found += [(event.name, event.data) for event in decoder.feed(piece)]
            kept = sum(map(len, decoder._line)) + decoder._data_size  # noqa: SLF001 - a promise
            assert kept <= MAX_EVENT_SIZE, kept  # noqa: S101 - this is a test
    except EventTooLargeError:
        return None
    return found


def written(item: Any) -> bytes:
    """JSON of a chunk (a dict) or a response (a model), without the random part of call ids."""
    return MADE_CALL_ID.sub(b"call_", to_json(item))


def answer_of(reader: Any, body: list[bytes]) -> Any:
    """What was read, as JSON that two readings of the same bytes agree on."""
    items = []
    try:
        for piece in body:
            for item in reader.feed(piece):
                items.append(written(item))  # noqa: PERF401 - kept when the next one fails
            if reader.done:
                break
        items += [written(item) for item in reader.close()]
    except APIError as error:
        return items, type(error), error.message, written(error.partial)
    return items


def check(raw: bytes) -> None:
    data = atheris.FuzzedDataProvider(raw)
    stop = ("END", "\n\n") if data.ConsumeBool() else ()
    cuts = [data.ConsumeIntInRange(0, 8192) for _ in range(data.ConsumeIntInRange(0, 4))]
    body = data.ConsumeBytes(data.remaining_bytes())
    cut = pieces(body, cuts)
    if len(body) <= MAX_EVENT_SIZE:  # past the limit, when it is noticed depends on the pieces
        assert events_of([body]) == events_of(cut)  # noqa: S101
    else:
        events_of(cut)
    streams = [ChunkStream(stop=stop, max_event_size=MAX_EVENT_SIZE) for _ in range(2)]
    if len(body) <= MAX_EVENT_SIZE:
        assert answer_of(streams[0], [body]) == answer_of(streams[1], cut)  # noqa: S101
    else:
        answer_of(streams[1], cut)
    for kind in (ChatResponse, ModerationResponse):
        assert answer_of(JSONBody(kind), [body]) == answer_of(JSONBody(kind), cut)  # noqa: S101
    unpack(cut)
    assert response_of([body]) == response_of([piece for piece in cut if piece])  # noqa: S101


def response_of(wire: list[bytes]) -> Any:
    """An HTTP response, or None for a refusal."""
    parser = ResponseParser()
    for piece in wire:
        parser.feed(piece)
    parser.feed_eof()
    try:
        parser.check()
    except ProtocolError:
        return None
    return parser.status, parser.headers, parser.take(), parser.reusable


def unpack(cut: list[bytes]) -> None:
    for coding in ("gzip", "deflate"):
        unpacker = Unpacker(coding)
        try:
            for piece in cut:
                for part in unpacker.feed(piece):
                    assert len(part) <= UNPACKED_PIECE  # noqa: S101
            unpacker.close()
        except APIError:
            pass


def main() -> None:
    seconds = os.environ.get("FUZZ_SECONDS", "60")
    words = Path(__file__).with_name("words.dict")
    seeds = Path(__file__).parents[1] / "tests" / "core" / "streams"
    options = [f"-dict={words}", f"-max_total_time={seconds}", "-max_len=9000", "-timeout=20"]
    with TemporaryDirectory() as found:  # the first folder is written to
        run([sys.argv[0], *options, *sys.argv[1:], found, str(seeds)])


def run(arguments: list[str]) -> None:
    atheris.Setup(arguments, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
