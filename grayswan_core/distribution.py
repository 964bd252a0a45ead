"""What is installed: the package's name and version."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

__all__ = ["DISTRIBUTION", "installed_version"]

DISTRIBUTION = "grayswan-integrations"


@cache
def installed_version() -> str | None:
    """The version, or None for a checkout that is on the path without being installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return None
