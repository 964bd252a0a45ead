"""Copies and pickles of both models with what frameworks let one pass: shared, or refused."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest
from canaries import KEY
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.rate_limiters import InMemoryRateLimiter
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler

from grayswan_core import ConfigurationError
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan


class LockedHandler(BaseCallbackHandler):
    def __init__(self):
        self.lock = threading.Lock()


class LockedDebugHandler(LlamaDebugHandler):
    def __init__(self):
        super().__init__(print_trace_on_end=False)
        self.lock = threading.Lock()


CASES = [
    (ChatGraySwan, "rate_limiter", InMemoryRateLimiter),
    (ChatGraySwan, "callbacks", lambda: [LockedHandler()]),
    (ChatGraySwan, "metadata", lambda: {"lock": threading.Lock()}),
    (ChatGraySwan, "custom_get_token_ids", lambda: lambda text: [1]),
    (GraySwan, "callback_manager", lambda: CallbackManager([LockedDebugHandler()])),
    (GraySwan, "messages_to_prompt", lambda: lambda messages: ""),
]
COPIES = [
    copy.copy,
    copy.deepcopy,
    lambda model: model.model_copy(),
    lambda model: model.model_copy(deep=True),
    lambda model: copy.deepcopy([model])[0],
]


def leaf(value):
    while isinstance(value, list | dict):
        value = next(iter(value.values() if isinstance(value, dict) else value))
    return value


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize(("kind", "name", "make"), CASES)
def test_a_copy_shares_what_cannot_be_copied(kind, name, make, copied):
    model = kind(api_key=KEY, stop=["a"], **{name: make()})
    client = model.client
    other = copied(model)
    assert leaf(getattr(model, name)) is leaf(getattr(other, name))
    assert client is other.client
    assert KEY == other.api_key.get_secret_value()


@pytest.mark.parametrize(("kind", "name", "make"), CASES)
def test_a_pickle_of_what_cannot_be_pickled_is_refused_and_the_setting_named(kind, name, make):
    model = kind(api_key=KEY, **{name: make()})
    with pytest.raises(ConfigurationError, match=f"because of its setting '{name}'"):
        pickle.dumps(model)


@pytest.mark.parametrize("kind", [ChatGraySwan, GraySwan])
def test_a_pickle_keeps_every_other_field(kind, monkeypatch):
    monkeypatch.setenv("GRAYSWAN_API_KEY", KEY)
    model = kind(api_key=KEY, temperature=0.5, stop=["a"], max_tokens=7, timeout=3)
    loaded = pickle.loads(pickle.dumps(model))
    assert set(vars(model)) == set(vars(loaded))
    assert repr(model) == repr(loaded)
