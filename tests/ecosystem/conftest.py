"""Fixtures of the tests that run third parties' packages: `make test-ecosystem`."""

from __future__ import annotations

import pytest

from grayswan_devserver import DevServer
from langchain_grayswan import ChatGraySwan
from llama_index.llms.grayswan import GraySwan

KEY = "fake-key-that-nobody-may-see"
HEADER = "header-value-that-nobody-may-see"


@pytest.fixture
def server():
    with DevServer() as server:
        yield server


@pytest.fixture
def settings(server):
    return {"base_url": server.url, "api_key": KEY, "default_headers": {"x-team": HEADER}}


@pytest.fixture
def chat_model(settings):
    with ChatGraySwan(**settings) as model:
        yield model


@pytest.fixture
def llm(settings):
    with GraySwan(**settings) as llm:
        yield llm


@pytest.fixture
def secrets():
    return KEY, HEADER
