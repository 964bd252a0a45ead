import pytest

from grayswan_core import Judgement
from grayswan_core.cygnal.sifting import sift

GOOD, BAD = Judgement("retrieval", ()), Judgement("retrieval", ("ipi", "violation"))


def sifted(on_flagged):
    return sift(
        ["good", "bad", "fine"],
        [GOOD, BAD, GOOD],
        on_flagged,
        placeholder=lambda text, report: f"{text} removed at {report['stage']}",
        error=lambda why, report: ValueError(why, report["blocked"]),
    )


def test_what_becomes_of_a_flagged_document():
    assert ["good", "fine"] == sifted("drop")
    assert ["good", "bad removed at retrieval", "fine"] == sifted("mark")
    with pytest.raises(ValueError, match=r"ipi, violation.*True"):
        sifted("raise")
