"""Imports are declared, dependencies bounded, and the oldest admitted versions tested."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

PACKAGES = [each for each in ROOT.iterdir() if (each / "py.typed").exists()]
OURS = {each.name for each in PACKAGES} | {"llama_index"}

# Where a distribution has another name than what is imported.
DISTRIBUTIONS = {"llama_index": "llama-index-core", "xllamacpp": "xllamacpp"}
UNDECLARED = {
    "pydantic_core": "pydantic pins its version",
    "pytest": "imports our plugin, and nothing else does",
    "langchain": "CygnalMiddleware is for programs with LangChain's agents, and names the package",
    "langgraph": "langchain brings it",
    "llama_index_instrumentation": "llama-index-core brings it, and hands on its names untyped",
    "pyarrow": "ray[data] brings it, and decides on its version",
    "rich": "a batch shows its progress with it in a terminal where it is installed",
}
CALENDAR_VERSIONS = {"certifi", "xllamacpp"}  # a new year is no new interface


def imported():
    for package in PACKAGES:
        for path in package.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module


IMPORTED = {name.partition(".")[0] for name in imported()} - set(sys.stdlib_module_names)
THIRD_PARTY = sorted((IMPORTED - OURS | {"llama_index"}) - UNDECLARED.keys())

REQUIREMENTS = {
    canonicalize_name(each.name): each
    for each in map(
        Requirement,
        [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])],  # noqa: RUF017
    )
    if each.name != PROJECT["name"]
}


@pytest.mark.parametrize("name", THIRD_PARTY)
def test_what_is_imported_is_declared(name):
    assert canonicalize_name(DISTRIBUTIONS.get(name, name)) in REQUIREMENTS


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_each_dependency_has_a_lower_and_an_upper_bound(name):
    operators = {each.operator for each in REQUIREMENTS[name].specifier}
    assert ">=" in operators
    assert "<" in operators or name in CALENDAR_VERSIONS


@pytest.mark.parametrize("name", sorted(set(REQUIREMENTS) - {"ray", "xllamacpp"}))
def test_the_oldest_admitted_version_is_the_one_tested(name):
    lines = (ROOT / "constraints-min.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    lowest = [each.version for each in REQUIREMENTS[name].specifier if each.operator == ">="]
    versions = {canonicalize_name(each): Version(version) for each, version in pinned.items()}
    assert [versions[name]] == list(map(Version, lowest))


# The first version without the known advisory; higher bounds are ours.
FIXED = {
    "certifi": "2024.7.4",  # CVE-2024-39689
    "idna": "3.7",  # CVE-2024-3651
    "langchain-core": "1.2.5",  # CVE-2025-68664, CVE-2025-65106
    "llama-index-core": "0.13.0",
    "pydantic": "2.4.0",  # CVE-2024-3772
    "starlette": "0.49.1",  # CVE-2025-62727, CVE-2025-54121
}


@pytest.mark.parametrize("name", sorted(FIXED.keys() & REQUIREMENTS.keys()))
def test_no_version_with_a_known_advisory_is_admitted(name):
    (lowest,) = (each for each in REQUIREMENTS[name].specifier if each.operator == ">=")
    assert Version(lowest.version) >= Version(FIXED[name])
