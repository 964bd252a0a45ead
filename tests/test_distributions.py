"""The distributions that hold nothing: their names, versions and one dependency."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from grayswan_core._package import installed_version

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
EXTRAS = {"langchain-grayswan": "langchain", "llama-index-llms-grayswan": "llama-index"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "pyproject.toml", copy)
    shutil.copytree(ROOT / "packages", copy / "packages")
    return copy


@pytest.fixture(scope="module", params=PACKAGES)
def wheel(request, project):
    folder = project / "packages" / request.param
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    subprocess.run(  # noqa: S603 - our own words
        [*pip, "--no-deps", "--no-build-isolation", f"-w{folder}", str(folder)], check=True
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        yield names, Parser().parsestr(archive.read(metadata).decode())


def test_it_holds_metadata_alone(wheel):
    names, _ = wheel
    assert all(".dist-info/" in name for name in names)


def test_it_pins_the_project_at_its_own_version(wheel):
    _, metadata = wheel
    version = installed_version()
    extra = EXTRAS[metadata["Name"]]
    assert version == metadata["Version"]
    assert [f"grayswan-integrations[{extra}]=={version}"] == metadata.get_all("Requires-Dist")
