"""What every test stands on: no key, no address and no proxy from the environment."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from grayswan_core.config import API_KEY_VARIABLE, BASE_URL_VARIABLES, MISSPELT_KEY_VARIABLES

pytest.register_assert_rewrite("conformance")

# A machine under load is slow, and that is no failure. The same code is tried on the same examples,
# so that a change fails for what it changes; new examples are looked for every night.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeat", settings.get_profile("explore"), derandomize=True)
settings.load_profile("repeat")

ECOSYSTEM = Path(__file__).parent / "ecosystem"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave third parties' packages to `make test-ecosystem`, which has them."""
    asked_for = any("ecosystem" in argument for argument in config.args)
    return True if collection_path == ECOSYSTEM and not asked_for else None


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = (API_KEY_VARIABLE, *MISSPELT_KEY_VARIABLES, *BASE_URL_VARIABLES)
    for name in (*ours, "LC_OUTPUT_VERSION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def _event_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """The loop that LlamaIndex runs async parts of sync methods in; its own it leaves open."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.run_until_complete(loop.shutdown_asyncgens())  # as `asyncio.run` does
    loop.close()
    asyncio.set_event_loop(None)
