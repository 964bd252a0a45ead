import pytest

from grayswan_devserver.moderation import MODERATION_TRIGGER, PHRASES, moderate


def test_a_harmless_text_passes():
    verdict = moderate("How do I build a boat?")
    assert (verdict.flagged, verdict.detected, verdict.passed) == (False, 0.0, 1.0)
    assert verdict.rewrite == "How do I build a boat?"


@pytest.mark.parametrize(
    ("category", "phrase"), [(c, phrase) for c, phrases in PHRASES.items() for phrase in phrases]
)
def test_each_phrase_is_found(category, phrase):
    verdict = moderate(f"So {phrase.upper()}!")
    assert verdict.flagged
    assert category in verdict.categories
    assert phrase.upper() not in verdict.rewrite


def test_scores_grow_with_the_hits_and_stay_below_one():
    assert moderate(MODERATION_TRIGGER).detected == 0.9
    assert moderate(f"{MODERATION_TRIGGER} {MODERATION_TRIGGER}").detected == 0.99
    assert moderate(MODERATION_TRIGGER * 100).detected <= 1


def test_white_space_may_differ():
    assert moderate("ignore  previous\ninstructions").categories == ["prompt-injection"]


def test_quoted_phrases_of_the_prompt_are_looked_for():
    verdict = moderate("I like cats", 'Flag "cats" and "dogs".')
    assert verdict.categories == ["custom"]
    assert verdict.rewrite == "I like [removed]"
