"""Runs each page's Python in an environment made of that page's own `pip install` lines.

    python -m scripts.check_pages dist [PAGE ...]

What a snippet prints is compared with the output that the page shows for it. Distributions of this
project come from the folder `dist` (`make dist`), all others from the package index, in the
versions of constraints.txt. The local server runs outside: a page whose snippets
import it has to say how to install it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from grayswan_devserver import DevServer
from scripts.page_snippets import Snippet, mismatch, snippets

_ROOT = Path(__file__).parents[1]
_SHELL = re.compile(r"^```(?:sh|bash)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_END_OF_SNIPPET = "\0"
_BIN = "Scripts" if sys.platform == "win32" else "bin"


def main(dist: str, *names: str) -> int:
    """Check the pages; gives back how many failed."""
    pages = [Path(name) for name in names] or [_ROOT / "README.md", *_ROOT.glob("docs/*.md")]
    with tempfile.TemporaryDirectory() as home:
        environments = _Environments(Path(home), dist)
        failed = [page for page in sorted(pages) if not _passes(page, environments)]
    sys.stdout.write(f"{len(pages) - len(failed)} pages passed, {len(failed)} failed\n")
    return len(failed)


class _Environments:
    """One for each set of install lines: several pages may have the same."""

    def __init__(self, home: Path, dist: str) -> None:
        self._home = home
        self._dist = dist
        self._made: dict[tuple[tuple[str, ...], ...], Path] = {}

    def python(self, lines: tuple[tuple[str, ...], ...]) -> Path:
        """The interpreter of the environment that the lines make."""
        if lines not in self._made:
            folder = self._home / str(len(self._made))
            venv.create(folder, with_pip=True)
            self._made[lines] = python = folder / _BIN / "python"
            pip = [python, "-m", "pip", "install", "--quiet", f"--find-links={self._dist}"]
            for line in lines:
                subprocess.run(  # noqa: S603 - the page's own line
                    [*pip, f"--constraint={_ROOT / 'constraints.txt'}", *line], check=True
                )
        return self._made[lines]


def _passes(page: Path, environments: _Environments) -> bool:
    text = page.read_text("utf-8")
    run = [each for each in snippets(text) if not each.is_skipped]
    if not run:
        return True
    lines = (line for block in _SHELL.findall(text) for line in block.splitlines())
    commands = [tuple(shlex.split(line, comments=True)) for line in lines]
    python = environments.python(
        tuple(words[2:] for words in commands if words[:2] == ("pip", "install"))
    )
    done = _run(python, run)
    problem = done.stderr if done.returncode else _mismatches(run, done.stdout)
    sys.stdout.write(f"{page.name}: {'FAILED' if problem else 'passed'}\n")
    if problem:
        sys.stdout.write("\n".join(problem.splitlines()[-15:]) + "\n")
    sys.stdout.flush()
    return not problem


def _run(python: Path, run: list[Snippet]) -> subprocess.CompletedProcess[str]:
    program = "\n\n".join(f"{each.code}\nprint(end={_END_OF_SNIPPET!r})" for each in run)
    with tempfile.TemporaryDirectory() as elsewhere, DevServer() as server:
        script = Path(elsewhere) / "page.py"
        script.write_text(program, "utf-8")
        return subprocess.run(  # noqa: S603 - the page's own program
            [python, script],
            cwd=elsewhere,  # nothing of the checkout may be found
            env={
                **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                "GRAYSWAN_API_KEY": "local-test",
                "GRAY_SWAN_BASE_URL": server.url,
                "PYTHONIOENCODING": "utf-8",
            },
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


def _mismatches(run: list[Snippet], printed: str) -> str:
    pieces = printed.split(_END_OF_SNIPPET)
    wrong = (mismatch(each.output, piece) for each, piece in zip(run, pieces, strict=False))
    return "\n".join(each for each in wrong if each)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
