"""A local server under load, models over it, and models that need none."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain_core.runnables import RunnableLambda

from grayswan_devserver import DevServer, Load
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan


@pytest.fixture
def serve():
    """Starts a server under load; each is stopped when the test ends."""
    running = []

    def start(**load):
        running.append(DevServer(load=Load(**load)))
        running[-1].start()
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def chat():
    """Makes a LangChain model that asks a server; closed when the test ends."""
    made = []

    def make(server, **settings):
        made.append(ChatGraySwan(base_url=server.url, api_key="test-key-000", **settings))
        return made[-1]

    yield make
    for model in made:
        model.close()


@pytest.fixture
def llm():
    """Makes a LlamaIndex LLM that asks a server; closed when the test ends."""
    made = []

    def make(server, **settings):
        made.append(GraySwan(base_url=server.url, api_key="test-key-000", **settings))
        return made[-1]

    yield make
    for model in made:
        model.close()


class Echo:
    """Answers a row with its column `prompt`, and counts what it is asked."""

    def __init__(self):
        self.asked = []
        self.under_way = 0
        self.most_under_way = 0
        self.fail = lambda text: None

    async def __call__(self, row):
        text = row["prompt"] if isinstance(row, dict) else row
        self.asked.append(text)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(0)
            if (error := self.fail(text)) is not None:
                raise error
            return text.upper()
        finally:
            self.under_way -= 1


@pytest.fixture
def echo():
    return Echo()


@pytest.fixture
def echo_model(echo):
    """A runnable that asks nobody."""

    async def answer(row):
        return await echo(row)

    return RunnableLambda(answer)


@pytest.fixture
def read():
    """The records of a JSONL file."""

    def lines(path):
        return [json.loads(line) for line in path.read_text().splitlines()]

    return lines


@pytest.fixture
def to(tmp_path):
    return tmp_path / "answers.jsonl"
