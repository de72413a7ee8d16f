"""Many parameters are moved at once, in arrays: with the results of one by one, to the bit."""

from __future__ import annotations

import math
import sys
from random import Random
from typing import Any

import pytest

import optim
import optim.memory
import optim.optimizer
from autograd import Value
from nn.recipes import OPTIMIZERS

COUNT = optim.memory.MANY + 3


def walk(kind: Any, **options: Any) -> tuple[Any, ...]:
    """Take some steps with gradients of all sizes; return where they led, and the memory."""
    rng = Random(0)
    params = [Value(rng.gauss(0.0, 1.0)) for _ in range(COUNT)]
    params[5].requires_grad = False
    optimizer = kind(params, **options)
    for step in range(4):
        optimizer.param_groups[0]["lr"] *= 0.9
        for parameter in params:
            parameter.grad = rng.choice([0.0, 1.0, 1e-300, 1e150]) * rng.gauss(0.0, 1.0) + 0.0
        optimizer.step()
        if step == 1:
            optimizer.load_state_dict(optimizer.state_dict())  # a dict for each parameter again
    numbers = [parameter.data.hex() for parameter in params]
    return numbers, optimizer.state_dict(), optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_the_same_to_the_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = OPTIMIZERS[name]
    at_once, memory, optimizer = walk(kind, lr=0.1)
    assert type(optimizer.state) is optim.memory.Memory
    monkeypatch.setattr(optim.optimizer, "MANY", COUNT + 1)
    one_by_one, its_memory, optimizer = walk(kind, lr=0.1)
    assert not isinstance(optimizer.state, optim.memory.Memory)
    assert at_once == one_by_one
    assert repr(memory) == repr(its_memory)  # nan, if there is any, too


def test_switches_too(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1, "maximize": True}
    at_once = walk(optim.Adam, **options)[0]
    monkeypatch.setattr(optim.optimizer, "MANY", COUNT + 1)
    assert walk(optim.Adam, **options)[0] == at_once


def test_the_memory_reads_like_a_dict() -> None:
    _, _, optimizer = walk(optim.Adam)
    (group,) = optimizer.param_groups
    moved = [parameter for parameter in group["params"] if parameter.requires_grad]
    assert list(optimizer.state) == moved
    assert len(optimizer.state) == len(moved) == COUNT - 1
    assert optimizer.state[moved[7]] == dict(optimizer.state)[moved[7]]
    assert optimizer.state[moved[7]]["step"] == 4
    assert type(optimizer.state[moved[7]]["exp_avg"]) is float
    assert optimizer.state.get(group["params"][5], {}) == {}


def test_another_parameter_may_join() -> None:
    params = [Value(1.0) for _ in range(COUNT)]
    optimizer = optim.Adam(params, lr=0.1)
    params[0].requires_grad = False
    for _ in range(2):
        for parameter in params:
            parameter.grad = 1.0
        optimizer.step()
        params[0].requires_grad = True
    assert [optimizer.state[parameter]["step"] for parameter in params[:2]] == [1, 2]
    assert params[0].data == pytest.approx(0.9)


def test_a_division_by_0_is_told_as_ever() -> None:
    params = [Value(1.0) for _ in range(COUNT)]
    optimizer = optim.Adam(params, lr=0.1, eps=0.0)
    with pytest.raises(ZeroDivisionError, match=r"Adam divides by 0 at Value\(1.0, grad=0.0\)"):
        optimizer.step()
    assert all(parameter.data == 1.0 for parameter in params)


def test_a_rule_for_floats_alone_goes_one_by_one() -> None:
    class Clipped(optim.SGD):
        @staticmethod
        def update(x: Any, gradient: Any, state: Any, *, lr: float, **others: Any) -> Any:
            return x - lr * (gradient if gradient < 1.0 else math.sqrt(gradient)), {}

    params = [Value(0.0) for _ in range(COUNT)]
    for number, parameter in enumerate(params):
        parameter.grad = float(number)
    Clipped(params, lr=1.0).step()
    assert [parameter.data for parameter in params[:5]] == [-math.sqrt(k) for k in range(5)]


def test_without_numpy_it_goes_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert not isinstance(walk(optim.SGD, lr=0.1, momentum=0.9)[2].state, optim.memory.Memory)


def test_an_interruption_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    params = [Value(1.0) for _ in range(COUNT)]
    optimizer = optim.Adam(params, lr=0.1)
    optimizer.step()
    memory = optimizer.state

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(optim.optimizer, "Memory", interrupted)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    assert optimizer.state is memory
    assert all(parameter.data == 1.0 for parameter in params)
