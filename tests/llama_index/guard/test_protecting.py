"""Protected LLMs, as whole flows on the local server and around LlamaIndex's own mocks."""

import asyncio
import copy
import json
import pickle
from contextlib import suppress
from inspect import getattr_static, unwrap

import pytest
from llama_index.core import Settings
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from grayswan_core import AuthenticationError, ConfigurationError, CygnalViolationError
from grayswan_devserver import IPI_TRIGGER, VIOLATION_TRIGGER, Answer, Call, MonitorAnswer
from llama_index_grayswan import GraySwan, data_message, guard_tools, protect
from llama_index_grayswan.guard.around import _MADE_OF_THEM, _WAYS
from llama_index_grayswan.guard.events import CygnalJudgementEvent

BAD = f"swordfish {VIOLATION_TRIGGER}"
LLM_ENDS = (LLMChatEndEvent, LLMCompletionEndEvent)
SORRY = "Sorry, I can't help with that."
MODES = [
    pytest.param({}, id="hold"),
    pytest.param({"streaming": "window", "window": 8}, id="window"),
    pytest.param({"mode": "parallel"}, id="parallel"),
]


def user(text):
    return [ChatMessage(text, role=MessageRole.USER)]


def send(to: str) -> str:
    """Send a message."""
    return "sent"


TOOL = FunctionTool.from_defaults(send)


@pytest.fixture(params=MODES)
def protected(request, llm, guard):
    return protect(llm, guard, **request.param)


async def _collect(stream):
    return [each async for each in await stream]


def ways(llm, text="Hello"):
    """Every way to call an LLM; each gives what came of it."""
    yield lambda: llm.chat(user(text))
    yield lambda: list(llm.stream_chat(user(text)))
    yield lambda: llm.complete(text)
    yield lambda: list(llm.stream_complete(text))
    yield lambda: llm.predict(PromptTemplate(text))
    yield lambda: list(llm.stream(PromptTemplate(text)))
    yield lambda: llm.chat_with_tools([TOOL], text)
    yield lambda: list(llm.stream_chat_with_tools([TOOL], text))
    yield lambda: asyncio.run(llm.achat(user(text)))
    yield lambda: asyncio.run(_collect(llm.astream_chat(user(text))))
    yield lambda: asyncio.run(llm.acomplete(text))
    yield lambda: asyncio.run(_collect(llm.astream_complete(text)))
    yield lambda: asyncio.run(llm.achat_with_tools([TOOL], text))
    yield lambda: asyncio.run(_collect(llm.astream_chat_with_tools([TOOL], text)))


def test_a_flagged_response_is_seen_by_nobody(protected, grayswan_server, events, spans):
    debug = LlamaDebugHandler(print_trace_on_end=False)
    protected.callback_manager = CallbackManager([debug])
    for way in ways(protected):
        grayswan_server.clear()
        grayswan_server.script(Answer(BAD, [Call("send", {"to": "swordfish"})]))
        assert "swordfish" not in repr(way())
        assert grayswan_server.requests
    assert "swordfish" not in repr((events, spans, debug.get_llm_inputs_outputs()))
    assert any(isinstance(event, CygnalJudgementEvent) for event in events)
    assert "test-key" not in repr(events)


def test_a_flagged_input_is_not_sent(llm, guard, to_model):
    for way in ways(protect(llm, guard), BAD):
        assert SORRY in repr(way())
    assert [] == to_model()


def test_an_allowed_response_is_as_it_was(protected, grayswan_server):
    grayswan_server.script(Answer("It is blue.", [Call("send", {"to": "me"})]))
    response = protected.chat(user("Hello"))
    assert "It is blue." == response.message.content
    assert 1 == len(protected.get_tool_calls_from_response(response))
    assert not response.additional_kwargs["cygnal"]["blocked"]
    grayswan_server.script(Answer("It is blue."))
    responses = list(protected.stream_chat(user("Hello")))
    assert "It is blue." == "".join(each.delta for each in responses)
    assert "It is blue." == responses[-1].message.content


def test_with_window_judged_text_is_streamed(llm, guard, grayswan_server):
    grayswan_server.script(Answer("It is blue. " * 20 + BAD + " and so on" * 20))
    stream = protect(llm, guard, streaming="window", window=24).stream_chat(user("Hello"))
    responses = list(stream)
    text = "".join(each.delta for each in responses)
    assert text == responses[-1].message.content
    assert text.startswith("It is blue. It is blue. ")
    assert text.endswith(SORRY)
    assert "swordfish" not in text


