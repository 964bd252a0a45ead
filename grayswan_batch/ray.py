"""The same on a Ray cluster: an operator in a pipeline of Ray Data.

```python
answers = grayswan_batch.ray.complete(dataset, ChatGraySwan(), prompt="line", actors=8)
answers.write_parquet("answers/")
```

All workers ask one limiter, an actor that leases permits in blocks. Each answer goes to a journal
as it comes, so that of a worker that dies only those rows are asked again that had no answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from grayswan_batch.cluster.journal import Journal
from grayswan_batch.cluster.leases import Lease, LeaseBook, WorkerReport
from grayswan_batch.cluster.secrets import secret_in
from grayswan_batch.errors import InputError
from grayswan_batch.limiter import DEFAULT_IN_FLIGHT
from grayswan_batch.models import adapted
from grayswan_batch.pace import Rates
from grayswan_batch.prompts import PromptLike, compile_prompt

try:
    import ray
    from ray import cloudpickle

    from grayswan_batch.cluster.worker import Task, Worker
except ImportError as error:
    raise ImportError(
        'grayswan_batch.ray needs Ray: pip install "grayswan-integrations[ray]"'
    ) from error

__all__ = ["Limits", "complete"]

# Kept as long as the process: Ray ends an actor when the handle that made it is gone, though others
# have found it by its name, and a first pipeline would take the limiter of a second one along.
_limiters: list[Any] = []


@dataclass(frozen=True)
class Limits:
    """What all workers keep to together.

    Attributes:
        requests_per_second: Never go faster; unless given, as fast as the API takes requests.
        tokens_per_minute: The API's limit on tokens, where it has one.
        max_in_flight: The most requests under way, over all workers.
        name: Of the limiter. Pipelines of one Ray job share it; use another for another key.
    """

    requests_per_second: float | None = None
    tokens_per_minute: float | None = None
    max_in_flight: int = DEFAULT_IN_FLIGHT
    name: str = "default"


def complete(
    dataset: ray.data.Dataset,
    model: Any,
    *,
    prompt: PromptLike = None,
    schema: Any = None,
    actors: int = 2,
    limits: Limits | None = None,
    batch_size: int = 1024,
    num_cpus: float = 0.25,
) -> ray.data.Dataset:
    """Ask a model about every row; a lazy step of a pipeline, like `map_batches`.

    The rows come out with these columns added: `answer` (a string, or a struct with `schema`),
    `finish_reason`, `input_tokens`, `output_tokens`, `request_id`, `attempts`, `latency` and
    `tool_calls`; for a row that failed, `error_type`, `error`, `status_code` and `partial`, and no
    answer. Only a wrong key ends the job.

    Args:
        dataset: The rows.
        model: A model, as `run` takes it, which must read its key from the environment of the
            workers; or a function that makes one on the worker.
        prompt: As for `run`.
        schema: A pydantic class that answers are instances of.
        actors: How many workers; each has one event loop and one client.
        limits: What they keep to together.
        batch_size: Rows that a worker takes at once, and the most that it has under way.
        num_cpus: What a worker counts for in Ray's books; it mostly waits.

    Raises:
        InputError: the model cannot be pickled or would take a secret along, or an option
            cannot work.
    """
    limits = limits or Limits()
    if actors < 1 or batch_size < 1 or limits.max_in_flight < 1:
        raise InputError("actors, batch_size and max_in_flight are at least 1.")
    if schema is not None and not _is_pydantic(schema):
        raise InputError("On Ray, schema= is a pydantic class: columns need types.")
    rates = Rates(limits.requests_per_second, limits.tokens_per_minute)
    is_factory = callable(model) and not hasattr(model, "ainvoke") and not hasattr(model, "achat")
    if not is_factory:
        compile_prompt(prompt, whole_row=adapted(model, schema).takes_rows)
    pickled = _pickled(model, prompt, schema)
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
    named = actor(_Limiter).options(name=f"grayswan-limiter-{limits.name}", get_if_exists=True)
    limiter = named.remote(rates, limits.max_in_flight)
    if limiter not in _limiters:
        _limiters.append(limiter)
    journal = actor(Journal).remote()
    return dataset.map_batches(
        _Operator,
        fn_constructor_args=(Task(pickled, is_factory), limiter, journal),
        batch_format="pyarrow",
        batch_size=batch_size,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=num_cpus,
        zero_copy_batch=True,
    )


def _is_pydantic(schema: Any) -> bool:
    return isinstance(schema, type) and issubclass(schema, BaseModel)


def _pickled(model: Any, prompt: PromptLike, schema: Any) -> bytes:
    try:
        pickled: bytes = cloudpickle.dumps((model, prompt, schema))
    except Exception as error:
        raise InputError(
            f"The model or the prompt cannot be pickled: {error}. Pass a function that makes the"
            " model on the worker."
        ) from error
    if (name := secret_in(pickled, model)) is not None:
        raise InputError(
            f"The pickle of the model would carry the secret {name!r} through the cluster. Pass a"
            " function that makes the model on the worker, where it reads the secret."
        )
    return pickled


class _Limiter:
    """The book of all workers, as an actor."""

    def __init__(self, rates: Rates, max_in_flight: int) -> None:
        self._book = LeaseBook(rates, max_in_flight)

    def exchange(self, report: WorkerReport) -> Lease:
        return self._book.exchange(report, time.monotonic())


class _Operator:
    """What Ray Data calls: one batch in, the same with answers out."""

    def __init__(self, task: Task, limiter: Any, journal: Any) -> None:
        load: Callable[[bytes], Any] = cloudpickle.loads
        # An actor that is started again has the id that it had.
        name = str(ray.get_runtime_context().get_actor_id())
        self._worker = Worker(task, load, limiter, journal, name)

    def __call__(self, table: Any) -> Any:
        return self._worker.answer(table)
