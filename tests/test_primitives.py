"""Every primitive's value and derivatives against mpmath, over its whole domain."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import pytest
from hypothesis import given, settings

import autograd
from autograd import Primitive, Value, grad, hessian, real
from autograd.checking.strategies import points
from autograd.primitives import TABLE

ULPS = 4
"""The error allowed in units of the last place, times the condition number where it exceeds 1.

The condition number is how many ulps the true result moves when the inputs move by one each: a
float can't be known better than that.
"""

MP = mpmath.mp.clone()
MP.prec = 200


def quickly(function: Callable[[Any], Any], below: int) -> Callable[[Any], Any]:
    """The exponential without the long computation of what no float can tell from a limit."""
    return lambda x: function(x) if abs(x) < 2**20 else MP.mpf(below) if x < 0 else MP.inf


MP.exp = quickly(MP.exp, 0)
MP.expm1 = quickly(MP.expm1, -1)

by_name = pytest.mark.parametrize("name", TABLE)


# The oracle -----------------------------------------------------------------------------------

FAR_BELOW_ALL_FLOATS = MP.ldexp(1, -1140)


def exact_derivative(primitive: Primitive, point: Sequence[float], *places: int) -> Any:
    """The derivative with respect to these inputs, one after the other; the value for none.

    By differences in mpmath, with ever more digits until two results agree to 60 bits.
    """
    previous = None
    for bits in (240, 720, 2160, 6480, 19440):
        found, noise = _differences(primitive, point, places, bits)
        if abs(found) + noise < FAR_BELOW_ALL_FLOATS:
            return MP.zero
        is_sharp = noise < abs(found) / 2**60
        if is_sharp and previous is not None and abs(found - previous) < abs(found) / 2**60:
            return found
        previous = found
    raise AssertionError(f"the oracle is at a loss at {primitive}, {point}, {places}")


def exact_of(primitive: Primitive) -> Callable[..., Any]:
    """The function in terms of mpmath: as declared, or mpmath's of the same name."""
    return primitive.exact or (lambda mp, *inputs: getattr(mp, primitive.name)(*inputs))


