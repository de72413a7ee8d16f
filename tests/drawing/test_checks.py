"""The check of each step of a sweep by finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings

import autograd as ag
from autograd import Primitive, Value, primitives
from autograd.checking.strategies import Expression, expressions
from autograd.drawing.checks import Check, difference_checks

BUILTIN = list(primitives.TABLE.values())  # other tests declare wrong ones


def checked(f: Callable[[Value], Value], at: float) -> Check:
    x = Value(at, "x")
    return difference_checks(f(x).steps())[x]


@given(expressions(BUILTIN))
@settings(max_examples=60)
def test_right_gradients_agree_and_numbers_are_near(expression: Expression) -> None:
    inputs = [Value(x) for x in expression.point]
    root = expression(*inputs)
    if root.requires_grad:
        root.backward()
        for node, check in difference_checks(root.steps()).items():
            assert check.agrees, str(check)
            if not check.reason:
                assert check.analytic == (1.0 if node is root else node.grad)
                assert abs(check.numeric - check.analytic) <= check.error_bound


@pytest.mark.parametrize("factor", [2.0, 1.001, -1.0, 0.0])
def test_a_wrong_rule_is_seen_from_every_node_below_it_and_none_above(factor: float) -> None:
    wrong = Primitive("wrong", ag.tanh, lambda out, x: (factor * (1 - out * out),))
    x = Value(0.5, "x")
    below = x * 3.0
    y = wrong(below)
    checks = difference_checks((y * y).steps())
    assert not checks[x].agrees
    assert not checks[below].agrees
    assert checks[y].agrees
    assert str(checks[x]).startswith("finite differences: 0.981397792, but")
    assert str(checks[x]).endswith(f"the sweep says {checks[x].analytic:.9g}")


def test_the_seed_scales_both() -> None:
    x = Value(3.0)
    check = difference_checks(ag.Sweep(x * x, seed=-2.0))[x]
    assert check.agrees
    assert check.analytic == pytest.approx(check.numeric) == -12.0


@pytest.mark.parametrize(
    ("f", "at", "text"),
    [
        (lambda x: x * x, 3.0, "finite differences: 6, agrees"),
        (lambda x: x * x, 0.0, "finite differences: 0, agrees"),
        (lambda x: x * 0.0, 2.0, "finite differences: 0, agrees"),
        (lambda x: x + 1e-9, 0.0, "finite differences: 1, agrees"),
        (ag.tanh, 20.0, "finite differences: 0, agrees"),
        (ag.relu, 0.0, "finite differences: a kink, 0 from below and 1 from above; {0}"),
        (abs, 0.0, "finite differences: a kink, -1 from below and 1 from above; {0}"),
        (lambda x: ag.maximum(x, 2 * x), 0.0, "finite differences: a kink, 1 from below and 2 {1}"),
        (lambda x: ag.floor(x) + x, 2.0, "finite differences: a jump, 1 from below and 1 {2}"),
        (ag.log, 0.0, "finite differences can't tell: there is nan or an infinity"),
        (lambda x: x**1.5, 0.0, "finite differences can't tell: there is no clear slope {3}"),
    ],
)
def test_what_is_said(f: Callable[[Value], Value], at: float, text: str) -> None:
    says = "the sweep says "
    rest = (says + "0", f"from above; {says}1.5", f"from above; {says}1", "around here")
    assert str(checked(f, at)) == text.format(*rest)
    assert checked(f, at).agrees


def test_at_a_kink_a_slope_outside_the_two_is_wrong() -> None:
    wrong = Primitive("wrong", ag.relu, lambda out, x: (7.0,))
    check = checked(lambda x: wrong(x), 0.0)
    assert check.sides == pytest.approx((0.0, 1.0))
    assert not check.agrees


@pytest.mark.parametrize("distance", [1e-2, 1e-5, 1e-7])
def test_beside_a_kink_there_is_none(distance: float) -> None:
    for at, slope in ((1.0 + distance, 1.0), (1.0 - distance, 0.0)):
        check = checked(lambda x: ag.relu(x - 1.0), at)
        assert (check.sides, check.analytic) == (None, slope)
        assert check.agrees


def test_a_surrogate_is_not_compared() -> None:
    rounded = Primitive("rounded", lambda x: float(round(x)), lambda out, x: (1.0,), surrogate=True)
    x = Value(2.2)
    y = rounded(x)
    checks = difference_checks((y * 2.0).steps())
    assert str(checks[x]) == (
        "finite differences can't tell: rounded is a surrogate, whose derivative is not its value's"
    )
    assert str(checks[y]) == "finite differences: 2, agrees"


def test_a_function_of_a_user_that_fails_beside_the_point() -> None:
    picky = Primitive("picky", lambda x: math.sqrt(x - 1.0), lambda out, x: (0.5 / out,))
    check = checked(lambda x: picky(x), 1.0 + 1e-15)
    assert check.reason == "there is no clear slope around here"


def test_nothing_of_the_graph_is_changed() -> None:
    x = Value(0.5, "x")
    y = ag.exp(x) * x
    y.backward()
    before = (x.data, x.grad, y.data, y.grad, y.partials)
    difference_checks(y.steps())
    assert (x.data, x.grad, y.data, y.grad, y.partials) == before
