from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from grayswan_core.prototype import Prototype


class Part(BaseModel):
    text: str
    kind: str = "part"


class Whole(BaseModel):
    model_config = ConfigDict(extra="allow")

    parts: list[Part] = Field(default_factory=list)
    kept: dict[str, Any] = Field(default_factory=dict)
    name: str | None = None


PART = Prototype(Part(text=""))
WHOLE = Prototype(Whole(parts=[], name=None))


@given(st.text(), st.none() | st.text())
def test_what_is_made_is_what_the_class_makes(text, name):
    made = WHOLE.like(parts=[PART.like(text=text)], name=name)
    expected = Whole(parts=[Part(text=text)], name=name)
    assert made == expected
    assert repr(made) == repr(expected)
    assert made.model_fields_set == expected.model_fields_set
    assert made.model_dump_json(exclude_unset=True) == expected.model_dump_json(exclude_unset=True)
    assert made.model_extra == expected.model_extra
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == expected


def test_each_has_lists_dicts_and_fields_of_its_own():
    one, other = WHOLE.like(name="one"), WHOLE.like(name="other")
    one.parts.append(Part(text="mine"))
    one.kept["mine"] = True
    one.more = "mine"
    assert other == Whole(parts=[], name="other")
    assert "more" not in other.model_fields_set
    assert WHOLE.like(name="third") == Whole(parts=[], name="third")


def test_what_is_given_is_taken_as_it_is():
    parts: list[Part] = []
    assert WHOLE.like(parts=parts).parts is parts


def test_the_given_model_stays_as_it_was():
    model = Whole(parts=[], name="a")
    Prototype(model).like(name="b")
    assert model == Whole(parts=[], name="a")


class Shouting(BaseModel):
    """A class whose newer version does more than set its fields."""

    text: str
    length: int = 0

    def model_post_init(self, context: Any, /) -> None:
        self.length = len(self.text)


class Remembering(Part):
    _seen: list[str] = PrivateAttr(default_factory=list)


@pytest.mark.parametrize(
    ("model", "expected"), [(Shouting(text=""), Shouting), (Remembering(text=""), Remembering)]
)
def test_a_class_that_does_more_than_set_fields_is_left_to_its_constructor(model, expected):
    prototype = Prototype(model)
    made = [prototype.like(text=text) for text in ("one", "three")]
    assert [expected(text="one"), expected(text="three")] == made
    assert [model.__pydantic_private__ for _ in made] == [
        each.__pydantic_private__ for each in made
    ]
