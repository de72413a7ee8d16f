"""The stepper in JupyterLab and in Notebook 7, with a running kernel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from autograd import Value, tanh
from tests.browser import servers
from tests.browser.conftest import PATIENCE
from tests.browser.notebooks import OpenNotebook, write_notebook
from tests.browser.walking import Walk, final_gradients
from tests.browser.watching import Watch

CELLS = (
    """
    from autograd import Value, tanh
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(6.5, label="b")
    y = tanh(x * w + b)
    y.label = "y"
    y.stepper()
    """,
    """
    import optim
    x, w, b = Value(2.0, "x", requires_grad=False), Value(-3.0, "w"), Value(6.5, "b")
    y = tanh(x * w + b)
    y.label = "y"
    live = y.stepper(live=True, optimizer=optim.SGD([w, b], lr=0.25))
    live
    """,
    "print([live.step, x.data, w.data, b.data, y.data, w.grad])",
    "live.step = 3",
    "live.move(x, 2.25)",
    "y.draw()",
)
STILL, LIVE, ASK, STEP, MOVE, DRAW, RUN_ELSEWHERE = range(7)
HOSTS = {"JupyterLab": "lab/tree", "Notebook 7": "notebooks"}


def neuron() -> Value:
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(6.5, label="b")
    y = tanh(x * w + b)
    y.label = "y"
    return y


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("notebooks")
    for host in HOSTS:
        write_notebook(folder / f"{host}.ipynb", CELLS, neuron().stepper())
    with servers.jupyter(folder) as address:
        yield address


@pytest.fixture(scope="module", params=HOSTS)
def notebook(
    request: pytest.FixtureRequest, browser: Browser, address: str
) -> Iterator[OpenNotebook]:
    """A notebook with a stepper, a live one, and one that was run elsewhere."""
    name = f"{request.param}.ipynb"
    context = browser.new_context(viewport={"width": 1280, "height": 4000})  # hosts drop the unseen
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{address}/{HOSTS[request.param]}/{name}?token={servers.TOKEN}")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    servers.wait_for_kernel(address, name)
    watch = Watch(home=address)  # the host's own errors at the start are not ours
    watch.over(context)
    notebook = OpenNotebook(page)
    notebook.run(STILL)
    notebook.run(LIVE)
    yield notebook
    context.close()
    assert watch.complaints == []


@pytest.fixture
def walk(notebook: OpenNotebook) -> Walk:
    """The stepper, at its first step and with the focus in it."""
    walk = notebook.walk(STILL)
    walk.heading.click()
    walk.element.page.keyboard.press("Home")
    assert walk.step == 0
    return walk


def test_the_stepper_walks_and_shows_what_python_computed(walk: Walk) -> None:
    walk.button("Next").click()
    assert walk.step == 1
    walk.button("Last step").click()
    assert walk.seen("gradient") == pytest.approx(final_gradients(neuron()), rel=1e-3)


def test_no_key_is_stolen_by_the_host(notebook: OpenNotebook, walk: Walk) -> None:
    keyboard = notebook.page.keyboard
    state = notebook.state()
    for key, step in {"ArrowRight": 1, "End": walk.last, "ArrowLeft": walk.last - 1}.items():
        keyboard.press(key)
        assert walk.step == step
    # Commands of a notebook: insert above and below, cut, delete, undo, change the kind, restart.
    for place in ("button", "slider", "node", "anywhere"):
        if place == "button":
            walk.button("Next").focus()
        elif place == "slider":
            walk.slider.focus()
        elif place == "node":
            walk.element.locator("svg .node[tabindex='0']").focus()
        else:
            walk.heading.click()
        for key in ("a", "b", "x", "d", "d", "z", "m", "y", "j", "k", "0", "0", "ArrowDown"):
            keyboard.press(key)
        assert notebook.state() == state, f"with the focus on the {place}"
        expect(notebook.page.get_by_role("dialog")).to_have_count(0)


def test_an_answer_can_be_typed(notebook: OpenNotebook, walk: Walk) -> None:
    state = notebook.state()
    quiz = walk.element.get_by_role("checkbox", name="Quiz")
    quiz.check()
    answer = walk.element.get_by_role("textbox")
    answer.press_sequentially("abx1/4")
    answer.press("Enter")
    expect(answer).to_have_value("abx1/4")
    expect(walk.element.locator(".verdict")).to_contain_text("not a number")
    assert notebook.state() == state
    quiz.uncheck()


def test_the_host_gets_its_keys_back(notebook: OpenNotebook, walk: Walk) -> None:
    count = notebook.cells.count()
    notebook.cells.nth(ASK).locator(".jp-InputArea-prompt").click()
    notebook.page.keyboard.press("b")
    expect(notebook.cells).to_have_count(count + 1)
    notebook.page.keyboard.press("d")
    notebook.page.keyboard.press("d")
    expect(notebook.cells).to_have_count(count)
    assert walk.step == 0


def test_the_picture_is_there_before_a_notebook_is_trusted(notebook: OpenNotebook) -> None:
    output = notebook.cells.nth(RUN_ELSEWHERE).locator(".jp-OutputArea-output")
    picture = output.get_by_role("img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("(image) => image.complete && image.naturalWidth") > 200
    expect(output.locator("li").last).to_be_visible()
    expect(output.get_by_role("slider")).to_have_count(0)


def test_a_picture_shows_itself(notebook: OpenNotebook) -> None:
    picture = notebook.run(DRAW).locator("img, svg").first
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box
    assert box["width"] > 200
    assert box["height"] > 50


def test_the_stepper_follows_the_theme_of_the_host(notebook: OpenNotebook, walk: Walk) -> None:
    backgrounds = {}
    for theme in ("Dark", "Light"):
        notebook.page.locator(".lm-MenuBar-item:has-text('Settings')").click()
        notebook.page.locator(".lm-Menu-item:has-text('Theme')").first.hover()
        notebook.page.locator(f".lm-Menu-itemLabel:text-is('JupyterLab {theme}')").click()
        expect(notebook.page.locator("body")).to_have_attribute(
            "data-jp-theme-light", "true" if theme == "Light" else "false"
        )
        colour = walk.element.evaluate("(element) => getComputedStyle(element).backgroundColor")
        backgrounds[theme] = [int(part) for part in re.findall(r"\d+", colour)]
    assert max(backgrounds["Dark"]) < 64
    assert min(backgrounds["Light"]) > 192


# Alive -----------------------------------------------------------------------------------------


def to_the_end(walk: Walk) -> None:
    walk.heading.click()
    walk.element.page.keyboard.press("End")


def asked(notebook: OpenNotebook) -> dict[str, float]:
    """What Python says: the step, the numbers and the gradient of w."""
    numbers = json.loads(notebook.run(ASK).inner_text())
    return dict(zip(["step", "x", "w", "b", "y", "grad"], numbers, strict=True))


def test_a_step_in_the_page_is_one_in_python(notebook: OpenNotebook) -> None:
    walk = notebook.walk(LIVE)
    to_the_end(walk)
    notebook.page.keyboard.press("ArrowLeft")
    assert asked(notebook)["step"] == walk.step == walk.last - 1
    walk.button("First step").click()
    assert asked(notebook)["step"] == 0


def test_a_step_in_python_is_one_in_the_page(notebook: OpenNotebook) -> None:
    notebook.run(STEP)
    expect(notebook.walk(LIVE).heading).to_contain_text("step 4 of")
    assert asked(notebook)["step"] == 3


def test_moving_a_leaf_does_both_passes_again(notebook: OpenNotebook) -> None:
    walk = notebook.walk(LIVE)
    before = asked(notebook)
    to_the_end(walk)
    state = notebook.state()
    slider = notebook.cells.nth(LIVE).get_by_role("slider", name="x, slider")
    slider.focus()
    for key in ("a", "b", "d", "d", "ArrowRight", "ArrowRight", "ArrowRight"):
        notebook.page.keyboard.press(key)
    moved = f"{float(slider.input_value()):g}"
    expect(walk.node("x").locator(".value")).to_have_text(moved)
    assert notebook.state() == state
    after = asked(notebook)
    x, w, b = after["x"], after["w"], after["b"]
    assert x > before["x"]
    assert (w, b) == (before["w"], before["b"])
    assert after["y"] == tanh(x * w + b)
    assert after["grad"] == pytest.approx(x * (1 - tanh(x * w + b) ** 2))
    assert_shown(walk, after)
    assert walk.step == walk.last


def test_a_typed_number_and_the_optimizer_move_leaves_too(notebook: OpenNotebook) -> None:
    walk = notebook.walk(LIVE)
    to_the_end(walk)
    number = notebook.cells.nth(LIVE).get_by_role("spinbutton", name="x")
    number.fill("2.5")
    number.press("Enter")
    expect(walk.node("x").locator(".value")).to_have_text("2.5")
    before = asked(notebook)
    assert before["x"] == 2.5
    notebook.cells.nth(LIVE).get_by_role("button", name="Optimizer step").click()
    expect(walk.node("w").locator(".value")).not_to_have_text(f"{before['w']:g}")
    after = asked(notebook)
    assert after["w"] == pytest.approx(before["w"] - 0.25 * before["grad"])
    assert_shown(walk, after)


def test_a_leaf_moved_in_python_moves_in_the_page(notebook: OpenNotebook) -> None:
    walk = notebook.walk(LIVE)
    to_the_end(walk)
    notebook.run(MOVE)
    expect(walk.node("x").locator(".value")).to_have_text("2.25")
    expect(notebook.cells.nth(LIVE).get_by_role("spinbutton", name="x")).to_have_value("2.25")
    assert_shown(walk, asked(notebook))


def assert_shown(walk: Walk, numbers: dict[str, float]) -> None:
    """The boxes show what Python says."""
    values = walk.seen("value")
    assert {name: values[name] for name in "xwb"} == pytest.approx(
        {name: numbers[name] for name in "xwb"}, rel=1e-3
    )
    assert walk.seen("gradient")["w"] == pytest.approx(numbers["grad"], rel=1e-3)
    assert list(values.values())[-1] == pytest.approx(numbers["y"], rel=1e-3)
