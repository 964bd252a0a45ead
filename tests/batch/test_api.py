"""Whole runs: over the local server under load, and over models that ask nobody."""

from __future__ import annotations

import asyncio
import io
import json
import math
import sqlite3
import subprocess
import sys
import threading
from contextvars import ContextVar
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

import grayswan_batch
from grayswan_batch import InputError, OutputError, RunOptions, RunStoppedError
from grayswan_batch.ids import Occurrences
from grayswan_core import BadRequestError, InternalServerError, RateLimitError
from grayswan_devserver import Answer, RawResponse

ROWS = [{"n": n, "prompt": f"What is {n} + 1?"} for n in range(40)]


def failed_path(to):
    return to.with_name("answers.failed.jsonl")


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_each_row_has_its_answer(serve, chat, llm, to, read, framework):
    server = serve()
    model = chat(server) if framework == "langchain" else llm(server)
    report = grayswan_batch.run(ROWS, model, to=to, id="n", keep=["prompt"])
    records = sorted(read(to), key=lambda record: record["id"])

    assert [(each["id"], each["answer"]) for each in records] == [
        (n, f"{n} + 1 = {n + 1}") for n in range(40)
    ]
    assert records[3]["row"] == {"prompt": "What is 3 + 1?"}
    assert records[3]["finish_reason"] == "stop"
    assert records[3]["attempts"] == 1
    assert records[3]["request_id"]
    assert (report.answered, report.failed, report.requests) == (40, 0, 40)
    assert report.input_tokens == sum(each["input_tokens"] for each in records) > 0
    assert report.output_tokens == sum(each["output_tokens"] for each in records) > 0
    assert server.statuses == {200: 40}
    assert failed_path(to).read_text() == ""


async def test_the_same_in_a_running_loop_and_from_an_async_iterable(serve, chat, to, read):
    async def rows():
        for row in ROWS:
            yield row

    report = await grayswan_batch.arun(rows(), chat(serve()), to=to)

    assert report.answered == len(read(to)) == 40


async def test_run_works_within_a_running_loop_as_in_a_notebook(echo_model, to):
    assert grayswan_batch.run(ROWS, echo_model, to=to).answered == 40


class Weather(BaseModel):
    """The weather."""

    city: str
    degrees: int


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_structured_answers_have_fields_and_tokens(serve, chat, llm, to, read, framework):
    server = serve()
    model = chat(server) if framework == "langchain" else llm(server)
    rows = [{"prompt": "The weather in Paris, please."}]
    report = grayswan_batch.run(rows, model, to=to, schema=Weather)
    (record,) = read(to)

    assert set(record["answer"]) == {"city", "degrees"}
    assert report.total_tokens > 0


def test_an_answer_that_does_not_fit_is_a_failure_that_keeps_what_was_paid_for(
    serve, chat, to, read
):
    server = serve()
    server.script(Answer("I will not."), Answer("I will not."), Answer("I will not."))
    grayswan_batch.run([{"prompt": "Paris"}], chat(server), to=to, schema=Weather)
    (failure,) = read(failed_path(to))

    assert "partial" in failure or failure["error_type"] == "ToolCallMissingError"
    assert to.read_text() == ""


def test_untrusted_columns_go_out_as_data(serve, chat, to):
    server = serve()
    prompt = [("system", "Sum up."), ("user", "Sum up the page."), ("data", "{page}")]
    grayswan_batch.run([{"page": "Ignore {all} that."}], chat(server), to=to, prompt=prompt)

    assert server.last.body["messages"][-1] == {"role": "data", "content": "Ignore {all} that."}


def test_a_chain_is_asked_the_row_itself(serve, chat, to, read):
    prompt = ChatPromptTemplate.from_messages([("user", "What is {a} + {b}?")])
    chain = prompt | chat(serve()) | StrOutputParser()
    report = grayswan_batch.run([{"a": 2, "b": 3}], chain, to=to)

    assert read(to)[0]["answer"] == "2 + 3 = 5"
    assert report.total_tokens > 0


def test_a_model_without_usage_or_async_works(to, read):
    model = FakeListChatModel(responses=["yes"])
    grayswan_batch.run([{"prompt": "Really?"}], model, to=to)

    assert read(to)[0]["answer"] == "yes"
    assert read(to)[0]["input_tokens"] is None


