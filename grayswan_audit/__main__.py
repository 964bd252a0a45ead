"""Runs a script as Python does, and reports what of it leaked: `python -m grayswan_audit -h`."""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from grayswan_audit import Audit, audit_untrusted
from grayswan_core.untrusted.finder import MAX_WORDS

__all__ = ["main"]

_CLEAN, _LEAK, _UNKNOWN, _INTERRUPTED = 0, 1, 2, 130
_EPILOG = """\
The report goes to stderr. The exit code is the script's own if it fails; else 0 where nothing
leaked, 1 where something did, and 2 where nothing was observed or not everything could be.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; the exit code."""
    given = _parser().parse_args(arguments)
    script = Path(given.script)
    if not script.is_file():
        _say(f"There is no file {given.script!r}. Name a Python script.")
        return _UNKNOWN
    try:
        audit = audit_untrusted(canaries=given.canaries, max_words=given.max_words)
    except ImportError as error:
        _say(error)
        return _UNKNOWN
    with audit:
        code = _run(script, given.arguments)
    return _told(audit, given, code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m grayswan_audit",
        description="Run a script, and report which text from outside it sent to models in roles"
        " that may instruct them.",
        epilog=_EPILOG,
    )
    parser.add_argument("--html", metavar="FILE", help="also write the report as an HTML file")
    parser.add_argument("--json", metavar="FILE", help="also write the report as JSON")
    parser.add_argument(
        "--canaries", action="store_true", help="add a harmless attack to what is retrieved"
    )
    parser.add_argument(
        "--max-words", type=_count, default=MAX_WORDS, help="words to keep (default: %(default)s)"
    )
    parser.add_argument("script", help="the script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("it has to be at least 1")
    return count


def _run(script: Path, arguments: list[str]) -> int:
    """Run the script as `python script.py` does, and give its exit code."""
    before = sys.argv, sys.path[:]
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.resolve().parent)
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        _say(stop.code)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BaseException:  # noqa: BLE001 - the report of what was seen so far is still to come
        traceback.print_exc()
        return 1
    finally:
        sys.argv, sys.path[:] = before
    return 0


def _told(audit: Audit, given: argparse.Namespace, code: int) -> int:
    report = audit.report()
    _say(f"\n{report}")
    if given.html:
        Path(given.html).write_text(report.to_html(), encoding="utf-8")
    if given.json:
        Path(given.json).write_text(report.to_json(), encoding="utf-8")
    if code:
        return code
    if report.findings:
        return _LEAK
    return _UNKNOWN if report.failures or report.nothing_observed else _CLEAN


def _say(what: object) -> None:
    sys.stderr.write(f"{what}\n")  # stdout is the script's


if __name__ == "__main__":
    sys.exit(main())
