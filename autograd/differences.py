"""Derivatives from values alone: finite differences with Ridders' extrapolation.

Differences with steps that shrink by 4 are extrapolated to step 0 (Neville's scheme); every
part of the triangle is an extrapolation from a starting step of its own, and the one with the
least estimated error is taken. C. J. F. Ridders (1982), "Accurate computation of F'(x) and
F'(x)F''(x)", Advances in Engineering Software 4(2), 75-76.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from autograd import real

LEVELS = 13
"""Steps from a quarter of the scale down to 2**-26 of it."""

FINEST = 4.0
"""The least step in units of the input's last place: x + h is h beside x, not rounded."""

SAFETY = 4.0
"""What the error estimate is multiplied by.

Measured on random expressions of 1 to 6 operations, against the exact derivative: the bare
estimate, the change by the last extrapolation, covered the true error in 76 % of 1,001 cases.
With the rounding of the function added it covered all of 3,001, the worst using 0.43 of it. A
smaller sample of this is drawn again by the tests.
"""


@dataclass(frozen=True)
class Estimate:
    """A derivative and how far it may be off."""

    value: float
    error: float


UNKNOWN = Estimate(0.0, math.inf)

SAME = 2.0**-40
"""Two quotients that agree to this part are taken for one number."""


def limit(coarse: float, fine: float) -> Estimate:
    """Return where difference quotients lead: one, and one with a far smaller step.

    Toward 0 or an infinity they go as a power of the step, as those of ``x**1.5`` at 0 do.
    UNKNOWN if they lead nowhere yet.

    >>> limit(2.0, 2.0), limit(1e-9, 1e-18)
    (Estimate(value=2.0, error=0.0), Estimate(value=0.0, error=1e-18))
    """
    if abs(fine - coarse) <= SAME * abs(fine):
        return Estimate(fine, abs(fine - coarse))
    if abs(fine) <= abs(coarse) / 2.0:
        return Estimate(0.0, abs(fine))
    if abs(fine) >= 2.0 * abs(coarse):
        return Estimate(math.copysign(math.inf, fine), 0.0)
    return UNKNOWN


def steps(starts: Iterable[float]) -> list[float]:
    """Return the steps to take, from each start down: powers of 2, which round nothing.

    >>> steps([5.0])[:3]
    [4.0, 1.0, 0.25]
    """
    found: set[float] = set()
    for start in starts:
        if 0.0 < start < math.inf:
            first = 2.0 ** math.floor(math.log2(start))
            found.update(first * 0.25**k for k in range(LEVELS))
    return sorted((h for h in found if h > 0.0), reverse=True)


def extrapolate(
    hs: Sequence[float], differences: Sequence[float], noise: Sequence[float], power: int
) -> Estimate:
    """Return the limit of differences for ever smaller steps.

    Args:
        hs: the steps, falling.
        differences: one for each step.
        noise: how much of each difference may be rounding.
        power: of the step in the leading error: 2 for central differences, whose error is a
            series in the square of the step, 1 for one-sided ones.

    >>> hs = [0.25**k for k in range(5)]
    >>> extrapolate(hs, [2.0 + h for h in hs], [0.0] * 5, power=1)
    Estimate(value=2.0, error=0.0)
    """
    best = UNKNOWN
    column = list(differences)
    for order in range(1, len(hs)):
        finer = []
        for place, (coarse, fine) in enumerate(pairwise(column)):
            last = place + order
            value = fine + (fine - coarse) / (real.power(hs[place] / hs[last], power) - 1.0)
            finer.append(value)
            error = SAFETY * (max(abs(value - coarse), abs(value - fine)) + noise[last])
            if error < best.error:  # never so for nan
                found = Estimate(value, error)
                if _holds(found, differences[last:], noise[last:]):
                    best = found
        column = finer
    return best


def _holds(found: Estimate, differences: Sequence[float], noise: Sequence[float]) -> bool:
    """Return whether ever smaller steps don't lead away again.

    They do if the larger ones were longer than the function's own length, such as the waves of
    sin at 1e8: then they agree among themselves on what is wrong.
    """
    distance = max(abs(differences[0] - found.value), found.error)
    return all(
        abs(difference - found.value) <= distance + SAFETY * rounding
        for difference, rounding in zip(differences, noise, strict=True)
    )


def central(
    function: Callable[[float], Sequence[float]],
    starts: Iterable[float],
    noise: Sequence[float],
    finest: float = 0.0,
) -> list[Estimate]:
    """Return the derivatives at 0 of a function of one number with several results.

    Args:
        function: of a number, returns floats.
        starts: the largest steps, one or several.
        noise: how much of each result may be rounding.
        finest: the least step.

    >>> (estimate,) = central(lambda h: [math.exp(h)], [0.25], [1e-16])
    >>> abs(estimate.value - 1.0) <= estimate.error < 1e-10
    True
    """
    hs = [h for h in steps(starts) if h >= finest]
    pairs = [(function(h), function(-h)) for h in hs]
    return [
        extrapolate(
            hs,
            [(up[k] - down[k]) / (2.0 * h) for h, (up, down) in zip(hs, pairs, strict=True)],
            [rounding / h for h in hs],
            power=2,
        )
        for k, rounding in enumerate(noise)
    ]


def one_sided(
    function: Callable[[float], Sequence[float]],
    side: float,
    starts: Iterable[float],
    noise: Sequence[float],
    nearest: float = 0.0,
) -> list[Estimate]:
    """Return the limits of the derivatives at h as h goes to 0 from one side: 1.0 or -1.0.

    Nothing is computed at 0 itself, where the function may jump, nor nearer to it than told.

    >>> (estimate,) = one_sided(lambda h: [abs(h)], -1.0, [0.25], [1e-16])
    >>> round(estimate.value, 9)
    -1.0
    """
    hs = [h for h in steps(starts) if h > nearest]
    pairs = [(function(side * h), function(side * 2.0 * h)) for h in hs]
    return [
        extrapolate(
            hs,
            [side * (far[k] - near[k]) / h for h, (near, far) in zip(hs, pairs, strict=True)],
            [2.0 * rounding / h for h in hs],
            power=1,
        )
        for k, rounding in enumerate(noise)
    ]


def scales(x: float) -> list[float]:
    """Return lengths over which a function may vary near x: that of x itself, and 1.

    >>> scales(3.0), scales(0.0), scales(1e-9)
    ([3.0], [1.0], [1e-09, 1.0])
    """
    size = abs(x)
    if size == 0.0:
        return [1.0]
    return [size] if 1e-2 < size < 1e2 else [size, 1.0]
