"""Request bytes → checked request. Problems are told the way FastAPI tells them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from grayswan_core.wire import ChatRequest, ModerationRequest, MonitorRequest, NamedToolChoice
from grayswan_devserver.problems import InvalidBodyError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_CHOICES",
    "chat_request",
    "moderation_request",
    "monitor_request",
    "parse_json",
    "validated",
]

MAX_CHOICES = 128
"""The most answers (`n`) one request may ask for."""

_Body = TypeVar("_Body", bound=BaseModel)


def chat_request(raw: bytes) -> ChatRequest:
    """Read the body of a chat completion.

    Raises:
        InvalidBodyError: it is not JSON, has a wrong, missing or unknown field, or contradicts
            itself.
    """
    request = validated(ChatRequest, raw)
    problems = list(_contradictions(request))
    if problems:
        raise InvalidBodyError(problems)
    return request


def moderation_request(raw: bytes) -> ModerationRequest:
    """Read the body of a moderation.

    Raises:
        InvalidBodyError: as for `chat_request`.
    """
    return validated(ModerationRequest, raw)


def monitor_request(raw: bytes) -> MonitorRequest:
    """Read the body of a judgement.

    Raises:
        InvalidBodyError: as for `chat_request`.
    """
    return validated(MonitorRequest, raw)


def parse_json(raw: bytes) -> Any:
    """Read JSON as the standard has it: no NaN, no infinity, UTF-8, whole characters.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        value = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
        if b"\\u" in raw:
            # Half of a surrogate pair can be escaped, but no answer could quote it back.
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number


def validated(kind: type[_Body], raw: bytes) -> _Body:
    """Read a body.

    Raises:
        InvalidBodyError: it is not JSON, or has a wrong, missing or unknown field.
    """
    if not raw:
        raise InvalidBodyError([_problem("missing", (), "Field required", None)])
    try:
        body = parse_json(raw)
    except ValueError as error:
        position = error.pos if isinstance(error, json.JSONDecodeError) else 0
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        problem = _problem("json_invalid", (position,), "JSON decode error", {})
        raise InvalidBodyError([problem | {"ctx": {"error": reason}}]) from error
    try:
        return kind.model_validate(body, from_attributes=True)
    except ValidationError as error:
        raise InvalidBodyError(
            [
                _problem(item["type"], item["loc"], item["msg"], item["input"])
                for item in error.errors()
            ]
        ) from error


def _contradictions(request: ChatRequest) -> Iterator[dict[str, Any]]:
    for position, message in enumerate(request.messages):
        if message.role == "tool" and not message.tool_call_id:
            loc = ("messages", position, "tool_call_id")
            yield _problem("missing", loc, "Field required", message.model_dump(exclude_none=True))
    choice = request.tool_choice
    if isinstance(choice, NamedToolChoice):
        names = [tool.function.name for tool in request.tools or ()]
        if choice.function.name not in names:
            said = f"Value error, no tool of this name in 'tools': {names}"
            yield _problem(
                "value_error", ("tool_choice", "function", "name"), said, choice.function.name
            )
    if request.n is not None and request.n > MAX_CHOICES:
        said = f"Input should be less than or equal to {MAX_CHOICES}"
        yield _problem("less_than_equal", ("n",), said, request.n)


def _problem(kind: str, loc: tuple[int | str, ...], msg: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "loc": ["body", *loc], "msg": msg, "input": value}
