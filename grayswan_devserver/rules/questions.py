"""Parts the question from the text it is asked about, where one message holds both.

Prompt templates of retrieval put the passages into the user message. What is understood:

* `Query:`, `Question:` or `User question:` before the question (the last of them counts);
* `The original query is as follows: ...` and `existing answer: ...` or `Original Answer: ...`
  (refine prompts);
* passages between two lines of dashes, or after `Context:`, or in `<context>` tags;
* "Write a summary of the following", then the text;
* else, in a text of several lines, a last or first line that ends with a question mark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Question", "part"]

_LABEL = re.compile(
    r"^[ \t]*(?:the )?(?:original )?(?:user )?(?:query|question)(?: is as follows)?\s*:[ \t]*(.+)$",
    re.IGNORECASE | re.MULTILINE,
)
_EXISTING = re.compile(
    r"(?:existing answer|^Original Answer)\s*:[ \t]*(.+?)\n(?=We have|New Answer)",
    re.DOTALL | re.MULTILINE,
)
_SUMMARY = re.compile(
    r"(?:please\s+)?(?:write|give|make)?(?:\s+\w+){0,2}?\s*summar(?:y|i[sz]e)\b[^\n]*?"
    r"(?:\n\s*\n|:|\n)(.+?)(?:SUMMARY:[\s\"]*)?\Z",
    re.IGNORECASE | re.DOTALL,
)
_DASHES = re.compile(r"^[ \t]*-{5,}[ \t]*$", re.MULTILINE)
_CONTEXT = re.compile(
    r"<context>(.*?)</context>"
    r"|^[ \t]*(?:(?:new )?context|documents?|passages?|text|source)\s*:\s*"
    r"(.*?)(?=^[ \t]*(?:answer|question|query|user question)\s*:|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Question:
    """A question, the text it is about (empty if there is none), and an earlier answer."""

    text: str
    context: str = ""
    existing_answer: str = ""


def part(message: str) -> Question:
    """Part a user message."""
    summary = _SUMMARY.match(message.lstrip())
    if summary:
        return Question("Summarize this.", summary.group(1).strip())
    labels = _LABEL.findall(message)
    context = _marked_context(message)
    if labels:
        question = labels[-1].strip()
        existing = _EXISTING.search(message)
        earlier = existing.group(1).strip() if existing else ""
        return Question(question, context or _before_last_label(message), earlier)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if len(lines) > 1:
        for position in (-1, 0):
            if lines[position].endswith(("?", "\uff1f")):
                rest = lines[:-1] if position == -1 else lines[1:]
                return Question(lines[position], context or "\n".join(rest))
    return Question(message.strip())


def _marked_context(message: str) -> str:
    fences = [match.span() for match in _DASHES.finditer(message)]
    if len(fences) > 1:
        return message[fences[0][1] : fences[-1][0]].strip()
    marked = _CONTEXT.search(message)
    return (marked.group(1) or marked.group(2) or "").strip() if marked else ""


def _before_last_label(message: str) -> str:
    *_, last = _LABEL.finditer(message)
    return message[: last.start()].strip()
