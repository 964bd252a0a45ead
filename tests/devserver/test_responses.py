import json
import threading

import httpx
import pytest

from grayswan_devserver import (
    Answer,
    Call,
    DevServer,
    FinishPiece,
    RawResponse,
    RulesEngine,
    TextPiece,
    UnfitRequestError,
    UsagePiece,
)

KEY = {"Authorization": "Bearer k"}
BODY = {"model": "cygnet", "messages": [{"role": "user", "content": "Hello!"}]}


def _joined(chunks, index=0):
    choices = [c for chunk in chunks for c in chunk["choices"] if c["index"] == index]
    return "".join(choice["delta"].get("content", "") for choice in choices)


@pytest.mark.parametrize(
    "text", ["Hello!", "What is 2+2?", "Repeat: 你好 \U0001f600\u2028 a  b\n", "Who am I?"]
)
def test_the_stream_says_what_the_plain_answer_says(post, stream, text):
    plain, chunks = post(text).json(), stream(text)
    assert _joined(chunks) == plain["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"] == plain["usage"]
    assert len(chunks) > 4


def test_the_stream_calls_what_the_plain_answer_calls(post, stream, weather):
    text = "What is the weather in Paris and in London?"
    calls = post(text, tools=[weather]).json()["choices"][0]["message"]["tool_calls"]
    chunks = stream(text, tools=[weather])
    deltas = [d for c in chunks for x in c["choices"] for d in x["delta"].get("tool_calls", ())]
    assert len(calls) == 2
    for index, call in enumerate(calls):
        first, *rest = [delta for delta in deltas if delta["index"] == index]
        assert (first["id"], first["function"]["name"]) == (call["id"], call["function"]["name"])
        assert len(rest) > 1
        assert all(set(delta) == {"index", "function"} for delta in rest)
        pieces = [delta["function"]["arguments"] for delta in [first, *rest]]
        assert "".join(pieces) == call["function"]["arguments"]


def test_the_order_of_a_stream(stream):
    chunks = stream("Hello!")
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-2])
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert set(chunks[-1]["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}


def test_several_choices_take_turns(stream):
    chunks = stream("Hello!", n=2)
    assert [c["choices"][0]["index"] for c in chunks[:6]] == [0, 1, 0, 1, 0, 1]
    assert _joined(chunks, 0) == _joined(chunks, 1) != ""


def test_max_tokens_ends_with_length(post, stream):
    choice = post("Hello!", max_tokens=3).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == "Hello! How"
    assert stream("Hello!", max_tokens=3)[-2]["choices"][0]["finish_reason"] == "length"


def test_arguments_may_be_cut_amid(post, weather):
    choice = post("weather in Paris", tools=[weather], max_tokens=4).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


def test_content_type(http):
    response = http.post("/chat/completion", json={**BODY, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")


class _Failing:
    fingerprint = "failing-1"

    def __init__(self, after):
        self._after = after

    def generate(self, request):
        for number in range(self._after):
            yield TextPiece(0, str(number))
        raise RuntimeError("out of order")


@pytest.mark.parametrize("streamed", [False, True])
def test_an_engine_that_fails_at_once_is_a_500(streamed):
    with DevServer(engine=_Failing(0)) as server:
        body = {**BODY, "stream": streamed}
        response = httpx.post(f"{server.url}/chat/completion", json=body, headers=KEY)
    assert response.status_code == 500
    assert response.json()["detail"] == "RuntimeError: out of order"


class _Unfit:
    fingerprint = "unfit-1"

    def generate(self, request):
        raise UnfitRequestError("too_green", "The request is too green.", "Paint it.")
        yield


@pytest.mark.parametrize("streamed", [False, True])
def test_a_request_unfit_for_the_engine_is_a_400(streamed):
    with DevServer(engine=_Unfit()) as server:
        body = {**BODY, "stream": streamed}
        response = httpx.post(f"{server.url}/chat/completion", json=body, headers=KEY)
    assert response.status_code == 400
    told = response.json()
    assert (told["error_code"], told["detail"]) == ("too_green", "Paint it.")
    assert told["message"] == "The request is too green."


def test_an_engine_that_fails_later_says_so_in_the_stream():
    with DevServer(engine=_Failing(2)) as server:
        body = {**BODY, "stream": True}
        response = httpx.post(f"{server.url}/chat/completion", json=body, headers=KEY)
    *_, last, end = response.text.split("\n\n")
    assert end == ""
    assert json.loads(last.removeprefix("data: "))["error"] is True


class _Endless:
    fingerprint = "endless-1"

    def __init__(self):
        self.stopped = threading.Event()

    def generate(self, request):
        try:
            while True:
                yield TextPiece(0, "on and on ")
        finally:
            self.stopped.set()


def test_a_client_that_leaves_a_stream_stops_the_engine():
    engine = _Endless()
    with DevServer(engine=engine) as server:
        body = {**BODY, "stream": True}
        with httpx.stream("POST", f"{server.url}/chat/completion", json=body, headers=KEY) as got:
            next(got.iter_lines())
        assert engine.stopped.wait(10)
        assert server.last.wait()
        assert server.last.aborted is True


def test_a_client_that_leaves_a_plain_request_stops_the_engine():
    engine = _Endless()
    with DevServer(engine=engine) as server:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}/chat/completion", json=BODY, headers=KEY, timeout=0.2)
        assert engine.stopped.wait(10)
        assert server.last.wait()
        assert server.last.aborted is True


def test_leaving_during_a_pause_ends_it():
    with DevServer(chunk_delay=3600) as server:
        body = {**BODY, "stream": True}
        with httpx.stream("POST", f"{server.url}/chat/completion", json=body, headers=KEY) as got:
            next(got.iter_lines())
        assert server.last.wait()
        assert server.last.aborted is True


def test_a_stream_read_to_its_end_is_not_aborted(stream, grayswan_server):
    stream("Hello!")
    assert grayswan_server.last.wait()
    assert grayswan_server.last.aborted is False


class _Unfinished(RulesEngine):
    def generate(self, request):
        yield TextPiece(0, "a")
        yield FinishPiece(0, "violation")
        yield UsagePiece(1, 1)


def test_the_engine_has_the_word_on_finish_reasons():
    with DevServer(engine=_Unfinished()) as server:
        response = httpx.post(f"{server.url}/chat/completion", json=BODY, headers=KEY)
    assert response.json()["choices"][0]["finish_reason"] == "violation"


def test_raw_responses_may_be_cut(grayswan_server, http):
    grayswan_server.script(RawResponse([b"data: 1\n\n", b"data: 2"], cut=True))
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("/chat/completion", json=BODY)


def test_broken_arguments_can_be_scripted(grayswan_server, post):
    grayswan_server.script(Answer("So", [Call("f", '{"a": ', id="mine")]))
    message = post("Hello!").json()["choices"][0]["message"]
    assert message["content"] == "So"
    assert message["tool_calls"][0] == {
        "id": "mine",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a": '},
    }
