"""Programs that do everything there is, at all special points at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy

from autograd import Primitive
from autograd.primitives import TABLE
from tests.compiled.test_primitives import FEW, SPECIAL, count_of

Point = tuple[float, ...]

ROWS = 1500
REASONABLE = numpy.random.default_rng(0).normal(scale=3.0, size=(40, 4))


def applied(names: Sequence[str]) -> Any:
    """A function of one argument per primitive, which applies it to the numbers of this."""

    def function(*arguments: Any) -> list[Any]:
        return [TABLE[name](*x) for name, x in zip(names, arguments, strict=True)]

    return function


def example(names: Sequence[str]) -> list[list[float]]:
    """One sample of such a function."""
    return [[0.0] * count_of(TABLE[name]) for name in names]


def points(primitive: Primitive, largest: float = math.inf) -> list[Point]:
    """Ordinary and special inputs of a primitive; infinite ones too, if not too large ones."""
    count = count_of(primitive)
    numbers = {1: SPECIAL, 2: FEW}.get(count, FEW[::2])
    kept = [
        x for x in numbers if not largest < abs(x) < math.inf and not 0.0 < abs(x) < 1 / largest
    ]
    ordinary = [tuple(row[:count]) for row in REASONABLE.tolist()]
    return [*ordinary, *itertools.product(kept, repeat=count)]


def batch(names: Sequence[str], largest: float = math.inf) -> list[Any]:
    """The points of all primitives, over and over, as a batch for such a function."""
    repeated = [itertools.cycle(points(TABLE[name], largest)) for name in names]
    return [numpy.array(list(itertools.islice(rows, ROWS))) for rows in repeated]


def same(x: float, y: float, tolerance: float, scale: float) -> bool:
    """The same number, to a tolerance of its size; the sign of zero is not compared.

    Numbers below the smallest normal one may be 0.
    """
    if math.isnan(x) or math.isnan(y) or math.isinf(x) or math.isinf(y):
        return x == y or (math.isnan(x) and math.isnan(y))
    return abs(x - y) <= tolerance * max(abs(x), abs(y), scale) + 1e-304
