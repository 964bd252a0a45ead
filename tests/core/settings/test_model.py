from __future__ import annotations

import asyncio
import copy
import json
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import BaseModel, SecretStr
from wire_server import whole

from grayswan_core.config import Timeout
from grayswan_core.errors import ConfigurationError, InvalidRequestError
from grayswan_core.request.turns import Turn
from grayswan_core.settings.model import ModelSettings
from grayswan_core.wire import ChatRequest, Message

KEY = "gs-key-that-nobody-may-see"
SECRET = "gateway-secret"
REQUEST = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
ANSWER = '{"choices": [{"message": {"content": "Hi"}}]}'


def settings(**given):
    return ModelSettings(**{"api_key": KEY, "default_headers": {"x-gateway": SECRET}, **given})


def test_the_defaults_are_the_services_own():
    made = ModelSettings(api_key=KEY)
    assert ("cygnet", "https://api.grayswan.ai", "/chat/completion") == (
        made.model,
        made.base_url,
        made.chat_path,
    )
    assert {None} == {
        getattr(made, name) for name in ("temperature", "max_tokens", "top_p", "n", "stop")
    }


def test_key_and_address_come_from_the_environment_and_arguments_win(monkeypatch):
    monkeypatch.setenv("GRAYSWAN_API_KEY", "over-there")
    monkeypatch.setenv("GRAY_SWAN_BASE_URL", "https://b.example")
    made = ModelSettings()
    assert ("over-there", "https://b.example") == (made.api_key.get_secret_value(), made.base_url)
    made = ModelSettings(api_key="here", base_url="https://a.example/")
    assert ("here", "https://a.example") == (made.api_key.get_secret_value(), made.base_url)


def test_a_missing_key_is_an_error_at_once():
    with pytest.raises(ConfigurationError, match="GRAYSWAN_API_KEY"):
        ModelSettings()


@pytest.mark.parametrize("name", ["temprature", "Model", "model_name", "extra"])
def test_a_misspelt_setting_is_an_error(name):
    with pytest.raises(ConfigurationError, match=f"^Unknown setting '{name}'"):
        settings(**{name: 1})


LOOKS = "it has to look like https://host or https://host/path"


def test_one_error_names_every_bad_setting_in_a_line_of_its_own():
    with pytest.raises(ConfigurationError) as caught:
        settings(
            temprature=0,
            timeout=-1,
            base_url="nonsense",
            stop=[""],
            top_p=2,
            max_retries=-1,
            model="",
            limits={"size": 1},
        )
    first, *lines = str(caught.value).splitlines()
    assert first == "ModelSettings cannot use 8 settings:"
    assert sorted(lines) == [
        "A stop sequence is a string of at least one character, not ''.",
        f"The base URL in base_url cannot be used: {LOOKS}.",
        "Unknown setting 'temprature'. Did you mean temperature?",
        "`timeout` is a number of seconds above 0 (None for no limit), not -1.0.",
        "limits: Unexpected keyword argument.",
        "max_retries should be greater than or equal to 0.",
        "model should have at least 1 character.",
        "top_p should be less than or equal to 1.",
    ]


@pytest.mark.parametrize("name", ModelSettings.model_fields)
def test_a_setting_of_the_wrong_type_is_named_and_its_value_is_nowhere_in_the_error(name):
    if name in {"http_client", "http_async_client"}:
        return  # anything at all, until the first call
    with pytest.raises(ConfigurationError, match=name) as caught:
        settings(**{name: [{SECRET: SECRET}]})
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == str(caught.value)
    assert SECRET not in f"{error} {caught.value.__context__!r} {caught.value.__cause__!r}"
    assert "pydantic.dev" not in str(error)


def test_what_is_no_dict_of_settings_is_left_to_pydantic():
    class Holder(BaseModel):
        model: ModelSettings | str

    assert Holder(model="name").model == "name"


def test_a_setting_given_to_a_call_says_where_it_belongs():
    with pytest.raises(InvalidRequestError, match="setting of the model"):
        settings()._ask([Turn("user", "Hello")], {"base_url": "https://b.example"})


def test_repr_names_the_model():
    assert "model='cygnet'" in repr(settings())


