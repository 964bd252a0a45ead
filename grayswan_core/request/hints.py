"""What to do instead of an argument that there is not. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["advice_on"]

# What other integrations call it, and what to do here.
_ELSEWHERE = {
    "api_base": "Use base_url.",
    "async_http_client": "Use http_async_client.",
    "extra_headers": "Use the model's setting default_headers.",
    "http_async_client": "It is a setting of the model.",
    "http_client": "It is a setting of the model.",
    "logit_bias": "The service has nothing like it.",
    "logprobs": "The service tells no log probabilities.",
    "max_completion_tokens": "Use max_tokens.",
    "max_retries": "It is a setting of the model.",
    "model_kwargs": "Pass each argument by its own name.",
    "model_name": "Use model.",
    "additional_kwargs": "Pass each argument by its own name.",
    "openai_api_base": "Use base_url.",
    "openai_api_key": "Use api_key.",
    "presence_penalty": "The service has frequency_penalty only, which is another thing.",
    "request_timeout": "Use timeout.",
    "response_format": "Use structured output, which makes the model call a tool.",
    "reuse_client": "One client is always used again.",
    "seed": "Answers cannot be made reproducible; temperature=0 makes them vary least.",
    "stop_sequences": "Use stop.",
    "stream_options": "Usage in a stream is read wherever the service sends it.",
    "stream_usage": "Usage in a stream is read wherever the service sends it.",
    "timeout": "It is a setting of the model.",
    "top_logprobs": "The service tells no log probabilities.",
    "user": "The service has nothing like it.",
}


def advice_on(name: str, known: Iterable[str]) -> str:
    """A sentence on what to do instead of the argument.

    Args:
        name: The argument that there is not.
        known: Those that there are.
    """
    names = sorted(known)
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    close = get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]}?" if close else f"There are {', '.join(names)}."
