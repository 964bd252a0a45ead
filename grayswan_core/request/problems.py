"""Pydantic's validation errors in words: which settings cannot be used, and why. Pure functions."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import ValidationError

from grayswan_core.request.hints import advice_on

__all__ = ["setting_problems"]

_OWN_WORDS = ("Value error, ", "Assertion failed, ")


def setting_problems(error: ValidationError, model: str, known: Collection[str]) -> str:
    """What is wrong with the settings of a model: a sentence, or a line for each of several.

    Args:
        error: What pydantic found. None of its inputs is shown, since they may be secrets.
        model: The name of the model's class.
        known: The names of all settings.
    """
    found: dict[str, list[str]] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(each["loc"][0]) if each["loc"] else ""
        if each["type"] == "extra_forbidden":
            text = f"Unknown setting {name!r}. {advice_on(name, known)}"
        else:
            text = _in_words(name, each["msg"])
        found.setdefault(name, []).append(text)
    sentences = [_joined(name, texts) for name, texts in found.items()]
    if len(sentences) == 1:
        return sentences[0]
    return "\n".join([f"{model} cannot use {len(sentences)} settings:", *sentences])


def _in_words(name: str, message: str) -> str:
    for prefix in _OWN_WORDS:
        if message.startswith(prefix):
            return message.removeprefix(prefix)
    expected = message.partition(", unable to")[0]
    _, should, what = expected.partition(" should ")  # after "Input", "String", "List" ...
    return f"{name} should {what}" if should else f"{name}: {expected}"


def _joined(name: str, texts: list[str]) -> str:
    """One sentence; a setting of several types has a message for each of them."""
    alternatives = dict.fromkeys(texts)
    first, *rest = alternatives
    text = " or ".join([first, *(each.removeprefix(f"{name} should ") for each in rest)])
    return text if text.endswith((".", "?")) else f"{text}."
