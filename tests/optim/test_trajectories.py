"""All optimizers: the papers' rules on small examples, the minima they reach, what all share."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import optim
from autograd import Value
from tests.optim.trajectories import (
    CASES,
    SAMPLES,
    STARTS,
    Case,
    Objective,
    beale,
    logistic_regression,
    parabola,
    rosenbrock,
)

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=str)
EVERY_KIND = pytest.mark.parametrize("name", list(dict.fromkeys(case.name for case in CASES)))
GRADIENTS = [math.sin(3.0 * k) * 2.0 ** (k % 7 - 3) for k in range(1, 21)]
finite = st.floats(-1e3, 1e3) | st.floats(-1e150, 1e150)


def run(optimizer: optim.Optimizer, gradients: Any) -> list[list[float]]:
    """Return the parameters after each step with these gradients, a number or a row per step."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    path = []
    for row in gradients:
        for parameter, gradient in zip(params, np.broadcast_to(row, len(params)), strict=True):
            parameter.grad = float(gradient)
        optimizer.step()
        path.append([p.data for p in params])
    return path


def positions(name: str, gradients: Any, x: float = 0.0, **options: Any) -> list[float]:
    """Return where one parameter is after each step with these gradients."""
    return [row[0] for row in run(getattr(optim, name)([Value(x)], **options), gradients)]


def close(expected: Any, rel: float = 1e-12) -> Any:
    return pytest.approx(expected, rel=rel, abs=1e-15)


# Both momentum forms.


def test_momentum_adds_up() -> None:
    """v ← βv + g, from v = 0."""
    x, v, expected = 0.0, 0.0, []
    for g in GRADIENTS:
        v = 0.9 * v + g
        x -= 0.1 * v
        expected.append(x)
    assert positions("SGD", GRADIENTS, lr=0.1, momentum=0.9) == close(expected)


def test_momentum_averages() -> None:
    """v ← βv + (1 − β)g, which PyTorch begins with v = g: a dampening as large as the momentum."""
    x, v, expected = 0.0, GRADIENTS[0], []
    for step, g in enumerate(GRADIENTS):
        v = 0.9 * v + (1.0 - 0.9) * g if step else g
        x -= 0.1 * v
        expected.append(x)
    assert positions("SGD", GRADIENTS, lr=0.1, momentum=0.9, dampening=0.9) == close(expected)


def test_the_average_from_zero_is_the_sum_with_a_smaller_rate() -> None:
    """v ← βv + (1 − β)g from v = 0, as articles have it: (1 − β) times the other form's v."""
    x, v, expected = 0.0, 0.0, []
    for g in GRADIENTS:
        v = 0.9 * v + (1.0 - 0.9) * g
        x -= 0.1 * v
        expected.append(x)
    assert positions("SGD", GRADIENTS, lr=0.1 * (1.0 - 0.9), momentum=0.9) == close(expected)


# The papers' rules.


def test_adagrad_sums_all_squares() -> None:
    """A constant gradient gives the steps lr, lr/√2, lr/√3, …, with eps outside of the root."""
    path = positions("Adagrad", [4.0] * 9, lr=1.0, eps=0.0)
    assert np.diff([0.0, *path]) == close([-1.0 / math.sqrt(t) for t in range(1, 10)])
    assert positions("Adagrad", [4.0], lr=1.0, eps=1.0) == close([-4.0 / 5.0])


def test_adagrad_lr_decay_and_initial_sum() -> None:
    path = positions(
        "Adagrad",
        [0.0, 0.0, 3.0],
        lr=1.0,
        lr_decay=0.5,
        eps=0.0,
        initial_accumulator_value=16.0,
    )
    assert path == close([0.0, 0.0, -3.0 / (1.0 + 2 * 0.5) / 5.0])


def test_adadelta_has_eps_inside_of_both_roots() -> None:
    first, second = positions("Adadelta", [3.0, 3.0], rho=0.75, eps=0.25)
    d = math.sqrt(0.25) / math.sqrt(0.25 * 9.0 + 0.25) * 3.0
    assert first == close(-d)
    v = 0.75 * 0.25 * 9.0 + 0.25 * 9.0
    assert second - first == close(-math.sqrt(0.25 * d * d + 0.25) / math.sqrt(v + 0.25) * 3.0)


