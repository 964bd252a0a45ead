"""Answers in JSON, where a message asks for it in words.

Asked for are the keys ("as a JSON with 'setup' and 'punchline' keys") or a JSON Schema that
stands in the system or the user message.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from grayswan_devserver.answers import Answer
from grayswan_devserver.rules.arguments import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["answer_in_json"]

_ASKED = re.compile(r"\bJSON\b")
_KEYS = re.compile(
    r"((?:[\"'`]\w+[\"'`](?:\s*,\s*|\s*,?\s+and\s+|\s+))+)(?:keys|fields)\b", re.IGNORECASE
)
_KEY = re.compile(r"[\"'`](\w+)[\"'`]")
_EXAMPLE = re.compile(r"\b(?:as an )?example\b", re.IGNORECASE)
_PREAMBLE = re.compile(
    r"^(?:Here's a JSON schema to follow|Output a valid JSON|STRICT OUTPUT FORMAT|"
    r"The output should be formatted as a JSON|Here is the output schema|As an example|- ).*$",
    re.MULTILINE,
)


def answer_in_json(conversation: Conversation) -> Answer | None:
    """Write the JSON that is asked for, filled from the user's words."""
    text = f"{conversation.system_text}\n{conversation.user_text}"
    if not _ASKED.search(text):
        return None
    said = conversation.user_text
    if "{{" in text:
        # Some templates escape every brace, and not all of them undo it.
        text, said = _unescaped(text), _unescaped(said)
    for start, schema in reversed(list(_schemas(text))):
        if not _EXAMPLE.search(text[max(0, start - 80) : start].rpartition("\n")[2]):
            user = _PREAMBLE.sub("", _without_json(said)).strip(" \n`")
            return _json(fill(schema, user, conversation.data))
    keys = _KEYS.search(text)
    if keys is None:
        return None
    names = _KEY.findall(keys.group(1))
    schema = {"properties": {name: {"type": "string"} for name in names}, "required": names}
    request = re.split(r"(?<=[.!?])\s+", conversation.user_text)[0]
    return _json(fill(schema, request, conversation.data))


def _unescaped(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False))


def _schemas(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON Schemas of objects that stand in a text, with where they begin."""
    for start, _, value in _objects(text):
        if isinstance(value.get("properties"), dict):
            yield start, value


def _without_json(text: str) -> str:
    for start, end, _ in reversed(list(_objects(text))):
        text = text[:start] + text[end:]
    return text


def _objects(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start != -1:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield start, end, value
        start = text.find("{", end)
