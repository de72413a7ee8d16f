"""The functions of floats: IEEE-754 results for whatever float, never an exception."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import real
from autograd.real import inf, nan

FUNCTIONS = {
    name: function
    for name, function in vars(real).items()
    if callable(function)
    and not name.startswith("_")
    and getattr(function, "__module__", "") == "autograd.real"
    and name not in ("number", "largest", "dot", "shares")
}
ANY_FLOAT = (
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 1e308, -1e308, 5e-324, inf, -inf, nan])
    | st.floats()
    | st.floats(-1000.0, 1000.0)
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_float_gives_a_float(name: str) -> None:
    function = FUNCTIONS[name]
    parameters = inspect.signature(function).parameters.values()
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    count = 3 if several else len(parameters)

    @settings(max_examples=200)
    @given(st.tuples(*[ANY_FLOAT] * count))
    @example((inf,) * count)
    @example((-inf,) * count)
    @example((nan,) * count)
    def gives_a_float(inputs: tuple[float, ...]) -> None:
        assert type(function(*inputs)) is float

    gives_a_float()


@given(st.floats(), st.floats())
def test_division_is_as_in_ieee(x: float, y: float) -> None:
    quotient = real.divide(x, y)
    if y != 0.0:
        assert repr(quotient) == repr(x / y)
    elif x == 0.0 or x != x:
        assert math.isnan(quotient)
    else:
        assert quotient == math.copysign(1.0, x) * math.copysign(inf, y)


@given(st.integers(-20, 20), st.integers(-400, 400))
def test_whole_powers_are_exact_to_an_ulp(base: int, exponent: int) -> None:
    ours = real.power(float(base), float(exponent))
    if base == 0:
        assert ours == {0: 1.0}.get(exponent, 0.0 if exponent > 0 else inf)
        return
    exact = Fraction(base) ** exponent
    try:
        nearest = float(exact)
    except OverflowError:
        nearest = inf if exact > 0 else -inf
    assert ours == nearest or abs(ours - nearest) <= math.ulp(nearest)


@pytest.mark.parametrize(
    ("x", "y", "result"),
    [
        (0.0, -1.0, inf),
        (-0.0, -1.0, -inf),
        (-0.0, -2.0, inf),
        (0.0, -0.5, inf),
        (-2.0, 1025.0, -inf),
        (-2.0, 1024.0, inf),
        (-2.0, 0.5, nan),
        (nan, 0.0, 1.0),
        (1.0, nan, 1.0),
    ],
)
def test_power_at_special_points(x: float, y: float, result: float) -> None:
    assert repr(real.power(x, y)) == repr(result)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e300, 1e300))
def test_division_with_rest(x: float, y: float) -> None:
    if y == 0.0:
        assert math.isnan(real.remainder(x, y))
        return
    rest = real.remainder(x, y)
    assert rest == 0.0 or (rest > 0.0) == (y > 0.0)
    assert abs(rest) <= abs(y)


@pytest.mark.parametrize(
    "function", [real.maximum, real.minimum, lambda x, y: real.largest([x, y]), real.logsumexp]
)
def test_nan_among_the_inputs_is_not_lost(function: Callable[[float, float], float]) -> None:
    assert math.isnan(function(nan, 1.0))
    assert math.isnan(function(1.0, nan))


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_largest(xs: list[float]) -> None:
    assert real.largest(xs) == max(xs)


def test_largest_of_nothing() -> None:
    assert real.largest([]) == -inf


@given(st.lists(st.floats(-1e307, 1e307), min_size=1, max_size=20))
def test_mean_lies_between(xs: list[float]) -> None:
    slack = 1e-12 * max(map(abs, xs))
    assert min(xs) - slack <= real.mean(*xs) <= max(xs) + slack


@given(st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=5))
def test_logsumexp_is_near_the_largest(xs: list[float]) -> None:
    peak = max(xs)
    assert peak <= real.logsumexp(*xs) <= peak + math.log(len(xs)) + 1e-9 * abs(peak)


@given(st.floats(0.01, 100.0))
def test_lgamma_recurs(x: float) -> None:
    """gamma(x + 1) = x gamma(x), across the seams between the series and Python's own."""
    assert math.isclose(
        real.lgamma(x + 1.0), real.lgamma(x) + math.log(x), rel_tol=1e-13, abs_tol=1e-14
    )


@pytest.mark.parametrize("x", [0.5, 1.5, 2.5])
def test_lgamma_has_no_seams(x: float) -> None:
    steps = [math.nextafter(x, -inf), x, math.nextafter(x, inf)]
    values = [real.lgamma(step) for step in steps]
    assert max(values) - min(values) < 4e-15


@given(st.integers(0, 20), st.floats(0.1, 50.0))
def test_polygamma_recurs(n: int, x: float) -> None:
    """psi_n(x + 1) = psi_n(x) + (-1)^n n! / x^(n+1): Abramowitz and Stegun (1964), 6.4.6."""
    step = (-1.0) ** n * math.factorial(n) / x ** (n + 1)
    here = real.polygamma(n, x)
    rounding = 1e-13 * max(abs(here), abs(step))
    assert math.isclose(real.polygamma(n, x + 1.0), here + step, rel_tol=1e-12, abs_tol=rounding)


@pytest.mark.parametrize("n", [-1.0, 0.5, 101.0, 1e300, inf, nan])
def test_polygamma_of_no_order(n: float) -> None:
    assert math.isnan(real.polygamma(n, 1.5))


@pytest.mark.parametrize("x", [-1.0, -2.0, -1e300, -inf, nan])
def test_polygamma_at_its_poles(x: float) -> None:
    assert math.isnan(real.polygamma(0.0, x))
    assert math.isnan(real.polygamma(3.0, x))


def test_polygamma_at_zero() -> None:
    assert [real.polygamma(n, 0.0) for n in (0.0, 1.0, 2.0)] == [-inf, inf, -inf]


@given(st.floats())
def test_rounding_functions_agree_with_pythons(x: float) -> None:
    if not math.isfinite(x):
        assert repr(real.floor(x)) == repr(real.nearest(x)) == repr(real.trunc(x)) == repr(x)
        return
    assert real.floor(x) == math.floor(x)
    assert real.ceil(x) == math.ceil(x)
    assert real.trunc(x) == math.trunc(x)
    assert real.nearest(x) == round(x)


@given(st.floats(allow_nan=False))
def test_activations_are_monotonous_and_bounded(x: float) -> None:
    assert 0.0 <= real.sigmoid(x) <= 1.0
    assert real.softplus(x) >= real.relu(x) >= 0.0
    assert abs(real.softsign(x)) <= 1.0
    assert real.hardtanh(x) == max(-1.0, min(x, 1.0))
    assert real.sigmoid(x) + real.sigmoid(-x) == pytest.approx(1.0, abs=1e-15)
