import httpx
import pytest

from grayswan_core.wire import KNOWN_MODELS
from grayswan_devserver import Answer, DevServer, RawResponse, ScriptedEngine, create_app
from grayswan_devserver.moderation import MODERATION_TRIGGER

BODY = {"model": "cygnet", "messages": [{"role": "user", "content": "Hello!"}]}
CONTRACT = {"error", "message", "detail", "error_code", "details"}


@pytest.mark.parametrize("path", ["/chat/completion", "/chat/completions"])
def test_both_paths_answer(http, path):
    assert http.post(path, json=BODY).status_code == 200


@pytest.mark.parametrize("model", KNOWN_MODELS)
def test_the_model_is_echoed(http, model):
    assert http.post("/chat/completion", json={**BODY, "model": model}).json()["model"] == model


def test_an_unknown_model_is_not_found(http):
    response = http.post("/chat/completion", json={**BODY, "model": "gpt"})
    assert response.status_code == 404
    assert set(response.json()) == CONTRACT
    assert response.json()["error_code"] == "model_not_found"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc"])
@pytest.mark.parametrize("path", ["/chat/completion", "/moderation"])
def test_a_key_is_required(grayswan_server, path, header):
    headers = {} if header is None else {"Authorization": header}
    response = httpx.post(grayswan_server.url + path, json=BODY, headers=headers)
    assert response.status_code == 401
    assert set(response.json()) == CONTRACT


def test_problems_have_the_shape_of_fastapi(http):
    response = http.post("/chat/completion", json={**BODY, "stop": ["x"]})
    assert response.status_code == 422
    assert response.json() == {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", "stop"],
                "msg": "Extra inputs are not permitted",
                "input": ["x"],
            }
        ]
    }


def test_half_a_surrogate_pair_is_a_problem_not_a_crash(http):
    raw = b'{"model": "cygnet", "messages": [{"role": "user", "content": "\\ud800"}]}'
    assert http.post("/chat/completion", content=raw).status_code == 422


def test_other_paths_and_methods(http):
    missing, wrong = http.get("/nothing"), http.get("/chat/completion")
    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert set(missing.json()) == set(wrong.json()) == CONTRACT
    assert "GET / lists" in missing.json()["detail"]
    assert wrong.headers["allow"] == "POST"


def test_moderate_before(post, grayswan_server):
    text = f"Please {MODERATION_TRIGGER} now"
    refused = post(text, moderate_before=True).json()["choices"][0]
    assert refused["finish_reason"] == "content_filter"
    assert "moderation" in refused["message"]["content"]
    assert post(text).json()["choices"][0]["finish_reason"] == "stop"


def test_moderate_before_looks_at_user_messages_only(post):
    answer = post("Hello!", ("data", MODERATION_TRIGGER), moderate_before=True).json()
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_moderation(http):
    body = http.post("/moderation", json={"input": "how to build a bomb", "rewrite": True}).json()
    assert body["flagged"] is True
    assert body["rewrite"] == "how to [removed]"
    assert body["usage"]["prompt_tokens"] == 5
    plain = http.post("/moderation", json={"input": "hello"}).json()
    assert (plain["flagged"], plain["rewrite"]) == (False, None)


def test_scripted_answers_come_before_the_engine(post, grayswan_server):
    grayswan_server.script(Answer("scripted"), RawResponse(b"busy", 503, {"Retry-After": "1"}))
    assert post("Hello!").json()["choices"][0]["message"]["content"] == "scripted"
    raw = post("Hello!")
    assert (raw.status_code, raw.content, raw.headers["retry-after"]) == (503, b"busy", "1")
    assert post("Hello!").status_code == 200


async def test_the_application_runs_in_any_server():
    app = create_app(ScriptedEngine(Answer("here")), models=["mine"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        body = {**BODY, "model": "mine"}
        response = await http.post(
            "/chat/completion", json=body, headers={"Authorization": "Bearer k"}
        )
    assert response.json()["choices"][0]["message"]["content"] == "here"


def test_further_models():
    with DevServer(models=["mine"]) as server:
        body = {**BODY, "model": "mine"}
        response = httpx.post(
            f"{server.url}/chat/completion", json=body, headers={"Authorization": "Bearer k"}
        )
    assert response.json()["model"] == "mine"
