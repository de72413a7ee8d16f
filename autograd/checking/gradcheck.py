"""gradcheck: are the gradients right? If not, which operation is to blame?

Four questions are asked, each with an oracle of its own.

1. Is each operation's local derivative right at the very floats it was computed at? The first
   that is not, is to blame.
2. Is the gradient that the sweep makes of them right? The graph is replayed at 50 digits.
3. Is the graph the function? Finite differences know nothing of the graph.
4. Does the function do the same twice?
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd.checking import finite
from autograd.checking.finite import Estimate
from autograd.checking.kinks import ancestors, kinks_of, reach, tangents
from autograd.checking.operations import blame, check_operations, lost_second_derivative
from autograd.checking.oracles import Exact, Finite, UndefinedThere, mpmath_is_here
from autograd.checking.recording import Function, Recording, differs, infinite_input, not_finite
from autograd.checking.report import Entry, GradcheckError, KinkNote, Probe, Report, Section
from autograd.checking.rounding import backward_errors, forward_errors
from autograd.formula import Names
from autograd.sweep import topological_order
from autograd.value import Value

METHODS = ("auto", "exact", "finite", "complex")
MOST_SIDES = 16
"""One-sided derivatives are computed for so many inputs."""

SECOND_ORDER_BITS = 220
"""Bits of the local derivatives of which second derivatives are differences."""


def gradcheck(
    f: Callable[..., Any],
    *point: Any,
    order: int = 1,
    method: str = "auto",
    raise_exception: bool = True,
) -> Report:
    """Check the gradients of a function at a point, and name the operation that is wrong.

    What is compared, and what is allowed: each local derivative with that of the same operation
    at 50 digits, and the gradient with that of the whole graph replayed at 50 digits; allowed is
    what rounding can do at this point, as the report shows. Finite differences on the function
    itself tell whether the graph is the function. At a kink the gradient must lie between the
    one-sided derivatives. The time grows with the graph: about a third of a millisecond per
    operation, and about thirty runs of f per input (for more than 8 inputs, in all 120).

    Args:
        f: takes numbers or nested sequences of numbers, as Values; returns a Value, or nested
            sequences of them.
        point: the arguments of f: numbers or nested sequences.
        order: 1, or 2 to check second derivatives too.
        method: "auto": exact and finite; "exact": only the graph, at 50 digits; "finite": only
            finite differences (also what "auto" does without mpmath); "complex": the graph by
            complex steps, where it has no kinks.
        raise_exception: raise if anything disagrees, as torch.autograd.gradcheck does.

    Returns:
        A report, true if all agree. Its text is meant to be read.

    Raises:
        GradcheckError: if anything disagrees, with the report.
        TypeError: if f returns something else than Values, or the point is not made of numbers.
        ValueError: if there are no inputs, or for an unknown method or order.
        ImportError: for method "exact" or "complex" without mpmath.

    >>> from autograd import tanh
    >>> report = gradcheck(lambda x, w: tanh(x * w), 2.0, 0.25, method="exact")
    >>> bool(report), [entry.name for entry in report.entries]
    (True, ['∂f/∂x', '∂f/∂w'])

    >>> from autograd import Primitive
    >>> cube = Primitive("cube", lambda x: x * x * x, lambda out, x: (2.0 * x * x,))
    >>> report = gradcheck(lambda x: 5.0 * cube(x + 1.0), 1.0, raise_exception=False)
    >>> bool(report), report.blame.operation, report.blame.said
    (False, 'cube(v1)', 8.0)
    """
    if method not in METHODS:
        raise ValueError(f"gradcheck's method is one of {', '.join(METHODS)}, got {method!r}")
    if order not in (1, 2):
        raise ValueError(f"gradcheck checks derivatives of order 1 or 2, got {order!r}")
    if method == "auto" and not mpmath_is_here():
        method = "finite"
    function = Function(f, point)
    first = _Check(function, method)
    sections = [first.section]
    if order == 2 and first.section:
        sections.append(_SecondCheck(first).section)
    report = Report(function.name, sections)
    if raise_exception and not report:
        raise GradcheckError(report)
    return report


class _Check:
    """The check of the first derivatives of a function, which may itself be a gradient."""

    order = 1

    def __init__(self, function: Function, method: str) -> None:
        self.function = function
        self.method = method
        self.exact = None if method == "finite" else Exact()
        self.section = Section(self.order)
        self.section.problem = self._problem()
        if self.section.problem is None:
            self._analyse()
            self._check_operations()
            self._check_gradients()
            if self.method in ("auto", "finite"):
                self._check_function()
            self._conclude()

    # May it be checked at all? ----------------------------------------------------------------

    def _problem(self) -> str | None:
        """Run the function twice; say why its derivatives can't be checked, if so."""
        problem = infinite_input(self.function)
        if problem is not None:
            return problem
        self.recording = self._recorded()
        self.section.operations = self.recording.operations
        problem = not_finite(self.function, self.recording)
        if problem is not None:
            return problem
        difference = differs(self.recording, self._recorded())
        if difference is not None:
            return f"{self.function.name} is not deterministic: at the same point it {difference}"
        return self._kink_for_complex_step() if self.method == "complex" else None

    def _recorded(self) -> Recording:
        return self.function.record()

    def _kink_for_complex_step(self) -> str | None:
        for node in self.recording.order:
            inputs = [parent.data for parent in node.parents]
            if node.primitive is not None and node.primitive.kink_distances(*inputs):
                line = f" ({node.made_at})" if node.made_at else ""
                return (
                    f"a complex step can't pass {node.primitive.name}{line}, which has a kink: "
                    'use method="exact"'
                )
        return None

    # Rounding and kinks -----------------------------------------------------------------------

    def _analyse(self) -> None:
        """Find out how well the point is conditioned, and which kinks it can't be told from."""
        inputs, outputs = self.recording.inputs, self.recording.outputs
        self.nodes = self.recording.order
        self.names = Names(topological_order([*inputs, *outputs]))
        self.engine = self.recording.gradients()
        self.forward = forward_errors(self.nodes)
        self.values = {} if self.exact is None else self.exact.values(self.nodes)
        self.uncertainty = self._uncertainty()
        self.kinks = kinks_of(self.nodes)
        self.unsure = [kink for kink in self.kinks if not kink.is_sure(self.uncertainty)]
        self.kinked = ancestors([kink.node for kink in self.unsure], self.nodes)
        nearest: dict[Value, float] = {}
        for kink in self.unsure:
            distance = abs(kink.distance)
            nearest[kink.node] = min(distance, nearest.get(kink.node, distance))
        self.section.kinks = [
            KinkNote(node, self.names.operation(node), distance)
            for node, distance in nearest.items()
        ]

    def _uncertainty(self) -> Mapping[Value, float]:
        """How far the nodes' values may be from those without rounding."""
        if self.exact is None:
            return self.forward
        return {node: 4.0 * float(abs(node.data - exact)) for node, exact in self.values.items()}

    # The graph --------------------------------------------------------------------------------

    def _check_operations(self) -> None:
        at_kinks = {kink.node for kink in self.unsure if kink.distance == 0.0}
        self.operations = check_operations(self.nodes, self.exact or Finite(), at_kinks)
        self.section.blame = blame(self.operations.mistakes, self.nodes, self.names)

    def _check_gradients(self) -> None:
        """Compare the gradient with that of the graph replayed; at kinks, with the sides."""
        outputs = self.recording.outputs
        bounds = [backward_errors(self.nodes, y, self.operations.tolerances) for y in outputs]
        self.section.oracle = "finite differences" if self.exact is None else "exact"
        drifts = self._drifts() if self.exact is not None else []
        expected = self._expected() if self.exact is not None else []
        sides = self._sides()
        self.allowed: list[list[float]] = []
        for k, name in enumerate(self._output_names()):
            self.allowed.append([])
            for i, x in enumerate(self.recording.inputs):
                drift = drifts[k][i] if drifts else 0.0
                bound = bounds[k].get(x, 0.0)
                self.allowed[k].append(bound + drift)
                title = f"∂{name}/∂{self.names[x]}"
                if x in self.kinked:
                    both = [estimates[k] for estimates in sides.get(x, ())]
                    side = tuple(one for one in both if math.isfinite(one.value + one.error))
                    entry = Entry(title, self.engine[k][i], None, bound, sides=side)
                elif self.exact is not None:
                    entry = Entry(title, self.engine[k][i], expected[k][i], bound + drift, drift)
                else:
                    continue  # the finite differences of the function are all there is
                self.section.entries.append(entry)

    def _drifts(self) -> list[list[float]]:
        """How much the gradient changes by the rounding of the values it is taken at.

        The graph is swept twice at 50 digits: with the local derivatives at the floats, and
        with those at the exact values.
        """
        assert self.exact is not None
        there = {
            node: [p for p, _ in self.exact.partials(node, self.exact.inputs(node, self.values))]
            for node in self.operations.partials
        }
        self.replayed: list[list[float]] = []
        drifts = []
        for y in self.recording.outputs:
            exact = self.exact.gradients(self.values, y, there)
            rounded = self.exact.gradients(self.values, y, self.operations.partials)
            inputs = self.recording.inputs
            self.replayed.append([float(exact.get(x, 0.0)) for x in inputs])
            drifts.append([float(abs(exact.get(x, 0.0) - rounded.get(x, 0.0))) for x in inputs])
        return drifts

    def _expected(self) -> list[list[float]]:
        """The exact derivatives of each output with respect to each input."""
        if self.method != "complex":
            return self.replayed
        assert self.exact is not None
        self.section.oracle = "complex step"
        try:
            columns = [self.exact.complex_step(self.nodes, x) for x in self.recording.inputs]
        except UndefinedThere as reason:
            self.section.problem = f'no complex step: {reason}; use method="exact"'
            return self.replayed
        return [[float(column.get(y, 0.0)) for column in columns] for y in self.recording.outputs]

    # Kinks ------------------------------------------------------------------------------------

    def _sides(self) -> dict[Value, list[list[Estimate]]]:
        """The derivatives of all outputs on both sides, for the inputs that kinks depend on."""
        concerned = [x for x in self.recording.inputs if x in self.kinked]
        if len(concerned) > MOST_SIDES:
            self.section.notes.append(
                f"one-sided derivatives are shown for {MOST_SIDES} of {len(concerned)} inputs; "
                "for the others the kinks were checked operation by operation only"
            )
        return {
            x: [self._one_side(x, side) for side in (-1.0, 1.0)] for x in concerned[:MOST_SIDES]
        }

    def _one_side(self, x: Value, side: float) -> list[Estimate]:
        moving = tangents(self.nodes, {x: 1.0})
        passed = 0.0  # how far x must move until every kink is surely passed
        for kink in self.unsure:
            rate = kink.rate(moving)
            if rate > 0.0:
                beyond = abs(kink.distance) + kink.rate(self.uncertainty)
                passed = max(passed, 4.0 * beyond / rate)
        outputs = self.recording.outputs
        scale = abs(x.data) or 1.0
        if self.exact is not None and self._knows_all(self.exact):
            start = max(passed, scale * 2.0**-70)
            return self.exact.sided(self.nodes, outputs, x, side * start)
        start = min(scale, self._reach(moving)) / 16.0
        axis = [float(other is x) for other in self.recording.inputs]
        function, noise = self._moved_along(axis), self._noise(axis)
        return finite.one_sided(function, side, [start], noise, nearest=passed)

    def _knows_all(self, exact: Exact) -> bool:
        return all(node.primitive is None or exact.knows(node.primitive) for node in self.nodes)

    def _reach(self, moving: Mapping[Value, float]) -> float:
        """How far the inputs can move until the first kink that is not here already."""
        return reach([kink for kink in self.kinks if kink not in self.unsure], moving)

    # The function itself ----------------------------------------------------------------------

    def _check_function(self) -> None:
        """Compare the gradient with finite differences, which know nothing of the graph."""
        skipped = []
        for label, direction in self.function.directions(self.recording.operations):
            lengths = dict(zip(self.recording.inputs, direction, strict=True))
            moving = tangents(self.nodes, lengths)
            if any(kink.rate(moving) > 0.0 for kink in self.unsure):
                skipped.append(label)
                continue
            estimates = self._differences(direction, self._reach(moving))
            for k, name in enumerate(self._output_names()):
                self.section.probes.append(self._probe(k, name, label, direction, estimates[k]))
        if skipped:
            self.section.notes.append(
                f"no finite differences across the kink, along {', '.join(skipped[:8])}"
            )

    def _differences(self, direction: Sequence[float], room: float) -> list[Estimate]:
        function = self._moved_along(direction)
        starts = [min(length, room) / 4.0 for length in self._lengths(direction)]
        estimates = finite.central(function, starts, self._noise(direction))
        rough = self._roughness(direction)
        return [
            finite.UNKNOWN if is_rough else estimate
            for estimate, is_rough in zip(estimates, rough, strict=True)
        ]

    def _roughness(self, direction: Sequence[float]) -> list[bool]:
        """Whether the outputs bend within a few units in the last place of the inputs.

        Such are tan next to its pole and sin at 1e22: no step is small enough then.
        """
        point = self.function.point
        here, *around = [
            self.function.values(
                [
                    x + units * math.copysign(math.ulp(x), d) * (d != 0.0)
                    for x, d in zip(point, direction, strict=True)
                ]
            )
            for units in (0.0, 1.0, -1.0, 3.0, -3.0)
        ]
        return [
            any(
                not abs(above[k] - 2.0 * here[k] + below[k])
                <= 0.25 * abs(above[k] - below[k]) + 4.0 * self._rounding(y)
                for above, below in (around[:2], around[2:])
            )
            for k, y in enumerate(self.recording.outputs)
        ]

    def _lengths(self, direction: Sequence[float]) -> list[float]:
        """Over what lengths in this direction the function may vary: see `finite.scales`."""
        moved = [
            (abs(x) or 1.0, abs(d)) for x, d in zip(self.function.point, direction, strict=True)
        ]
        size, speed = max((pair for pair in moved if pair[1]), key=lambda pair: pair[1])
        return [scale / speed for scale in finite.scales(size)]

    def _moved_along(self, direction: Sequence[float]) -> Callable[[float], list[float]]:
        point = self.function.point
        return lambda h: self.function.values(
            [x + h * d for x, d in zip(point, direction, strict=True)]
        )

    def _noise(self, direction: Sequence[float]) -> list[float]:
        """How much of each output may be rounding when the inputs move in a direction."""
        return [
            self._rounding(y)
            + sum(
                abs(slope) * math.ulp(x)
                for slope, x, d in zip(self.engine[k], self.function.point, direction, strict=True)
                if d
            )
            for k, y in enumerate(self.recording.outputs)
        ]

    def _rounding(self, y: Value) -> float:
        """How much of an output may be rounding."""
        return self.forward.get(y, 0.0) + 2.0 * math.ulp(y.data)

    def _probe(
        self, k: int, name: str, label: str, direction: Sequence[float], estimate: Estimate
    ) -> Probe:
        y = self.recording.outputs[k]
        slopes = list(zip(self.engine[k], direction, strict=True))
        engine = math.fsum(slope * d for slope, d in slopes)
        rounding = sum(
            abs(d) * (allowed + 4.0 * math.ulp(slope))
            for allowed, (slope, d) in zip(self.allowed[k], slopes, strict=True)
            if d
        )
        title = f"∂{name}/∂{label}" if label in self.function.labels else f"{name} along {label}"
        size = abs(engine) + abs(estimate.value) + abs(y.data) / min(self._lengths(direction))
        return Probe(title, engine, Estimate(estimate.value, estimate.error + rounding), size)

    # The verdict ------------------------------------------------------------------------------

    def _output_names(self) -> list[str]:
        outputs = self.recording.outputs
        name = self.function.name
        return [
            y.label or (f"{name}[{k}]" if len(outputs) > 1 else name) for k, y in enumerate(outputs)
        ]

    def _conclude(self) -> None:
        section = self.section
        if section.problem is not None or section.blame is not None:
            return
        if all(entry.agrees for entry in section.entries):
            if not all(probe.agrees for probe in section.probes):
                section.problem = (
                    "WRONG: every recorded operation is right, yet finite differences disagree: "
                    f"{self.function.name} depends on its inputs in a way the graph did not record "
                    "(.data, float(), detach, no_grad, a function of math's)"
                )
            elif self.method == "finite" and not all(probe.is_useful for probe in section.probes):
                section.problem = (
                    "finite differences are too inaccurate here to tell: check exactly, with "
                    'mpmath (pip install "stepgrad[check]"), or at another point'
                )


