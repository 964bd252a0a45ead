"""Tool-call deltas to whole tool calls, and calls to and from JSON text. Sans-I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic_core import from_json

from grayswan_core.errors import InvalidRequestError
from grayswan_core.wire import (
    FunctionCall,
    ResponseFunctionCall,
    ResponseToolCall,
    ToolCall,
    ToolCallDelta,
)

__all__ = [
    "CallIndexer",
    "CallSoFar",
    "ToolCallAssembler",
    "complete_ids",
    "escape_surrogates",
    "joined_deltas",
    "json_arguments",
    "parse_arguments",
    "past_call",
]

_DEEPEST = 200  # levels that `from_json` reads
_SURROGATE = re.compile("[\ud800-\udfff]")


class CallSoFar(NamedTuple):
    """A call as far as it has come; until the stream has ended `arguments` may be cut JSON."""

    id: str
    name: str
    arguments: str


class _Parts:
    """The parts of one call so far."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self._arguments: list[str] = []

    def add(self, delta: ToolCallDelta) -> None:
        self.id = self.id or delta.get("id") or ""
        function = delta.get("function") or {}
        self.name += function.get("name") or ""
        if arguments := function.get("arguments"):
            self._arguments.append(arguments)

    def so_far(self) -> CallSoFar:
        # Joined once, so that asking after every part does not join all of them again.
        self._arguments[:] = ["".join(self._arguments)]
        return CallSoFar(self.id, self.name, self._arguments[0])


class ToolCallAssembler:
    """Joins deltas by their `index`, however they are mixed; calls come out in index order."""

    def __init__(self) -> None:
        self._calls: dict[int, _Parts] = {}

    def add(self, delta: ToolCallDelta) -> None:
        """Take one delta in."""
        index = delta.get("index", 0)
        parts = self._calls.get(index)
        if parts is None:
            parts = self._calls[index] = _Parts()
        parts.add(delta)

    def calls(self) -> list[CallSoFar]:
        """The calls so far."""
        return [self._calls[index].so_far() for index in sorted(self._calls)]

    def responses(self) -> list[ResponseToolCall]:
        """The calls so far, as a whole response has them."""
        return [
            ResponseToolCall(
                id=call.id, function=ResponseFunctionCall(name=call.name, arguments=call.arguments)
            )
            for call in self.calls()
        ]


class _Begun:
    """A call that an indexer has seen begin."""

    def __init__(self, index: int, call_id: str, sent_id: str) -> None:
        self.index = index
        self.id = call_id
        self.sent_id = sent_id
        self.name = ""
        self.arguments: list[str] = []

    def add(self, delta: ToolCallDelta) -> None:
        """Take in a delta of this call. A name that is said again with the id is no piece of it."""
        function = delta.get("function") or {}
        name = function.get("name") or ""
        if name and name == self.name and self.sent_id and delta.get("id") == self.id:
            function["name"] = None
        else:
            self.name += name
        if arguments := function.get("arguments"):
            self.arguments.append(arguments)


class CallIndexer:
    """Gives every delta of one choice the `index` and the `id` of the call it belongs to.

    The API sends both. Gateways in front of it leave one or both out, give every call the same
    index, or give two calls the same id; joined by what they send, two calls become one, and
    results lose their calls.
    """

    def __init__(self) -> None:
        self._by_sent_index: dict[int | None, _Begun] = {}
        self._indexes: set[int] = set()
        self._free_index = 0
        self._ids: set[str] = set()

    def complete(self, deltas: Sequence[ToolCallDelta]) -> list[ToolCallDelta]:
        """The deltas of one chunk with index and id written into them, one for each call."""
        here: set[_Begun] = set()
        for delta in deltas:
            sent_index = delta.get("index")
            call = self._by_sent_index.get(sent_index)
            if call is None or _is_another(delta, call, begun_here=call in here):
                call = self._begin(delta)
                delta["id"] = call.id
                here.add(call)
            elif delta.get("id"):
                delta["id"] = call.id
            # A delta without an index continues the latest call.
            self._by_sent_index[sent_index] = self._by_sent_index[None] = call
            delta["index"] = call.index
            call.add(delta)
        return joined_deltas(deltas)

    def _begin(self, delta: ToolCallDelta) -> _Begun:
        index = delta.get("index", self._free_index)
        if index in self._indexes:
            index = self._free_index
        self._indexes.add(index)
        self._free_index = max(self._free_index, index + 1)
        sent_id = delta.get("id") or ""
        return _Begun(index, _own_id(sent_id, self._ids), sent_id)


