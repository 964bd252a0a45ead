"""Answers laid out in advance, for tests that need to say what the server says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from grayswan_devserver.answers import Answer, play
from grayswan_devserver.rules import RulesEngine

if TYPE_CHECKING:
    from grayswan_core.wire import ChatRequest
    from grayswan_devserver.engine import Engine, Pieces

__all__ = ["MonitorAnswer", "RawResponse", "Script", "Scripted", "ScriptedEngine"]


@dataclass(frozen=True)
class RawResponse:
    """An HTTP response, byte for byte: errors, broken streams, gateways' pages.

    Attributes:
        body: the bytes, or a sequence of them that is sent in as many writes.
        status: the HTTP status.
        headers: sent along; an `x-request-id` is added.
        cut: close the connection after the body without ending the response properly, as
            when a server dies.
    """

    body: bytes | Sequence[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False

    @property
    def writes(self) -> list[bytes]:
        """The body as a list of writes."""
        return [self.body] if isinstance(self.body, bytes) else list(self.body)


@dataclass(frozen=True)
class MonitorAnswer:
    """A scripted verdict, or what comes instead of one.

    Attributes:
        verdict: fields of the response, which win over what the judge found; a field that is None
            is left out.
        error: an error with status 200 and a `violation` of 0.0, as the API has it.
        status: another status than 200 makes it an error response.
        headers: sent along, such as `retry-after`.
        delay: seconds before it is sent.
        hold: if given, it is sent once this is set.
        raw: if given, the body, byte for byte.
    """

    verdict: Mapping[str, Any] = field(default_factory=dict)
    error: bool = False
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hold: Event | None = None
    raw: bytes | None = None


Scripted: TypeAlias = Answer | RawResponse | MonitorAnswer

_ScriptedT = TypeVar("_ScriptedT", Answer, RawResponse)


class Script:
    """A queue of answers, taken one for each request. Safe to use from several threads."""

    def __init__(self) -> None:
        self._items: deque[Answer | RawResponse] = deque()
        self._verdicts: deque[MonitorAnswer] = deque()
        self._lock = Lock()

    def add(self, *items: Scripted) -> None:
        with self._lock:
            for item in items:
                if isinstance(item, MonitorAnswer):
                    self._verdicts.append(item)
                else:
                    self._items.append(item)

    def clear(self) -> None:
        with self._lock:
            self._items.clear()
            self._verdicts.clear()

    def take(self, kind: type[_ScriptedT]) -> _ScriptedT | None:
        """The next answer, if it is of this kind."""
        with self._lock:
            if not self._items or not isinstance(self._items[0], kind):
                return None
            item = self._items.popleft()
        return item if isinstance(item, kind) else None

    def take_verdict(self) -> MonitorAnswer | None:
        """The next verdict of the monitor; they wait in a line of their own."""
        with self._lock:
            return self._verdicts.popleft() if self._verdicts else None


class ScriptedEngine:
    """Plays the given answers in their order, one for each request.

    When they are used up, `fallback` answers: any engine, by default the `RulesEngine`.
    """

    def __init__(self, *answers: Answer, fallback: Engine | None = None) -> None:
        self._script = Script()
        self._script.add(*answers)
        self._fallback = RulesEngine() if fallback is None else fallback

    @property
    def fingerprint(self) -> str:
        """That of the fallback, as a script has none of its own."""
        return self._fallback.fingerprint

    def generate(self, request: ChatRequest) -> Pieces:
        """Play the next answer."""
        answer = self._script.take(Answer)
        return self._fallback.generate(request) if answer is None else play(answer, request)
