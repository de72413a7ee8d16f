"""A notebook with a stepper, exported to HTML and read without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbconvert import HTMLExporter

from autograd import Value, tanh
from tests.browser.conftest import Open
from tests.browser.notebooks import write_notebook
from tests.browser.walking import Walk, final_gradients


def neuron() -> Value:
    x, w = Value(2.0, label="x"), Value(-0.5, label="w")
    return tanh(x * w)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    notebook = write_notebook(tmp_path / "run.ipynb", [], neuron().stepper())
    # Of itself the export asks the network for scripts, which we do not need.
    exporter = HTMLExporter(require_js_url="data:,", mathjax_url="data:,", jquery_url="data:,")
    page, _ = exporter.from_filename(str(notebook))
    path = tmp_path / "run.html"
    path.write_text(page, encoding="utf-8")
    return path


def test_the_stepper_walks(exported: Path, open_page: Open) -> None:
    page = open_page(exported)
    walk = Walk(page)
    walk.button("Next").click()
    page.keyboard.press("ArrowRight")
    assert walk.step == 2
    page.keyboard.press("End")
    assert walk.seen("gradient") == pytest.approx(final_gradients(neuron()), rel=1e-3)
