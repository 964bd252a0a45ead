"""`grayswan_batch.ray` on a real Ray: columns, one limit for all, workers that die, keys that stay.

Ray has the two cores of a small machine; workers count for a part of one, since they mostly wait.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
import ray
from pydantic import BaseModel

from grayswan_batch.cluster.columns import COLUMNS, arrow_type, with_answers
from grayswan_batch.errors import InputError
from grayswan_batch.ray import Limits, complete
from grayswan_core import Usage
from grayswan_devserver import DevServer, Load
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan

KEY = "fake-key-that-nobody-may-see"


@pytest.fixture(scope="module")
def cluster():
    """A Ray of this machine, whose workers find the key in their environment."""
    os.environ["GRAYSWAN_API_KEY"] = KEY
    context = ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        _system_config={"worker_niceness": 0},  # else others on the machine starve them
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield Path(context.address_info["session_dir"])
    ray.shutdown()
    del os.environ["GRAYSWAN_API_KEY"]


@pytest.fixture
def busy(request):
    with DevServer(load=Load(**getattr(request, "param", {})), keep_requests=0) as server:
        yield server


def rows(count, blocks=4):
    items = [{"id": number, "prompt": f"What is {number} + 1?"} for number in range(count)]
    return ray.data.from_items(items, override_num_blocks=blocks)


def right(records, count):
    by_id = sorted(records, key=lambda record: record["id"])
    return [(each["id"], each["answer"]) for each in by_id] == [
        (number, f"{number} + 1 = {number + 1}") for number in range(count)
    ]


@pytest.mark.parametrize("kind", [ChatGraySwan, GraySwan])
def test_answers_are_columns(cluster, busy, kind):
    model = kind(base_url=busy.url, api_key=KEY)
    records = complete(rows(50), model, limits=Limits(name=kind.__name__)).take_all()

    assert right(records, 50)
    assert set(records[0]) == {"id", "prompt", "answer", *COLUMNS}
    assert records[0]["attempts"] == 1
    assert records[0]["error"] is None
    assert busy.statuses == {200: 50}


@pytest.mark.parametrize("busy", [{"fail_every": 10}], indirect=True)
def test_failures_are_rows(cluster, busy):
    model = ChatGraySwan(base_url=busy.url, api_key=KEY, max_retries=1)
    poison = ray.data.from_items([{"prompt": "What is 1 + 1?"}, {"prompt": None}, {"prompt": "Hi"}])
    records = complete(poison, model, actors=1).take_all()
    failed = [record for record in records if record["answer"] is None]

    assert len(records) == 3
    assert [record["error_type"] for record in failed] == ["MissingColumnError"]


def test_structured_answers_are_structs(cluster, busy):
    model = ChatGraySwan(base_url=busy.url, api_key=KEY)

    dataset = ray.data.from_items([{"prompt": "How many tokens?"}])
    (record,) = complete(dataset, model, schema=Usage, actors=1).take_all()

    assert set(record["answer"]) == set(Usage.model_fields)


@pytest.mark.parametrize("busy", [{"latency": 0.05, "requests_per_second": 60}], indirect=True)
def test_all_workers_keep_to_one_limit(cluster, busy):
    model = ChatGraySwan(base_url=busy.url, api_key=KEY)
    records = complete(rows(600, 8), model, actors=4, limits=Limits(name="one")).take_all()

    assert right(records, 600)
    assert busy.statuses[200] == 600
    assert busy.statuses[429] <= 90  # most of them until the limit is found


def test_a_pipeline_outlives_the_one_whose_limiter_it_shares(cluster, busy):
    model = ChatGraySwan(base_url=busy.url, api_key=KEY)
    first = complete(rows(2), model, actors=1, limits=Limits(name="shared"))
    second = complete(rows(2), model, actors=1, limits=Limits(name="shared"))
    first.take_all()
    del first
    gc.collect()

    assert right(second.take_all(), 2)


def kill_a_process(folder):
    """Kill the youngest process that has left its ID in a folder; its ID, None if all are gone."""
    for pid in sorted((int(path.name) for path in Path(folder).iterdir()), reverse=True):
        Path(folder, str(pid)).unlink()
        if pid != os.getpid():
            with suppress(ProcessLookupError):  # Ray may have ended it, as one it did not need
                os.kill(pid, signal.SIGKILL)
                return pid
    return None


@pytest.mark.parametrize("busy", [{"latency": 0.05}], indirect=True)
def test_a_worker_that_dies_has_no_answered_row_asked_again(cluster, busy, tmp_path):
    url, folder, count, in_flight = busy.url, str(tmp_path), 400, 8

    def make():
        Path(folder, str(os.getpid())).touch()
        return ChatGraySwan(base_url=url)

    killed = []

    def kill():
        for answers in (40, 150, 280):
            while busy.statuses[200] < answers or not (pid := kill_a_process(folder)):
                time.sleep(0.02)
            killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    limits = Limits(requests_per_second=60, max_in_flight=in_flight, name="dies")
    records = complete(rows(count), make, actors=2, limits=limits).take_all()
    killer.join()

    assert right(records, count)
    assert len(killed) == 3
    # What was under way, and what was on its way to the journal.
    assert busy.statuses[200] <= count + len(killed) * 2 * in_flight


def test_the_key_is_in_no_log_and_no_file(cluster, busy):
    complete(rows(5), ChatGraySwan(base_url=busy.url, api_key=KEY)).take_all()
    found = [
        path for path in cluster.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()
    ]

    assert found == []


def test_a_wrong_key_ends_the_job_with_what_to_do(cluster, busy):
    url = busy.url

    def make():
        os.environ.pop("GRAYSWAN_API_KEY", None)
        return ChatGraySwan(base_url=url)

    with pytest.raises(Exception, match="GRAYSWAN_API_KEY"):
        complete(rows(5), make, actors=1).take_all()


def test_what_cannot_be_sent_to_workers_is_refused_at_once(cluster, busy):
    lock = threading.Lock()
    with pytest.raises(InputError, match=r"cannot be pickled.* function that makes the model"):
        complete(rows(1), ChatGraySwan(base_url=busy.url, api_key=KEY), prompt=lambda row: lock)

    key = KEY

    def make():
        return ChatGraySwan(base_url="http://127.0.0.1:9", api_key=key)

    with pytest.raises(InputError, match="would carry the secret 'key'"):
        complete(rows(1), make)


def test_a_column_that_is_there_already_is_named():
    table = pa.table({"error": ["x"]})
    with pytest.raises(InputError, match="has a column 'error' already"):
        with_answers(table, [{}], None)


def test_the_types_of_answers_are_those_of_their_schema():
    class Inner(BaseModel):
        names: list[str]

    class Outer(BaseModel):
        inner: Inner | None
        share: float
        fine: bool
        anything: dict[str, int]

    schema = Outer.model_json_schema()
    kind = arrow_type(schema, schema["$defs"])
    table = with_answers(
        pa.table({"n": [1, 2]}),
        [
            {"answer": {"inner": {"names": ["a"]}, "share": 1, "fine": True, "anything": {"a": 1}}},
            {},
        ],
        schema,
    )

    assert kind == pa.struct(
        [
            ("inner", pa.struct([("names", pa.list_(pa.string()))])),
            ("share", pa.float64()),
            ("fine", pa.bool_()),
            ("anything", pa.string()),
        ]
    )
    assert table.column("answer").to_pylist() == [
        {"inner": {"names": ["a"]}, "share": 1.0, "fine": True, "anything": '{"a": 1}'},
        None,
    ]
