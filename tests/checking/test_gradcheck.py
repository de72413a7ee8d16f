"""gradcheck: what passes, what fails, and what the report says about it."""

from __future__ import annotations

import itertools
import math
import random
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import GradcheckError, Primitive, Value, gradcheck
from autograd.checking import Report, strategies
from autograd.checking.recording import Recording
from autograd.primitives import TABLE


def failed(f: Any, *point: Any, **options: Any) -> Report:
    report = gradcheck(f, *point, raise_exception=False, **options)
    assert not report, str(report)
    return report


# What passes ----------------------------------------------------------------------------------


def neuron(x: list[Value], w: list[Value], b: Value) -> Value:
    n = ag.dot(x, w) + b
    n.label = "n"
    return ag.tanh(n)


def test_a_neuron_of_nested_inputs() -> None:
    report = gradcheck(neuron, [2.0, 0.5], (-3.0, 1.0), 6.88, order=2)
    names = [entry.name for entry in report.sections[0].entries]
    assert names == [
        "∂neuron/∂x[0]",
        "∂neuron/∂x[1]",
        "∂neuron/∂w[0]",
        "∂neuron/∂w[1]",
        "∂neuron/∂b",
    ]
    assert len(report.sections[1].entries) == 25
    assert "passed" in str(report)


def test_every_kind_of_nesting() -> None:
    def f(table: dict[str, Any], matrix: Any, n: Value) -> Any:
        total = ag.sum([x * y for row in matrix for x, y in itertools.pairwise(row)])
        return {"a": table["w"][0] * total, "b": [n * table["w"][1]]}

    report = gradcheck(f, {"w": [1.0, 2]}, np.array([[1.0, 2.0], [3.0, 4.0]]), np.float64(3.0))
    assert "∂f[1]/∂table['w'][1]" in [entry.name for entry in report.entries]


def test_values_count_by_their_data_and_keep_their_labels_and_gradients() -> None:
    x = Value(2.0, label="speed")
    x.grad = 7.0
    report = gradcheck(lambda v: v * v, x)
    assert report.entries[0].name == "∂f/∂speed"
    assert x.grad == 7.0


def test_parameters_in_a_closure_keep_their_gradients() -> None:
    w = Value(3.0)
    assert gradcheck(lambda x: w * x, 2.0)
    assert w.grad == 0.0


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (ag.log, 1.0 + 1e-15),
        (ag.sin, 1e8),
        (ag.sin, 1e22),
        (ag.tan, math.pi / 2.0),
        (ag.exp, 300.0),
        (ag.exp, -700.0),
        (ag.acos, 1.0 - 1e-16),
        (ag.sqrt, 5e-324),
        (ag.atan, 1e200),
        (ag.erf, 5.0),
        (ag.gelu, -30.0),
        (ag.tanh, 19.0),
        (ag.lgamma, -2.4570247382208006),
        (lambda x: (x + 1e8) - 1e8, 0.3),
        (lambda x: ag.sin((x + 1e8) - 1e8), 0.3),
        (lambda x: ag.exp(x) - ag.expm1(x), 1e-9),
        (lambda x: (ag.cosh(x) - 1.0) / (x * x), 1e-7),
        (lambda x: 1e-200 * ag.sin(x), 1.0),
        (lambda x: x**3, 0.0),
        (lambda x: x - x, 3.0),
        (lambda x: x * x, 3.0),
        (lambda x: x, 3.0),
        (lambda x: 0.0 * x, 3.0),
        (lambda x: x % 0.3, 1.0),
        (lambda x: ag.clamp(x, max=2.0), 1.0),
        (lambda x: x * (x > 1.0), 3.0),
        (lambda x: ag.where(x > 0, ag.log(x), 0.0), 1e-30),
        (lambda x: ag.relu(x - 1.0), 1.0 + 2.0**-52),
    ],
)
def test_badly_conditioned_but_right(f: Any, x: float) -> None:
    assert gradcheck(f, x)
    if x != 5e-324:  # where the second derivative of sqrt is -inf
        assert gradcheck(f, x, order=2)


