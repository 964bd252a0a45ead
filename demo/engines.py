"""What answers behind the local server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.tellers import RULES, SMALL_MODEL, Teller

if TYPE_CHECKING:
    from grayswan_devserver import Engine

__all__ = ["ENGINES", "local_engine"]

ENGINES = ("smollm2", "rules")


def local_engine(name: str | None) -> tuple[Engine, Teller]:
    """The engine of this name, loaded; without a name the model, or the rules where there is none.

    Raises:
        ImportError: the model is asked for by name, and is not installed.
        RuntimeError: the model is asked for by name, and does not load.
    """
    # Imported here: the title is shown before.
    from grayswan_devserver import RulesEngine, SmolLM2Engine  # noqa: PLC0415

    if name != "rules":
        try:
            return SmolLM2Engine(), SMALL_MODEL
        except (ImportError, RuntimeError):
            if name is not None:
                raise
    return RulesEngine(), RULES
