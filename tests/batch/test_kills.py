"""`kill -9` at random moments; `tests/helpers/kills.py` is the long form."""

from __future__ import annotations

from kills import kill_and_resume


def test_no_answer_is_lost_or_paid_for_twice_when_a_run_is_killed(tmp_path):
    counts = kill_and_resume(tmp_path, rows=120, kills=3, seed=7)

    assert counts["status"] == 0
    assert counts["kills"] > 0
    assert (counts["answered"], counts["twice"]) == (120, 0)
    assert counts["requests"] <= counts["most_requests"]
