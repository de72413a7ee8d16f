"""The optimizers: closed forms, properties, errors, memory."""

from __future__ import annotations

import copy
import json
import math
import pickle
import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from optim import SGD, Adam, Optimizer
from tests.optim.interrupting import left_by_ctrl_c

CASES: list[tuple[type[Optimizer], dict[str, Any]]] = [
    (SGD, {"lr": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (Adam, {"lr": 0.1}),
    (Adam, {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1}),
    (Adam, {"lr": 0.1, "amsgrad": True}),
]
EVERY_CASE = pytest.mark.parametrize(("kind", "options"), CASES, ids=str)
finite = st.floats(-1e3, 1e3)


def run(optimizer: Optimizer, gradients: list[list[float]]) -> list[list[float]]:
    """Return the parameters after each step with these gradients."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    path = []
    for row in gradients:
        for parameter, gradient in zip(params, row, strict=True):
            parameter.grad = gradient
        optimizer.step()
        path.append([p.data for p in params])
    return path


# Closed forms.


def test_sgd_is_x_minus_lr_times_gradient() -> None:
    assert run(SGD([Value(1.0)], lr=0.5), [[2.0], [-4.0]]) == [[0.0], [2.0]]


def test_momentum_is_a_geometric_sum() -> None:
    """With gradient 1 throughout, v_t = 1 + β + … + β^(t-1)."""
    path = run(SGD([Value(0.0)], lr=1.0, momentum=0.5), [[1.0]] * 4)
    assert path == [[-1.0], [-2.5], [-4.25], [-6.125]]


def test_dampening_spares_the_first_step() -> None:
    """The velocity begins as the gradient itself, and is a mean of the gradients from then on."""
    path = run(SGD([Value(0.0)], lr=1.0, momentum=0.5, dampening=0.5), [[1.0]] * 3)
    assert path == [[-1.0], [-2.0], [-3.0]]


def test_nesterov_looks_ahead() -> None:
    path = run(SGD([Value(0.0)], lr=1.0, momentum=0.5, nesterov=True), [[1.0], [1.0]])
    assert path == [[-1.5], [-3.25]]


@given(finite.filter(lambda g: abs(g) > 1e-3), st.floats(0.0, 0.99), st.floats(0.0, 0.999))
def test_adam_first_step_is_lr_whatever_gradient_and_betas(
    gradient: float, beta1: float, beta2: float
) -> None:
    """The corrections for the beginning make m̂ = g and v̂ = g²."""
    (after,) = run(Adam([Value(0.0)], lr=0.1, betas=(beta1, beta2), eps=0.0), [[gradient]])
    assert after[0] == pytest.approx(-math.copysign(0.1, gradient), rel=1e-9)


def test_adam_with_a_constant_gradient_goes_lr_each_step() -> None:
    path = run(Adam([Value(0.0)], lr=0.1, eps=0.0), [[7.0]] * 50)
    assert path[-1][0] == pytest.approx(-5.0, rel=1e-12)


@given(finite.filter(lambda g: abs(g) > 1e-3), st.floats(0.0, 10.0))
def test_adam_adds_eps_to_the_root(gradient: float, eps: float) -> None:
    (after,) = run(Adam([Value(0.0)], lr=0.1, eps=eps), [[gradient]])
    assert after[0] == pytest.approx(-0.1 * gradient / (abs(gradient) + eps), rel=1e-9)


def test_amsgrad_remembers_the_largest_mean_square() -> None:
    gradients = [[10.0], *[[0.1]] * 30]
    plain = run(Adam([Value(0.0)], lr=0.1, betas=(0.0, 0.5)), gradients)
    remembering = run(Adam([Value(0.0)], lr=0.1, betas=(0.0, 0.5), amsgrad=True), gradients)
    assert abs(plain[-1][0] - plain[-2][0]) == pytest.approx(0.1, rel=1e-3)
    assert abs(remembering[-1][0] - remembering[-2][0]) < 0.01


# Properties of all.


@EVERY_CASE
@given(gradients=st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=10))
def test_a_rule_gives_arrays_the_same_as_floats(
    kind: type[Optimizer], options: dict[str, Any], gradients: list[tuple[float, float, float]]
) -> None:
    start = [1.0, -2.0, 0.5]
    optimizer = kind([Value(x) for x in start], **options)
    all_options = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
    x, state = np.array(start), {}
    for row, expected in zip(gradients, run(optimizer, list(map(list, gradients))), strict=True):
        before = {name: np.copy(entry) for name, entry in state.items()}
        x, new = kind.update(x, np.array(row), state, **all_options)
        assert all(np.array_equal(before[name], state[name]) for name in before)
        state = new
        np.testing.assert_allclose(x, expected, rtol=1e-14, atol=1e-300)


@EVERY_CASE
@given(gradients=st.lists(st.tuples(finite, finite), min_size=1, max_size=10))
def test_parameters_do_not_disturb_each_other(
    kind: type[Optimizer], options: dict[str, Any], gradients: list[tuple[float, float]]
) -> None:
    together = run(kind([Value(1.0), Value(2.0)], **options), list(map(list, gradients)))
    swapped = run(kind([Value(2.0), Value(1.0)], **options), [[b, a] for a, b in gradients])
    alone = run(kind([Value(1.0)], **options), [[a] for a, _ in gradients])
    assert together == [[a, b] for b, a in swapped]
    assert [row[0] for row in together] == [row[0] for row in alone]


@EVERY_CASE
@given(gradients=st.lists(finite, min_size=1, max_size=10))
def test_maximize_is_descent_on_minus_f(
    kind: type[Optimizer], options: dict[str, Any], gradients: list[float]
) -> None:
    up = run(kind([Value(1.0)], **options, maximize=True), [[g] for g in gradients])
    down = run(kind([Value(1.0)], **options), [[-g] for g in gradients])
    assert up == down


@EVERY_CASE
@given(gradients=st.lists(finite, min_size=1, max_size=10))
def test_weight_decay_is_the_gradient_of_a_penalty(
    kind: type[Optimizer], options: dict[str, Any], gradients: list[float]
) -> None:
    x = 1.0
    without = kind([Value(x)], **options | {"weight_decay": 0.0})
    for gradient, [after] in zip(
        gradients,
        run(kind([Value(x)], **options | {"weight_decay": 0.3}), [[g] for g in gradients]),
        strict=True,
    ):
        assert run(without, [[gradient + 0.3 * x]]) == [[after]]
        x = after


@EVERY_CASE
def test_it_finds_the_minimum_of_a_bowl(kind: type[Optimizer], options: dict[str, Any]) -> None:
    options = options | {"weight_decay": 0.0, "lr": 0.02}
    x, y = Value(3.0), Value(-2.0)
    optimizer = kind([x, y], **options)
    for _ in range(400):
        optimizer.zero_grad()
        ((x - 1.0) ** 2 + 3.0 * (y + 1.0) ** 2).backward()
        optimizer.step()
    assert (x.data, y.data) == pytest.approx((1.0, -1.0), abs=0.02)


@EVERY_CASE
def test_a_parameter_given_twice_moves_once(kind: type[Optimizer], options: dict[str, Any]) -> None:
    x = Value(1.0)
    optimizer = kind([x, x], **options)
    assert optimizer.param_groups[0]["params"] == [x]


@EVERY_CASE
def test_a_frozen_parameter_stays(kind: type[Optimizer], options: dict[str, Any]) -> None:
    x, frozen = Value(1.0), Value(2.0, requires_grad=False)
    optimizer = kind([x, frozen], **options)
    assert run(optimizer, [[1.0, 1.0], [1.0, 1.0]])[-1][1] == 2.0
    assert x.data != 1.0


@EVERY_CASE
@pytest.mark.parametrize("way", ["state_dict", "json", "pickle", "deepcopy"])
def test_a_saved_optimizer_goes_on_to_the_bit(
    kind: type[Optimizer], options: dict[str, Any], way: str
) -> None:
    gradients = [[math.sin(3.0 * k), math.cos(5.0 * k)] for k in range(20)]
    optimizer = kind([Value(1.0), Value(2.0)], **options)
    middle = run(optimizer, gradients[:10])[-1]
    if way == "pickle":
        other = pickle.loads(pickle.dumps(optimizer))
    elif way == "deepcopy":
        other = copy.deepcopy(optimizer)
    else:
        other = kind([Value(x) for x in middle])
        saved = optimizer.state_dict()
        other.load_state_dict(json.loads(json.dumps(saved)) if way == "json" else saved)
    assert run(other, gradients[10:]) == run(optimizer, gradients[10:])


def test_state_dict_is_a_copy() -> None:
    optimizer = SGD([Value(1.0)], lr=0.1, momentum=0.9)
    run(optimizer, [[1.0]])
    saved = optimizer.state_dict()
    before = json.dumps(saved)
    run(optimizer, [[1.0]])
    assert json.dumps(saved) == before
    remembered = optimizer.state_dict()
    optimizer.state_dict()["state"][0].clear()
    assert optimizer.state_dict() == remembered


def test_a_group_may_carry_notes() -> None:
    x = Value(1.0)
    optimizer = SGD([x], lr=0.5)
    optimizer.param_groups[0]["initial_lr"] = 0.5
    assert run(optimizer, [[1.0]]) == [[0.5]]
    SGD([x]).load_state_dict(optimizer.state_dict())


def test_groups_have_options_of_their_own() -> None:
    x, y = Value(0.0), Value(0.0)
    optimizer = SGD([{"params": [x], "lr": 1.0}, {"params": y}], lr=0.5)
    assert run(optimizer, [[1.0, 1.0]]) == [[-1.0, -0.5]]
    optimizer.param_groups[1]["lr"] = 0.25
    assert run(optimizer, [[1.0, 1.0]]) == [[-2.0, -0.75]]


def test_a_generator_of_parameters_will_do() -> None:
    assert len(SGD(Value(float(k)) for k in range(3)).param_groups[0]["params"]) == 3


def test_zero_grad() -> None:
    x = Value(1.0)
    x.grad = 3.0
    SGD([x]).zero_grad()
    assert x.grad == 0.0


def test_huge_gradients_raise_nothing() -> None:
    x = Value(1.0)
    run(Adam([x], amsgrad=True), [[1e300], [math.inf], [math.nan]])
    assert math.isnan(x.data)


def test_an_error_in_a_step_leaves_every_parameter() -> None:
    x, y = Value(1.0), Value(1.0, label="y")
    optimizer = Adam([x, y], eps=0.0)
    x.grad = 1.0
    with pytest.raises(ZeroDivisionError, match=r"'y'.*eps above 0"):
        optimizer.step()
    assert (x.data, y.data, optimizer.state) == (1.0, 1.0, {})


@pytest.mark.parametrize("stop", range(40))
def test_ctrl_c_at_any_line_of_a_step_leaves_all_or_nothing(stop: int) -> None:
    x, y = Value(1.0), Value(2.0)
    optimizer = Adam([x, y], lr=0.1)
    states = []
    for _ in range(2):
        states.append(([x.data, y.data], optimizer.state_dict()["state"]))
        x.grad, y.grad = 1.0, -3.0
        optimizer.step()
    states.append(([x.data, y.data], optimizer.state_dict()["state"]))
    x.data, y.data = states[1][0]
    optimizer.state = dict(zip((x, y), copy.deepcopy(states[1][1]), strict=True))
    left = stop

    def interrupt(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if event == "line" and frame.f_code.co_filename.endswith("optim/optimizer.py"):
            left -= 1
            if left == -1:
                raise KeyboardInterrupt
        return interrupt

    tracer = sys.gettrace()
    sys.settrace(interrupt)
    try:
        optimizer.step()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(tracer)
    assert ([x.data, y.data], optimizer.state_dict()["state"]) in states[1:]


def test_ctrl_c_while_a_state_is_loaded_leaves_all_or_nothing() -> None:
    def two_groups(lr: float, steps: int) -> Adam:
        optimizer = Adam([{"params": [Value(1.0)]}, {"params": [Value(2.0)]}], lr=lr)
        run(optimizer, [[1.0, -3.0]] * steps)
        return optimizer

    old, new = two_groups(0.1, 1).state_dict(), two_groups(0.5, 2).state_dict()

    def make() -> tuple[Any, Any]:
        optimizer = two_groups(0.1, 1)
        return lambda: optimizer.load_state_dict(new), optimizer.state_dict

    left = left_by_ctrl_c(make)
    assert len(left) > 20
    assert all(state in (old, new) for state in left)


def test_repr_shows_options() -> None:
    assert repr(SGD([Value(1.0), Value(2.0)], lr=0.1)).startswith("SGD(2 parameters, lr=0.1")
    assert repr(SGD([Value(1.0)], lr=0.1)).startswith("SGD(1 parameter, lr=0.1, momentum=0.0")


# Errors.


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (SGD, {"lr": -1.0}, "SGD's lr .* got -1.0"),
        (SGD, {"lr": math.nan}, "SGD's lr .* got nan"),
        (SGD, {"momentum": -0.1}, "SGD's momentum"),
        (SGD, {"weight_decay": -0.1}, "SGD's weight_decay"),
        (SGD, {"nesterov": True}, "needs a momentum above 0"),
        (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "needs a dampening of 0"),
        (Adam, {"lr": -1.0}, "Adam's lr"),
        (Adam, {"eps": -1.0}, "Adam's eps"),
        (Adam, {"weight_decay": -1.0}, "Adam's weight_decay"),
        (Adam, {"betas": (1.0, 0.9)}, "Adam's betas .* got 1.0"),
        (Adam, {"betas": (0.9, -0.1)}, "Adam's betas .* got -0.1"),
    ],
)
def test_options_out_of_range(kind: type[Optimizer], options: dict[str, Any], words: str) -> None:
    x = Value(1.0)
    with pytest.raises(ValueError, match=words):
        kind([x], **options)
    with pytest.raises(ValueError, match=words):
        kind([{"params": [x], **options}])
    optimizer = kind([x])
    saved = optimizer.state_dict()
    saved["param_groups"][0].update(options)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(saved)
    assert optimizer.state_dict() == before


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ([], ValueError, "no parameters"),
        (Value(1.0), TypeError, "list of Values"),
        ({Value(1.0)}, TypeError, "got a set"),
        ([1.0], TypeError, "got a float"),
        ([Value(1.0) * 2.0], ValueError, "result of an operation"),
        (
            [{"params": [Value(1.0)], "learning_rate": 1.0}],
            ValueError,
            "'learning_rate'",
        ),
        ([{"lr": 1.0}], ValueError, '"params"'),
    ],
)
def test_unfit_parameters(params: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        SGD(params)


@pytest.mark.parametrize("options", [{"betas": 0.9}, {"betas": (0.9,)}, {"lr": "fast"}])
def test_options_that_are_no_numbers(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"Adam's {next(iter(options))}"):
        Adam([Value(1.0)], **options)


def test_a_model_in_place_of_its_parameters() -> None:
    class Model:
        def parameters(self) -> list[Value]:
            return []

    with pytest.raises(TypeError, match=r"give its parameters\(\)"):
        SGD(Model())  # type: ignore[arg-type]


@pytest.mark.parametrize("entries", [{"step": -1}, {"exp_avg": 10**400}])
def test_an_unfit_saved_state_is_refused_after_divergence_too(entries: dict[str, Any]) -> None:
    x = Value(1.0)
    optimizer = Adam([x])
    run(optimizer, [[math.nan]])
    saved = optimizer.state_dict()
    optimizer.load_state_dict(saved)
    saved["state"][0].update(entries)
    with pytest.raises(ValueError, match="can't go on"):
        optimizer.load_state_dict(saved)


def test_one_parameter_in_two_groups() -> None:
    x = Value(1.0, label="shared")
    with pytest.raises(ValueError, match=r"'shared'.* in two groups"):
        SGD([{"params": [x]}, {"params": [x]}])
    optimizer = SGD([x])
    with pytest.raises(ValueError, match=r"'shared'.* in two groups"):
        optimizer.add_param_group({"params": [x]})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("state"), "as state_dict returns it"),
        (lambda s: s.update(param_groups=3), "as state_dict returns it"),
        (lambda s: s["param_groups"].append(s["param_groups"][0]), "groups of"),
        (lambda s: s["param_groups"][0]["params"].append(1), "groups of"),
        (lambda s: s["state"].append({}), "remembers 2 parameters of 1"),
        (lambda s: s["state"][0].pop("exp_avg"), "Adam remembers step, exp_avg, exp_avg_sq"),
        (lambda s: s["state"].__setitem__(0, 7), "Adam remembers"),
        (lambda s: s["state"][0].update(exp_avg="1"), "the saved exp_avg is a real number"),
        (lambda s: s["state"][0].update(exp_avg_sq=-1.0), "can't go on"),
        (lambda s: s["state"][0].update(step=-1), "can't go on"),
        (lambda s: s["state"][0].update(step=-7), "can't go on"),
        (lambda s: s["state"][0].update(exp_avg=10**400), "can't go on"),
        (lambda s: s["state"][0].update(step=-(10**9)), "can't go on"),
        (lambda s: s["param_groups"][0].update(lr=10**400), "Adam's lr is a number of up to"),
        (lambda s: s["param_groups"][0].pop("lr"), "'lr' is missing"),
        (lambda s: s["param_groups"][0].update(momentum=1.0), "'momentum' is unknown"),
    ],
)
def test_an_unfit_saved_state_changes_nothing(change: Any, words: str) -> None:
    optimizer = Adam([Value(1.0)])
    run(optimizer, [[1.0]])
    saved, before = optimizer.state_dict(), optimizer.state_dict()
    saved["param_groups"][0]["lr"] = 0.7
    change(saved)
    with pytest.raises((ValueError, TypeError), match=words):
        optimizer.load_state_dict(saved)
    assert optimizer.state_dict() == before


def test_a_group_that_is_no_dict_is_told() -> None:
    with pytest.raises(TypeError, match='is a dict with "params", got a int'):
        SGD([Value(1.0)]).add_param_group(3)  # type: ignore[arg-type]
