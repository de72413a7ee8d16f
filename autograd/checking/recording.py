"""The function under check: run at any point, recorded as a graph, or as its own gradient."""

import inspect
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import real, replay
from autograd.modes import AnomalyError, check_value, switched
from autograd.nested import flatten
from autograd.primitives import describe
from autograd.sweep import tracked_order
from autograd.transforms import gradients
from autograd.value import Value

FEW_INPUTS = 8
"""So many inputs are each moved alone; more of them only along fixed random directions."""

DIRECTIONS = 4
BIG_GRAPH = 20_000

REFUSED = "non-finite points refused"


@dataclass(frozen=True)
class Recording:
    """One run of the function.

    Attributes:
        inputs: its inputs, as leaves.
        outputs: its results.
        order: the tracked nodes in topological order.
    """

    inputs: list[Value]
    outputs: list[Value]
    order: list[Value]

    @property
    def operations(self) -> int:
        """How many operations were recorded."""
        return sum(not node.is_leaf for node in self.order)

    def gradients(self) -> list[list[float]]:
        """Return the engine's derivatives of each output with respect to each input."""
        return [gradients(y, self.inputs) for y in self.outputs]

    def values(self, numbers: Sequence[float]) -> list[float]:
        """Run the graph, not the function, at other inputs and return the outputs' numbers."""
        moved = replay.values(self.order, dict(zip(self.inputs, numbers, strict=True)))
        return [moved.get(y, y.data) for y in self.outputs]


class Function:
    """A function together with the point where it is checked.

    Args:
        f: takes numbers or nested sequences, returns a Value or nested sequences of Values.
        point: its arguments; of Values the data counts.

    Raises:
        TypeError: if f is not a function, or an argument contains what is not a number.
        ValueError: if there are no numbers.
    """

    def __init__(self, f: Callable[..., Any], point: tuple[Any, ...]) -> None:
        if not callable(f):
            raise TypeError(f"gradcheck needs a function of the inputs, got {describe(f)}")
        self.f = f
        self.name = getattr(f, "__name__", "f").replace("<lambda>", "f")
        leaves, self.rebuild = flatten(list(point))
        if not leaves:
            raise ValueError(
                f"gradcheck needs a point: gradcheck({self.name}, x, …) with the inputs' numbers"
            )
        paths = [
            path
            for name, argument in zip(_parameters(f, len(point)), point, strict=True)
            for path in _paths(name, argument)
        ]
        self.point = [_number(x, path) for x, path in zip(leaves, paths, strict=True)]
        self.labels = [
            (x.label if isinstance(x, Value) else "") or path
            for x, path in zip(leaves, paths, strict=True)
        ]

    def run(self, numbers: Sequence[float]) -> tuple[list[Value], list[Value]]:
        """Run the function on fresh leaves and return them and the results.

        Raises:
            TypeError: if a result is not a Value.
        """
        inputs = [Value(x, label) for x, label in zip(numbers, self.labels, strict=True)]
        with switched(recording=True, detecting=False):
            results, _ = flatten(self.f(*self.rebuild(inputs)))
        if not results:
            raise TypeError(f"{self.name} returned no number: it must return a Value or several")
        for y in results:
            if not isinstance(y, Value):
                raise TypeError(
                    f"{self.name} returned {_described(y)}, not a Value: "
                    "somewhere the graph was lost, by .data, float() or a function of math's"
                )
        return inputs, results

    def record(self) -> Recording:
        """Run the function at the point; its operations remember the lines that made them."""
        with switched(locating=True):
            inputs, outputs = self.run(self.point)
        return Recording(inputs, outputs, tracked_order([y for y in outputs if y.requires_grad]))

    def values(self, numbers: Sequence[float]) -> list[float]:
        """Run the function elsewhere and return its results' numbers."""
        return [y.data for y in self.run(numbers)[1]]

    def directions(self, operations: int) -> list[tuple[str, list[float]]]:
        """Return the directions along which to move the inputs, each with its name."""
        count = len(self.point)
        if count <= FEW_INPUTS and count * operations <= BIG_GRAPH:
            axes = [[float(i == k) for i in range(count)] for k in range(count)]
            return list(zip(self.labels, axes, strict=True))
        draw = random.Random(20)  # the same directions every time
        return [
            (
                f"direction {k + 1}",
                [
                    draw.choice((-1, 1)) * draw.uniform(0.5, 1.0) * (abs(x) or 1.0)
                    for x in self.point
                ],
            )
            for k in range(DIRECTIONS if operations <= BIG_GRAPH else 1)
        ]

    def derivative(self, operations: int) -> "Function":
        """Return the function of the first derivatives along the directions, output by output."""
        directions = self.directions(operations)

        def first_derivatives(*arguments: Any) -> list[Value]:
            inputs, _ = flatten(list(arguments))
            outputs, _ = flatten(self.f(*arguments))
            found = []
            for y in outputs:
                slopes = gradients(y, inputs, create_graph=True)
                found += [_along(slopes, direction) for _, direction in directions]
            return found

        derived = Function.__new__(Function)
        vars(derived).update(vars(self))
        derived.f = first_derivatives
        derived.name = f"the gradient of {self.name}"
        return derived


