from __future__ import annotations

import subprocess
import sys

import langchain_grayswan


def test_the_public_names():
    names = langchain_grayswan.__all__
    assert {"ChatGraySwan", "DataMessage", "UntrustedTools", "protect"} < set(names)
    assert all(hasattr(langchain_grayswan, name) for name in names)
    assert dir(langchain_grayswan) == sorted(names)


def test_without_langchain_the_import_says_what_to_install():
    code = "import sys; sys.modules['langchain_core'] = None; import langchain_grayswan"
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", code], capture_output=True, check=False, text=True
    )

    assert "pip install langchain-grayswan" in done.stderr
    assert done.returncode == 1
