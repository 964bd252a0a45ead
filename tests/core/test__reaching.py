from __future__ import annotations

from functools import wraps

import pytest

from grayswan_core._reaching import reached_by

SOUGHT = object()


def by_name():
    return SOUGHT


def in_a_comprehension():
    return [SOUGHT for _ in range(3)]


def in_a_function():
    def inner():
        return lambda: SOUGHT

    return inner


async def in_async():
    return {one: SOUGHT async for one in in_async()}


def by_default(a, b=SOUGHT, /, *more, c=1):
    return a, b, more, c


def by_keyword(a=1, *, b=SOUGHT):
    return a, b


def around(sought):
    return lambda: [sought for _ in range(3)]


def wrapped(sought):
    @wraps(around)
    def inner():
        return sought

    return inner


@pytest.mark.parametrize(
    "function",
    [
        by_name,
        in_a_comprehension,
        in_a_function,
        in_async,
        by_default,
        by_keyword,
        around(SOUGHT),
        wrapped(SOUGHT),
    ],
)
def test_a_value_is_found_wherever_a_function_has_its_name_from(function):
    assert any(each is SOUGHT for each in reached_by(function).values())


def test_a_name_without_a_value_is_none():
    def inner():
        return unset

    assert {} == reached_by(inner)
    unset = 1
    assert {"unset": unset} == reached_by(inner)


def test_an_attribute_is_no_name_of_the_module():
    assert {} == reached_by(lambda given: (given.SOUGHT, given.around()))


def test_names_are_those_of_parameters_and_variables():
    assert {"b": SOUGHT, "c": 1} == reached_by(by_default)
    assert {"SOUGHT": SOUGHT} == reached_by(by_name)
