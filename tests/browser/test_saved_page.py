"""The saved stepper, clicked and typed at as a reader does, without a network."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import expect

from autograd import Value, log, sqrt, tanh
from autograd.formula import visible
from autograd.sweep import Sweep
from tests.browser.conftest import Open
from tests.browser.walking import Walk, final_gradients
from tests.browser.watching import serious_violations


def neuron() -> Value:
    """One node is used three times; gradients of either sign and zero flow."""
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(6.5, label="b")
    z = Value(0.0, label="z")
    n = x * w + b
    n.label = "n"
    o = tanh(n)
    o.label = "o"
    loss = (o - 1.0) ** 2 - x * x + w * z * z
    loss.label = "L"
    return loss


def undefined() -> Value:
    """An infinite local derivative, and a nan."""
    x, y = Value(0.0, label="x"), Value(-1.0, label="y")
    return sqrt(x) + log(y) * 0.0


GRAPHS = {"neuron": neuron, "undefined": undefined}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {name: graph().stepper().save(folder / f"{name}.html") for name, graph in GRAPHS.items()}


@pytest.fixture
def walk(pages: dict[str, Path], open_page: Open) -> Walk:
    return Walk(open_page(pages["neuron"], reduced_motion="reduce"))


# The numbers are Python's ----------------------------------------------------------------------


@pytest.mark.parametrize("name", GRAPHS)
def test_the_boxes_show_what_the_sweep_computes(
    pages: dict[str, Path], open_page: Open, name: str
) -> None:
    root = GRAPHS[name]()
    walk = Walk(open_page(pages[name]))
    walk.button("Last step").click()
    assert walk.seen("gradient") == pytest.approx(final_gradients(root), rel=1e-3, nan_ok=True)
    sweep = Sweep(root)
    values = {sweep.names[node]: node.data for node in sweep.order}
    assert {name: walk.seen("value")[name] for name in values} == pytest.approx(
        values, rel=1e-3, nan_ok=True
    )


def test_each_step_adds_the_number_of_one_node_and_rings_it(walk: Walk) -> None:
    sweep = Sweep(neuron())
    order = [sweep.names[node] for node in sweep.order]
    assert set(walk.seen("value")) >= {"x", "w", "b", "z"}
    assert walk.seen("gradient") == {}
    told: list[str] = []
    while walk.step < walk.last:
        before = walk.look()
        walk.button("Next").click()
        now = walk.look()
        what = "gradient" if "Backward" in walk.heading.inner_text() else "value"
        new = [
            node["name"]
            for old, node in zip(before["nodes"], now["nodes"], strict=True)
            if old[what] is None and node[what] is not None
        ]
        ringed = [node["name"] for node in now["nodes"] if node["ringed"]]
        assert new == ringed
        told += ringed if what == "gradient" else []
    assert list(reversed(told)) == order
    assert ringed == []


def test_the_edges_that_carry_gradient_are_thick_with_their_sign_in_colour_and_dash(
    walk: Walk,
) -> None:
    sweep = Sweep(neuron())
    shares = [
        (sweep.names[edge.parent], edge.contribution) for step in sweep for edge in step.edges
    ]
    walk.node("o").click()
    walk.button("To the gradient of o →").click()
    thin, *_, thick = sorted({edge["width"] for edge in walk.look()["edges"]})
    assert thick >= 2 * thin
    looks: dict[str, set[tuple[str, str]]] = {"+": set(), "-": set(), "0": set()}
    for name in ("o", "z", "x"):
        walk.node(name).click()
        carrying = [edge for edge in walk.look()["edges"] if edge["width"] == thick]
        signs = ["0+-"[(share > 0) - (share < 0)] for parent, share in shares if parent == name]
        assert len(carrying) == len(signs)
        if len(set(signs)) == 1:
            looks[signs[0]] |= {(edge["colour"], edge["dashes"]) for edge in carrying}
        else:
            both = Counter((edge["colour"], edge["dashes"]) for edge in carrying)
            assert {both[look] for look in looks["-"]} == {signs.count("-")}
            looks["+"] |= set(both) - looks["-"]
    assert [len(look) for look in looks.values()] == [1, 1, 1]
    colours, dashes = zip(*set.union(*looks.values()), strict=True)
    assert len(set(colours)) == len(set(dashes)) == 3


# Ways to go ------------------------------------------------------------------------------------


def test_buttons(walk: Walk) -> None:
    assert walk.step == 0
    expect(walk.heading).to_contain_text(f"step 1 of {walk.last + 1}")
    for name, step in (("Next", 1), ("Next", 2), ("Back", 1), ("Last step", walk.last)):
        walk.button(name).click()
        assert walk.step == step
    for name in ("Next", "Last step"):
        expect(walk.button(name)).to_have_attribute("aria-disabled", "true")
    walk.button("Next").click(force=True)
    assert walk.step == walk.last
    walk.button("First step").click()
    assert walk.step == 0
    for name in ("Back", "First step"):
        expect(walk.button(name)).to_have_attribute("aria-disabled", "true")


def test_keys_count_wherever_the_focus_is_on_the_page(walk: Walk) -> None:
    keys = walk.element.page.keyboard
    last = walk.last
    steps = {"ArrowRight": 1, "End": last, "ArrowLeft": last - 1, "Home": 0}
    for key, step in steps.items():
        keys.press(key)
        assert walk.step == step
    keys.press("ArrowLeft")
    assert walk.step == 0


def test_keys_of_the_browser_are_left_to_it(walk: Walk) -> None:
    walk.element.page.keyboard.press("ArrowRight")
    walk.element.page.keyboard.press("Control+ArrowRight")
    walk.element.page.keyboard.press("Alt+Shift+ArrowRight")
    assert walk.step == 1


def test_slider(walk: Walk) -> None:
    box = walk.slider.bounding_box()
    assert box
    mouse = walk.element.page.mouse
    mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    assert walk.step == walk.last
    mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    mouse.up()
    assert 0.3 * walk.last < walk.step < 0.7 * walk.last
    expect(walk.heading).to_contain_text(f"step {walk.step + 1} of {walk.last + 1}")
    expect(walk.slider).to_have_attribute("aria-valuetext", re.compile(f"^step {walk.step + 1} "))


def test_play_goes_on_by_itself_until_the_end_or_a_pause(
    pages: dict[str, Path], open_page: Open
) -> None:
    page = open_page(pages["neuron"])
    page.clock.install()
    walk = Walk(page)
    walk.button("Play").click()
    page.clock.run_for(5_000)
    reached = walk.step
    assert 1 < reached < walk.last
    walk.button("Pause").click()
    page.clock.run_for(10_000)
    assert walk.step == reached
    page.locator("h1").click()
    page.keyboard.press("Space")
    page.clock.run_for(100_000)
    assert walk.step == walk.last
    expect(walk.button("Play")).to_be_visible()
    page.keyboard.press("Space")
    assert walk.step == 0
    expect(walk.button("Pause")).to_be_visible()


def test_a_click_on_a_node_goes_to_its_step_and_unfolds_its_chain_rule(walk: Walk) -> None:
    walk.node("n").click()
    assert walk.ringed() == ["n"]
    expect(walk.heading).to_contain_text("Forward pass")
    chain = walk.element.locator("details.chain")
    expect(chain.locator("math").first).to_be_visible()
    walk.button("To the gradient of n →").click()
    expect(walk.heading).to_contain_text("Backward pass")
    assert walk.ringed() == ["n"]
    walk.node("x").click()
    assert walk.ringed() == ["x"]
    expect(walk.heading).to_contain_text("Backward pass")
    expect(chain).to_have_count(1)
    expect(chain.locator("summary")).to_contain_text("from L back to x")
    expect(chain.locator("math").first).to_be_visible()
    chain.locator("summary").click()
    expect(chain.locator("math").first).to_be_hidden()
    walk.button("← To the value of x").click()
    assert walk.step == 0


def test_the_equation_says_the_sum_with_the_real_numbers(walk: Walk) -> None:
    walk.button("Last step").click()
    walk.node("x").click()
    equation = walk.element.locator(".steps math:visible")
    shown = re.sub(r"\s", "", equation.text_content() or "")
    assert shown.startswith("∂L∂x=∂L∂")
    for step in Sweep(neuron()):
        for edge in step.edges:
            if edge.parent.label == "x":
                assert f"{abs(edge.local_derivative):.4g}" in shown
    expect(walk.element.locator(".check:visible")).to_contain_text("✓")


def test_what_happens_is_announced(walk: Walk) -> None:
    spoken = walk.element.get_by_role("status").filter(has_text="Step 1 of")
    expect(spoken).to_have_count(1)
    walk.button("Next").click()
    expect(walk.element.get_by_role("status").filter(has_text="Step 2 of")).to_have_count(1)
    expect(walk.element.get_by_role("status").filter(has_text="is computed from")).to_have_count(1)


# The quiz --------------------------------------------------------------------------------------


def test_quiz_asks_before_it_shows(walk: Walk) -> None:
    gradients = final_gradients(neuron())
    walk.element.get_by_role("checkbox", name="Quiz").check()
    (asked,) = walk.ringed()
    answer = walk.element.get_by_role("textbox")
    expect(answer).to_be_focused()
    assert asked not in walk.seen("gradient")
    expect(walk.element.locator(".steps math:visible")).to_have_count(0)
    expect(walk.element.locator(".check:visible")).to_have_count(0)

    answer.fill("what?")
    answer.press("Enter")
    expect(walk.element.locator(".verdict")).to_contain_text("not a number")
    answer.fill(str(-3 * gradients[asked]))
    answer.press("Enter")
    expect(walk.element.locator(".verdict")).to_contain_text("try again")
    assert asked not in walk.seen("gradient")
    answer.fill(str(gradients[asked]))
    answer.press("Enter")
    expect(walk.element.locator(".verdict")).to_contain_text("Right")
    assert walk.seen("gradient")[asked] == pytest.approx(gradients[asked], rel=1e-3)
    expect(walk.element.locator(".score")).to_contain_text("0 of 1")

    walk.element.page.keyboard.press("Enter")  # the focus is on Next
    (asked,) = walk.ringed()
    answer.fill(str(gradients[asked]))
    walk.button("Check").click()
    expect(walk.element.locator(".score")).to_contain_text("1 of 2")
    walk.button("Next").click()
    walk.button("Show it").click()
    expect(walk.element.locator(".score")).to_contain_text("1 of 3")
    assert walk.ringed()[0] in walk.seen("gradient")


def test_quiz_gives_nothing_away(walk: Walk) -> None:
    walk.element.get_by_role("checkbox", name="Quiz").check()
    (asked,) = walk.ringed()
    node = walk.node(asked)
    assert "gradient" not in (node.get_attribute("aria-label") or "")
    assert "grad" not in (node.locator("title").text_content() or "")


def test_arrows_in_the_answer_move_its_cursor(walk: Walk) -> None:
    walk.element.get_by_role("checkbox", name="Quiz").check()
    step = walk.step
    answer = walk.element.get_by_role("textbox")
    answer.press_sequentially("14")
    answer.press("ArrowLeft")
    answer.press_sequentially("/")
    expect(answer).to_have_value("1/4")
    answer.press("Home")
    answer.press_sequentially("- ")
    expect(answer).to_have_value("- 1/4")
    assert walk.step == step


# Everybody can use it --------------------------------------------------------------------------


def test_keyboard_alone_reaches_everything_and_leaves_again(walk: Walk) -> None:
    page = walk.element.page
    reached: list[str] = []
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
                const element = document.activeElement;
                if (element === document.body) return null;
                const style = getComputedStyle(element.querySelector?.(".ring") ?? element);
                const shown = style.outlineStyle !== "none" || style.stroke !== "none";
                const label = element.getAttribute("aria-label") ?? element.textContent;
                return [label || element.labels?.[0]?.textContent || element.tagName, shown];
            }"""
        )
        if focused is None:
            break
        name, shown = focused
        assert shown, f"the focus on {name!r} can't be seen"
        reached.append(name)
    else:
        pytest.fail(f"the tab key never leaves: {reached}")
    assert any(name.startswith(("b, ", "x, ")) for name in reached), reached
    # Buttons at the ends are reached although they do nothing there.
    buttons = ["First step", "Back", "Play", "Next", "Last step", "Step", "Quiz"]
    assert sorted(name for name in reached if name in buttons) == sorted(buttons)


