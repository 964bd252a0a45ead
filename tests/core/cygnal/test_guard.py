import asyncio
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from grayswan_core import ConfigurationError
from grayswan_core.cygnal.guard import CygnalGuard
from grayswan_core.cygnal.window import monitor_messages
from grayswan_core.decoding.tool_calls import past_call
from grayswan_devserver import VIOLATION_TRIGGER, MonitorAnswer

HELLO = monitor_messages("user", "hello")
BAD = monitor_messages("user", VIOLATION_TRIGGER)


def test_allow_and_block(new_guard):
    guard = new_guard()
    assert not guard.check(HELLO, ["input"]).blocked
    judgement = guard.check(BAD, ["input"])
    assert (True, "input", ("violation",)) == (
        judgement.blocked,
        judgement.stage,
        judgement.reasons,
    )


async def test_allow_and_block_async(new_guard):
    guard = new_guard()
    assert not (await guard.acheck(HELLO, ["input"])).blocked
    assert (await guard.acheck(BAD, ["input"])).blocked
    await guard.aclose()


def test_the_policy_is_sent(new_guard, monitor):
    guard = new_guard(policy_ids=["a", "b"], rules={"x": "no y"}, reasoning_mode="hybrid")
    guard.check(HELLO, ["input"])
    sent = monitor.last.body
    assert (["a", "b"], {"x": "no y"}, "hybrid") == (
        sent["policy_ids"],
        sent["rules"],
        sent["reasoning_mode"],
    )


@pytest.mark.parametrize(
    "rules",
    [{"fruit": 'no "bananas"'}, ['no "bananas"'], [{"name": "fruit", "text": 'no "bananas"'}]],
)
def test_rules_of_every_shape(new_guard, rules):
    guard = new_guard(rules=rules)
    assert guard.check(monitor_messages("user", "Bananas?"), ["input"]).blocked
    assert not guard.check(HELLO, ["input"]).blocked


def test_the_same_is_judged_once(new_guard, monitor):
    guard = new_guard()
    first, second = guard.check(BAD, ["input"]), guard.check(BAD, ["input"])
    assert (False, True, True) == (first.cached, second.cached, second.blocked)
    assert 1 == len(monitor.requests)
    guard.check(BAD, ["output"])
    guard.check(BAD, ["input"], HELLO)
    guard.replace(threshold=0.95).check(BAD, ["input"])
    assert 4 == len(monitor.requests)


def test_errors_are_not_kept(new_guard, monitor):
    guard = new_guard()
    monitor.script(MonitorAnswer(status=503))
    assert ("unavailable",) == guard.check(HELLO, ["input"]).reasons
    assert () == guard.check(HELLO, ["input"]).reasons


def test_every_block_is_told(new_guard):
    told = []
    guard = new_guard(on_violation=lambda verdict, stage: told.append((verdict.violation, stage)))
    guard.check(HELLO, ["input"])
    guard.check(BAD, ["input"])
    guard.check(BAD, ["input"])
    assert [(0.9, "input"), (0.9, "input")] == told


def test_what_was_judged_is_recalled(new_guard, monitor):
    guard = new_guard()
    assert guard.recall(BAD, ["input"]) is None
    guard.check(BAD, ["input"])
    assert guard.recall(BAD, ["input"]).blocked
    assert guard.recall(BAD, ["input"], HELLO) is None
    assert 1 == len(monitor.requests)


def test_a_call_is_approved_with_its_arguments(new_guard):
    guard = new_guard()
    guard.approve([past_call("c1", "send", {"to": "me"})])
    assert guard.has_approved(past_call("c1", "send", {"to": "me"}))
    assert not guard.has_approved(past_call("c1", "send", {"to": "you"}))
    assert not guard.has_approved(past_call("c2", "send", {"to": "me"}))


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 1.5},
        {"threshold": -0.1},
        {"threshold": float("nan")},
        {"thresholds": {"input": 2}},
        {"thresholds": {"nowhere": 0.5}},
        {"block_on_ipi": "input"},
        {"block_on_mutation": ["nowhere"]},
        {"on_error": "ignore"},
        {"reasoning_mode": "deep"},
        {"timeout": 0},
        {"timeout": None},
        {"history": -1},
        {"cache": True},
        {"policy_ids": "policy"},
        {"policy_id": ""},
        {"policy_ids": [""]},
        {"max_retries": -1},
        {"base_url": "ftp://x"},
        {"api_key": " "},
    ],
)
def test_what_cannot_work_is_refused(settings):
    with pytest.raises(ConfigurationError):
        CygnalGuard(**{"api_key": "not-a-real-key", **settings})


def test_a_misspelt_setting_is_an_error():
    with pytest.raises(TypeError):
        CygnalGuard(api_key="not-a-real-key", treshold=0.5)


def test_the_key_is_in_no_repr_and_no_pickle(monkeypatch):
    guard = CygnalGuard(api_key="gs-key-that-nobody-may-see", policy_id="p")
    assert "nobody" not in repr(guard)
    monkeypatch.setenv("GRAYSWAN_API_KEY", "another-key-000")
    pickled = pickle.dumps(guard)
    assert b"nobody" not in pickled
    assert "p" == pickle.loads(pickled).policy_id


def test_a_guard_is_a_value(new_guard):
    guard = new_guard(policy_id="p", thresholds={"input": 0.3})
    assert guard == guard.replace() != guard.replace(threshold=0.2)
    assert hash(guard) == hash(guard.replace())
    assert guard is copy.deepcopy(guard) is copy.copy(guard)
    with pytest.raises(AttributeError):
        guard.threshold = 0.1


async def test_many_conversations_with_one_guard(new_guard):
    guard = new_guard(timeout=600)  # a machine under load is slow, and that is no failure
    texts = [VIOLATION_TRIGGER if number % 3 == 0 else "fine" for number in range(200)]
    judged = [monitor_messages("user", f"{text} {number}") for number, text in enumerate(texts)]
    judgements = await asyncio.gather(*(guard.acheck(each, ["input"]) for each in judged))
    assert [number % 3 == 0 for number in range(200)] == [each.blocked for each in judgements]
    await guard.aclose()


def test_many_threads_with_one_guard(new_guard):
    guard = new_guard(timeout=600)
    with ThreadPoolExecutor(16) as pool:
        judged = [monitor_messages("user", f"{VIOLATION_TRIGGER} {n}") for n in range(50)]
        assert all(pool.map(lambda each: guard.check(each, ["input"]).blocked, judged))
