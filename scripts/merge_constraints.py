"""Merges what `pip list --format freeze` says on several Pythons into one constraints file.

    python scripts/merge_constraints.py 3.10=a.txt 3.11=b.txt 3.12=c.txt > constraints.txt

A version that serves every Python stands alone; else each stands with the Pythons it is for.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

_NOT_OURS = {"pip", "setuptools", "wheel", "grayswan-integrations"}


def merge(frozen: dict[str, str]) -> list[str]:
    """The lines of the constraints file, from the text of each Python's list."""
    pythons_of: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for python, text in frozen.items():
        for line in text.split():
            name, _, version = line.partition("==")
            if name.lower() not in _NOT_OURS:
                pythons_of[name.lower()][version].append(python)
    return [line for name in sorted(pythons_of) for line in _lines(name, pythons_of[name])]


def _lines(name: str, pythons_of: dict[str, list[str]]) -> list[str]:
    if len(pythons_of) == 1:
        return [f"{name}=={version}" for version in pythons_of]
    return [
        f"{name}=={version} ; " + " or ".join(f'python_version == "{each}"' for each in pythons)
        for version, pythons in sorted(pythons_of.items())
    ]


if __name__ == "__main__":
    named = dict(argument.split("=", 1) for argument in sys.argv[1:])
    lines = merge({python: Path(path).read_text() for python, path in named.items()})
    sys.stdout.write("# The versions in use. Made by scripts/merge_constraints.py.\n")
    sys.stdout.write("\n".join(lines) + "\n")