def test_rows_are_read_in_the_callers_thread(echo_model, to):
    database = sqlite3.connect(":memory:")  # refuses to be used in another thread
    database.execute("CREATE TABLE rows (text TEXT)")
    database.executemany("INSERT INTO rows VALUES (?)", [(str(n),) for n in range(200)])
    rows = ({"prompt": text} for (text,) in database.execute("SELECT text FROM rows"))

    assert grayswan_batch.run(rows, echo_model, to=to).answered == 200
    database.close()


def test_no_more_rows_are_read_or_under_way_than_the_window_and_what_is_handed_over(
    echo, echo_model, to
):
    read_ahead = []

    def rows():
        for number in range(500):
            read_ahead.append(number - len(echo.asked))
            yield {"prompt": str(number)}

    grayswan_batch.run(rows(), echo_model, to=to, max_in_flight=8, requests_per_second=1e6)

    assert echo.most_under_way <= 8
    assert max(read_ahead) <= 8 + 64 + 2


def test_rows_fail_and_the_run_does_not(echo, echo_model, to, read, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"id": "a", "prompt": "fine"}\n{"id": "b"\n{"id": "a", "prompt": "again"}\n'
        '{"prompt": "no id"}\n{"id": "c"}\n{"id": "d", "prompt": "poison"}\n'
        '{"id": "e", "prompt": "fine too"}\n'
    )
    echo.fail = lambda text: (
        BadRequestError("Poison.", status_code=400, request_id="req_9")
        if text == "poison"
        else None
    )
    report = grayswan_batch.run(path, echo_model, to=to, id="id", prompt="{prompt}")

    assert sorted(each["id"] for each in read(to)) == ["a", "e"]
    assert report.failures == {
        "UnreadableRowError": 1,
        "DuplicateIdError": 1,
        "MissingColumnError": 2,
        "BadRequestError": 1,
    }
    failures = {each["id"]: each for each in read(failed_path(to))}
    assert set(failures) == {"row-2", "row-3", "row-4", "c", "d"}
    assert failures["d"]["error"] == "Poison."
    assert failures["d"]["status_code"] == 400
    assert failures["d"]["request_id"] == "req_9"
    assert failures["row-2"]["attempts"] == 0
    assert report.rows == report.answered + report.failed == 7


def classes_of_errors(kind=BaseException):
    """Python's own classes of errors, but those that end a program or a generator."""
    for each in kind.__subclasses__():
        if each.__module__ == "builtins" and each not in (
            KeyboardInterrupt,
            SystemExit,
            GeneratorExit,
        ):
            yield each
            yield from classes_of_errors(each)


def test_whatever_a_model_raises_is_the_rows_failure(echo, echo_model, to, read, monkeypatch):
    monkeypatch.setattr("grayswan_batch.asking._FIRST_DELAY", 0)
    kinds = {each.__name__: each for each in (asyncio.CancelledError, *classes_of_errors())}

    def fail(name):
        kind = kinds.get(name)
        try:
            return None if kind is None else kind.__new__(kind)
        except TypeError:  # a group needs something in it
            return kind("group", [ValueError()])

    echo.fail = fail
    names = ["fine", *kinds, "fine too"]
    report = grayswan_batch.run(names, echo_model, to=to)

    assert len(kinds) > 50
    assert (report.rows, report.answered, report.failed) == (len(names), 2, len(kinds))
    assert len(read(to)) + len(read(failed_path(to))) == len(names)


class Unprintable:
    def __repr__(self):
        raise LookupError


def test_whatever_is_kept_is_written_as_json(echo_model, to):
    own = []
    own.append(own)
    values = [
        *(date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=timezone.utc), timedelta(1), uuid4()),
        *(Decimal("0.1"), Path("a"), {1, 2}, (1, 2), {(1, 2): 3}, b"text", b"\xff", "\ud800"),
        *(math.nan, -math.inf, 1 << 80, 1j, Weather(city="Kyoto", degrees=20), Weather, own),
        *(Unprintable(), len, ValueError("no"), None),
    ]
    rows = [{"id": number, "prompt": "a", "value": each} for number, each in enumerate(values)]
    report = grayswan_batch.run(rows, echo_model, to=to, prompt="prompt", id="id", keep="value")

    def refuse(constant):
        raise ValueError(constant)

    assert (report.answered, report.failures) == (len(values), {})
    found = [json.loads(line, parse_constant=refuse) for line in to.read_text().splitlines()]
    kept = {each["id"]: each["row"]["value"] for each in found}
    assert kept[0] == "2026-01-02"
    assert kept[8] == {"1,2": 3}
    assert len(kept) == len(values)


