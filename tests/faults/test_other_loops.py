"""Async calls outside of asyncio, as under trio: one clear sentence.

LangChain itself needs asyncio, for its callbacks.
"""

from __future__ import annotations

import pytest
from canaries import KEY
from llama_index.core.base.llms.types import ChatMessage

from grayswan_core import ChatRequest, ClientConfig, ConfigurationError, CygnetClient, Message
from llama_index_grayswan import GraySwan

REQUEST = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
HELLO = [ChatMessage(content="Hello")]


async def llama_index_stream(llm):
    async for _ in await llm.astream_chat(HELLO):
        pass


CALLS = {
    "core": lambda: CygnetClient(ClientConfig.resolve(api_key=KEY)).acomplete(REQUEST),
    "core, stream": lambda: anext(CygnetClient(ClientConfig.resolve(api_key=KEY)).astream(REQUEST)),
    "LlamaIndex": lambda: GraySwan(api_key=KEY).achat(HELLO),
    "LlamaIndex, stream": lambda: llama_index_stream(GraySwan(api_key=KEY)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_without_a_loop_of_asyncio_says_what_it_needs(name):
    coroutine = CALLS[name]()
    with pytest.raises(ConfigurationError, match="trio is not supported"):
        coroutine.__await__().__next__()  # the first step, as any other loop would do it
