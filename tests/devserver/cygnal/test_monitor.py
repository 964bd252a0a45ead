from threading import Event, Thread

import pytest

from grayswan_devserver import VIOLATION_TRIGGER, Answer, MonitorAnswer

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}

FIELDS = {
    "violation",
    "observe_violation",
    "violated_rules",
    "violated_rule_descriptions",
    "ipi",
    "mutation",
    "ignored_inputs",
    "scanner_output",
    "reasoning",
    "block_message",
    "input_tokens",
    "output_tokens",
    "activity_id",
    "error",
    "error_message",
}


def test_a_verdict(http):
    body = http.post("/cygnal/monitor", json=HELLO).json()
    assert set(body) == FIELDS
    assert (0.0, False, 1) == (body["violation"], body["error"], body["input_tokens"])


def test_violated_rules(http):
    rules = {"a": '"no"', "b": '"Hello"'}
    body = http.post("/cygnal/monitor", json={**HELLO, "rules": rules}).json()
    assert (0.9, [2]) == (body["violation"], body["violated_rules"])
    assert [{"rule": 2, "name": "b", "description": '"Hello"'}] == body[
        "violated_rule_descriptions"
    ]


def test_media_are_reported(http):
    content = [{"type": "image_url", "image_url": {"url": "https://x"}}]
    body = http.post(
        "/cygnal/monitor", json={"messages": [{"role": "user", "content": content}]}
    ).json()
    assert ["media"] == [each["type"] for each in body["ignored_inputs"]]


def test_scripted_verdicts(http, grayswan_server):
    grayswan_server.script(
        MonitorAnswer({"violation": 0.4, "reasoning": "because", "ipi": None}),
        MonitorAnswer(error=True),
        MonitorAnswer(status=429, headers={"retry-after": "2"}),
        MonitorAnswer(raw=b"{"),
    )
    first, error, busy, broken = (http.post("/cygnal/monitor", json=HELLO) for _ in range(4))
    assert (0.4, "because") == (first.json()["violation"], first.json()["reasoning"])
    assert "ipi" not in first.json()
    assert (200, True, 0.0) == (
        error.status_code,
        error.json()["error"],
        error.json()["violation"],
    )
    assert (429, "2") == (busy.status_code, busy.headers["retry-after"])
    assert b"{" == broken.content
    assert 0.0 == http.post("/cygnal/monitor", json=HELLO).json()["violation"]


def test_verdicts_wait_in_a_line_of_their_own(http, post, grayswan_server):
    grayswan_server.script(Answer("scripted"), MonitorAnswer({"violation": 1.0}))
    assert 1.0 == http.post("/cygnal/monitor", json=HELLO).json()["violation"]
    assert "scripted" == post("Hi").json()["choices"][0]["message"]["content"]


def test_a_verdict_is_held(http, grayswan_server):
    hold, bodies = Event(), []
    grayswan_server.script(MonitorAnswer({"violation": 0.3}, hold=hold, delay=0.01))
    thread = Thread(target=lambda: bodies.append(http.post("/cygnal/monitor", json=HELLO).json()))
    thread.start()
    hold.set()
    thread.join()
    assert 0.3 == bodies[0]["violation"]


@pytest.mark.parametrize("bad", [{"messages": "x"}, {"wrong": 1}, {"reasoning_mode": "deep"}, []])
def test_a_bad_body_is_refused(http, bad):
    assert 422 == http.post("/cygnal/monitor", json=bad).status_code


def test_it_is_recorded_like_chat(http, grayswan_server):
    http.post("/cygnal/monitor", json={"text": VIOLATION_TRIGGER})
    last = grayswan_server.last
    assert ("/cygnal/monitor", {"text": VIOLATION_TRIGGER}, 200) == (
        last.path,
        last.body,
        last.status,
    )
