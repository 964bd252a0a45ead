"""Runs each page's Python in an environment made of that page's own `pip install` lines.

    python scripts/check_pages.py dist [PAGE ...]

Distributions of this project come from the folder `dist` (`make dist`), all others from the package
index, in the versions of constraints.txt. The local server runs outside: a page whose snippets
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

_ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"(<!-- skip: next -->\n+)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
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
    fences = [(bool(skip), kind, text) for skip, kind, text in _FENCE.findall(page.read_text())]
    program = "\n\n".join(text for skip, kind, text in fences if kind == "python" and not skip)
    if not program:
        return True
    lines = (
        line for _, kind, text in fences if kind in {"sh", "bash"} for line in text.splitlines()
    )
    commands = [tuple(shlex.split(line, comments=True)) for line in lines]
    python = environments.python(
        tuple(words[2:] for words in commands if words[:2] == ("pip", "install"))
    )
    with tempfile.TemporaryDirectory() as elsewhere, DevServer() as server:
        script = Path(elsewhere) / "page.py"
        script.write_text(program)
        done = subprocess.run(  # noqa: S603 - the page's own program
            [python, script],
            cwd=elsewhere,  # nothing of the checkout may be found
            env={
                **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                "GRAYSWAN_API_KEY": "local-test",
                "GRAY_SWAN_BASE_URL": server.url,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    sys.stdout.write(f"{page.name}: {'FAILED' if done.returncode else 'passed'}\n")
    if done.returncode:
        sys.stdout.write("\n".join(done.stdout.splitlines()[-15:]) + "\n")
    sys.stdout.flush()
    return not done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
