"""The package's name and version, and lazy attribute imports (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["DISTRIBUTION", "installed_version", "lazy_attributes", "user_agent"]

DISTRIBUTION = "grayswan-integrations"


@cache
def installed_version() -> str | None:
    """The version, or None for a checkout that is on the path without being installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return None


@cache
def user_agent() -> str:
    """Who sends a request."""
    return f"{DISTRIBUTION}/{installed_version() or 'unknown'}"


def lazy_attributes(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__` that imports a name's module when the name is first read.

    Args:
        package: The package's name.
        modules: For each public name the module of the package that it comes from.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return get