def test_the_conditioning_is_shown() -> None:
    report = gradcheck(lambda x: ag.sin((x + 1e8) - 1e8), 0.3)
    (entry,) = report.entries
    assert entry.expected is not None
    assert abs(entry.engine - entry.expected) > 1e-11  # the value itself has lost its digits
    assert entry.conditioning > 0.9 * entry.allowed > 1e-11
    assert "for that of the values they are taken at" in str(report)
    assert f"{entry.allowed:.6g}" in str(report)


def test_a_gradient_without_a_good_digit_is_told() -> None:
    report = gradcheck(lambda x: (ag.cosh(x) - 1.0) / (x * x), 1e-7)
    assert "badly conditioned: good to 0 digits" in str(report)


def test_no_tolerance_is_larger_than_the_rounding_explains() -> None:
    report = gradcheck(lambda x, y: ag.tanh(x * y) + ag.exp(x) / y, 0.5, 2.0)
    for entry in report.entries:
        assert entry.allowed < 1e-13 * abs(entry.engine)


def test_many_inputs_are_moved_together() -> None:
    runs = 0

    def f(*xs: Value) -> Value:
        nonlocal runs
        runs += 1
        return ag.logsumexp([x * x for x in xs])

    report = gradcheck(f, *[0.1 * k for k in range(60)])
    assert len(report.entries) == 60
    assert len(report.sections[0].probes) == 4
    assert runs < 150


def test_vector_valued_functions_have_every_gradient_checked() -> None:
    wrong = Primitive("twice", lambda x: 2.0 * x, lambda out, x: (2.00001,))
    report = failed(lambda x, y: [x * y, (x, wrong(y))], 1.0, 2.0)
    assert [e.name for e in report.entries if not e.agrees] == ["∂f[2]/∂y"]


# What is wrong --------------------------------------------------------------------------------


def test_a_wrong_tanh_under_400_nodes_is_blamed() -> None:
    wrong = Primitive("tanh", math.tanh, lambda out, x: (1.0 - out,))

    def f(x: Value, w: Value) -> Value:
        n = x * w
        n.label = "n"
        o = wrong(n)  # here
        o.label = "o"
        for _ in range(200):
            o = ag.sin(o) + 0.5
        return o

    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, 0.8, 0.5)
    report = caught.value.report
    blame = report.blame
    assert blame is not None
    assert (blame.name, blame.operation, blame.what) == ("o", "tanh(n)", "n")
    assert blame.inputs == (("n", 0.4),)
    assert blame.said == 1.0 - math.tanh(0.4)
    assert blame.expected == pytest.approx(1.0 - math.tanh(0.4) ** 2, rel=1e-9)
    assert (blame.others, blame.above) == (0, 400)
    assert "test_gradcheck.py" in str(blame.node.made_at)
    assert "o = wrong(n)  # here" in str(caught.value)
    assert "it is tanh" in str(caught.value)


def test_the_first_of_several_wrong_operations_is_blamed() -> None:
    wrong = Primitive("half", lambda x: 0.5 * x, lambda out, x: (0.6,))
    report = failed(lambda x: wrong(ag.sin(wrong(x))), 1.0)
    assert report.blame is not None
    assert report.blame.inputs == (("x", 1.0),)
    assert report.blame.others == 1


@pytest.mark.parametrize(
    "partials",
    [
        lambda out, x, y: (-1.0 / y, -out / y),
        lambda out, x, y: (-out / y, 1.0 / y),
        lambda out, x, y: (1.0 / y, out / y),
        lambda out, x, y: (1.0 / y, 0.0),
    ],
    ids=["sign", "swapped", "other sign", "forgotten"],
)
@pytest.mark.parametrize("method", ["auto", "finite", "exact"])
def test_wrong_rules(partials: Any, method: str) -> None:
    wrong = Primitive("ratio", lambda x, y: x / y, partials, domain=lambda x, y: y != 0)
    report = failed(lambda x, y: ag.exp(wrong(x, y)), 2.0, 3.0, method=method)
    assert report.blame is not None
    assert report.blame.node.primitive is wrong


def test_a_missing_relu_mask() -> None:
    wrong = Primitive("relu", lambda x: max(x, 0.0), lambda out, x: (1.0,), kinks=(0.0,))
    assert gradcheck(wrong, 2.0)
    report = failed(wrong, -2.0)
    assert report.blame is not None
    assert (report.blame.said, report.blame.expected) == (1.0, 0.0)
    (probe,) = report.sections[0].probes
    assert not probe.agrees
    assert abs(probe.finite.value) <= probe.finite.error < 1e-6