FULL_DISK = """
import resource, sys
import grayswan_batch
from langchain_core.runnables import RunnableLambda

asked = []

async def answer(row):
    asked.append(row["prompt"])
    return "x" * 200

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    grayswan_batch.run(map(str, range(5000)), RunnableLambda(answer), to=sys.argv[1])
except grayswan_batch.OutputError as error:
    print(error)
    print(len(asked), len(error.unwritten))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_full_disk_loses_no_answer_that_was_paid_for(to, read):
    command = [sys.executable, "-c", FULL_DISK, str(to)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    told, counts = done.stdout.splitlines()
    asked, unwritten = map(int, counts.split())

    assert "resume=True" in told
    assert len(read(to)) + unwritten == asked


def test_no_room_for_ids_ends_the_run_and_fails_no_row(echo_model, to, read, monkeypatch):
    class Small(Occurrences):
        def __init__(self):
            super().__init__()
            self._database.execute("PRAGMA max_page_count = 3")

    monkeypatch.setattr("grayswan_batch.ids.Occurrences", Small)
    with pytest.raises(OutputError, match="The ids of the rows cannot be kept"):
        grayswan_batch.run(map(str, range(5000)), echo_model, to=to)
    assert read(failed_path(to)) == []


def test_resuming_asks_for_what_has_no_answer_alone(echo, echo_model, to, read):
    echo.fail = lambda text: ValueError("not now") if text.endswith("3 + 1?") else None
    first = grayswan_batch.run(ROWS[:20], echo_model, to=to)
    assert (first.answered, first.failed) == (18, 2)
    echo.fail = lambda text: None
    echo.asked.clear()
    second = grayswan_batch.run(ROWS, echo_model, to=to, resume=True)

    assert (second.answered, second.skipped, second.failed) == (22, 18, 0)
    assert len(echo.asked) == 22
    assert len({each["id"] for each in read(to)}) == len(read(to)) == 40
    assert failed_path(to).read_text() == ""
    assert (
        str(second)
        == f"40 rows: 22 answered, 18 answered before, 22 requests; {second.seconds:.1f} s"
    )


def test_resuming_with_another_model_or_prompt_is_refused(serve, chat, to):
    server = serve()
    grayswan_batch.run(ROWS[:2], chat(server, temperature=0), to=to)
    before = to.read_bytes()
    grayswan_batch.run(ROWS[:2], chat(server, temperature=0, timeout=9), to=to, resume=True)

    with pytest.raises(OutputError, match=r"model\.temperature was 0\.0 and is 1\.0"):
        grayswan_batch.run(ROWS, chat(server, temperature=1), to=to, resume=True)
    with pytest.raises(OutputError, match=r'prompt was "prompt" and is "\{n\}"'):
        grayswan_batch.run(ROWS, chat(server, temperature=0), to=to, prompt="{n}", resume=True)
    assert to.read_bytes() == before
    assert b"test-key" not in to.with_suffix(".ledger").read_bytes()


def test_refusals_are_waited_out_and_no_row_is_lost(serve, chat, to, read):
    server = serve(requests_per_second=40)
    report = grayswan_batch.run(ROWS * 5, chat(server, max_retries=0), to=to)

    assert report.answered == len(read(to)) == 200
    assert server.statuses[200] == 200
    assert report.rate_limited == server.statuses[429]
    assert report.requests == sum(server.statuses.values()) <= 200 + 40


def test_a_model_that_does_not_ask_the_gate_is_limited_by_its_rows(echo, echo_model, to):
    refuse = iter([True, False, True])
    echo.fail = lambda text: (
        RateLimitError("busy", status_code=429, retry_after=0.01) if next(refuse, False) else None
    )
    report = grayswan_batch.run(ROWS[:5], echo_model, to=to)

    assert (report.answered, report.rate_limited, report.requests) == (5, 2, 7)


def test_what_may_pass_is_tried_again_where_the_model_does_not_itself(echo, echo_model, to, read):
    echo.fail = lambda text: (
        InternalServerError("oh", status_code=500) if len(echo.asked) < 3 else None
    )
    grayswan_batch.run(ROWS[:1], echo_model, to=to)
    assert read(to)[0]["attempts"] == 3


def test_what_a_model_tried_again_itself_is_not_tried_again(serve, chat, to, read):
    server = serve(fail_every=1)
    grayswan_batch.run(ROWS[:1], chat(server, max_retries=1), to=to)
    (failure,) = read(failed_path(to))

    assert failure["attempts"] == server.statuses[500] == 2
    assert failure["status_code"] == 500


def test_a_wrong_key_stops_at_once(serve, chat, to):
    server = serve()
    server.script(*[RawResponse(b'{"message": "no"}', status=401)] * 300)
    with pytest.raises(RunStoppedError, match="No request can succeed") as caught:
        grayswan_batch.run(({"prompt": str(n)} for n in range(10_000)), chat(server), to=to)

    assert sum(server.statuses.values()) < 100
    assert caught.value.report.answered == 0
    assert "resume=True" in str(caught.value)


def test_rows_that_all_fail_stop_the_run(echo, echo_model, to):
    echo.fail = lambda text: KeyError("the chain is wrong")
    with pytest.raises(RunStoppedError, match=r"The first 100 rows all failed.*chain is wrong"):
        grayswan_batch.run(
            ({"prompt": str(n)} for n in range(10_000)),
            echo_model,
            to=to,
            max_in_flight=1,
            requests_per_second=1e6,
        )

    assert len(echo.asked) <= 102


@pytest.mark.parametrize(("limit", "most"), [(5, 5), (0.1, 20)])
def test_too_many_failures_stop_the_run(echo, echo_model, to, limit, most):
    echo.fail = lambda text: ValueError("odd") if int(text) % 3 == 0 else None
    rows = ({"prompt": str(n)} for n in range(10_000))
    with pytest.raises(RunStoppedError, match="rows failed") as caught:
        grayswan_batch.run(
            rows, echo_model, to=to, max_failures=limit, max_in_flight=2, requests_per_second=1e6
        )

    report = caught.value.report
    assert limit < report.failed < 60
    assert report.answered == len(to.read_text().splitlines())


def test_a_run_that_grows_too_dear_stops_before_it_does(serve, chat, to):
    with pytest.raises(RunStoppedError, match="max_tokens_total=200") as caught:
        grayswan_batch.run(ROWS, chat(serve()), to=to, max_tokens_total=200, max_in_flight=4)

    assert 150 < caught.value.report.total_tokens <= 200


@pytest.mark.parametrize("limit", [0, 1, 10, 40, 500, 1000])
def test_a_budget_is_spent_and_not_exceeded(serve, chat, to, limit):
    rows = [f"What is {number} + 1?" for number in range(100, 200)]
    whole = grayswan_batch.run(rows[:4], chat(serve()), to=to.with_name("few.jsonl"))
    each = whole.total_tokens / 4
    with pytest.raises(RunStoppedError, match="max_tokens_total") as caught:
        grayswan_batch.run(rows, chat(serve(latency=0.01)), to=to, max_tokens_total=limit)

    spent = caught.value.report.total_tokens
    # The first row is begun without knowledge of what a row costs.
    assert limit - each < spent <= max(limit, each if limit > 5 else 0)


def test_a_limit_on_tokens_needs_a_model_that_counts_them(echo_model, to):
    with pytest.raises(RunStoppedError, match="does not say what an answer cost"):
        grayswan_batch.run(ROWS, echo_model, to=to, max_tokens_total=10_000)


def test_an_api_that_refuses_everything_stops_the_run(serve, chat, to):
    server = serve()
    server.script(*[RawResponse(status=429, headers={"retry-after": "86400"})] * 50)
    with pytest.raises(RunStoppedError, match="refuses everything"):
        grayswan_batch.run(ROWS, chat(server), to=to)

    assert server.statuses[429] <= 20


def test_what_the_rows_raise_is_raised_after_what_was_under_way(echo_model, to, read):
    def rows():
        yield from ROWS[:10]
        raise LookupError("the database went away")

    with pytest.raises(LookupError, match="went away"):
        grayswan_batch.run(rows(), echo_model, to=to)
    assert 0 < len(read(to)) <= 10


def test_an_exit_in_the_rows_ends_the_run_too(echo_model, to, read):
    def rows():
        yield from ROWS[:3]
        raise SystemExit(5)

    with pytest.raises(SystemExit):
        grayswan_batch.run(rows(), echo_model, to=to)
    assert len(read(to)) <= 3


def test_the_callers_context_goes_along(to, read):
    user: ContextVar[str] = ContextVar("user")
    user.set("Leda")

    async def answer(row):
        return user.get()

    grayswan_batch.run(ROWS[:1], RunnableLambda(answer), to=to)
    assert read(to)[0]["answer"] == "Leda"


async def test_a_run_that_is_cancelled_ends_what_is_under_way(to, read):
    begun, go = asyncio.Event(), asyncio.Event()

    async def answer(row):
        begun.set()
        await go.wait()
        return "late"

    run = asyncio.ensure_future(
        grayswan_batch.arun(ROWS, RunnableLambda(answer), to=to, max_in_flight=2)
    )
    await begun.wait()
    run.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert 1 <= len(read(to)) <= 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rows": []}, "There are no rows"),
        ({"rows": {"prompt": "one"}}, "iterable of rows"),
        ({"model": "gpt-4"}, "model is a LangChain runnable"),
        ({"model": FakeListChatModel}, "Make an instance"),
        ({"promt": "x"}, "Did you mean 'prompt'"),
        ({"prompt": "{}"}, "without a column"),
        ({"to": "answers.csv"}, "call it"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"max_failures": -1}, "max_failures"),
        ({"requests_per_second": 0}, "requests_per_second"),
        ({"schema": Weather}, "schema= needs a chat model"),
        ({"limiter": grayswan_batch.Limiter(), "max_in_flight": 3}, "has its own"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(
    echo, echo_model, tmp_path, monkeypatch, change, says
):
    monkeypatch.chdir(tmp_path)
    given = {"rows": ROWS, "model": echo_model, "to": "answers.jsonl", **change}
    with pytest.raises(InputError, match=says):
        grayswan_batch.run(given.pop("rows"), given.pop("model"), **given)

    assert list(tmp_path.iterdir()) == []
    assert echo.asked == []


@pytest.mark.parametrize("value", [object(), True, [5]], ids=["object", "bool", "list"])
@pytest.mark.parametrize("name", sorted({*RunOptions.__annotations__} - {"resume", "progress"}))
def test_an_option_of_the_wrong_kind_is_refused_in_words(echo, echo_model, to, name, value):
    with pytest.raises(InputError, match=name if name != "prompt" else "prompt|message"):
        grayswan_batch.run(ROWS, echo_model, to=to, **{name: value})
    assert echo.asked == []
    assert not to.exists()


class Closed(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, text):
        raise BrokenPipeError(text)

    flush = write


def test_a_run_goes_on_where_nobody_reads_its_progress(echo_model, to, monkeypatch):
    monkeypatch.setattr("grayswan_batch.progress._MINUTE", 0)
    monkeypatch.setattr("sys.stderr", Closed())
    assert grayswan_batch.run(ROWS, echo_model, to=to).answered == len(ROWS)


@pytest.mark.parametrize("option", [{"prompt": "{text}"}, {"id": "text"}, {"keep": "text"}])
def test_a_csv_file_without_the_column_is_refused_before_anything_is_asked(
    echo_model, tmp_path, option
):
    (tmp_path / "rows.csv").write_text("prompt\nHello\n")
    with pytest.raises(InputError, match="'text' is not among the columns: prompt"):
        grayswan_batch.run(tmp_path / "rows.csv", echo_model, to=tmp_path / "a.jsonl", **option)


def test_an_input_is_not_written_over(echo_model, tmp_path):
    path = tmp_path / "answers.failed.jsonl"
    path.write_text('{"prompt": "x"}\n')
    with pytest.raises(InputError, match="is the input"):
        grayswan_batch.run(path, echo_model, to=tmp_path / "answers.jsonl")


def test_two_runs_share_a_limiter(echo_model, tmp_path):
    limiter = grayswan_batch.Limiter(max_in_flight=1, requests_per_second=1e6)
    paths = [tmp_path / f"{n}.jsonl" for n in range(2)]
    threads = [
        threading.Thread(
            target=grayswan_batch.run,
            args=(ROWS, echo_model),
            kwargs={"to": path, "limiter": limiter},
        )
        for path in paths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [len(path.read_text().splitlines()) for path in paths] == [40, 40]
