"""The report of an audit: as a table, as JSON, and as one HTML file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import indent, wrap
from typing import Any

from grayswan_core.audit.page import counted, page
from grayswan_core.audit.records import Finding, Source

__all__ = ["BLIND_SPOTS", "Report"]

BLIND_SPOTS = (
    "Text that no retriever, tool, loader or document object brought, such as a file read by hand.",
    "Models that are called without the framework (a vendor's client), or in another process.",
    "Runs of fewer than eight words of longer texts, and words of fewer than 25 characters.",
    "Text that was rewritten, translated or encoded; pictures and sound.",
)
"""What no audit sees."""

_WIDTH = 100
_COLUMNS = ("", "source", "role", "share", "model", "through")


@dataclass(frozen=True)
class Report:
    """What an audit saw.

    Attributes:
        findings: Texts from outside that models were sent in trusted roles.
        quoted: The same where a model had written the words itself before; no findings.
        sources: Every text that came in from outside.
        models: How often each model was called.
        not_looked_at: What could not be compared, and how often it came.
        failures: What the audit failed at. A report with any is not clean.
        canaries_seeded: How many canaries were put among what was retrieved.
        canaries_obeyed: How many of the models' responses held a canary's word.
    """

    findings: list[Finding]
    quoted: list[Finding] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)
    not_looked_at: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    canaries_seeded: int = 0
    canaries_obeyed: int = 0

    @property
    def nothing_observed(self) -> str:
        """Why there was nothing to find; empty where there was."""
        if not self.models:
            return "Nothing was observed: no model was called."
        if not self.sources:
            return "Nothing was observed: no text came in from outside."
        return ""

    @property
    def summary(self) -> str:
        """The verdict in a sentence."""
        if self.findings:
            count = len({each.source for each in self.findings})
            return (
                f"{count} of {len(self.sources)} texts from outside reached a model in a role that"
                " may instruct it."
            )
        if self.failures:
            return "Not everything could be looked at."
        return self.nothing_observed or (
            f"0 of {len(self.sources)} texts from outside reached a model in a role that may"
            f" instruct it, in {counted(sum(self.models.values()), 'call')}."
        )

    def assert_clean(self) -> None:
        """Fail unless there was something to find, all was looked at, and nothing was found.

        Raises:
            AssertionError: text from outside reached a trusted role; or the audit could not look
                at everything; or nothing was observed.
        """
        if self.findings or self.failures or self.nothing_observed:
            raise AssertionError(str(self))

    def as_dict(self) -> dict[str, Any]:
        """The report as values that JSON has."""
        return {
            "summary": self.summary,
            "clean": not (self.findings or self.failures or self.nothing_observed),
            **asdict(self),
            "blind_spots": list(BLIND_SPOTS),
        }

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2)

    def to_html(self) -> str:
        """The report as one HTML file that needs nothing else."""
        return page(self.as_dict())

    def save(self, path: str | Path) -> Path:
        """Write the report to a file: `.html`, `.json`, or text by any other name."""
        file = Path(path)
        made = {".html": self.to_html, ".json": self.to_json}.get(file.suffix.lower(), self.__str__)
        file.write_text(made(), encoding="utf-8")
        return file

    def __str__(self) -> str:
        """The report for a terminal."""
        parts = [self.summary]
        if self.findings:
            parts += [_table(self.findings), *map(_details, range(1, 10_000), self.findings)]
        if self.quoted:
            parts.append("Quoted by a model that wrote it itself before, and not counted:")
            parts.append(_table(self.quoted))
        if self.canaries_seeded:
            parts.append(
                f"Canaries: {self.canaries_seeded} put among what was retrieved; the models'"
                f" responses held their word {counted(self.canaries_obeyed, 'time')}."
            )
        if self.failures:
            parts.append(_list("The audit failed at:", self.failures))
        skipped = [f"{what} ({count})" for what, count in self.not_looked_at.items()]
        if skipped:
            parts.append(_list("Not looked for:", skipped))
        parts.append(_list("What no audit sees:", BLIND_SPOTS))
        return "\n\n".join(parts)


def _table(findings: list[Finding]) -> str:
    rows = [_COLUMNS, *(_row(number, each) for number, each in enumerate(findings, 1))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _row(number: int, each: Finding) -> tuple[str, ...]:
    through = " > ".join(each.through)
    named = f"{each.source.kind} {each.source.name}"
    cells = (named, each.role, f"{each.share:.0%}", each.model, through)
    return (str(number), *(_short(cell) for cell in cells))


def _short(text: str, most: int = 44) -> str:
    """Without its middle: sources end in what tells them apart."""
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[-end:]}"


def _details(number: int, each: Finding) -> str:
    words, calls = counted(each.words, "word"), counted(each.calls, "call")
    lines = [f"{each.place}, {words}, in {calls}: “{each.excerpt}”"]
    where = [
        *([f"the call: {each.line}"] if each.line else []),
        *([f"the source: {each.source.line}"] if each.source.line else []),
    ]
    lines += ["; ".join(where)] if where else []
    lines.append(f"Change: {each.change}")
    return f"{number}. " + _indented("\n".join(lines))


def _indented(text: str) -> str:
    wrapped = [part for line in text.splitlines() for part in wrap(line, _WIDTH)]
    return indent("\n".join(wrapped), "   ").lstrip()


def _list(title: str, items: list[str] | tuple[str, ...]) -> str:
    return "\n".join([title, *(f" - {_indented(item)}" for item in items)])
