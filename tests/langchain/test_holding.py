from __future__ import annotations

from functools import cache, partial
from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableBranch, RunnableLambda
from pydantic import PrivateAttr

from langchain_grayswan.holding import holds_model


class Holds(BaseRetriever):
    """A retriever that holds anything, by a field and by a private attribute."""

    held: Any = None
    _held: Any = PrivateAttr(None)

    def _get_relevant_documents(self, query):
        return []


def hidden(model):
    holds = Holds()
    holds._held = model
    return holds


def deep(model):
    for _ in range(30):
        model = Holds(held=model)
    return model


class Plain:
    def __init__(self, model):
        self.model = model

    def ask(self, query):
        return self.model.invoke(query)


def by_name(model):
    def ask(query):
        return model.invoke(query)

    return ask


def by_a_function_of_its_own(model):
    inner = by_name(model)

    def ask(query):
        return inner(query)

    return ask


def by_dict(model):
    models = {"small": [model]}
    return lambda query: [models["small"][0].invoke(each) for each in query]


def by_object(model):
    holds = Plain(model)
    return lambda query: [holds.model.invoke(each) for each in query]


def by_call(model):
    class Asks:
        def __call__(self, query):
            return model.invoke(query)

    return Holds(held=Asks())


def by_a_method_of_its_own(model):
    class Asks(Holds):
        def _get_relevant_documents(self, query):
            return self.ask(query)

        @staticmethod
        def ask(query):
            return [model.invoke(query)]

    return Asks()


WAYS = {
    "field": lambda model: Holds(held=model),
    "private": hidden,
    "deep": deep,
    "bound": lambda model: Holds(held=model.with_retry().bind(stop=["x"])),
    "tuple": lambda model: Holds(held=(1, (model,))),
    "dict": lambda model: Holds(held={"a": {"b": model}}),
    "object": lambda model: Holds(held=Plain(model)),
    "method": lambda model: Holds(held=model.invoke),
    "method of an object": lambda model: RunnableLambda(Plain(model).ask),
    "partial": lambda model: Holds(held=partial(lambda model, query: model.invoke(query), model)),
    "function": lambda model: Holds(held=by_name(model)),
    "function of a function": lambda model: RunnableLambda(by_a_function_of_its_own(model)),
    "dict of a function": lambda model: RunnableLambda(by_dict(model)),
    "object of a function": lambda model: RunnableLambda(by_object(model)),
    "cache": lambda model: Holds(held=cache(by_name(model))),
    "call": by_call,
    "method of its own": by_a_method_of_its_own,
    "lambda": lambda model: RunnableLambda(lambda query: [model.invoke(query)]),
    "step": lambda model: Holds() | (lambda found: model.invoke(str(found))),
    "branch": lambda model: RunnableBranch((bool, Holds()), RunnableLambda(by_name(model))),
    "fallback": lambda model: Holds().with_fallbacks([RunnableLambda(by_name(model))]),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_model_is_found_wherever_a_retriever_holds_it(model, way):
    assert holds_model(way(model))
    assert not holds_model(way(RunnableLambda(str)))