def test_a_small_error_in_a_tiny_gradient() -> None:
    wrong = Primitive(
        "scaled",
        lambda x: 1e-200 * x,
        lambda out, x: (1.000001e-200,),
        exact=lambda mp, x: x * 1e-200,
    )
    assert failed(lambda x: wrong(x) * 2.0, 3.0).blame is not None


def test_a_value_that_is_not_the_declared_function() -> None:
    wrong = Primitive(
        "cube", lambda x: x**3 + 1e-9, lambda out, x: (3 * x * x,), exact=lambda mp, x: x**3
    )
    report = failed(wrong, 2.0)
    assert report.blame is not None
    assert report.blame.what == "value"


def test_a_number_changed_after_it_was_used() -> None:
    def f(x: Value) -> Value:
        y = x * x
        z = y * x
        y.data = 10.0
        return z

    report = failed(f, 3.0)
    assert report.blame is not None
    assert (report.blame.operation, report.blame.what) == ("x · x", "value")
    assert (report.blame.said, report.blame.expected, report.blame.others) == (10.0, 9.0, 1)
    assert "(or a number it was made from was changed afterwards)" in str(report)


def test_a_partial_overwritten_by_hand() -> None:
    def f(x: Value) -> Value:
        y = ag.sin(x)
        y.partials = (y.partials[0] + 1e-9,)
        return y * y

    report = failed(f, 1.0)
    assert report.blame is not None
    assert report.blame.operation == "sin(x)"


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * y.data,
        lambda x, y: x * float(y),
        lambda x, y: x * y.detach(),
        lambda x, y: x + math.sin(y),
        lambda x, y: (x + y).detach(),
    ],
    ids=["data", "float", "detach", "math", "all"],
)
@pytest.mark.parametrize("method", ["auto", "finite"])
def test_a_dependence_that_the_graph_did_not_record(f: Any, method: str) -> None:
    report = failed(f, 1.5, 2.0, method=method)
    assert report.blame is None
    assert report.problem is not None
    assert "the graph did not record" in report.problem


def test_a_function_that_is_not_deterministic() -> None:
    draw = random.Random(1)
    report = failed(lambda x: x * draw.random(), 1.0)
    assert "f is not deterministic: at the same point it returned" in str(report)
    calls = itertools.count()
    report = failed(lambda x: [x] * (1 + next(calls)), 1.0)
    assert "returned 1 numbers, then 2" in str(report)
    flip = itertools.cycle([lambda x: x * x, lambda x: x * x.data])
    report = failed(lambda x: next(flip)(x), 3.0)
    assert "derivative 6.0 along x, then 3.0" in str(report)


@pytest.mark.parametrize("x", [math.inf, -math.inf, math.nan])
def test_points_that_are_not_finite(x: float) -> None:
    report = failed(lambda x, y: x * y, 1.0, x)
    assert report.problem == (f"non-finite points refused: the input y is {x}")
    assert str(report).startswith("gradcheck of f: REFUSED (not checked)\n")
    with pytest.raises(
        GradcheckError, match=r"REFUSED.*\n.*non-finite points refused: the input y"
    ):
        gradcheck(lambda x, y: x * y, 1.0, x)


def test_the_first_operation_that_is_not_finite_is_named() -> None:
    def f(x: Value) -> Value:
        d = x - 1.0
        d.label = "d"
        return 1.0 / ag.log(d) + 2.0

    problem = failed(f, 1.0).problem
    assert problem is not None
    assert problem.startswith("non-finite points refused: log made -inf from d = 0.0 (")
    assert "return 1.0 / ag.log(d) + 2.0" in problem


def test_a_gradient_that_is_not_finite() -> None:
    problem = failed(lambda x: ag.sqrt(x) * 3.0, 0.0).problem
    assert problem is not None
    assert "the sweep through sqrt made the gradient of x inf" in problem


