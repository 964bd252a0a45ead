import subprocess
import sys

import pytest

import grayswan_devserver


def _run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own code


@pytest.mark.parametrize("name", grayswan_devserver.__all__)
def test_every_public_name_is_there(name):
    assert getattr(grayswan_devserver, name) is not None


def test_no_other_name_is():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = grayswan_devserver.nothing


def test_importing_is_cheap():
    code = (
        "import sys, grayswan_devserver\n"
        "print([m for m in ('starlette', 'uvicorn', 'pydantic', 'httpx') if m in sys.modules])"
    )
    assert _run(code).stdout.strip() == "[]"


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_the_error_names_it(missing):
    code = f"import sys; sys.modules[{missing!r}] = None\nfrom grayswan_devserver import DevServer"
    done = _run(code)
    assert done.returncode == 1
    assert 'pip install "grayswan-integrations[devserver]"' in done.stderr
