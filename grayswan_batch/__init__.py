"""A million prompts without a lost row: rows in, answers out, over any model of both frameworks.

```python
import grayswan_batch
from langchain_grayswan import ChatGraySwan

report = grayswan_batch.run(
    "logs.jsonl",
    ChatGraySwan(temperature=0),
    to="answers.jsonl",
    prompt=[("user", "Is this line suspicious? One word."), ("data", "{line}")],
)
```

`python -m grayswan_batch` is the same from a shell, and `grayswan_batch.ray` the same on a cluster.
"""

from __future__ import annotations

from grayswan_batch.api import arun, run
from grayswan_batch.errors import (
    BatchError,
    DuplicateIdError,
    InputError,
    MissingColumnError,
    OutputError,
    RowError,
    RowTooLargeError,
    RunStoppedError,
    StructuredOutputError,
    UnreadableRowError,
)
from grayswan_batch.limiter import Limiter
from grayswan_batch.options import RunOptions
from grayswan_batch.report import Report

__all__ = [
    "BatchError",
    "DuplicateIdError",
    "InputError",
    "Limiter",
    "MissingColumnError",
    "OutputError",
    "Report",
    "RowError",
    "RowTooLargeError",
    "RunOptions",
    "RunStoppedError",
    "StructuredOutputError",
    "UnreadableRowError",
    "arun",
    "run",
]