# Kinks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "finite"])
@pytest.mark.parametrize(
    ("f", "point", "sides"),
    [
        (ag.relu, [0.0], (0.0, 1.0)),
        (abs, [0.0], (-1.0, 1.0)),
        (lambda x, y: ag.maximum(x, y), [2.0, 2.0], (0.0, 1.0)),
        (lambda x, y: ag.hypot(x, y), [0.0, 0.0], (-1.0, 1.0)),
        (lambda x: ag.hardtanh(x), [1.0], (1.0, 0.0)),
        (lambda x: ag.floor(x), [3.0], (0.0, 0.0)),
        (lambda x: x % 1.0, [3.0], (1.0, 1.0)),
        (lambda x: ag.exp(2.0 * ag.relu(x)), [0.0], (0.0, 2.0)),
        (lambda x: ag.elu(x) + x, [0.0], (2.0, 2.0)),
    ],
)
def test_at_a_kink_the_sides_are_shown(
    f: Any, point: list[float], sides: tuple[float, float], method: str
) -> None:
    report = gradcheck(f, *point, method=method)
    assert report.kinks
    assert report.kinks[0].distance == 0.0
    found = [side.value for side in report.entries[0].sides]
    assert found == pytest.approx(sides, abs=1e-6)
    assert "kink" in str(report)


@pytest.mark.parametrize("method", ["auto", "finite"])
def test_a_gradient_beyond_both_sides_is_wrong_even_at_a_kink(method: str) -> None:
    # Each relu is right by itself, yet x = relu(x) - relu(-x) has the derivative 1, not 0.
    report = failed(lambda x: ag.relu(x) - ag.relu(-x), 0.0, method=method)
    assert report.blame is None
    assert "WRONG, at a kink" in str(report)

    wrong = Primitive(
        "ramp", lambda x: max(x, 0.0), lambda out, x: (-0.5 if x <= 0 else 1.0,), kinks=(0.0,)
    )
    report = failed(lambda x: wrong(x) + x, 0.0, method=method)
    assert report.blame is not None
    assert report.blame.node.primitive is wrong


def test_a_point_that_rounding_moves_across_a_kink() -> None:
    def f(x: Value) -> Value:
        return ag.relu((x + 1e16) - 1e16 - 0.3)  # exactly 0.1, but rounding makes it -0.3

    report = gradcheck(f, 0.4)
    (kink,) = report.kinks
    assert 0.0 < abs(kink.distance) < 1.0
    assert report.entries[0].engine == 0.0
    assert sorted(side.value for side in report.entries[0].sides) == [0.0, 1.0]


def test_a_wrong_gradient_near_a_kink_is_no_kink() -> None:
    wrong = Primitive("relu", lambda x: max(x, 0.0), lambda out, x: (0.0,), kinks=(0.0,))
    for x in (1e-300, 1e-12, 1.0):
        report = failed(wrong, x)
        assert report.kinks == []
        assert report.blame is not None


def test_differences_do_not_step_across_a_kink() -> None:
    report = gradcheck(lambda x: ag.relu(x) * ag.exp(x), 1e-5)
    (probe,) = report.sections[0].probes
    assert probe.finite.error < 1e-3


# Second order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "exact", "finite"])
@pytest.mark.parametrize("with_exact", [True, False])
def test_a_rule_that_loses_the_second_derivative(method: str, with_exact: bool) -> None:
    lost = Primitive(
        "cube",
        lambda x: x**3,
        lambda out, x: (3.0 * getattr(x, "data", x) ** 2,),
        exact=(lambda mp, x: x**3) if with_exact else None,
    )
    assert gradcheck(lambda x: lost(x) * x, 0.5, method=method)
    report = failed(lambda x: lost(x) * x, 0.5, order=2, method=method)
    assert report.sections[0]
    assert report.problem is not None
    assert "the rule of cube" in report.problem
    assert "autograd's own functions" in report.problem


def test_a_rule_of_maths_functions_says_so() -> None:
    lost = Primitive("cosine", math.cos, lambda out, x: (-math.sin(x),))
    assert gradcheck(lost, 0.5)
    report = failed(lost, 0.5, order=2)
    assert "turned a Value into a float" in str(report)


def test_second_derivatives_off_by_a_part_in_a_million() -> None:
    def partials(out: Any, x: Any) -> tuple[Any, ...]:
        if isinstance(x, Value):
            return (2.0 * x + 1e-6 * (x - x.data),)
        return (2.0 * x,)

    wrong = Primitive("square", lambda x: x * x, partials, exact=lambda mp, x: x * x)
    assert gradcheck(wrong, 0.5)
    report = failed(lambda x: wrong(ag.sin(x)), 0.5, order=2)
    (entry,) = report.sections[1].entries
    assert entry.expected == pytest.approx(2.0 * math.cos(1.0), rel=1e-12)
    assert not entry.agrees


