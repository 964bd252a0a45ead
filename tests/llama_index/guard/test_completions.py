"""Protected completions with a mock, GraySwan and OpenAI, whose responses keep no refusal."""

import asyncio
import pickle

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
    ToolCallBlock,
)
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.llms.openai import OpenAI

from grayswan_core import ConfigurationError, cygnal_settings
from grayswan_devserver import VIOLATION_TRIGGER, Answer, Call
from grayswan_devserver.cygnal.completions import BLOCK_MESSAGE
from llama_index_grayswan import protect

BAD = f"Well then: {VIOLATION_TRIGGER} and so on"
HELLO = [ChatMessage("Hello", role=MessageRole.USER)]


class Foreign(CustomLLM):
    """An LLM of another provider's, with these texts in its stream."""

    texts: list[str]
    reason: str = "violation"
    in_messages: bool = True

    @property
    def metadata(self):
        return LLMMetadata(model_name="foreign")

    def _raw(self):
        return {"choices": [{"finish_reason": self.reason}]}

    def _message(self, text):
        blocks = ChatMessage(text if self.in_messages else "").blocks
        return ChatMessage(role="assistant", blocks=[*blocks, ToolCallBlock(tool_name="x")])

    @llm_chat_callback()
    def chat(self, messages, **kwargs):
        return ChatResponse(message=self._message("".join(self.texts)), raw=self._raw())

    @llm_chat_callback()
    def stream_chat(self, messages, **kwargs):
        def responses():
            text = ""
            for each in self.texts:
                text += each
                yield ChatResponse(message=self._message(text), delta=each, raw={"choices": []})
            yield ChatResponse(message=self._message(text), delta="", raw=self._raw())

        return responses()

    @llm_completion_callback()
    def complete(self, prompt, formatted=False, **kwargs):
        return CompletionResponse(text="".join(self.texts), raw=self._raw())

    @llm_completion_callback()
    def stream_complete(self, prompt, formatted=False, **kwargs):
        def responses():
            text = ""
            for each in [*self.texts, ""]:
                text += each
                yield CompletionResponse(text=text, delta=each, raw=self._raw())

        return responses()


def test_a_call_that_was_cut_off_is_not_handed_out():
    for response in protect(Foreign(texts=["Well, ", *BLOCK_MESSAGE])).stream_chat(HELLO):
        assert not [each for each in response.message.blocks if isinstance(each, ToolCallBlock)]
    going = protect(Foreign(texts=list(BLOCK_MESSAGE), reason="stop")).stream_chat(HELLO)
    assert isinstance(list(going)[-1].message.blocks[-1], ToolCallBlock)


def outcome(responses):
    """The text that was streamed, the text of the last response, and the refusal in it."""
    deltas = "".join(each.delta or "" for each in responses)
    last = responses[-1]
    text = last.text if isinstance(last, CompletionResponse) else last.message.content
    return deltas, text, last.additional_kwargs.get("refusal")


async def collect(stream):
    return [each async for each in await stream]


@pytest.mark.parametrize(
    "refusal", [[BLOCK_MESSAGE], list(BLOCK_MESSAGE), ["Policy says no."]], ids=len
)
@pytest.mark.parametrize("in_messages", [True, False])
def test_the_cut_text_and_the_refusal_are_told_apart(refusal, in_messages):
    llm = protect(Foreign(texts=["Well ", "then: ", *refusal], in_messages=in_messages))
    said = "".join(refusal)
    whole = f"Well then: \n\n{said}"
    responses = list(llm.stream_chat(HELLO))
    assert (whole, whole, said) == outcome(responses)
    assert "violation" == responses[-1].additional_kwargs["finish_reason"]
    assert "ToolCallBlock" not in repr(responses[-1].message.blocks)
    assert (whole, said) == outcome(list(llm.stream_complete("Hello")))[::2]


async def test_async():
    llm = protect(Foreign(texts=["Well ", BLOCK_MESSAGE]))
    whole = f"Well \n\n{BLOCK_MESSAGE}"
    assert (whole, whole, BLOCK_MESSAGE) == outcome(await collect(llm.astream_chat(HELLO)))
    assert (whole, whole, BLOCK_MESSAGE) == outcome(await collect(llm.astream_complete("Hello")))
    for response in (await llm.achat(HELLO), await llm.acomplete("Hello")):
        assert response.additional_kwargs["refusal"].endswith(BLOCK_MESSAGE)


