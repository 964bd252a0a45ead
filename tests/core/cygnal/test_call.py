"""What a guarded call hands out, sync and async alike, with a framework that is none."""

import asyncio
import threading
from contextlib import aclosing

import pytest
from plain_dialect import Responses, said

from grayswan_core import APIConnectionError, Judgement, ResponseError, Verdict
from grayswan_core.cygnal.call import AsyncGuardedCall, GuardedCall
from grayswan_core.cygnal.protection import Protection
from grayswan_core.wire import ChatResponse

HELLO = [said("Hello", role="user")]
BAD = [said("bad", role="user")]


def judged(check):
    bad = any("bad" in each.content or made(each, "flagged") for each in check.judged)
    reasons = ("violation",) if bad else ()
    return Judgement(check.stages[0], reasons, Verdict(0.9 if bad else 0.1))


def made(message, name):
    return any(call.function.name == name for call in message.tool_calls or ())


def broken(text, calls=()):
    """A model's error, and what had arrived of its response."""
    made = [{"function": {"name": name}} for name in calls]
    message = {"content": text, "tool_calls": made}
    return APIConnectionError("broken", partial=ChatResponse(choices=[{"message": message}]))


def breaking(error):
    yield said("fine ")
    raise error


def vendors(text, name="APIError", **attributes):
    """An error of another vendor's library."""
    error = type(name, (Exception,), {})(text)
    vars(error).update(attributes)
    return error


class Sync:
    """Calls a model that gives these responses or chunks, and keeps what it was sent."""

    def __init__(self, protection):
        self.sent = []
        self.closed = False
        self._protection = protection

    def respond(self, messages, response):
        return self._call(messages).respond(lambda sent: self._note(sent, response))

    def stream(self, messages, chunks):
        return list(self._call(messages).stream(lambda sent: self._chunks(sent, chunks)))

    def _call(self, messages):
        run = lambda checks: list(map(judged, checks))  # noqa: E731 - as short as it is
        return GuardedCall(Responses(self._protection), messages, run)

    def _note(self, sent, response):
        self.sent.append([each.content for each in sent])
        if isinstance(response, Exception):
            raise response
        return response

    def _chunks(self, sent, chunks):
        try:
            yield from self._note(sent, chunks)
        finally:
            self.closed = True


class Async(Sync):
    """The same with an async call."""

    def respond(self, messages, response):
        async def ask(sent):
            return self._note(sent, response)

        return asyncio.run(self._call(messages).respond(ask))

    def stream(self, messages, chunks):
        async def read():
            call = self._call(messages)
            return [each async for each in call.stream(lambda sent: self._achunks(sent, chunks))]

        return asyncio.run(read())

    def _call(self, messages):
        async def run(checks):
            return list(map(judged, checks))

        return AsyncGuardedCall(Responses(self._protection), messages, run)

    async def _achunks(self, sent, chunks):
        try:
            for chunk in self._note(sent, chunks):
                yield chunk
        finally:
            self.closed = True


@pytest.fixture(params=[Sync, Async])
def model(request, guard):
    """Makes a model that is called through a guarded call."""
    return lambda **settings: request.param(Protection(guard, **settings))


def reports(given):
    return [each[1]["blocked"] for each in given if not isinstance(each, str)]


def test_an_allowed_response_is_handed_out_with_its_report(model):
    asked = model()
    ((answer, report),) = asked.respond(HELLO, [said("fine")])
    assert ("fine", "output", False) == (answer.content, report["stage"], report["blocked"])
    assert "input_replaced" not in report
    assert [["Hello"]] == asked.sent


def test_of_several_answers_each_is_judged_by_itself(model):
    given = model().respond(HELLO, [said("fine"), said("bad"), said("good")])
    assert "refused the output" == given[1]
    assert [False] * 2 == reports(given)


def test_what_is_not_to_be_judged_is_not(model):
    asked = model(check_output=False, check_tool_calls=False)
    assert [{"blocked": False, "reasons": []}] == [
        report for _, report in asked.respond(HELLO, [said("bad")])
    ]


@pytest.mark.parametrize("mode", ["before", "parallel"])
def test_a_flagged_input_has_no_response(model, mode):
    asked = model(mode=mode)
    assert ["refused the input"] == asked.respond(BAD, [said("fine")])
    assert ["refused the input"] == asked.stream(BAD, [said("fine")])
    assert mode == "parallel" or [] == asked.sent


@pytest.mark.parametrize("mode", ["before", "parallel"])
def test_a_flagged_input_is_replaced(model, mode):
    asked = model(mode=mode, exit_behavior="replace")
    ((answer, report),) = asked.respond(BAD, [said("fine")])
    assert ("fine", True) == (answer.content, report["input_replaced"])
    assert asked.stream(BAD, [said("fine")])[-1]["input_replaced"]
    assert [["(removed)"]] * 2 == asked.sent


@pytest.mark.parametrize("settings", [{"exit_behavior": "error"}, {"raises": True}], ids=str)
def test_what_is_flagged_is_an_error_where_asked(model, settings):
    asked = model(**settings)
    for messages, said_bad, stage in ((BAD, "fine", "input"), (HELLO, "bad", "output")):
        with pytest.raises(ValueError, match=stage):
            asked.respond(messages, [said(said_bad)])
        with pytest.raises(ValueError, match=stage):
            asked.stream(messages, [said(said_bad)])


