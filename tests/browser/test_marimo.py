"""The stepper in a marimo app."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from autograd import tanh
from tests.browser import servers
from tests.browser.conftest import PATIENCE
from tests.browser.walking import Walk
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


@app.cell
def _(y):
    y.stepper(live=True)
    return


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    app = tmp_path_factory.mktemp("marimo") / "app.py"
    app.write_text(APP, encoding="utf-8")
    with servers.marimo(app) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 2400})
        context.set_default_timeout(PATIENCE)
        watch = Watch(home=address)
        watch.over(context)
        page = context.new_page()
        page.goto(address)
        yield page
        context.close()
        assert watch.complaints == []


def test_picture(page: Page) -> None:
    expect(page.locator("svg text:text-is('parameter')").first).to_be_visible()


def test_stepper(page: Page) -> None:
    walk = Walk(page.locator("iframe").content_frame)
    walk.button("Next").click()
    page.keyboard.press("ArrowRight")
    assert walk.step == 2
    page.keyboard.press("End")
    assert set(walk.seen("gradient")) == {"x", "w", "v1", "v2"}


def test_live_stepper(page: Page) -> None:
    walk = Walk(page.locator(".stepgrad-live"))
    walk.heading.click()
    page.keyboard.press("End")
    number = page.locator(".stepgrad-live").get_by_role("spinbutton", name="x")
    number.fill("3")
    number.press("Enter")
    expect(walk.node("x").locator(".value")).to_have_text("3")
    assert walk.seen("value")["v2"] == pytest.approx(tanh(3.0 * -0.5), rel=1e-3)
    assert walk.step == walk.last
