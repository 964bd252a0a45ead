"""A chat model whose every call is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from grayswan_core.cygnal.protection import Protection
from langchain_grayswan.guard.around import Around, AsyncCall, Call, bare_model, put_around
from langchain_grayswan.guard.call import acall, call
from langchain_grayswan.guard.parents import ParentOfChecks

__all__ = ["guarded", "is_guarded"]

_ModelT = TypeVar("_ModelT", bound=BaseChatModel)

if TYPE_CHECKING:
    _Base = BaseChatModel
else:
    _Base = object

_PROTECTION = "_cygnal_protection"


def guarded(model: _ModelT, protection: Protection) -> _ModelT:
    """A copy of a model whose every call is judged."""
    # A cache would keep refusals of the moment, as when the monitor cannot be reached.
    state = {_PROTECTION: protection, "cache": False}
    return put_around(model, _Guarded, "Protected", **state)


def is_guarded(model: object) -> bool:
    """Whether the calls of a model are judged."""
    return isinstance(model, _Guarded)


def _protection(model: BaseChatModel) -> Protection:
    protection: Protection = model.__dict__[_PROTECTION]
    # A model that makes errors of the API's refusals makes errors of these, too.
    raises = protection.raises or bool(getattr(model, "raise_on_content_filter", False))
    return replace(protection, raises=raises)


class _EveryWay(_Base):
    """Every public way to call a model leads to the hooks, whatever the class makes of it."""

    invoke = BaseChatModel.invoke
    ainvoke = BaseChatModel.ainvoke
    batch = BaseChatModel.batch
    abatch = BaseChatModel.abatch
    batch_as_completed = BaseChatModel.batch_as_completed
    abatch_as_completed = BaseChatModel.abatch_as_completed
    transform = BaseChatModel.transform
    atransform = BaseChatModel.atransform
    generate = BaseChatModel.generate
    agenerate = BaseChatModel.agenerate
    generate_prompt = BaseChatModel.generate_prompt
    agenerate_prompt = BaseChatModel.agenerate_prompt
    stream_events = BaseChatModel.stream_events
    astream_events = BaseChatModel.astream_events
    _call_async = BaseChatModel._call_async  # noqa: SLF001


class _Guarded(_EveryWay, ParentOfChecks, Around):
    """The hooks that judge."""

    def _new_call(
        self, messages: Sequence[BaseMessage], manager: BaseCallbackManager | None
    ) -> Call:
        return call(_protection(self), messages, manager)

    def _anew_call(
        self, messages: Sequence[BaseMessage], manager: BaseCallbackManager | None
    ) -> AsyncCall:
        return acall(_protection(self), messages, manager)

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **kwargs: Any
    ) -> Any:
        """The model's own; a refusal is an error, unless the raw message is asked for."""
        model = self
        if not include_raw:
            model = self.model_copy()
            model.__dict__[_PROTECTION] = replace(_protection(self), raises=True)
        own = super(_Guarded, model).with_structured_output
        return own(schema, include_raw=include_raw, **kwargs)

    # Written down, a protected model would be read back as one that is not.

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """No: what is read back would not be protected."""
        return False

    @property
    def _serialized(self) -> dict[str, Any]:
        return bare_model(self)._serialized  # noqa: SLF001

    def __repr__(self) -> str:
        return f"protect({type(self).__bases__[1].__name__})"

    def __reduce__(self) -> Any:
        return guarded, (bare_model(self).model_copy(), self.__dict__[_PROTECTION])
