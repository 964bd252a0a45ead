"""The models that are compared, each made for a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.performance.bare import KEY

__all__ = ["LANGCHAIN", "LLAMA_INDEX"]

# What is imported counts: each function imports what it alone needs.


def _chat_grayswan(url: str) -> Any:
    from langchain_grayswan import ChatGraySwan

    return ChatGraySwan(base_url=url, api_key=KEY)


def _chat_openai(url: str) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(base_url=url, api_key=KEY, model="cygnet")


def _grayswan(url: str) -> Any:
    from llama_index_grayswan import GraySwan

    return GraySwan(base_url=url, api_key=KEY)


def _openai_like(url: str) -> Any:
    from llama_index.llms.openai_like import OpenAILike

    return OpenAILike(
        api_base=url,
        api_key=KEY,
        model="cygnet",
        is_chat_model=True,
        is_function_calling_model=True,
    )


LANGCHAIN: Mapping[str, Callable[[str], Any]] = {
    "ChatGraySwan": _chat_grayswan,
    "ChatOpenAI": _chat_openai,
}
"""LangChain's chat models, by the name the reader sees."""

LLAMA_INDEX: Mapping[str, Callable[[str], Any]] = {
    "GraySwan": _grayswan,
    "OpenAILike": _openai_like,
}
"""The same for LlamaIndex."""
