"""Installs what `make dist` built into bare environments, by the names that people type.

    python scripts/check_release.py dist

For each distribution: the right imports work, the other framework is not installed, and the
changelog has a section for its version.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

# For each name: what it makes importable, and what it must not bring.
_NAMES = {
    "langchain-grayswan": ("from langchain_grayswan import ChatGraySwan", "llama-index-core"),
    "llama-index-llms-grayswan": (
        "from llama_index.llms.grayswan import GraySwan",
        "langchain-core",
    ),
    "grayswan-integrations": ("from grayswan_core import CygnetClient", "langchain-core"),
}


def main(dist: str) -> int:
    """Check every distribution; gives back the exit status."""
    changelog = (Path(__file__).parents[1] / "CHANGELOG.md").read_text()
    failures = []
    for name, (imports, unwanted) in _NAMES.items():
        with tempfile.TemporaryDirectory() as home:
            venv.create(home, with_pip=True)
            python = Path(home) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
            _run(python, "-m", "pip", "install", "--quiet", f"--find-links={dist}", name)
            _run(python, "-c", imports)
            installed = dict(
                line.lower().split("==")
                for line in _run(python, "-m", "pip", "list", "--format=freeze").splitlines()
            )
        version = installed[name]
        if f"## {version}" not in changelog:
            failures.append(f"CHANGELOG.md has no section {version}.")
        if unwanted in installed:
            failures.append(f"{name} brings {unwanted}.")
        sys.stdout.write(f"{name} {version}: installed, imported\n")
    sys.stderr.writelines(f"{each}\n" for each in failures)
    return len(failures)


def _run(*command: str | Path) -> str:
    done = subprocess.run(  # noqa: S603 - commands of this file
        command, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
