"""Where a graph has kinks, and how far away they are."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autograd.primitives import Primitive
from autograd.value import Value

BESIDE = 2.0**-26
"""How far beside a point, as a part of it, the distances from kinks are compared."""


@dataclass(frozen=True)
class Kink:
    """A kink of one operation.

    Attributes:
        node: the operation.
        distance: zero at the kink, with the sign of the side.
        slopes: how fast the distance changes with each input, 0 for constants.
    """

    node: Value
    distance: float
    slopes: tuple[float, ...]

    @property
    def is_dense(self) -> bool:
        """Whether the floats around it are kinks too, as all are of floor above 2**53."""
        assert self.node.primitive is not None
        beside = [
            parent.data + k * BESIDE * (abs(parent.data) or 1.0)
            for k, parent in enumerate(self.node.parents, start=1)
        ]
        return self.distance == 0.0 and 0.0 in self.node.primitive.kink_distances(*beside)

    def rate(self, tangents: Mapping[Value, float]) -> float:
        """Return how fast the distance changes, at most, when the inputs move like this."""
        return sum(
            slope * abs(tangents.get(parent, 0.0))
            for parent, slope in zip(self.node.parents, self.slopes, strict=True)
        )

    def is_sure(self, uncertainty: Mapping[Value, float]) -> bool:
        """Return whether the node is on one side of it, however its inputs were rounded."""
        return abs(self.distance) > self.rate(uncertainty)


def kinks_of(order: Iterable[Value]) -> list[Kink]:
    """Return the kinks of a graph's operations that move when a tracked input moves.

    >>> from autograd import Value, relu
    >>> x = Value(3.0)
    >>> [(kink.distance, kink.slopes) for kink in kinks_of([x, relu(x)])]
    [(3.0, (1.0,))]
    """
    found = []
    for node in order:
        if node.primitive is None or not node.primitive.kinks:
            continue
        inputs = [parent.data for parent in node.parents]
        distances = list(node.primitive.kink_distances(*inputs))
        columns = [
            distance_slopes(node.primitive, inputs, place, distances)
            if parent.requires_grad
            else [0.0] * len(distances)
            for place, parent in enumerate(node.parents)
        ]
        for distance, *slopes in zip(distances, *columns, strict=True):
            if any(slopes):
                found.append(Kink(node, distance, tuple(slopes)))
    return found


def distance_slopes(
    primitive: Primitive, inputs: Sequence[float], place: int, distances: Sequence[float]
) -> list[float]:
    """Return how fast the distances from the kinks change with one input.

    Of the two directions the slower counts, as a distance may jump (from one multiple to the
    next, in ``x % y``). A distance that stays 0 both ways counts as changing: all numbers around
    are kinks, as for floor above 2**53.
    """
    h = max((abs(inputs[place]) or 1.0) * BESIDE, math.ulp(0.0))
    ways = []
    for side in (h, -h):
        moved = [*inputs[:place], inputs[place] + side, *inputs[place + 1 :]]
        ways.append(list(primitive.kink_distances(*moved)))
        if len(ways[-1]) != len(distances):
            return [0.0] * len(distances)
    return [
        1.0 if before == up == down == 0.0 else _slower(up - before, down - before) / h
        for before, up, down in zip(distances, *ways, strict=True)
    ]


def _slower(up: float, down: float) -> float:
    slower = min(abs(up), abs(down))
    return slower if slower < math.inf else 0.0


def room(primitive: Primitive, inputs: Sequence[float], place: int) -> float:
    """Return how far one input can move until the first kink is half way reached.

    >>> from autograd import relu
    >>> room(relu, [-4.0], 0)
    2.0
    """
    distances = list(primitive.kink_distances(*inputs))
    slopes = distance_slopes(primitive, inputs, place, distances)
    lengths = zip(distances, slopes, strict=True)
    return min((abs(d) / slope / 2.0 for d, slope in lengths if slope), default=math.inf)


def tangents(order: Sequence[Value], direction: Mapping[Value, float]) -> dict[Value, float]:
    """Return how fast each node moves, at most, when the inputs move in a direction."""
    moving = {node: abs(speed) for node, speed in direction.items()}
    for node in order:
        if not node.is_leaf:
            moving[node] = sum(
                abs(p) * moving.get(parent, 0.0)
                for parent, p in zip(node.parents, node.partials, strict=True)
            )
    return moving


def reach(kinks: Iterable[Kink], moving: Mapping[Value, float]) -> float:
    """Return how far the inputs can move until the first kink is half way reached."""
    nearest = math.inf
    for kink in kinks:
        rate = kink.rate(moving)
        if rate > 0.0:
            nearest = min(nearest, abs(kink.distance) / rate / 2.0)
    return nearest


def ancestors(nodes: Iterable[Value], order: Sequence[Value]) -> set[Value]:
    """Return the tracked nodes that some nodes depend on."""
    found = set(nodes)
    for node in reversed(order):
        if node in found:
            found.update(parent for parent in node.parents if parent.requires_grad)
    return found
