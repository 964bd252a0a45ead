from __future__ import annotations

import asyncio

import pytest

from grayswan_core.http.httpx_cancel import HttpxCancellation

CONNECT = ("connection.connect_tcp.started", "connection.connect_tcp.complete")
EXCHANGE = (
    "http11.send_request_headers.started",
    "http11.send_request_headers.complete",
    "http11.send_request_body.started",
    "http11.send_request_body.complete",
    "http11.receive_response_headers.started",
)
BODY = "http11.receive_response_body.started"
CLOSED = ("http11.response_closed.started", "http11.response_closed.complete")
ANSWERED = "http11.receive_response_headers.complete"


class Task:
    """Counts its cancellations."""

    cancellations = 0

    def cancel(self):
        self.cancellations += 1


async def follow(cancel, events):
    for event in events:
        await cancel.trace(event, {})


async def cancellations(events, *, at_once=False):
    """How often the task is cancelled after so much has happened, and what cancels it."""
    task, cancel = Task(), HttpxCancellation(at_once=at_once)
    await follow(cancel, events)
    cancel(task)
    return task.cancellations, cancel


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_what_connects_ends_before_it_sends(count):
    number, cancel = await cancellations(CONNECT[:count])
    assert 0 == number
    await follow(cancel, ("connection.start_tls.started", "connection.start_tls.complete"))
    with pytest.raises(asyncio.CancelledError):
        await follow(cancel, EXCHANGE)


async def test_what_waits_for_a_place_makes_no_connection():
    _, cancel = await cancellations(())
    with pytest.raises(asyncio.CancelledError):
        await follow(cancel, CONNECT)


@pytest.mark.parametrize("count", [1, 3, 5])
async def test_what_waits_for_its_response_is_cancelled(count):
    number, cancel = await cancellations((*CONNECT, *EXCHANGE[:count]))
    assert 1 == number
    await follow(cancel, CLOSED)


async def test_what_waits_for_its_body_is_cancelled():
    number, _ = await cancellations((*CONNECT, *EXCHANGE, ANSWERED, BODY))
    assert 1 == number


@pytest.mark.parametrize("end", ["complete", "failed"])
async def test_what_gives_its_connection_back_is_not_interrupted(end):
    read = (BODY, f"http11.receive_response_body.{end}")
    number, cancel = await cancellations((*CONNECT, *EXCHANGE, ANSWERED, *read, CLOSED[0]))
    assert 0 == number
    await follow(cancel, CLOSED[1:])


async def test_what_a_proxy_has_answered_ends_before_it_sends_again():
    number, cancel = await cancellations((*CONNECT, *EXCHANGE, ANSWERED))
    assert 0 == number
    with pytest.raises(asyncio.CancelledError):
        await follow(cancel, EXCHANGE)


EVENTS = {"none": (), "connected": CONNECT, "answered": (*CONNECT, *EXCHANGE, ANSWERED)}


@pytest.mark.parametrize("events", EVENTS.values(), ids=EVENTS)
async def test_another_transport_is_cancelled_wherever_it_is(events):
    number, cancel = await cancellations(events, at_once=True)
    assert 1 == number
    with pytest.raises(asyncio.CancelledError):  # it did not take notice
        await follow(cancel, EXCHANGE)
