"""What a node that stands for a graph, such as a compiled function's call, has inside."""

from typing import Any

from autograd.drawing.boxes import can_open
from autograd.drawing.captions import counted
from autograd.drawing.picture import draw
from autograd.formula import Names, visible
from autograd.value import Value


def size_inside(node: Value) -> str:
    """Return the name of a compiled function and its size; an empty text for other nodes."""
    if not can_open(node):
        return ""
    function: Any = node.primitive
    return f"{visible(function.name)}: {counted(function.operations, 'operation')}"


def picture_inside(node: Value, names: Names, theme: str, direction: str) -> str:
    """Return a picture of a call by itself, as SVG.

    Its gradients are the derivatives of the call's result, so those of its inputs are the local
    derivatives of the call.

    Args:
        node: the call's result.
        names: what to call its parents.
        theme: "auto", "light" or "dark".
        direction: "LR" or "TB".

    Returns:
        An empty text, if there is nothing inside, or too much.
    """
    inputs = {
        parent: Value(
            parent.data, "" if _is_number(parent) else names[parent], parent.requires_grad
        )
        for parent in node.parents
    }
    function: Any = node.primitive
    nodes = function.inside([inputs[parent] for parent in node.parents], 1.0)
    if not nodes:
        return ""
    result = nodes[-1]
    result.label = names[node]
    result.backward()
    return draw(result, theme=theme, direction=direction).svg


def _is_number(leaf: Value) -> bool:
    """Return whether a leaf is called by its number."""
    return leaf.is_leaf and not leaf.requires_grad and not leaf.label
