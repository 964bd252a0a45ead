"""Parts the question from the text it is asked about, where one message holds both.

Prompt templates of retrieval put the passages into the user message. What is understood:

* `Query:`, `Question:` or `User question:` before the question (the last of them counts);
* `The original query is as follows: ...` and `existing answer: ...` or `Original Answer: ...`
  (refine prompts);
* else, in a text of several lines, a last or first line that ends with a question mark.

What is left of the message is the text that is asked about.
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

_OTHER_LABEL = re.compile(
    r"^[ \t]*(?:new |existing |original |refined )?(?:context|answer)[ \t]*:[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Question:
    """A question, the text it is about (empty if there is none), and an earlier answer."""

    text: str
    context: str = ""
    existing_answer: str = ""


def part(message: str) -> Question:
    """Part a user message."""
    existing = _EXISTING.search(message)
    earlier = existing[1].strip() if existing else ""
    labels = list(_LABEL.finditer(message))
    if labels:
        label = labels[-1]
        rest = (message[: label.start()] + message[label.end() :]).replace(earlier, "")
        return Question(label[1].strip(), _OTHER_LABEL.sub("", rest).strip(), earlier)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    for position in (-1, 0) if len(lines) > 1 else ():
        question = lines[position]
        if question.endswith(("?", "\uff1f")):
            lines.pop(position)
            return Question(question, "\n".join(lines))
    return Question(message.strip())
