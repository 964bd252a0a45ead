"""The models a run can ask, known by their frameworks' public interfaces.

A model of a framework can only be passed by who has imported the framework, so none is imported
here before it is there.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from grayswan_batch.errors import InputError
from grayswan_batch.models.answer import Answer, Model

__all__ = ["Answer", "Model", "adapted"]

_KINDS = (
    ("langchain_core.runnables", "Runnable", "grayswan_batch.models.langchain"),
    ("llama_index.core.llms", "LLM", "grayswan_batch.models.llama_index"),
    ("grayswan_core.cygnal.guard", "CygnalGuard", "grayswan_batch.models.cygnal"),
)


def adapted(model: Any, schema: Any = None) -> Model:
    """A model as a run asks it.

    Args:
        model: A LangChain runnable, a LlamaIndex LLM or a `CygnalGuard`.
        schema: What answers are instances of: a pydantic class or what the model takes.

    Raises:
        InputError: it is of none of these kinds, or cannot answer by a schema.
    """
    for module, name, adapter in _KINDS:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(model, kind):
            adapt: Model = import_module(adapter).adapted(model, schema)
            return adapt
    hint = " Make an instance of it." if isinstance(model, type) else ""
    raise InputError(
        "model is a LangChain runnable or chat model, a LlamaIndex LLM, or a CygnalGuard, not"
        f" {model.__name__ if isinstance(model, type) else type(model).__name__}.{hint}"
    )
