"""Fit: what is trained on, what is told, when it stops, and what is left when it goes wrong."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from autograd import Value, log, sqrt
from nn import (
    MLP,
    BatchNorm1d,
    DivergedError,
    Dropout,
    History,
    Linear,
    Module,
    Sequential,
    evaluate,
    fit,
    is_correct,
    losses,
)
from optim import SGD, Adam
from optim.schedules import ExponentialLR, ReduceLROnPlateau

XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
ONE = [[0.0]], [1.0]


class Constant(Module):
    """Says the same whatever it is asked, and notes what it was asked and in which mode."""

    def __init__(self, c: float = 0.0) -> None:
        self.c = Value(c)
        self.asked: list[Any] = []
        self.modes: list[bool] = []

    def forward(self, x: Any) -> Value:
        self.asked.append(x)
        self.modes.append(self.training)
        return 1.0 * self.c


def run(model: Module, data: Any = ONE, loss: Any = losses.mse, **options: Any) -> History:
    optimizer = SGD(model.parameters(), lr=options.pop("lr", 0.25))
    return fit(model, data, loss, optimizer, **options)


# What is done.


def test_fit_does_what_it_says_by_hand() -> None:
    """Batches of 2 and 1: mean loss over samples, not over batches."""
    model = Constant()
    data = [[0], [1], [2]], [1.0, 1.0, 1.0]
    history = run(
        model,
        data,
        epochs=1,
        batch_size=2,
        validation=data,
        accuracy=lambda output, target: float(output) > 0.25,
    )
    # c: 0 → 0.5 → 0.75; losses 1, 1, then 0.25; afterwards 0.0625 each
    assert model.c.data == 0.75
    expected = History([(1.0 + 1.0 + 0.25) / 3], [1 / 3], [0.0625], [1.0], stopped="epochs")
    assert history == expected
    assert sorted(model.asked[:3]) == data[0]


def test_fit_mixes_anew_each_epoch_unless_told_not_to() -> None:
    X = [[k] for k in range(20)]
    model = Constant()
    run(model, (X, [0.0] * 20), epochs=2, seed=0)
    first, second = model.asked[:20], model.asked[20:]
    assert sorted(first) == sorted(second) == X
    assert X != first != second != X
    model = Constant()
    run(model, (X, [0.0] * 20), epochs=2, seed=0, shuffle=False)
    assert model.asked == X + X


def test_drop_last() -> None:
    model = Constant()
    run(model, ([[k] for k in range(5)], [0.0] * 5), epochs=1, batch_size=2, drop_last=True)
    assert len(model.asked) == 4


def test_a_batched_model_is_given_the_whole_batch() -> None:
    model = Sequential(Linear(1, 2, seed=0), BatchNorm1d(2), "tanh", Linear(2, 1, seed=1))
    data = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 0.0, 1.0]
    history = run(model, data, epochs=30, batch_size=2, batched=True, validation=data, seed=0)
    assert history.loss[-1] < history.loss[0]
    assert model.state_dict()["layers.1.num_batches_tracked"] == 60.0
    # The running statistics are used for validation, and not moved by it.
    assert history.validation_loss[-1] == evaluate(model, data, losses.mse, batched=True)[0]


def test_the_model_is_trained_in_training_mode_and_validated_in_the_other() -> None:
    for before in (True, False):
        model = Constant()
        model.training = before
        run(model, epochs=2, validation=ONE)
        assert model.modes == [True, False] * 2
        assert model.training is before


def test_dropout_is_off_in_evaluation() -> None:
    model = Sequential(Dropout(1.0))
    assert evaluate(model, ([[1.0]], [[1.0]]), losses.mse) == [0.0]
    assert model[0].training


def test_validation_leaves_no_gradients_and_no_graph() -> None:
    model = MLP(2, [2], seed=0)
    model([1.0, 1.0])[0].backward()
    before = [p.grad for p in model.parameters()]
    assert len(evaluate(model, XOR, losses.cross_entropy)) == 1
    assert [p.grad for p in model.parameters()] == before


def test_fit_learns_xor_and_repeats_to_the_bit() -> None:
    def trained() -> tuple[dict[str, float], History]:
        model = MLP(2, [4, 2], seed=3)
        optimizer = Adam(model.parameters(), lr=0.05)
        options: dict[str, Any] = {"batch_size": 2, "accuracy": is_correct, "seed": 3}
        history = fit(model, XOR, losses.cross_entropy, optimizer, epochs=150, **options)
        return model.state_dict(), history

    state, history = trained()
    assert history.accuracy[-1] == 1.0
    assert history.loss[-1] < 0.05
    assert (state, history) == trained()


@pytest.mark.parametrize(
    ("option", "moved"), [({"clip_norm": 0.5}, 0.125), ({"clip_value": 1.0}, 0.25), ({}, 0.5)]
)
def test_clipping(option: dict[str, float], moved: float) -> None:
    model = Constant()  # the gradient is -2
    run(model, epochs=1, **option)
    assert model.c.data == pytest.approx(moved, rel=1e-5)


@pytest.mark.parametrize(("per", "expected"), [("epoch", 0.25), ("batch", 0.0625)])
def test_a_schedule_is_stepped_per_epoch_or_batch(per: Any, expected: float) -> None:
    model = Constant()
    optimizer = SGD(model.parameters(), lr=1.0)
    schedule = ExponentialLR(optimizer, gamma=0.5)
    data = [[0.0], [1.0]], [1.0, 1.0]
    options: dict[str, Any] = {"schedule": schedule, "schedule_per": per, "batch_size": 1}
    fit(model, data, losses.mse, optimizer, epochs=2, **options)
    assert optimizer.param_groups[0]["lr"] == expected


@pytest.mark.parametrize("per", ["epoch", "batch"])
def test_a_schedule_that_asks_for_a_measure_is_given_the_loss(per: Any) -> None:
    told: list[float] = []

    class Listening(ReduceLROnPlateau):
        def step(self, metrics: Any) -> None:
            told.append(float(metrics))

    model = Constant()
    optimizer = SGD(model.parameters(), lr=0.25)
    options: dict[str, Any] = {"schedule": Listening(optimizer), "schedule_per": per}
    history = fit(model, ONE, losses.mse, optimizer, epochs=3, validation=ONE, **options)
    assert told == (history.validation_loss if per == "epoch" else history.loss)


# When it stops.


class Scripted:
    """A loss that is as told when it is validated, and moves the constant by 1 per epoch."""

    def __init__(self, *validation: float) -> None:
        self.validation = iter(validation)

    def __call__(self, outputs: Sequence[Value], targets: Sequence[float]) -> Any:
        return -4.0 * outputs[0] if outputs[0].requires_grad else Value(next(self.validation))


@pytest.mark.parametrize(
    ("script", "options", "reason", "epochs", "best"),
    [
        ([3, 2, 2.5, 2.4, 1], {"patience": 2}, "patience", 4, 2),
        ([3, 2, 2.5, 1, 1.5, 1.5], {"patience": 2}, "patience", 6, 4),
        ([3, 3, 2, 2, 2], {"patience": 1}, "patience", 2, 1),
        ([3, 2.9, 2.8, 2.7, 1], {"patience": 2, "min_delta": 0.5}, "patience", 3, 3),
        ([3, math.nan, 2], {"patience": 2}, "epochs", 3, 3),
        ([math.nan, math.nan], {"patience": 2}, "patience", 2, 1),
        ([3, 2, 1, 0], {"stop_at_loss": 1}, "loss", 3, 3),
        ([3, 2, 1, 0], {}, "epochs", 4, 4),
        ([3, 2, 1], {"callbacks": [lambda h: len(h.loss) == 2]}, "callback", 2, 2),
        ([3, 2, 1], {"callbacks": [lambda h: "going on"]}, "epochs", 3, 3),
    ],
)
def test_stopping(
    script: list[float], options: dict[str, Any], reason: str, epochs: int, best: int
) -> None:
    for restore_best in (False, True):
        model = Constant()
        loss = Scripted(*script)
        every = {"epochs": len(script), "validation": ONE, "restore_best": restore_best}
        history = run(model, ONE, loss, **every, **options)
        assert (history.stopped, len(history.loss)) == (reason, epochs)
        assert history.best_epoch == best
        finite = any(map(math.isfinite, script))
        assert model.c.data == (best if restore_best and finite else epochs)


def test_without_validation_the_training_loss_is_watched() -> None:
    history = run(Constant(), epochs=50, stop_at_loss=0.01)
    assert history.stopped == "loss"
    assert history.loss[-1] <= 0.01 < history.loss[-2]


def test_every_callback_is_called_once_per_epoch_with_the_history() -> None:
    seen: list[Any] = []
    callbacks = [lambda h: seen.append(h.loss[-1]) or len(seen) > 2, lambda h: seen.append("b")]
    history = run(Constant(), epochs=9, callbacks=callbacks)
    assert seen == [history.loss[0], "b", history.loss[1], "b"]


class Interrupter:
    """Raises KeyboardInterrupt at the n-th line that is run in some files."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.raised = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.endswith(("nn/training.py", "optim/optimizer.py")):
            return None
        if event == "line" and not self.raised:
            self.left -= 1
            if self.left < 0:
                self.raised = True
                raise KeyboardInterrupt
        return self


