"""The soak in its short form; the long one is a command (`soak.py`)."""

from __future__ import annotations

import pytest
from soak import Chaos, expected, run


@pytest.mark.parametrize("transport", ["direct", "httpx"])
def test_no_answer_is_lost_mixed_up_or_doubled(transport):
    figures = run(calls=300, seed=6, transport=transport)
    assert 300 == figures.calls == figures.whole + figures.told
    assert 0 == figures.bad
    assert figures.whole
    assert figures.told
    assert figures.cut
    assert 300 <= figures.requests <= 900


def test_no_two_answers_share_a_word():
    assert not {*expected("q1")} & {*expected("q11")}


def test_a_seed_says_what_happens():
    class Asked:
        def json(self):
            return {"stream": True, "messages": [{"content": "q1"}]}

    assert Chaos(1)(Asked()) == Chaos(1)(Asked())
