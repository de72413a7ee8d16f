"""Compiled functions as nodes of a graph."""

import functools
from collections.abc import Sequence
from typing import Any, Protocol

from autograd import modes
from autograd.primitives import Primitive
from autograd.sweep import topological_order
from autograd.value import Value

_MOST_OPERATIONS = 30_000  # of a node that can be opened


class Computes(Protocol):
    """What a node computes with."""

    @property
    def operations(self) -> int:
        """How many operations there are for one sample."""

    def value_of_node(self, k: int, entries: Sequence[float]) -> float:
        """Return one of the results."""

    def partials_of_node(self, k: int, entries: Sequence[Any]) -> list[Any]:
        """Return its derivatives."""

    def graph_of_node(self, k: int, entries: Sequence[Any]) -> Any:
        """Return the same result as a graph, operation by operation."""


class CompiledResult(Primitive):
    """One of a program's results as a primitive of all numbers that it depends on.

    It is not declared for everybody, as the user's primitives are: it takes as many inputs as the
    program has numbers, and so can't be tried out on others.

    Attributes:
        operations: how many operations are inside.
    """

    def __init__(self, program: Computes, k: int, name: str) -> None:
        declared = Primitive.registered.get(name)
        super().__init__(
            name,
            lambda *entries: program.value_of_node(k, entries),
            lambda out, *entries: program.partials_of_node(k, entries),
        )
        del Primitive.registered[name]
        if declared is not None:
            Primitive.registered[name] = declared
        self.operations = program.operations
        self._graph_of = functools.partial(program.graph_of_node, k)

    def inside(self, given: Sequence[Value], gradient: float) -> list[Value]:
        """Return the graph that a call stands for, parents before children, for pictures of it.

        It ends at what the call returned, and has the gradients that flow back inside.

        Args:
            given: the call's parents, at which it begins; they are not in it.
            gradient: that of the call's result.

        Returns:
            No nodes, if there are no operations in it, or more than 30,000.
        """
        if self.operations > _MOST_OPERATIONS:
            return []
        with modes.switched(recording=True, locating=False, detecting=False):
            last = self._graph_of(given)
        if not isinstance(last, Value) or last.is_leaf or last in given:
            return []
        outside = set(given)
        inner = topological_order([last], follow=lambda parent: parent not in outside)
        last.grad = gradient
        for user in reversed(inner):
            for parent, partial in zip(user.parents, user.partials, strict=True):
                if parent.requires_grad and parent not in outside:
                    parent.grad += partial * user.grad
        return inner


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