def _along(slopes: Sequence[Value], direction: Sequence[float]) -> Value:
    """The sum of slope times length, without the terms that are plain."""
    terms = [
        slope if length == 1.0 else slope * length
        for slope, length in zip(slopes, direction, strict=True)
        if length != 0.0
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _parameters(f: Callable[..., Any], count: int) -> list[str]:
    """The names of f's arguments, as far as it tells them."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [names[k] if k < len(names) else f"x{k + 1}" for k in range(count)]


def _paths(name: str, argument: Any) -> list[str]:
    """What to call the numbers in a nested argument: ``w[0][1]``."""
    leaves, _ = flatten(argument)
    if len(leaves) == 1 and leaves[0] is argument:
        return [name]
    children = argument.items() if isinstance(argument, dict) else enumerate(argument)
    return [path for key, child in children for path in _paths(f"{name}[{key!r}]", child)]


def _number(x: Any, path: str) -> float:
    number = x.data if isinstance(x, Value) else real.number(x)
    if number is None:
        raise TypeError(f"gradcheck needs real numbers, got {describe(x)} as {path}")
    return number


def _described(y: Any) -> str:
    return "None" if y is None else f"{type(y).__name__} {str(y)[:50]}"


def infinite_input(function: Function) -> str | None:
    """Say in one sentence which input is not finite, if one is not."""
    for label, x in zip(function.labels, function.point, strict=True):
        if not math.isfinite(x):
            return f"{REFUSED}: the input {label} is {x}"
    return None


def not_finite(function: Function, recording: Recording) -> str | None:
    """Say in one sentence which value or gradient was the first that is not finite, if any."""
    try:
        for node in recording.order:
            if node.primitive is not None:
                check_value(node)
        with switched(detecting=True):
            recording.gradients()
    except AnomalyError as anomaly:
        return f"{REFUSED}: {anomaly}"
    for y in recording.outputs:
        if not math.isfinite(y.data):
            return f"{REFUSED}: {function.name} returned {y.data}, which depends on no input"
    return None


def differs(first: Recording, second: Recording) -> str | None:
    """Say in one sentence how two runs at the same point differ, if they do."""
    if len(first.outputs) != len(second.outputs):
        return f"returned {len(first.outputs)} numbers, then {len(second.outputs)}"
    for y, again in zip(first.outputs, second.outputs, strict=True):
        if not _same(y.data, again.data):
            return f"returned {y.data!r}, then {again.data!r}"
    for row, rows_again in zip(first.gradients(), second.gradients(), strict=True):
        for x, slope, again_slope in zip(first.inputs, row, rows_again, strict=True):
            if not _same(slope, again_slope):
                return f"had the derivative {slope!r} along {x.label}, then {again_slope!r}"
    return None


def _same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)
