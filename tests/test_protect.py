"""The settings of a protection are written out where users call for it: alike each time."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

from grayswan_core.cygnal.protection import Protection
from langchain_grayswan import CygnalMiddleware
from langchain_grayswan import protect as protect_model
from llama_index_grayswan import protect as protect_llm

PLACES = [protect_model, protect_llm, CygnalMiddleware.__init__]
SETTINGS = {
    field.name: (field.type, field.default)
    for field in dataclasses.fields(Protection)
    if field.name not in ("guard", "raises")
}


def arguments(function):
    """What is said of each argument, in the words for a model."""
    text = inspect.getdoc(function).partition("Args:\n")[2].partition("\n\n")[0]
    text = re.sub(r"\bLLM\b", "model", text)
    blocks = re.split(r"\n(?= {4}\w+: )", text)
    return {block.split(":")[0].strip(): " ".join(block.split()) for block in blocks}


@pytest.mark.parametrize("place", PLACES, ids=["langchain", "llama_index", "middleware"])
def test_names_types_and_defaults_are_those_of_a_protection(place):
    parameters = inspect.signature(place).parameters.values()
    assert SETTINGS == {
        each.name: (each.annotation, each.default)
        for each in parameters
        if each.kind is each.KEYWORD_ONLY
    }


def test_both_adapters_say_the_same_of_each():
    own, other = arguments(protect_model), arguments(protect_llm)
    assert {*SETTINGS, "guard"} == own.keys() - {"model"} == other.keys() - {"llm"}
    assert {name: own[name] for name in SETTINGS} == {name: other[name] for name in SETTINGS}
    assert own["guard"] == other["guard"]
