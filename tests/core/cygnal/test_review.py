import logging

import pytest

from grayswan_core import APIConnectionError, APIStatusError
from grayswan_core.cygnal.window import monitor_messages
from grayswan_devserver import MonitorAnswer

HELLO = monitor_messages("user", "hello")
OVERFLOW = b'{"error": true, "message": "maximum context length exceeded"}'


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_what_is_wrong_for_good_raises(new_guard, monitor, status, on_error):
    monitor.script(MonitorAnswer(status=status))
    with pytest.raises(APIStatusError) as caught:
        new_guard(on_error=on_error).check(HELLO, ["input"])
    assert status == caught.value.status_code


OUTAGES = [
    MonitorAnswer(status=429),
    MonitorAnswer(status=409),
    MonitorAnswer(status=500),
    MonitorAnswer(status=503),
    MonitorAnswer(error=True),
    MonitorAnswer({"violation": None}),
    MonitorAnswer(raw=b"{"),
    MonitorAnswer(raw=b'{"violation": -1}'),
    MonitorAnswer(delay=30),
]


@pytest.mark.parametrize("answer", OUTAGES, ids=repr)
def test_an_outage_blocks_or_allows(new_guard, monitor, answer, caplog):
    blocks = new_guard(timeout=0.5)
    allows = blocks.replace(on_error="allow")
    monitor.script(answer, answer)
    with caplog.at_level(logging.WARNING):
        assert ("unavailable",) == blocks.check(HELLO, ["input"]).reasons
        judgement = allows.check(HELLO, ["input"])
    assert ((), None) == (judgement.reasons, judgement.verdict)
    assert judgement.error is not None
    assert 2 == caplog.text.count("No verdict")
    allows.close()


def test_a_monitor_that_is_not_there_blocks(new_guard, caplog):
    with caplog.at_level(logging.WARNING):
        judgement = new_guard(base_url="http://127.0.0.1:9").check(HELLO, ["input"])
    assert "No verdict from http://127.0.0.1:9 (APIConnectionError), so" in caplog.text
    assert ("unavailable",) == judgement.reasons
    assert isinstance(judgement.error, APIConnectionError)


def test_a_conversation_too_long_is_judged_with_less_of_it(new_guard, monitor):
    context = [each for n in range(12) for each in monitor_messages("user", f"turn {n}")]
    monitor.script(*[MonitorAnswer(raw=OVERFLOW, status=400)] * 2)
    assert not new_guard().check(HELLO, ["input"], context).blocked
    assert [13, 4, 1] == [len(request.body["messages"]) for request in monitor.requests]
    assert all("hello" == request.body["messages"][-1]["content"] for request in monitor.requests)


def test_what_is_too_long_by_itself_raises(new_guard, monitor):
    monitor.script(*[MonitorAnswer(raw=OVERFLOW, status=400)] * 2)
    with pytest.raises(APIStatusError, match="context length"):
        new_guard(on_error="allow").check(HELLO, ["input"], HELLO)


@pytest.mark.parametrize("content", ["", "  \n", None, []])
def test_nothing_is_not_asked_about(new_guard, monitor, content):
    assert not new_guard().check(monitor_messages("ai", content), ["output"]).blocked
    assert [] == monitor.requests


def test_media_alone_are_asked_about(new_guard, monitor):
    judged = monitor_messages("user", [{"type": "image", "url": "https://x"}])
    assert ("media",) == new_guard().check(judged, ["input"]).verdict.ignored_inputs
