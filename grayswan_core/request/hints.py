"""Hints for unknown arguments ("Did you mean ...?"). Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["advice_on"]

# Arguments of other integrations, and what to use here.
_ELSEWHERE = {
    "api_base": "Use base_url.",
    "async_http_client": "Use http_async_client.",
    "extra_headers": "Use the model's setting default_headers.",
    "http_async_client": "It is a setting of the model.",
    "http_client": "It is a setting of the model.",
    "logit_bias": "The API has nothing like it.",
    "logprobs": "The API returns no log probabilities.",
    "max_completion_tokens": "Use max_tokens.",
    "max_retries": "It is a setting of the model.",
    "model_kwargs": "Pass each argument by its own name.",
    "model_name": "Use model.",
    "additional_kwargs": "Pass each argument by its own name.",
    "openai_api_base": "Use base_url.",
    "openai_api_key": "Use api_key.",
    "presence_penalty": "The API has frequency_penalty only, which is something else.",
    "request_timeout": "Use timeout.",
    "response_format": "Use structured output, which makes the model call a tool.",
    "reuse_client": "One client is always used again.",
    "seed": "Responses cannot be made reproducible; temperature=0 makes them vary least.",
    "stop_sequences": "Use stop.",
    "stream_options": "Usage in a stream is read wherever the API sends it.",
    "stream_usage": "Usage in a stream is read wherever the API sends it.",
    "timeout": "It is a setting of the model.",
    "tool_config": "Use tool_choice.",
    "toolConfig": "Use tool_choice.",
    "top_logprobs": "The API returns no log probabilities.",
    "user": "The API has nothing like it.",
}


def advice_on(name: str, known: Iterable[str]) -> str:
    """A sentence on what to use instead of an unknown argument.

    Args:
        name: The unknown argument.
        known: The known ones.
    """
    names = sorted(known)
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    close = get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]}?" if close else f"Available: {', '.join(names)}."
