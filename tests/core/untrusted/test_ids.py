from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import textwrap
from urllib.parse import quote

import pytest
from hypothesis import given

from benchmarks.leakage.attacks import documents
from grayswan_core.errors import ConfigurationError
from grayswan_core.untrusted import ids
from grayswan_core.untrusted.ids import ID_LENGTH, KEY_VARIABLE, id_of, is_genuine, is_id_of

SECRET = "an-obviously-fake-secret"


def test_an_id_is_that_of_its_text_and_key(monkeypatch):
    name = id_of("Some text.")
    assert ID_LENGTH == len(name)
    assert name == id_of("Some text.") != id_of("Some other text.")
    assert is_genuine(name)
    assert is_id_of(name, "Some text.")
    assert not is_id_of(name, "Some other text.")
    monkeypatch.setattr(ids, "_key", lambda: b"another")
    assert name != id_of("Some text.")
    assert not is_genuine(name)
    assert not is_id_of(name, "Some text.")


@pytest.mark.parametrize(
    "rewrite",
    [
        str.upper,
        html.escape,
        json.dumps,
        ascii,
        quote,
        lambda text: textwrap.fill(text, 30, initial_indent="> ", subsequent_indent="> "),
        lambda text: text.replace("\\n", "\n"),
        lambda text: json.dumps([json.dumps(html.escape(text))], ensure_ascii=False),
    ],
)
@given(document=documents)
def test_a_text_is_known_however_a_template_writes_it(rewrite, document):
    text = f'{document} "quoted" & <b>bold</b>\\nand so on: 100% of C:\\new'
    assert is_id_of(id_of(text), rewrite(text))


def names_made(count, **environment):
    program = "from grayswan_core.untrusted.ids import id_of; print(id_of('Some text.'))"
    return {
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            env={**os.environ, **environment},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for _ in range(count)
    }


def test_workers_that_share_a_key_make_equal_ids():
    assert 1 == len(names_made(2, **{KEY_VARIABLE: SECRET}))
    assert 2 == len(names_made(2))


def test_a_key_that_can_be_guessed_is_refused(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "short")
    ids._key.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match="at least 16 characters"):
            id_of("Some text.")
    finally:
        ids._key.cache_clear()
