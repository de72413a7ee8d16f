"""A saved animation of optimizers, as it is seen in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from optim import paths
from tests.browser.conftest import Open
from tests.browser.watching import serious_violations

STEPS = 40


@pytest.fixture(scope="module")
def animation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("animation") / "paths.html"
    paths.animate(path, "rosenbrock", steps=STEPS, only=["SGD", "Adam"])
    return path


def seen(page: Page) -> list[int]:
    """How many points of each path are seen."""
    counts: list[int] = page.locator("svg .way").evaluate_all(
        "(ways) => ways.map((way) => way.getAttribute('d').split('L').length)"
    )
    return counts


def test_it_plays_pauses_and_goes_where_the_slider_is(animation: Path, open_page: Open) -> None:
    page = open_page(animation)
    expect(page.locator("output")).not_to_have_text("step 0")
    page.get_by_role("button", name="Pause").click()
    slider = page.get_by_role("slider")
    slider.press("Home")
    assert set(seen(page)) == {1}
    expect(page.locator("output")).to_have_text("step 0")
    slider.press("ArrowRight")
    assert set(seen(page)) == {2}
    slider.press("End")
    assert set(seen(page)) == {STEPS + 1}
    page.get_by_role("button", name="Again").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_nothing_moves_for_who_wants_no_motion(animation: Path, open_page: Open) -> None:
    page = open_page(animation, reduced_motion="reduce")
    expect(page.locator("output")).to_have_text(f"step {STEPS}")
    expect(page.get_by_role("button", name="Again")).to_be_visible()
    assert set(seen(page)) == {STEPS + 1}


def test_without_scripts_the_whole_paths_are_there(animation: Path, open_page: Open) -> None:
    page = open_page(animation, java_script_enabled=False)
    assert page.locator("svg .way").count() >= 2
    for way in page.locator("svg .way").all():
        assert (way.get_attribute("d") or "").count("L") == STEPS
    expect(page.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(animation: Path, open_page: Open, scheme: str) -> None:
    page = open_page(
        animation,
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": 360, "height": 640},
    )
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert (max(map(int, background)) < 64) == (scheme == "dark")
    assert page.locator("picture img").evaluate("(image) => image.complete && image.naturalWidth")