def _differences(
    primitive: Primitive, point: Sequence[float], places: Sequence[int], bits: int
) -> tuple[Any, Any]:
    """The nested central difference, and a bound for the rounding errors in it."""
    function = exact_of(primitive)
    sizes = [abs(x) for x in point if x and math.isfinite(x)]
    scale = min(1.0, *sizes, 1.0)
    spread = math.frexp(max(1.0, *sizes, 1.0))[1] - math.frexp(scale)[1]
    with MP.workprec(bits + spread):
        step = MP.mpf(scale) / 2 ** (bits // 4)
        total, size = MP.zero, MP.zero
        for signs in itertools.product((1, -1), repeat=len(places)):
            moved = [MP.mpf(x) for x in point]
            for place, sign in zip(places, signs, strict=True):
                moved[place] += sign * step
            try:
                term = MP.mpf(function(MP, *moved))
            except OverflowError:  # mpmath's erfc gives up where it has long vanished
                term = MP.zero
            total += math.prod(signs) * term
            size += abs(term)
        denominator = (2 * step) ** len(places)
        return total / denominator, size / denominator / MP.mpf(2) ** (bits - 20)


def error_in_ulps(ours: float, exact: Any) -> float:
    nearest = float(exact)
    if ours == nearest:
        return 0.0
    largest = math.nextafter(math.inf, 0.0)
    ulp = math.ulp(max(-largest, min(nearest, largest)))
    if math.isinf(ours):
        ours = math.copysign(2.0**1023, ours)
        return float(abs(2 * MP.mpf(ours) - exact) / ulp)
    return float(abs(MP.mpf(ours) - exact) / ulp)


def condition_number(
    primitive: Primitive, point: Sequence[float], exact: Any, *places: int
) -> float:
    movements = [
        abs(x * exact_derivative(primitive, point, *places, place))
        for place, x in enumerate(point)
        if x and math.isfinite(x) and has_partial(primitive, point, place)
    ]
    return float(MP.fsum(movements) / abs(exact)) if exact else math.inf


# Where the points are -------------------------------------------------------------------------

LARGEST = math.nextafter(math.inf, 0.0)
SIZES = [
    *(5e-324, 1e-310, 2.0**-1022, 1e-200, 1e-100, 1e-16, 1e-8, 1e-5, 1e-3, 0.1, 0.3),
    *(math.nextafter(0.5, 0), 0.5, 0.9, math.nextafter(1, 0), 1.0, math.nextafter(1, 2)),
    *(1.0000001, 1.2, 1.4616, 1.5, 2.0, 2.5, 3.0, math.pi, 5.5, 7.9, 10.0, 19.1, 27.3, 38.5),
    *(100.3, 171.5, 700.1, 709.7, 744.9, 1e4, 123456.789, 1e8, 1e16, 1e22, 1e154, 1e200, 1e307),
    LARGEST,
]
FEW_SIZES = [5e-324, 1e-200, 1e-8, 0.3, 1.0, 2.0, 7.5, 700.1, 1e16, 1e200, LARGEST]


def grid(primitive: Primitive) -> Iterator[tuple[float, ...]]:
    """Hard places over the full range of floats."""
    count = 2 if primitive.variadic else len(primitive.inputs)
    sizes = {1: SIZES, 2: FEW_SIZES[primitive.variadic :: 1 + primitive.variadic]}.get(
        count, FEW_SIZES[1:-1:3]
    )
    numbers = [0.0, *sizes, *(-size for size in sizes)]
    yield from itertools.product(numbers, repeat=count)
    if primitive.name == "logsumexp":
        yield from [(2.0, 7.5), (700.0, 690.0), (-3.0, 1.0, 20.0)]
    if primitive.name == "polygamma":
        yield from itertools.product([0.0, 1.0, 2.0, 3.0, 10.0, 40.0], [*numbers, -0.3, -7.7])


def is_smooth(primitive: Primitive, point: Sequence[float]) -> bool:
    """Whether the result is finite and differentiable, except perhaps by an exponent or order."""
    return (
        primitive.defined_at(*point)
        and math.isfinite(primitive.evaluate(*point))
        and all(abs(distance) > 0.0 for distance in primitive.kink_distances(*point))
    )


def has_partial(primitive: Primitive, point: Sequence[float], place: int) -> bool:
    """Whether the input can move a little both ways without leaving the domain."""
    x = MP.mpf(point[place])
    step = abs(x) / 2**60 if x else FAR_BELOW_ALL_FLOATS
    return all(
        primitive.defined_at(*point[:place], y, *point[place + 1 :]) for y in (x - step, x + step)
    )


# Accuracy -------------------------------------------------------------------------------------

Excuse = Callable[[Sequence[float], int], float]

SEMANTICS = "as SEMANTICS.md fixes it, "

EXCUSED: dict[str, tuple[str, Excuse]] = {
    "tanh": (
        SEMANTICS + "1 - out * out: rounded like numbers near 1",
        lambda point, place: ULPS * 2.0**-53,
    ),
    "divide": (
        SEMANTICS + "-out / y: a subnormal out has lost digits",
        lambda point, place: place * math.ulp(0.0) / abs(point[1]),
    ),
    "hypot": (
        SEMANTICS + "x / out: a subnormal out has lost digits",
        lambda point, place: math.ulp(0.0) / real.hypot(*point),
    ),
    "atan2": (
        SEMANTICS + "x / h / h: h overflows where the result is subnormal",
        lambda point, place: real.smallest_normal * (real.hypot(*point) == math.inf),
    ),
}
"""Absolute errors that partials may have besides, and why."""


def check(primitive: Primitive, point: Sequence[float]) -> list[str]:
    wrong = []
    out = primitive.evaluate(*point)
    exact = exact_derivative(primitive, point)
    error = error_in_ulps(out, exact)
    if error > ULPS and error > ULPS * condition_number(primitive, point, exact):
        wrong.append(f"{primitive}{point}: {out!r}, exactly {MP.nstr(exact, 20)}: {error:.3g} ulp")
    for place, partial in enumerate(primitive.float_derivatives(out, *point)):
        if not has_partial(primitive, point, place):
            continue
        exact = exact_derivative(primitive, point, place)
        error = error_in_ulps(partial, exact)
        if error > ULPS:
            _, excuse = EXCUSED.get(primitive.name, ("", lambda *_: 0.0))
            if abs(partial - exact) <= excuse(point, place):
                continue
            if error > ULPS * condition_number(primitive, point, exact, place):
                wrong.append(
                    f"{primitive}{point} by input {place}: {partial!r}, "
                    f"exactly {MP.nstr(exact, 20)}: {error:.3g} ulp"
                )
    return wrong


@by_name
def test_accuracy_at_hard_places(name: str) -> None:
    primitive = TABLE[name]
    places = [point for point in grid(primitive) if is_smooth(primitive, point)]
    assert len(places) > 10
    assert [message for point in places for message in check(primitive, point)] == []


@by_name
def test_accuracy_anywhere(name: str) -> None:
    primitive = TABLE[name]

    @settings(max_examples=15 if primitive.variadic else 50)  # a long list takes long
    @given(points(primitive))
    def accurate(point: tuple[float, ...]) -> None:
        assert check(primitive, point) == []

    accurate()


def test_excuses_are_for_primitives_and_needed() -> None:
    """An excuse that no point needs would hide a fault."""
    needing = {
        "tanh": (8.0,),
        "divide": (3e-320, 7e-3),
        "hypot": (5e-324, 5e-324),
        "atan2": (LARGEST, LARGEST),
    }
    assert set(needing) == set(EXCUSED)
    for name, point in needing.items():
        partials = TABLE[name].float_derivatives(TABLE[name].evaluate(*point), *point)
        errors = [
            error_in_ulps(partial, exact_derivative(TABLE[name], point, place))
            for place, partial in enumerate(partials)
        ]
        assert max(errors) > ULPS


# What is recorded of a built-in primitive is not checked, so it must be right everywhere ---------

HARD = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.3, -2.5, 720.0, 1e200, 5e-324]


