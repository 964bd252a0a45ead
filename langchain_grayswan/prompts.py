"""Prompt templates whose text, or some of whose variables, is untrusted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, ClassVar, TypeVar, cast

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.prompts import (
    BasePromptTemplate,
    ChatMessagePromptTemplate,
    ChatPromptTemplate,
    FewShotChatMessagePromptTemplate,
    FewShotPromptTemplate,
    MessagesPlaceholder,
    StringPromptTemplate,
)
from langchain_core.prompts.message import BaseMessagePromptTemplate

from grayswan_core import ConfigurationError
from grayswan_core.untrusted.values import mark_all
from langchain_grayswan.marking import marked_document, marked_message
from langchain_grayswan.messages import DataMessage

__all__ = ["DataMessagePromptTemplate", "untrusted_variables"]

_T = TypeVar("_T", bound=BasePromptTemplate[Any])


class DataMessagePromptTemplate(ChatMessagePromptTemplate):
    """A part of a `ChatPromptTemplate` whose text is untrusted, and sent as `data`.

    ```python
    ChatPromptTemplate([
        ("human", "{question}"),
        DataMessagePromptTemplate.from_template("{page}"),
    ])
    ```

    What a variable is filled with is not formatted again, so braces in a page do no harm.
    """

    role: str = "data"

    def format(self, **kwargs: Any) -> BaseMessage:
        """The message, whose text stays data also where its history is retold."""
        return DataMessage(super().format(**kwargs).text)

    async def aformat(self, **kwargs: Any) -> BaseMessage:
        """`format`, async."""
        return DataMessage((await super().aformat(**kwargs)).text)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Not: LangChain would bring it back as a template that marks nothing."""
        return False


def untrusted_variables(prompt: _T, *names: str) -> _T:
    """A copy of a prompt that marks what some of its variables are filled with as untrusted.

    ```python
    prompt = untrusted_variables(ChatPromptTemplate(...), "context")
    chain = create_retrieval_chain(retriever, create_stuff_documents_chain(model, prompt))
    ```

    They are marked as the prompt is formatted, after all cutting and joining: documents, caches and
    sources stay as they are, and a mark costs about 22 tokens however long the text is. The
    prompt keeps its class, and can be added to, sliced and made partial.

    Args:
        prompt: A prompt of text, messages or examples, in any template format. It is left as it
            is.
        names: Its variables, or placeholders for messages.

    Raises:
        ConfigurationError: the prompt has no such variable, or shows one in a part that this
            does not know.
    """
    known = _variables(prompt)
    missing = [name for name in names if name not in known]
    if missing or not names:
        there = f"Available: {', '.join(sorted(known))}." if known else "Pass a prompt template."
        wanted = ", ".join(missing) or "to mark"
        raise ConfigurationError(f"This {type(prompt).__name__} has no variable {wanted}. {there}")
    return cast("_T", _marking(prompt, frozenset(names)))


def _variables(part: Any) -> set[str]:
    """The names of the values that a part of a prompt shows."""
    inner = [getattr(part, name, None) for name in ("prompt", "example_prompt")]
    parts = [*_listed(inner), *getattr(part, "messages", ())]
    own = [
        *getattr(part, "input_variables", ()),
        *getattr(part, "optional_variables", ()),
        *getattr(part, "partial_variables", ()),
        *filter(None, [getattr(part, "variable_name", None)]),
    ]
    return {*own, *(name for each in parts for name in _variables(each))}


def _listed(values: Sequence[Any]) -> list[Any]:
    listed = [value if isinstance(value, list) else [value] for value in values if value]
    return [item for items in listed for item in items]


def _marking(part: Any, names: frozenset[str]) -> Any:
    """A copy of a part of a prompt that marks these variables, or the part itself."""
    shown = frozenset() if isinstance(part, BaseMessage) else names & _variables(part)
    if not shown or names <= getattr(type(part), "untrusted", frozenset()):
        return part
    if _formats_in_its_own_way(part):
        raise _unknown(part, shown)
    if isinstance(part, ChatPromptTemplate):
        return _of_class(part, _MarksParts, names)
    if isinstance(part, MessagesPlaceholder):
        return _of_class(part, _MarksMessages, names)
    if isinstance(part, (FewShotPromptTemplate, FewShotChatMessagePromptTemplate)):
        example = _marking(part.example_prompt, names)
        part = part.model_copy(update={"example_prompt": example})
    if isinstance(part, StringPromptTemplate):
        return _of_class(part, _MarksVariables, names)
    inner = getattr(part, "prompt", None)
    if isinstance(part, BaseMessagePromptTemplate) and inner is not None:
        inner = (
            [_marking(i, names) for i in inner]
            if isinstance(inner, list)
            else _marking(inner, names)
        )
        return part.model_copy(update={"prompt": inner})
    if isinstance(part, FewShotChatMessagePromptTemplate):
        return part
    raise _unknown(part, shown)


