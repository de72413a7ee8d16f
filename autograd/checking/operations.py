"""Each operation of a graph by itself: is its local derivative right, and if not, who is first?"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import differences
from autograd.checking import finite
from autograd.checking.kinks import room
from autograd.checking.oracles import Exact, Finite
from autograd.checking.report import Blame, lies_between
from autograd.checking.rounding import partial_tolerances, value_tolerance
from autograd.formula import Names
from autograd.transforms import differentiable_partials, gradients
from autograd.value import Value

MOST_INPUTS_OF_A_RULE = 3
"""Rules of operations with more inputs are not differentiated by themselves."""


@dataclass(frozen=True)
class Mistake:
    """A number of one operation that is wrong."""

    node: Value
    place: int | None  # which local derivative; None for the value
    said: float
    expected: float
    allowed: float


@dataclass(frozen=True)
class Operations:
    """The operations of a graph, each compared with an oracle at its own float inputs.

    Attributes:
        partials: the oracle's local derivatives, operation by operation.
        tolerances: how far off the engine's may be.
        mistakes: what is wrong, in topological order.
    """

    partials: dict[Value, list[Any]]
    tolerances: dict[Value, list[float]]
    mistakes: list[Mistake]


def check_operations(
    order: Sequence[Value], oracle: Exact | Finite, at_kinks: set[Value]
) -> Operations:
    """Compare each operation's value and local derivatives with an oracle.

    Args:
        order: the graph in topological order.
        oracle: the oracle.
        at_kinks: the operations exactly on a kink, which have one-sided derivatives only.
    """
    partials: dict[Value, list[Any]] = {}
    tolerances: dict[Value, list[float]] = {}
    mistakes: list[Mistake] = []
    for node in order:
        if node.primitive is None:
            continue
        inputs = [parent.data for parent in node.parents]
        if node.primitive.surrogate:
            partials[node], tolerances[node] = list(node.partials), [0.0] * len(inputs)
            mistakes += _wrong_value(node, inputs, oracle)
            continue
        found = oracle.partials(node, inputs)
        rounding = partial_tolerances(node.primitive, node.data, inputs)
        partials[node] = [partial for partial, _ in found]
        allowed = [t + error for t, (_, error) in zip(rounding, found, strict=True)]
        if node not in at_kinks or not any(map(_is_minus_zero, inputs)):
            mistakes += _wrong_value(node, inputs, oracle)
        if node in at_kinks:
            mistakes += _outside_sides(node, inputs, oracle, rounding)
            tolerances[node] = rounding
        else:
            mistakes += _wrong_partials(node, partials[node], allowed)
            tolerances[node] = allowed
    return Operations(partials, tolerances, mistakes)


def _is_minus_zero(x: float) -> bool:
    """Whether it is the zero that only floats have, which atan2 tells from the other."""
    return x == 0.0 and math.copysign(1.0, x) < 0.0


def _wrong_value(node: Value, inputs: Sequence[float], oracle: Exact | Finite) -> Iterator[Mistake]:
    assert node.primitive is not None
    expected = oracle.result(node.primitive, inputs)
    allowed = value_tolerance(node.primitive, inputs)
    if not abs(node.data - expected) <= allowed:
        yield Mistake(node, None, node.data, float(expected), allowed)


def _wrong_partials(
    node: Value, partials: Sequence[Any], tolerances: Sequence[float]
) -> Iterator[Mistake]:
    for place, (parent, expected) in enumerate(zip(node.parents, partials, strict=True)):
        said, allowed = node.partials[place], tolerances[place]
        known = math.isfinite(expected) and allowed < math.inf
        if parent.requires_grad and known and not abs(said - expected) <= allowed:
            yield Mistake(node, place, said, float(expected), allowed)


def _outside_sides(
    node: Value, inputs: Sequence[float], oracle: Exact | Finite, tolerances: Sequence[float]
) -> Iterator[Mistake]:
    assert node.primitive is not None
    for place, parent in enumerate(node.parents):
        said, allowed = node.partials[place], tolerances[place]
        if not parent.requires_grad:
            continue
        sides = oracle.sided_partials(node.primitive, inputs, place)
        if not lies_between(said, sides, allowed):
            nearest = min(sides, key=lambda side: abs(side.value - said))
            yield Mistake(node, place, said, nearest.value, allowed)


def blame(mistakes: Sequence[Mistake], order: Sequence[Value], names: Names) -> Blame | None:
    """Return the first mistake, told for people; None if there are none."""
    if not mistakes:
        return None
    first = mistakes[0]
    node = first.node
    heirs = {node}
    for other in order:
        if any(parent in heirs for parent in other.parents):
            heirs.add(other)
    return Blame(
        node=node,
        name=names[node],
        operation=names.operation(node),
        inputs=tuple((names[parent], parent.data) for parent in node.parents),
        what="value" if first.place is None else names[node.parents[first.place]],
        said=first.said,
        expected=first.expected,
        allowed=first.allowed,
        others=len({mistake.node for mistake in mistakes}) - 1,
        above=len(heirs) - 1,
    )


def lost_second_derivative(order: Sequence[Value], names: Names) -> str | None:
    """Say which operation's rule has wrong derivatives itself, though its numbers are right.

    The rule is differentiated by the engine and by finite differences of its float results.
    """
    for node in order:
        if node.primitive is None or node.primitive.surrogate:
            continue
        if len(node.parents) > MOST_INPUTS_OF_A_RULE:
            continue
        for i, k, said, expected in _second_partials(node):
            if abs(said - expected.value) > expected.error + 1e-6 * abs(expected.value):
                line = f" ({node.made_at})" if node.made_at else ""
                one, two = names[node.parents[i]], names[node.parents[k]]
                return (
                    f"the rule of {node.primitive.name} gives the derivative of "
                    f"{names.operation(node)} along {one} as a number that changes with {two} at "
                    f"the rate {said!r}, not {expected.value!r}: its partials must be computed "
                    f"from its inputs by autograd's own functions{line}"
                )
    return None


def _second_partials(node: Value) -> Iterator[tuple[int, int, float, differences.Estimate]]:
    """The derivatives of a node's local derivatives, by the engine and from their values."""
    primitive = node.primitive
    assert primitive is not None
    leaves = [Value(p.data, requires_grad=p.requires_grad) for p in node.parents]
    numbers = [leaf.data for leaf in leaves]
    rules = differentiable_partials(primitive(*leaves))
    tracked = [k for k, leaf in enumerate(leaves) if leaf.requires_grad]
    for k in tracked:

        def moved(h: float, k: int = k) -> Sequence[float]:
            there = [*numbers[:k], numbers[k] + h, *numbers[k + 1 :]]
            return primitive.float_derivatives(primitive.evaluate(*there), *there)

        noise = [16.0 * math.ulp(p) for p in moved(0.0)]
        reach = room(primitive, numbers, k)
        starts = [min(scale, reach) / 4.0 for scale in differences.scales(numbers[k])]
        estimates = differences.central(moved, starts, noise)
        unit = math.ulp(numbers[k])
        around = [(moved(n * unit), moved(-n * unit)) for n in finite.UNITS_AROUND]
        for i in tracked:
            if finite.is_rough(moved(0.0)[i], [(up[i], down[i]) for up, down in around], noise[i]):
                continue
            rule = rules[i]
            depends = isinstance(rule, Value) and rule.requires_grad
            said = gradients(rule, leaves[k]) if depends else 0.0
            if estimates[i].error < math.inf:
                yield i, k, said, estimates[i]