@by_name
def test_value_and_partials_are_floats_and_never_fail(name: str) -> None:
    primitive = TABLE[name]
    for point in itertools.product(HARD, repeat=2 if primitive.variadic else len(primitive.inputs)):
        out = primitive.value(*point)
        partials = primitive.partials(out, *point)
        assert type(partials) is tuple
        assert len(partials) == len(point)
        assert {type(number) for number in (out, *partials)} == {float}, point


# A planted error of a few ulp in any rule is seen: the oracle itself is tested -------------------


@pytest.mark.parametrize("name", ["exp", "softplus", "lgamma", "atan2", "logsumexp", "power"])
@pytest.mark.parametrize("fault", [1.0 + 2.0**-48, 1.0 - 2.0**-48])
def test_a_small_error_is_seen(name: str, fault: float) -> None:
    right = TABLE[name]
    point = (0.7, 0.4)[: 2 if right.variadic else len(right.inputs)]

    def partials(out: Any, *inputs: Any) -> Sequence[Any]:
        first, *rest = right.partials(out, *inputs)
        return (first * fault, *rest)

    wrong = Primitive("wrong", right.value, right.partials, exact=exact_of(right))
    assert check(wrong, point) == []
    wrong.partials = partials
    assert any("by input 0" in message for message in check(wrong, point))
    wrong.partials, wrong.value = right.partials, lambda *xs: right.value(*xs) * fault
    assert any("by input" not in message for message in check(wrong, point))


# Second derivatives -----------------------------------------------------------------------------


def moderate_points(primitive: Primitive) -> list[tuple[float, ...]]:
    if primitive.name == "polygamma":
        return [(n, x) for n in (0.0, 1.0, 2.0) for x in (0.4, 2.7, -1.3)]
    count = 4 if primitive.name == "dot" else 2 if primitive.variadic else len(primitive.inputs)
    sizes = (0.31, 0.93, 1.74, 2.62) if count < 3 else (0.31, -1.74, 2.62)
    numbers = sorted({*sizes, *(-size for size in sizes)} if count < 3 else sizes)
    return [
        point
        for point in itertools.product(numbers, repeat=count)
        if is_smooth(primitive, point)
        and all(has_partial(primitive, point, place) for place in range(count))
    ]


@by_name
def test_second_derivatives(name: str) -> None:
    primitive = TABLE[name]
    numbers = [1] if name == "polygamma" else None
    tested = moderate_points(primitive)
    assert len(tested) >= 2
    for point in tested:
        places = numbers or range(len(point))
        ours = hessian(primitive, argnums=tuple(places))(*point)
        for (i, row), (j, _) in itertools.product(zip(places, ours, strict=True), enumerate(ours)):
            second = row[j]
            exact = float(exact_derivative(primitive, point, i, list(places)[j]))
            assert math.isclose(second, exact, rel_tol=1e-11, abs_tol=1e-12), (point, i, j)


@pytest.mark.parametrize("name", ["tanh", "gelu", "mish", "lgamma", "cbrt", "log", "softsign"])
def test_third_derivatives(name: str) -> None:
    primitive = TABLE[name]
    for x in (0.31, 1.74, 2.62):
        exact = float(exact_derivative(primitive, (x,), 0, 0, 0))
        assert math.isclose(grad(grad(grad(primitive)))(x), exact, rel_tol=1e-9)


# What an entry gives ----------------------------------------------------------------------------