def test_second_order_at_a_kink_of_the_gradient() -> None:
    report = gradcheck(lambda x: ag.softsign(x) * 2.0, 0.0, order=2)
    (entry,) = report.sections[1].entries
    assert sorted(side.value for side in entry.sides) == pytest.approx([-4.0, 4.0])


# Wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "point", "error", "message"),
    [
        (lambda x: x.data, [1.0], TypeError, "returned float 1.0, not a Value: somewhere"),
        (lambda x: None, [1.0], TypeError, "returned None, not a Value"),
        (lambda x: [x, math.sin(x)], [1.0], TypeError, "returned float 0.84"),
        (lambda x: [], [1.0], TypeError, "returned no number"),
        (lambda: Value(1.0), [], ValueError, "needs a point"),
        (lambda x: Value(1.0), [[]], ValueError, "needs a point"),
        (lambda x: x, ["two"], TypeError, "got str 'two' as x"),
        (lambda x: x[1], [[1.0, None]], TypeError, r"got NoneType 'None' as x\[1\]"),
        (3.0, [1.0], TypeError, "needs a function"),
    ],
)
def test_wrong_use(f: Any, point: list[Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gradcheck(f, *point)


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="one of auto, exact, finite, complex, got 'magic'"):
        gradcheck(ag.tanh, 1.0, method="magic")
    with pytest.raises(ValueError, match="order 1 or 2, got 3"):
        gradcheck(ag.tanh, 1.0, order=3)


def test_inside_no_grad_and_detect_anomaly() -> None:
    with ag.no_grad():
        assert gradcheck(ag.tanh, 0.5)
    with ag.detect_anomaly():
        assert gradcheck(lambda x: ag.where(x > 0, x, ag.log(x - 1.0)), 1.0)


# Size -----------------------------------------------------------------------------------------


def test_a_thousand_operations_take_about_a_second() -> None:
    def f(x: Value) -> Value:
        for _ in range(500):
            x = ag.sin(x) + 0.5
        return x

    begun = time.process_time()
    assert gradcheck(f, 0.3).sections[0].operations == 1000
    assert time.process_time() - begun < 5.0  # about 0.8 s on an idle machine


def test_a_deep_graph_needs_no_recursion() -> None:
    def f(x: Value) -> Value:
        for _ in range(5000):
            x = x + 0.001
        return x

    assert gradcheck(f, 0.3, method="exact")


def test_a_wide_operation_takes_linear_time() -> None:
    weights = [math.sin(k) for k in range(1500)]
    begun = time.process_time()
    assert gradcheck(lambda *xs: ag.tanh(ag.dot(xs, weights)), *weights, method="exact")
    assert time.process_time() - begun < 5.0


def test_the_report_shows_itself_in_a_notebook() -> None:
    page = gradcheck(lambda x: x * x, 3.0)._repr_html_()
    assert page.startswith("<pre>gradcheck of f: passed")
    assert "&lt;" not in gradcheck(lambda x: x, 1.0)._repr_html_()


# Points where little can be told --------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "finite"])
def test_where_a_function_jumps_no_gradient_is_called_wrong(method: str) -> None:
    report = failed(lambda x: ag.floor(x) % x, 3.0, method=method)
    assert str(report).startswith("gradcheck of f: CAN'T TELL\n")
    assert report.doubt is not None
    assert (report.blame, report.problem) == (None, None)
    with pytest.raises(GradcheckError, match="can't tell at this point: "):
        gradcheck(lambda x: ag.floor(x) % x, 3.0, method=method)


@pytest.mark.parametrize(
    ("f", "point"),
    [
        (lambda x: (2.0 % x) ** (x + 0.5), [1.0]),
        (lambda x: 1e200 // x, [1.0]),
        (lambda x: ag.floor(ag.sum([1e200, x])), [1.0]),
        (lambda x: x**1e200 / 2.0, [1.0]),
        (lambda x: 1e200 % x, [1.0]),
        (lambda x: ag.tan(ag.sum([1e200, x])), [1.0]),
        (lambda x: ag.floor(x), [1e48]),
        (lambda x: x % x, [4e156]),
        (lambda x: ag.tan(ag.atanh(ag.lgamma(ag.absolute(x)) * 0.0 + 0.5) * x), [-1.49e196]),
        (lambda x: ag.tan(x), [-3.5769568937760415e73]),
        (lambda x: x - x, [-147335112820.1885]),
        (lambda x: ag.gelu(x), [-25.032544570139034]),
        (lambda x, y: ag.atan2(x, y), [3.4e-110, 1e-300]),
        (lambda x: ag.exp(1.0 - ag.tanh(x)) * 1e-70, [224.5]),
        (lambda x: ag.tanh(ag.sum([x, x])), [-112.3]),
        (lambda x: ag.relu(x), [5e-320]),
        (lambda x: ag.sin(x) * 3e-319 * ag.cos(x), [1.0]),
        (lambda x, y: ag.atan2(x, y), [-0.0, -2.0]),
        (lambda x: x % ag.log1p(ag.absolute(x)), [3.2e-116]),
        (lambda x: ag.tanh(2.0 * ag.expm1(x)) * x, [5.5]),
        (lambda x, y: ag.softsign(y) * x / y, [5.0, 1.8e197]),
    ],
)
def test_right_gradients_at_extreme_points_are_never_called_wrong(f: Any, point: Any) -> None:
    for method in ("auto", "finite"):
        report = gradcheck(f, *point, method=method, raise_exception=False)
        allowed = ("passed", "CAN'T TELL") if method == "finite" or report.kinks else ("passed",)
        assert report.verdict in allowed, str(report)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (ag.expm1, -7.3e-77),
        (ag.sigmoid, -6.4e-151),
        (ag.erf, 1.6e-79),
        (lambda x: ag.mish(ag.tan(x)), 9.7e183),
        (lambda x: ag.log(ag.exp(x)), 1e-150),
        (lambda x: ag.gelu(x, approximate="tanh"), 14.707265196627846),
        (lambda x: ag.relu(ag.atan2(x, -1.0)), 0.0),
    ],
)
def test_second_derivatives_at_extreme_points(f: Any, x: float) -> None:
    assert gradcheck(f, x, order=2)


