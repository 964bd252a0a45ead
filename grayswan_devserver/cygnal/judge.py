"""The monitor's judge: deterministic, by phrases, and no judge of anything.

It reads the whole conversation but for its instructions, or `text` where that is given:

* `VIOLATION_TRIGGER`, and each phrase of `moderation.PHRASES`, is a violation of 0.9.
* `SCORE_TRIGGER` adds 0.2 each time it is there, so that a longer part of a text scores higher.
* `IPI_TRIGGER` in a `tool` message is a prompt injection, and `MUTATION_TRIGGER` tampering. So are
  the phrases of the category `prompt-injection`; elsewhere than in a `tool` message they are a
  violation, as others are.
* A rule is violated (0.9) by each phrase that it has in double quotes; a rule without quotes, by a
  word of it with six letters or more.

Arguments of tool calls and names of tools are read like any text. Media are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grayswan_devserver.moderation import PHRASES, phrase_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grayswan_core.wire import MonitorMessage, MonitorRequest, MonitorRules

__all__ = [
    "IPI_TRIGGER",
    "MUTATION_TRIGGER",
    "SCORE_TRIGGER",
    "VIOLATION_TRIGGER",
    "JudgedConversation",
    "judge",
]

VIOLATION_TRIGGER = "[[cygnal-violation]]"
SCORE_TRIGGER = "[[cygnal-score]]"
IPI_TRIGGER = "[[cygnal-ipi]]"
MUTATION_TRIGGER = "[[cygnal-mutation]]"

_INJECTIONS = (IPI_TRIGGER, *PHRASES["prompt-injection"])
_VIOLATIONS = (
    VIOLATION_TRIGGER,
    *(phrase for name, each in PHRASES.items() if name != "prompt-injection" for phrase in each),
)

_CERTAIN = 0.9
_STEP = 0.2
_WORD = re.compile(r"\w{6,}")
_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class JudgedConversation:
    """What the judge found; `text` is what it read."""

    violation: float
    ipi: bool
    mutation: bool
    rules: Sequence[tuple[int, str, str]]
    ignored_media: bool
    text: str


def judge(request: MonitorRequest) -> JudgedConversation:
    """Judge what a request holds."""
    if request.text is not None:
        said, tools, media = request.text, "", False
    else:
        messages = [m for m in request.messages or () if m.role not in ("system", "developer")]
        said = "\n".join(text for m in messages if m.role != "tool" for text in _texts(m))
        tools = "\n".join(text for m in messages if m.role == "tool" for text in _texts(m))
        media = any(_has_media(m) for m in messages)
    everything = f"{said}\n{tools}"
    rules = [
        rule for rule in _rules(request.rules or request.categories) if _breaks(rule[2], everything)
    ]
    certain = rules or _holds(_VIOLATIONS, everything) or _holds(_INJECTIONS, said)
    score = min(1.0, _STEP * everything.count(SCORE_TRIGGER))
    return JudgedConversation(
        violation=round(max(_CERTAIN if certain else 0.0, score), 6),
        ipi=_holds(_INJECTIONS, tools),
        mutation=MUTATION_TRIGGER in tools,
        rules=rules,
        ignored_media=media,
        text=everything,
    )


def _texts(message: MonitorMessage) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    for part in message.content if isinstance(message.content, list) else ():
        yield str(part.get("text") or "")
    for call in message.tool_calls or ():
        yield f"{call.function.name} {call.function.arguments}"


def _has_media(message: MonitorMessage) -> bool:
    parts = message.content if isinstance(message.content, list) else []
    return any(part.get("type") not in ("text", "tool_use", "tool_result") for part in parts)


def _holds(phrases: Sequence[str], text: str) -> bool:
    return any(phrase_pattern(phrase).search(text) for phrase in phrases)


def _rules(rules: MonitorRules | None) -> Iterator[tuple[int, str, str]]:
    """Number, name and text of each rule."""
    if isinstance(rules, dict):
        for number, (name, text) in enumerate(rules.items(), 1):
            yield number, name, text
        return
    for number, rule in enumerate(rules or (), 1):
        known: Any = {"rule": rule} if isinstance(rule, str) else rule
        name = str(known.get("name") or f"rule {number}")
        yield number, name, " ".join(map(str, known.values()))


def _breaks(rule: str, text: str) -> bool:
    phrases = _QUOTED.findall(rule) or _WORD.findall(rule)
    return _holds(phrases, text)
