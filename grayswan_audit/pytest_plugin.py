"""The pytest fixture `grayswan_audit`, there wherever this package is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grayswan_core.audit import Audit

__all__ = ["grayswan_audit"]


@pytest.fixture
def grayswan_audit() -> Iterator[Audit]:
    """An audit that is open for the length of a test.

    ```python
    def test_nothing_leaks(grayswan_audit):
        my_chain.invoke("What do swans eat?")
        grayswan_audit.assert_clean()
    ```
    """
    # Imported here: a session that asks for no audit pays for no framework.
    from grayswan_audit import audit_untrusted  # noqa: PLC0415

    with audit_untrusted() as audit:
        yield audit
