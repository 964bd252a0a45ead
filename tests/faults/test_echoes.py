"""An API that echoes the key, or writes what a terminal acts on: every way, at every cut."""

from __future__ import annotations

import json
from itertools import product

import pytest
from canaries import KEY, assert_clean
from fault_table import PLAIN, STREAM, Fault, sse
from ways import OURS, outcome_of
from wire_server import LAST_CHUNK, stream, whole

WAYS = [*product(OURS, (False, True))]
HOSTILE = "\x1b[2J\x1b]0;pwned\x07\u202e"


def _replies(text):
    refused = [
        (PLAIN, (whole(text, 401, "text/plain"),)),
        (PLAIN, (whole(f"<p>{text}</p>", 502, "text/html"),)),
        (PLAIN, (whole(json.dumps({"detail": text}), 401),)),
        (PLAIN, (whole(json.dumps({"error": {"message": text}})),)),
        (PLAIN, (whole(text, 200, "text/html"),)),
        (PLAIN, (whole("{" + text),)),
    ]
    streamed = [
        (STREAM, (*stream(sse({"error": text})), LAST_CHUNK)),
        (STREAM, (*stream(b"data: {" + text.encode() + b"\n\n"), LAST_CHUNK)),
        (STREAM, (*stream(b"event: error\ndata: " + text.encode() + b"\n\n"), LAST_CHUNK)),
    ]
    return refused + streamed


NAMES = ["text", "HTML", "JSON", "200", "wrong type", "broken JSON",
         "event", "broken event", "error event"]  # fmt: skip


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
@pytest.mark.parametrize("place", [0, 270, 285, 298, 1_180, 1_190, 1_960])
def test_an_echoed_key_is_redacted_wherever_the_message_is_cut(server, number, place):
    how, steps = _replies("x" * place + f" {KEY} " + "y" * 2_000)[number]
    server.play_always(*steps)
    for make, is_async in WAYS:
        outcome = outcome_of(OURS[make], how, server.url, Fault("", steps), is_async=is_async)
        assert KEY[:8] not in outcome.error.message
        assert_clean(outcome.error)


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_a_message_is_printable_whatever_the_api_writes(server, number):
    how, steps = _replies(HOSTILE + "No." + HOSTILE * 2_000)[number]
    server.play_always(*steps)
    for make, is_async in WAYS:
        outcome = outcome_of(OURS[make], how, server.url, Fault("", steps), is_async=is_async)
        assert outcome.error.message.isprintable()
        assert len(outcome.error.message) <= 2_003


@pytest.mark.parametrize(("make", "is_async"), WAYS)
def test_a_request_id_that_echoes_the_key_is_redacted(server, make, is_async):
    steps = (whole("{}", 429, headers={"x-request-id": f"req-{KEY}"}),)
    server.play_always(*steps)
    outcome = outcome_of(OURS[make], PLAIN, server.url, Fault("", steps), is_async=is_async)
    assert "req-***" == outcome.error.request_id
    assert_clean(outcome.error)
