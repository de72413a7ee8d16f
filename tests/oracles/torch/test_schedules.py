"""Learning rates and clipped gradients are PyTorch's."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import optim
from autograd import Value
from optim import schedules as ours

torchs = torch.optim.lr_scheduler

STEPS = 400
CLOSE: dict[str, float] = {"rel": 1e-12, "abs": 1e-15}

# Each maker gets the module, ours or PyTorch's, and its optimizer.
MAKERS: dict[str, Callable[[Any, Any], Any]] = {
    "constant": lambda m, o: m.ConstantLR(o),
    "constant 7": lambda m, o: m.ConstantLR(o, 0.3, 7),
    "linear": lambda m, o: m.LinearLR(o),
    "linear down": lambda m, o: m.LinearLR(o, 1.0, 0.0, 150),
    "step": lambda m, o: m.StepLR(o, 30),
    "step 1": lambda m, o: m.StepLR(o, 1, 0.97),
    "multi-step": lambda m, o: m.MultiStepLR(o, [90, 5, 90, 91], 0.4),
    "multi-step at 0": lambda m, o: m.MultiStepLR(o, [0, 3]),
    "exponential": lambda m, o: m.ExponentialLR(o, 0.99),
    "cosine": lambda m, o: m.CosineAnnealingLR(o, 50, 0.001),
    "cosine odd": lambda m, o: m.CosineAnnealingLR(o, 7),
    "cosine 1": lambda m, o: m.CosineAnnealingLR(o, 1, 1e-4),
    "cosine long": lambda m, o: m.CosineAnnealingLR(o, 1000),
    "restarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 20),
    "restarts 3": lambda m, o: m.CosineAnnealingWarmRestarts(o, 4, 3, 1e-3),
    "one cycle": lambda m, o: m.OneCycleLR(o, 0.5, total_steps=STEPS),
    "one cycle epochs": lambda m, o: m.OneCycleLR(o, 0.5, epochs=40, steps_per_epoch=10),
    "one cycle linear": lambda m, o: m.OneCycleLR(
        o, 0.5, STEPS, anneal_strategy="linear", div_factor=10, final_div_factor=7
    ),
    "one cycle of three": lambda m, o: m.OneCycleLR(
        o, 0.5, STEPS, pct_start=0.37, three_phase=True, base_momentum=0.7, max_momentum=0.9
    ),
    "one cycle from the top": lambda m, o: m.OneCycleLR(o, 0.5, STEPS, pct_start=0.0),
    "one cycle almost all up": lambda m, o: m.OneCycleLR(o, 0.5, STEPS, pct_start=0.99),
    "one cycle, constant momentum": lambda m, o: m.OneCycleLR(o, 0.5, STEPS, cycle_momentum=False),
    "lambda": lambda m, o: m.LambdaLR(o, lambda epoch: 0.95**epoch + 0.1 * (epoch % 3)),
    "sequential": lambda m, o: m.SequentialLR(
        o,
        [m.LinearLR(o, 0.1, total_iters=20), m.CosineAnnealingLR(o, 60), m.ExponentialLR(o, 0.9)],
        [20, 150],
    ),
    "sequential skipping": lambda m, o: m.SequentialLR(
        o,
        [m.ConstantLR(o, 0.5, 3), m.StepLR(o, 2), m.CosineAnnealingWarmRestarts(o, 5, 2)],
        [4, 4],
    ),
    "sequential from 0": lambda m, o: m.SequentialLR(
        o, [m.ConstantLR(o, 0.5, 3), m.MultiStepLR(o, [2, 4], 0.3)], [0]
    ),
    "sequential of all": lambda m, o: m.SequentialLR(
        o,
        [
            m.ConstantLR(o, 0.5, 10),
            m.LambdaLR(o, lambda epoch: 1.0 / (1 + epoch)),
            m.LinearLR(o, 0.2, 0.9, 30),
            m.StepLR(o, 7, 0.8),
        ],
        [13, 50, 111],
    ),
    "chained": lambda m, o: m.ChainedScheduler(
        [m.ConstantLR(o, 0.1, 20), m.ExponentialLR(o, 0.9)], o
    ),
    "chained restarts": lambda m, o: m.ChainedScheduler(
        [m.ConstantLR(o, 0.5, 7), m.CosineAnnealingWarmRestarts(o, 9)]
    ),
    "chained of all": lambda m, o: m.ChainedScheduler(
        [
            m.LinearLR(o, 0.2, 1.0, 30),
            m.CosineAnnealingLR(o, 70, 1e-3),
            m.StepLR(o, 40, 0.9),
            m.MultiStepLR(o, [33, 77], 0.5),
        ]
    ),
    "sequential and then one cycle": lambda m, o: m.SequentialLR(
        o, [m.LinearLR(o, 0.5, total_iters=8), m.OneCycleLR(o, 0.5, STEPS)], [8]
    ),
}


def optimizers(kind: str, **options: Any) -> tuple[Any, Any]:
    """Return one of ours and PyTorch's, each with two groups of different rates."""
    values = [Value(1.0), Value(2.0)]
    tensors = [torch.tensor(1.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)]
    return (
        getattr(optim, kind)(
            [{"params": [v], "lr": lr} for v, lr in zip(values, RATES, strict=True)], **options
        ),
        getattr(torch.optim, kind)(
            [{"params": [t], "lr": lr} for t, lr in zip(tensors, RATES, strict=True)], **options
        ),
    )


