"""What a model's answers depend on, as JSON: so that a run is not resumed with another model.

Models, prompts and chains of both frameworks are pydantic models or plain objects. How one
connects (address, key, timeouts, retries) may change between two runs; whatever shapes an answer
may not. No value is written down in clear that could be a secret.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["describe", "describe_schema"]

_CONNECTION = re.compile(
    r"key|secret|password|credential|header|cookie|(^|_)url|(^|_)api_base|(^|_)path$|organization"
    r"|project|timeout|retr(y|ies)|limits|client|callback|verbose|cache|tags|metadata|rate_limiter"
    r"|allow_insecure_http|streaming|^profile$|^name$|^token$|_token$",
    re.IGNORECASE,
)
_SHOWN = re.compile(r"^(model|model_name|engine|deployment_name|policy_id|reasoning_mode)$")
_DEPTH = 12


def describe(value: Any) -> Any:
    """A model, chain or setting."""
    return _describe(value, _DEPTH)


def _describe(value: Any, depth: int) -> Any:  # noqa: PLR0911 - one line a kind
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth == 0:
        return "..."
    if isinstance(value, str):
        return _digest(value)
    if isinstance(value, (bytes, bytearray)):
        return _digest(value.hex())
    if isinstance(value, Mapping):
        return {str(name): _describe(item, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_describe(each, depth - 1) for each in value]
    if isinstance(value, BaseModel):
        return {"class": type(value).__qualname__, **_fields(value, depth)}
    named = getattr(value, "func", value)  # LangChain's lambdas have their function there
    return getattr(named, "__qualname__", type(named).__qualname__)


def _fields(model: BaseModel, depth: int) -> dict[str, Any]:
    named = {
        name: getattr(model, name, None)
        for name in type(model).model_fields
        if not _CONNECTION.search(name)
    }
    return {
        name: item if _SHOWN.match(name) and isinstance(item, str) else _describe(item, depth - 1)
        for name, item in named.items()
        if item is not None
    }


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:12]}"


def describe_schema(schema: Any) -> Any:
    """What answers are instances of."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return {"class": schema.__qualname__, "fields": describe(str(schema.model_json_schema()))}
    return describe(schema)