def test_rmsprop_has_eps_outside_and_no_correction_for_the_beginning() -> None:
    assert positions("RMSprop", [8.0], lr=1.0, alpha=0.75, eps=1.0) == close([-8.0 / 5.0])


def test_rmsprop_momentum_adds_up_the_divided_gradients() -> None:
    """With alpha = 0 the divided gradient is its sign."""
    path = positions("RMSprop", [4.0, 8.0, -1.0], lr=1.0, alpha=0.0, eps=0.0, momentum=0.5)
    assert path == close([-1.0, -2.5, -2.25])


def test_rmsprop_centered_divides_by_the_standard_deviation() -> None:
    """With alpha = 1/2 and gradients 4, 8: v = 4 + 32, a = 1 + 4 … from 0."""
    first, second = positions("RMSprop", [4.0, 8.0], lr=1.0, alpha=0.5, eps=0.0, centered=True)
    assert first == close(-4.0 / math.sqrt(8.0 - 2.0**2))
    assert second - first == close(-8.0 / math.sqrt((4.0 + 32.0) - (1.0 + 4.0) ** 2))


@given(st.floats(1e-3, 1e3), st.sampled_from([0.1, 0.5, 0.9]))
def test_rmsprop_centered_survives_a_constant_gradient(gradient: float, alpha: float) -> None:
    """There v - a² is 0 up to rounding: its root would be nan for every other gradient."""
    path = positions("RMSprop", [gradient] * 400, alpha=alpha, centered=True)
    assert all(map(math.isfinite, path))


def test_adamw_shrinks_first_and_keeps_the_decay_out_of_the_means() -> None:
    after = positions("AdamW", [3.0], 10.0, lr=0.1, weight_decay=0.5, eps=0.0)
    assert after == close([10.0 * (1.0 - 0.1 * 0.5) - 0.1])


def test_adamw_is_adam_decoupled() -> None:
    decoupled = {"decoupled_weight_decay": True, "weight_decay": 0.01}
    assert positions("AdamW", GRADIENTS, 1.0) == positions("Adam", GRADIENTS, 1.0, **decoupled)


def test_adamax_remembers_the_largest_gradient() -> None:
    """With β₁ = 0 the step is lr * g / u."""
    path = positions("Adamax", [8.0, 1.0, 1.0], lr=1.0, betas=(0.0, 0.5), eps=0.0)
    assert np.diff([0.0, *path]) == close([-1.0, -1.0 / 4.0, -1.0 / 2.0])


def test_adamax_adds_eps_to_the_gradient_alone() -> None:
    path = positions("Adamax", [8.0, 1.0], lr=1.0, betas=(0.0, 0.5), eps=1.0)
    assert np.diff([0.0, *path]) == close([-8.0 / 9.0, -1.0 / 4.5])


def test_amsgrad_is_adam_while_the_mean_square_grows() -> None:
    growing = [1.0, 2.0, 4.0, 8.0]
    assert positions("Adam", growing, amsgrad=True) == positions("Adam", growing)


def test_adamax_with_a_constant_gradient_goes_lr_each_step() -> None:
    assert positions("Adamax", [7.0] * 50, lr=0.1, eps=0.0)[-1] == close(-5.0)


def test_nadam_applies_the_next_momentum_already() -> None:
    """The first step: m̂ = μ₂ * (1 − β₁)g / (1 − μ₁μ₂) + g."""
    mu1, mu2 = (0.5 * (1.0 - 0.5 * 0.96 ** (t * 0.25)) for t in (1, 2))
    (after,) = positions("NAdam", [3.0], lr=1.0, betas=(0.5, 0.9), momentum_decay=0.25, eps=0.0)
    assert after == close(-(mu2 * 0.5 / (1.0 - mu1 * mu2) + 1.0))


