"""The optimizers' paths are those of torch.optim, as far as rounding lets any two be the same."""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import autograd
import optim
from autograd import Value
from tests.optim.trajectories import CASES, STARTS, Case, Objective

STEPS = 200
EVERY_OBJECTIVE = pytest.mark.parametrize("objective", STARTS, ids=lambda f: f.__name__)
WITH_TORCH = [case for case in CASES if case.name != "Lion"]
KINDS = list(dict.fromkeys(case.name for case in WITH_TORCH))
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
@pytest.mark.parametrize("case", WITH_TORCH, ids=str)
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


@pytest.mark.parametrize("case", WITH_TORCH, ids=str)
def test_the_memory_is_that_of_torch(case: Case) -> None:
    x, y = Value(1.0), torch.tensor(1.0, requires_grad=True)
    own, theirs = (
        case.kind([x], **case.options),
        getattr(torch.optim, case.name)([y], **case.options),
    )
    for gradient in (3.0, -0.5, 0.0, 2.0, 2.0, 1.0, 0.25, 0.5):
        x.grad, y.grad = gradient, torch.tensor(gradient)
        own.step()
        theirs.step()
    for name, entry in own.state[x].items():
        expected = float(theirs.state[y][name])
        if (case.name, name) == ("Rprop", "prev"):  # of which only the sign matters, kept here
            expected = autograd.sign(expected)
        assert entry == pytest.approx(expected, rel=1e-12), name


FOR_TENSORS_ONLY = {"foreach", "capturable", "differentiable", "fused"}


@pytest.mark.parametrize("name", KINDS)
def test_arguments_and_defaults_are_those_of_torch(name: str) -> None:
    own = inspect.signature(getattr(optim, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    assert set(own) == set(theirs) - FOR_TENSORS_ONLY
    for argument in own:
        assert own[argument].default == theirs[argument].default, argument

    def positional(parameters: Any) -> list[str]:
        return [n for n, p in parameters.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY]

    assert positional(own) == positional(theirs)[: len(positional(own))]


def is_stricter(option: str, choice: Any) -> bool:
    """Whether we refuse what torch takes: a nan, and what makes of every path nan or no sense."""
    if option == "step_sizes":
        return not 0.0 <= choice[0] <= choice[1]
    return math.isnan(choice) or (option == "alpha" and choice > 1.0)


@pytest.mark.parametrize("name", KINDS)
def test_torch_refuses_the_same_options(name: str) -> None:
    def refused(kind: Any, leaf: Any, options: dict[str, Any]) -> bool:
        try:
            kind([leaf], **options)
        except ValueError:
            return True
        return False

    numbers = [-0.1, 0.0, 0.5, 1.0, 1.5, math.nan]
    own, theirs = getattr(optim, name), getattr(torch.optim, name)
    for option, default in own([Value(1.0)]).defaults.items():
        if isinstance(default, bool):
            continue
        pair = isinstance(default, tuple)
        for choice in itertools.product(numbers, repeat=2) if pair else numbers:
            options = {option: choice}
            ours = refused(own, Value(1.0), options)
            if ours != refused(theirs, torch.zeros(1), options):
                assert ours, options
                assert is_stricter(option, choice), options