def test_nodes_are_reached_and_pressed_with_keys(walk: Walk) -> None:
    keyboard = walk.element.page.keyboard
    walk.element.locator("svg .node[tabindex='0']").focus()
    for _ in range(len(walk.look()["nodes"]) - 1):
        keyboard.press("ArrowDown")
    keyboard.press("Enter")
    assert walk.ringed() == ["L"]
    keyboard.press("ArrowRight")
    expect(walk.heading).to_contain_text("Backward pass")
    keyboard.press("ArrowUp")
    keyboard.press("Space")
    assert len(walk.ringed()) == 1
    assert walk.ringed() != ["L"]
    expect(walk.button("Play")).to_be_visible()  # Space pressed the node: nothing plays


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_violation(pages: dict[str, Path], open_page: Open, scheme: str) -> None:
    for name in pages:
        page = open_page(pages[name], color_scheme=scheme, reduced_motion="reduce")
        page.keyboard.press("End")
        assert serious_violations(page) == []
    walk = Walk(page)
    walk.node("x").click()  # its chain rule unfolds
    assert serious_violations(page) == []
    walk.element.get_by_role("checkbox", name="Quiz").check()
    walk.element.get_by_role("textbox").fill("12345")
    walk.button("Check").click()
    assert serious_violations(page) == []


