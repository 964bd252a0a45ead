from __future__ import annotations

from grayswan_batch.journal import Journal


def test_a_journal_that_is_started_again_goes_on(tmp_path):
    path = tmp_path / "journal.sqlite"
    first = Journal(path)
    first.add("task-1", "row-1", "{}")
    first.add("task-1", "row-2", '{"a": 1}')
    first.add("task-2", "row-1", '{"b": 1}')
    second = Journal(path)

    assert second.of_task("task-1") == {"row-1": "{}", "row-2": '{"a": 1}'}
    assert second.of_task("task-3") == {}
    first.remove()
    second.remove()
    assert list(tmp_path.iterdir()) == []
