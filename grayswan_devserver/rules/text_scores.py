"""Judgements that frameworks ask for as a number or an order, all made by shared words.

* passages in messages of their own, to be put in order: `[2] > [1]`
* a generated answer, scored from 1 to 5 on a line of its own
* a query and a response or a context, scored as `[RESULT] 2`
* a question, split into one for each tool that has to do with it, as JSON
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer
from grayswan_devserver.rules.text import content_words, name_words, stem

if TYPE_CHECKING:
    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["answer_permutation", "answer_result", "answer_score", "answer_sub_questions"]

_ORDER = re.compile(r"Search Query:\s*(.*?)\s*\n.*\[\] > \[\]", re.DOTALL)
_PASSAGE = re.compile(r"\[(\d+)\]\s*(.+)", re.DOTALL)
_SECTION = re.compile(r"^## (User Query|Reference Answer|Generated Answer)\s*$", re.MULTILINE)
_WORTH = re.compile(r"\bworth (\d+) point")
_LABELS = re.compile(r"^(Query|Response|Context|Feedback):[ \t]*$", re.MULTILINE)
_QUESTIONS_ASKED = 2
_BEST = 5
_REASON = "Judged by the words they share."


def answer_permutation(conversation: Conversation) -> Answer | None:
    """Put passages in the order of the words they share with a query."""
    order = _ORDER.search(conversation.user_text)
    if order is None:
        return None
    asked = content_words(order.group(1))
    passages = [_PASSAGE.match(message.content) for message in conversation.earlier]
    ranked = sorted(
        (-len(asked & content_words(found.group(2))), int(found.group(1)))
        for found in passages
        if found is not None
    )
    return Answer(" > ".join(f"[{number}]" for _, number in ranked))


def answer_score(conversation: Conversation) -> Answer | None:
    """Score a generated answer by its share of the words of the reference, or of the query."""
    sections = _parts(_SECTION, conversation.user_text)
    if "Generated Answer" not in sections:
        return None
    wanted = content_words(sections.get("Reference Answer", ""))
    if not wanted or wanted == {"non"}:
        wanted = content_words(sections.get("User Query", ""))
    share = _share(wanted, content_words(sections["Generated Answer"]))
    return Answer(f"{1 + (_BEST - 1) * share:.1f}\n{_REASON}")


def answer_result(conversation: Conversation) -> Answer | None:
    """Score a response or a context by its share of the words of the query."""
    text = conversation.user_text
    worth = _WORTH.search(text)
    if worth is None or "[RESULT]" not in text:
        return None
    parts = _parts(_LABELS, text)
    judged = content_words(parts.get("Response", "") + parts.get("Context", ""))
    share = _share(content_words(parts.get("Query", "")), judged)
    return Answer(f"{_REASON} [RESULT] {round(share * _QUESTIONS_ASKED * int(worth.group(1)))}")


def answer_sub_questions(conversation: Conversation) -> Answer | None:
    """Ask the question of every tool that shares a word with it, else of the first."""
    text = conversation.user_text
    if "sub-questions" not in text or "<User Question>" not in text:
        return None
    before, _, after = text.rpartition("<User Question>")
    question = after.partition("<Output>")[0].strip()
    start = before.rfind("{")
    try:
        tools = json.JSONDecoder().raw_decode(before, start)[0] if start >= 0 else {}
    except ValueError:
        return None
    asked = content_words(question)
    wanted = [
        name
        for name, description in tools.items()
        if asked & ({stem(word) for word in name_words(name)} | content_words(str(description)))
    ]
    items = [{"sub_question": question, "tool_name": name} for name in wanted or list(tools)[:1]]
    return Answer(f"```json\n{json.dumps({'items': items}, ensure_ascii=False, indent=4)}\n```")


def _parts(heading: re.Pattern[str], text: str) -> dict[str, str]:
    """What stands under each heading."""
    pieces = heading.split(text)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def _share(wanted: set[str], there: set[str]) -> float:
    return len(wanted & there) / len(wanted) if wanted else 0.0