@pytest.mark.parametrize(
    "given",
    [
        {"base_url": "http://h.example"},
        {"base_url": "nonsense"},
        {"timeout": 0},
        {"default_headers": {"Authorization": "x"}},
        {"chat_path": "/a b"},
    ],
)
def test_what_cannot_work_is_an_error_at_once(given):
    with pytest.raises(ConfigurationError):
        settings(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"model": ""},
        {"temperature": -1},
        {"top_p": 2},
        {"n": 0},
        {"max_tokens": 0},
        {"max_retries": -1},
        {"stop": [""]},
        {"tool_result_role": "system"},
    ],
)
def test_a_value_out_of_range_is_an_error_at_once_and_shows_no_secret(given):
    with pytest.raises(ConfigurationError) as caught:
        settings(**given)
    assert KEY not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_key_of_the_wrong_type_is_not_shown():
    with pytest.raises(ConfigurationError) as caught:
        ModelSettings(api_key=[KEY])
    assert KEY not in str(caught.value)


# --- secrets


def test_no_dump_and_no_text_form_holds_a_secret():
    made = settings(timeout=Timeout(read=3))
    shown = [
        repr(made),
        str(made),
        made.model_dump_json(),
        repr(made.model_dump()),
        json.dumps(made.model_dump(mode="json")),
        repr(list(made.model_dump(mode="json", exclude=None).values())),
        made.__repr_str__("\n"),
    ]
    for each in shown:
        assert KEY not in each
        assert SECRET not in each


def everything_in(made):
    return [
        repr(vars(made)),
        repr(dict(made)),
        repr(list(made)),
        repr(made.__pydantic_private__),
        repr([getattr(made, name) for name in ModelSettings.model_fields]),
        repr(made.client.__dict__),
        repr(made.client._config),
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made,
        copy.copy,
        copy.deepcopy,
        lambda made: made.model_copy(update={"api_key": KEY, "default_headers": {"x-g": SECRET}}),
        lambda made: (setattr(made, "default_headers", {"x-g": SECRET}), made)[1],
        lambda made: (setattr(made, "api_key", KEY), made)[1],
    ],
)
def test_no_attribute_shows_a_secret_however_it_was_set(change):
    for each in everything_in(change(settings())):
        assert KEY not in each
        assert SECRET not in each


@pytest.mark.parametrize("used", [False, True])
def test_a_pickle_holds_no_secret_and_reads_the_key_again(used, monkeypatch):
    made = settings(temperature=0.5, base_url="https://h.example")
    if used:
        assert made.client
    pickled = pickle.dumps(made)
    assert KEY.encode() not in pickled
    assert SECRET.encode() not in pickled
    monkeypatch.setenv("GRAYSWAN_API_KEY", "over-there")
    loaded = pickle.loads(pickled)
    assert (0.5, "https://h.example") == (loaded.temperature, loaded.base_url)
    loaded.default_headers = {"x-gateway": SECRET}
    assert made.default_headers == loaded.default_headers
    assert "over-there" == loaded.client._config.api_key.get_secret_value()
    assert KEY == made.api_key.get_secret_value()


def test_a_pickle_says_clearly_where_there_is_no_key_to_read():
    loaded = pickle.loads(pickle.dumps(ModelSettings(api_key=KEY)))
    with pytest.raises(ConfigurationError, match="GRAYSWAN_API_KEY"):
        _ = loaded.client


def test_headers_that_a_pickle_leaves_out_are_missed_until_they_are_set_again(monkeypatch):
    monkeypatch.setenv("GRAYSWAN_API_KEY", KEY)
    once = pickle.loads(pickle.dumps(settings()))
    for loaded in (once, pickle.loads(pickle.dumps(once)), copy.deepcopy(once)):
        with pytest.raises(ConfigurationError, match="headers x-gateway of default_headers"):
            _ = loaded.client
    once.default_headers = {}
    assert {} == once.client._config.headers
    again = loaded.model_copy(update={"default_headers": {"x-gateway": SECRET}})
    assert {"x-gateway": SecretStr(SECRET)} == again.client._config.headers


