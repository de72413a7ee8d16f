"""Functions as compositions of exp, log, sqrt, sin and cos, to a few units in the last place.

For machines that have no more than these for doubles, such as onnxruntime.
"""

import math
from collections.abc import Callable
from typing import Any

from autograd.primitives import (
    absolute,
    cos,
    divide,
    exp,
    expm1,
    floor,
    hypot,
    log,
    log1p,
    maximum,
    minimum,
    power,
    sin,
    sqrt,
    where,
)
from autograd.real import inf


def _expm1(x: Any) -> Any:
    """Kahan's: the rounding error of exp(x) cancels in the quotient."""
    grown = exp(x)
    less = grown - 1.0
    corrected = where(less <= -1.0, -1.0, less * divide(x, log(grown)))
    near = where(absolute(x) < 1.0, corrected, less)
    return where((grown >= 1.0) & (grown <= 1.0), x, near)


def _log1p(x: Any) -> Any:
    """Kahan's: the rounding error of 1 + x cancels in the quotient."""
    grown = 1.0 + x
    corrected = log(grown) * divide(x, grown - 1.0)
    near = where((grown >= 1.0) & (grown <= 1.0), x, corrected)
    return where(absolute(x) < 1.0, near, log(grown))


def _sinh(x: Any) -> Any:
    size = absolute(x)
    less = expm1(size)
    root = exp(0.5 * size)
    grown = where(size < 20.0, 0.5 * (less + divide(less, less + 1.0)), 0.5 * root * root)
    return where(x < 0.0, -grown, grown)


def _cosh(x: Any) -> Any:
    root = exp(0.5 * absolute(x))
    return 0.5 * root * root + divide(divide(0.5, root), root)


def _asinh(x: Any) -> Any:
    size = absolute(x)
    near = log1p(size + size * divide(size, 1.0 + hypot(1.0, size)))
    grown = where(size < 1e8, near, log(size) + math.log(2.0))
    return where(x < 0.0, -grown, grown)


def _acosh(x: Any) -> Any:
    above = x - 1.0
    near = log1p(above + sqrt(above) * sqrt(above + 2.0))
    return where(x < 1e8, near, log(x) + math.log(2.0))


def _atanh(x: Any) -> Any:
    size = absolute(x)
    grown = 0.5 * log1p(divide(2.0 * size, 1.0 - size))
    return where(x < 0.0, -grown, grown)


def _tan(x: Any) -> Any:
    return divide(sin(x), cos(x))


def _atan_up_to_one(x: Any) -> Any:
    """Half the angle three times, then a power series."""
    for _ in range(3):
        x = divide(x, 1.0 + sqrt(1.0 + x * x))
    square = x * x
    series: Any = 0.0
    for k in range(12, -1, -1):
        series = 1.0 / (2 * k + 1) - square * series
    return 8.0 * x * series


def _atan(x: Any) -> Any:
    size = absolute(x)
    is_large = size > 1.0
    angle = _atan_up_to_one(where(is_large, divide(1.0, size), size))
    angle = where(is_large, 0.5 * math.pi - angle, angle)
    return where(x < 0.0, -angle, where(x > 0.0, angle, x))


def _asin(x: Any) -> Any:
    return 2.0 * _atan(divide(x, 1.0 + sqrt((1.0 - x) * (1.0 + x))))


def _acos(x: Any) -> Any:
    return 2.0 * _atan(divide(sqrt(1.0 - x), sqrt(1.0 + x)))


def _atan2(y: Any, x: Any) -> Any:
    high, wide = absolute(y), absolute(x)
    larger = maximum(high, wide)
    is_steep = high > wide
    ratio = divide(minimum(high, wide), larger)
    ratio = where(larger <= 0.0, 0.0, where(minimum(high, wide) >= inf, 1.0, ratio))
    angle = _atan_up_to_one(ratio)
    angle = where(is_steep, 0.5 * math.pi - angle, angle)
    angle = where(_is_negative(x), math.pi - angle, angle)
    return where(_is_negative(y), -angle, angle)


def _is_negative(x: Any) -> Any:
    """Whether the sign is negative, that of 0 too."""
    return (x < 0.0) | ((x <= 0.0) & (divide(1.0, x) < 0.0))


