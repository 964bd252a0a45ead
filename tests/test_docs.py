"""What conftest.py, which runs the Python snippets, does not see: shells, links, fixtures."""

import re
import shlex
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

import grayswan_audit
import grayswan_batch
import grayswan_core
import grayswan_devserver
import langchain_grayswan
import llama_index_grayswan
from grayswan_devserver.__main__ import _parser as devserver_parser
from scripts.page_snippets import snippets

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if "_build" not in path.parts
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# The installed metadata may be older than the file, and Python 3.10 has no tomllib.
_, _, OPTIONAL = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")
EXTRAS = set(re.findall(r"^([\w-]+) = \[", OPTIONAL.partition("\n[")[0], re.MULTILINE))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


# Comments beside a `print`, arrows, doctests, and blocks of text after Python.
OUTPUT_OF_ANOTHER_FORM = re.compile(
    r"^ *print\(.*\) +#.*|# *(?:->|=>|→).*|^>>> .*|^```\n+```(?:text)?$", re.MULTILINE
)
# What the local server responds where it finds nothing, which is no example.
NO_ANSWERS = ("I could not find an answer", "This local engine answers from the text")


def fences(*languages):
    for page in PAGES:
        for language, text in FENCE.findall(page.read_text()):
            if language in languages:
                yield page, text


COMMANDS = [
    pytest.param(shlex.split(line, comments=True), id=f"{page.name}: {line}")
    for page, text in fences("sh", "bash")
    for line in text.splitlines()
    if line.strip()
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_shell_command_names_what_there_is(words):
    match words:
        case ["pip", "install", *requirements]:
            asked = {
                extra
                for requirement in requirements
                for extra in re.findall(r"grayswan-integrations\[(.+)\]", requirement)
            }
            assert {each for extras in asked for each in extras.split(",")} <= EXTRAS
        case ["make", target, *_]:
            assert target in TARGETS
        case ["python", "-m", module, *_]:
            assert find_spec(module)
        case ["python", file, *_]:
            assert (ROOT / file).exists()
        case ["grayswan-devserver", *options]:
            assert devserver_parser().parse_args(options)
            assert entry_points(group="console_scripts", name="grayswan-devserver")
        case ["export", *settings]:
            names = {setting.partition("=")[0] for setting in settings}
            ours = {"GRAYSWAN_API_KEY", "GRAY_SWAN_BASE_URL"}
            assert names <= ours | {"LANGSMITH_TRACING", "LANGSMITH_API_KEY"}
        case _:
            pytest.fail(f"an unknown command: {words}")


@pytest.mark.parametrize(
    "page",
    [*PAGES, *ROOT.glob("notebooks/*.md")],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_links_lead_somewhere(page):
    prose = FENCE.sub("", page.read_text())
    for link in LINK.findall(prose):
        if not link.startswith(("http:", "https:")):
            target, _, fragment = link.partition("#")
            path = (page.parent / target).resolve() if target else page
            assert path.exists(), link
            assert not fragment or fragment in anchors(path), link


def anchors(path):
    """The anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize(
    "package",
    [
        grayswan_audit,
        grayswan_core,
        langchain_grayswan,
        llama_index_grayswan,
        grayswan_batch,
        grayswan_devserver,
    ],
    ids=lambda package: package.__name__,
)
def test_every_public_name_is_in_the_reference(package):
    page = ROOT / "docs" / "reference" / f"{package.__name__}.md"
    listed = re.findall(r"^\.\. (?:auto|py:)\w+:: (\w+)", page.read_text(), re.MULTILINE)

    assert set(package.__all__) <= set(listed)


def test_every_page_is_in_a_table_of_contents():
    docs = ROOT / "docs"
    listed = set()
    for page, text in ((p, p.read_text()) for p in PAGES if docs in p.parents):
        for toctree in re.findall(r"^```{toctree}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            entries = [each for each in toctree.split() if not each.startswith(":")]
            for each in entries:
                listed.update(page.parent.glob(f"{each}.md"))

    assert {page for page in PAGES if docs in page.parents} - listed == {docs / "index.md"}


@pytest.mark.parametrize(
    "page",
    [*PAGES, *ROOT.glob("notebooks/*.md"), *ROOT.glob("benchmarks/*/*.md")],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_every_output_shown_is_compared_with_what_a_snippet_prints(page, pytestconfig):
    text = page.read_text()
    is_run = any(page.is_relative_to(ROOT / each) for each in pytestconfig.getini("testpaths"))
    run = [each for each in snippets(text) if is_run and not each.is_skipped]
    shown = [each.output for each in run if each.output]

    assert text.count("```output") == len(shown)
    assert not OUTPUT_OF_ANOTHER_FORM.findall(text)
    for line in "".join(shown).splitlines():
        assert line.strip() != "..."
        assert not any(each in line for each in NO_ANSWERS)


def test_the_tests_on_the_page_of_the_local_server_pass(grayswan_server, monkeypatch):
    page = (ROOT / "docs" / "local-server.md").read_text()
    names = {}
    for language, text in FENCE.findall(page):
        if language == "python" and "def test_" in text:
            exec(text, names)  # noqa: S102 - the page's own words
    given = {"grayswan_server": grayswan_server, "monkeypatch": monkeypatch}
    tests = [each for name, each in names.items() if name.startswith("test_")]

    for test in tests:
        grayswan_server.clear()
        test(*(given[name] for name in test.__code__.co_varnames[: test.__code__.co_argcount]))
    assert len(tests) == 2
