from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from grayswan_core.audit import Finding, Report, Source
from grayswan_core.audit.report import BLIND_SPOTS

NASTY = "<script>alert(\"x\")</script> & 'more'"
SOURCE = Source(0, "retrieved document", f"Shelf: {NASTY}", 20, "app.py:3")
FINDING = Finding(
    source=SOURCE,
    role="system",
    place="message 1 of 2",
    model="ChatOther",
    through=("Chain", "Prompt"),
    line="app.py:7",
    excerpt=NASTY,
    words=10,
    share=0.5,
    calls=3,
    change="wrap the retriever",
)
LEAK = Report(
    [FINDING], [FINDING], [SOURCE], {"ChatOther": 3}, {"a picture": 2}, ["it broke"], 4, 1
)
CLEAN = Report([], sources=[SOURCE], models={"ChatOther": 3})
EMPTY = Report([])


@pytest.mark.parametrize("report", [LEAK, CLEAN, EMPTY])
def test_every_form_has_the_verdict_and_the_blind_spots(report):
    for shown in (str(report), report.to_html(), report.to_json()):
        folded = " ".join(unescape(shown).split())
        assert report.summary in folded
        assert all(each in folded for each in BLIND_SPOTS)


def test_the_table_has_a_row_for_each_finding_and_what_to_change():
    shown = str(LEAK)
    assert re.search(r"1 +retrieved document Shelf.* system +50% +ChatOther +Chain > Prompt", shown)
    for part in ("app.py:3", "app.py:7", "wrap the retriever", "a picture (2)", "it broke"):
        assert part in shown
    assert "4 put among what was retrieved" in shown


def test_json_can_be_read_again():
    read = json.loads(LEAK.to_json())
    assert False is read["clean"]
    assert NASTY == read["findings"][0]["excerpt"]
    assert "app.py:3" == read["findings"][0]["source"]["line"]


def test_html_needs_nothing_else_and_runs_nothing():
    tags = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)

    html = LEAK.to_html()
    Tags().feed(html)
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert 2 == html.count('class="finding ')


@pytest.mark.parametrize(
    ("name", "start"), [("a.html", "<!doctype"), ("a.JSON", "{"), ("a.txt", "1 of 1 texts")]
)
def test_saved_in_the_form_its_name_says(tmp_path, name, start):
    file = LEAK.save(tmp_path / name)
    assert file.read_text(encoding="utf-8").startswith(start)


def test_clean_is_clean_and_all_else_is_not():
    CLEAN.assert_clean()
    for report in (LEAK, EMPTY, Report([], models={"M": 1}), Report([], failures=["it broke"])):
        with pytest.raises(AssertionError):
            report.assert_clean()
