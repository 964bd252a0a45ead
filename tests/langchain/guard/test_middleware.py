"""Agents with `CygnalMiddleware`, whole flows on the local server."""

import asyncio

import pytest

pytest.importorskip("langchain")

from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from grayswan_core import ConfigurationError, CygnalViolationError
from grayswan_core.cygnal.history import REMOVED_INPUT
from grayswan_devserver import IPI_TRIGGER, VIOLATION_TRIGGER, Answer, Call, MonitorAnswer
from langchain_grayswan import CygnalMiddleware, protect

BAD = f"swordfish {VIOLATION_TRIGGER}"
SORRY = "Sorry, I can't help with that."
MODES = [
    pytest.param({}, id="hold"),
    pytest.param({"streaming": "window", "window": 8}, id="window"),
    pytest.param({"mode": "parallel"}, id="parallel"),
]


@pytest.fixture
def ran():
    return []


@pytest.fixture
def new_agent(model, guard, ran):
    def send(to: str) -> str:
        """Send a message."""
        ran.append(to)
        if to == "fail":
            raise LookupError(f"no such page: {IPI_TRIGGER}")
        return f"see {IPI_TRIGGER}" if to == "poison" else "sent"

    def hand_over(to: str) -> Command:
        """Hand over."""
        ran.append(to)
        return Command(update={"messages": [ToolMessage(IPI_TRIGGER, tool_call_id=to)]})

    def make(middleware=(), *, tools=(), settings=None, **kwargs):
        last = CygnalMiddleware(guard, **(settings or {}))
        offered = [send, hand_over, *tools]
        return create_agent(model, offered, middleware=[*middleware, last], **kwargs)

    return make


@pytest.fixture(params=["invoke", "ainvoke"])
def run(request):
    def run(agent, given, *config):
        state = {"messages": [given]} if isinstance(given, str | tuple) else given
        if request.param == "invoke":
            return agent.invoke(state, *config)
        return asyncio.run(agent.ainvoke(state, *config))

    return run


def unanswered(messages):
    answered = {each.tool_call_id for each in messages if isinstance(each, ToolMessage)}
    calls = [call for each in messages if isinstance(each, AIMessage) for call in each.tool_calls]
    return [call for call in calls if call["id"] not in answered]


@pytest.mark.parametrize("settings", MODES)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(BAD, [Call("send", {"to": "me"})]),
        Answer("", [Call("send", {"to": BAD})]),
        Answer("fine", [Call("send", {"to": "me"}), Call("send", {"to": BAD})]),
        Answer(BAD),
    ],
    ids=["text", "arguments", "one-of-two", "no-calls"],
)
@pytest.mark.parametrize("behavior", ["end", "replace"])
def test_no_tool_of_a_flagged_response_runs(
    new_agent, run, server, ran, settings, answer, behavior
):
    server.script(answer)
    agent = new_agent(settings={**settings, "exit_behavior": behavior})
    messages = run(agent, "Hello")["messages"]
    assert [] == ran == unanswered(messages)
    assert "swordfish" not in repr(messages)
    assert SORRY == messages[-1].text


@pytest.mark.parametrize("settings", MODES)
def test_nothing_flagged_is_streamed(new_agent, server, settings):
    agent = new_agent(settings=settings)
    for mode in ("messages", "updates", "values", "custom", "debug"):
        server.clear()
        server.script(Answer(BAD, [Call("send", {"to": "swordfish"})]))
        state = {"messages": [("human", f"Hello {mode}")]}
        assert "swordfish" not in repr(list(agent.stream(state, stream_mode=mode)))


def test_the_judgements_are_a_custom_stream(new_agent, server):
    server.script(Answer("", [Call("send", {"to": "me"})]), Answer("Done."))
    state = {"messages": [("human", "Hello")]}
    reports = [each["cygnal"] for each in new_agent().stream(state, stream_mode="custom")]
    stages = [each["stage"] for each in reports if not each["cached"]]
    assert ["input", "output", "tool_result", "output"] == stages


def test_the_same_input_is_judged_once(new_agent, run, server, judged):
    server.script(*[Answer("", [Call("send", {"to": str(n)})]) for n in range(3)], Answer("Done."))
    run(new_agent(), "Hello")
    last = [messages[-1] for messages in judged()]
    assert 1 == sum(each["content"] == "Hello" for each in last)
    assert 8 == len(last)


