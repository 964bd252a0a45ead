"""How `make docs` builds the site. What is particular to this project is in `_extensions`."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "_extensions"), str(Path(__file__).parents[1])]

project = "grayswan-integrations"
author = "The grayswan-integrations authors"
copyright = author
version = release = installed_version(project)

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstrings",
    "pages",
]
exclude_patterns = ["_build", "_extensions"]

# Pages: Markdown that reads well on GitHub too. Notebooks come with their outputs.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "off"
nb_merge_streams = True

# Names between single backticks in a docstring are code, and links where there is such a name.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 72
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Written as their names; what they stand for takes lines.
autodoc_type_aliases = {
    name: name
    for name in ("LanguageModelInput", "ToolLike", "ToolChoice", "Scripted", "Pieces", "Role")
}
autodoc_preserve_defaults = True

# No network: names of other packages are shown without links, so nothing but our own is checked.
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*"), ("py:(class|exc|data)", r"(?!grayswan_core\.[A-Z]).*")]

html_theme = "furo"
html_title = f"grayswan-integrations {version}"
html_favicon = "_static/favicon.svg"
_REPOSITORY = "https://github.com/grayswan-integrations/grayswan-integrations"
html_theme_options = {
    "source_repository": _REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
    "footer_icons": [{"name": "Repository", "url": _REPOSITORY, "html": "GitHub", "class": ""}],
    # The blue of the pictures, and a lighter one of the same hue.
    "light_css_variables": {"color-brand-primary": "#0969da", "color-brand-content": "#0969da"},
    "dark_css_variables": {"color-brand-primary": "#58a6ff", "color-brand-content": "#58a6ff"},
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
pygments_style = "a11y-light"  # each colour with a contrast of at least 4.5, as in the dark
pygments_dark_style = "github-dark"
copybutton_exclude = ".linenos, .gp, .go"
copybutton_selector = "div:not(.highlight-output) > div.highlight pre"
