"""Notebooks to test with, and one that is open in JupyterLab or Notebook 7."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import expect

from autograd.drawing import Stepper
from tests.browser.walking import Walk

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
SECONDS = 30  # for a kernel to start and for a cell to run


def write_notebook(path: Path, sources: Sequence[str], shown: Stepper) -> Path:
    """Write a notebook with cells that have never been run, and one that was and showed a stepper.

    It was run elsewhere: no host trusts it.
    """
    output = new_output("execute_result", data=shown._repr_mimebundle_(), execution_count=1)
    cells = [new_code_cell(textwrap.dedent(source).strip()) for source in sources]
    cells.append(new_code_cell("shown", execution_count=1, outputs=[output]))
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), path)
    return path


class OpenNotebook:
    """A notebook that is open in a page, as its reader uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cells = page.locator(".jp-Notebook .jp-Cell")

    def run(self, place: int) -> Locator:
        """Run a cell and return its output."""
        cell = self.cells.nth(place)
        prompt = cell.locator(".jp-InputArea-prompt")
        before = re.sub(r"\D", "", prompt.inner_text()) or "0"
        prompt.click()
        self.page.keyboard.press("Control+Enter")
        done = re.compile(rf"\[(?!{before}\])\d+\]")
        expect(prompt).to_have_text(done, timeout=SECONDS * 1000)
        errors = cell.locator("[data-mime-type='application/vnd.jupyter.stderr']")
        assert errors.all_inner_texts() == []
        return cell.locator(".jp-OutputArea").first

    def walk(self, place: int) -> Walk:
        """The stepper in a cell's output."""
        return Walk(self.cells.nth(place))

    def state(self) -> tuple[list[str], list[bool]]:
        """The kind of each cell, and whether it is selected."""
        classes = [cell.get_attribute("class") or "" for cell in self.cells.all()]
        kinds = [
            next(word for word in ("jp-CodeCell", "jp-MarkdownCell", "jp-RawCell") if word in names)
            for names in classes
        ]
        return kinds, ["jp-mod-selected" in names for names in classes]
