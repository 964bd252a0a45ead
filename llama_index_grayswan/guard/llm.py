"""An LLM whose every call is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.llm import LLM

from grayswan_core.cygnal.protection import Protection
from llama_index_grayswan.guard.around import RAISES, Around, AsyncCall, Call
from llama_index_grayswan.guard.call import acall, call

__all__ = ["guarded", "is_guarded"]

_L = TypeVar("_L", bound=LLM)

_KEY = "_cygnal_protection"


def guarded(llm: _L, protection: Protection) -> _L:
    """A copy of an LLM whose every call is judged."""
    return _GUARDED.put(llm, protection)


def is_guarded(llm: object) -> bool:
    """Whether the calls of an LLM are judged."""
    return _GUARDED.is_around(llm)


def _call(llm: LLM, messages: Sequence[ChatMessage], kind: type[Any]) -> Call:
    return call(_protection(llm), messages, kind)


def _acall(llm: LLM, messages: Sequence[ChatMessage], kind: type[Any]) -> AsyncCall:
    return acall(_protection(llm), messages, kind)


def _protection(llm: LLM) -> Protection:
    protection: Protection = llm.__dict__[_KEY]
    # An LLM that makes errors of the API's refusals makes errors of these, too.
    raises = hasattr(type(llm), RAISES) or bool(getattr(llm, "raise_on_content_filter", False))
    return replace(protection, raises=protection.raises or raises)


_GUARDED = Around("Protected", _KEY, _call, _acall)