def test_ctrl_c_at_any_line_leaves_the_model_as_after_a_step() -> None:
    data = [[0.0], [1.0], [2.0]], [1.0, 0.0, 3.0]

    def trained(model: Module, interrupter: Any = None) -> History:
        optimizer = Adam(model.parameters(), lr=0.1)
        options: dict[str, Any] = {"epochs": 2, "batch_size": 2, "validation": data, "seed": 0}
        tracer = sys.gettrace()
        sys.settrace(interrupter)
        try:
            return fit(model, data, losses.mse, optimizer, **options)
        finally:
            sys.settrace(tracer)

    class Noting(Adam):
        def step(self) -> None:
            super().step()
            states.append(model.state_dict())

    model: Module = MLP(1, [1], seed=0)
    states = [model.state_dict()]
    whole = fit(
        model,
        data,
        losses.mse,
        Noting(model.parameters(), lr=0.1),
        epochs=2,
        batch_size=2,
        validation=data,
        seed=0,
    )
    assert len(states) == 5
    reached = set()
    for number in count(0, 7):
        model, interrupter = MLP(1, [1], seed=0), Interrupter(number)
        try:
            history = trained(model, interrupter)
        except KeyboardInterrupt:
            # Before the first step, or when there was nothing left to do but to return.
            assert model.state_dict() in (states[0], states[-1])
            continue
        if not interrupter.raised:
            break
        assert history.stopped in ("interrupted", "epochs")
        assert model.state_dict() in states
        reached.add(states.index(model.state_dict()))
        epochs = len(history.loss)
        assert len(history.validation_loss) == epochs
        assert history.loss == whole.loss[:epochs]
    assert reached == {0, 1, 2, 3, 4}


