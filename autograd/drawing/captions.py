"""What is written on the boxes of a collapsed picture."""

import math
from collections import Counter

from autograd.drawing.boxes import Box, kind
from autograd.drawing.overview import Item
from autograd.formula import visible

_MOST_KINDS = 3


def caption(item: Item) -> list[str]:
    """Return the lines on an item that is more than one node; the first is its name.

    >>> from autograd import Value, draw
    >>> from autograd.drawing.boxes import Graph, box_tree
    >>> graph = Graph([-Value(2.0)])
    >>> caption(Item(graph, [0, 1], [], box_tree(graph)))
    ['1 × negative', 'and 1 parameter', 'mean |grad| 0']
    """
    if item.call is not None:
        return [item.call.name, f"compiled · {counted(item.call.operations, 'operation')}"]
    lines = _of_boxes(item) if item.boxes else _of_bundle(item)
    if item.is_neighbour:
        return lines[:1]
    if item.mean_gradient is not None:
        lines.append(f"mean |grad| {item.mean_gradient:.3g}")
    if item.alarms:
        lines.append(f"⚠ {item.alarms:,} nan or inf")
    return lines


def counted(number: int, noun: str) -> str:
    """Return how many there are.

    >>> counted(1, "node"), counted(12345, "node")
    ('1 node', '12,345 nodes')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _of_boxes(item: Item) -> list[str]:
    sizes = [counted(len(item.parameters), "parameter")] if item.parameters else []
    sizes.append(counted(len(item.operations), "operation"))
    first, last = item.boxes[0], item.boxes[-1]
    if first.outer is None:
        return ["the whole graph", " · ".join(sizes)]
    if first is not last:
        kinds = Counter(box.kind for box in item.boxes)
        name = ", ".join(f"{count:,} × {visible(kind)}" for kind, count in kinds.items())
        return [name, *_range(item.boxes), *sizes]
    is_named = first.name == first.kind or first.maker is None
    own_kind = [] if is_named else [visible(first.kind)]
    return [first.name, " · ".join(own_kind + sizes[:-1]), sizes[-1]]


def _range(boxes: list[Box]) -> list[str]:
    """Return the first and the last name, if the boxes follow each other."""
    first, last = boxes[0], boxes[-1]
    siblings = first.outer.inner if first.outer else []
    together = siblings.index(last) - siblings.index(first) == len(boxes) - 1
    return [first.name, f"to {last.name}"] if together else []


def _of_bundle(item: Item) -> list[str]:
    nodes = [item.graph.nodes[place] for place in item.members]
    names = Counter(node.primitive.name for node in nodes if node.primitive is not None)
    leaves = Counter(kind(node) for node in nodes if node.primitive is None)
    lines = []
    if len(names) == 1:
        ((name, count),) = names.items()
        lines.append(f"{count:,} × {visible(name)}")
    elif names:
        shown = [f"{count:,} × {visible(name)}" for name, count in names.most_common(_MOST_KINDS)]
        more = [] if len(names) == len(shown) else ["…"]
        lines += [counted(names.total(), "operation"), ", ".join(shown + more)]
    if leaves:
        some = " and ".join(counted(count, name) for name, count in leaves.items())
        lines.append(f"and {some}" if lines else some)
    if not names:
        numbers = [node.data for node in nodes if math.isfinite(node.data)]
        if numbers:
            lines.append(f"data {min(numbers):.3g} to {max(numbers):.3g}")
    return lines
