"""Every primitive that PyTorch has: the same values and gradients, but for listed deviations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

import autograd
from autograd import Value
from autograd.primitives import TABLE

inf, nan = math.inf, math.nan

TORCH: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "remainder": torch.remainder,
    "negative": torch.neg,
    "positive": torch.positive,
    "power": torch.pow,
    **{
        name: getattr(torch, name)
        for name in (
            *("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt"),
            *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "hypot"),
            *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid"),
            *("erf", "erfc", "lgamma", "digamma", "absolute", "maximum", "minimum"),
            *("floor", "ceil", "trunc", "round", "sign"),
        )
    },
    "softplus": functional.softplus,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "clamp": torch.clamp,
    "hardtanh": functional.hardtanh,
    "softsign": functional.softsign,
    "sum": lambda *xs: torch.stack(xs).sum(),
    "mean": lambda *xs: torch.stack(xs).mean(),
    "dot": lambda *xys: torch.stack(xys[: len(xys) // 2]) @ torch.stack(xys[len(xys) // 2 :]),
    "logsumexp": lambda *xs: torch.logsumexp(torch.stack(xs), 0),
    **{
        f"polygamma{n}": lambda x, n=n: torch.polygamma(n, x)  # type: ignore[misc]
        for n in (1, 2, 3)
    },
    "softmax": lambda *xs: torch.softmax(torch.stack(xs), 0)[0],
    "log_softmax": lambda *xs: torch.log_softmax(torch.stack(xs), 0)[0],
}

OURS: dict[str, Callable[..., Any]] = {
    **TABLE,
    **{f"polygamma{n}": lambda x, n=n: autograd.polygamma(n, x) for n in (1, 2, 3)},  # type: ignore[misc]
    "softmax": lambda *xs: autograd.softmax(xs)[0],
    "log_softmax": lambda *xs: autograd.log_softmax(xs)[0],
}

NOT_IN_TORCH = {
    "where": "compared through the branch that is taken, in test_special_points.py",
    "floor_divide": "torch.floor_divide has no gradient",
    "cbrt": "torch has none",
    "heaviside": "torch.heaviside has no gradient",
    "polygamma": "torch's order is a number of its own, so: polygamma1, polygamma2, polygamma3",
}

SPECIAL = [0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 20.5, -800.0, 800.0, inf, -inf, nan]
ORDINARY = [0.3, -0.7, 1.7, -3.3, 7.9, -12.1, 1e-8, 1e5, 1e200, -1e155]
PAIRS = [0.0, 1.0, -2.0, 0.7, -3.1, 1e-200, 1e200, inf, nan]


def points(name: str) -> list[tuple[float, ...]]:
    if name in ("sum", "mean", "dot", "logsumexp", "softmax", "log_softmax"):
        return list(itertools.product(PAIRS, repeat=2))
    if name == "clamp":
        return [(x, -1.0, 2.0) for x in PAIRS] + [(0.5, 2.0, -1.0)]
    if len(getattr(OURS[name], "inputs", ["x"])) == 2 and name not in ("leaky_relu", "elu"):
        return list(itertools.product(PAIRS, repeat=2))
    return [(x,) for x in SPECIAL + ORDINARY]


def ours(name: str, point: tuple[float, ...]) -> list[float]:
    xs = [Value(x) for x in point]
    y = OURS[name](*xs)
    y.backward()
    return [y.data, *(x.grad for x in xs)]


def torchs(name: str, point: tuple[float, ...]) -> list[float]:
    xs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
    y = TORCH[name](*xs)
    y.backward()
    return [y.item(), *(0.0 if x.grad is None else x.grad.item() for x in xs)]


# Where the two differ, and why ------------------------------------------------------------------

TOLERANCES: dict[str, tuple[float, float, str]] = {
    "tanh": (1e-12, 1e-15, "1 - out * out is rounded like numbers near 1, on both sides"),
    "sigmoid": (1e-12, 1e-15, "torch computes out * (1 - out), rounded like numbers near 1"),
    "expm1": (1e-12, 1e-15, "torch computes out + 1, rounded like numbers near 1"),
    "digamma": (1e-8, 0.0, "torch's trigamma has nine digits"),
    "polygamma1": (1e-8, 0.0, "torch's trigamma has nine digits"),
}
"""The relative and absolute error allowed, where it is not 1e-12 and 1e-300."""

Point = tuple[float, ...]

OUTSIDE = "outside the domain torch evaluates the formula of the derivative, ours is nan"
AT_NAN = "nan gives nan: torch's comparison with nan picks a side"
LIMIT = "torch multiplies inf by 0, ours is the limit"
SQUARES = "torch squares the inputs, which overflows or vanishes"
POLES = "at the poles, where there is no derivative, ours is nan"


def has_nan(p: Point) -> bool:
    return any(map(math.isnan, p))


def has_infinity(p: Point) -> bool:
    return any(map(math.isinf, p)) and not has_nan(p)


def is_pole(p: Point) -> bool:
    return math.isfinite(p[0]) and p[0] < 0 and p[0] == math.floor(p[0])


Where = Callable[[Point], bool]

DEVIATIONS: list[tuple[str, Where, str]] = [
    ("log log2 log10", lambda p: p[0] < 0, OUTSIDE),
    ("log1p", lambda p: p[0] < -1, OUTSIDE),
    ("acosh", lambda p: p[0] <= -1, OUTSIDE),
    ("atanh", lambda p: abs(p[0]) > 1, OUTSIDE),
    ("absolute relu leaky_relu elu selu hardtanh clamp maximum minimum", has_nan, AT_NAN),
    ("sign", has_nan, "nan gives nan: torch's sign of nan is 0"),
    ("asinh acosh", lambda p: 1e154 < abs(p[0]) < inf, SQUARES),
    ("atan2", lambda p: 0 < math.hypot(*p) < 1e-154 and not has_nan(p), SQUARES),
    ("atan2", lambda p: math.hypot(*p) > 1e154 and not has_nan(p), SQUARES),
    ("hypot", lambda p: p == (0.0, 0.0), "torch divides 0 by 0, ours is the least subgradient"),
    ("hypot", lambda p: math.isinf(p[0]) != math.isinf(p[1]), LIMIT),
    ("gelu gelu_tanh silu mish softsign", has_infinity, LIMIT),
    ("gelu_tanh", lambda p: p[0] in (1e200, -1e155), LIMIT),
    ("gelu gelu_tanh", lambda p: p == (-12.1,), "torch subtracts numbers near 1, and 0 is left"),
    ("softplus", lambda p: p == (20.5,), "torch returns x above 20"),
    ("logsumexp", lambda p: inf in p and not has_nan(p), LIMIT),
    ("logsumexp", lambda p: p == (1e200, 1e200), "torch's shares do not sum to 1, ours do"),
    ("digamma polygamma1 polygamma2 polygamma3", is_pole, POLES),
    ("polygamma1 polygamma2 polygamma3", has_infinity, "at inf torch has nan, ours is the limit"),
]
"""The functions, the points and the reason."""


def expected_deviations(name: str) -> list[Point]:
    tests = [where for names, where, _ in DEVIATIONS if name in names.split()]
    return [point for point in points(name) if any(where(point) for where in tests)]


# The comparison ---------------------------------------------------------------------------------


def agree(name: str, x: float, y: float) -> bool:
    """Equal but for rounding; nan equals nan, and the sign of zero is not compared."""
    relative, absolute, _ = TOLERANCES.get(name, (1e-12, 1e-300, ""))
    return (x != x and y != y) or math.isclose(x, y, rel_tol=relative, abs_tol=absolute)


@pytest.mark.parametrize("name", TORCH)
def test_same_values_and_gradients_as_torch(name: str) -> None:
    found = {
        str(point): f"ours {here}, torch's {there}"
        for point in points(name)
        for here, there in [(ours(name, point), torchs(name, point))]
        if not all(agree(name, x, y) for x, y in zip(here, there, strict=True))
    }
    assert found == {point: found.get(point) for point in map(str, expected_deviations(name))}


def test_every_primitive_is_compared() -> None:
    assert set(TABLE) == (set(TORCH) | set(NOT_IN_TORCH)) & set(TABLE)
    assert not set(TORCH) & set(NOT_IN_TORCH)


@pytest.mark.parametrize(("names", "where", "reason"), DEVIATIONS)
def test_every_deviation_is_of_a_compared_function(names: str, where: Where, reason: str) -> None:
    for name in names.split():
        assert any(map(where, points(name))), f"{name}: no point is left of: {reason}"