def test_dark_is_dark(pages: dict[str, Path], open_page: Open) -> None:
    script = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    dark = open_page(pages["neuron"], color_scheme="dark").evaluate(script)
    light = open_page(pages["neuron"], color_scheme="light").evaluate(script)
    assert max(dark) < 64
    assert min(light) > 192


def test_nothing_moves_for_who_wants_no_motion(pages: dict[str, Path], open_page: Open) -> None:
    def movements(motion: str) -> int:
        walk = Walk(open_page(pages["neuron"], reduced_motion=motion))
        count: int = walk.element.evaluate(
            """(element) => {
                element.querySelector("[aria-label='Last step']").click();
                element.querySelector("[aria-label='Back']").click();
                return document.getAnimations().length;
            }"""
        )
        return count

    assert movements("no-preference") > 0
    assert movements("reduce") == 0


def test_narrow_window(pages: dict[str, Path], open_page: Open) -> None:
    page = open_page(pages["neuron"], viewport={"width": 360, "height": 640})
    walk = Walk(page)
    for step in range(walk.last + 1):
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, f"at step {step}"
        page.keyboard.press("ArrowRight")
    walk.element.get_by_role("checkbox", name="Quiz").check()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for button in walk.element.get_by_role("button").all():
        box = button.bounding_box()
        if box and button.get_attribute("data-place") is None:  # nodes scroll with their graph
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360


