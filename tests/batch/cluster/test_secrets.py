from __future__ import annotations

import pickle

import pytest
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, SecretStr

from grayswan_batch.cluster.secrets import secret_in
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan

KEY = "gs-key-that-nobody-may-see"


class Careless(BaseModel):
    """A model whose pickle holds its key."""

    api_key: SecretStr | str


@pytest.mark.parametrize("model", [ChatGraySwan, GraySwan])
def test_our_own_models_leave_their_key_at_home(model):
    made = model(api_key=KEY, base_url="http://127.0.0.1:9")

    assert secret_in(pickle.dumps(made), made) is None


@pytest.mark.parametrize("key", [KEY, SecretStr(KEY)])
def test_a_key_in_a_pickle_is_found_wherever_the_model_keeps_it(key):
    made = [{"model": Careless(api_key=key)}]

    assert secret_in(pickle.dumps(made), made) == "api_key"


def test_a_secret_of_the_environment_is_found_in_whatever_is_pickled(monkeypatch):
    monkeypatch.setenv("OTHER_API_KEY", KEY)

    assert secret_in(pickle.dumps({"headers": f"Bearer {KEY}"}), None) == "OTHER_API_KEY"


def test_a_key_that_a_function_closes_over_is_found():
    key, careless = KEY, Careless(api_key=SecretStr(KEY))

    def make():
        return ChatGraySwan(api_key=key)

    def keep():
        return careless

    assert secret_in(KEY.encode(), make) == "key"
    assert secret_in(KEY.encode(), keep) == "api_key"


def test_a_chain_is_looked_through():
    chain = ChatPromptTemplate.from_template("{a}") | ChatGraySwan(api_key=KEY)

    assert secret_in(pickle.dumps(chain), chain) is None
