"""The models under test: ours without protection and with it, and the OpenAI integrations.

The peers are asked for by their packages; where one is not installed, its column stays away.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from benchmarks.leakage.measuring import Contender

__all__ = ["PEER", "PROTECTED", "UNPROTECTED", "contenders"]


def _grayswan(framework: str, url: str) -> Any:
    given: dict[str, Any] = {"base_url": url, "api_key": "local-benchmark", "max_retries": 0}
    if framework == "langchain":
        from langchain_grayswan import ChatGraySwan  # noqa: PLC0415 - one framework is enough

        return ChatGraySwan(**given)
    from llama_index_grayswan import GraySwan  # noqa: PLC0415

    return GraySwan(**given)


def _openai(framework: str, url: str) -> Any:
    given: dict[str, Any] = {"api_key": "local-benchmark", "max_retries": 0}
    if framework == "langchain":
        from langchain_openai import ChatOpenAI  # noqa: PLC0415

        return ChatOpenAI(model="gpt-4o-mini", base_url=f"{url}/v1", **given)
    from llama_index.llms.openai import OpenAI  # noqa: PLC0415

    return OpenAI(model="gpt-4o-mini", api_base=f"{url}/v1", **given)


PROTECTED = Contender("grayswan, with the source marked", _grayswan, protected=True)
UNPROTECTED = Contender("grayswan, without marking", _grayswan)
PEER = Contender("langchain-openai / llama-index-llms-openai", _openai)


def contenders() -> list[Contender]:
    """Those that are installed."""
    peers = ("langchain_openai", "llama_index.llms.openai")
    return [*([PEER] if all(map(_is_installed, peers)) else []), UNPROTECTED, PROTECTED]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
