"""Topological order and the backward sweep: whole, or step by step.

The sweep visits every node after all nodes that use it. When its turn comes its gradient is
complete, and it hands each parent its share: local derivative times gradient.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from autograd import formula, modes, primitives, real

if TYPE_CHECKING:
    from autograd.value import Value


def topological_order(
    roots: "Iterable[Value]", follow: "Callable[[Value], bool] | None" = None
) -> "list[Value]":
    """Return the roots and all they were made from, parents before children.

    Args:
        roots: where to begin.
        follow: which parents to visit (default: all).

    >>> from autograd import Value
    >>> x = Value(1.0, label="x")
    >>> y = x * x + x
    >>> [node.op or node.label for node in topological_order([y])]
    ['x', '*', '+']
    """
    order: list[Value] = []
    seen: set[Value] = set()
    opened: list[Value] = []  # nodes whose parents are being visited
    stack: list[Value | None] = list(roots)
    while stack:
        node = stack.pop()
        if node is None:  # all parents of the node opened last are in order
            order.append(opened.pop())
        elif node not in seen:
            seen.add(node)
            opened.append(node)
            stack.append(None)
            for parent in reversed(node.parents):
                if parent not in seen and (follow is None or follow(parent)):
                    stack.append(parent)
    return order


def tracked_order(roots: "Iterable[Value]") -> "list[Value]":
    """Return the topological order of the nodes through which gradients flow."""
    return [node for node in topological_order(roots) if node.requires_grad]


def backward(
    roots: "Value | Sequence[Value]", seeds: float | Sequence[float] | None = None
) -> None:
    """Sweep back from one or several values, adding to the gradients of all leaves.

    Args:
        roots: a Value, or several, swept together.
        seeds: the gradient of each root itself (default: 1.0).

    Raises:
        TypeError: if a root is no Value or a seed no number.
        ValueError: if there are not as many seeds as roots.
        RuntimeError: if a root depends on nothing that requires a gradient.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> backward([x * x, 2.0 * x], [1.0, 10.0])
    >>> x.grad
    26.0
    """
    roots, gradients = checked_roots(roots, seeds)
    inner, leaves = _visited(roots)
    before = [leaf._grad for leaf in leaves]
    try:
        for root, seed in zip(roots, gradients, strict=True):
            root._grad += seed
        if modes.current.detecting:
            _propagate_watched(inner)
        else:
            _propagate(inner)
    except BaseException:  # an interrupted sweep leaves no half-summed gradients behind
        for leaf, gradient in zip(leaves, before, strict=True):
            leaf._grad = gradient
        raise


_visits = itertools.count(1, 2)  # a sweep has two numbers, for nodes begun with and done with


def _visited(roots: "list[Value]") -> "tuple[list[Value], list[Value]]":
    """Return the operations through which gradients flow, in topological order, and the leaves.

    The order is that of `topological_order`. But what has been visited is marked in the nodes,
    with numbers that no other sweep has, since a set of them takes twice as long.
    """
    begun = next(_visits)
    done = begun + 1
    inner: list[Value] = []
    leaves: list[Value] = []
    stack: list[Value] = []
    for root in roots:
        _reach(root, done, stack, leaves)
    while stack:
        node = stack[-1]
        if node._visit == begun:  # and now all its parents are in order
            node._visit = done
            inner.append(stack.pop())
        elif node._visit == done:
            stack.pop()
        else:
            node._visit = begun
            node._grad = 0.0
            if node._left is None:
                for parent in reversed(node.parents):
                    _reach(parent, done, stack, leaves)
            else:
                if node._right is not None:
                    _reach(node._right, done, stack, leaves)
                _reach(node._left, done, stack, leaves)
    return inner, leaves


def _reach(node: "Value", done: int, stack: "list[Value]", leaves: "list[Value]") -> None:
    """Note a leaf, or have an operation visited, unless that was done or no gradient flows."""
    if node.requires_grad and node._visit != done:
        if node.primitive is None:
            node._visit = done
            leaves.append(node)
        else:
            stack.append(node)


def _propagate(order: "list[Value]") -> None:
    """Let each node add its share to the gradients of its parents: the chain rule."""
    for node in reversed(order):
        gradient = node._grad
        left, right = node._left, node._right
        if left is None:
            for parent, partial in zip(node.parents, node.partials, strict=True):
                if parent.requires_grad:
                    parent._grad += partial * gradient
            continue
        if left.requires_grad:
            left._grad += node._slope_left * gradient
        if right is not None and right.requires_grad:
            right._grad += node._slope_right * gradient


def _propagate_watched(order: "list[Value]") -> None:
    """Do the same, and raise at the first gradient that is not finite."""
    for node in reversed(order):
        for parent, partial in zip(node.parents, node.partials, strict=True):
            if parent.requires_grad:
                parent._grad += partial * node._grad
                modes.check_gradient(node, parent, partial, node._grad, parent._grad)


def checked_roots(roots: Any, seeds: Any) -> "tuple[list[Value], list[float]]":
    """Return roots and seeds as lists, or say what is wrong with them."""
    if modes.current.tracing is not None:
        modes.current.tracing.refuse_sweep()
    single = hasattr(type(roots), "__primitive__") or not isinstance(roots, Iterable)
    roots = [roots] if single else list(roots)
    if seeds is None:
        seeds = [1.0] * len(roots)
    elif not isinstance(seeds, Iterable):
        seeds = [seeds]
    seeds = list(seeds)
    if len(roots) != len(seeds):
        raise ValueError(f"backward needs one seed per root, got {len(seeds)} for {len(roots)}")
    numbers = [real.number(seed) for seed in seeds]
    for root, seed, number in zip(roots, seeds, numbers, strict=True):
        if not hasattr(type(root), "__primitive__"):
            raise TypeError(f"a sweep begins at a Value, got {primitives.describe(root)}")
        if number is None:
            raise TypeError(f"a seed is a real number, got {primitives.describe(seed)}")
        if not root.requires_grad:
            raise RuntimeError(
                f"{root!r} depends on no Value that requires a gradient: it is a constant, "
                "or was computed inside no_grad"
            )
    return roots, [number for number in numbers if number is not None]


@dataclass(frozen=True)
class Edge:
    """What one step hands to one parent.

    Attributes:
        parent: the node that receives.
        local_derivative: the derivative of the step's node with respect to this parent.
        contribution: local derivative times the step's upstream gradient.
        before: the parent's gradient before the contribution is added.
        after: and after.
    """

    parent: "Value"
    local_derivative: float
    contribution: float
    before: float
    after: float


@dataclass(frozen=True, repr=False)
class Step:
    """One step of the backward sweep: one node hands its gradient down to its parents.

    Attributes:
        node: the node whose turn it is.
        upstream: its gradient, now complete.
        edges: what each tracked parent receives; a parent used twice appears twice.
        names: what to call the nodes.
    """

    node: "Value"
    upstream: float
    edges: tuple[Edge, ...]
    names: "formula.Names"

    def __str__(self) -> str:
        """Say the step with the real numbers, one line per edge."""
        return formula.step_text(self)

    def __repr__(self) -> str:
        """Say the step in one line."""
        return f"<Step: {'; '.join(str(self).splitlines())}>"

    def latex(self) -> str:
        """Return the step's equations as LaTeX."""
        return formula.step_latex(self)


