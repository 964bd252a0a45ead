from __future__ import annotations

from grayswan_core.audit.canaries import Canary


def test_a_canary_is_known_by_its_word_alone():
    one, other = Canary(), Canary()
    assert one.stands_in(one.text)
    assert not one.stands_in(other.text)
    assert one.stands_in(f"I obey: {one.word}.")