async def test_in_parallel_the_model_is_cut_off(llm, guard, grayswan_server):
    grayswan_server.script(MonitorAnswer({"violation": 1.0}), Answer("words " * 2000))
    response = await protect(llm, guard, mode="parallel").achat(user("Hello"))
    assert (SORRY, "input") == (
        response.message.content,
        response.additional_kwargs["cygnal"]["stage"],
    )


def test_later_turns_do_not_hold_a_refused_question(protected, grayswan_server, to_model):
    history = user(BAD)
    history.append(protected.chat(history).message)
    grayswan_server.clear()
    protected.chat([*history, *user("go on")])
    assert [[{"role": "user", "content": "go on"}]] == to_model()


def test_data_and_results_are_replaced(protected, to_model):
    protected.chat([*user("Hello"), data_message(f"page: {IPI_TRIGGER}")])
    assert IPI_TRIGGER not in repr(to_model())
    assert "removed" in repr(to_model())


@pytest.mark.parametrize("behavior", ["end", "replace", "error", "monitor"])
def test_exit_behaviors(llm, guard, grayswan_server, to_model, behavior):
    protected = protect(llm, guard, exit_behavior=behavior)
    grayswan_server.script(Answer(BAD), Answer("It is blue."), Answer("It is blue."))
    answers = []
    for call in (
        lambda: protected.chat(user("Hello")).message.content,
        lambda: protected.chat(user(BAD)).message.content,
        lambda: protected.complete(f"{BAD}!").text,
    ):
        try:
            answers.append(call())
        except CygnalViolationError as error:  # noqa: PERF203 - each may fail
            answers.append(error.report["stage"])
    assert {
        "end": [SORRY] * 3,
        "replace": [SORRY, "It is blue.", "It is blue."],
        "error": ["output", "input", "input"],
        "monitor": [BAD, "It is blue.", "It is blue."],
    }[behavior] == answers
    assert (BAD in repr(to_model())) == (behavior == "monitor")


def test_an_outage_and_a_wrong_key(llm, guard, grayswan_server):
    protected = protect(llm, guard)
    grayswan_server.script(MonitorAnswer(status=503), MonitorAnswer(status=401))
    assert "unavailable" in protected.chat(user("Hello")).message.content
    with pytest.raises(AuthenticationError):
        protected.chat(user("Hello"))


class Colour(BaseModel):
    """A colour."""

    name: str


def test_structured_output(protected, grayswan_server):
    prompt = PromptTemplate("Which?")
    grayswan_server.script(Answer("", [Call("Colour", {"name": "blue"})]))
    assert Colour(name="blue") == protected.structured_predict(Colour, prompt)
    grayswan_server.script(Answer("", [Call("Colour", {"name": "red"})]))
    assert Colour(name="red") == list(protected.stream_structured_predict(Colour, prompt))[-1]
    assert Colour.__name__ in repr(protected.as_structured_llm(Colour))


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    "answer",
    [Answer(BAD, [Call("send", {"to": "me"})]), Answer("", [Call("send", {"to": BAD})])],
    ids=["text", "arguments"],
)
async def test_an_agent_runs_no_tool_of_a_flagged_response(
    protected, grayswan_server, answer, streaming
):
    ran = []

    def send_it(to: str) -> None:
        """Send."""
        ran.append(to)

    tool = FunctionTool.from_defaults(send_it, name="send")
    agent = FunctionAgent(tools=[tool], llm=protected, streaming=streaming)
    grayswan_server.script(answer)
    handler = agent.run("Hello")
    seen = [event async for event in handler.stream_events()]
    output = await handler
    assert [] == ran
    assert "swordfish" not in repr((seen, output))
    assert SORRY in str(output)


@pytest.mark.parametrize("kind", [FunctionAgent, AgentWorkflow])
async def test_an_agent_with_guarded_tools(llm, guard, grayswan_server, to_model, to_monitor, kind):
    def search(query: str) -> str:
        """Search."""
        return f"Found: {IPI_TRIGGER}" if query == "poison" else "fine"

    agent = FunctionAgent(tools=guard_tools([search], guard), llm=protect(llm, guard))
    if kind is AgentWorkflow:
        agent = AgentWorkflow(agents=[agent])
    calls = [Call("search", {"query": "poison"}), Call("search", {"query": "ok"})]
    grayswan_server.script(Answer("", calls), Answer("Done."))
    output = await agent.run(user_msg="Hello")
    assert "Done." in str(output)
    assert IPI_TRIGGER not in repr(to_model())
    assert "fine" in repr(to_model())
    # Input, calls, two results, and what the agent says at the end; results are judged by the
    # model once more, in their conversation.
    assert len(to_monitor()) <= 7


