"""What the site has and GitHub's view of the same Markdown has not.

* Links between README.md, ARCHITECTURE.md, docs/ and notebooks/ work on GitHub; here they are
  turned into links between pages.
* `<!-- site: include PATH -->`, with the lines after it up to an empty one, is replaced with a file
  of the repository; with `<!-- site: page PATH -->` the file is the whole page.
* `<!-- site: squares NAME -->` is replaced with a picture made from a benchmark's results.
* notebooks/*.ipynb are copied to docs/notebooks, with their outputs.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import squares

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent

# Files outside docs/ that are a page of the site.
_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "notebooks/README.md": "notebooks.md",
    "benchmarks/leakage/results/table.md": "measured-leakage.md",
    "benchmarks/faults/results/faults.md": "measured-faults.md",
    "benchmarks/performance/README.md": "measured-performance.md",
}
_COMMENT = re.compile(r"<!-- site: (\w+) (\S+) -->(?:\n.+)*")
_WHOLE_PAGE = re.compile(r"<!-- site: page (\S+) -->")
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect what is below to the build."""
    app.connect("config-inited", _copy_notebooks)
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}


def _copy_notebooks(app: Sphinx, config: Config) -> None:
    copies = DOCS / "notebooks"
    originals = {path.name: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    copies.mkdir(exist_ok=True)
    for path in copies.iterdir():
        if path.name not in originals:
            path.unlink()
    for name, path in originals.items():
        copy = copies / name
        if not copy.exists() or copy.read_bytes() != path.read_bytes():
            shutil.copyfile(path, copy)


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    # A notebook's copy has the links of the original, which lies beside docs/.
    folder = ROOT if docname.startswith("notebooks/") else DOCS
    text = _linked(source[0], folder / PurePosixPath(docname).parent, docname)
    whole = _WHOLE_PAGE.search(text)
    text = f"<!-- site: include {whole[1]} -->" if whole else text

    def replacement(match: re.Match[str]) -> str:
        what, name = match.groups()
        if what == "squares":
            app.env.note_dependency(str(squares.SOURCES[name]))
            return squares.draw(name)
        path = (DOCS / name).resolve()
        app.env.note_dependency(str(path))
        return _linked(path.read_text(encoding="utf-8"), path.parent, docname)

    source[0] = _COMMENT.sub(replacement, text)


def _linked(text: str, folder: Path, docname: str) -> str:
    """The text with its links to files as the page `docname` has to write them."""
    here = (DOCS / docname).parent

    def link(match: re.Match[str]) -> str:
        words, target, fragment = match.groups()
        path = (folder / target).resolve()
        if not path.exists():
            return match[0]
        in_repository = path.relative_to(ROOT).as_posix()
        page = _PAGES.get(in_repository)
        if page is not None and (DOCS / page).exists():
            path = DOCS / page
        elif path.parent == ROOT / "notebooks":
            path = DOCS / "notebooks" / path.name
        elif path.suffix == ".md" and DOCS not in path.parents:
            return f"{words} (`{in_repository}`)"
        relative = Path(os.path.relpath(path, here)).as_posix()
        return f"[{words}]({relative}{fragment or ''})"

    return _LINK.sub(link, text)
