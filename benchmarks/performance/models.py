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


def _langchain_floor(url: str) -> Any:
    from benchmarks.performance.floors import LangChainFloor

    return LangChainFloor(chunks=_chunks_of(url))


def _simplest_langchain(url: str) -> Any:
    from benchmarks.performance.simplest import SimplestLangChain

    return SimplestLangChain(url=url)


def _grayswan(url: str) -> Any:
    from llama_index_grayswan import GraySwan

    return GraySwan(base_url=url, api_key=KEY)


def _openai_like(url: str) -> Any:
    from llama_index.llms.openai_like import OpenAILike

    return OpenAILike(api_base=url, api_key=KEY, model="cygnet", is_chat_model=True)


def _llama_index_floor(url: str) -> Any:
    from benchmarks.performance.floors import LlamaIndexFloor

    return LlamaIndexFloor(chunks=_chunks_of(url))


def _simplest_llama_index(url: str) -> Any:
    from benchmarks.performance.simplest import SimplestLlamaIndex

    return SimplestLlamaIndex(url=url)


def _chunks_of(url: str) -> int:
    return int(url.rpartition("-")[2])


LANGCHAIN: Mapping[str, Callable[[str], Any]] = {
    "ChatGraySwan": _chat_grayswan,
    "ChatOpenAI": _chat_openai,
    "LangChain floor": _langchain_floor,
    "simplest LangChain model": _simplest_langchain,
}
"""LangChain's chat models, by the name the reader sees."""

LLAMA_INDEX: Mapping[str, Callable[[str], Any]] = {
    "GraySwan": _grayswan,
    "OpenAILike": _openai_like,
    "LlamaIndex floor": _llama_index_floor,
    "simplest LlamaIndex model": _simplest_llama_index,
}
"""The same for LlamaIndex."""