def _unknown(part: Any, shown: Collection[str]) -> ConfigurationError:
    return ConfigurationError(
        f"untrusted_variables() does not know how a {type(part).__name__} shows"
        f" {', '.join(sorted(shown))}. Mark the value itself:"
        " mark_untrusted(text)."
    )


_METHODS = frozenset(
    {
        *("format", "format_messages", "format_prompt", "invoke"),
        *("aformat", "aformat_messages", "aformat_prompt", "ainvoke"),
    }
)

# What comes before these methods marks all that they are given, or all that they give.
_MARKED_METHODS: dict[type, set[str]] = {
    StringPromptTemplate: {"format", "aformat"},
    MessagesPlaceholder: {"format_messages"},
}


def _formats_in_its_own_way(part: Any) -> bool:
    """Whether its class has methods of its own by which it may show a value."""
    known = [names for kind, names in _MARKED_METHODS.items() if isinstance(part, kind)]
    methods = _METHODS.difference(*known)
    return any(
        not each.__module__.startswith(("langchain_core.", "langchain_grayswan."))
        and not methods.isdisjoint(vars(each))
        for each in type(part).__mro__
    )


class _MarksParts(ChatPromptTemplate):
    """What `untrusted_variables` puts before the class of a prompt of messages.

    Its parts mark the variables, so that they do so in other prompts, too; here those that are
    added later are made to.
    """

    untrusted: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Not: LangChain would bring it back as a prompt that marks nothing."""
        return False

    def format_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """The messages, with what is untrusted in them marked."""
        self._mark_parts()
        return super().format_messages(**kwargs)

    async def aformat_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """`format_messages`, async."""
        self._mark_parts()
        return await super().aformat_messages(**kwargs)

    def __add__(self, other: Any) -> ChatPromptTemplate:
        """Both prompts as one, which marks what this one does."""
        joined: ChatPromptTemplate = _marking(super().__add__(other), self.untrusted)
        return joined

    def _mark_parts(self) -> None:
        self.messages = [_marking(each, self.untrusted) for each in self.messages]

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_class, (_bare(self, _MarksParts), _MarksParts, self.untrusted)


class _MarksVariables(StringPromptTemplate):
    """What `untrusted_variables` puts before a text template's own class."""

    untrusted: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Not: LangChain would bring it back as a template that marks nothing."""
        return False

    @property
    def _prompt_type(self) -> str:
        raise NotImplementedError  # by which LangChain knows that it cannot save a prompt

    def format(self, **kwargs: Any) -> str:
        return super().format(**self._marked(kwargs))  # type: ignore[safe-super]

    async def aformat(self, **kwargs: Any) -> str:
        return await super().aformat(**self._marked(kwargs))

    def _marked(self, values: dict[str, Any]) -> dict[str, Any]:
        partials = {
            name: value() if callable(value) else value
            for name, value in self.partial_variables.items()
            if name in self.untrusted
        }
        given = {**partials, **values}
        return {
            name: _marked_value(value) if name in self.untrusted else value
            for name, value in given.items()
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_class, (_bare(self, _MarksVariables), _MarksVariables, self.untrusted)


class _MarksMessages(MessagesPlaceholder):
    """What `untrusted_variables` puts before a placeholder's class."""

    untrusted: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Not: LangChain would bring it back as a placeholder that marks nothing."""
        return False

    def format_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """The messages, marked."""
        return [marked_message(each, ticks=False) for each in super().format_messages(**kwargs)]

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_class, (_bare(self, _MarksMessages), _MarksMessages, self.untrusted)


def _marked_value(value: Any) -> Any:
    if isinstance(value, Document):
        return marked_document(value, ticks=False)
    if isinstance(value, BaseMessage):
        return marked_message(value, ticks=False)
    if isinstance(value, (list, tuple)):
        return [_marked_value(item) for item in value]
    return mark_all(value, ticks=False)


def _of_class(part: Any, kind: Any, names: frozenset[str]) -> Any:
    if isinstance(part, kind):
        names |= type(part).untrusted
        part = _bare(part, kind)
    copy = part.model_copy()
    own: Any = type(part)
    copy.__class__ = _marking_class(kind, own, names)
    if isinstance(copy, _MarksParts):
        copy._mark_parts()  # noqa: SLF001 - our own
    return copy


def _bare(part: Any, kind: type) -> Any:
    """A copy that is of the class that `kind` was put before."""
    copy = part.model_copy()
    copy.__class__ = next(each for each in type(part).__mro__[1:] if each is not kind)
    return copy


@cache
def _marking_class(kind: Any, part: Any, names: frozenset[str]) -> Any:
    namespace = {"__module__": __name__, "untrusted": names}
    bases = (kind,) if kind.__bases__ == (part,) else (kind, part)
    return type(f"Untrusted{part.__name__}", bases, namespace)