RATES = [0.1, 0.003]


def settings(optimizer: Any) -> list[float]:
    """Return all that a schedule may set."""
    found = []
    for group in optimizer.param_groups:
        found += [group["lr"], group.get("momentum", 0.0), *group.get("betas", ())]
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "SGD") for name in MAKERS] + [(name, "Adam") for name in MAKERS if "cycle" in name],
)
def test_the_sequence_is_pytorchs(name: str, kind: str) -> None:
    mine, theirs = optimizers(kind)
    schedule, reference = MAKERS[name](ours, mine), MAKERS[name](torchs, theirs)
    theirs.step()
    for step in range(STEPS):
        assert settings(mine) == pytest.approx(settings(theirs), **CLOSE), step
        assert schedule.get_last_lr() == pytest.approx(reference.get_last_lr(), **CLOSE), step
        schedule.step()
        reference.step()
    assert settings(mine) == pytest.approx(settings(theirs), **CLOSE)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"factor": 0.5, "patience": 3},
        {"mode": "max", "patience": 0, "factor": 0.9},
        {"patience": 1, "cooldown": 4, "min_lr": [0.01, 0.0001]},
        {"threshold_mode": "abs", "threshold": 0.05, "patience": 2, "factor": 0.7},
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.2, "patience": 2, "eps": 1e-3},
        {"threshold": 0.1, "patience": 4, "min_lr": 0.001, "factor": 0.0},
    ],
)
def test_reduce_on_plateau_is_pytorchs(options: dict[str, Any]) -> None:
    mine, theirs = optimizers("SGD")
    schedule = ours.ReduceLROnPlateau(mine, **options)
    reference = torchs.ReduceLROnPlateau(theirs, **options)
    for step in range(STEPS):
        loss = math.nan if step % 50 == 7 else 3.0 * 0.98**step + 0.3 * math.sin(step) - 0.2
        schedule.step(loss)
        reference.step(loss)
        assert settings(mine) == pytest.approx(settings(theirs), **CLOSE), step


@pytest.mark.parametrize("T_mult", [1, 2, 3])
def test_warm_restarts_at_any_epoch_are_pytorchs(T_mult: int) -> None:
    mine, theirs = optimizers("SGD")
    schedule = ours.CosineAnnealingWarmRestarts(mine, 8, T_mult)
    reference = torchs.CosineAnnealingWarmRestarts(theirs, 8, T_mult)
    theirs.step()
    for epoch in [0.25, 3.0, None, 26.5, None, 7.9, 100.0, None, None, 0.0, None]:
        schedule.step(epoch)
        reference.step(epoch)
        assert settings(mine) == pytest.approx(settings(theirs), **CLOSE), epoch