@pytest.mark.parametrize("settings", MODES)
def test_a_flagged_question_leaves_the_history(new_agent, run, server, sent, settings):
    agent = new_agent(settings=settings)
    state = run(agent, BAD)
    question, answer = state["messages"]
    assert (REMOVED_INPUT, SORRY) == (question.content, answer.text)
    server.clear()
    run(agent, {"messages": [*state["messages"], HumanMessage("go on")]})
    assert [[{"role": "user", "content": "go on"}]] == sent()


def test_replace_goes_on_without_the_question(new_agent, run, server, sent):
    server.script(Answer("It is blue."))
    messages = run(new_agent(settings={"exit_behavior": "replace"}), BAD)["messages"]
    assert [REMOVED_INPUT, "It is blue."] == [each.content for each in messages]
    assert "swordfish" not in repr(sent())


@pytest.mark.parametrize("behavior", ["end", "replace"])
@pytest.mark.parametrize("to", ["poison", "fail"])
def test_a_flagged_result_is_replaced_and_that_one_only(new_agent, run, server, sent, to, behavior):
    calls = [Call("send", {"to": to}), Call("send", {"to": "me"})]
    server.script(Answer("", calls), Answer("Done."))
    agent = new_agent(settings={"exit_behavior": behavior})
    messages = run(agent, "Hello")["messages"]
    results = {each.status: each.content for each in messages if isinstance(each, ToolMessage)}
    assert "sent" == results["success"]
    assert "removed" in results["error"]
    assert "Done." == messages[-1].content
    assert IPI_TRIGGER not in repr((messages, sent()))


@pytest.mark.parametrize(
    "settings", [{}, {"exit_behavior": "monitor"}, {"check_tool_results": False}]
)
def test_an_error_of_a_tools_is_raised_unless_it_is_flagged(new_agent, run, server, settings):
    def fail(to: str) -> str:
        """Fail."""
        raise LookupError(f"{to} is away")

    server.script(Answer("", [Call("fail", {"to": IPI_TRIGGER if settings else "Leda"})]))
    with pytest.raises(LookupError, match="is away"):
        run(new_agent(tools=[fail], settings={**settings, "check_tool_calls": False}), "Hello")


def test_a_tool_that_interrupts_the_graph_is_let(new_agent, server):
    def ask(to: str) -> str:
        """Ask a person."""
        return interrupt(f"Really? {IPI_TRIGGER}")

    server.script(Answer("", [Call("ask", {"to": "me"})]), Answer("Done."))
    agent = new_agent(tools=[ask], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [("human", "Hello")]}, config)
    assert "Done." == agent.invoke(Command(resume="yes"), config)["messages"][-1].content


def test_results_in_a_command_are_judged(new_agent, run, server, sent):
    call = Call("hand_over", {"to": "call_1"}, id="call_1")
    server.script(Answer("", [call]), Answer("Done."))
    messages = run(new_agent(), "Hello")["messages"]
    assert IPI_TRIGGER not in repr((messages, sent()))
    assert [] == unanswered(messages)


@pytest.mark.parametrize(
    ("question", "answers", "stage"),
    [
        (BAD, [], "input"),
        ("Hello", [Answer(BAD)], "output"),
        ("Hello", [Answer("", [Call("send", {"to": "poison"})])], "tool_result"),
        ("Hello", [Answer("", [Call("send", {"to": "fail"})])], "tool_result"),
    ],
)
def test_an_error(new_agent, run, server, question, answers, stage):
    server.script(*answers)
    with pytest.raises(CygnalViolationError) as caught:
        run(new_agent(settings={"exit_behavior": "error"}), question)
    assert stage == caught.value.report["stage"]


