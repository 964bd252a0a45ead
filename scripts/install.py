"""Runs `pip install` and shows in one line how far it has come; what pip says only if it fails.

    python scripts/install.py "what is installed" ARGUMENTS OF PIP...

In a pipe the line is printed once. The exit status is pip's.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time

_PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "raw")
_BYTES = re.compile(r"Progress (\d+) of (\d+)")
_LARGE = 5_000_000
_LINES = 15


def main(what: str, *arguments: str) -> int:
    """Install; gives back pip's exit status."""
    start, said, packages, large = time.monotonic(), [], 0, ""
    _show(f"{what} ...", last=not sys.stdout.isatty())
    command = [sys.executable, *_PIP, *arguments]
    with subprocess.Popen(  # noqa: S603 - pip, as its caller asks
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        for line in pip.stdout or ():
            amount = _BYTES.match(line)
            if amount is None:
                said.append(line)
                packages += line.startswith("Collecting ")
                large = ""
            else:
                done, total = map(int, amount.groups())
                large = f", {done >> 20} of {total >> 20} MiB" if total > _LARGE else ""
            if sys.stdout.isatty():
                seconds = time.monotonic() - start
                _show(f"{what} ... {packages} packages, {seconds:.0f} s{large}")
    if sys.stdout.isatty():
        _show(f"{what} ... {time.monotonic() - start:.0f} s", last=True)
    if pip.returncode:
        sys.stderr.write("".join(said[-_LINES:]))
    return pip.returncode


def _show(text: str, *, last: bool = False) -> None:
    if sys.stdout.isatty():
        # A line that wraps could not be written over.
        text = "\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1]
    sys.stdout.write(text + "\n" * last)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
