"""`POST /cygnal/monitor`: a request and its verdict."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from grayswan_devserver.cygnal.judge import judge
from grayswan_devserver.generation import Disconnect
from grayswan_devserver.problems import error_body, json_response
from grayswan_devserver.tokens import count_tokens

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from grayswan_core.wire import MonitorRequest
    from grayswan_devserver.scripting import MonitorAnswer

__all__ = ["MonitorVerdict", "verdict_body"]

# A test that forgets to let a held verdict go ends all the same.
_PATIENCE = 30.0


def verdict_body(request: MonitorRequest) -> dict[str, Any]:
    """The judge's verdict as the API writes it."""
    found = judge(request)
    media = {
        "type": "media",
        "reason": "text_moderation_only",
        "description": "Images and other media are not judged.",
    }
    return {
        "violation": found.violation,
        "observe_violation": None,
        "violated_rules": [number for number, _, _ in found.rules],
        "violated_rule_descriptions": [
            {"rule": number, "name": name, "description": text}
            for number, name, text in found.rules
        ],
        "ipi": found.ipi,
        "mutation": found.mutation,
        "ignored_inputs": [media] if found.ignored_media else [],
        "scanner_output": None,
        "reasoning": None,
        "block_message": None,
        "input_tokens": count_tokens(found.text),
        "output_tokens": 1,
        "activity_id": f"act_{uuid.uuid4().hex}",
        "error": False,
        "error_message": None,
    }


class MonitorVerdict:
    """An ASGI application that sends a verdict, in time or late."""

    def __init__(self, judged: dict[str, Any], answer: MonitorAnswer) -> None:
        self._judged = judged
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer, disconnect = self._answer, Disconnect()
        async with disconnect.watching(receive):
            await disconnect.pause(answer.delay)
            if answer.hold is not None:
                await run_in_threadpool(answer.hold.wait, _PATIENCE)
        if not disconnect.happened.is_set():
            await _response(answer, self._judged)(scope, receive, send)


def _response(answer: MonitorAnswer, judged: dict[str, Any]) -> Response:
    headers = dict(answer.headers)
    if answer.raw is not None:
        return Response(answer.raw, answer.status, headers, media_type="application/json")
    return json_response(_body(answer, judged), answer.status, headers)


def _body(answer: MonitorAnswer, judged: dict[str, Any]) -> dict[str, Any]:
    if answer.status != 200:  # noqa: PLR2004 - success
        return error_body("scripted", "A scripted failure.", f"status {answer.status}")
    body = {**judged, **answer.verdict}
    if answer.error:
        body |= {"error": True, "error_message": "The judge failed.", "violation": 0.0}
    return {name: value for name, value in body.items() if answer.verdict.get(name, 0) is not None}