def test_second_derivatives_are_not_taken_across_a_kink_of_the_function() -> None:
    report = gradcheck(lambda x, y: ag.relu(ag.atan2(x, y)), 0.0, -1.0, order=2)
    assert "no finite differences across the kink, along x" in report.sections[1].notes[-1]


@pytest.mark.parametrize(
    ("f", "x"), [(ag.erfc, -176.26669015180323), (ag.sin, 5e85), (ag.cos, -1.7e134)]
)
def test_complex_steps_at_extreme_points(f: Any, x: float) -> None:
    assert gradcheck(f, x, method="complex")


def test_no_derivative_is_claimed_where_a_function_is_infinitely_steep() -> None:
    assert failed(lambda x: x**x, 0.0).verdict == "CAN'T TELL"


def test_powers_beyond_all_bounds_take_no_time() -> None:
    begun = time.process_time()
    report = gradcheck(
        lambda x: ag.exp(ag.exp((x + 1e200) - 1e200) - 1.0), 1e100, raise_exception=False
    )
    assert report.verdict in ("passed", "CAN'T TELL")
    assert gradcheck(lambda x: ag.cos(x) ** 3e5, 1e-3)
    assert time.process_time() - begun < 5.0  # about 0.1 s


def test_a_branch_of_the_users_is_a_kink() -> None:
    report = gradcheck(lambda x: x if x > 0.0 else 0.0 * x, 0.0)
    assert "takes another branch on one side" in str(report)


