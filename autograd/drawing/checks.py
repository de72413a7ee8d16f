"""Is each gradient of a sweep right? Finite differences on the graph itself give the answer."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from autograd import replay
from autograd.differences import FINEST, Estimate, central, one_sided, scales
from autograd.formula import short
from autograd.sweep import Sweep
from autograd.value import Value

SHOWN = 1e-6
"""Gradients that differ by this part look the same in equations, whose numbers have six digits."""

_BEND = 2.0**-18  # a part of the scale: so near, a smooth function is as good as straight
_STRAIGHT = 2.0**-8  # by how much of itself a slope may then change
_USELESS = 1e-3  # an estimate that may be off by this part of the derivative tells nothing
_TINY = 2.0**-1000


Moved = Callable[[float], list[float]]
"""The root, alone in a list, as a function of how far a node is moved."""


@dataclass(frozen=True)
class Check:
    """The derivative of the root by one node, from values alone, beside that of the sweep.

    Attributes:
        analytic: what the sweep says.
        numeric: what finite differences say.
        error_bound: how far the two may be apart; inf where nothing can be told.
        sides: the derivatives from below and from above, at a kink; else None.
        reason: why nothing can be told; else an empty text.
    """

    analytic: float
    numeric: float
    error_bound: float
    sides: tuple[float, float] | None = None
    reason: str = ""

    @property
    def agrees(self) -> bool:
        """Whether nothing speaks against the sweep: at a kink it may take any slope between."""
        low, high = sorted(self.sides or (self.numeric, self.numeric))
        is_between = low - self.error_bound <= self.analytic <= high + self.error_bound
        return bool(self.reason) or is_between

    def __str__(self) -> str:
        """Say the result in one line."""
        verdict = "agrees" if self.agrees else f"but the sweep says {self.analytic:.9g}"
        if self.reason:
            return f"finite differences can't tell: {self.reason}"
        if self.sides:
            below, above = map(short, self.sides)
            what = "a jump" if below == above else "a kink"
            slopes = f"{below} from below and {above} from above"
            return f"finite differences: {what}, {slopes}; the sweep says {short(self.analytic)}"
        shown = 0.0 if abs(self.numeric) <= self.error_bound else self.numeric
        return f"finite differences: {shown:.9g}, {verdict}"


def difference_checks(sweep: Sweep) -> dict[Value, Check]:
    """Compare each gradient of a sweep with finite differences.

    The graph is run again with the node's number moved, so an operation's own rule is never
    asked. The time grows with the square of the graph.

    >>> x = Value(3.0, label="x")
    >>> print(difference_checks((x * x).steps())[x])
    finite differences: 6, agrees
    """
    errors = replay.forward_errors(sweep.order)
    rounding = errors[sweep.root] + 2.0 * math.ulp(sweep.root.data)
    gradients, sizes = _gradients(sweep)
    return {
        node: _check(sweep, node, gradients[node], sizes[node], rounding) for node in sweep.order
    }


def _gradients(sweep: Sweep) -> tuple[dict[Value, float], dict[Value, float]]:
    """Return the gradient of each node, and the sum of the magnitudes that it was added up from."""
    gradients = dict.fromkeys(sweep.order, 0.0)
    gradients[sweep.root] = sweep.seed
    sizes = {node: abs(gradient) for node, gradient in gradients.items()}
    for step in sweep:
        for edge in step.edges:
            gradients[edge.parent] += edge.contribution
            sizes[edge.parent] += abs(edge.local_derivative) * sizes[step.node]
    return gradients, sizes


def _check(sweep: Sweep, node: Value, analytic: float, size: float, rounding: float) -> Check:
    later = replay.depending(sweep.order, node)
    reason = _obstacle([sweep.root.data, node.data, analytic], later)
    if reason:
        return Check(analytic, math.nan, math.inf, reason=reason)

    def moved(h: float) -> list[float]:
        try:
            numbers = replay.values(later, {node: node.data + h})
        except (ArithmeticError, ValueError):  # a user's function, outside its domain
            return [math.nan]
        return [sweep.seed * numbers.get(sweep.root, sweep.root.data)]

    noise = abs(sweep.seed) * rounding + abs(analytic) * math.ulp(node.data)
    slope, sides = _slope(moved, node.data, noise)
    bound = slope.error + SHOWN * size
    if bound > _USELESS * (size + abs(slope.value) + _steepness(moved, node.data)) + _TINY:
        return Check(analytic, slope.value, math.inf, reason="there is no clear slope around here")
    return Check(analytic, slope.value, bound, sides)


def _obstacle(numbers: Iterable[float], later: Iterable[Value]) -> str:
    """Say why there is nothing to compare, if so."""
    if not all(map(math.isfinite, numbers)):
        return "there is nan or an infinity"
    for node in later:
        if node.primitive is not None and node.primitive.surrogate:
            return f"{node.primitive.name} is a surrogate, whose derivative is not its value's"
    return ""


def _slope(moved: Moved, x: float, noise: float) -> tuple[Estimate, tuple[float, float] | None]:
    """Return the slope at x; where a function bends or jumps, the slopes on both sides too."""
    lengths = [scale / 4.0 for scale in scales(x)]
    finest = FINEST * math.ulp(x)
    (smooth,) = central(moved, lengths, [noise], finest)
    if not _bends(moved, _BEND * lengths[0], noise):
        return smooth, None
    (below,), (above,) = (one_sided(moved, side, lengths, [noise], finest) for side in (-1.0, 1.0))
    error = below.error + above.error
    jumps = any(_jumps(moved, side * _BEND * lengths[0], noise) for side in (-1.0, 1.0))
    is_one_slope = abs(above.value - below.value) <= error and not jumps
    if is_one_slope or error == math.inf:
        return smooth, None
    middle = below.value + (above.value - below.value) / 2.0
    return Estimate(middle, error), (below.value, above.value)


def _steepness(moved: Moved, x: float) -> float:
    """Return what would be a slope to speak of, over the length that x itself has."""
    length = scales(x)[0] / 4.0
    (below,), (here,), (above,) = moved(-length), moved(0.0), moved(length)
    changes = [abs(above - here), abs(here - below), abs(here)]
    return max(change for change in changes if math.isfinite(change)) / length


def _jumps(moved: Moved, h: float, noise: float) -> bool:
    """Return whether a function does not come near its value when h does."""
    (here,), (far,), (near,) = moved(0.0), moved(h), moved(h / 64.0)
    return abs(near - here) > max(abs(far - here) / 2.0, 8.0 * noise)


def _bends(moved: Moved, h: float, noise: float) -> bool:
    """Return whether a function is not straight within a short distance."""
    (below,), (here,), (above,) = moved(-h), moved(0.0), moved(h)
    up, down = above - here, here - below
    return not abs(up - down) <= _STRAIGHT * (abs(up) + abs(down)) + 8.0 * noise