def test_radam_begins_as_momentum_and_rectifies_from_step_6_on() -> None:
    """With the gradient 5 throughout, m̂ = 5 and sqrt(v) = 5 * sqrt(1 - β₂ᵗ)."""
    steps = np.diff([0.0, *positions("RAdam", [5.0] * 8, lr=1.0, eps=0.5)])
    end = 2.0 / (1.0 - 0.999) - 1.0
    assert steps[:5] == close([-5.0] * 5)
    for t in (6, 7, 8):
        share = 1.0 - 0.999**t
        rho = end - 2.0 * t * 0.999**t / share
        r = math.sqrt((rho - 4.0) * (rho - 2.0) * end / ((end - 4.0) * (end - 2.0) * rho))
        expected = -r * 5.0 * math.sqrt(share) / (5.0 * math.sqrt(share) + 0.5)
        assert steps[t - 1] == close(expected, rel=1e-9)


def test_rprop_waits_after_a_turn_and_then_goes_back_with_less() -> None:
    path = positions("Rprop", [3.0, 0.1, -9.0, -1.0, -1.0], lr=1.0, etas=(0.5, 1.25))
    assert np.diff([0.0, *path]) == close([-1.0, -1.25, 0.0, 0.625, 0.78125])


def test_rprop_keeps_its_steps_within_bounds() -> None:
    path = positions("Rprop", [1.0] * 9, lr=1.0, etas=(0.5, 1.25), step_sizes=(0.1, 1.5))
    assert np.diff(path)[-3:] == close([-1.5] * 3)
    path = positions("Rprop", [1.0, -1.0] * 9, lr=1.0, etas=(0.5, 1.25), step_sizes=(0.3, 1.5))
    assert np.diff(path)[-4:] == close([-0.3, 0.0] * 2)


@pytest.mark.parametrize("options", [{}, {"betas": (0.5, 0.75), "weight_decay": 0.25, "lr": 0.5}])
def test_lion_is_the_papers_algorithm_2(options: dict[str, Any]) -> None:
    """Chen et al. (2023), written down from the paper for arrays."""
    eta, lam = options.get("lr", 1e-4), options.get("weight_decay", 0.0)
    beta1, beta2 = options.get("betas", (0.9, 0.99))
    gradients = np.random.default_rng(0).normal(size=(200, 3))
    start = [1.0, -2.0, 0.5]
    theta, m, expected = np.array(start), np.zeros(3), []
    for g in gradients:
        c = np.add(np.multiply(beta1, m), np.multiply(1 - beta1, g))
        theta = theta - eta * (np.sign(c) + lam * theta)
        m = np.add(np.multiply(beta2, m), np.multiply(1 - beta2, g))
        expected.append(theta)
    path = run(optim.Lion([Value(x) for x in start], **options), gradients)
    np.testing.assert_allclose(path, expected, rtol=1e-13)


# The minima.


def logistic_minimum() -> list[float]:
    """Newton's method, in NumPy."""
    data = np.array(SAMPLES)
    features, labels = np.column_stack([data[:, :2], np.ones(len(data))]), data[:, 2]
    penalty, p = np.diag([0.2, 0.2, 0.0]), np.zeros(3)
    for _ in range(20):
        probability = 1.0 / (1.0 + np.exp(-features @ p))
        curvature = (features.T * (probability * (1.0 - probability))) @ features + penalty
        p = p - np.linalg.solve(curvature, features.T @ (probability - labels) + penalty @ p)
    return list(p)


MINIMA: dict[Objective, list[float]] = {
    parabola: [1.0, -2.0],
    rosenbrock: [1.0, 1.0],
    beale: [3.0, 0.5],
    logistic_regression: logistic_minimum(),
}
STEPS = {parabola: 1000, rosenbrock: 10_000, beale: 1000, logistic_regression: 500}
RATES: dict[str, tuple[dict[str, Any], list[float]]] = {
    "SGD": ({"momentum": 0.9}, [0.01, 0.001, 0.01, 0.03]),
    "Adagrad": ({}, [1.0, 1.5, 1.0, 1.0]),
    "Adadelta": ({"rho": 0.99, "eps": 1e-5}, [3.0, 1.0, 5.0, 10.0]),
    "RMSprop": ({"momentum": 0.9}, [0.03, 0.001, 0.01, 0.03]),
    "Adam": ({}, [0.3, 0.3, 0.3, 0.3]),
    "AdamW": ({"weight_decay": 0.0}, [0.3, 0.3, 0.3, 0.3]),
    "Adamax": ({}, [1.0, 1.0, 1.0, 1.0]),
    "NAdam": ({}, [0.3, 0.03, 0.3, 0.3]),
    "RAdam": ({"betas": (0.9, 0.99)}, [0.1, 0.003, 0.03, 0.3]),
    "Rprop": ({}, [0.1, 0.1, 0.1, 0.1]),
    "Lion": ({}, [0.03, 0.002, 0.03, 0.1]),
}
"""Options, and the first learning rate for each of the objectives; the rate falls to 0."""