def test_an_interrupted_training_goes_on() -> None:
    def interrupt(history: History) -> None:
        if len(history.loss) == 2:
            raise KeyboardInterrupt

    model = Constant()
    history = run(model, epochs=9, callbacks=[interrupt], restore_best=True)
    assert (history.stopped, history.loss) == ("interrupted", [1.0, 0.25])
    assert run(model, epochs=1).loss == [0.0625]


def test_other_errors_are_not_swallowed_and_undo_the_step() -> None:
    model = Constant()

    class Failing(Adam):
        def step(self) -> None:
            super().step()
            raise RuntimeError("out of ink")

    optimizer = Failing(model.parameters(), lr=0.25)
    with pytest.raises(RuntimeError, match="out of ink"):
        fit(model, ONE, losses.mse, optimizer)
    assert model.c.data == 0.0
    assert optimizer.state_dict()["state"] == [{}]


# When it goes wrong.


def diverging(model: Module, loss: Any, lr: float, data: Any = ONE) -> str:
    """Train until it diverges, and return the message; the model is then still finite."""
    with pytest.raises(DivergedError) as caught:
        run(model, data, loss, lr=lr, epochs=2000)
    assert all(map(math.isfinite, model.state_dict().values()))
    history = caught.value.history
    assert history.stopped == "diverged"
    assert all(map(math.isfinite, history.loss))
    assert f"training diverged in epoch {len(history.loss) + 1}: " in str(caught.value)
    return str(caught.value)


