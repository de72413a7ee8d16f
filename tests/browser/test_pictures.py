"""A saved picture, as it is seen in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

import nn
from autograd import Value, tanh
from tests.browser.conftest import Open
from tests.browser.watching import serious_violations


def neuron() -> Value:
    x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    y = tanh(x * w)
    y.backward()
    return y


def network() -> Value:
    """One of more than a hundred nodes: the picture collapses."""
    model = nn.MLP(3, [6, 6, 1], seed=1)
    output: Value = model([0.5, -1.0, 2.0])[0]
    output.backward()
    return output


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    return {
        graph.__name__: graph().draw().save(folder / f"{graph.__name__}.html")
        for graph in (neuron, network)
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["neuron", "network"])
def test_no_serious_violation(
    pictures: dict[str, Path], open_page: Open, name: str, scheme: str
) -> None:
    page = open_page(pictures[name], color_scheme=scheme)
    for details in page.locator("details").all()[:2]:
        details.locator("summary").click()
    assert serious_violations(page) == []


def is_open(details: Locator) -> bool:
    return details.get_attribute("open") is not None


@pytest.mark.parametrize("way", ["click", "Enter", "Space"])
def test_a_box_opens(pictures: dict[str, Path], open_page: Open, way: str) -> None:
    page = open_page(pictures["network"])
    boxes = page.locator("body > .picture").get_by_role("button", name="Open ")
    assert boxes.count() > 2
    assert not any(map(is_open, page.locator("details").all()))
    box = boxes.nth(1)
    name = (box.get_attribute("aria-label") or "").removeprefix("Open ")
    if way == "click":
        box.click()
    else:
        box.press(way)
    (opened,) = filter(is_open, page.locator("details").all())
    expect(opened.locator("summary")).to_have_text(name)
    expect(opened.locator("summary")).to_be_focused()
    expect(opened.locator("summary")).to_be_in_viewport()
    expect(opened.locator("svg")).to_be_visible()
    assert opened.locator("svg .node").count() > 3


def test_boxes_in_opened_boxes_open_down_to_single_nodes(
    pictures: dict[str, Path], open_page: Open
) -> None:
    page = open_page(pictures["network"])
    seen: set[str] = set()
    place = page.locator("body > .picture")
    while place.get_by_role("button", name="Open ").count():
        names = [
            box.get_attribute("aria-label") or ""
            for box in place.get_by_role("button", name="Open ").all()
        ]
        new = [name for name in names if name not in seen]
        if not new:
            break
        seen.add(new[0])
        place.get_by_role("button", name=new[0], exact=True).first.click()
        place = page.locator("details[open]").filter(has=page.locator("summary:focus"))
    expect(place.locator("svg text:text-is('parameter')").first).to_be_visible()


def test_without_scripts_boxes_are_opened_below(pictures: dict[str, Path], open_page: Open) -> None:
    page = open_page(pictures["network"], java_script_enabled=False)
    expect(page.locator("body > .picture svg")).to_be_visible()
    details = page.locator("details").first
    expect(details.locator("svg")).to_be_hidden()
    details.locator("summary").click()
    expect(details.locator("svg")).to_be_visible()


@pytest.mark.parametrize("name", ["neuron", "network"])
def test_narrow_window(pictures: dict[str, Path], open_page: Open, name: str) -> None:
    page = open_page(pictures[name], viewport={"width": 360, "height": 640})
    for details in page.locator("details").all():
        details.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_dark_is_dark(pictures: dict[str, Path], open_page: Open) -> None:
    page = open_page(pictures["neuron"], color_scheme="dark")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert max(map(int, background)) < 64
