"""LangChain's runnables and chat models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
)
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable

from grayswan_batch.errors import InputError, StructuredOutputError
from grayswan_batch.models.answer import Answer, Usage, plain
from grayswan_batch.models.describe import describe
from grayswan_batch.prompts import Message

__all__ = ["adapted"]

_MESSAGES = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
_IDS = ("request_id", "x-request-id", "id")


def adapted(model: Runnable[Any, Any], schema: Any) -> _LangChainModel:
    """A runnable as a run asks it.

    Raises:
        InputError: there is a schema, and it is no chat model.
    """
    if schema is None:
        return _LangChainModel(model, model, structured=False)
    if not isinstance(model, BaseChatModel):
        raise InputError(
            "schema= needs a chat model. A chain brings its own: build it with"
            " model.with_structured_output(schema)."
        )
    chain = model.with_structured_output(schema, include_raw=True)
    return _LangChainModel(model, chain, structured=True)


class _LangChainModel:
    def __init__(
        self, model: Runnable[Any, Any], chain: Runnable[Any, Any], *, structured: bool
    ) -> None:
        self._model = model
        self._chain = chain
        self._structured = structured
        self.takes_rows = not isinstance(model, BaseLanguageModel)

    async def ask(self, prompt: Any) -> Answer:
        calls = _Calls()
        output = await self._chain.ainvoke(_input(prompt), {"callbacks": [calls]})
        if self._structured:
            output = _parsed(output)
        return calls.answer(output)

    def describe(self) -> Any:
        return describe(self._model)


class _Calls(BaseCallbackHandler):
    """Counts the calls of chat models and LLMs that one answer takes, chains included."""

    run_inline = True
    ignore_chat_model = True  # of its beginning; its end is told by `on_llm_end`

    def __init__(self) -> None:
        self._usage = Usage()
        self._finish_reason: str | None = None
        self._request_id: str | None = None

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Note what a call cost and why it ended."""
        generation = response.generations[0][0]
        message = getattr(generation, "message", None)
        metadata = {
            **(generation.generation_info or {}),
            **(getattr(message, "response_metadata", None) or {}),
        }
        self._finish_reason = metadata.get("finish_reason") or metadata.get("stop_reason")
        self._request_id = _request_id(metadata) or getattr(message, "id", None)
        if usage := getattr(message, "usage_metadata", None):
            self._usage.add(usage.get("input_tokens"), usage.get("output_tokens"))
        else:
            counts = (response.llm_output or {}).get("token_usage") or {}
            self._usage.add(counts.get("prompt_tokens"), counts.get("completion_tokens"))

    def answer(self, output: Any) -> Answer:
        """An output as an answer, with what the calls said."""
        more: dict[str, Any] = {}
        if isinstance(output, BaseMessage):
            if calls := getattr(output, "tool_calls", None):
                more["tool_calls"] = plain(calls)
            if invalid := getattr(output, "invalid_tool_calls", None):
                more["invalid_tool_calls"] = plain(invalid)
            output = str(output.text)
        return Answer(plain(output), self._usage, self._finish_reason, self._request_id, more)


def _input(prompt: Any) -> Any:
    if isinstance(prompt, Sequence) and not isinstance(prompt, str):
        return [_message(each) for each in prompt]
    return prompt


def _message(message: Any) -> Any:
    if not isinstance(message, Message):
        return message
    kind = _MESSAGES.get(message.role)
    if kind is None:
        return ChatMessage(content=message.text, role=message.role)
    return kind(message.text)


def _parsed(output: Mapping[str, Any]) -> Any:
    """What `include_raw` gives, or why the answer does not fit."""
    error, raw = output.get("parsing_error"), output.get("raw")
    if error is None and output.get("parsed") is not None:
        return output["parsed"]
    text = "" if raw is None else str(raw.text) or str(getattr(raw, "tool_calls", "") or "")
    reason = "it calls no tool" if error is None else str(error)
    raise StructuredOutputError(f"The answer does not fit the schema: {reason}", text) from error


def _request_id(metadata: Mapping[str, Any]) -> str | None:
    headers = metadata.get("headers")
    for holder in (metadata, headers if isinstance(headers, Mapping) else {}):
        for name in _IDS:
            if isinstance(found := holder.get(name), str) and found:
                return found
    return None
