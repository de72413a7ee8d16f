"""SciPy's optimizers find our functions' minima."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad, minimize, rosen, rosen_der, rosen_hess_prod

from autograd import Value, no_grad, tanh
from optim import as_scipy


def rosenbrock(xs: list[Value]) -> Value:
    terms = (100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(xs))
    return sum(terms, Value(0.0))


def values(*numbers: float) -> list[Value]:
    return [Value(number) for number in numbers]


points = st.lists(st.floats(-2.0, 2.0), min_size=4, max_size=4)


@given(points, points)
def test_value_gradient_and_second_derivatives_are_scipys(x: list[float], v: list[float]) -> None:
    fun = as_scipy(rosenbrock, values(0.0, 0.0, 0.0, 0.0))
    value, gradient = fun(np.array(x))
    assert value == pytest.approx(rosen(x), rel=1e-12)
    assert gradient == pytest.approx(rosen_der(x), rel=1e-9, abs=1e-9)
    product = rosen_hess_prod(np.array(x), np.array(v))
    assert fun.hessp(np.array(x), np.array(v)) == pytest.approx(product, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "Newton-CG", "trust-ncg", "TNC"])
def test_minimize(method: str) -> None:
    params = values(-1.2, 1.0, -0.5)
    fun = as_scipy(rosenbrock, params)
    second = {"hessp": fun.hessp} if method in ("Newton-CG", "trust-ncg") else {}
    options = {"maxfun": 2000} if method == "TNC" else {}
    result = minimize(fun, fun.x0, jac=True, method=method, options=options, **second)
    assert result.x == pytest.approx([1.0, 1.0, 1.0], abs=1e-3)
    fun.set(result.x)
    assert [p.data for p in params] == result.x.tolist()
    assert fun.x0.tolist() == [-1.2, 1.0, -0.5]


def test_bounds() -> None:
    params = values(0.0, 0.0)
    fun = as_scipy(lambda x, y: (x - 3.0) ** 2 + (y + 1.0) ** 2, params)
    result = minimize(fun, fun.x0, jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0), (-5.0, 5.0)])
    assert result.x == pytest.approx([1.0, -1.0], abs=1e-6)


def test_a_network_is_trained() -> None:
    """XOR, by a network whose loss knows its own parameters."""
    data = [((0, 0), 0.0), ((0, 1), 1.0), ((1, 0), 1.0), ((1, 1), 0.0)]
    w = values(1.0, -1.1, 0.2, -0.9, 1.2, 0.1, 1.0, 0.9, 0.0)

    def loss() -> Any:
        total: Any = 0.0
        for (a, b), target in data:
            hidden = [tanh(w[k] * a + w[k + 1] * b + w[k + 2]) for k in (0, 3)]
            total += (w[6] * hidden[0] + w[7] * hidden[1] + w[8] - target) ** 2
        return total

    fun = as_scipy(loss, w)
    result = minimize(fun, fun.x0, jac=True)
    assert result.fun < 1e-8
    assert check_grad(lambda x: fun(x)[0], lambda x: fun(x)[1], fun.x0) < 1e-5


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * y * y,
        lambda *xs: xs[0] * xs[1] * xs[1],
        lambda x, y, power=2.0: x * y**power,
        lambda xs: xs[0] * xs[1] * xs[1],
    ],
)
def test_the_ways_to_take_the_params(f: Any) -> None:
    value, gradient = as_scipy(f, values(0.0, 0.0))([2.0, 3.0])
    assert (value, gradient.tolist()) == (18.0, [9.0, 12.0])
    assert isinstance(value, float)
    assert gradient.dtype == np.float64


def test_gradients_are_left_alone_and_the_values_follow() -> None:
    x, y = values(1.0, 2.0)
    x.grad = 7.0
    fun = as_scipy(lambda: x * y, [x, y, x])
    assert fun(np.array([3.0, 4.0]))[1].tolist() == [4.0, 3.0]
    assert (x.data, y.data, x.grad, y.grad) == (3.0, 4.0, 7.0, 0.0)


def test_a_param_that_does_not_matter_has_gradient_0() -> None:
    x, y = values(1.0, 2.0)
    assert as_scipy(lambda: x * x, [x, y])([3.0, 4.0])[1].tolist() == [6.0, 0.0]


def test_errors() -> None:
    x, y = values(1.0, 2.0)
    with pytest.raises(TypeError, match="as_scipy takes Values, got a float"):
        as_scipy(lambda: x, [1.0])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="as_scipy moves leaves"):
        as_scipy(lambda: x, [x * y])
    with pytest.raises(ValueError, match="the point has 3 numbers for 2 Values"):
        as_scipy(lambda: x * y, [x, y])([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="the vector has 1 number for 2 Values"):
        as_scipy(lambda: x * y, [x, y]).hessp([1.0, 2.0], [3.0])
    with pytest.raises(TypeError, match=r"a function that returns a Value, got 3\.0"):
        as_scipy(lambda: 3.0, [x])([1.0])
    with no_grad(), pytest.raises(ValueError, match="was not made from them, or within no_grad"):
        as_scipy(lambda: x * y, [x, y])([1.0, 2.0])


def test_what_is_no_function_is_told() -> None:
    with pytest.raises(TypeError, match="as_scipy takes a function, got a int"):
        as_scipy(3, [Value(1.0)])  # type: ignore[arg-type]
