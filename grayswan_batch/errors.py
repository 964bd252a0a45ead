"""What can go wrong with a run, and with one row.

```
BatchError
├── InputError (ValueError)      rows, prompt, model or options that cannot work; nothing was sent
├── OutputError                  an output that cannot be written, or is not this run's
├── RunStoppedError              the run stopped before its last row; `report` says how far it came
└── RowError                     one row that cannot be sent; it is written down as a failure
    ├── UnreadableRowError       a line that is no row
    ├── RowTooLargeError         more than `max_row_size`
    ├── MissingColumnError       a column that the prompt or the id needs
    ├── DuplicateIdError         an id that an earlier row has
    └── StructuredOutputError    an answer that does not fit the schema
```
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grayswan_batch.report import Report

__all__ = [
    "BatchError",
    "DuplicateIdError",
    "InputError",
    "MissingColumnError",
    "OutputError",
    "RowError",
    "RowTooLargeError",
    "RunStoppedError",
    "StructuredOutputError",
    "UnreadableRowError",
]


class BatchError(Exception):
    """The root of the errors that this package raises."""


class InputError(BatchError, ValueError):
    """Rows, prompt, model or options that cannot work. Nothing was sent or written."""


class OutputError(BatchError):
    """The output cannot be written, or belongs to another run.

    Attributes:
        unwritten: The records that did not reach the disk.
    """

    def __init__(self, message: str, unwritten: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.unwritten = list(unwritten)


class RunStoppedError(BatchError):
    """The run stopped before its last row. What was answered is in the output.

    Attributes:
        report: How far it came.
    """

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


class RowError(BatchError):
    """One row that cannot be sent."""


class UnreadableRowError(RowError):
    """A line that is no row: not JSON, not UTF-8, not an object."""


class RowTooLargeError(RowError):
    """A row of more than `max_row_size` bytes."""


class MissingColumnError(RowError):
    """The row lacks a column that the prompt or the id needs."""


class DuplicateIdError(RowError):
    """An earlier row of this run has the same id."""


class StructuredOutputError(RowError):
    """The answer does not fit the schema.

    Attributes:
        partial_text: The answer as it came.
    """

    def __init__(self, message: str, partial_text: str = "") -> None:
        super().__init__(message)
        self.partial_text = partial_text
