"""Refused requests and the bodies they are answered with."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

__all__ = ["InvalidBodyError", "RefusedError", "error_body", "json_response"]


class RefusedError(Exception):
    """The request is refused with `status` and a body in the API's own error format."""

    def __init__(self, status: int, code: str, message: str, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(code, message, detail)


class InvalidBodyError(Exception):
    """The body is not what the contract asks for: status 422, in FastAPI's shape."""

    status = 422

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__("the body is not valid")
        self.body = {"detail": problems}


def error_body(code: str, message: str, detail: str) -> dict[str, Any]:
    """An error in the API's own format."""
    return {
        "error": True,
        "message": message,
        "detail": detail,
        "error_code": code,
        "details": None,
    }


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response; any string a client can send can be quoted back in it."""
    # Escaped to ASCII, since a body may quote half of a surrogate pair.
    content = json.dumps(body, allow_nan=False, separators=(",", ":"))
    return Response(content, status, headers, media_type="application/json")
