"""How much of a result may be rounding: where the tolerances of gradcheck come from.

Nothing here is a fixed relative or absolute tolerance. A number is allowed a few units in its
last place, plus what the rule that made it changes by when its own inputs move by one unit in
their last place: a rule cannot be better than the numbers it starts from.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from autograd.primitives import Primitive
from autograd.replay import EPSILON
from autograd.value import Value

UNITS = 8.0
"""Units in the last place that are allowed, of a result and of what it is made from."""

LEAST = 2.0**-1040
"""Allowed absolutely: results that small were made of floats that had lost their last digits."""

Numbers = Sequence[float]


def value_tolerance(primitive: Primitive, inputs: Numbers) -> float:
    """Return how far an honest result of a primitive may be off at these inputs."""
    out = primitive.evaluate(*inputs)
    (change,) = _changes(lambda *xs: (primitive.evaluate(*xs),), inputs, (out,))
    many = EPSILON * len(inputs) * _mass(primitive, out, inputs) if len(inputs) > 2 else 0.0
    return UNITS * (math.ulp(out) + many) + change + LEAST


def partial_tolerances(primitive: Primitive, out: float, inputs: Numbers) -> list[float]:
    """Return how far honest local derivatives may be off at these inputs.

    For tanh, whose rule is ``1 - out * out``, that is much near saturation: there the rule
    subtracts from 1 a number that has been rounded to nearly 1.
    """

    def rule(*numbers: float) -> Sequence[float]:
        return _derivatives(primitive, numbers[0], numbers[1:])

    partials = rule(out, *inputs)
    changes = _changes(rule, (out, *inputs), partials)
    return [
        UNITS * math.ulp(p) + change + LEAST for p, change in zip(partials, changes, strict=True)
    ]


def _derivatives(primitive: Primitive, out: float, inputs: Numbers) -> Sequence[float]:
    try:
        return primitive.float_derivatives(out, *inputs)
    except (ArithmeticError, ValueError):  # a user's rule may fail one unit outside its domain
        return (math.nan,) * len(inputs)


def _mass(primitive: Primitive, out: float, inputs: Numbers) -> float:
    """The sum of |derivative × input|: what a sum of many terms is made of."""
    products = zip(_derivatives(primitive, out, inputs), inputs, strict=True)
    return sum(abs(p * x) for p, x in products if math.isfinite(p * x))


def _changes(
    rule: Callable[..., Sequence[float]], numbers: Numbers, results: Sequence[float]
) -> list[float]:
    """Return how much each result changes when the numbers move by some units in the last place.

    Of the two directions the smaller change counts: a jump to one side is a kink or the edge of
    a domain, not rounding.
    """
    totals = [0.0] * len(results)
    for up, down in _nudges(numbers):
        above, below = rule(*up), rule(*down)
        for k, result in enumerate(results):
            both = [abs(moved[k] - result) for moved in (above, below)]
            totals[k] += min((c for c in both if math.isfinite(c)), default=0.0)
    return totals


def _nudges(numbers: Numbers) -> Iterator[tuple[list[float], list[float]]]:
    """The numbers moved up and down: each alone; of many, the others than the first together."""
    patterns = [[float(k == place) for k in range(len(numbers))] for place in range(4)]
    if len(numbers) > 4:
        alternating = [0.0] + [(-1.0) ** k for k in range(len(numbers) - 1)]
        patterns = [patterns[0], [0.0] + [1.0] * (len(numbers) - 1), alternating]
    for pattern in patterns[: len(numbers)]:
        moves = [sign * UNITS * math.ulp(x) for x, sign in zip(numbers, pattern, strict=True)]
        yield (
            [x + move for x, move in zip(numbers, moves, strict=True)],
            [x - move for x, move in zip(numbers, moves, strict=True)],
        )


def backward_errors(
    order: Sequence[Value], root: Value, tolerances: Mapping[Value, Sequence[float]]
) -> dict[Value, float]:
    """Return a bound, to first order, on the rounding error of each gradient of the root.

    Args:
        order: the graph in topological order.
        root: what is differentiated.
        tolerances: how far each node's local derivatives may be off.
    """
    uses: dict[Value, int] = dict.fromkeys(order, 0)
    for node in order:
        for parent in node.parents:
            if parent in uses:
                uses[parent] += 1
    size = dict.fromkeys(order, 0.0)  # the sum over all paths of the products' magnitudes
    errors = dict.fromkeys(order, 0.0)
    size[root] = 1.0
    for node in reversed(order):
        if size[node] == errors[node] == 0.0:
            continue
        edges = zip(node.parents, node.partials, tolerances.get(node, ()), strict=True)
        for parent, p, tolerance in edges:
            if parent.requires_grad:
                size[parent] += abs(p) * size[node]
                rounding = tolerance + (2 + uses[parent]) * EPSILON * abs(p)
                inherited = abs(p) * errors[node] if p else 0.0  # 0 times inf would be nan
                errors[parent] += inherited + rounding * (size[node] + errors[node])
    return errors
