"""Runs the notebooks anew, writes their outputs in place, and draws the README's picture.

python -m notebooks [--out DIRECTORY] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from notebooks.readme_picture import draw
from notebooks.running import NOTEBOOKS, run, write

_AT_ONCE = 2


def main() -> None:
    """Run all the notebooks, or those whose file names begin with one of the arguments."""
    parser = argparse.ArgumentParser(prog="python -m notebooks", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="how a file's name begins")
    parser.add_argument("--out", type=Path, help="write copies there, and leave the rest as it is")
    options = parser.parse_args()
    names = tuple(options.names) or ("",)
    paths = [path for path in NOTEBOOKS if path.name.startswith(names)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(_renew, path, options.out or path.parent) for path in paths]:
            done.result()
    if options.out is None:
        draw()


def _renew(path: Path, directory: Path) -> None:
    begun = time.monotonic()
    write(run(path), directory / path.name)
    sys.stderr.write(f"{path.name}: {time.monotonic() - begun:.0f} s\n")


if __name__ == "__main__":
    main()
