"""What is installed: the wheel's contents, and the import beside another provider's package."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "grayswan_core",
    "grayswan_batch",
    "grayswan_devserver",
    "langchain_grayswan",
    "llama_index",
    "llama_index_grayswan",
}

# Whether the names come from where they should, and another provider's from where it is.
LOOK = """
import sys
sys.path[:0] = {first!r}
from llama_index.llms.grayswan import GraySwan
from llama_index.llms.neighbour import NAME
import llama_index_grayswan, llama_index.core, llama_index.llms.grayswan
print(NAME, GraySwan.class_name(), llama_index_grayswan.__file__)
print(llama_index.llms.grayswan.__file__)
"""


def run(*command, cwd=None):
    done = subprocess.run(  # noqa: S603 - commands of this file
        command, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what a build reads, so that it leaves nothing behind."""
    copy = tmp_path_factory.mktemp("source") / "project"
    copy.mkdir()
    for name in [*PACKAGES, "pyproject.toml", "README.md", "LICENSE"]:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", f"-w{out}", str(source))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture
def neighbour(tmp_path):
    """Another provider's package, in a folder of its own, as `pip --target` would lay it out."""
    home = tmp_path / "neighbour" / "llama_index" / "llms" / "neighbour"
    home.mkdir(parents=True)
    (home / "__init__.py").write_text("NAME = 'neighbour'\n")
    return str(tmp_path / "neighbour")


def test_the_namespace_packages_stay_open(files):
    """With one of these, no other provider's package could be imported from an editable install."""
    assert not {"llama_index/__init__.py", "llama_index/llms/__init__.py"} & files


def test_the_wheel_holds_the_packages_and_nothing_else(files):
    tops = {name.partition("/")[0] for name in files}
    metadata = {top for top in tops if re.fullmatch(r"grayswan_integrations-[^/]+\.dist-info", top)}
    assert tops - metadata == PACKAGES
    assert len(metadata) == 1


def test_the_wheel_holds_every_source_file(files, source):
    expected = {
        path.relative_to(source).as_posix()
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    assert {name for name in files if name.endswith((".py", "py.typed"))} == expected


def test_the_namespace_holds_one_package(files):
    inside = {name for name in files if name.startswith("llama_index/")}
    assert inside == {
        "llama_index/llms/grayswan/__init__.py",
        "llama_index/llms/grayswan/py.typed",
    }


@pytest.mark.parametrize("package", sorted(PACKAGES - {"llama_index"}))
def test_every_package_is_typed(files, package):
    assert f"{package}/py.typed" in files


def test_from_a_wheel_beside_another_provider(wheel, neighbour, tmp_path):
    home = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home)
    found = run(sys.executable, "-c", LOOK.format(first=[str(home), neighbour]), cwd=tmp_path)
    first, second = found.splitlines()
    assert first.startswith(f"neighbour GraySwan {home}")
    assert second.startswith(str(home))


def test_from_an_editable_install_beside_another_provider(source, neighbour, tmp_path):
    """Hatchling's editable install puts the project's folder on the path, through a `.pth`."""
    found = run(sys.executable, "-c", LOOK.format(first=[neighbour, str(source)]), cwd=tmp_path)
    first, second = found.splitlines()
    assert first.startswith(f"neighbour GraySwan {source}")
    assert second.startswith(str(source))


def test_beside_openais_package(tmp_path):
    program = (
        "from llama_index.llms.openai import OpenAI\n"
        "from llama_index.llms.grayswan import GraySwan\n"
        "print(OpenAI.class_name(), GraySwan.class_name())\n"
    )
    assert run(sys.executable, "-c", program, cwd=tmp_path).split() == ["openai_llm", "GraySwan"]


def test_the_package_page_has_no_relative_link(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        page = archive.read(name).decode()
    links = re.findall(r"\]\(([^)\s]+)", page)
    assert len(links) > 10
    assert [] == [link for link in links if not link.startswith(("https://", "#"))]
    assert not re.search(r"\$HFPR|src=|href=", page)
