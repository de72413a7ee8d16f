"""The learning-rate range test: its rates, its suggestions, and that it leaves no trace."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograd import Value
from optim import SGD, Adam, Optimizer, lr_range_test
from optim.range_test import RangeTest


def training(optimizer: Optimizer, loss_of: Callable[[list[Value]], Value]) -> Callable[[], Value]:
    params = [p for group in optimizer.param_groups for p in group["params"]]

    def step() -> Value:
        optimizer.zero_grad()
        loss = loss_of(params)
        loss.backward()
        optimizer.step()
        return loss

    return step


def parabola(params: list[Value]) -> Value:
    return sum(((p - 1.0) ** 2 for p in params), Value(0.0))


def test_the_rates_rise_by_one_factor_from_end_to_end() -> None:
    optimizer = SGD([Value(0.0)], lr=0.1)
    seen = []

    def step() -> float:
        seen.append(optimizer.param_groups[0]["lr"])
        return 1.0

    found = lr_range_test(step, optimizer, 1e-4, 100.0, num_steps=7)
    assert found.lrs == seen == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0])
    assert found.losses == [1.0] * 7


def test_the_losses_are_those_of_real_training() -> None:
    """From 1 the parabola's distance is multiplied by 1 - 2 lr at each step."""
    x = Value(2.0)
    optimizer = SGD([x], lr=7.0)
    found = lr_range_test(training(optimizer, parabola), optimizer, 0.01, 0.1, num_steps=3)
    first, second = 1.0 - 0.02, 1.0 - 0.02 * math.sqrt(10.0)
    assert found.losses == pytest.approx([1.0, first**2, (first * second) ** 2])


@pytest.mark.parametrize("stumble", [None, 5])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_everything_is_restored(kind: type[Optimizer], stumble: int | None) -> None:
    x, y = Value(2.0), Value(-1.0)
    optimizer = kind([{"params": [x], "lr": 0.01}, {"params": [y], "lr": 0.02}])  # type: ignore[call-arg]
    train = training(optimizer, parabola)
    for _ in range(3):
        train()
    steps = 0

    def step() -> Value:
        nonlocal steps
        steps += 1
        if steps == stumble:
            raise RuntimeError("no more data")
        return train()

    before = (x.data, y.data, x.grad, y.grad, optimizer.state_dict())
    if stumble:
        with pytest.raises(RuntimeError, match="no more data"):
            lr_range_test(step, optimizer)
    else:
        lr_range_test(step, optimizer)
    assert (x.data, y.data, x.grad, y.grad, optimizer.state_dict()) == before
    assert steps > 3


@pytest.mark.parametrize("offset", [0.0, -50.0, 3.0])
def test_it_stops_where_training_fails(offset: float) -> None:
    """At rates above 1 the parabola is climbed, whatever the sign of its height."""
    optimizer = SGD([Value(3.0)], lr=0.1)
    step = training(optimizer, lambda params: parabola(params) + offset)
    found = lr_range_test(step, optimizer, 1e-3, 1e3, num_steps=100)
    assert 1.0 < found.lrs[-1] < 100.0
    assert max(found.losses) < 1e3


def test_nan_is_the_end_and_not_in_the_table() -> None:
    losses = iter([3.0, 2.0, math.nan, 1.0])
    found = lr_range_test(lambda: next(losses), SGD([Value(0.0)]), num_steps=10)
    assert found.losses == [3.0, 2.0]


def test_nan_at_once_is_an_error() -> None:
    optimizer = SGD([Value(0.0)], lr=0.5)
    with pytest.raises(ValueError, match="the loss is nan at the first rate, 1e-07, already"):
        lr_range_test(lambda: math.nan, optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.5


def curve(*losses: float) -> RangeTest:
    return RangeTest([10.0**k for k in range(len(losses))], list(losses))


def test_suggestions() -> None:
    found = curve(9.0, 9.0, 9.0, 6.0, 3.0, 2.0, 2.0, 3.0, 9.0)
    smoothed = [9.0, 9.0, 7.2, 40 / 7, 52 / 9, 34 / 7, 3.8, 14 / 3, 9.0]
    assert found.smoothed == pytest.approx(smoothed)
    assert found.steepest == 1e2
    assert found.tenth_of_minimum == 1e5


def test_one_lucky_batch_is_no_suggestion() -> None:
    noisy = [9.0, 2.0, 9.0, 9.0, 9.0, 7.0, 5.0, 3.0, 2.1, 2.1, 2.1, 9.0]
    assert curve(*noisy).tenth_of_minimum == 1e8


@pytest.mark.parametrize("losses", [[1.0], [1.0, 2.0], [1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
def test_a_loss_that_never_falls(losses: list[float]) -> None:
    found = curve(*losses)
    assert found.steepest is None
    assert found.tenth_of_minimum is None
    assert str(found).endswith("; the loss never falls")


@pytest.mark.parametrize("losses", [[9.0, 9.0, 8.0, 3.0, 2.5, 99.0], [1.0, 1.0], [0.0]])
def test_plot(losses: list[float], tmp_path: Path) -> None:
    path = tmp_path / "range.png"
    plot = curve(*losses).plot(path, theme="dark")
    assert path.read_bytes()[1:4] == b"PNG"
    assert repr(plot) == f"<Plot: the losses at {len(losses)} learning rates>"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start_lr": 0.0}, ValueError, "start_lr is above 0"),
        ({"end_lr": 1e-9}, ValueError, "end_lr is above start_lr, 1e-07, got 1e-09"),
        ({"num_steps": 2}, ValueError, "num_steps is a whole number from 3 on"),
        ({"end_lr": "10"}, TypeError, "end_lr is a number, got '10'"),
    ],
)
def test_errors(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lr_range_test(lambda: 1.0, SGD([Value(0.0)]), **options)


def test_something_that_is_no_optimizer() -> None:
    with pytest.raises(TypeError, match="needs an optimizer of optim, got a list"):
        lr_range_test(lambda: 1.0, [Value(0.0)])  # type: ignore[arg-type]
