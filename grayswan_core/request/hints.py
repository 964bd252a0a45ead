"""Hints for unknown arguments ("Did you mean ...?"). Pure functions."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

__all__ = ["advice_on"]

_NOTHING_LIKE_IT = "The API has nothing like it."
_BY_NAME = "Pass each argument by its own name; the API takes no others."
_ONE_ENDPOINT = "There is one chat endpoint, so leave it out."
_OWN_CLIENT = "Pass an httpx client: http_client, http_async_client."
_NO_LOGPROBS = "The API returns no log probabilities."
_STREAM_USAGE = "Usage in a stream is read wherever the API sends it."
_STRUCTURED = "Use structured output, which makes the model call a tool."

# Arguments of other integrations, and what to use here.
_ELSEWHERE = {
    "additional_kwargs": _BY_NAME,
    "allowed_special": _NOTHING_LIKE_IT,
    "api_base": "Use base_url.",
    "api_version": "The API has one version, so leave it out.",
    "async_client": _OWN_CLIENT,
    "async_http_client": "Use http_async_client.",
    "async_openai_client": _OWN_CLIENT,
    "audio_config": "Cygnet reads and writes text only.",
    "client": _OWN_CLIENT,
    "context_management": _NOTHING_LIKE_IT,
    "custom_role_conversions": _NOTHING_LIKE_IT,
    "default_query": "A query can be a part of chat_path.",
    "deployment_name": "Use model.",
    "disabled_params": "No argument is sent that is not set, so leave it out.",
    "disallowed_special": _NOTHING_LIKE_IT,
    "engine": "Use model.",
    "extra_body": _BY_NAME,
    "extra_headers": "Use the model's setting default_headers.",
    "extra_query": "A query can be a part of chat_path.",
    "function_call": "Use tool_choice.",
    "functions": "Use tools.",
    "http_socket_options": _OWN_CLIENT,
    "include": _NOTHING_LIKE_IT,
    "include_response_headers": "Errors hold the request's ID; other headers are not kept.",
    "is_chat_model": "Cygnet is a chat model; leave it out.",
    "is_function_calling_model": "Cygnet calls tools; leave it out.",
    "json_mode": _STRUCTURED,
    "logit_bias": _NOTHING_LIKE_IT,
    "logprobs": _NO_LOGPROBS,
    "max_completion_tokens": "Use max_tokens.",
    "max_output_tokens": "Use max_tokens.",
    "modalities": "Cygnet reads and writes text only.",
    "model_kwargs": _BY_NAME,
    "model_name": "Use model.",
    "openai_api_base": "Use base_url.",
    "openai_api_key": "Use api_key.",
    "openai_client": _OWN_CLIENT,
    "openai_organization": "A key belongs to one account, so leave it out.",
    "openai_proxy": "Set HTTPS_PROXY, or pass an httpx client with a proxy: http_client.",
    "organization": "A key belongs to one account, so leave it out.",
    "presence_penalty": "The API has frequency_penalty only, which is something else.",
    "prompt_cache_key": _NOTHING_LIKE_IT,
    "prompt_cache_options": _NOTHING_LIKE_IT,
    "project": "A key belongs to one account, so leave it out.",
    "reasoning": _NOTHING_LIKE_IT,
    "reasoning_effort": _NOTHING_LIKE_IT,
    "request_timeout": "Use timeout.",
    "response_format": _STRUCTURED,
    "reuse_client": "The client is always reused.",
    "root_async_client": _OWN_CLIENT,
    "root_client": _OWN_CLIENT,
    "seed": "Responses cannot be made reproducible; temperature=0 makes them vary least.",
    "service_tier": _NOTHING_LIKE_IT,
    "stop_sequences": "Use stop.",
    "should_use_structured_outputs": "The API does not constrain arguments; leave it out.",
    "store": _NOTHING_LIKE_IT,
    "stream_chunk_timeout": "Use timeout=Timeout(between_chunks=...).",
    "stream_options": _STREAM_USAGE,
    "stream_usage": _STREAM_USAGE,
    "streaming": "Call a method that streams, such as stream_chat.",
    "strict": "The API does not constrain arguments to a schema; they are validated here.",
    "tiktoken_model_name": "No tokenizer is public; custom_get_token_ids takes one in LangChain.",
    "tokenizer": "No tokenizer is public; LlamaIndex's Settings.tokenizer counts for all models.",
    "toolConfig": "Use tool_choice.",
    "tool_config": "Use tool_choice.",
    "top_k": "The API has no top_k; use top_p or temperature.",
    "top_logprobs": _NO_LOGPROBS,
    "truncation": "The API does not shorten a prompt; one that is too long is an error.",
    "use_previous_response_id": _ONE_ENDPOINT,
    "use_responses_api": _ONE_ENDPOINT,
    "user": _NOTHING_LIKE_IT,
    "verbosity": _NOTHING_LIKE_IT,
}


def advice_on(name: str, known: Collection[str], *, settings: Collection[str] = ()) -> str:
    """A sentence on what to use instead of an unknown argument.

    Args:
        name: The unknown argument.
        known: The known ones.
        settings: Names that a model takes when it is made; no advice for a setting itself.
    """
    if name in settings:
        return f"It is a setting of the model: pass it when making the model, {name}=..."
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Available: {', '.join(sorted(known))}."