def test_a_whole_response():
    llm = protect(Foreign(texts=[BLOCK_MESSAGE]))
    response = llm.chat(HELLO)
    assert (BLOCK_MESSAGE, 1) == (response.message.content, len(response.message.blocks))
    for each in (response, llm.complete("Hello")):
        assert ("violation", BLOCK_MESSAGE) == (
            each.additional_kwargs["finish_reason"],
            each.additional_kwargs["refusal"],
        )


def test_a_stream_of_a_refusal_alone():
    llm = protect(Foreign(texts=list(BLOCK_MESSAGE)))
    assert (BLOCK_MESSAGE, BLOCK_MESSAGE, BLOCK_MESSAGE) == outcome(list(llm.stream_chat(HELLO)))


def test_anything_else_is_as_it_was():
    texts = ["All ", "is ", "well, and this text is longer than any refusal would be."]
    own = Foreign(texts=texts, reason="stop")
    llm = protect(own)
    assert list(own.stream_chat(HELLO)) == list(llm.stream_chat(HELLO))
    assert own.chat(HELLO) == llm.chat(HELLO)
    assert own.complete("Hello") == llm.complete("Hello")


def test_a_policys_own_words():
    llm = protect(Foreign(texts=["Well ", *"No. Policy 7."]), violation_message="No. Policy 7.")
    assert "No. Policy 7." == outcome(list(llm.stream_chat(HELLO)))[2]


def test_events_tell_the_refusal(events):
    list(protect(Foreign(texts=["Well ", BLOCK_MESSAGE])).stream_chat(HELLO))
    (end,) = (each for each in events if isinstance(each, LLMChatEndEvent))
    assert BLOCK_MESSAGE == end.response.additional_kwargs["refusal"]
    assert "ToolCallBlock" not in repr(end.response)


@pytest.fixture(params=["GraySwan", "OpenAI"])
def completions(request, grayswan_server, make_llm):
    settings = cygnal_settings(
        api_key="test-key-000", base_url=grayswan_server.url, policy_id="p", address="api_base"
    )
    if request.param == "OpenAI":
        return protect(OpenAI(model="gpt-4o", api_key="provider", max_retries=0, **settings))
    return protect(
        make_llm(
            base_url=settings["api_base"],
            chat_path="/chat/completions",
            default_headers=settings["default_headers"],
        )
    )


def test_the_local_server(completions, grayswan_server):
    grayswan_server.script(Answer(BAD, [Call("send", {"to": "me"})]))
    response = completions.chat(HELLO)
    assert BLOCK_MESSAGE == response.additional_kwargs["refusal"]
    assert VIOLATION_TRIGGER not in repr(response.message)
    for stream in (
        lambda: list(completions.stream_chat(HELLO)),
        lambda: list(completions.stream_complete("Hello")),
        lambda: asyncio.run(collect(completions.astream_chat(HELLO))),
    ):
        grayswan_server.script(Answer(BAD))
        deltas, text, refused = outcome(stream())
        assert BLOCK_MESSAGE == refused
        assert deltas == text
        assert deltas.startswith("Well then:")
        assert deltas.endswith(f"\n\n{BLOCK_MESSAGE}")
        assert 1 == deltas.count(BLOCK_MESSAGE)


def test_a_guard_may_stand_around_it(guard):
    llm = protect(protect(Foreign(texts=["Well ", BLOCK_MESSAGE])), guard)
    assert "refusal" in llm.chat(HELLO).additional_kwargs
    assert "Well " in outcome(list(llm.stream_chat(HELLO)))[0]
    flagged = protect(protect(Foreign(texts=[BAD], reason="stop")), guard)
    assert VIOLATION_TRIGGER not in repr(flagged.chat(HELLO))


def test_twice_is_refused(guard):
    for llm in (protect(Foreign(texts=["x"])), protect(Foreign(texts=["x"]), guard)):
        with pytest.raises(ConfigurationError, match="already"):
            protect(llm)


def test_it_reads_violations_after_a_pickle():
    llm = pickle.loads(pickle.dumps(protect(Foreign(texts=["No."]), violation_message="No.")))
    assert "No." == llm.chat(HELLO).additional_kwargs["refusal"]
    assert "Foreign" in type(llm).__name__


def test_without_a_guard_an_llm_that_is_pointed_elsewhere_is_refused(make_llm):
    for llm in (make_llm(), OpenAI(model="gpt-4o", api_key="provider")):
        with pytest.raises(ConfigurationError, match=r"judges nothing.*CygnalGuard\(\)"):
            protect(llm)
