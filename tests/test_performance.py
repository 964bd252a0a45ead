"""The benchmarks' own arithmetic, and that what is compared does the same work."""

from __future__ import annotations

import pytest
from llama_index.core.llms import ChatMessage

from benchmarks.faults.kinds import KINDS, kind_of, worst_of_streams
from benchmarks.performance.bare import QUESTION
from benchmarks.performance.goals import GOALS, Goal, table
from benchmarks.performance.measuring import in_turns
from benchmarks.performance.models import LANGCHAIN, LLAMA_INDEX
from benchmarks.performance.ratios import ratios
from benchmarks.performance.server import running_server
from benchmarks.performance.wire import CHUNK_TEXT


def figures(*rounds):
    return {"cpu_us": 1.0, "cpu_max_us": max(rounds), "cpu_rounds_us": list(rounds)}


def test_ratios_are_taken_round_by_round():
    found = ratios({"ChatOpenAI": figures(10, 30, 80), "ChatGraySwan": figures(2, 10, 10)})
    assert {"ChatOpenAI ÷ ChatGraySwan": {"median": 5, "min": 3, "max": 8}} == found


def test_a_floor_is_the_frameworks_and_the_networks_together():
    found = ratios(
        {
            "ChatGraySwan": figures(6),
            "LangChain floor": figures(1),
            "bare httpx": figures(2),
        }
    )
    assert 2 == found["ChatGraySwan ÷ (LangChain floor + bare httpx)"]["median"]


def test_what_failed_has_no_ratio():
    assert {} == ratios({"ChatOpenAI": {"failure": "no"}, "ChatGraySwan": figures(2)})


def test_contenders_take_turns_and_the_warm_up_does_not_count():
    done = []
    work = {name: lambda name=name: done.append(name) or 1 for name in "AB"}
    samples = in_turns(work, rounds=2, warm_up=1)
    assert [*"ABABAB"] == done
    assert {"A": 2, "B": 2} == {name: len(each.cpu) for name, each in samples.items()}


def test_a_contender_that_fails_is_not_asked_again_and_says_why():
    asked = []

    def fail():
        asked.append(1)
        raise ValueError("no connection")

    samples = in_turns({"A": fail, "B": lambda: 1}, rounds=3)
    assert [1] == asked
    assert {"failure": "ValueError: no connection"} == samples["A"].summary()
    assert "cpu_us" in samples["B"].summary()


@pytest.mark.parametrize(("at_least", "met"), [(True, "yes"), (False, "**no**")])
def test_a_goal_is_met_by_the_median_of_the_runs(monkeypatch, at_least, met):
    goal = Goal("figure", lambda run: run["figure"], 3, at_least=at_least)
    monkeypatch.setattr("benchmarks.performance.goals.GOALS", [goal])
    *_, line = table([{"figure": figure} for figure in (2.5, 4, 50)])
    assert line == f"| figure | {'≥' if at_least else '≤'} 3 | 2.50 | 4.00 | 50 | {met} |"


def test_every_goal_says_what_it_is():
    assert len({goal.what for goal in GOALS}) == len(GOALS)


@pytest.fixture(scope="module")
def server():
    with running_server() as url:
        yield f"{url}/burst-20"


@pytest.mark.parametrize("name", ["ChatGraySwan", "simplest LangChain model"])
async def test_what_is_compared_says_the_same_in_langchain(server, name):
    model = LANGCHAIN[name](server)
    assert CHUNK_TEXT * 20 == "".join(chunk.text for chunk in model.stream(QUESTION))
    assert CHUNK_TEXT * 20 == "".join([chunk.text async for chunk in model.astream(QUESTION)])
    assert CHUNK_TEXT * 100 == model.invoke(QUESTION).text == (await model.ainvoke(QUESTION)).text
    model.close()
    await model.aclose()


@pytest.mark.parametrize("name", ["GraySwan", "simplest LlamaIndex model"])
async def test_what_is_compared_says_the_same_in_llama_index(server, name):
    llm = LLAMA_INDEX[name](server)
    asked = [ChatMessage(role="user", content=QUESTION)]
    *_, last = llm.stream_chat(asked)
    assert CHUNK_TEXT * 20 == last.message.content
    *_, last = [each async for each in await llm.astream_chat(asked)]
    assert CHUNK_TEXT * 20 == last.message.content
    assert CHUNK_TEXT * 100 == llm.chat(asked).message.content
    assert CHUNK_TEXT * 100 == (await llm.achat(asked)).message.content
    llm.close()
    await llm.aclose()


def test_the_floors_say_as_much(server):
    assert CHUNK_TEXT * 20 == "".join(
        chunk.text for chunk in LANGCHAIN["LangChain floor"](server).stream(QUESTION)
    )
    floor = LLAMA_INDEX["LlamaIndex floor"](server)
    assert 20 == len(list(floor.stream_chat([ChatMessage(role="user", content=QUESTION)])))


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [("✓", "good"), ("silently cut", "bad"), ("hangs", "slow"), ("bare ReadError", "odd")],
)
def test_a_verdict_is_of_one_kind(verdict, kind):
    assert kind == kind_of(verdict)
    assert kind in KINDS


def test_the_worse_of_sync_and_async_counts():
    rows = [
        {"how": "stream", "fault": "reset", "verdicts": {"A": ["✓", "hangs"], "B": ["✓", "✓"]}},
        {"how": "plain", "fault": "reset", "verdicts": {"A": ["hangs", "hangs"], "B": ["✓", "✓"]}},
    ]
    assert {"A": [("reset", "hangs")], "B": [("reset", "✓")]} == worst_of_streams(rows)
