"""A build hook: a distribution that holds nothing has the project's version and depends on it.

The version is in the project's `pyproject.toml` alone. Each distribution here says by
`[tool.hatch.metadata.hooks.custom] extra` which of the project's extras it stands for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PROJECT = Path(__file__).parents[1] / "pyproject.toml"


class SameVersion(MetadataHookInterface):
    """Fills in `version` and `dependencies`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling with the `[project]` table."""
        found = re.search(r'^version = "([^"]+)"$', _PROJECT.read_text(), re.MULTILINE)
        if found is None:
            raise ValueError(f"{_PROJECT} has no version.")
        metadata["version"] = found[1]
        metadata["dependencies"] = [f"grayswan-integrations[{self.config['extra']}]=={found[1]}"]
