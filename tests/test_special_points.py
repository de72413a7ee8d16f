"""Every row of SEMANTICS.md: values and derivatives at kinks, ties, edges and infinities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.real import SELU_ALPHA, SELU_SCALE, inf, nan

Row = tuple[str, Callable[..., Any], tuple[float, ...], float, tuple[float, ...]]

PI = math.pi
MOST = math.nextafter(inf, 0.0)


def row(name: str, inputs: Any, value: float, gradient: Any, function: Any = None) -> Row:
    """One row: what is applied, at which inputs, the result and its derivatives."""
    point = inputs if isinstance(inputs, tuple) else (inputs,)
    slopes = gradient if isinstance(gradient, tuple) else (gradient,)
    return name, function or getattr(autograd, name), point, value, slopes


def either_way(name: str, value: Any, gradient: Any) -> list[Row]:
    """At inf and -inf."""
    return [
        row(name, sign * inf, value(sign) if callable(value) else value, gradient)
        for sign in (1.0, -1.0)
    ]


def gelu_tanh(x: Any) -> Any:
    return autograd.gelu(x, approximate="tanh")


def positive_log(x: Any) -> Any:
    return autograd.where(x > 0, autograd.log(x), 0.0)


def minus(x: Any, y: Any) -> Any:
    return x - y


def times(x: Any, y: Any) -> Any:
    return x * y


def over(x: Any, y: Any) -> Any:
    return autograd.primitives.divide(x, y)


def to_the(x: Any, y: Any) -> Any:
    return autograd.primitives.power(x, y)


def modulo(x: Any, y: Any) -> Any:
    return autograd.primitives.remainder(x, y)


def whole_part(x: Any, y: Any) -> Any:
    return autograd.primitives.floor_divide(x, y)


def variadic(function: Any) -> Callable[..., Any]:
    return lambda *xs: function(list(xs))


def nth(function: Any, n: int) -> Callable[..., Any]:
    return lambda *xs: function(list(xs))[n]


ROWS: list[Row] = [
    row("inf - inf", (inf, inf), nan, (1.0, -1.0), minus),
    row("0 * inf", (0.0, inf), nan, (inf, 0.0), times),
    row("1 / 0", (1.0, 0.0), inf, (inf, -inf), over),
    row("0 / 0", (0.0, 0.0), nan, (inf, nan), over),
    row("1e300 / 1e200", (1e300, 1e200), 1e100, (1e-200, -1e-100), over),
    row("x ** 0 at 0", 0.0, 1.0, 0.0, lambda x: to_the(x, 0)),
    row("x ** 0 at nan", nan, 1.0, 0.0, lambda x: to_the(x, 0)),
    row("pow(0, 0)", (0.0, 0.0), 1.0, (0.0, 0.0), to_the),
    row("pow(0, 0.5)", (0.0, 0.5), 0.0, (inf, 0.0), to_the),
    row("pow(0, 1)", (0.0, 1.0), 0.0, (1.0, 0.0), to_the),
    row("pow(0, 1.5)", (0.0, 1.5), 0.0, (0.0, 0.0), to_the),
    row("pow(0, -1)", (0.0, -1.0), inf, (-inf, -inf), to_the),
    row("pow(-2, 3)", (-2.0, 3.0), -8.0, (12.0, nan), to_the),
    row("pow(-2, 0.5)", (-2.0, 0.5), nan, (nan, nan), to_the),
    row("2 ** 1100", (2.0, 1100.0), inf, (inf, inf), to_the),
    row("absolute", 0.0, 0.0, 0.0),
    row("absolute", nan, nan, nan),
    row("exp", 710.0, inf, inf),
    row("expm1", 710.0, inf, inf),
    *[row(name, 0.0, -inf, inf) for name in ("log", "log2", "log10")],
    *[row(name, -1.0, nan, nan) for name in ("log", "log2", "log10")],
    row("log1p", -1.0, -inf, inf),
    row("log1p", -2.0, nan, nan),
    row("sqrt", 0.0, 0.0, inf),
    row("sqrt", -1.0, nan, nan),
    row("cbrt", 0.0, 0.0, inf),
    *[case for name in ("sin", "cos", "tan") for case in either_way(name, nan, nan)],
    row("asin", 1.0, PI / 2, inf),
    row("asin", -1.0, -PI / 2, inf),
    row("acos", 1.0, 0.0, -inf),
    row("acos", -1.0, PI, -inf),
    *[row(name, x, nan, nan) for name in ("asin", "acos") for x in (1.5, -1.5)],
    *either_way("atan", lambda sign: sign * PI / 2, 0.0),
    row("atan2", (0.0, 0.0), 0.0, (0.0, 0.0)),
    row("atan2", (1e-200, 1e-200), PI / 4, (5e199, -5e199)),
    row("sinh", 711.0, inf, inf),
    row("cosh", 711.0, inf, inf),
    *either_way("tanh", lambda sign: sign, 0.0),
    row("tanh", 20.0, 1.0, 0.0),
    row("asinh", 1e200, math.asinh(1e200), 1e-200),
    row("acosh", 1.0, 0.0, inf),
    row("acosh", 0.5, nan, nan),
    row("atanh", 1.0, inf, inf),
    row("atanh", -1.0, -inf, inf),
    row("atanh", 2.0, nan, nan),
    row("sigmoid", 800.0, 1.0, 0.0),
    row("sigmoid", -800.0, 0.0, 0.0),
    row("softplus", 20.5, 20.5 + math.log1p(math.exp(-20.5)), 1.0 / (1.0 + math.exp(-20.5))),
    row("relu", 0.0, 0.0, 0.0),
    row("relu", nan, nan, nan),
    row("leaky_relu", 0.0, 0.0, 0.01),
    row("leaky_relu", (0.0, 0.3), 0.0, (0.3, 0.0)),
    row("elu", 0.0, 0.0, 1.0),
    row("elu", (0.0, 2.5), 0.0, (2.5, 0.0)),
    row("selu", 0.0, 0.0, SELU_SCALE * SELU_ALPHA),
    *[row(name, inf, inf, 1.0) for name in ("gelu", "silu", "mish")],
    *[row(name, -inf, 0.0, 0.0) for name in ("gelu", "silu", "mish")],
    row("gelu(tanh)", 1e155, 1e155, 1.0, gelu_tanh),
    row("gelu(tanh)", -1e155, 0.0, 0.0, gelu_tanh),
    row("gelu(tanh)", inf, inf, 1.0, gelu_tanh),
    row("gelu(tanh)", -inf, 0.0, 0.0, gelu_tanh),
    row("hardtanh", 1.0, 1.0, 0.0),
    row("hardtanh", -1.0, -1.0, 0.0),
    row("clamp", (2.0, 2.0, 3.0), 2.0, (0.0, 1.0, 0.0)),
    row("clamp", (3.0, 2.0, 3.0), 3.0, (0.0, 0.0, 1.0)),
    *either_way("softsign", lambda sign: sign, 0.0),
    row("softsign", 1e200, 1.0, 0.0),
    *either_way("erf", lambda sign: sign, 0.0),
    row("erfc", inf, 0.0, 0.0),
    row("erfc", -inf, 2.0, 0.0),
    row("lgamma", 0.0, inf, -inf),
    row("lgamma", -1.0, inf, nan),
    row("maximum", (2.0, 2.0), 2.0, (0.5, 0.5)),
    row("minimum", (2.0, 2.0), 2.0, (0.5, 0.5)),
    row("maximum with a constant", 2.0, 2.0, 0.5, lambda x: autograd.maximum(x, 2.0)),
    row("minimum with a constant", 2.0, 2.0, 0.5, lambda x: autograd.minimum(2.0, x)),
    *[
        row(name, point, nan, (nan, nan))
        for name in ("maximum", "minimum")
        for point in ((nan, 1.0), (1.0, nan))
    ],
    row("hypot", (0.0, 0.0), 0.0, (0.0, 0.0)),
    row("hypot", (1e200, 1e200), math.sqrt(2) * 1e200, (math.sqrt(0.5), math.sqrt(0.5))),
    row("hypot", (inf, 1.0), inf, (1.0, 0.0)),
    row("hypot", (1.0, -inf), inf, (0.0, -1.0)),
    *[
        row(name, x, x, 0.0)
        for name in ("floor", "ceil", "round", "trunc")
        for x in (inf, -inf, 3.0, nan)
    ],
    row("floor", -1.5, -2.0, 0.0),
    row("ceil", -1.5, -1.0, 0.0),
    row("trunc", -1.5, -1.0, 0.0),
    *[row("round", x, y, 0.0) for x, y in ((0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, 0.0))],
    *[row("sign", x, y, 0.0) for x, y in ((inf, 1.0), (-inf, -1.0), (0.0, 0.0), (nan, nan))],
    *[row("heaviside", x, y, 0.0) for x, y in ((inf, 1.0), (-inf, 0.0), (0.0, 0.5), (nan, nan))],
    row("heaviside", (0.0, 0.25), 0.25, (0.0, 1.0)),
    row("x % y", (7.5, 2.0), 1.5, (1.0, -3.0), modulo),
    row("x % y", (-7.5, 2.0), 0.5, (1.0, 4.0), modulo),
    row("x % 0", (1.0, 0.0), nan, (1.0, -inf), modulo),
    row("x // y", (7.5, 2.0), 3.0, (0.0, 0.0), whole_part),
    row("where(x > 0, log x, 0)", 0.0, 0.0, 0.0, positive_log),
    # Beyond the table: sums of exponentials at the infinities.
    row("logsumexp", (inf, 0.0), inf, (1.0, 0.0), variadic(autograd.logsumexp)),
    row("logsumexp", (-inf, 0.0), 0.0, (0.0, 1.0), variadic(autograd.logsumexp)),
    row("logsumexp", (MOST, 0.0), MOST, (1.0, 0.0), variadic(autograd.logsumexp)),
    row("softmax", (-inf, 0.0), 1.0, (0.0, 0.0), nth(autograd.softmax, 1)),
    row("softmax", (-inf, 0.0), 0.0, (0.0, 0.0), nth(autograd.softmax, 0)),
    row("log_softmax", (-inf, 0.0), 0.0, (0.0, 0.0), nth(autograd.log_softmax, 1)),
    row("log_softmax", (1000.0, 0.0), -1000.0, (-1.0, 1.0), nth(autograd.log_softmax, 1)),
]

# nan in: nan value and nan partial.
ROWS += [
    row(primitive.name, nan, nan, nan, primitive)
    for primitive in autograd.primitives.TABLE.values()
    if primitive.inputs == ["x"]
    and primitive.name not in ("where", "negative", "positive", "floor", "ceil", "trunc", "round")
    and primitive.name != "sign"
]


def same(ours: float, wanted: float) -> bool:
    """Equal up to rounding; nan equals nan, and the sign of zero is not compared."""
    if math.isnan(wanted):
        return math.isnan(ours)
    return ours == wanted or math.isclose(ours, wanted, rel_tol=1e-15)


def all_same(ours: list[float], wanted: tuple[float, ...]) -> bool:
    return len(ours) == len(wanted) and all(map(same, ours, wanted))


every_row = pytest.mark.parametrize(
    ("function", "inputs", "value", "slopes"),
    [case[1:] for case in ROWS],
    ids=[f"{name} at {', '.join(map(repr, inputs))}" for name, _, inputs, _, _ in ROWS],
)


@every_row
def test_special_point(
    function: Callable[..., Any],
    inputs: tuple[float, ...],
    value: float,
    slopes: tuple[float, ...],
) -> None:
    xs = [Value(x) for x in inputs]
    y = function(*xs)
    y.backward()
    assert same(y.data, value), y.data
    gradient = [x.grad for x in xs]
    assert all_same(gradient, slopes), gradient


@every_row
def test_floats_give_the_same(
    function: Callable[..., Any],
    inputs: tuple[float, ...],
    value: float,
    slopes: tuple[float, ...],
) -> None:
    result = function(*inputs)
    assert type(result) is float
    assert same(result, value), result
    through_values = function(*map(Value, inputs))
    assert repr(through_values.data) == repr(result)


@every_row
def test_only_tracked_inputs_get_a_gradient(
    function: Callable[..., Any],
    inputs: tuple[float, ...],
    value: float,
    slopes: tuple[float, ...],
) -> None:
    for tracked in range(len(inputs)):
        xs = [Value(x, requires_grad=k == tracked) for k, x in enumerate(inputs)]
        function(*xs).backward()
        wanted = [slope if k == tracked else 0.0 for k, slope in enumerate(slopes)]
        assert all_same([x.grad for x in xs], tuple(wanted))
