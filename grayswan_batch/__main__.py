"""`python -m grayswan_batch in.jsonl out.jsonl --model package.module:name`: a run from a shell."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from grayswan_batch.api import run
from grayswan_batch.errors import InputError, OutputError, RunStoppedError

__all__ = ["main"]

_FAILED, _UNUSABLE, _STOPPED, _INTERRUPTED = 1, 2, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line says.

    Returns:
        the exit status: 0 if every row was answered, 1 if some failed, 2 if nothing could begin,
        3 if the run stopped early, 130 if it was interrupted.
    """
    given = vars(_parser().parse_args(argv))
    rows, to, model = given.pop("input"), given.pop("output"), given.pop("model")
    options = {name: value for name, value in given.items() if value is not None}
    try:
        report = run(rows, _load(model), to=to, **options)
    except InputError as error:
        return _complain(error, _UNUSABLE)
    except OutputError as error:
        for record in error.unwritten:  # they were paid for
            print(json.dumps(record))  # noqa: T201
        return _complain(error, _UNUSABLE)
    except RunStoppedError as error:
        print(error.report, file=sys.stderr)  # noqa: T201
        return _complain(error, _STOPPED)
    except KeyboardInterrupt:
        return _complain("interrupted; --resume goes on", _INTERRUPTED)
    print(report, file=sys.stderr)  # noqa: T201
    return _FAILED if report.failed else 0


def _load(name: str) -> Any:
    """The model that `package.module:name` is, or that a function of this name makes.

    Raises:
        InputError: there is none, or it cannot be made, for want of a key for example.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise InputError(f"--model is package.module:name, not {name!r}.")
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` has it, wherever this was installed
    try:
        model: Any = import_module(module)
        for each in attribute.split("."):
            model = getattr(model, each)
        return model() if _is_factory(model) else model
    except Exception as error:
        raise InputError(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)


def _is_factory(model: Any) -> bool:
    is_model = hasattr(model, "ainvoke") or hasattr(model, "achat")
    return isinstance(model, type) or (callable(model) and not is_model)


def _complain(message: object, status: int) -> int:
    said = str(message).replace("resume=True", "--resume")
    print(f"grayswan_batch: {said}", file=sys.stderr)  # noqa: T201
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m grayswan_batch",
        description="Ask a model about every row of a file, and write one line for each.",
    )
    parser.add_argument("input", help="a .jsonl, .ndjson or .csv file")
    parser.add_argument("output", help="a .jsonl file; failures go to .failed.jsonl beside it")
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODULE:NAME",
        help="a model, or a function that makes one",
    )
    parser.add_argument("--prompt", help="a column, or a template with {column}")
    parser.add_argument("--id", metavar="COLUMN", help="the column that names a row")
    parser.add_argument(
        "--keep", action="append", metavar="COLUMN", help="copy a column into the records"
    )
    parser.add_argument("--resume", action="store_true", help="go on with an output that is there")
    for name, kind, words in (
        ("--requests-per-second", float, "never go faster"),
        ("--tokens-per-minute", float, "the API's limit on tokens"),
        ("--max-in-flight", int, "the most rows under way at once"),
        ("--max-failures", _count_or_share, "stop when more rows failed; a count, or a share"),
        ("--max-tokens-total", int, "stop before the tokens exceed it"),
        ("--max-wait", float, "stop when nothing passes for so many seconds"),
        ("--max-row-size", int, "the longest line, in bytes"),
    ):
        parser.add_argument(name, type=kind, metavar="N", help=words)
    parser.add_argument(
        "--no-progress", dest="progress", action="store_false", default=None, help="be quiet"
    )
    return parser


def _count_or_share(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)


if __name__ == "__main__":
    sys.exit(main())