def test_a_learning_rate_that_is_too_large_is_told() -> None:
    model = MLP(1, [2, 1], activation="relu", seed=0)
    message = diverging(model, losses.mse, lr=50.0, data=([[1.0], [2.0]], [1.0, -1.0]))
    assert re.search(r"the model's outputs have grown to \de\+1\d\d \(.* made inf from", message)
    assert "try a smaller learning rate" in message


def test_the_first_module_that_overflows_is_named() -> None:
    model = Sequential(Linear(1, 1), "tanh", Linear(1, 1), Linear(1, 1), Linear(1, 1))
    for parameter in model.parameters():
        parameter.data = 1e200
    message = diverging(model, losses.mse, lr=0.1, data=([[1.0]], [[1.0]]))
    assert "layers.3, Linear(1, 1), is the first to return nan or inf" in message
    assert "made inf from" in message


def test_the_operation_of_the_loss_that_fails_is_named() -> None:
    def loss(outputs: Any, targets: Any) -> Any:
        return log(outputs[0])

    message = diverging(Constant(-1.0), loss, lr=0.1)
    assert "the model's outputs are finite, so it arises in the loss function" in message
    assert "log made nan from -1.0" in message
    assert "test_training.py" in message


def test_running_statistics_that_overflow_are_not_taken_for_the_cause() -> None:
    model = Sequential(Linear(1, 2), BatchNorm1d(2), Linear(2, 1))
    data = [[0.0], [1.0], [3.0]], [0.0, 1.0, 1.0]
    with pytest.raises(DivergedError, match=r"in epoch 2: .* try a smaller learning rate"):
        run(model, data, lr=1e200, epochs=9, batched=True)


def test_a_gradient_that_is_not_finite_is_named() -> None:
    def loss(outputs: Any, targets: Any) -> Any:
        return sqrt(outputs[0] * outputs[0])

    message = diverging(Constant(0.0), loss, lr=0.1)
    assert "the gradient of c is nan" in message
    assert "the sweep through sqrt made" in message


def test_a_step_that_goes_too_far_is_told_and_undone() -> None:
    model = Constant(1.0)
    message = diverging(model, lambda outputs, targets: 1e10 * outputs[0], lr=1e300)
    assert "the optimizer's step made c -inf, from 1 with the gradient 1e+10" in message
    assert model.c.data == 1.0