class _SecondCheck(_Check):
    """The check of second derivatives: those of the gradient, as a function of its own.

    The graph of the gradient is checked like any other. But it may be right in itself and yet
    not be the gradient's, if a rule computed the first derivative from bare floats; so it is
    also compared with differences of the exact gradient, from the graph of the function.
    """

    order = 2

    def __init__(self, first: _Check) -> None:
        self.first = first
        self._is_exact = first.exact is not None and first._knows_all(first.exact)
        super().__init__(first.function.derivative(first.recording.operations), first.method)

    def _problem(self) -> str | None:
        try:
            return super()._problem()
        except TypeError as error:  # a rule that turned a Value into a float
            return str(error)

    def _output_names(self) -> list[str]:
        directions = self.first.function.directions(self.first.recording.operations)
        return [
            f"(∂{name}/∂{label})" if label in self.function.labels else f"({name} along {label})"
            for name in self.first._output_names()
            for label, _ in directions
        ]

    def _expected(self) -> list[list[float]]:
        first = self.first
        if self.method == "complex" or first.unsure or not self._is_exact:
            return super()._expected()
        oracle = Exact(SECOND_ORDER_BITS)
        rows = []
        for y in first.recording.outputs:
            for _, direction in first.function.directions(first.recording.operations):
                lengths = dict(zip(first.recording.inputs, direction, strict=True))
                found = oracle.directional(first.nodes, y, lengths)
                rows.append([float(found.get(x, 0.0)) for x in first.recording.inputs])
        return rows

    def _conclude(self) -> None:
        super()._conclude()
        if self.section.blame is None and not (self.section and self._is_exact):
            lost = lost_second_derivative(self.first.nodes, self.first.names)
            self.section.problem = lost or self.section.problem