def test_calls_that_were_allowed_are_remembered(model, guard):
    call, other = said("", calls=["send"]), said("", calls=["other"])
    model().respond(HELLO, [call])
    model().stream(HELLO, [other])
    assert all(guard.has_approved(each.tool_calls[0]) for each in (call, other))
    flagged = said("", calls=["flagged"])
    model().respond(HELLO, [flagged])
    model().stream(HELLO, [flagged])
    assert not guard.has_approved(flagged.tool_calls[0])


@pytest.mark.parametrize(
    "settings", [{"check_tool_calls": False}, {"exit_behavior": "monitor"}], ids=str
)
def test_calls_that_were_handed_out_all_the_same_are_not(model, guard, settings):
    flagged = said("", calls=["flagged"])
    assert [False] == reports(model(check_tool_calls=False).respond(HELLO, [flagged]))
    model(**settings).respond(HELLO, [flagged])
    model(**settings).stream(HELLO, [flagged])
    assert not guard.has_approved(flagged.tool_calls[0])


@pytest.mark.parametrize("mode", ["before", "parallel"])
def test_a_stream_is_released_when_it_was_judged(model, mode):
    chunks = [said("fine "), said("indeed")]
    asked = model(mode=mode)
    *released, report = asked.stream(HELLO, chunks)
    assert (chunks, False) == (released, report["blocked"])
    assert ["refused the output"] == asked.stream(HELLO, [*chunks, said(" bad")])
    assert asked.closed


def test_a_window_that_is_flagged_ends_the_stream(model):
    asked = model(streaming="window", window=1)
    *released, end = asked.stream(HELLO, [said("fine "), said("indeed "), said("bad "), said("x")])
    assert "refused the output" == end
    assert [said("fine ")] == released[:1]
    assert "bad" not in repr(released)
    assert asked.closed


def test_with_monitor_nothing_is_held_back(model):
    asked = model(exit_behavior="monitor")
    *released, report = asked.stream(HELLO, [said("bad "), said("indeed")])
    assert ([said("bad "), said("indeed")], True) == (released, report["blocked"])
    assert [True] == reports(asked.respond(HELLO, [said("bad")]))


def test_an_empty_stream_is_not_judged(model):
    assert [{"blocked": False, "reasons": []}] == model().stream(HELLO, [])


def test_an_error_of_the_models_is_its_own(model):
    def failing():
        yield said("fine")
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        model().stream(HELLO, failing())


@pytest.mark.parametrize("mode", ["before", "parallel"])
@pytest.mark.parametrize(
    "error",
    [
        broken("bad"),
        broken("", ["flagged"]),
        ResponseError("unreadable", body='{"choices": [bad'),
        ResponseError("unreadable", body={"choices": ["bad"]}),
        LookupError("cannot parse: bad"),
        vendors("failed generation: bad", status_code=400),
    ],
    ids=["text", "call", "body", "parsed-body", "foreign", "foreign-status"],
)
def test_an_error_that_holds_what_is_flagged_is_not_handed_out(model, mode, error):
    asked = model(mode=mode)
    assert 1 == len(asked.respond(HELLO, error))
    (end,) = asked.stream(HELLO, breaking(error))
    assert end.startswith("refused the ")
    assert ["refused the input"] == asked.respond(BAD, error)
    assert ["refused the input"] == asked.stream(BAD, breaking(error))


@pytest.mark.parametrize(
    "settings",
    [{}, {"exit_behavior": "monitor"}, {"check_output": False, "check_tool_calls": False}],
    ids=["fine", "monitor", "unchecked"],
)
def test_other_errors_are_handed_out_with_what_they_hold(model, settings):
    error = broken("bad" if settings else "fine", ["flagged"] if settings else ())
    with pytest.raises(APIConnectionError) as caught:
        model(**settings).respond(HELLO, error)
    assert error is caught.value
    with pytest.raises(APIConnectionError) as caught:
        model(**settings).stream(HELLO, breaking(error))
    assert error is caught.value


@pytest.mark.parametrize(
    "error",
    [
        LookupError("cannot parse: fine"),
        ConnectionError("bad"),
        vendors("bad", "APIConnectionError"),
        vendors("bad", "ReadTimeout"),
        vendors("bad", status_code=429),
        vendors("bad", status_code=500),
    ],
    ids=repr,
)
def test_another_vendors_error_that_is_none_of_content_is_raised(model, error):
    for given in (
        lambda: model().respond(HELLO, error),
        lambda: model().stream(HELLO, breaking(error)),
    ):
        with pytest.raises(type(error)) as caught:
            given()
        assert error is caught.value


def test_a_reader_who_leaves_closes_the_stream(guard):
    asked = Sync(Protection(guard, exit_behavior="monitor"))
    stream = asked._call(HELLO).stream(lambda sent: asked._chunks(sent, [said("a"), said("b")]))
    next(stream)
    stream.close()
    assert asked.closed


async def test_a_reader_who_leaves_closes_an_async_stream(guard):
    asked = Async(Protection(guard, exit_behavior="monitor"))
    chunks = [said("a"), said("b")]
    stream = asked._call(HELLO).stream(lambda sent: asked._achunks(sent, chunks))
    async with aclosing(stream):
        await anext(stream)
    assert asked.closed


def test_in_parallel_nothing_is_released_before_the_verdict(guard):
    verdict, seen = threading.Event(), []

    def run(checks):
        assert verdict.wait(10)
        return list(map(judged, checks))

    def chunks(sent):
        yield said("fine")
        seen.append("all chunks came")
        verdict.set()

    call = GuardedCall(Responses(Protection(guard, mode="parallel")), BAD, run)
    assert ["refused the input"] == list(call.stream(chunks))
    assert ["all chunks came"] == seen
