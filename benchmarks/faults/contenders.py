"""Who is asked: this package and its peers, in the same twelve ways."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import httpx
from langchain_core.exceptions import ModelError

from benchmarks.faults.helpers import OURS, Fault, LangChain, LlamaIndex
from grayswan_core import GraySwanError, Timeout

__all__ = ["CONTENDERS", "is_typed", "versions"]

_OURS = {"core": "grayswan_core", "langchain": "ChatGraySwan", "llama": "GraySwan"}


def _waits(timeout: Timeout | None) -> httpx.Timeout | None:
    """The same patience, as far as the peers know it."""
    if timeout is None:
        return None
    return httpx.Timeout(timeout.read, connect=timeout.connect)


def _chat_openai(url: str, fault: Fault, timeout: Timeout | None, **more: Any) -> LangChain:
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - only where it is installed

    given = {"max_retries": 0, "timeout": _waits(timeout), **more}
    return LangChain(ChatOpenAI(model="gpt-4o", base_url=url, api_key="local", **given), fault)


def _llama_openai(url: str, fault: Fault, timeout: Timeout | None, **more: Any) -> LlamaIndex:
    from llama_index.llms.openai import OpenAI  # noqa: PLC0415 - only where it is installed

    given = {"max_retries": 0, **more}
    if timeout is not None:
        given["timeout"] = timeout.read
    return LlamaIndex(OpenAI(model="gpt-4o", api_base=url, api_key="local", **given), fault)


CONTENDERS: dict[str, Callable[..., Any]] = {
    **{_OURS[name]: make for name, make in OURS.items()},
    "ChatOpenAI": _chat_openai,
    "LlamaIndex OpenAI": _llama_openai,
}


def is_typed(error: BaseException) -> bool:
    """Whether an error is one of the client's own, which a caller can be told to catch."""
    from openai import OpenAIError  # noqa: PLC0415 - only where it is installed

    return isinstance(error, GraySwanError | ModelError | OpenAIError)


def versions() -> dict[str, str]:
    """What was measured."""
    names = ("openai", "langchain-openai", "langchain-core", "llama-index-llms-openai",
             "llama-index-core", "httpx")  # fmt: skip
    return {name: version(name) for name in names}
