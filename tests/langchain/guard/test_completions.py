"""Protected completions with fakes and ChatGraySwan; with ChatOpenAI in tests/ecosystem."""

import pytest
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from grayswan_core import ConfigurationError, cygnal_settings
from grayswan_devserver import VIOLATION_TRIGGER, Answer, Call
from grayswan_devserver.cygnal.completions import BLOCK_MESSAGE
from langchain_grayswan import ChatGraySwan, protect
from langchain_grayswan.refusals import refusal_in

BAD = f"Well then: {VIOLATION_TRIGGER} and so on"


class Foreign(BaseChatModel):
    """A model of another provider's, with these texts in its stream."""

    texts: list[str]
    reason: str = "violation"

    @property
    def _llm_type(self):
        return "foreign"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        message = AIMessage("".join(self.texts), tool_calls=[{"name": "x", "args": {}, "id": "1"}])
        info = {"finish_reason": self.reason}
        return ChatResult(generations=[ChatGeneration(message=message, generation_info=info)])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for text in self.texts:
            yield ChatGenerationChunk(message=AIMessageChunk(content=text))
        info = {"finish_reason": self.reason}
        yield ChatGenerationChunk(message=AIMessageChunk(content=""), generation_info=info)


def joined(chunks):
    first, *rest = chunks
    return first + rest if rest else first


@pytest.mark.parametrize(
    "refusal", [[BLOCK_MESSAGE], list(BLOCK_MESSAGE), ["Policy says no."]], ids=len
)
def test_the_cut_text_and_the_refusal_are_told_apart(refusal):
    model = protect(Foreign(texts=["Well ", "then: ", *refusal]))
    message = joined(list(model.stream("Hello")))
    assert "Well then: " == message.text
    assert "".join(refusal) == message.additional_kwargs["refusal"]
    assert "violation" == message.response_metadata["finish_reason"]


def as_chunks(name, args):
    return {"tool_call_chunks": [{"name": name, "args": args, "id": "1", "index": 0}]}


def as_kwargs(name, args):
    return {"additional_kwargs": {"function_call": {"name": name, "arguments": args}}}


@pytest.mark.parametrize("form", [as_chunks, as_kwargs])
def test_a_call_that_was_cut_off_is_not_handed_out(form):
    class Calling(Foreign):
        def _stream(self, *args, **kwargs):
            call = AIMessageChunk(content="", **form("send", '{"to": "me"}'))
            yield ChatGenerationChunk(message=call)
            yield from super()._stream(*args, **kwargs)

    message = joined(list(protect(Calling(texts=[BLOCK_MESSAGE])).stream("Hello")))
    assert ([], []) == (message.tool_calls, message.invalid_tool_calls)
    assert {"refusal": BLOCK_MESSAGE} == message.additional_kwargs
    model = protect(Calling(texts=["and a text that is longer than a refusal"], reason="stop"))
    assert "send" in repr(joined(list(model.stream("Hello"))))


async def test_async():
    model = protect(Foreign(texts=["Well ", BLOCK_MESSAGE]))
    message = joined([chunk async for chunk in model.astream("Hello")])
    assert ("Well ", BLOCK_MESSAGE) == (message.text, message.additional_kwargs["refusal"])
    assert BLOCK_MESSAGE == refusal_in(await model.ainvoke("Hello"))["refusal"][-30:]


def test_a_whole_response():
    message = protect(Foreign(texts=[BLOCK_MESSAGE])).invoke("Hello")
    assert [{"type": "refusal", "refusal": BLOCK_MESSAGE}] == message.content_blocks
    assert [] == message.tool_calls


def test_anything_else_is_as_it_was():
    texts = ["All ", "is ", "well, and this text is longer than any refusal would be."]
    model = protect(Foreign(texts=texts, reason="stop"))
    assert texts == [chunk.text for chunk in model.stream("Hello") if chunk.text]
    assert 1 == len(model.invoke("Hello").tool_calls)


def test_a_policys_own_words():
    model = protect(Foreign(texts=["Well ", *"No. Policy 7."]), violation_message="No. Policy 7.")
    message = joined(list(model.stream("Hello")))
    assert ("Well ", "No. Policy 7.") == (message.text, message.additional_kwargs["refusal"])


@pytest.fixture
def completions(server):
    settings = cygnal_settings(api_key="test-key-000", base_url=server.url, policy_id="p")
    with ChatGraySwan(
        base_url=settings["base_url"],
        chat_path="/chat/completions",
        default_headers=settings["default_headers"],
        api_key="provider-key",
    ) as model:
        yield protect(model)


def test_the_local_server(completions, server):
    server.script(Answer(BAD, [Call("send", {"to": "me"})]))
    message = completions.invoke("Hello")
    assert BLOCK_MESSAGE == refusal_in(message)["refusal"]
    server.script(Answer(BAD))
    message = joined(list(completions.stream("Hello")))
    assert message.text.startswith("Well then:")
    assert BLOCK_MESSAGE not in message.text
    assert BLOCK_MESSAGE == message.additional_kwargs["refusal"]


def test_twice_is_refused(guard):
    model = protect(FakeListChatModel(responses=["x"]))
    with pytest.raises(ConfigurationError, match="already"):
        protect(model)
    with pytest.raises(ConfigurationError, match="already"):
        protect(protect(FakeListChatModel(responses=["x"]), guard))


def test_without_a_guard_a_model_that_is_pointed_elsewhere_is_refused():
    with (
        ChatGraySwan(api_key="fake-key") as model,
        pytest.raises(ConfigurationError, match=r"judges nothing.*CygnalGuard\(\)"),
    ):
        protect(model)
