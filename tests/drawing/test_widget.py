"""The live stepper, without a browser: Python's side of it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from traitlets import TraitError

import autograd as ag
import optim
from autograd import Primitive, Value
from autograd.drawing import RenderingError
from autograd.drawing.stepper import page, stepper
from autograd.drawing.stepper.widget import StepperWidget


def neuron() -> tuple[Value, Value, Value]:
    x, w = Value(2.0, "x"), Value(-0.3, "w")
    y = ag.tanh(x * w + Value(0.1, "b"))
    y.label = "y"
    return x, w, y


def numbers(root: Value) -> list[tuple[Any, ...]]:
    nodes = stepper(root).story.nodes
    return [(node.data, node.grad, node.partials) for node in nodes]


def told(widget: StepperWidget, **wish: Any) -> list[Any]:
    """Let the notebook ask for something, and return what it is answered."""
    answers: list[Any] = []
    widget.send = lambda content, buffers=None: answers.append(content)
    message = {"method": "custom", "content": wish}
    widget._handle_msg({"content": {"data": message}, "buffers": []})
    return answers


def synced(widget: StepperWidget, **state: Any) -> None:
    """Let the notebook set traits."""
    message = {"method": "update", "state": state, "buffer_paths": []}
    widget._handle_msg({"content": {"data": message}, "buffers": []})


def test_the_step_is_set_from_either_side() -> None:
    _, _, y = neuron()
    widget = StepperWidget(y)
    seen: list[int] = []
    widget.observe(lambda change: seen.append(change["new"]), "step")
    widget.step = 3
    synced(widget, step=5)
    assert (widget.step, seen) == (5, [3, 5])


@pytest.mark.parametrize("step", [-1, 1000])
def test_a_step_that_there_is_not(step: int) -> None:
    _, _, y = neuron()
    widget = StepperWidget(y)
    with pytest.raises(TraitError, match=rf"the stepper has steps 0 to \d+, not {step}"):
        widget.step = step
    assert widget.step == 0


@pytest.mark.parametrize("number", [-7.25, 0.0, 1e-3, 1e300, math.inf, math.nan])
def test_moving_a_leaf_does_both_passes_again(number: float) -> None:
    x, _, y = neuron()
    x.grad = 77.0
    widget = StepperWidget(y)
    assert told(widget, move=0, to=number) == [{"done": True}]
    other = Value(number)
    fresh = ag.tanh(other * Value(-0.3) + Value(0.1))
    fresh.backward()
    moved, built = [y.data, x.data, x.grad], [fresh.data, number, other.grad]
    assert moved == pytest.approx(built, rel=0.0, abs=0.0, nan_ok=True)
    assert widget.message == ""


def test_what_is_shown_is_what_a_new_stepper_would_show() -> None:
    _, w, y = neuron()
    widget = StepperWidget(y, direction="TB")
    before = widget._content
    widget.move(w, 4.0)
    new = StepperWidget(y, direction="TB")
    assert widget._content == new._content != before
    assert widget._levers[1]["value"] == 4.0
    assert str(widget.still.story.sweep[0]) == str(y.steps()[0])
    assert repr(widget) == f"<StepperWidget: {len(new.still)} steps through y>"


def test_refresh_follows_what_python_changed() -> None:
    x, _, y = neuron()
    widget = StepperWidget(y)
    x.data = -1.0
    widget.refresh()
    assert y.data == math.tanh(0.3 + 0.1)
    assert widget._levers[0]["value"] == -1.0


def test_the_optimizer_moves_the_parameters() -> None:
    x, w, y = neuron()
    loss = (y - 1.0) ** 2
    optimizer = optim.SGD([w], lr=0.1)
    widget = StepperWidget(loss, optimizer)
    assert widget._optimizes
    assert widget._theme == "auto"
    slope = ag.gradients(loss, [w])[0]
    told(widget, optimize=True)
    assert w.data == -0.3 - 0.1 * slope
    assert x.data == 2.0
    assert w.grad == ag.gradients(loss, [w])[0] != slope
    first = loss.data
    for _ in range(20):
        widget.optimize()
    assert loss.data < first


def test_what_is_no_optimizer_is_refused() -> None:
    _, _, y = neuron()
    with pytest.raises(TypeError, match=r"an optimizer has zero_grad\(\) and step\(\), got float"):
        StepperWidget(y, 0.1)  # type: ignore[arg-type]


class Failing:
    """An optimizer that moves a parameter and then fails."""

    def __init__(self, parameter: Value, error: BaseException) -> None:
        self.parameter = parameter
        self.error = error

    def zero_grad(self) -> None:
        self.parameter.zero_grad()

    def step(self) -> None:
        self.parameter.data = 1e9
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("out of\nluck"), "Nothing was changed: RuntimeError: out of"),
        (KeyError("w"), "Nothing was changed: KeyError: 'w'"),
        (ValueError(), "Nothing was changed: ValueError"),
    ],
)
def test_a_failure_is_told_and_changes_nothing(error: Exception, message: str) -> None:
    _, w, y = neuron()
    y.backward()
    widget = StepperWidget(y, Failing(w, error))
    before, content = numbers(y), widget._content
    assert told(widget, optimize=True) == [{"done": True}]
    assert widget.message == message
    assert numbers(y) == before
    assert widget._content is content
    told(widget, move=0, to=1.0)
    assert widget.message == ""


def test_an_interruption_changes_nothing_and_goes_on() -> None:
    _, w, y = neuron()
    widget = StepperWidget(y, Failing(w, KeyboardInterrupt()))
    before = numbers(y)
    with pytest.raises(KeyboardInterrupt):
        widget.optimize()
    assert numbers(y) == before


def test_an_operation_that_fails_for_the_new_number() -> None:
    picky = Primitive("picky", lambda x: [1.0, 2.0][int(x)], lambda out, x: (1.0,))
    x = Value(1.0, "x")
    y = x * 3.0 + picky(x)
    widget = StepperWidget(y)
    before = numbers(y)
    told(widget, move=0, to=5.0)
    assert widget.message == "Nothing was changed: IndexError: list index out of range"
    assert numbers(y) == before
    assert widget._levers[0]["value"] == 1.0


def test_a_picture_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _, y = neuron()
    widget = StepperWidget(y)
    before, still = numbers(y), widget.still

    def fail(*arguments: object) -> None:
        raise RenderingError("there is no Graphviz")

    monkeypatch.setattr(page, "markup", fail)
    told(widget, move=0, to=7.0)
    assert widget.message == "Nothing was changed: RenderingError: there is no Graphviz"
    assert widget.still is still
    assert numbers(y) == before
    assert x.data == 2.0


@pytest.mark.parametrize("wish", [{"move": 99, "to": 1.0}, {"move": 0}, {"move": 0, "to": "2"}])
def test_a_wish_that_makes_no_sense(wish: dict[str, Any]) -> None:
    _, _, y = neuron()
    widget = StepperWidget(y)
    before = numbers(y)
    assert told(widget, **wish) == [{"done": True}]
    assert widget.message.startswith("Nothing was changed: ")
    assert numbers(y) == before


def test_only_leaves_of_the_graph_can_be_moved() -> None:
    x, _, y = neuron()
    limit = Value(9.0, "limit", requires_grad=False)
    root = y * 3.0 * limit
    widget = StepperWidget(root)
    assert [lever["name"] for lever in widget._levers] == ["x", "w", "b", "limit"]
    for stranger in (Value(1.0), y, root.parents[0].parents[1]):
        with pytest.raises(ValueError, match="is no leaf of this graph that can be moved"):
            widget.move(stranger, 1.0)
    with pytest.raises(TypeError, match="a Value's data is a real number, got str"):
        widget.move(x, "two")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="this stepper has no optimizer: pass one"):
        widget.optimize()


@pytest.mark.parametrize("first", [0.0, -1e-320, 1.7e308, -1.79e308, math.nan])
@pytest.mark.parametrize("second", [6e307, -1e9, math.inf])
def test_a_slider_reaches_its_number_and_json_can_have_it(first: float, second: float) -> None:
    x = Value(first, "x")
    widget = StepperWidget(x * 1.0)
    for number in (first, second):
        widget.move(x, number)
        (lever,) = widget._levers
        json.dumps([lever, widget._content], allow_nan=False)
        assert lever["low"] < lever["high"]
        if math.isfinite(number):
            assert lever["low"] <= lever["value"] == number <= lever["high"]
        else:
            assert lever["value"] is None


def test_a_slider_moves_in_round_steps_and_stays_where_it_is() -> None:
    x = Value(0.3, "x")
    widget = StepperWidget(x * 1.0)
    expected = {"name": "x", "value": 0.3, "low": -0.7, "high": 1.3, "grain": 0.01}
    assert widget._levers == [pytest.approx(expected)]
    widget.move(x, 1.2)
    assert widget._levers == [pytest.approx(expected | {"value": 1.2})]
    widget.move(x, 30.0)
    assert widget._levers[0]["high"] == pytest.approx(90.0)


def test_two_widgets_on_one_graph_are_apart() -> None:
    x, _, y = neuron()
    one, other = StepperWidget(y), StepperWidget(y * y)
    one.step = 3
    one.move(x, 5.0)
    assert other.step == 0
    other.refresh()
    assert other._levers[0]["value"] == 5.0
    assert one.model_id != other.model_id


def test_a_reader_without_a_kernel_sees_the_page() -> None:
    _, _, y = neuron()
    widget = StepperWidget(y)
    bundle, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert '<ol class="steps">' in bundle["text/html"]
    assert bundle["text/plain"] == repr(widget)


def test_the_script_is_one_module() -> None:
    _, _, y = neuron()
    script = StepperWidget(y)._esm
    assert script.count("export default") == 1
    assert "export function mount(" in script
    assert "import " not in script.replace("* import", "")


def test_without_anywidget_one_sentence_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['anywidget'] = None; import autograd, nn, optim\n"
        "y = autograd.Value(2.0) * 3.0\n"
        "y.stepper()\n"
        "try: y.stepper(live=True)\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == 'a live stepper needs anywidget: pip install "stepgrad[notebook]"\n'


def test_importing_autograd_does_not_import_it() -> None:
    code = (
        "import sys, autograd, autograd.drawing; print({'anywidget', 'traitlets'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_it_is_made_by_the_method_too() -> None:
    _, w, y = neuron()
    optimizer = optim.SGD([w], lr=0.1)
    widget: Any = y.stepper(live=True, optimizer=optimizer, direction="TB")
    assert isinstance(widget, StepperWidget)
    assert widget.optimizer is optimizer
    assert widget.still.direction == "TB"
    with pytest.raises(TypeError, match="only a live stepper takes an optimizer"):
        y.stepper(optimizer=optimizer)