class Sweep(Sequence[Step]):
    """The backward sweep from a root as a sequence of steps that goes forward and back.

    As a sequence it can be indexed and looped over, which changes nothing. `forward` and `back`
    also carry the steps out on the nodes' gradients and undo them again: at the end the
    gradients are those that `backward` leaves.

    Args:
        root: where the sweep begins.
        seed: the gradient of the root itself.

    Attributes:
        position: how many steps have been carried out.

    Raises:
        TypeError: if the root is no Value or the seed no number.
        RuntimeError: if the root depends on nothing that requires a gradient.

    >>> from autograd import Value
    >>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    >>> sweep = Sweep(x * w)
    >>> print(sweep[0])
    x.grad += w · v1.grad = -3 × 1 → -3.0
    w.grad += x · v1.grad = 2 × 1 → 2.0
    >>> step = sweep.forward()
    >>> x.grad
    -3.0
    >>> step = sweep.back()
    >>> x.grad
    0.0
    """

    def __init__(self, root: "Value", seed: float = 1.0) -> None:
        roots, seeds = checked_roots([root], [seed])
        self.root = root
        self.seed = seeds[0]
        self.order = tracked_order(roots)
        self.names = formula.Names(topological_order(roots))
        self.position = 0
        self._start = {node: node.grad if node.is_leaf else 0.0 for node in self.order}
        self._start[root] += self.seed
        self._untouched: dict[Value, float] | None = None
        self._steps = self._recorded()

    def _recorded(self) -> list[Step]:
        gradients = dict(self._start)
        steps = []
        for node in reversed(self.order):
            if node.parents:
                edges = tuple(self._edges(node, gradients))
                steps.append(Step(node, gradients[node], edges, self.names))
        return steps

    @staticmethod
    def _edges(node: "Value", gradients: "dict[Value, float]") -> Iterator[Edge]:
        for parent, partial in zip(node.parents, node.partials, strict=True):
            if parent.requires_grad:
                before = gradients[parent]
                contribution = partial * gradients[node]
                gradients[parent] = before + contribution
                yield Edge(parent, partial, contribution, before, gradients[parent])

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> list[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | list[Step]:
        """Return a step, counted from the root; or several."""
        return self._steps[index]

    def __len__(self) -> int:
        """Return the number of steps: one per operation."""
        return len(self._steps)

    def forward(self) -> Step | None:
        """Carry out the next step on the nodes' gradients and return it; None at the end."""
        if self.position == len(self._steps):
            return None
        if self.position == 0:
            self._begin()
        step = self._steps[self.position]
        self.position += 1
        for edge in step.edges:
            edge.parent.grad = edge.after
        return step

    def back(self) -> Step | None:
        """Undo the last step on the nodes' gradients and return it; None at the beginning."""
        if self.position == 0:
            return None
        self.position -= 1
        step = self._steps[self.position]
        for edge in reversed(step.edges):
            edge.parent.grad = edge.before
        if self.position == 0:
            self._restore()
        return step

    def goto(self, position: int) -> None:
        """Go forward or back until so many steps have been carried out.

        Raises:
            IndexError: if there are not so many steps.
        """
        if not 0 <= position <= len(self._steps):
            raise IndexError(f"the sweep has positions 0 to {len(self._steps)}, not {position}")
        while self.position < position:
            self.forward()
        while self.position > position:
            self.back()

    def _begin(self) -> None:
        """Set the gradients as they are before the first step: the root has its seed."""
        self._untouched = {node: node.grad for node in self.order}
        for node, gradient in self._start.items():
            node.grad = gradient

    def _restore(self) -> None:
        for node, gradient in (self._untouched or {}).items():
            node.grad = gradient

    def __repr__(self) -> str:
        """Say where the sweep stands."""
        steps = "1 step" if len(self) == 1 else f"{len(self)} steps"
        return f"<Sweep of {steps}, {self.position} done>"
