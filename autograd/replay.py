"""Running a graph again: at other numbers, and how far its numbers may be off by rounding.

A graph is what was recorded: it is run along the branches that were taken then.
"""

import math
from collections.abc import Mapping, Sequence

from autograd import value
from autograd.sweep import topological_order
from autograd.value import Value

EPSILON = math.ulp(1.0)
"""The distance from 1 to the next float."""


def values(order: Sequence[Value], moved: Mapping[Value, float]) -> dict[Value, float]:
    """Return the numbers of the nodes that change when some nodes' numbers are replaced.

    The graph itself stays as it is.

    Args:
        order: the nodes, parents before children.
        moved: the new numbers, of leaves or of results.

    >>> x, w = Value(2.0), Value(3.0)
    >>> y = x * w
    >>> values([x, w, y], {x: 5.0})[y]
    15.0
    """
    numbers = dict(moved)
    for node in order:
        if node.primitive is None or node in moved:
            continue
        if any(parent in numbers for parent in node.parents):
            inputs = [numbers.get(parent, parent.data) for parent in node.parents]
            numbers[node] = node.primitive.evaluate(*inputs)
    return numbers


def recompute(root: Value) -> None:
    """Compute a graph anew after the data of leaves that require a gradient were changed.

    Every result's number and local derivatives become those that the same operations would have
    now, to the last bit; gradients stay as they are. What was decided while the graph was made
    (an if, the branch of a `where`, the length of a loop) stays decided, and what was computed
    of constants alone stays as it is: the graph does not know of it. If an operation fails,
    everything is as it was before.

    Args:
        root: the last result.

    >>> x = Value(2.0)
    >>> y = x * x
    >>> x.data = 5.0
    >>> recompute(y)
    >>> y.data, y.partials
    (25.0, (5.0, 5.0))
    """
    results = [node for node in topological_order([root]) if not node.is_leaf]
    before = [(node, node.data, node.partials) for node in results]
    try:
        for node in results:
            value.recompute(node)
    except BaseException:
        for node, number, slopes in before:
            node.data, node.partials = number, slopes
        raise


def depending(order: Sequence[Value], node: Value) -> list[Value]:
    """Return the nodes that depend on a node, in their order, without itself.

    >>> x, w = Value(2.0), Value(3.0)
    >>> y = x * w
    >>> depending([x, w, y], x) == [y]
    True
    """
    found = {node}
    for later in order:
        if any(parent in found for parent in later.parents):
            found.add(later)
    return [later for later in order if later in found and later is not node]


def forward_errors(order: Sequence[Value]) -> dict[Value, float]:
    """Return a bound, to first order, on the rounding error of each node's value."""
    errors: dict[Value, float] = {}
    for node in order:
        if node.is_leaf:
            errors[node] = 0.0
            continue
        inherited = sum(
            abs(p) * errors.get(parent, 0.0)
            for parent, p in zip(node.parents, node.partials, strict=True)
        )
        terms = sum(
            abs(p * parent.data)
            for parent, p in zip(node.parents, node.partials, strict=True)
            if p != 0.0
        )
        many = EPSILON * len(node.parents) * terms if len(node.parents) > 2 else 0.0
        errors[node] = inherited + 2.0 * math.ulp(node.data) + many
    return errors