def test_a_sweep_that_goes_wrong_is_found_by_every_method(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Recording.gradients
    slightly = lambda rows: [[slope * (1.0 + 1e-6) for slope in row] for row in rows]  # noqa: E731
    monkeypatch.setattr(Recording, "gradients", lambda self: slightly(honest(self)))
    for method in ("auto", "exact", "finite", "complex"):
        report = failed(lambda x: ag.tanh(x) * ag.exp(x), 0.7, method=method)
        assert report.verdict == "FAILED"
        assert report.blame is None
    assert failed(lambda x: ag.relu(x) * 3.0 + x, 0.0).verdict == "FAILED"


def test_a_hidden_dependence_at_a_kink_is_found() -> None:
    report = failed(lambda x, y: (ag.relu(x) + 1.0) * y.data + ag.relu(y - 2.0), 0.0, 2.0)
    assert "the graph did not record" in str(report.problem)


# Surrogates -----------------------------------------------------------------------------------


STRAIGHT_THROUGH = Primitive(
    "straight_through", lambda x: float(round(x)), lambda out, x: (1.0,), surrogate=True
)


@pytest.mark.parametrize("method", ["auto", "exact", "finite"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("strength", [0.5, 0.0, 1.0])
def test_surrogates_are_taken_as_given(method: str, order: int, strength: float) -> None:
    reversal = nn.GradientReversal(strength)

    def f(x: Value, y: Value) -> Value:
        (turned,) = reversal([x * y])
        return ag.tanh(turned * y) * STRAIGHT_THROUGH(3.0 * x) + ag.exp(y)

    report = gradcheck(f, 0.3, 1.2, method=method, order=order)
    assert "the partials of reverse_gradient are taken as given" in str(report)
    assert "the partials of straight_through are taken as given" in str(report)


def test_what_surrounds_a_surrogate_is_checked_all_the_same() -> None:
    wrong = Primitive("twice", lambda x: 2.0 * x, lambda out, x: (2.000002,))
    report = failed(lambda x: STRAIGHT_THROUGH(wrong(x)) * x, 1.1)
    assert report.blame is not None
    assert report.blame.node.primitive is wrong
    report = failed(lambda x, y: STRAIGHT_THROUGH(x) * y.data, 1.1, 0.4)
    assert "the graph did not record" in str(report.problem)
    report = failed(lambda x, y: STRAIGHT_THROUGH(x) * x.data * y, 1.1, 0.4)
    assert "the graph did not record" in str(report.problem)


@settings(max_examples=60, derandomize=True, database=None)
@given(strategies.expressions())
def test_surrogates_are_left_out_of_random_expressions(f: strategies.Expression) -> None:
    assert not any(primitive.surrogate for primitive, _ in f.operations)


def test_a_complex_step_is_refused_by_a_surrogate() -> None:
    report = failed(lambda x: STRAIGHT_THROUGH(x), 1.1, method="complex")
    assert report.verdict == "REFUSED (not checked)"
    assert "straight_through" in str(report.problem)


# Random expressions at extreme points ---------------------------------------------------------

NAMES = sorted(set(TABLE) - {"where", "polygamma"})
NUMBERS = (
    st.floats(-4.0, 4.0)
    | st.integers(-3, 5).map(float)
    | st.builds(lambda sign, e: sign * 10.0**e, st.sampled_from([-1, 1]), st.floats(-200, 200))
)
PLANS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.lists(st.integers(0, 7), min_size=4, max_size=4)),
    min_size=1,
    max_size=6,
)


def planned(plan: list[tuple[str, list[int]]], *inputs: Value) -> Value:
    values = list(inputs)
    for name, places in plan:
        primitive = TABLE[name]
        count = 4 if primitive.variadic else len(primitive.inputs)
        values.append(primitive(*[values[-1 - k % len(values)] for k in places[:count]]))
    return values[-1]


@pytest.mark.parametrize(
    ("method", "order"), [("auto", 1), ("auto", 2), ("finite", 1), ("complex", 1)]
)
def test_no_right_gradient_is_ever_called_wrong(method: str, order: int) -> None:
    @settings(max_examples=50 if order == 1 else 20, derandomize=True, database=None)
    @given(PLANS, NUMBERS, NUMBERS)
    def check(plan: list[tuple[str, list[int]]], x: float, y: float) -> None:
        report = gradcheck(
            lambda x, y: planned(plan, x, y), x, y, method=method, order=order,
            raise_exception=False,
        )  # fmt: skip
        at_kink = report.kinks and "the chain rule does not hold" in str(report)
        assert report.verdict != "FAILED" or at_kink, f"{plan} at {x, y}\n{report}"

    check()


def test_a_report_shows_itself_at_the_prompt() -> None:
    report = gradcheck(lambda x: x * x, 2.0)
    assert repr(report) == str(report)
    assert repr(report).startswith("gradcheck of f: passed")
