"""The guards under test: ours, and LangChain's moderation middleware with a fake client."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from grayswan_core import CygnalGuard
from grayswan_devserver import IPI_TRIGGER, VIOLATION_TRIGGER, DevServer, MonitorAnswer
from langchain_grayswan import CygnalMiddleware

__all__ = ["Contender", "Judge", "contenders"]


class Judge:
    """How often the guard's API was called about a text, and whether it can be reached."""

    def __init__(self, server: DevServer) -> None:
        self.server = server
        self.asked: list[str] = []
        self.down = False

    def count(self, text: str) -> int:
        """How often this text was what was judged."""
        monitored = [
            str(request.body["messages"][-1].get("content"))
            for request in self.server.requests
            if request.path == "/cygnal/monitor"
        ]
        return sum(each == text for each in [*monitored, *self.asked])

    def fail(self) -> None:
        """Let the API be unreachable."""
        self.down = True
        self.server.script(*[MonitorAnswer(status=503)] * 8)


@dataclass(frozen=True)
class Contender:
    """A guard: its name, and what makes its middleware."""

    name: str
    middleware: Callable[[Judge], Any]
    ours: bool = True


def _cygnal(**settings: Any) -> Callable[[Judge], Any]:
    def make(judge: Judge) -> Any:
        guard = CygnalGuard(
            api_key="local-benchmark", base_url=judge.server.url, max_retries=0, timeout=30
        )
        return CygnalMiddleware(guard, **settings)

    return make


class _FakeModeration:
    """OpenAI's client as far as the middleware uses it; it flags the same phrases."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.moderations = self

    def create(self, *, input: str, **_: Any) -> Any:  # noqa: A002 - OpenAI's name for it
        if self._judge.down:
            raise ConnectionError("the moderation cannot be reached")
        self._judge.asked.append(input)
        flagged = VIOLATION_TRIGGER in input or IPI_TRIGGER in input
        found = SimpleNamespace(model_dump=lambda: {"harassment": flagged})
        result = SimpleNamespace(flagged=flagged, categories=found, category_scores=found)
        return SimpleNamespace(results=[result])


class _AsyncFakeModeration(_FakeModeration):
    async def create(self, **given: Any) -> Any:
        return super().create(**given)


def _openai(exit_behavior: str) -> Callable[[Judge], Any]:
    def make(judge: Judge) -> Any:
        from langchain_openai.middleware import OpenAIModerationMiddleware  # noqa: PLC0415

        return OpenAIModerationMiddleware(
            check_tool_results=True,
            exit_behavior=exit_behavior,
            client=_FakeModeration(judge),
            async_client=_AsyncFakeModeration(judge),
        )

    return make


OURS = (
    Contender("Cygnal, hold", _cygnal()),
    Contender("Cygnal, window", _cygnal(streaming="window", window=16)),
    Contender("Cygnal, parallel", _cygnal(mode="parallel")),
)
PEERS = (
    Contender("OpenAIModeration, end", _openai("end"), ours=False),
    Contender("OpenAIModeration, replace", _openai("replace"), ours=False),
)


def contenders() -> list[Contender]:
    """Those that are installed."""
    installed = importlib.util.find_spec("langchain_openai") is not None
    return [*OURS, *(PEERS if installed else ())]