@by_name
def test_floats_values_and_both_at_once(name: str) -> None:
    primitive = TABLE[name]
    point = moderate_points(primitive)[-1]
    out = primitive(*point)
    assert type(out) is float
    partials = primitive.float_derivatives(out, *point)
    assert [type(partial) for partial in partials] == [float] * len(point)
    for tracked in itertools.product((True, False), repeat=len(point)):
        xs = [Value(x) if wanted else x for x, wanted in zip(point, tracked, strict=True)]
        y = primitive(*xs)
        if not any(tracked):
            assert y == out
            continue
        assert isinstance(y, Value)
        y.backward()
        slopes = [x.grad for x in xs if isinstance(x, Value)]
        wanted = [partial for partial, used in zip(partials, tracked, strict=True) if used]
        assert y.data == out
        assert slopes == pytest.approx(wanted, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize("name", [n for n, entry in TABLE.items() if not entry.variadic])
def test_keyword_arguments(name: str) -> None:
    primitive = TABLE[name]
    point = moderate_points(primitive)[0]
    named = dict(zip(primitive.inputs, point, strict=True))
    assert primitive(**named) == primitive(*point)
    assert primitive(**{n: Value(x) for n, x in named.items()}).data == primitive(*point)
    required = [n for n in primitive.inputs if n not in primitive.defaults]
    least = {n: named[n] for n in required}
    assert primitive(**least) == primitive(**least, **primitive.defaults)
    with pytest.raises(TypeError, match=f"{name}.*has no input 'bogus'"):
        primitive(**named, bogus=1.0)
    with pytest.raises(TypeError, match=f"{name}.*was given '{required[0]}' twice"):
        primitive(point[0], **named)
    with pytest.raises(TypeError, match=f"{name}.*was not given .*{required[-1]}"):
        primitive()


WRITTEN = {
    "add": ("a + b", "a + b"),
    "subtract": ("a - b", "a - b"),
    "multiply": ("a * b", r"a \cdot b"),
    "divide": ("a / b", r"\frac{a}{b}"),
    "floor_divide": ("a // b", r"\left\lfloor\frac{a}{b}\right\rfloor"),
    "remainder": ("a % b", r"a \bmod b"),
    "power": ("a ** b", "{a}^{b}"),
    "negative": ("-a", "-a"),
    "positive": ("+a", "+a"),
    "sqrt": ("sqrt(a)", r"\sqrt{a}"),
    "log10": ("log10(a)", r"\log_{10}\left(a\right)"),
    "atan2": ("atan2(a, b)", r"\operatorname{atan2}\left(a, b\right)"),
    "leaky_relu": ("leaky_relu(a, b)", r"\operatorname{leaky\_relu}\left(a, b\right)"),
    "gelu": ("gelu(a)", r"\operatorname{gelu}\left(a\right)"),
    "gelu_tanh": ("gelu(a, approximate='tanh')", r"\operatorname{gelu\_tanh}\left(a\right)"),
    "clamp": ("clamp(a, b, c)", r"\operatorname{clamp}\left(a, b, c\right)"),
    "absolute": ("absolute(a)", r"\left|a\right|"),
    "sum": ("sum([a, b])", r"\operatorname{sum}\left(a, b\right)"),
    "dot": ("dot([a], [b])", r"\operatorname{dot}\left(a, b\right)"),
    "where": ("where(True, a, 0.0)", "a"),
}


@by_name
def test_writing(name: str) -> None:
    primitive = TABLE[name]
    letters = "ab" if primitive.variadic else "abc"[: len(primitive.inputs)]
    text, latex = primitive.write(*letters), primitive.write_latex(*letters)
    if name in WRITTEN:
        assert (text, latex) == WRITTEN[name]
    assert "#" not in latex
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") - latex.count(r"\leftarrow") == latex.count(r"\right")
    assert all(letter in text for letter in letters)
    called, parenthesis, _ = text.partition("(")
    if parenthesis and called.isidentifier():
        assert callable(getattr(autograd, called))


@by_name
def test_repr(name: str) -> None:
    primitive = TABLE[name]
    assert repr(primitive).startswith(f"<primitive {name}(")
    for parameter in primitive.inputs:
        assert parameter in repr(primitive)


def test_repr_shows_defaults() -> None:
    assert repr(TABLE["leaky_relu"]) == "<primitive leaky_relu(x, negative_slope=0.01)>"


@pytest.mark.parametrize("function", [autograd.softmax, autograd.log_softmax])
@pytest.mark.parametrize("entry", ["1", None, [1.0], 1j])
def test_a_softmax_says_what_is_no_number(function: Any, entry: Any) -> None:
    with pytest.raises(
        TypeError, match=f"needs real numbers or Values, got {type(entry).__name__}"
    ):
        function([Value(1.0), entry])


@pytest.mark.parametrize("function", [autograd.softmax, autograd.log_softmax, autograd.logsumexp])
def test_a_function_of_no_numbers_calls_itself_by_its_own_name(function: Any) -> None:
    with pytest.raises(ValueError, match=f"^{function.__name__} needs at least one number"):
        function([])


def test_a_softmax_of_an_integer_too_large_for_a_float_is_that_of_inf() -> None:
    assert str(autograd.softmax([10**400, 1.0])) == str(autograd.softmax([math.inf, 1.0]))


@pytest.mark.parametrize("x", [-1.875, -2.210929194392077, -2.4874635844880935, -0.40625])
def test_mish_where_its_two_terms_would_cancel(x: float) -> None:
    assert check(TABLE["mish"], (x,)) == []
