"""Compiled functions as nodes of a graph."""

from collections.abc import Sequence
from typing import Any, Protocol

from autograd.primitives import Primitive


class Computes(Protocol):
    """What a node computes with."""

    def value_of_node(self, k: int, entries: Sequence[float]) -> float:
        """Return one of the results."""

    def partials_of_node(self, k: int, entries: Sequence[Any]) -> list[Any]:
        """Return its derivatives."""


def node_of(program: Computes, k: int, name: str) -> Primitive:
    """Return one of a program's results as a primitive of all numbers that it depends on.

    It is not declared for everybody, as the user's primitives are: it takes as many inputs as the
    program has numbers, and so can't be tried out on others.
    """
    declared = Primitive.registered.get(name)
    node = Primitive(
        name,
        lambda *entries: program.value_of_node(k, entries),
        lambda out, *entries: program.partials_of_node(k, entries),
    )
    del Primitive.registered[name]
    if declared is not None:
        Primitive.registered[name] = declared
    return node


def nested(entries: Sequence[Any], shape: Sequence[int]) -> Any:
    """Return entries as nested lists of these lengths.

    >>> nested([1, 2, 3, 4], (2, 2)), nested([1], ())
    ([[1, 2], [3, 4]], 1)
    """
    if not shape:
        return entries[0]
    length, *inner = shape
    size = len(entries) // length if length else 0
    return [nested(entries[k * size : (k + 1) * size], inner) for k in range(length)]