def test_after_an_error_the_question_is_not_sent(new_agent, server, sent):
    agent = new_agent(settings={"exit_behavior": "error"}, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    with pytest.raises(CygnalViolationError):
        agent.invoke({"messages": [HumanMessage(BAD)]}, config)
    agent.invoke({"messages": [HumanMessage("go on")]}, config)
    assert [[{"role": "user", "content": "go on"}]] == sent()


def test_monitor_reports_and_blocks_nothing(new_agent, run, server, ran):
    server.script(Answer(BAD, [Call("send", {"to": "poison"})]), Answer("Done."))
    messages = run(new_agent(settings={"exit_behavior": "monitor"}), BAD)["messages"]
    assert ["poison"] == ran
    assert [BAD, BAD, f"see {IPI_TRIGGER}", "Done."] == [each.content for each in messages]
    assert messages[1].response_metadata["cygnal"]["blocked"]


@pytest.mark.parametrize(("to", "expected"), [("me", ["me"]), (BAD, [])])
def test_calls_are_judged_again_where_a_person_has_edited_them(
    new_agent, server, ran, to, expected
):
    person = HumanInTheLoopMiddleware(interrupt_on={"send": True})
    agent = new_agent([person], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    server.script(Answer("", [Call("send", {"to": "you"})]), Answer("Done."))
    agent.invoke({"messages": [HumanMessage("Hello")]}, config)
    before = len(server.requests)
    edited = {"name": "send", "args": {"to": to}}
    decision = {"type": "edit", "edited_action": edited}
    state = agent.invoke(Command(resume={"decisions": [decision]}), config)
    assert expected == ran
    assert len(server.requests) > before
    assert [] == unanswered(state["messages"])


def test_an_approved_call_is_not_judged_again(new_agent, server, ran, judged):
    person = HumanInTheLoopMiddleware(interrupt_on={"send": True})
    agent = new_agent([person], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    server.script(Answer("", [Call("send", {"to": "you"})]), Answer("Done."))
    agent.invoke({"messages": [HumanMessage("Hello")]}, config)
    assert 2 == len(judged())
    agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config)
    assert ["you"] == ran
    assert 4 == len(judged())


def test_a_model_that_is_put_in_behind_it_is_refused(model, guard, server):
    server.script(*[MonitorAnswer()] * 2)
    broken = model.model_copy(update={"model": "nope"})
    cygnal, fallback = CygnalMiddleware(guard), ModelFallbackMiddleware(model)
    with pytest.raises(ConfigurationError, match="last"):
        create_agent(broken, middleware=[cygnal, fallback]).invoke({"messages": ["Hello"]})
    server.script(Answer(BAD))
    state = create_agent(broken, middleware=[fallback, cygnal]).invoke({"messages": ["Hello"]})
    assert SORRY == state["messages"][-1].text


def test_retries_go_through_it(new_agent, run, server):
    server.script(Answer(BAD))
    assert SORRY == run(new_agent([ModelRetryMiddleware()]), "Hello")["messages"][-1].text


def test_a_protected_model_and_a_second_guard_are_refused(model, guard):
    agent = create_agent(protect(model, guard), middleware=[CygnalMiddleware(guard)])
    with pytest.raises(ConfigurationError, match="already"):
        agent.invoke({"messages": ["Hello"]})


class Colour(BaseModel):
    """A colour."""

    name: str


def test_structured_output(new_agent, run, server):
    server.script(Answer("", [Call("Colour", {"name": "blue"})]))
    agent = new_agent(response_format=ToolStrategy(Colour))
    assert Colour(name="blue") == run(agent, "Which?")["structured_response"]
    server.script(Answer("", [Call("Colour", {"name": BAD})]))
    state = run(agent, "Which one?")
    assert "swordfish" not in repr(state)
    assert None is state.get("structured_response")


def test_an_outage_blocks_and_the_run_ends_in_order(new_agent, run, server, ran):
    server.script(MonitorAnswer(status=503))
    state = run(new_agent(), "Hello")
    assert "unavailable" in state["messages"][-1].text
    assert [] == ran
    server.script(MonitorAnswer(error=True))
    assert "unavailable" in run(new_agent(), "Hello again")["messages"][-1].text


def test_a_tool_message_brought_in_by_hand_is_judged(new_agent, run, sent):
    calls = AIMessage("", tool_calls=[{"name": "send", "args": {"to": "me"}, "id": "c1"}])
    poison = ToolMessage(IPI_TRIGGER, tool_call_id="c1")
    run(new_agent(), {"messages": [HumanMessage("Hello"), calls, poison]})
    assert IPI_TRIGGER not in repr(sent())


def test_model_refusals_are_known_to_langchains_own_middleware(new_agent, server):
    refusals = pytest.importorskip(
        "langchain.agents.middleware.model_refusal", reason="came with langchain 1.5"
    )
    errors = pytest.importorskip("langchain_core.exceptions")
    server.script(Answer(BAD))
    with pytest.raises(errors.ModelRefusalError):
        new_agent([refusals.ModelRefusalMiddleware()]).invoke({"messages": ["Hello"]})