async def test_a_react_agent(llm, guard, grayswan_server):
    agent = ReActAgent(tools=[TOOL], llm=protect(llm, guard))
    grayswan_server.script(Answer(f"Thought: I can answer.\nAnswer: {BAD}"))
    handler = agent.run("Hello")
    seen = [event async for event in handler.stream_events()]
    with suppress(Exception):  # a refusal is no step of the format that it reads
        await handler
    assert "swordfish" not in repr(seen)


def test_engines(index, llm, guard, grayswan_server, to_model):
    Settings.llm = protect(llm, guard)
    engine = index.as_query_engine()
    assert SORRY in str(engine.query(f"When does the bakery open? {BAD}"))
    memory = ChatMemoryBuffer.from_defaults(llm=llm)  # the default is a database in a thread
    chat = index.as_chat_engine(chat_mode="context", memory=memory)
    grayswan_server.script(Answer(BAD))
    assert "swordfish" not in str(chat.chat("When does the bakery open?"))
    grayswan_server.script(Answer(BAD))
    stream = chat.stream_chat("When does the library close?")
    assert "swordfish" not in "".join(stream.response_gen)


class Plain(CustomLLM):
    """A completion model, whose chat is made of its completion."""

    text: str = BAD

    @property
    def metadata(self):
        return LLMMetadata(model_name="plain")

    @llm_completion_callback()
    def complete(self, prompt, formatted=False, **kwargs):
        return CompletionResponse(text=self.text, raw={"said": self.text})

    @llm_completion_callback()
    def stream_complete(self, prompt, formatted=False, **kwargs):
        def responses():
            text = ""
            for word in self.text.split():
                text += word
                yield CompletionResponse(text=text, delta=word, raw={"said": word})

        return responses()


def test_a_foreign_llm(guard, events, spans):
    protected = protect(Plain(), guard)
    assert not protected.metadata.is_function_calling_model
    for call in (
        lambda: protected.complete("Hello"),
        lambda: list(protected.stream_complete("Hello")),
        lambda: protected.chat(user("Hello")),
        lambda: list(protected.stream_chat(user("Hello"))),
        lambda: asyncio.run(protected.achat(user("Hello"))),
        lambda: asyncio.run(_collect(protected.astream_chat(user("Hello")))),
    ):
        assert "swordfish" not in repr(call())
    assert "swordfish" not in repr((events, spans))


class OfText(Plain):
    """An LLM without tools, of whose text objects are made."""

    def chat(self, messages, **kwargs):
        return ChatResponse(message=ChatMessage(self.text, role="assistant"))


@pytest.mark.parametrize("is_ours", [True, False])
def test_no_object_is_made_of_a_refusal(llm, guard, grayswan_server, is_ours):
    protected = protect(llm if is_ours else OfText(text=f'{{"name": "{BAD}"}}'), guard)
    prompt = PromptTemplate("Which?")
    for way in (
        lambda: protected.structured_predict(Colour, prompt),
        lambda: list(protected.stream_structured_predict(Colour, prompt)),
        lambda: asyncio.run(protected.astructured_predict(Colour, prompt)),
        lambda: asyncio.run(_collect(protected.astream_structured_predict(Colour, prompt))),
        lambda: protected.as_structured_llm(Colour).chat(user("Which?")),
    ):
        grayswan_server.clear()
        grayswan_server.script(Answer("", [Call("Colour", {"name": BAD})]))
        with pytest.raises(CygnalViolationError) as caught:
            way()
        assert "output" == caught.value.report["stage"]
    # Elsewhere a refusal is a response.
    assert SORRY == protected.chat(user(VIOLATION_TRIGGER)).message.content


