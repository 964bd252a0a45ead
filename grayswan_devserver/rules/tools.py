"""When a tool is called, how often, and what is said once its results are back.

A tool is called when `tool_choice` names it, and else when the user's message asks for it:

* it has every word of the tool's name that carries meaning (`get_weather`: "weather"); or
* it says to use the tool, and there is one.

Words are compared by their stems, and `+`, `-`, `*`, `/` between numbers count as "add",
"subtract", "multiply" and "divide".

A message that asks one thing of several places or names ("in Paris and in London") gets one call
for each, at once. When the results are back, they are told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer, Call
from grayswan_devserver.rules.arguments import fill
from grayswan_devserver.rules.evidence import LONGEST, PLACE
from grayswan_devserver.rules.results import tell
from grayswan_devserver.rules.text import content_words, name_words, stem, vocabulary
from grayswan_devserver.rules.untrusted import speaks_to_the_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grayswan_core.wire import FunctionDefinition
    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["call_named_tool", "call_wanted_tools", "wanted_calls"]

_GENERIC = frozenset(
    stem(word)
    for word in vocabulary(
        "get fetch tool function my the a an do run call use perform make of for to"
    )
)
_USE = re.compile(
    r"\bus(?:e|ing)\s+(?:the|a|your|this)\s+(?:\w+\s+)?(?:tool|function)s?\b", re.IGNORECASE
)
_AT = "(?:in|for|at|of|to|near)"
_SEVERAL = re.compile(rf"\b({_AT}\s+)({PLACE}(?:,\s*{PLACE})*),?\s+and\s+(?:{_AT}\s+)?({PLACE})")
_SIGNS = (
    (re.compile(r"\d\s*\+\s*\d|\bplus\b|\bsum\b", re.IGNORECASE), {"add", "sum"}),
    (re.compile(r"\d\s+-\s*\d|\d-\d|\bminus\b", re.IGNORECASE), {"subtract"}),
    (re.compile(r"\d\s*[*x\u00d7]\s*\d|\btimes\b|\bproduct\b", re.IGNORECASE), {"multiply"}),
    (re.compile(r"\d\s*[/÷]\s*\d|\bdivided\b", re.IGNORECASE), {"divide"}),
)


def call_named_tool(conversation: Conversation) -> Answer | None:
    """Call the tool that `tool_choice` names, whatever was said and done before."""
    tool = conversation.named_tool
    if tool is None:
        return None
    sources = [_without_commands(text) for text in conversation.data]
    arguments = fill(tool.parameters, conversation.user_text, sources)
    return Answer(tool_calls=[Call(tool.name, arguments)])


def call_wanted_tools(conversation: Conversation) -> Answer | None:
    """Call the tools the user's message asks for; then tell what came back."""
    results = [(result.name, result.content) for result in conversation.results]
    if results:
        return Answer(tell(results))
    calls = wanted_calls(conversation.tools, conversation.user_text)
    return Answer(tool_calls=calls) if calls else None


def wanted_calls(tools: Sequence[FunctionDefinition], text: str) -> list[Call]:
    """The calls that a user's words ask for, none if they ask for none."""
    tool = _wanted(tools, text)
    parts = _several(tool, text) if tool else []
    return [Call(tool.name, fill(tool.parameters, part)) for part in parts if tool]


def _wanted(tools: Sequence[FunctionDefinition], text: str) -> FunctionDefinition | None:
    """The tool a text asks for, of several the one with the most words in it."""
    asked = content_words(text)
    for pattern, signs in _SIGNS:
        if pattern.search(text):
            asked |= {stem(sign) for sign in signs}
    named = [tool for tool in tools if _meaning(tool.name) <= asked]
    if named:
        return max(named, key=lambda tool: len(_meaning(tool.name)))
    return tools[0] if len(tools) == 1 and _USE.search(text) else None


def _meaning(name: str) -> set[str]:
    """The words of a tool's name that carry meaning, or all of them if none does."""
    stems = {stem(word) for word in name_words(name)}
    return stems - _GENERIC or stems


def _several(tool: FunctionDefinition, text: str) -> list[str]:
    """The text once for each of the places or names it lists, if the tool takes one at a time."""
    properties = tool.parameters.get("properties", {})
    required = tool.parameters.get("required", list(properties))
    single = [name for name in required if properties.get(name, {}).get("type") == "string"]
    listed = _SEVERAL.search(text[:LONGEST])
    if listed is None or len(single) != 1 or len(required) != 1:
        return [text]
    # "Paris, France and London" cannot be told apart from "Paris, Lyon and London": a comma
    # separates, but for the two letters of a state.
    places = [*re.split(r",\s*(?![A-Z]{2}\b)", listed.group(2)), listed.group(3)]
    before, after = text[: listed.start()], text[listed.end() :]
    return [f"{before}{listed.group(1)}{place}{after}" for place in places]


def _without_commands(text: str) -> str:
    return "\n".join(part for part in text.splitlines() if not speaks_to_the_model(part))
