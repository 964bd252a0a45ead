import json

import httpx
import pytest

from grayswan_devserver import VIOLATION_TRIGGER, Answer, Call, DevServer
from grayswan_devserver.cygnal.completions import BLOCK_MESSAGE

HEADERS = {"grayswan-api-key": "k", "authorization": "Bearer p", "policy-id": "p"}


@pytest.fixture
def complete(grayswan_server):
    def post(text="Hello", path="/cygnal/chat/completions", headers=None, **fields):
        body = {"model": "gpt-x", "messages": [{"role": "user", "content": text}], **fields}
        url = grayswan_server.url + path
        return httpx.post(url, json=body, headers=HEADERS if headers is None else headers)

    return post


@pytest.mark.parametrize("path", ["/cygnal/chat/completions", "/cygnal/v1/chat/completions"])
def test_both_paths_answer(complete, path):
    choice = complete(path=path).json()["choices"][0]
    assert ("stop", True) == (choice["finish_reason"], bool(choice["message"]["content"]))


@pytest.mark.parametrize("fields", [{}, {"stream": False}])
def test_a_blocked_input(complete, fields):
    choice = complete(VIOLATION_TRIGGER, **fields).json()["choices"][0]
    message = choice["message"]
    assert ("violation", BLOCK_MESSAGE, BLOCK_MESSAGE) == (
        choice["finish_reason"],
        message["content"],
        message["refusal"],
    )


def test_moderate_before_can_be_turned_off(complete, grayswan_server):
    grayswan_server.script(Answer("fine"))
    choice = complete(VIOLATION_TRIGGER, moderate_before=False).json()["choices"][0]
    assert "stop" == choice["finish_reason"]


def test_a_blocked_output(complete, grayswan_server):
    grayswan_server.script(Answer(f"Well: {VIOLATION_TRIGGER}", [Call("send", {"a": 1})]))
    choice = complete().json()["choices"][0]
    assert ("violation", BLOCK_MESSAGE, None) == (
        choice["finish_reason"],
        choice["message"]["content"],
        choice["message"]["tool_calls"],
    )


def test_a_stream_is_cut_and_the_refusal_follows(complete, grayswan_server):
    grayswan_server.script(Answer(f"Well then: {VIOLATION_TRIGGER} and more"))
    response = complete(stream=True)
    events = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
    choices = [each for event in events for each in json.loads(event)["choices"]]
    text = "".join(each["delta"].get("content", "") for each in choices)
    assert text.startswith("Well then:")
    assert text.endswith(BLOCK_MESSAGE)
    assert VIOLATION_TRIGGER not in text
    assert "more" not in text
    assert "violation" == choices[-1]["finish_reason"]


def test_a_blocked_call(complete, grayswan_server):
    grayswan_server.script(Answer("", [Call("send", {"a": VIOLATION_TRIGGER})]))
    assert "violation" == complete().json()["choices"][0]["finish_reason"]


def test_thresholds(complete, grayswan_server):
    grayswan_server.script(Answer("fine"))
    headers = {**HEADERS, "pre-violation": "1"}
    assert (
        "stop" == complete(VIOLATION_TRIGGER, headers=headers).json()["choices"][0]["finish_reason"]
    )
    strict = {**HEADERS, "pre-violation": "0"}
    assert "violation" == complete(headers=strict).json()["choices"][0]["finish_reason"]


@pytest.mark.parametrize("value", ["x", "2", "-1", "nan"])
def test_a_threshold_that_is_none_is_refused(complete, value):
    assert 400 == complete(headers={**HEADERS, "post-violation": value}).status_code


@pytest.mark.parametrize("prefix", ["rule-", "cygnal-rule-", "policy-rule-", "category-"])
def test_rules_are_headers(complete, prefix):
    headers = {**HEADERS, f"{prefix}fruit": 'no "bananas"'}
    assert "violation" == complete("Bananas", headers=headers).json()["choices"][0]["finish_reason"]


@pytest.mark.parametrize("name", ["policy-id", "agent-id"])
def test_a_policy_is_required(complete, name):
    bare = {key: value for key, value in HEADERS.items() if key != "policy-id"}
    refused = complete(headers=bare)
    assert (400, "No policy specified") == (refused.status_code, refused.json()["message"])
    assert 200 == complete(headers={**bare, name: "p"}).status_code
    assert 200 == complete(headers=bare, policy_id="p").status_code


@pytest.mark.parametrize("name", ["grayswan-api-key", "x-grayswan-api-key"])
def test_both_key_headers(complete, grayswan_server, name):
    headers = {"policy-id": "p", "authorization": "Bearer p"}
    assert 401 == complete(headers=headers).status_code
    assert 200 == complete(headers={**headers, name: "secret-of-mine"}).status_code
    assert "secret-of-mine" not in repr(grayswan_server.last)


def test_lists_of_parts_are_refused(complete):
    assert 422 == complete([{"type": "text", "text": "Hello"}]).status_code


def test_a_tool_needs_a_description(complete):
    tool = {"type": "function", "function": {"name": "x", "parameters": {"type": "object"}}}
    assert 422 == complete(tools=[tool]).status_code


def test_what_openai_sends_is_accepted(complete):
    fields = {"seed": 1, "logprobs": False, "stream_options": {"include_usage": True}, "user": "u"}
    assert 200 == complete(**fields, max_completion_tokens=2, tool_choice="auto").status_code


def test_over_the_quota_nothing_is_filtered():
    with DevServer(cygnal_quota=3) as server:
        body = {"model": "m", "messages": [{"role": "user", "content": VIOLATION_TRIGGER}]}
        url = f"{server.url}/cygnal/chat/completions"
        choice = httpx.post(url, json=body, headers=HEADERS).json()["choices"][0]
        assert "stop" == choice["finish_reason"]
        monitor = httpx.post(f"{server.url}/cygnal/monitor", json={"text": "Hi"}, headers=HEADERS)
        assert 429 == monitor.status_code
