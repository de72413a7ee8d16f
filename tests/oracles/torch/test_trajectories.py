"""The optimizers' paths are those of torch.optim, and a planted last bit says how well they can be."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import autograd
from autograd import Value
from tests.optim.trajectories import CASES, STARTS, Case, Objective

STEPS = 200
EVERY_OBJECTIVE = pytest.mark.parametrize("objective", STARTS, ids=lambda f: f.__name__)
SHORT = [(case, objective) for case in CASES for objective in case.steps]


@pytest.fixture(autouse=True)
def _all_in_double_precision() -> Iterator[None]:
    """By default, torch's NAdam keeps the product of its momentums in single precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def path(
    case: Case,
    objective: Objective,
    library: Any,
    leaf: Callable[[float], Any],
    kind: Callable[..., Any],
    nudge: Callable[[Any], None] = lambda parameter: None,
) -> list[list[float]]:
    """Return the parameters after each step."""
    sign = -1.0 if case.options.get("maximize") else 1.0
    params = [leaf(x) for x in STARTS[objective]]
    optimizer = kind(params, **case.options)
    rows = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        (sign * objective(params, library)).backward()
        optimizer.step()
        for parameter in params:
            nudge(parameter)
        rows.append([float(parameter.data) for parameter in params])
    return rows


def torch_path(case: Case, objective: Objective, nudge: Any = lambda p: None) -> list[list[float]]:
    kind = getattr(torch.optim, case.name)
    return path(case, objective, torch, lambda x: torch.tensor(x, requires_grad=True), kind, nudge)


@EVERY_OBJECTIVE
@pytest.mark.parametrize("case", [c for c in CASES if c.name != "Lion"], ids=str)
def test_the_path_is_that_of_torch(case: Case, objective: Objective) -> None:
    steps = case.steps.get(objective, STEPS)
    own = path(case, objective, autograd, Value, case.kind)
    theirs = torch_path(case, objective)
    for step in range(steps):
        assert own[step] == pytest.approx(theirs[step], rel=1e-10, abs=1e-12), f"step {step}"


def amplification(case: Case, objective: Objective) -> list[float]:
    """By how much torch's own path moves, up to each step, if each step errs in the last bit."""
    choose = random.Random(0)

    def nudge(parameter: torch.Tensor) -> None:
        x = parameter.item()
        parameter.data.fill_(math.nextafter(x, choose.choice([-math.inf, x, math.inf])))

    exact, nudged = torch_path(case, objective), torch_path(case, objective, nudge)
    worst, furthest = 0.0, []
    for row, other in zip(exact, nudged, strict=True):
        deviations = [abs(x - y) / max(abs(x), 0.01) for x, y in zip(row, other, strict=True)]
        worst = max(worst, *deviations)
        furthest.append(worst)
    return furthest


@pytest.mark.parametrize(("case", "objective"), SHORT)
def test_a_path_is_compared_as_far_as_it_can_be(case: Case, objective: Objective) -> None:
    """Where a comparison stops early, a last bit would soon have moved torch's own path."""
    furthest = amplification(case, objective)
    assert furthest[case.steps[objective] - 1] < 1e-11
    assert furthest[-1] > 1e-10
