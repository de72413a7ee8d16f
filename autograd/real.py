"""Functions of floats with IEEE-754 results, where Python's own would raise.

Python refuses ``1.0 / 0.0``, ``math.log(0.0)`` and ``math.exp(1000.0)`` with exceptions.
A network that has begun to diverge should show inf and nan instead, so every function here
returns the float that IEEE-754 prescribes: it never raises for a float, whatever its value.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any

inf = math.inf
nan = math.nan
smallest_normal = 2.0**-1022  # numbers below it have fewer digits


def number(x: Any) -> float | None:
    """Return x as a float if it is a real number, else None; an integer too large becomes inf.

    >>> number(3), number(10**400), number("3"), number(3j)
    (3.0, inf, None, None)
    """
    if not isinstance(x, Real):
        is_numpy_bool = type(x).__name__ in ("bool", "bool_") and hasattr(x, "dtype")
        return float(bool(x)) if is_numpy_bool else None
    try:
        return float(x)
    except OverflowError:
        return inf if x == abs(x) else -inf


def _ieee(function: Callable[[float], float]) -> Callable[[float], float]:
    """Wrap a function of the math module: nan outside its domain, inf where it overflows."""

    def wrapped(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return nan
        except OverflowError:
            return inf

    wrapped.__name__ = wrapped.__qualname__ = function.__name__
    wrapped.__doc__ = f"{function.__doc__}\n\nnan outside its domain, inf where it overflows."
    return wrapped


# Arithmetic ---------------------------------------------------------------------------------


def add(x: float, y: float) -> float:
    """x + y."""
    return x + y


def subtract(x: float, y: float) -> float:
    """x - y."""
    return x - y


def multiply(x: float, y: float) -> float:
    """x * y."""
    return x * y


def divide(x: float, y: float) -> float:
    """x / y, where y = 0 gives inf with the sign of the quotient, or nan for 0 / 0.

    >>> divide(1.0, 0.0), divide(1.0, -0.0), divide(0.0, 0.0)
    (inf, -inf, nan)
    """
    if y == 0.0:
        return x * math.copysign(inf, y)
    return x / y


def floor_divide(x: float, y: float) -> float:
    """x // y, where y = 0 gives the quotient x / 0.

    >>> floor_divide(7.0, -2.0), floor_divide(-1.0, 0.0)
    (-4.0, -inf)
    """
    if y == 0.0:
        return divide(x, y)
    return x // y


def remainder(x: float, y: float) -> float:
    """x % y with the sign of y, as in Python; nan where y = 0.

    >>> remainder(-7.0, 3.0), remainder(1.0, 0.0)
    (2.0, nan)
    """
    if y == 0.0:
        return nan
    return x % y


def power(x: float, y: float) -> float:
    """x ** y; nan for a negative base with a fractional exponent, never a complex number.

    >>> power(-2.0, 3.0), power(-2.0, 0.5), power(0.0, -1.0), power(-10.0, 309.0)
    (-8.0, nan, inf, -inf)
    """
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0.0 and y % 2.0 == 1.0 else inf
    except ValueError:
        if x == 0.0:  # 1 / 0**-y, whose sign counts only for odd integers
            return math.copysign(inf, x) if y % 2.0 == 1.0 else inf
        return nan


def negative(x: float) -> float:
    """-x."""
    return -x


def positive(x: float) -> float:
    """+x."""
    return x


# Exponentials, logarithms, roots -------------------------------------------------------------

exp = _ieee(math.exp)
expm1 = _ieee(math.expm1)
sqrt = _ieee(math.sqrt)
cbrt = _ieee(math.cbrt)


def _logarithm(function: Callable[[float], float], pole: float) -> Callable[[float], float]:
    """Wrap a logarithm: -inf at its pole, nan beyond it."""

    def wrapped(x: float) -> float:
        if x > pole:
            return function(x)
        return -inf if x == pole else nan

    wrapped.__name__ = wrapped.__qualname__ = function.__name__
    wrapped.__doc__ = f"math.{function.__name__}, with -inf at {pole:g} and nan below it."
    return wrapped


log = _logarithm(math.log, 0.0)
log1p = _logarithm(math.log1p, -1.0)
log2 = _logarithm(math.log2, 0.0)
log10 = _logarithm(math.log10, 0.0)

# Trigonometric and hyperbolic functions ------------------------------------------------------

sin = _ieee(math.sin)
cos = _ieee(math.cos)
tan = _ieee(math.tan)
asin = _ieee(math.asin)
acos = _ieee(math.acos)
atan = _ieee(math.atan)
cosh = _ieee(math.cosh)
tanh = _ieee(math.tanh)
asinh = _ieee(math.asinh)
acosh = _ieee(math.acosh)


def sinh(x: float) -> float:
    """math.sinh, with inf of the sign of x where it overflows.

    >>> sinh(-1000.0)
    -inf
    """
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(inf, x)


def atanh(x: float) -> float:
    """math.atanh, with inf of the sign of x at 1 and -1 and nan beyond.

    >>> atanh(-1.0), atanh(2.0)
    (-inf, nan)
    """
    if abs(x) < 1.0:
        return math.atanh(x)
    return math.copysign(inf, x) if abs(x) == 1.0 else nan


def atan2(y: float, x: float) -> float:
    """The angle of the point (x, y), in radians."""
    return math.atan2(y, x)


def hypot(x: float, y: float) -> float:
    """sqrt(x*x + y*y), without intermediate overflow."""
    return math.hypot(x, y)


# Activations ---------------------------------------------------------------------------------


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow.

    >>> sigmoid(0.0), sigmoid(800.0), sigmoid(-800.0)
    (0.5, 1.0, 0.0)
    """
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)  # nan comes here too, and stays nan
    return small / (1.0 + small)


