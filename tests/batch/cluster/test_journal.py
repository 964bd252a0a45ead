from __future__ import annotations

import pytest

from grayswan_batch.cluster.journal import Journal


@pytest.fixture
def journal():
    journal = Journal()
    yield journal
    journal.close()


def test_a_worker_that_was_started_again_finds_what_it_had(journal):
    number, known = journal.begin("batch", "worker", "first life")
    assert known == {}
    journal.add(number, 0, "{}")
    journal.add(number, 2, '{"a": 1}')

    assert journal.begin("batch", "worker", "second life") == (number, {0: "{}", 2: '{"a": 1}'})
    assert journal.begin("batch", "worker", "third life")[1] == {0: "{}", 2: '{"a": 1}'}


@pytest.mark.parametrize(
    "other",
    [
        ("batch", "worker", "first life"),  # the same rows a second time
        ("batch", "other", "its life"),
        ("another", "worker", "second life"),
    ],
)
def test_equal_batches_are_asked_separately(journal, other):
    number, _ = journal.begin("batch", "worker", "first life")
    journal.add(number, 0, "{}")

    assert journal.begin(*other) == (number + 1, {})


def test_what_a_worker_had_is_handed_over_once(journal):
    number, _ = journal.begin("batch", "worker", "first life")

    assert journal.begin("batch", "worker", "second life")[0] == number
    assert journal.begin("batch", "worker", "second life")[0] != number