def test_a_parameter_that_is_nan_from_the_beginning_is_named() -> None:
    model = MLP(1, [1], seed=0)
    model.layers[0].neurons[0].b.data = math.nan
    with pytest.raises(DivergedError, match=r"layers.0.neurons.0.b was nan before the step"):
        run(model)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"epochs": 0}, ValueError, "number of epochs .* got 0"),
        ({"batch_size": 0}, ValueError, "size of a batch"),
        ({"patience": 0}, ValueError, "the patience is a whole number above 0"),
        ({"schedule_per": "step"}, ValueError, 'schedule_per is "epoch" or "batch"'),
        ({"data": [[0.0]]}, TypeError, r"data is a pair \(X, y\) .* got a list of 1"),
        ({"validation": [[0.0]]}, TypeError, r"validation is a pair \(X, y\)"),
        ({"data": ([[0.0], [math.nan]], [1.0, 2.0])}, ValueError, "row 1 of X has nan"),
        ({"data": ([[0.0]], [1.0, 2.0])}, ValueError, "1 row, 2 targets"),
        ({"validation": ([["a"]], [1.0])}, TypeError, "row 0 of X has str 'a'"),
        ({"loss": lambda outputs, targets: outputs}, TypeError, "returns one Value .* got a list"),
        ({"loss": lambda outputs, targets: 0.5}, TypeError, "returns one Value .* got a float"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], error: Any, words: str) -> None:
    model = Constant()
    with pytest.raises(error, match=words):
        run(model, **options)
    assert model.c.data == 0.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": None}, "fit needs a Module as model, got NoneType"),
        ({"loss": "mse"}, "fit needs a function as loss, such as nn.losses.mse, got str 'mse'"),
        ({"optimizer": None}, "fit needs an optimizer of optim, .*SGD.*, got NoneType"),
        ({"optimizer": SGD}, "fit needs an optimizer of optim, .*SGD.*, got type"),
        ({"accuracy": 3}, "fit needs a function as accuracy, such as nn.is_correct, got int"),
        ({"schedule": "cosine"}, "fit needs a schedule of optim.schedules, got str 'cosine'"),
        ({"callbacks": [1]}, "fit needs a list of functions as callbacks, got int '1'"),
        ({"callbacks": print}, "fit needs a list of functions as callbacks, got builtin"),
        ({"clip_norm": "1"}, "fit's clip_norm is a number, got '1'"),
        ({"clip_value": "1"}, "fit's clip_value is a number, got '1'"),
        ({"stop_at_loss": "1"}, "fit's stop_at_loss is a number, got '1'"),
        ({"min_delta": None}, "fit's min_delta is a number, got None"),
    ],
)
def test_arguments_of_the_wrong_kind_are_told_before_anything_is_done(
    arguments: dict[str, Any], words: str
) -> None:
    model = Constant()
    usual = {"model": model, "loss": losses.mse, "optimizer": SGD(model.parameters(), lr=0.5)}
    with pytest.raises(TypeError, match=words) as caught:
        fit(data=ONE, **usual | arguments)
    assert "\n" not in str(caught.value)
    assert model.asked == []


def test_evaluate_tells_arguments_of_the_wrong_kind() -> None:
    with pytest.raises(TypeError, match="evaluate needs a function as loss"):
        evaluate(Constant(), ONE, "mse")  # type: ignore[arg-type]


# What is told.


def test_fit_shows_a_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    run(Constant(), epochs=3, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "3/3" in shown.err
    assert "loss=" in shown.err


def test_the_history_knows_what_came_last() -> None:
    history = History(loss=[2.0, 1.0], validation_loss=[3.0, 4.0], stopped="epochs")
    assert history.last() == {"loss": 1.0, "validation_loss": 4.0}
    assert (history.watched, history.best_epoch) == ([3.0, 4.0], 1)
    assert History().best_epoch == 0


@pytest.mark.parametrize(
    ("logits", "target", "right"), [([1, 3, 2], 1, True), ([1, 3, 2], 2, False), ([5], 0, True)]
)
def test_is_correct(logits: Sequence[float], target: int, right: bool) -> None:
    assert is_correct([Value(x) for x in logits], target) is right


def test_importing_nn_needs_no_optional_package() -> None:
    code = (
        "import sys\n"
        "for name in ('sklearn', 'matplotlib', 'tqdm', 'numpy', 'hypothesis', 'mpmath'):\n"
        "    sys.modules[name] = None\n"
        "import nn, optim, nn.recipes\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
