"""The derivatives of one primitive by finite differences, and where these can't be trusted."""

import math
from collections.abc import Callable, Iterable, Sequence

from autograd.checking.rounding import value_tolerance
from autograd.differences import FINEST, SAFETY, UNKNOWN, Estimate, central, one_sided, scales
from autograd.primitives import Primitive

UNITS_AROUND = (1.0, 5.0, 13.0, 34.0)
"""Units in the last place by which inputs are moved to see whether a function is rough there."""


SMOOTH = 2.0**-30
"""A function whose results are less sure than this part of them is not taken for smooth."""


def is_rough(here: float, around: Iterable[tuple[float, float]], rounding: float) -> bool:
    """Return whether a function bends within a few units in the last place of its inputs.

    Such are tan next to its pole and sin at 1e22: no step is small enough then.

    Args:
        here: its result.
        around: its results above and below, for inputs moved by UNITS_AROUND.
        rounding: how much of a result may be rounding.

    >>> is_rough(0.0, [(1.0, -1.0)], 0.0), is_rough(0.0, [(1.0, 1.0)], 0.0)
    (False, True)
    """
    return any(
        not abs(above - 2.0 * here + below) <= 0.1 * abs(above - below) + 4.0 * rounding
        for above, below in around
    )


def partial(
    primitive: Primitive, inputs: Sequence[float], place: int, reach: float = math.inf
) -> Estimate:
    """Return the derivative of a primitive with respect to one input, from its values.

    Args:
        primitive: the primitive.
        inputs: its inputs.
        place: which input.
        reach: how far the nearest kink is from that input.

    >>> from autograd import tanh
    >>> estimate = partial(tanh, [0.0], 0)
    >>> abs(estimate.value - 1.0) <= estimate.error < 1e-9
    True
    """
    starts = [min(scale, reach) / 4.0 for scale in _scales(inputs, place)]
    moved, noise = _moved(primitive, inputs, place), _noise(primitive, inputs)
    unit = math.ulp(inputs[place])
    around = [(moved(k * unit)[0], moved(-k * unit)[0]) for k in UNITS_AROUND if k * unit < reach]
    here = moved(0.0)[0]
    rounding = max(4.0 * math.ulp(here), min(noise[0], SMOOTH * abs(here)))
    if is_rough(here, around, rounding):
        return UNKNOWN
    found = central(moved, starts, noise, FINEST * unit)[0]
    for k, (above, below) in zip(UNITS_AROUND, around, strict=False):
        slope = (above - below) / (2.0 * k * unit)
        if abs(slope - found.value) > abs(found.value) + SAFETY * noise[0] / (k * unit):
            return UNKNOWN  # too long steps agreed on what is wrong
    return found


def sided_partials(primitive: Primitive, inputs: Sequence[float], place: int) -> list[Estimate]:
    """Return the derivatives just below and just above one input, those that exist.

    None do where all floats around are kinks, as for floor above 2**53.
    """
    moved, noise = _moved(primitive, inputs, place), _noise(primitive, inputs)
    finest = FINEST * math.ulp(inputs[place])
    starts = [scale / 64.0 for scale in _scales(inputs, place)]
    found = []
    for side in (-1.0, 1.0):
        beside = [*inputs[:place], inputs[place] + side * finest, *inputs[place + 1 :]]
        if all(primitive.kink_distances(*beside)):
            found += one_sided(moved, side, starts, noise, finest)
    return [estimate for estimate in found if estimate.error < math.inf]


def _scales(inputs: Sequence[float], place: int) -> list[float]:
    """The lengths of one input, and those of the others where they are quite different."""
    found = scales(inputs[place])
    return [
        *found,
        *(abs(x) for x in inputs if x and not any(1e-2 < abs(x) / scale < 1e2 for scale in found)),
    ]


def _moved(
    primitive: Primitive, inputs: Sequence[float], place: int
) -> Callable[[float], list[float]]:
    return lambda h: [primitive.evaluate(*inputs[:place], inputs[place] + h, *inputs[place + 1 :])]


def _noise(primitive: Primitive, inputs: Sequence[float]) -> list[float]:
    return [value_tolerance(primitive, inputs) / 4.0]
