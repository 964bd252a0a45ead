"""Templates that mark what they are filled with.

An engine fills the variables of a template when all splitting and packing of chunks is over. So
nothing cuts what is marked there, marks take no room in the context window, and the nodes that
a response names as its sources stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from llama_index.core.prompts import (
    BasePromptTemplate,
    ChatPromptTemplate,
    LangchainPromptTemplate,
    PromptTemplate,
    RichPromptTemplate,
    SelectorPromptTemplate,
)

from grayswan_core import ConfigurationError
from llama_index_grayswan.untrusted import mark_late

__all__ = ["MarkingText", "marking"]

_KNOWN = (
    ChatPromptTemplate,
    LangchainPromptTemplate,
    PromptTemplate,
    RichPromptTemplate,
    SelectorPromptTemplate,
)

# Chat engines use a chat's history as templates, too, which may name what synthesizers fill in.
_OF_SYNTHESIZERS = ("context_str", "context_msg", "existing_answer")


def marking(prompt: BasePromptTemplate, trusted: Collection[str]) -> BasePromptTemplate:
    """A copy of a template that marks what it is filled with; the same where it does already.

    Args:
        prompt: The template. What it is filled with so far, the program wrote.
        trusted: The variables that stay as they are.

    Raises:
        ConfigurationError: it is of a class of its own, and its variables are not known.
    """
    if type(prompt) not in _KNOWN:
        raise ConfigurationError(
            f"secure() does not know how a {type(prompt).__name__} is filled. Use a"
            " PromptTemplate, ChatPromptTemplate or RichPromptTemplate."
        )
    if _is_marking(prompt, trusted):
        return prompt
    parser = prompt.output_parser
    prompt = prompt.partial_format()  # copies, where `deepcopy` may fail at the parser
    prompt.output_parser = parser
    if isinstance(prompt, SelectorPromptTemplate):
        prompt.default_template = marking(prompt.default_template, trusted)
        prompt.conditionals = [
            (condition, marking(each, trusted)) for condition, each in prompt.conditionals or ()
        ]
        return prompt
    mappings = dict(prompt.function_mappings or {})
    for name in _marked_variables(prompt, trusted):
        mappings[name] = _MarkedVariable.of(prompt, name, trusted)
    prompt.function_mappings = mappings
    return prompt


def _is_marking(prompt: BasePromptTemplate, trusted: Collection[str]) -> bool:
    if isinstance(prompt, SelectorPromptTemplate):
        branches = [branch for _, branch in prompt.conditionals or ()]
        return all(_is_marking(each, trusted) for each in (prompt.default_template, *branches))
    mappings = prompt.function_mappings or {}
    return type(prompt) in _KNOWN and all(
        isinstance(mappings.get(name), _MarkedVariable)
        for name in _marked_variables(prompt, trusted)
    )


def _marked_variables(prompt: BasePromptTemplate, trusted: Collection[str]) -> set[str]:
    """What an engine calls the variables that are to be marked.

    A trusted one that a function computes is among them: the function sees all the others.
    """
    renamed = prompt.template_var_mappings or {}
    named = {name for name in _variables(prompt) if name not in renamed.values()} | {*renamed}
    return {*named, *_OF_SYNTHESIZERS}.difference(trusted) | {*(prompt.function_mappings or {})}


def _variables(prompt: BasePromptTemplate) -> Collection[str]:
    if isinstance(prompt, RichPromptTemplate):  # whose constructor may be told others
        return {*prompt.template_vars, *_variables_of(prompt.template_str)}
    return prompt.template_vars


@lru_cache(maxsize=256)  # a part's templates are looked at each time it is used
def _variables_of(template: str) -> Collection[str]:
    return RichPromptTemplate(template).template_vars


@dataclass(frozen=True)
class _MarkedVariable:
    """A template's function for one variable: its value, marked.

    Attributes:
        name: The variable.
        trusted: Whether its value stays as it is where no function computed another.
        known: What the program has filled in, by variable.
        inner: The function that the template had for it.
        missing: What stands in the text where the variable is not filled.
    """

    name: str
    trusted: bool
    known: Mapping[str, Any] = field(repr=False)
    inner: Callable[..., Any] | None
    missing: str

    @classmethod
    def of(cls, prompt: BasePromptTemplate, name: str, trusted: Collection[str]) -> _MarkedVariable:
        """The function for a variable of a template."""
        present = (prompt.function_mappings or {}).get(name)
        if isinstance(present, _MarkedVariable):
            return present
        missing = "" if isinstance(prompt, RichPromptTemplate) else f"{{{name}}}"
        return cls(name, name in trusted, dict(prompt.kwargs), present, missing)

    @property
    def __name__(self) -> str:
        raise ConfigurationError(
            "A template that marks untrusted text cannot be written down: it would come back"
            " without its marks. Save the parts before secure(), and secure what is loaded."
        )

    def __call__(self, **values: Any) -> Any:
        value = self.inner(**values) if self.inner else values.get(self.name, self.missing)
        own = self.known.get(self.name, self.missing)
        if value in ("None", own) or (self.trusted and value == values.get(self.name)):
            return value  # "None" is what engines say to a template where there is nothing yet
        return mark_late(value)


class MarkingText(str):
    """A format string that marks what it is filled with.

    Args:
        text: The format string.
        trusted: The variables that stay as they are.
    """

    __slots__ = ("_trusted",)
    _trusted: Collection[str]

    @classmethod
    def of(cls, text: str, trusted: Collection[str]) -> MarkingText:
        """The same text, marking; unchanged where it is that already."""
        if isinstance(text, MarkingText):
            return text
        marked = cls(text)
        marked._trusted = trusted
        return marked

    def format(self, *args: Any, **values: Any) -> str:
        """As of any text, with the values marked."""
        marked = {k: v if k in self._trusted else mark_late(v) for k, v in values.items()}
        return super().format(*map(mark_late, args), **marked)
