"""What is measured in the requests of one flow.

* **Leakage**: the bytes of the documents that stand in a trusted role (system, user, assistant,
  the names, descriptions and schemas of tools, the arguments of calls), divided by those that
  stand anywhere. A document's words count where at least eight of them stand together as in the
  document, after Unicode's NFKC, with white space folded, and with JSON and HTML taken off.
* **Recall**: the bytes of the documents that stand anywhere, divided by those of the same flow
  without protection.
* **Moved**: the words of the program's own text that do not stand whole in their own role. What
  that text is, is seen in a run with documents of one word each: what stands before, between and
  after such words. What a model answers is such a word there, too.
* **Residue**: marks on the wire: opening and closing ones anywhere, ticks in a trusted role but for
  characters that the program's own text has there, and in the others more of them than the
  documents brought along.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grayswan_core.untrusted.ids import is_genuine
from grayswan_core.untrusted.spelling import Kind, anchors

__all__ = ["PROBE", "Measure", "Request", "measure", "requests_of"]

SHINGLE = 8
TRUSTED = frozenset({"system", "developer", "user", "assistant"})

PROBE = "Xprobe{}x"
_PROBE = r"Xprobe\d+x"
_LEAST_SEGMENT = 4


@dataclass(frozen=True)
class Request:
    """The texts of one request, as pairs of role and text; tools' texts are the system's."""

    texts: tuple[tuple[str, str], ...]

    def trusted(self) -> list[str]:
        return [text for role, text in self.texts if role in TRUSTED]

    def all(self) -> list[str]:
        return [text for _, text in self.texts]


@dataclass(frozen=True)
class Measure:
    """The figures of one flow; bytes, and shares from 0 to 1."""

    trusted_bytes: int
    delivered_bytes: int
    recall: float
    moved: int
    residue: int

    @property
    def leakage(self) -> float:
        return self.trusted_bytes / self.delivered_bytes if self.delivered_bytes else 0.0


def requests_of(bodies: Iterable[Mapping[str, Any]]) -> list[Request]:
    """The texts of recorded request bodies."""
    return [Request(tuple(_texts(body))) for body in bodies]


def _texts(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for message in body.get("messages", ()):
        role = message["role"]
        content = message.get("content") or ""
        yield role, content if isinstance(content, str) else _joined(content)
        for call in message.get("tool_calls") or ():
            yield role, f"{call['function']['name']} {call['function']['arguments']}"
    for tool in body.get("tools") or ():
        yield "system", json.dumps(tool, ensure_ascii=False)


def _joined(parts: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(part.get("text", "")) for part in parts)


def measure(
    requests: Sequence[Request],
    documents: Sequence[str],
    *,
    unprotected: Sequence[Request],
    probed: Sequence[Request],
    labels: str = "",
) -> Measure:
    """The figures of a flow.

    Args:
        requests: What the flow sent.
        documents: The untrusted texts that were in it.
        unprotected: What the same flow sends without protection.
        probed: What it sends without protection when each document is one `PROBE`.
        labels: A pattern of what the framework writes before a document, as part of it.
    """
    trusted = _found(documents, [text for each in requests for text in each.trusted()])
    anywhere = _found(documents, [text for each in requests for text in each.all()])
    baseline = _found(documents, [text for each in unprotected for text in each.all()])
    return Measure(
        trusted_bytes=trusted,
        delivered_bytes=anywhere,
        recall=min(anywhere / baseline, 1.0) if baseline else 1.0,
        moved=_moved(requests, _own_segments(probed, labels)),
        residue=_residue(requests, documents, probed),
    )


def _found(documents: Sequence[str], texts: Sequence[str]) -> int:
    """How many bytes of the documents' words stand in the texts, in shingles."""
    seen = {
        shingle
        for text in texts
        for variant in _unescaped(text)
        for shingle in _shingles(_words(variant))
    }
    total = 0
    for document in documents:
        words = _words(document)
        covered: set[int] = set()
        for place, shingle in enumerate(_shingles(words)):
            if shingle in seen:
                covered.update(range(place, place + SHINGLE))
        total += sum(len(words[place].encode()) for place in covered)
    return total


def _words(text: str) -> list[str]:
    return unicodedata.normalize("NFKC", text).split()


def _shingles(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for place in range(len(words) - SHINGLE + 1):
        yield tuple(words[place : place + SHINGLE])


def _unescaped(text: str) -> set[str]:
    """A text as it stands, and with JSON's and HTML's escapes taken off, also both, also twice."""
    variants = {text}
    for _ in range(2):
        variants |= {html.unescape(each) for each in variants}
        variants |= {_without_backslashes(each) for each in variants}
    return variants


_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_SPACES = {"n": "\n", "r": "\r", "t": "\t"}


def _without_backslashes(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _SPACES.get(code, code)

    return _ESCAPE.sub(character, text)


def _moved(requests: Sequence[Request], segments: set[tuple[str, str]]) -> int:
    """How many words of the program's own text are not where they were, segment by segment."""
    joined: dict[str, str] = {}
    for role, text in (pair for each in requests for pair in each.texts):
        joined[role] = f"{joined.get(role, '')} {_said(text)}"
    return sum(len(s.split()) for role, s in segments if s not in joined.get(role, ""))


def _own_segments(probed: Sequence[Request], labels: str) -> set[tuple[str, str]]:
    """The words of the program's own texts, by role: what is beside documents of one word each."""
    document = re.compile(rf"(?:(?:{labels})\s*)*{_PROBE}" if labels else _PROBE)
    return {
        (role, folded)
        for request in probed
        for role, text in request.texts
        if role in TRUSTED
        for segment in document.split(text)
        if len(folded := _said(segment)) >= _LEAST_SEGMENT
    }


def _said(text: str) -> str:
    """The words of a text; the quotes that `repr` writes depend on what is in them."""
    return " ".join(re.findall(r"[^\W_]+", text))


def _residue(
    requests: Sequence[Request], documents: Sequence[str], probed: Sequence[Request]
) -> int:
    """Marks in the requests, less the documents' own that stand where nobody is trusted."""
    own = {document: _counted(document) for document in documents}
    # The program's own text is the same in each of its requests.
    typed = max((_counted(text) for each in probed for text in each.trusted()), default=0)
    residue = 0
    for role, text in (pair for each in requests for pair in each.texts):
        ends = sum(bool(anchor.id and is_genuine(anchor.id)) for anchor in anchors(text))
        brought = typed if role in TRUSTED else _brought(text, own)
        residue += ends + max(0, _counted(text) - ends - brought)
    return residue


def _counted(text: str) -> int:
    return sum(anchor.kind is not Kind.CHARACTER for anchor in anchors(text))


def _brought(text: str, own: Mapping[str, int]) -> int:
    """How many marks the documents that a text holds have brought into it."""
    if not any(own.values()):
        return 0
    shingles = {s for variant in _unescaped(text) for s in _shingles(_words(variant))}
    return sum(count for each, count in own.items() if shingles & set(_shingles(_words(each))))