@pytest.mark.parametrize(
    "name", ["linear", "step", "exponential", "cosine", "lambda", "one cycle", "constant 7"]
)
def test_defaults_and_arguments_are_pytorchs(name: str) -> None:
    """PyTorch's constructors take the same arguments in the same order."""
    mine, _ = optimizers("SGD")
    kind = type(MAKERS[name](ours, mine)).__name__
    mine_takes = inspect.signature(getattr(ours, kind)).parameters
    theirs_takes = inspect.signature(getattr(torchs, kind)).parameters
    assert [(p.name, p.default) for p in mine_takes.values()] == [
        (p.name, p.default) for p in theirs_takes.values()
    ]


@pytest.mark.parametrize("name", ["step", "linear", "exponential", "cosine", "lambda"])
def test_a_schedule_continued_with_last_epoch_is_pytorchs(name: str) -> None:
    def continued(module: Any, optimizer: Any) -> Any:
        schedule = MAKERS[name](module, optimizer)
        optimizer.step()
        for _ in range(17):
            schedule.step()
        arguments = {
            "step": (30,),
            "linear": (),
            "exponential": (0.99,),
            "cosine": (50, 0.001),
            "lambda": (lambda epoch: 0.95**epoch + 0.1 * (epoch % 3),),
        }
        return type(schedule)(optimizer, *arguments[name], last_epoch=16)

    mine, theirs = optimizers("SGD")
    schedule, reference = continued(ours, mine), continued(torchs, theirs)
    for step in range(60):
        assert settings(mine) == pytest.approx(settings(theirs), **CLOSE), step
        schedule.step()
        reference.step()


# Clipping


gradients = st.lists(
    st.floats(-1e3, 1e3, allow_subnormal=False) | st.just(0.0), min_size=1, max_size=6
)


def pair(slopes: list[float]) -> tuple[list[Value], list[torch.Tensor]]:
    values, tensors = [], []
    for slope in slopes:
        value = Value(1.0)
        value.grad = slope
        tensor = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        tensor.grad = torch.tensor(slope, dtype=torch.float64)
        values.append(value)
        tensors.append(tensor)
    return values, tensors


@given(
    gradients, st.sampled_from([0.0, 1e-3, 1.0, 50.0]), st.sampled_from([0.5, 1, 2, 3, math.inf])
)
def test_clip_grad_norm_is_pytorchs(slopes: list[float], max_norm: float, p: float) -> None:
    values, tensors = pair(slopes)
    total = optim.clip_grad_norm(values, max_norm, p)
    reference = torch.nn.utils.clip_grad_norm_(tensors, max_norm, p)
    assert total == pytest.approx(float(reference), rel=1e-12)
    for value, tensor in zip(values, tensors, strict=True):
        assert value.grad == pytest.approx(float(tensor.grad), rel=1e-12, abs=1e-300)


@given(gradients, st.sampled_from([0.0, 1e-3, 1.0, 50.0, math.inf]))
def test_clip_grad_value_is_pytorchs(slopes: list[float], clip_value: float) -> None:
    values, tensors = pair(slopes)
    optim.clip_grad_value(values, clip_value)
    torch.nn.utils.clip_grad_value_(tensors, clip_value)
    for value, tensor in zip(values, tensors, strict=True):
        assert value.grad == float(tensor.grad)


def test_every_schedule_is_compared() -> None:
    compared = {type(MAKERS[name](ours, optimizers("SGD")[0])).__name__ for name in MAKERS}
    assert compared | {"ReduceLROnPlateau", "LRScheduler"} == set(ours.__all__)