@EVERY_KIND
@pytest.mark.parametrize(("column", "objective"), list(enumerate(STARTS)))
def test_it_reaches_the_minimum(name: str, column: int, objective: Objective) -> None:
    options, rates = RATES[name]
    params = [Value(x) for x in STARTS[objective]]
    optimizer = getattr(optim, name)(params, **options)
    for step in range(STEPS[objective]):
        optimizer.param_groups[0]["lr"] = rates[column] * (1.0 - step / STEPS[objective])
        optimizer.zero_grad()
        objective(params, autograd).backward()
        optimizer.step()
    assert [p.data for p in params] == pytest.approx(MINIMA[objective], abs=0.01)


# What all share.


@EVERY_CASE
@settings(max_examples=30)
@given(gradients=st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=10))
def test_a_rule_gives_arrays_the_bits_of_floats(case: Case, gradients: list[Any]) -> None:
    start = [1.0, -2.0, 0.5]
    optimizer = case.kind([Value(value) for value in start], **case.options)
    options = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
    x, state = np.array(start), {}
    with np.errstate(all="ignore"):
        for row, expected in zip(gradients, run(optimizer, gradients), strict=True):
            x, state = case.kind.update(x, np.array(row), state, **options)
            np.testing.assert_array_equal(x, expected)
    for column, parameter in enumerate(optimizer.param_groups[0]["params"]):
        for entry, number in optimizer.state[parameter].items():
            assert np.broadcast_to(state[entry], 3)[column] == number


@EVERY_CASE
def test_a_saved_optimizer_goes_on_to_the_bit(case: Case) -> None:
    optimizer = case.kind([Value(1.0), Value(2.0)], **case.options)
    middle = run(optimizer, GRADIENTS[:10])[-1]
    other = case.kind([Value(x) for x in middle])
    other.load_state_dict(json.loads(json.dumps(optimizer.state_dict())))
    assert run(other, GRADIENTS[10:]) == run(optimizer, GRADIENTS[10:])


@EVERY_CASE
def test_maximize_is_descent_on_minus_f(case: Case) -> None:
    opposite = case.options | {"maximize": not case.options.get("maximize", False)}
    down = positions(case.name, GRADIENTS, 1.0, **case.options)
    assert positions(case.name, [-g for g in GRADIENTS], 1.0, **opposite) == down


@EVERY_CASE
def test_parameters_do_not_disturb_each_other(case: Case) -> None:
    rows = [[g, 100.0 * g * g] for g in GRADIENTS]
    together = run(case.kind([Value(1.0), Value(2.0)], **case.options), rows)
    assert [row[0] for row in together] == positions(case.name, GRADIENTS, 1.0, **case.options)


@EVERY_KIND
def test_weight_decay_is_a_penalty_or_decoupled(name: str) -> None:
    if name == "Rprop":
        with pytest.raises(TypeError, match="weight_decay"):
            optim.Rprop([Value(1.0)], weight_decay=0.1)  # type: ignore[call-arg]
        return
    decayed = positions(name, [3.0], 2.0, lr=0.1, weight_decay=0.25)
    if name in ("AdamW", "Lion"):
        shrunk = 2.0 * (1.0 - 0.1 * 0.25)
        assert decayed == close(positions(name, [3.0], shrunk, lr=0.1, weight_decay=0.0))
    else:
        assert decayed == positions(name, [3.0 + 0.25 * 2.0], 2.0, lr=0.1)


@pytest.mark.parametrize("name", ["Adam", "NAdam", "RAdam"])
def test_decoupled_weight_decay_shrinks_before_the_step(name: str) -> None:
    options = {"lr": 0.1, "weight_decay": 0.25, "decoupled_weight_decay": True}
    decayed = positions(name, GRADIENTS[:1], 2.0, **options)
    assert decayed == positions(name, GRADIENTS[:1], 2.0 * (1.0 - 0.1 * 0.25), lr=0.1)


