"""The optimizers' paths equal those of torch.optim."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch

import optim
from autograd import Value

STEPS = 200


def parabola(p: Any, exp: Any) -> Any:
    return 0.5 * p[0] * p[0] + 5.0 * (p[1] - 1.0) * (p[1] - 1.0)


def rosenbrock(p: Any, exp: Any) -> Any:
    return (1.0 - p[0]) * (1.0 - p[0]) + 10.0 * (p[1] - p[0] * p[0]) * (p[1] - p[0] * p[0])


def logistic_regression(p: Any, exp: Any) -> Any:
    samples = [(-2.0, 0.0), (-1.0, 0.0), (0.5, 1.0), (0.7, 0.0), (2.0, 1.0)]
    loss = 0.0
    for x, y in samples:
        probability = 1.0 / (1.0 + exp(-(p[0] * x + p[1])))
        loss = loss + (probability - y) * (probability - y)
    return loss


OBJECTIVES = [parabola, rosenbrock, logistic_regression]

SGD_OPTIONS: list[dict[str, Any]] = [
    {"lr": 0.01},
    {"lr": 0.01, "momentum": 0.9},
    {"lr": 0.01, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.01, "momentum": 0.9, "dampening": 0.9},
    {"lr": 0.01, "momentum": 0.9, "nesterov": True},
    {"lr": 0.01, "weight_decay": 0.1},
    {"lr": 0.01, "momentum": 0.5, "dampening": 0.2, "weight_decay": 0.01},
    {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.01, "nesterov": True},
]
ADAM_OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.05},
    # With a short memory and a large lr, Adam circles a minimum chaotically and amplifies every
    # rounding: from 1e-16 to 1e-4 within 200 steps. So it walks here, and does not arrive.
    {"lr": 0.005, "betas": (0.5, 0.9)},
    {"lr": 0.05, "betas": (0.0, 0.0)},
    {"lr": 0.05, "eps": 1e-2},
    {"lr": 0.05, "weight_decay": 0.1},
    {"lr": 0.05, "amsgrad": True},
    {"lr": 0.05, "betas": (0.8, 0.6), "amsgrad": True, "weight_decay": 0.01, "eps": 1e-4},
]
CASES = [
    *((optim.SGD, torch.optim.SGD, options) for options in SGD_OPTIONS),
    *((optim.Adam, torch.optim.Adam, options) for options in ADAM_OPTIONS),
]
EVERY_CASE = pytest.mark.parametrize(
    ("ours", "theirs", "options"), CASES, ids=[f"{c[0].__name__}-{c[2]}" for c in CASES]
)


def path_of(
    params: list[Any], optimizer: Any, objective: Callable[..., Any], exp: Any, sign: float
) -> list[float]:
    path = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        (sign * objective(params, exp)).backward()
        optimizer.step()
        path += [float(p.data) for p in params]
    return path


@EVERY_CASE
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("maximize", [False, True])
def test_the_path_is_that_of_torch(
    ours: Any, theirs: Any, options: dict[str, Any], objective: Any, maximize: bool
) -> None:
    start, sign = [-1.2, 0.9], -1.0 if maximize else 1.0
    values = [Value(x) for x in start]
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in start]
    own = path_of(
        values, ours(values, **options, maximize=maximize), objective, lambda v: v.exp(), sign
    )
    torchs = path_of(
        tensors, theirs(tensors, **options, maximize=maximize), objective, torch.exp, sign
    )
    assert own == pytest.approx(torchs, rel=1e-10, abs=1e-13)


@EVERY_CASE
def test_the_steps_for_given_gradients_are_those_of_torch(
    ours: Any, theirs: Any, options: dict[str, Any]
) -> None:
    """No feedback, no amplification: gradients of all sizes, which don't depend on the path."""
    rng = Random(0)
    gradients = [rng.gauss(0.0, 1.0) * 10.0 ** rng.uniform(-6.0, 6.0) for _ in range(STEPS)]
    value, tensor = Value(0.7), torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    own, torchs = ours([value], **options), theirs([tensor], **options)
    for gradient in gradients:
        value.grad = gradient
        tensor.grad = torch.tensor(gradient, dtype=torch.float64)
        own.step()
        torchs.step()
        assert value.data == pytest.approx(tensor.item(), rel=1e-10, abs=1e-13)


@EVERY_CASE
def test_groups_and_a_changing_learning_rate(
    ours: Any, theirs: Any, options: dict[str, Any]
) -> None:
    def run(params: list[Any], kind: Any) -> list[float]:
        groups = [{"params": [params[0]]}, {"params": [params[1]], "lr": 0.002}]
        optimizer = kind(groups, **options)
        path = []
        for step in range(30):
            optimizer.zero_grad()
            parabola(params, None).backward()
            optimizer.step()
            optimizer.param_groups[0]["lr"] = 0.05 / (1.0 + step)
            path += [float(p.data) for p in params]
        return path

    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (3.0, -2.0)]
    own, torchs = run([Value(3.0), Value(-2.0)], ours), run(tensors, theirs)
    assert own == pytest.approx(torchs, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(optim.SGD, torch.optim.SGD), (optim.Adam, torch.optim.Adam)]
)
def test_defaults_are_those_of_torch(ours: Any, theirs: Any) -> None:
    defaults = theirs([torch.zeros(1)]).defaults
    for name, option in ours([Value(0.0)]).defaults.items():
        assert defaults[name] == option, name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": -1.0}),
        ("SGD", {"momentum": -1.0}),
        ("SGD", {"weight_decay": -1.0}),
        ("SGD", {"nesterov": True}),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
        ("Adam", {"lr": -1.0}),
        ("Adam", {"eps": -1.0}),
        ("Adam", {"weight_decay": -1.0}),
        ("Adam", {"betas": (1.0, 0.9)}),
        ("Adam", {"betas": (0.9, 1.0)}),
    ],
)
def test_torch_refuses_the_same_options(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        getattr(torch.optim, name)([torch.zeros(1)], **options)
    with pytest.raises(ValueError, match=name):
        getattr(optim, name)([Value(0.0)], **options)