def test_the_node_of_the_step_is_in_sight_in_a_narrow_window(
    pages: dict[str, Path], open_page: Open
) -> None:
    page = open_page(pages["neuron"], viewport={"width": 360, "height": 640})
    walk = Walk(page)
    for _ in range(walk.last):
        page.keyboard.press("ArrowRight")
        for node in walk.element.locator("svg .node.current").all():
            box, graph = node.bounding_box(), walk.element.locator(".graph").bounding_box()
            assert box
            assert graph
            assert graph["x"] - 1 <= box["x"]
            assert box["x"] + box["width"] <= graph["x"] + graph["width"] + 1


# Elsewhere -------------------------------------------------------------------------------------


def test_without_scripts_the_final_picture_and_all_steps_are_there(
    pages: dict[str, Path], open_page: Open
) -> None:
    page = open_page(pages["neuron"], java_script_enabled=False)
    svg = page.locator(".graph svg")
    box = svg.bounding_box()
    assert box
    assert box["width"] > 200
    assert box["height"] > 100
    gradients = final_gradients(neuron())
    for text in svg.locator(".node text.gradient").all():
        expect(text).to_be_visible()
    assert svg.locator(".node text.gradient").count() == len(gradients)
    for text in svg.locator(".node text.no-gradient").all():
        expect(text).to_be_hidden()
    steps = page.locator(".steps > li")
    assert steps.count() > 10
    expect(steps.last).to_be_visible()


def test_two_on_one_page_do_not_know_of_each_other(tmp_path: Path, open_page: Open) -> None:
    walked = neuron().stepper()
    path = tmp_path / "two.html"
    fragments = walked._repr_html_(), walked._repr_html_()
    path.write_text(f"<!DOCTYPE html><meta charset='utf-8'>{''.join(fragments)}", encoding="utf-8")
    page = open_page(path)
    first, second = Walk(page), Walk(page, nth=1)
    second.button("Next").click()
    page.keyboard.press("ArrowRight")
    assert (first.step, second.step) == (0, 2)
    first.button("Next").click()
    page.keyboard.press("End")
    assert (first.step, second.step) == (first.last, 2)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))


EVIL = [
    "</script><script>throw new Error('a label was run')</script>",
    "<img src=x onerror='throw new Error(1)'>",
    "\"'`${1}\\",
    "a|b{c}&amp;&#60;",
    "two\nlines\ttab",
    "🦉 Ω العربية",
    "]]>-->",
    "long " * 2_000,
]


def test_labels_are_shown_as_they_are(tmp_path: Path, open_page: Open) -> None:
    leaves = [Value(1.0 + place, label=label) for place, label in enumerate(EVIL)]
    root = leaves[0]
    for leaf in leaves[1:]:
        root = root * leaf
    root.label = EVIL[0]
    page = open_page(root.stepper().save(tmp_path / "evil.html"))
    walk = Walk(page)
    names = [node["name"] for node in walk.look()["nodes"]]
    for label in EVIL:
        assert any(name.startswith(visible(label)[:10]) for name in names), label
    for _ in range(walk.last):
        page.keyboard.press("ArrowRight")
    assert page.locator("img").count() == 0
    assert walk.step == walk.last