@EVERY_KIND
def test_a_parameter_given_twice_moves_once(name: str) -> None:
    x, y = Value(1.0), Value(2.0)
    optimizer = getattr(optim, name)([x, y, x])
    assert optimizer.param_groups[0]["params"] == [x, y]
    assert run(optimizer, [3.0])[0][0] == positions(name, [3.0], 1.0)[0]


@EVERY_KIND
def test_groups_have_options_of_their_own(name: str) -> None:
    kind = getattr(optim, name)
    optimizer = kind([{"params": [Value(1.0)], "lr": 0.5}, {"params": [Value(1.0)]}], lr=0.25)
    assert run(optimizer, GRADIENTS)[-1] == [
        positions(name, GRADIENTS, 1.0, lr=lr)[-1] for lr in (0.5, 0.25)
    ]


def test_adagrad_groups_begin_with_sums_of_their_own() -> None:
    groups = [{"params": [Value(0.0)], "initial_accumulator_value": 16.0}, {"params": [Value(0.0)]}]
    assert run(optim.Adagrad(groups, lr=1.0, eps=0.0), [3.0]) == [[-3.0 / 5.0, -1.0]]


@EVERY_CASE
def test_huge_gradients_raise_nothing_and_nan_shows(case: Case) -> None:
    path = positions(case.name, [1e200, -1e300, math.inf, -math.inf, math.nan], **case.options)
    assert math.isnan(path[-1])


@EVERY_CASE
def test_a_gradient_of_zero_moves_nothing(case: Case) -> None:
    options = case.options | ({} if case.name == "Rprop" else {"weight_decay": 0.0})
    assert positions(case.name, [0.0] * 10, 1.0, **options) == [1.0] * 10


@EVERY_KIND
def test_no_learning_rate_below_zero(name: str) -> None:
    for lr in (-1.0, math.nan):
        with pytest.raises(ValueError, match=f"{name}'s lr is a number from 0 on, got"):
            getattr(optim, name)([Value(1.0)], lr=lr)


OUT_OF_RANGE: list[tuple[str, dict[str, Any], str]] = [
    *(
        (name, {option: -0.1}, f"{name}'s {option} is a number from 0 on, got -0.1")
        for name, options in {
            "Adagrad": ["lr_decay", "weight_decay", "initial_accumulator_value", "eps"],
            "Adadelta": ["eps", "weight_decay"],
            "RMSprop": ["eps", "weight_decay", "momentum"],
            "Adam": ["eps", "weight_decay"],
            "AdamW": ["eps", "weight_decay"],
            "Adamax": ["eps", "weight_decay"],
            "NAdam": ["eps", "weight_decay", "momentum_decay"],
            "RAdam": ["eps", "weight_decay"],
            "Lion": ["weight_decay"],
        }.items()
        for option in options
    ),
    *(
        (name, {"betas": betas}, f"{name}'s betas are numbers from 0 to below 1")
        for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Lion")
        for betas in [(-0.1, 0.9), (1.0, 0.9), (0.9, -0.1), (0.9, 1.0)]
    ),
    *(("Adadelta", {"rho": rho}, "Adadelta's rho is a number from 0 to 1") for rho in (-0.1, 1.1)),
    *(("RMSprop", {"alpha": a}, "RMSprop's alpha is a number from 0 to 1") for a in (-0.1, 1.1)),
    *(
        ("Rprop", {"etas": etas}, "Rprop's etas are")
        for etas in [(0.0, 1.2), (1.0, 1.2), (0.5, 1.0), (1.2, 0.5)]
    ),
    *(
        ("Rprop", {"step_sizes": sizes}, "Rprop's step_sizes are")
        for sizes in [(-1e-6, 50.0), (50.0, 1e-6)]
    ),
]


@pytest.mark.parametrize(("name", "options", "words"), OUT_OF_RANGE)
def test_options_out_of_range(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        getattr(optim, name)([Value(1.0)], **options)


def test_adamw_does_not_become_adam() -> None:
    with pytest.raises(ValueError, match="AdamW's decoupled_weight_decay is always True"):
        optim.AdamW([Value(1.0)]).load_state_dict(optim.Adam([Value(1.0)]).state_dict())
