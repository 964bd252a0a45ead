from __future__ import annotations

import json
import threading

from grayswan_core.audit.callers import calling_line


def test_the_line_of_the_program_is_told_through_packages():
    lines = []

    json.loads('{"a": 1}', object_hook=lambda _: lines.append(calling_line()))
    assert lines[0].startswith("test_callers.py:")


def test_where_the_stack_holds_no_line_of_the_program_it_is_empty():
    lines = []

    thread = threading.Thread(
        target=eval,
        args=(
            "note(line())",
            {"__name__": "elsewhere", "note": lines.append, "line": calling_line},
        ),
    )
    thread.start()
    thread.join()
    assert [""] == lines
