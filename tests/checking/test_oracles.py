"""The oracles: the graph at 50 digits, finite differences, and what rounding may do."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

import autograd as ag
from autograd import Primitive, Value, differences, gradcheck, primitives
from autograd.checking.kinks import kinks_of, reach, tangents
from autograd.checking.oracles import Exact, UndefinedThere
from autograd.checking.rounding import partial_tolerances
from autograd.replay import forward_errors
from autograd.sweep import tracked_order


def test_the_exact_gradient_has_many_more_digits_than_a_float() -> None:
    x = Value(0.7)
    y = ag.exp(ag.sin(x)) * x
    oracle = Exact(bits=160)
    found = oracle.gradients(oracle.values(tracked_order([y])), y)[x]
    mp = oracle.mp
    e = mp.mpf(0.7)
    expected = mp.exp(mp.sin(e)) * (1 + e * mp.cos(e))
    assert abs(found - expected) < mp.mpf(10) ** -45


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("exp", [1e-300], "1"),
        ("cos", [1e-200], "-1e-200"),
        ("sin", [1e200], None),
        ("tan", [math.pi / 2], None),
        ("log", [5e-324], None),
        ("tanh", [300.0], None),
        ("erf", [26.0], None),
        ("power", [0.0, 3.0], "0"),
        ("hypot", [1e200, 1e-200], None),
    ],
)
def test_local_derivatives_at_hard_places(name: str, point: list[float], expected: Any) -> None:
    oracle = Exact()
    mp = oracle.mp
    mp.prec = 3000
    x = mp.mpf(point[0])
    known = {
        "sin": lambda: mp.cos(x),
        "tan": lambda: 1 + mp.tan(x) ** 2,
        "log": lambda: 1 / x,
        "tanh": lambda: mp.sech(x) ** 2,
        "erf": lambda: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x),
        "hypot": lambda: x / mp.hypot(x, mp.mpf(point[1])),
    }
    wanted = mp.mpf(expected) if expected is not None else known[name]()
    mp.dps = 50
    found, error = oracle.partial(primitives.TABLE[name], [mp.mpf(p) for p in point], 0)
    assert error == 0.0
    assert abs(found - wanted) <= abs(wanted) * mp.mpf(2) ** -50 + mp.mpf(2) ** -1074


@pytest.mark.parametrize("name", ["sum", "mean", "dot", "logsumexp"])
def test_formulas_for_wide_operations_agree_with_differences(name: str) -> None:
    draw = random.Random(1)
    node = primitives.TABLE[name](*[Value(draw.gauss(0.0, 3.0)) for _ in range(20)])
    oracle = Exact()
    inputs = [oracle.mp.mpf(parent.data) for parent in node.parents]
    for place, (formula, _) in enumerate(oracle.partials(node, inputs)):
        difference, _ = oracle.partial(primitives.TABLE[name], inputs, place)
        assert abs(formula - difference) < 1e-22


def test_the_users_mpmath_precision_is_left_alone() -> None:
    import mpmath

    before = mpmath.mp.prec
    assert gradcheck(ag.tanh, 0.5)
    assert mpmath.mp.prec == before


def test_a_primitive_that_mpmath_cannot_do_is_left_to_differences() -> None:
    def exact(mp: Any, x: Any) -> Any:
        raise ValueError("no convergence")

    square = Primitive("square", lambda x: x * x, lambda out, x: (2.0 * x,), exact=exact)
    assert gradcheck(lambda x: square(x) + x, 1.5)
    wrong = Primitive("square", lambda x: x * x, lambda out, x: (2.1 * x,), exact=exact)
    assert not gradcheck(lambda x: wrong(x) + x, 1.5, raise_exception=False)


# Finite differences ---------------------------------------------------------------------------


def test_differences_are_accurate_and_know_how_accurate() -> None:
    for function, x, derivative in [
        (math.exp, 1.0, math.e),
        (math.sin, 1e6, math.cos(1e6)),
        (math.log, 1e-9, 1e9),
        (lambda x: 1.0 / x, 1e-3, -1e6),
        (lambda x: x**7, 2.0, 448.0),
    ]:
        noise = [4.0 * math.ulp(function(x)) + abs(derivative) * math.ulp(x)]

        def moved(h: float, f: Any = function, x: float = x) -> list[float]:
            return [f(x + h)] if x + h > 0.0 else [math.nan]

        starts = [scale / 4.0 for scale in differences.scales(x)]
        (estimate,) = differences.central(moved, starts, noise)
        assert abs(estimate.value - derivative) <= estimate.error
        assert estimate.error <= 1e-5 * abs(derivative)


def test_steps_longer_than_the_waves_do_not_deceive() -> None:
    (estimate,) = differences.central(lambda h: [math.sin(1e8 + h)], [2.5e7, 0.25], [1e-8])
    assert abs(estimate.value - math.cos(1e8)) <= estimate.error < 1e-3


def test_one_sided_differences_stay_on_their_side() -> None:
    def steps_up(h: float) -> list[float]:
        assert h > 0.0
        return [5.0 + 2.0 * h + h * h]

    (estimate,) = differences.one_sided(steps_up, 1.0, [0.25], [1e-15])
    assert abs(estimate.value - 2.0) <= estimate.error < 1e-9


def test_the_error_estimate_covers_the_true_error() -> None:
    """A sample like the one SAFETY was measured on."""
    draw = random.Random(7)
    tried = covered = 0
    while tried < 150:
        f = random_expression(draw)
        point = [draw.gauss(0.0, 1.0), draw.choice((-1, 1)) * 10.0 ** draw.uniform(-4, 4)]
        report = gradcheck(f, *point, raise_exception=False)
        assert report.blame is None, str(report)
        exact = {entry.name: entry.expected for entry in report.entries}
        for probe in report.sections[0].probes:
            expected = exact[probe.name]
            if expected is not None:
                tried += 1
                covered += abs(probe.finite.value - expected) <= probe.finite.error
    assert covered >= tried - 1


def random_expression(draw: random.Random) -> Callable[..., Value]:
    unary = "exp expm1 sin cos tanh sinh atan asinh sigmoid softplus silu gelu erf log sqrt"
    names = f"{unary} add multiply divide hypot".split()
    plan = [
        (primitives.TABLE[draw.choice(names)], draw.random(), draw.random())
        for _ in range(draw.randint(1, 5))
    ]

    def f(x: Value, y: Value) -> Value:
        values = [x, y]
        for primitive, *places in plan:
            operands = [values[int(place * len(values))] for place in places]
            values.append(primitive(*operands[: len(primitive.inputs)]))
        return values[-1]

    return f


# Kinks and rounding ---------------------------------------------------------------------------


def test_how_far_the_inputs_reach_before_a_kink() -> None:
    x = Value(1.0)
    y = ag.relu(3.0 * x - 2.0)
    order = tracked_order([y])
    assert reach(kinks_of(order), tangents(order, {x: 1.0})) == pytest.approx(1.0 / 6.0)


def test_all_numbers_are_kinks_of_floor_where_all_are_integers() -> None:
    (kink,) = kinks_of([ag.floor(Value(1e17))])
    assert not kink.is_sure({})


def test_a_constant_has_no_kink() -> None:
    assert kinks_of([ag.maximum(Value(0.0, requires_grad=False), 0.0)]) == []


def test_saturated_tanh_is_allowed_more_than_a_fresh_one() -> None:
    fresh = partial_tolerances(primitives.tanh, math.tanh(0.3), [0.3])[0]
    saturated = partial_tolerances(primitives.tanh, math.tanh(15.0), [15.0])[0]
    true = 1.0 / math.cosh(15.0) ** 2
    assert fresh < 1e-14
    assert abs((1.0 - math.tanh(15.0) ** 2) - true) <= saturated
    assert saturated > 1e-6 * true


def test_the_rounding_of_a_cancellation_is_foreseen() -> None:
    x = Value(0.3)
    y = (x + 1e8) - 1e8
    bound = forward_errors(tracked_order([y]))[y]
    assert abs(y.data - 0.3) <= bound < 1e-7


# The complex step -----------------------------------------------------------------------------


def test_the_complex_step_agrees_and_takes_no_difference() -> None:
    report = gradcheck(lambda x, w: ag.tanh(x * w) + ag.log(x), 0.5, -1.5, method="complex")
    assert report.sections[0].oracle == "complex step"
    assert report.sections[0].probes == []
    assert all(entry.expected is not None for entry in report.entries)


@pytest.mark.parametrize(
    ("f", "name"),
    [(abs, "absolute"), (ag.relu, "relu"), (ag.lgamma, "lgamma")],
)
def test_the_complex_step_is_refused_where_it_would_lie(f: Any, name: str) -> None:
    report = gradcheck(lambda x: 2.0 * f(x), 0.5, method="complex", raise_exception=False)
    assert not report
    assert report.problem is not None
    assert name in report.problem
    assert "exact" in report.problem


def test_functions_without_a_complex_form_are_named() -> None:
    x, y = Value(0.5), Value(2.0)
    angle = ag.atan2(x, y)
    with pytest.raises(UndefinedThere, match="atan2"):
        Exact().complex_step(tracked_order([angle]), x)


# Without mpmath -------------------------------------------------------------------------------


def test_without_mpmath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpmath", None)
    report = gradcheck(lambda x: ag.tanh(x) * x, 0.4)
    assert report.sections[0].oracle == "finite differences"
    with pytest.raises(ImportError, match=r'pip install "stepgrad\[check\]"'):
        gradcheck(ag.tanh, 0.4, method="exact")
    wrong = Primitive("tanh", math.tanh, lambda out, x: ((1.0 - out * out) * 1.000001,))
    report = gradcheck(lambda x: wrong(x) * x, 0.4, raise_exception=False)
    assert report.blame is not None
    assert report.blame.node.primitive is wrong