@pytest.mark.parametrize("name", ["http_client", "http_async_client"])
def test_a_setting_that_cannot_be_pickled_is_named(name):
    own = {"http_client": httpx.Client, "http_async_client": httpx.AsyncClient}[name]()
    with pytest.raises(ConfigurationError, match=f"because of its setting '{name}'"):
        pickle.dumps(settings(**{name: own}))


# --- what a call asks


def test_a_call_asks_with_the_settings_and_its_own_arguments():
    made = settings(temperature=0.5, top_p=0.5, stop="a", tool_result_role="data")
    turns = [Turn("human", "Hello"), Turn("tool", "42", tool_call_id="call_1")]
    what = made._ask(turns, {"temperature": 0.0, "stop": None})
    assert ("cygnet", 0.0, 0.5) == (
        what.request.model,
        what.request.temperature,
        what.request.top_p,
    )
    assert ("a",) == what.stop
    assert ["user", "data"] == [message.role for message in what.request.messages]


def test_a_stream_holds_one_answer():
    made = settings(n=2)
    turns = [Turn("human", "Hello")]
    assert 2 == made._ask(turns, {}).request.n
    with pytest.raises(InvalidRequestError, match="A stream holds one response"):
        made._ask(turns, {}, stream=True)
    assert 1 == made._ask(turns, {"n": 1}, stream=True).request.n


# --- the client


def test_a_model_has_one_client_however_many_threads_ask():
    made = settings()
    ready = threading.Barrier(32)

    def ask(_):
        ready.wait()
        return made.client

    with ThreadPoolExecutor(32) as pool:
        assert 1 == len(set(map(id, pool.map(ask, range(32)))))


@pytest.mark.parametrize(
    "change",
    [
        {"api_key": SecretStr("another-key")},
        {"base_url": "https://other.example"},
        {"chat_path": "/v2"},
        {"timeout": 3.0},
        {"max_retries": 0},
        {"default_headers": None},
    ],
)
def test_the_client_is_made_anew_when_what_it_depends_on_changes(change):
    made = settings()
    before = made.client
    for name, value in change.items():
        setattr(made, name, value)
    assert before is not made.client
    copied = settings().model_copy(update=change)
    assert settings().client is not copied.client


def test_the_client_stays_when_anything_else_changes():
    made = settings()
    before = made.client
    made.temperature = 0.1
    made.model = "cygnet-v0.2"
    assert before is made.client


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, ModelSettings.model_copy])
def test_a_copy_keeps_everything_and_shares_the_connections(copied):
    with httpx.Client() as own:
        made = settings(http_client=own, stop=["a"])
        client = made.client
        other = copied(made)
        assert made == other
        assert client is other.client
        assert own is other.http_client
        assert KEY == other.api_key.get_secret_value()


def test_a_deep_copy_is_a_copy():
    made = settings(stop=["a"])
    copy.deepcopy(made).stop.append("b")
    assert ["a"] == made.stop


async def test_settings_reach_the_wire(server):
    made = settings(base_url=server.url, chat_path="/v2/chat", max_retries=0)
    server.play_always(whole(ANSWER))
    async with made as entered:
        assert entered is made
        await made.client.acomplete(REQUEST)
    with made as entered:
        assert entered is made
        await asyncio.to_thread(made.client.complete, REQUEST)
    for request in server.requests:
        assert "/v2/chat" == request.target
        assert [SECRET] == request.all("x-gateway")
        assert [f"Bearer {KEY}"] == request.all("authorization")
    for number in range(len(server.connections)):
        await asyncio.to_thread(server.wait_for_close, number)


async def test_closing_what_was_never_used_is_nothing():
    made = settings()
    made.close()
    await made.aclose()
    assert made._client is None


def test_making_a_model_does_not_import_httpx():
    program = (
        "import sys\n"
        "from grayswan_core import ModelSettings\n"
        "ModelSettings(api_key='k')\n"
        "assert 'httpx' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - as it stands here


def test_a_key_may_rotate(server):
    server.play_always(whole(ANSWER))
    keys = iter(["first-key", "second-key"])
    made = settings(api_key=lambda: next(keys), base_url=server.url)
    for _ in range(2):
        made.client.complete(REQUEST)
    sent = [dict(request.headers)["authorization"] for request in server.requests]
    assert ["Bearer first-key", "Bearer second-key"] == sent
    assert 1 == len(server.connections)
