"""The stepper in a marimo app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import servers
from tests.browser.conftest import PATIENCE
from tests.browser.walking import STEPPER, Walk
from tests.browser.watching import Watch

APP = """
import marimo

app = marimo.App()


@app.cell
def _():
    from autograd import Value, tanh

    x, w = Value(2.0, label="x"), Value(-0.5, label="w")
    y = tanh(x * w)
    y.backward()
    return (y,)


@app.cell
def _(y):
    y.draw()
    return


@app.cell
def _(y):
    y.stepper()
    return


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    app = tmp_path / "app.py"
    app.write_text(APP, encoding="utf-8")
    with servers.marimo(app) as address:
        yield address


def test_picture_and_stepper(browser: Browser, address: str) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    watch = Watch(home=address)
    watch.over(context)
    page = context.new_page()
    page.goto(address)
    expect(page.locator(f"svg text:text-is('parameter'), {STEPPER}").first).to_be_visible()
    walk = Walk(page.locator("iframe").content_frame)
    walk.button("Next").click()
    page.keyboard.press("ArrowRight")
    assert walk.step == 2
    walk.button("Last step").click()
    assert set(walk.seen("gradient")) == {"x", "w", "v1", "v2"}
    context.close()
    assert watch.complaints == []
