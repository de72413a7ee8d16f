"""What the rules compute with gives floats and arrays the same bits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from optim import elementwise

SPECIAL = [0.0, 1.0, 5e-324, 1.7976931348623157e308, math.inf, math.nan]
RANDOM = np.random.default_rng(0)
MANY = [*SPECIAL, *(RANDOM.uniform(1.0, 2.0, 20_000) * 10.0 ** RANDOM.integers(-30, 30, 20_000))]


def test_sqrt() -> None:
    """A power of 1/2 would differ in the last bit for some of so many numbers."""
    floats = [elementwise.sqrt(float(x)) for x in MANY]
    np.testing.assert_array_equal(elementwise.sqrt(np.array(MANY)), floats)
    assert math.isnan(elementwise.sqrt(-1.0))


def test_sign() -> None:
    numbers = [*SPECIAL, *(-x for x in SPECIAL)]
    expected = [0.0, 1.0, 1.0, 1.0, 1.0, math.nan, 0.0, -1.0, -1.0, -1.0, -1.0, math.nan]
    np.testing.assert_array_equal([elementwise.sign(x) for x in numbers], expected)
    np.testing.assert_array_equal(elementwise.sign(np.array(numbers)), expected)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("y", [0.0, 2.0, math.inf, math.nan])
def test_maximum_and_minimum(name: str, y: float) -> None:
    function = getattr(elementwise, name)
    floats = [function(x, y) for x in SPECIAL]
    np.testing.assert_array_equal(function(np.array(SPECIAL), y), floats)
    np.testing.assert_array_equal(function(np.array(SPECIAL), np.full(len(SPECIAL), y)), floats)