def _hypot(x: Any, y: Any) -> Any:
    larger, smaller = maximum(absolute(x), absolute(y)), minimum(absolute(x), absolute(y))
    ratio = divide(smaller, larger)
    length = where(larger <= 0.0, larger, larger * sqrt(1.0 + ratio * ratio))
    return where((absolute(x) >= inf) | (absolute(y) >= inf), inf, length)


def _cbrt(x: Any) -> Any:
    """One step of Newton's method."""
    root = power(absolute(x), 1.0 / 3.0)
    better = root - divide(root - divide(divide(absolute(x), root), root), 3.0)
    better = where((root > 0.0) & (root < inf), better, root)
    return where(x < 0.0, -better, better)


_STEP = 0.5


def _erf_near_zero(x: Any) -> Any:
    """Abramowitz and Stegun (1964), 7.1.6, whose terms have one sign."""
    square, series = x * x, 0.0
    for k in range(16, -1, -1):
        series = 1.0 + 2.0 * square * series / (2 * k + 3)
    return 2.0 / math.sqrt(math.pi) * x * exp(-square) * series


def _erfc_above_zero(x: Any) -> Any:
    """An integral by the trapezoidal rule: Chiarella and Reichel (1968), Math. Comp. 22, 137."""
    square = x * x
    total = divide(1.0, square)
    for k in range(1, 14):
        node = (k * _STEP) ** 2
        total = total + divide(2.0 * math.exp(-node), square + node)
    coarse = floor(16.0 * x) / 16.0  # whose square is exact
    bell = exp(-coarse * coarse) * exp(-(x - coarse) * (x + coarse))
    correction = divide(2.0, _expm1(2.0 * math.pi / _STEP * x))
    whole = _STEP / math.pi * x * bell * total - where(x < 6.0, correction, 0.0)
    return where(x < 27.5, whole, 0.0)


def _erf(x: Any) -> Any:
    size = absolute(x)
    far = 1.0 - _erfc_above_zero(size)
    return where(size < 0.5, _erf_near_zero(x), where(x < 0.0, -far, where(x > 0.0, far, x)))


def _erfc(x: Any) -> Any:
    far = _erfc_above_zero(absolute(x))
    far = where(x < 0.0, 2.0 - far, where(x > 0.0, far, x))
    return where(absolute(x) < 0.5, 1.0 - _erf_near_zero(x), far)


_STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]


def _lgamma_above_zero(x: Any) -> Any:
    """Stirling's series, further up: Abramowitz and Stegun (1964), 6.1.41 and 6.1.16."""
    product, shifted = 1.0, x
    for k in range(10):
        product = product * where(x < 10.0, x + float(k), 1.0)
    shifted = where(x < 10.0, x + 10.0, x)
    series: Any = 0.0
    for coefficient in reversed(_STIRLING):
        series = divide(series, shifted * shifted) + coefficient
    tail = 0.5 * math.log(2.0 * math.pi) + divide(series, shifted) - log(product)
    return where(shifted < inf, (shifted - 0.5) * (log(shifted) - 1.0) - 0.5 + tail, shifted)


def _lgamma(x: Any) -> Any:
    """By reflection where x is negative: Abramowitz and Stegun (1964), 6.1.17."""
    fraction = absolute(x - floor(x + 0.5))
    mirrored = math.log(math.pi) - log(sin(math.pi * fraction)) - _lgamma_above_zero(1.0 - x)
    negative = where((fraction <= 0.0) | (x <= -inf), inf, mirrored)
    return where(x > 0.0, _lgamma_above_zero(x), where(x <= 0.0, negative, x))


ELEMENTARY: dict[str, Callable[..., Any]] = {
    "expm1": _expm1,
    "log1p": _log1p,
    "log2": lambda x: log(x) / math.log(2.0),
    "log10": lambda x: log(x) / math.log(10.0),
    "sinh": _sinh,
    "cosh": _cosh,
    "asinh": _asinh,
    "acosh": _acosh,
    "atanh": _atanh,
    "tan": _tan,
    "atan": _atan,
    "asin": _asin,
    "acos": _acos,
    "atan2": _atan2,
    "hypot": _hypot,
    "cbrt": _cbrt,
    "erf": _erf,
    "erfc": _erfc,
    "lgamma": _lgamma,
}
