"""What a stepper tells: the forward pass and the backward pass, one node at a time."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograd.drawing import equations
from autograd.drawing.boxes import kind
from autograd.drawing.checks import Check, difference_checks
from autograd.drawing.dot import cut
from autograd.drawing.stepper.inside import size_inside
from autograd.formula import visible
from autograd.sweep import Sweep, topological_order
from autograd.value import Value

_MOST_NAMES = 12  # in a sentence


@dataclass(frozen=True)
class Link:
    """An edge of the graph.

    Attributes:
        parent: where it comes from, as a place in the story's nodes.
        child: where it leads.
        local_derivative: the derivative of the child with respect to this parent.
        contribution: what flows back along it; None if no gradient does.
    """

    parent: int
    child: int
    local_derivative: float
    contribution: float | None


@dataclass(frozen=True)
class Scene:
    """One step: what becomes known, along which edges, and how it is said.

    Attributes:
        phase: "forward" or "backward".
        sentence: the step in a sentence.
        node: the node whose turn it is, as a place in the story's nodes; None for all leaves.
        links: the edges that carry something, as places in the story's links.
        equation: the step as MathML, in symbols and with numbers.
        chain: the whole chain rule from the root to the node, as MathML.
        check: the comparison with finite differences; an empty text if there is none.
        inside: the name and the size of the compiled function that is called; an empty text for
            other operations.
        verdict: whether it "agrees" or "disagrees", or the result is "unknown".
    """

    phase: str
    sentence: str
    node: int | None = None
    links: tuple[int, ...] = ()
    equation: str = ""
    chain: str = ""
    check: str = ""
    verdict: str = ""
    inside: str = ""


class Story:
    """Both passes through the graph that made a value, in the order in which they are told.

    First all leaves are given, then each operation's value is computed, then each node's
    gradient, from the root to the leaves. The nodes' own gradients are neither read nor changed.

    Args:
        root: the result.
        most: refuse to tell more scenes than this.

    Attributes:
        nodes: the graph's nodes, parents before children.
        links: its edges.
        gradients: the derivative of the root with respect to each node; None for constants.
        scenes: the steps.

    Raises:
        TypeError: if the root is no Value.
        RuntimeError: if the root depends on nothing that requires a gradient.
        ValueError: if there are more scenes than most.

    >>> x = Value(3.0, label="x")
    >>> story = Story(x * x, most=10)
    >>> story.gradients
    [6.0, 1.0]
    >>> for scene in story.scenes:
    ...     print(scene.phase, scene.sentence)
    forward Given is x. All else is computed from it, one operation at a time.
    forward v1 is computed from x.
    backward The way back begins at v1. Its gradient is 1: when v1 grows by a bit, v1 grows by ...
    backward x goes into v1 (2 times). What comes back along each of these ways is added up.
    backward All gradients are known. Each says how fast v1 grows as that value does.
    """

    def __init__(self, root: Value, most: int) -> None:
        if isinstance(root, Value):
            _check_length(root, most)
        self.sweep = Sweep(root)
        self.names = self.sweep.names
        self.nodes = topological_order([root])
        self._places = {node: place for place, node in enumerate(self.nodes)}
        self.links = list(self._all_links())
        self.gradients = self._all_gradients()
        self._checks = difference_checks(self.sweep)
        self.scenes = [*self._forward(), *self._backward()]

    def name(self, place: int) -> str:
        """Return what to call a node, fit for one line."""
        return cut(visible(self.names[self.nodes[place]]))

    def kind(self, place: int) -> str:
        """Return what a node is: "parameter", "input", "constant", "operation" or "output"."""
        return "output" if place == len(self.nodes) - 1 else kind(self.nodes[place])

    def turns(self, phase: str) -> dict[int, int]:
        """Return for each node the scene of a phase that tells its number.

        The scenes after its turn tell it, too; in the forward pass, the first one tells all leaves.
        """
        turns = {} if phase == "backward" else dict.fromkeys(range(len(self.nodes)), 0)
        for number, scene in enumerate(self.scenes):
            if scene.phase == phase and scene.node is not None:
                turns[scene.node] = number
        return turns

    # The graph --------------------------------------------------------------------------------

    def _all_links(self) -> Iterator[Link]:
        contributions = {
            step.node: [edge.contribution for edge in step.edges] for step in self.sweep
        }
        for child, node in enumerate(self.nodes):
            shares = iter(contributions.get(node, ()))
            for parent, partial in zip(node.parents, node.partials, strict=True):
                share = next(shares) if parent.requires_grad else None
                yield Link(self._places[parent], child, partial, share)

    def _all_gradients(self) -> list[float | None]:
        gradients = [0.0 if node.requires_grad else None for node in self.nodes]
        gradients[-1] = self.sweep.seed
        for link in sorted(self.links, key=lambda link: -link.child):  # the order of the sweep
            before = gradients[link.parent]
            if before is not None and link.contribution is not None:
                gradients[link.parent] = before + link.contribution
        return gradients

    # The passes -------------------------------------------------------------------------------

    def _forward(self) -> Iterator[Scene]:
        yield Scene("forward", self._given())
        for place, node in enumerate(self.nodes):
            if node.parents:
                parents = _listed(list(dict.fromkeys(map(self._say, node.parents))))
                yield Scene(
                    "forward",
                    f"{self.name(place)} is computed from {parents}.",
                    place,
                    tuple(n for n, link in enumerate(self.links) if link.child == place),
                    equations.forward_equation(node, self.names),
                    inside=size_inside(node),
                )

    def _backward(self) -> Iterator[Scene]:
        root = len(self.nodes) - 1
        for place in range(root, -1, -1):
            node = self.nodes[place]
            if node.requires_grad:
                check = self._checks[node]
                yield Scene(
                    "backward",
                    self._beginning() if place == root else self._use(place),
                    place,
                    tuple(self._links(place)),
                    equations.gradient_equation(self.sweep, node),
                    "" if place == root else equations.chain_rule(self.sweep, node),
                    str(check),
                    _verdict(check),
                )
        yield Scene("backward", self._ending())

    def _links(self, parent: int) -> list[int]:
        """Return the edges along which a node's gradient comes back."""
        return [
            number
            for number, link in enumerate(self.links)
            if link.parent == parent and link.contribution is not None
        ]

    # Sentences --------------------------------------------------------------------------------

    def _say(self, node: Value) -> str:
        return self.name(self._places[node])

    def _given(self) -> str:
        leaves = [self._say(node) for node in self.nodes if node.is_leaf]
        verb, pronoun = ("is", "it") if len(leaves) == 1 else ("are", "them")
        if len(self.nodes) == len(leaves):
            return f"Given {verb} {_listed(leaves)}. There is nothing to compute."
        return (
            f"Given {verb} {_listed(leaves)}. "
            f"All else is computed from {pronoun}, one operation at a time."
        )

    def _beginning(self) -> str:
        root = self.name(len(self.nodes) - 1)
        return (
            f"The way back begins at {root}. Its gradient is 1: "
            f"when {root} grows by a bit, {root} grows by as much."
        )

    def _ending(self) -> str:
        root = self.name(len(self.nodes) - 1)
        return f"All gradients are known. Each says how fast {root} grows as that value does."

    def _use(self, place: int) -> str:
        name = self.name(place)
        uses = Counter(self.links[number].child for number in self._links(place))
        users = [self.name(user) for user in uses]
        if uses.total() == 1:
            (user,) = users
            return (
                f"{name} goes into {user} only, so its gradient is "
                f"that of {user} times the local derivative ∂{user}/∂{name}."
            )
        times = ["" if count == 1 else f" ({count} times)" for count in uses.values()]
        listed = _listed(list(map("".join, zip(users, times, strict=True))))
        return f"{name} goes into {listed}. What comes back along each of these ways is added up."


def _check_length(root: Value, most: int) -> None:
    order = topological_order([root])
    operations = sum(not node.is_leaf for node in order)
    scenes = 2 + operations + sum(node.requires_grad for node in order)
    if scenes > most:
        raise ValueError(
            f"walking through this graph takes {scenes:,} steps, more than max_steps={most:,}: "
            "step through a part of it, such as one neuron or the loss of one sample"
        )


def _verdict(check: Check) -> str:
    if check.reason:
        return "unknown"
    return "agrees" if check.agrees else "disagrees"


def _listed(names: Sequence[str]) -> str:
    """Write names as a sentence has them.

    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def is_alarming(*numbers: float | None) -> bool:
    """Return whether one of the numbers is nan or infinite."""
    return not all(number is None or math.isfinite(number) for number in numbers)