class Thinking(Plain):
    """An LLM that keeps what it thought beside its text, as Ollama's and Anthropic's do."""

    @llm_completion_callback()
    def complete(self, prompt, formatted=False, **kwargs):
        return CompletionResponse(text="Fine.", additional_kwargs={"thinking": self.text})

    @llm_completion_callback()
    def stream_complete(self, prompt, formatted=False, **kwargs):
        def responses():
            for word in self.text.split(" "):
                kwargs = {"thinking_delta": f"{word} "}
                yield CompletionResponse(text="Fine.", delta="", additional_kwargs=kwargs)

        return responses()

    @llm_chat_callback()
    def chat(self, messages, **kwargs):
        message = ChatMessage("Fine.", role="assistant")
        return ChatResponse(message=message, additional_kwargs={"thinking": [self.text]})


def test_what_a_response_holds_beside_its_text_is_judged(guard, events, spans):
    protected = protect(Thinking(), guard)
    for call in (
        lambda: protected.complete("Hello"),
        lambda: list(protected.stream_complete("Hello")),
        lambda: protected.chat(user("Hello")),
    ):
        assert "swordfish" not in repr(call())
    assert "swordfish" not in repr((events, spans))


def _direct(name):
    def call(self, *args, **kwargs):
        raise AssertionError(f"{name} asked the API past the guard")

    return call


def test_an_llms_own_ways_do_not_pass_the_guard_by(llm, guard, grayswan_server):
    direct = type("Direct", (GraySwan,), {name: _direct(name) for name in _MADE_OF_THEM})
    llm.__class__ = direct
    protected = protect(llm, guard)
    for way in ways(protected):
        grayswan_server.clear()
        grayswan_server.script(Answer(BAD))
        assert "swordfish" not in repr(way())
        assert grayswan_server.requests
    for name in _MADE_OF_THEM:
        core = unwrap(getattr_static(FunctionCallingLLM, name))
        assert core is unwrap(getattr_static(type(protected), name))


def test_every_way_to_call_an_llm_is_known():
    harmless = {
        *("as_structured_llm", "check_callback_manager", "check_prompts"),
        *("convert_chat_messages", "get_tool_calls_from_response", "to_payload"),
        *("set_completion_to_prompt", "set_messages_to_prompt"),
    }
    owners = [each for each in FunctionCallingLLM.__mro__ if "llms" in each.__module__]
    public = {
        name
        for each in owners
        for name, value in vars(each).items()
        if not name.startswith("_")
        and callable(getattr(each, name))
        and not isinstance(value, dict)
    }
    assert public == {*_WAYS, *_MADE_OF_THEM, *harmless}


def test_ways_that_are_known_to_call_the_hooks_are_kept(guard):
    openai = pytest.importorskip("llama_index.llms.openai")
    llm = openai.OpenAI(model="gpt-4o", api_key="test-key-000")
    kept = unwrap(getattr_static(openai.OpenAI, "structured_predict"))
    assert kept is unwrap(getattr_static(type(protect(llm, guard)), "structured_predict"))


def test_a_guard_around_a_guard_is_refused(protected, guard):
    with pytest.raises(ConfigurationError, match="already"):
        protect(protected, guard)
    for given in ("llm", None, TOOL):
        with pytest.raises(ConfigurationError, match="cannot be protected"):
            protect(given, guard)


def test_each_protected_class_has_its_spans_and_events(guard, grayswan_server, events):
    class First(Plain):
        text: str = "Fine."

    class Second(First):
        pass

    for kind in (First, Second):
        llm = protect(kind(), guard)
        for name in _WAYS:
            assert hasattr(getattr(type(llm), name), "__dispatcher_span_decorated__"), name
        for call in ways(llm):
            events.clear()
            with suppress(AttributeError):  # it has no tools
                call()
                assert any(isinstance(event, LLM_ENDS) for event in events)


def test_it_is_the_llm_still(llm, guard):
    protected = protect(llm, guard)
    assert isinstance(protected, GraySwan)
    assert llm.metadata == protected.metadata
    assert "GraySwan" == protected.class_name()
    warmer = protected.model_copy(update={"temperature": 0.5})
    assert (0.5, type(protected)) == (warmer.temperature, type(warmer))
    assert type(protected) is type(copy.deepcopy(protected))
    assert "test-key" not in repr(protected) + json.dumps(protected.to_dict(), default=str)


def test_it_is_protected_after_a_pickle(llm, guard, grayswan_server, monkeypatch):
    monkeypatch.setenv("GRAYSWAN_API_KEY", "test-key-111")
    again = pickle.loads(pickle.dumps(protect(llm, guard)))
    grayswan_server.script(Answer(BAD))
    assert SORRY == again.chat(user("Hello")).message.content
    again.close()
