"""How the documentation is built: `make docs`."""

import importlib.metadata
import os
import re
import shutil
from pathlib import Path

os.environ["STEPGRAD_PURE"] = "1"  # the compiled form does not tell its arguments

from typing import Any

from sphinx.application import Sphinx

from autograd.drawing.render import render

DOCS = Path(__file__).parent
ROOT = DOCS.parent

project = "stepgrad"
author = "The stepgrad developers"
version = release = importlib.metadata.version("stepgrad")
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
default_role = "py:obj"  # a name in backticks is a link, if it is one of ours

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests run the notebooks, and compare what they show

autodoc_typehints = "none"  # the docstrings tell them in words
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "stepgrad"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}


def bring_notebooks(app: Sphinx) -> None:
    """Copy the notebooks to where Sphinx looks for pages."""
    folder = DOCS / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        text = notebook.read_text(encoding="utf-8")
        (folder / notebook.name).write_text(text.replace("(../docs/", "(../"), encoding="utf-8")


def draw_architecture(app: Sphinx) -> None:
    """Draw the picture of the page "how it works"."""
    dot = (DOCS / "architecture.dot").read_text(encoding="utf-8")
    (DOCS / "architecture.svg").write_bytes(render(dot, "svg"))


SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")


def read_as_text(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Let a docstring mean what it says: its stars and bars are no markup, formulas stay as set."""
    before = [""] if what in ("attribute", "property") else []  # else a colon would end a type
    lines[:] = before + [
        line
        for paragraph in re.split(r"\n(?:\s*\n)+", "\n".join(lines))
        for line in [*as_markup(paragraph.split("\n")), ""]
    ]


def as_markup(paragraph: list[str]) -> list[str]:
    """Return a paragraph of a docstring in Sphinx's language."""
    if paragraph[0].lstrip().startswith(">>>"):
        return paragraph
    escaped = [escape(line) for line in paragraph]
    if SECTION.match(paragraph[0]) or not any(line.startswith("  ") for line in paragraph):
        return escaped
    first = next(k for k, line in enumerate(paragraph) if line.startswith("  "))
    after = next(
        (k for k in range(first, len(paragraph)) if not paragraph[k].startswith("  ")),
        len(paragraph),
    )
    rest = as_markup(paragraph[after:]) if after < len(paragraph) else []
    return [*escaped[:first], "", "::", "", *paragraph[first:after], "", *rest]


def escape(line: str) -> str:
    """Return a line without markup but in backticks."""
    parts = re.split("(``.*?``|`.*?`)", line)
    parts[::2] = [re.sub(r"[*|]|(?<=\w)_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def setup(app: Sphinx) -> None:
    """Do these before the pages are read, and to each docstring."""
    app.connect("builder-inited", bring_notebooks)
    app.connect("builder-inited", draw_architecture)
    app.connect("autodoc-process-docstring", read_as_text, priority=400)  # before napoleon