def softplus(x: float) -> float:
    """log(1 + exp(x)), without overflow and without loss of small values.

    >>> softplus(1000.0), softplus(-40.0) == math.exp(-40.0)
    (1000.0, True)
    """
    return (x if x > 0.0 else 0.0) + math.log1p(math.exp(-abs(x)))


def relu(x: float) -> float:
    """The larger of x and 0; nan stays nan."""
    return 0.0 if x <= 0.0 else x


def leaky_relu(x: float, negative_slope: float = 0.01) -> float:
    """x where it is positive, else negative_slope * x."""
    return x if x > 0.0 else negative_slope * x


def elu(x: float, alpha: float = 1.0) -> float:
    """x where it is positive, else alpha * (exp(x) - 1)."""
    return x if x > 0.0 else alpha * math.expm1(x)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu(x: float) -> float:
    """SELU_SCALE * elu(x, SELU_ALPHA)."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def normal_cdf(x: float) -> float:
    """The probability that a standard normal variable is below x.

    >>> normal_cdf(0.0), normal_cdf(-inf), normal_cdf(inf)
    (0.5, 0.0, 1.0)
    """
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


def gelu(x: float) -> float:
    """x * normal_cdf(x), with its limit 0 at -inf."""
    return 0.0 if x == -inf else x * normal_cdf(x)


def gelu_tanh(x: float) -> float:
    """x * sigmoid(2u) with u = sqrt(2/pi) * (x + 0.044715 x**3), the tanh form of gelu."""
    return 0.0 if x == -inf else x * sigmoid(gelu_tanh_argument(x))


def gelu_tanh_argument(x: float) -> float:
    """2 sqrt(2/pi) * (x + 0.044715 x**3): 0.5 * (1 + tanh(u)) is sigmoid(2u)."""
    return 2.0 * math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)


def silu(x: float) -> float:
    """x * sigmoid(x), with its limit 0 at -inf."""
    return 0.0 if x == -inf else x * sigmoid(x)


def mish(x: float) -> float:
    """x * tanh(softplus(x)), with its limit 0 at -inf."""
    return 0.0 if x == -inf else x * math.tanh(softplus(x))


def hardtanh(x: float, min_val: float = -1.0, max_val: float = 1.0) -> float:
    """x held between min_val and max_val."""
    return clamp(x, min_val, max_val)


def softsign(x: float) -> float:
    """x / (1 + |x|), with its limits -1 and 1 at the infinities."""
    return math.copysign(1.0, x) if abs(x) == inf else x / (1.0 + abs(x))


# Special functions ---------------------------------------------------------------------------

erf = _ieee(math.erf)
erfc = _ieee(math.erfc)


def lgamma(x: float) -> float:
    """The logarithm of |gamma(x)|, inf at its poles 0, -1, -2, ….

    >>> lgamma(1.0), lgamma(-1.0)
    (0.0, inf)
    """
    if 0.5 <= x <= 2.5:  # near its zeros 1 and 2 Python's own loses digits
        return _lgamma_beside_two(x - 2.0) if x > 1.5 else _lgamma_beside_one(x - 1.0)
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return inf


# zeta(k) - 1 for k = 2, 3, …, of Riemann's zeta function.
_ZETA_LESS_ONE = [
    0.6449340668482264, 0.20205690315959424, 0.08232323371113814,
    0.03692775514336999, 0.017343061984449237, 0.008349277381922926,
    0.0040773561979443596, 0.002008392826082117, 0.000994575127817976,
    0.0004941886041194277, 0.00024608655330804474, 0.00012271334757851804,
    6.124813505881122e-05, 3.058823630697205e-05, 1.5282259408611054e-05,
    7.637197637855309e-06, 3.8172932650404334e-06, 1.908212716505986e-06,
    9.53962033811706e-07, 4.769329868814509e-07, 2.384505026764572e-07,
    1.1921992593144637e-07, 5.960818905137444e-08, 2.980350344294891e-08,
    1.4901554878932188e-08, 7.450711825285339e-09, 3.725334041249084e-09,
    1.862659804174882e-09, 9.313274595967869e-10, 4.656628416199737e-10,
]  # fmt: skip
_ONE_LESS_EULER = 0.42278433509846713  # 1 minus Euler's constant


def _lgamma_beside_two(z: float) -> float:
    """lgamma(2 + z) for |z| <= 0.5 by its power series: Abramowitz and Stegun (1964), 6.1.33."""
    series = 0.0
    for k, coefficient in reversed(list(enumerate(_ZETA_LESS_ONE, start=2))):
        series = coefficient / k - z * series
    return z * (_ONE_LESS_EULER + z * series)


def _lgamma_beside_one(z: float) -> float:
    return _lgamma_beside_two(z) - math.log1p(z)


# The Bernoulli numbers B2, B4, … B28 of the asymptotic series below.
_BERNOULLI = [
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
    854513 / 138,
    -236364091 / 2730,
    8553103 / 6,
    -23749461029 / 870,
]


HIGHEST_ORDER = 100.0
"""The highest derivative of digamma that polygamma gives."""


def polygamma(n: float, x: float) -> float:
    """The n-th derivative of digamma, the derivative of lgamma; nan at its poles -1, -2, ….

    At the pole 0 it is inf or -inf. It is nan where n is not one of 0, 1, 2, … `HIGHEST_ORDER`.

    Positive x by recurrence upwards and then the asymptotic series, negative x by reflection:
    Abramowitz and Stegun (1964), 6.4.6, 6.4.11 and 6.4.7.

    >>> polygamma(1, 1.0), math.pi**2 / 6
    (1.6449340668482264, 1.6449340668482264)
    """
    if not 0.0 <= n <= HIGHEST_ORDER or n != math.floor(n):
        return nan
    order = int(n)
    if x > 0.0:
        return _polygamma_positive(order, x)
    if x == 0.0:
        return inf if order % 2 else math.copysign(inf, -x)
    if x == floor(x) or x != x:
        return nan
    sign = -1.0 if order % 2 else 1.0
    return sign * _polygamma_positive(order, 1.0 - x) - _cotangent_derivative(order, x)


def _polygamma_positive(order: int, x: float) -> float:
    sign = 1.0 if order % 2 else -1.0
    terms = []
    while x < 12.0 + order:
        terms.append(_inverse_power(order, x))
        x += 1.0
    terms.append(0.5 * _inverse_power(order, x))
    if order == 0:
        terms.append(-log(x))
        factor = 0.5 / x / x
    else:
        terms.append(_inverse_power(order - 1, x))
        factor = terms[-1] * 0.5 * order * (order + 1.0) / x / x
    for k, bernoulli in enumerate(_BERNOULLI, start=1):
        terms.append(bernoulli * factor)
        growth = (2.0 * k + order) * (2.0 * k + 1.0 + order)
        factor *= growth / ((2.0 * k + 1.0) * (2.0 * k + 2.0)) / x / x
    return sign * (math.fsum(terms) if all(map(math.isfinite, terms)) else sum(terms))


def _inverse_power(order: int, x: float) -> float:
    """order! / x**(order + 1), whose factors alone could overflow."""
    result = divide(1.0, x)
    for k in range(1, order + 1):
        result *= k / x
    return result


_PI_REST = 1.2246467991473532e-16  # pi - math.pi


def _cotangent_derivative(order: int, x: float) -> float:
    """The order-th derivative of pi cot(pi x), as a polynomial in c = cot(pi x)."""
    polynomial = [0, 1]
    for _ in range(order):  # p(c)' = -pi (1 + c*c) p'(c)
        slope = [-k * a for k, a in enumerate(polynomial)][1:]
        polynomial = [0] * (len(slope) + 2)
        for k, a in enumerate(slope):
            polynomial[k] += a
            polynomial[k + 2] += a
    fraction = x - round(x)  # exact, and cot has period 1
    cotangent = math.cos(math.pi * fraction) / math.sin(math.pi * fraction)
    result = 0.0
    for a in reversed(polynomial):
        result = result * cotangent + a
    return result * math.pi ** (order + 1) * (1.0 + (order + 1) * _PI_REST / math.pi)


def digamma(x: float) -> float:
    """The derivative of lgamma: polygamma(0, x)."""
    return polygamma(0, x)


# Functions with kinks and steps --------------------------------------------------------------


def absolute(x: float) -> float:
    """|x|."""
    return abs(x)


def maximum(x: float, y: float) -> float:
    """The larger of two numbers; nan if either is nan."""
    return x if x > y or x != x else y


def minimum(x: float, y: float) -> float:
    """The smaller of two numbers; nan if either is nan."""
    return x if x < y or x != x else y


def clamp(x: float, min: float = -inf, max: float = inf) -> float:
    """x held between min and max; max where they cross; nan if any is nan."""
    return minimum(maximum(x, min), max)


def floor(x: float) -> float:
    """The largest integer not above x; inf and nan stay.

    >>> floor(-1.5), floor(inf)
    (-2.0, inf)
    """
    return float(math.floor(x)) if math.isfinite(x) else x


def ceil(x: float) -> float:
    """The smallest integer not below x; inf and nan stay."""
    return float(math.ceil(x)) if math.isfinite(x) else x


def trunc(x: float) -> float:
    """The integer part of x; inf and nan stay."""
    return float(math.trunc(x)) if math.isfinite(x) else x


def nearest(x: float) -> float:
    """The nearest integer, halves to the even one (0.5 to 0, 1.5 to 2); inf and nan stay."""
    return float(round(x)) if math.isfinite(x) else x


def sign(x: float) -> float:
    """-1, 0 or 1; nan stays nan."""
    return x if x == 0.0 or x != x else math.copysign(1.0, x)


def heaviside(x: float, values: float = 0.5) -> float:
    """0 for negative x, 1 for positive x, values at 0; nan stays nan."""
    if x == 0.0:
        return values
    return x if x != x else float(x > 0.0)


# Functions of any number of numbers ----------------------------------------------------------


def total(*xs: float) -> float:
    """The sum, from left to right."""
    result = 0.0
    for x in xs:
        result += x
    return result


def mean(*xs: float) -> float:
    """The sum divided by the count, also where the sum alone would overflow.

    >>> mean(1e308, 1e308, 1e308)
    1e+308
    """
    result = total(*xs) / len(xs)
    return result if math.isfinite(result) else total(*(x / len(xs) for x in xs))


def dot(*xys: float) -> float:
    """x1*y1 + x2*y2 + … for the numbers x1, x2, …, y1, y2, …, from left to right."""
    half = len(xys) // 2
    result = 0.0
    for x, y in zip(xys[:half], xys[half:], strict=True):
        result += x * y
    return result


def logsumexp(*xs: float) -> float:
    """log(exp(x1) + exp(x2) + …), without overflow and without loss of small terms.

    >>> logsumexp(1000.0, 1000.0), logsumexp(0.0, -40.0) == math.exp(-40.0)
    (1000.6931471805599, True)
    """
    peak = largest(xs)
    if not math.isfinite(peak):
        return peak
    others = list(xs)
    others.remove(peak)
    return peak + math.log1p(total(*(math.exp(x - peak) for x in others)))


def shares(out: float, xs: Sequence[float]) -> tuple[float, ...]:
    """exp(x - out), each divided by the sum of all: the derivatives of out = logsumexp(xs)."""
    exponentials = [1.0 if x >= inf else exp(x - out) for x in xs]
    whole = total(*exponentials)
    return tuple([divide(share, whole) for share in exponentials])


def largest(xs: Iterable[float]) -> float:
    """The largest of some numbers; nan if any is nan; -inf if there are none."""
    result = -inf
    for x in xs:
        result = maximum(result, x)
    return result