def joined_deltas(deltas: Sequence[ToolCallDelta]) -> list[ToolCallDelta]:
    """The deltas of one chunk, those with one index joined.

    A server may send several deltas of a call at once. The frameworks join those of one call from
    chunk to chunk, but take those of one chunk for as many calls.
    """
    if len(deltas) == 1:
        return [*deltas]
    by_index: dict[int, list[ToolCallDelta]] = {}
    for delta in deltas:
        by_index.setdefault(delta.get("index", 0), []).append(delta)
    return [same[0] if len(same) == 1 else _joined(same) for same in by_index.values()]


def _joined(deltas: Sequence[ToolCallDelta]) -> ToolCallDelta:
    functions = [delta.get("function") or {} for delta in deltas]
    first = deltas[0]
    first["function"] = {
        "name": "".join(each.get("name") or "" for each in functions),
        "arguments": "".join(each.get("arguments") or "" for each in functions),
    }
    return first


def _is_another(delta: ToolCallDelta, call: _Begun, *, begun_here: bool) -> bool:
    """Whether a delta begins another call than the one that its index names."""
    if not (delta.get("function") or {}).get("name"):
        return False
    sent_id = delta.get("id")
    if sent_id and call.sent_id:
        return sent_id != call.sent_id
    # The deltas of one chunk are of as many calls. In later chunks a name may come in pieces,
    # but not without an index, and not after the arguments.
    return begun_here or "index" not in delta or _is_object(call.arguments)


def _is_object(pieces: Sequence[str]) -> bool:
    if not pieces or not pieces[-1].rstrip().endswith("}"):  # most of them, without a look at all
        return False
    try:
        return isinstance(from_json("".join(pieces)), dict)
    except ValueError:
        return False


def complete_ids(calls: Iterable[ResponseToolCall]) -> None:
    """Give each call of a whole response an id of its own, where it has none."""
    seen: set[str] = set()
    for call in calls:
        call.id = _own_id(call.id, seen)


def _own_id(sent_id: str, seen: set[str]) -> str:
    """The id as sent, or a new one where there is none or another call has it."""
    call_id = sent_id if sent_id and sent_id not in seen else f"call_{uuid4().hex}"
    seen.add(call_id)
    return call_id


def json_arguments(text: str) -> str:
    """The arguments of a whole call as JSON text: none are `{}`, and others stay as they are."""
    return "{}" if text.strip() in {"", "null"} else text


def parse_arguments(text: str) -> dict[str, Any]:
    """The arguments of a whole call. No text and `null` are no arguments.

    Raises:
        ValueError: the text is not a JSON object.
    """
    try:
        # Models write line breaks into strings as they are; what is meant is plain.
        arguments = json.loads(json_arguments(text), strict=False)
    except RecursionError:  # the model wrote brackets without end
        raise ValueError("The arguments are nested too deeply.") from None
    if not isinstance(arguments, dict):
        raise ValueError("The arguments are not a JSON object.")  # noqa: TRY004 - bad JSON text
    return arguments


def past_call(
    call_id: str | None, name: str | None, arguments: Mapping[str, Any] | str | None
) -> ToolCall:
    """A call of the conversation so far, to be sent again; text arguments go as they are.

    Raises:
        InvalidRequestError: the arguments cannot be written as JSON.
    """
    text = (
        json_arguments(arguments) if isinstance(arguments, str) else _written(name, arguments or {})
    )
    function = FunctionCall(name=name or "", arguments=escape_surrogates(text))
    return ToolCall(id=call_id or "", function=function)


def _written(name: str | None, arguments: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(arguments, ensure_ascii=False)
        # How deep Python itself writes differs from version to version.
        if text.count("{") + text.count("[") > _DEEPEST:
            from_json(text)
        return text  # noqa: TRY300 - both lines above may raise
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(
            f"The arguments of the earlier call of {name!r} cannot be written as JSON: {error}."
        ) from None


def escape_surrogates(text: str) -> str:
    r"""The text with each lone surrogate as the JSON escape it came as, such as `\ud83d`.

    A model may write half a character, and such text cannot be sent in UTF-8.
    """
    return text if text.isascii() else _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
