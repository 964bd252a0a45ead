"""A local server that speaks the Cygnet wire, for runs and tests without a key.

    with DevServer() as server:
        ChatGraySwan(base_url=server.url, api_key="local-test")

Names are loaded when first used, so that importing this package (which pytest does, for the
fixture in `pytest_plugin`) costs nothing and never fails. Using a name without the extra
installed raises an `ImportError` that says which one to install.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grayswan_devserver.answers import Answer, Call
    from grayswan_devserver.app import create_app
    from grayswan_devserver.cygnal.judge import (
        IPI_TRIGGER,
        MUTATION_TRIGGER,
        SCORE_TRIGGER,
        VIOLATION_TRIGGER,
    )
    from grayswan_devserver.engine import (
        Engine,
        FinishPiece,
        Piece,
        TextPiece,
        ToolCallPiece,
        UnfitRequestError,
        UsagePiece,
    )
    from grayswan_devserver.load import Load
    from grayswan_devserver.recording import RecordedRequest
    from grayswan_devserver.rules import REFUSAL_TRIGGER, RulesEngine
    from grayswan_devserver.scripting import MonitorAnswer, RawResponse, ScriptedEngine
    from grayswan_devserver.server import DevServer
    from grayswan_devserver.smollm2 import SmolLM2Engine

__all__ = [
    "IPI_TRIGGER",
    "MUTATION_TRIGGER",
    "REFUSAL_TRIGGER",
    "SCORE_TRIGGER",
    "VIOLATION_TRIGGER",
    "Answer",
    "Call",
    "DevServer",
    "Engine",
    "FinishPiece",
    "Load",
    "MonitorAnswer",
    "Piece",
    "RawResponse",
    "RecordedRequest",
    "RulesEngine",
    "ScriptedEngine",
    "SmolLM2Engine",
    "TextPiece",
    "ToolCallPiece",
    "UnfitRequestError",
    "UsagePiece",
    "create_app",
]

_HOMES = {
    "IPI_TRIGGER": "cygnal.judge",
    "MUTATION_TRIGGER": "cygnal.judge",
    "REFUSAL_TRIGGER": "rules",
    "SCORE_TRIGGER": "cygnal.judge",
    "VIOLATION_TRIGGER": "cygnal.judge",
    "Answer": "answers",
    "Call": "answers",
    "DevServer": "server",
    "Engine": "engine",
    "FinishPiece": "engine",
    "Load": "load",
    "MonitorAnswer": "scripting",
    "Piece": "engine",
    "RawResponse": "scripting",
    "RecordedRequest": "recording",
    "RulesEngine": "rules",
    "ScriptedEngine": "scripting",
    "SmolLM2Engine": "smollm2",
    "TextPiece": "engine",
    "ToolCallPiece": "engine",
    "UnfitRequestError": "engine",
    "UsagePiece": "engine",
    "create_app": "app",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{home}")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in {"starlette", "uvicorn"}:
            raise
        raise ImportError(
            f'{__name__}.{name} needs {package}: pip install "grayswan-integrations[devserver]"',
        ) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
