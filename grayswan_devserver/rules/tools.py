"""When a tool is called, how often, and what is said once its results are back.

A tool is called when `tool_choice` names it, and else when the user's message asks for it:

* it spells the tool's name, as it is (`magic_function`) or as words ("magic function"); or
* it has every word of the name that carries meaning (`get_weather`: "weather"); or
* it has half of them, and two or more words of the description, or one if most of what it says
  is in name and description; or
* it has three or more words of the description, and these are most of what it says; or
* it says to use the tool, and there is one.

Words are compared by their stems, and `+`, `-`, `*`, `/` between numbers count as "add",
"subtract", "multiply" and "divide".

A message with several steps ("add 2 and 3, then multiply by 4") gets one call for each step, in
turn. A message that asks one thing of several places or names ("in Paris and in London") gets
one call for each, at once. When the results are back, they are told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer, Call
from grayswan_devserver.rules.arguments import fill
from grayswan_devserver.rules.evidence import LONGEST
from grayswan_devserver.rules.names import PLACE
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
_STEP = re.compile(r"(?<!\s)[,;.]?\s+(?:and\s+)?(?:then|after that|afterwards)\b[,\s]*|;\s*")
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
_FEW = 2
_MANY = 3
_MOST = 0.6


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
    calls = wanted_calls(conversation.tools, conversation.user_text, results)
    if calls:
        return Answer(tool_calls=calls)
    if not results:
        return None
    # Of steps that build on each other only the last result is the answer.
    last_step = len(_steps(conversation.tools, conversation.user_text)) > 1
    return Answer(tell(conversation.user_text, results[-1:] if last_step else results))


def wanted_calls(
    tools: Sequence[FunctionDefinition], text: str, results: Sequence[tuple[str, str]]
) -> list[Call]:
    """The calls to make next, none when all that was asked for is done.

    Args:
        tools: those on offer.
        text: what the user asks.
        results: name and result of every call already made for it.
    """
    steps = _steps(tools, text)
    if len(steps) > 1:
        if len(results) >= len(steps):
            return []
        tool, clause = steps[len(results)]
        if results:
            clause = _with_result(clause, results[-1][1])
        return [Call(tool.name, fill(tool.parameters, clause))]
    if results or not steps:
        return []
    tool, clause = steps[0]
    return [Call(tool.name, fill(tool.parameters, part)) for part in _several(tool, clause)]


def _steps(tools: Sequence[FunctionDefinition], text: str) -> list[tuple[FunctionDefinition, str]]:
    clauses = [clause for clause in _STEP.split(text) if clause.strip()]
    if len(clauses) > 1:
        steps = [(tool, clause) for clause in clauses if (tool := _wanted(tools, clause))]
        if len(steps) > 1:
            return steps
    tool = _wanted(tools, text)
    return [(tool, text)] if tool else []


def _wanted(tools: Sequence[FunctionDefinition], text: str) -> FunctionDefinition | None:
    """The tool a text asks for most clearly, if it asks for any."""
    asked = content_words(text)
    for pattern, signs in _SIGNS:
        if pattern.search(text):
            asked |= {stem(sign) for sign in signs}
    scored = [(_score(tool, text, asked), -position) for position, tool in enumerate(tools)]
    best = max(scored, default=(0.0, 0))
    if best[0] > 0:
        return tools[-best[1]]
    return tools[0] if len(tools) == 1 and _USE.search(text) else None


def _score(tool: FunctionDefinition, text: str, asked: set[str]) -> float:
    """How clearly a text asks for a tool; 0 if it does not."""
    parts = name_words(tool.name)
    spelt = r"[\s_-]?".join(map(re.escape, parts))
    if len(parts) > 1 and re.search(rf"(?<!\w){spelt}(?!\w)", text, re.IGNORECASE):
        return 4 + len(spelt)
    name = {stem(word) for word in parts} - _GENERIC
    described = (content_words(tool.description) - name - _GENERIC) & asked
    named = name & asked
    if name and named == name:
        return 3 + len(named) + len(described) / 10
    most = len(described | named) >= _MOST * len(asked)
    if len(named) * 2 >= len(name) > 0 and (len(described) >= _FEW or (described and most)):
        return 2 + len(described) / 10
    if len(described) >= _MANY and most:
        return 1 + len(described) / 10
    return 0


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


def _with_result(clause: str, result: str) -> str:
    """A later step works on what the step before gave, if that was a number."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", result)
    return f"{numbers[-1]} {clause}" if numbers else clause


def _without_commands(text: str) -> str:
    return "\n".join(part for part in text.splitlines() if not speaks_to_the_model(part))
