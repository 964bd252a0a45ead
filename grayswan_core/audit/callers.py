"""Which line of the program is running: the innermost one that no installed package has."""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

__all__ = ["calling_line"]

_OURS = ("grayswan_core", "langchain_grayswan", "llama_index_grayswan", "grayswan_audit")
_STANDARD = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_PACKAGES = re.compile(r"[\\/](?:site|dist)-packages[\\/]")
_MOST_FRAMES = 200


def calling_line() -> str:
    """`file:line`, or empty where the stack holds no line of the program's."""
    frame = sys._getframe(1)  # noqa: SLF001 - `inspect.stack` reads every source file
    for _ in range(_MOST_FRAMES):
        file = frame.f_code.co_filename
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if not _is_installed(file) and package not in _OURS:
            return f"{Path(file).name}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return ""


def _is_installed(file: str) -> bool:
    return file.startswith(("<", *_STANDARD)) or bool(_PACKAGES.search(file))
