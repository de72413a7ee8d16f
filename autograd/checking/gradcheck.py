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
from dataclasses import replace
from typing import Any

from autograd import differences
from autograd.checking import finite
from autograd.checking.kinks import BESIDE, ancestors, kinks_of, reach, tangents
from autograd.checking.operations import blame, check_operations, lost_second_derivative
from autograd.checking.oracles import Exact, Finite, UndefinedThere, mpmath_is_here, sweep
from autograd.checking.recording import Function, differs, infinite_input, not_finite
from autograd.checking.report import Entry, GradcheckError, KinkNote, Probe, Report, Section
from autograd.checking.rounding import LEAST, backward_errors
from autograd.differences import Estimate
from autograd.formula import Names
from autograd.replay import forward_errors
from autograd.sweep import topological_order
from autograd.value import Value

METHODS = ("auto", "exact", "finite", "complex")
MOST_SIDES = 16
"""One-sided derivatives are computed for so many inputs."""

SAME_NUMBERS = "too rough to tell, but the graph gives the same numbers around"
OTHER_BRANCH = "a kink: the function takes another branch on one side"
KINK_NOTE = (
    "at kinks the chain rule does not hold: check at a point beside it, if no operation is blamed"
)

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
    operation, and about 35 runs of f per input (for more than 8 inputs, in all about 140).

    Where rounding leaves no digit to compare, the report says "can't tell at this point" and
    why, which is neither agreement nor blame. The partials of a surrogate are taken as given.

    Args:
        f: takes numbers or nested sequences of numbers, as Values; returns a Value, or nested
            sequences of them.
        point: the arguments of f: numbers or nested sequences.
        order: 1, or 2 to check second derivatives too.
        method: "auto": exact and finite; "exact": only the graph, at 50 digits; "finite": only
            finite differences (also what "auto" does without mpmath); "complex": the graph by
            complex steps, where it has no kinks.
        raise_exception: raise unless all agree, as torch.autograd.gradcheck does.

    Returns:
        A report, true if all agree. Its text is meant to be read.

    Raises:
        GradcheckError: if anything disagrees, can't be told or can't be checked, with the report.
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
        refusal = self._refusal()
        self.section.is_refused = refusal is not None
        self.section.problem = refusal or self._problem()
        if self.section.problem is None:
            self._analyse()
            self._check_operations()
            self._check_gradients()
            if self.method in ("auto", "finite"):
                self._check_function()
            self._conclude()

    # May it be checked at all? ----------------------------------------------------------------

    def _refusal(self) -> str | None:
        """Run the function; say why its derivatives can't be checked, if so."""
        refusal = infinite_input(self.function)
        if refusal is not None:
            return refusal
        self.recording = self.function.record()
        self.section.operations = self.recording.operations
        refusal = not_finite(self.function, self.recording)
        if refusal is None and self.method == "complex":
            refusal = self._no_complex_step()
        return refusal

    def _problem(self) -> str | None:
        """Run the function again; say what is wrong with it as a whole, if so."""
        difference = differs(self.recording, self.function.record())
        if difference is not None:
            return f"{self.function.name} is not deterministic: at the same point it {difference}"
        return None

    def _no_complex_step(self) -> str | None:
        for node in self.recording.order:
            if node.primitive is None:
                continue
            kinks = node.primitive.kink_distances(*[parent.data for parent in node.parents])
            if kinks or node.primitive.surrogate:
                line = f" ({node.made_at})" if node.made_at else ""
                what = "has a kink" if kinks else "is a surrogate"
                return (
                    f"a complex step can't pass {node.primitive.name}{line}, which {what}: "
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
        self.values = {} if self.exact is None else self.exact.values_here(self.nodes)
        self.uncertainty = self._uncertainty()
        self.kinks = kinks_of(self.nodes)
        self.unsure = [kink for kink in self.kinks if not kink.is_sure(self.uncertainty)]
        self.kinked = ancestors([kink.node for kink in self.unsure], self.nodes)
        self.is_near = any(
            kink.distance != 0.0 or kink.rate(self.uncertainty) > LEAST for kink in self.unsure
        )
        self._find_surrogates()
        nearest: dict[Value, float] = {}
        for kink in self.unsure:
            distance = abs(kink.distance)
            nearest[kink.node] = min(distance, nearest.get(kink.node, distance))
        self.section.kinks = [
            KinkNote(node, self.names.operation(node), distance)
            for node, distance in nearest.items()
        ]

    def _find_surrogates(self) -> None:
        surrogates = [n for n in self.nodes if n.primitive is not None and n.primitive.surrogate]
        self.replaced = ancestors(surrogates, self.nodes)
        names = dict.fromkeys(n.primitive.name for n in surrogates if n.primitive is not None)
        for name in names:
            self.section.notes.append(
                f"the partials of {name} are taken as given: it is a surrogate, declared not to "
                "have the derivative of its value"
            )

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
        swept = self._swept()
        sides = self._sides()
        self.allowed: list[list[float]] = []
        for k, name in enumerate(self._output_names()):
            self.allowed.append([])
            for i, x in enumerate(self.recording.inputs):
                drift = drifts[k][i] if drifts else 0.0
                bound = bounds[k].get(x, 0.0)
                title = f"∂{name}/∂{self.names[x]}"
                allowed = bound + drift + LEAST if bound + drift >= 0.0 else math.inf  # not nan
                self.allowed[k].append(allowed)
                entry = Entry(title, self.engine[k][i], swept[k][i], allowed, drift)
                if x in self.kinked:
                    side = tuple(s for s in (e[k] for e in sides.get(x, ())) if s.error < math.inf)
                    entry = replace(entry, expected=None, swept=entry.expected, sides=side)
                    steep = any(math.isinf(s.value) for s in side)
                    has_none = self.is_near or steep or (entry.is_wrong and self._jumps(x, k))
                    entry = replace(entry, is_open=has_none)
                elif self.exact is not None:
                    known = expected[k][i]
                    entry = replace(entry, expected=known.value, allowed=allowed + known.error)
                self.section.entries.append(entry)

    def _drifts(self) -> list[list[float]]:
        """How much the gradient changes by the rounding of the values it is taken at.

        The graph is swept twice at 50 digits: with the local derivatives at the floats, and
        with those at the exact values.
        """
        assert self.exact is not None
        given = self._given()
        there = {
            node: given.get(node)
            or [p for p, _ in self.exact.partials(node, self.exact.inputs(node, self.values))]
            for node in self.operations.partials
        }
        here = {**self.operations.partials, **given}
        self.replayed: list[list[float]] = []
        drifts = []
        for y in self.recording.outputs:
            exact = self.exact.gradients(self.values, y, there)
            rounded = self.exact.gradients(self.values, y, here)
            inputs = self.recording.inputs
            self.replayed.append([float(exact.get(x, 0.0)) for x in inputs])
            drifts.append([float(abs(exact.get(x, 0.0) - rounded.get(x, 0.0))) for x in inputs])
        return drifts

    def _given(self) -> dict[Value, Sequence[float]]:
        """The local derivatives that are taken as recorded: of surrogates, and at kinks."""
        at_kinks = {kink.node for kink in self.unsure}
        return {
            node: node.partials
            for node in self.operations.partials
            if node in at_kinks or (node.primitive is not None and node.primitive.surrogate)
        }

    def _swept(self) -> list[list[float]]:
        """The derivatives that the chain rule makes of the local ones."""
        if self.exact is not None:
            return self.replayed
        found = [sweep(self.nodes, y) for y in self.recording.outputs]
        return [[column.get(x, 0.0) for x in self.recording.inputs] for column in found]

    def _expected(self) -> list[list[Estimate]]:
        """The exact derivatives of each output with respect to each input."""
        replayed = [[Estimate(slope, 0.0) for slope in row] for row in self.replayed]
        if self.method != "complex":
            return replayed
        assert self.exact is not None
        self.section.oracle = "complex step"
        try:
            columns = [self.exact.complex_step(self.nodes, x) for x in self.recording.inputs]
        except UndefinedThere as reason:
            self.section.problem = f'no complex step: {reason}; use method="exact"'
            self.section.is_refused = True
            return replayed
        return [
            [column.get(y, Estimate(0.0, 0.0)) for column in columns]
            for y in self.recording.outputs
        ]

    # Kinks ------------------------------------------------------------------------------------

    def _sides(self) -> dict[Value, list[list[Estimate]]]:
        """The derivatives of all outputs on both sides, for the inputs that kinks depend on."""
        concerned = [x for x in self.recording.inputs if x in self.kinked - self.replaced]
        if len(concerned) > MOST_SIDES:
            self.section.notes.append(
                f"one-sided derivatives are shown for {MOST_SIDES} of {len(concerned)} inputs; "
                "for the others the kinks were checked operation by operation only"
            )
        return {x: [self._one_side(x, side) for side in (-1, 1)] for x in concerned[:MOST_SIDES]}

    def _one_side(self, x: Value, side: int) -> list[Estimate]:
        moving = tangents(self.nodes, {x: 1.0})
        passed = 0.0  # how far x must move until every kink is surely passed
        for kink in self.unsure:
            rate = kink.rate(moving)
            if rate > 0.0:
                beyond = abs(kink.distance) + kink.rate(self.uncertainty)
                passed = max(passed, 4.0 * beyond / rate)
        outputs = self.recording.outputs
        if self.exact is not None and self._knows_all(self.exact):
            return self.exact.sided(self.nodes, outputs, x, side, passed)
        if any(kink.is_dense for kink in self.unsure):
            return [differences.UNKNOWN] * len(outputs)
        start = min(abs(x.data) or 1.0, self._reach(moving)) / 16.0
        axis = [float(other is x) for other in self.recording.inputs]
        function, noise = self._moved_along(axis), self._noise(axis)
        return differences.one_sided(function, float(side), [start], noise, nearest=passed)

    def _jumps(self, x: Value, k: int) -> bool:
        """Whether an output leaps at a kink when an input moves: no derivative exists there."""
        y, gaps = self.recording.outputs[k], []
        if self.exact is not None and self._knows_all(self.exact):
            gaps = [self.exact.gaps(self.nodes, y, x, side) for side in (-1, 1)]
        else:
            moved = self._moved_along([float(other is x) for other in self.recording.inputs])
            near = (abs(x.data) or 1.0) * BESIDE
            gaps = [
                (abs(moved(side * near)[k] - y.data), abs(moved(side * near / 64.0)[k] - y.data))
                for side in (-1.0, 1.0)
            ]
        return any(differences.limit(*pair).value != 0.0 for pair in gaps)

    def _knows_all(self, exact: Exact) -> bool:
        return all(node.primitive is None or exact.knows(node.primitive) for node in self.nodes)

    def _reach(self, moving: Mapping[Value, float]) -> float:
        """How far the inputs can move until the first kink that is not here already."""
        return reach([kink for kink in self.kinks if kink not in self.unsure], moving)

    # The function itself ----------------------------------------------------------------------

    def _check_function(self) -> None:
        """Compare the gradient with finite differences, which know nothing of the graph."""
        is_right = bool(self.section)  # up to now: else the differences rather show what is wrong
        skipped = []
        for label, direction in self.function.directions(self.recording.operations):
            if self._is_skipped(direction):
                skipped.append(label)
                estimates = [differences.UNKNOWN] * len(self.recording.outputs)
            else:
                estimates = self._differences(direction)
            for k, name in enumerate(self._output_names()):
                probe = self._probe(k, name, label, direction, estimates[k])
                if is_right and not (probe.agrees and probe.is_useful):
                    probe = self._settled(probe, k, direction)
                if label not in skipped or not probe.agrees:
                    self.section.probes.append(probe)
        if skipped:
            self.section.notes.append(
                f"no finite differences across {self._obstacle()}, along {', '.join(skipped[:8])}"
            )

    def _settled(self, probe: Probe, k: int, direction: Sequence[float]) -> Probe:
        """Decide where finite differences can't: does the graph give the function's numbers?"""
        sides = [estimates[k] for estimates in self._left_out(direction)]
        rounding = self._allowed_along(k, direction)
        nothing = [abs(side.value) <= side.error for side in sides]
        if any(nothing):
            found = SAME_NUMBERS if all(nothing) else OTHER_BRANCH
            return replace(probe, finite=Estimate(probe.engine, rounding), instead=found)
        least = min(sides, key=lambda side: abs(side.value))
        return replace(probe, finite=Estimate(probe.engine + least.value, least.error + rounding))

    def _left_out(self, direction: Sequence[float]) -> list[list[Estimate]]:
        """The derivatives, on both sides, of the function less the graph: what was not recorded.

        Where nothing was left out the two give the same floats, however rough they are. If they
        part on one side only, the function takes another branch there.
        """
        function = self._moved_along(direction)
        graph = self._moved_along(direction, self.recording.values)
        noise = [2.0 * self._rounding(y) for y in self.recording.outputs]
        starts = [length / 8.0 for length in self._lengths(direction)]

        def rest(h: float) -> list[float]:
            return [x - y for x, y in zip(function(h), graph(h), strict=True)]

        return [differences.one_sided(rest, side, starts, noise) for side in (-1.0, 1.0)]

    def _is_skipped(self, direction: Sequence[float]) -> bool:
        """Whether the function has no derivative in this direction that is the engine's."""
        moved = [x for x, d in zip(self.recording.inputs, direction, strict=True) if d]
        return any(x in self.kinked or x in self.replaced for x in moved)

    def _obstacle(self) -> str:
        return "the kink" if self.kinked else "the surrogate"

    def _differences(self, direction: Sequence[float]) -> list[Estimate]:
        room = self._room(direction)
        function, noise = self._moved_along(direction), self._noise(direction)
        starts = [min(length, room) / 4.0 for length in self._lengths(direction)]
        return [
            differences.UNKNOWN if is_rough else estimate
            for estimate, is_rough in zip(
                differences.central(function, starts, noise),
                self._roughness(direction),
                strict=True,
            )
        ]

    def _room(self, direction: Sequence[float]) -> float:
        lengths = dict(zip(self.recording.inputs, direction, strict=True))
        return self._reach(tangents(self.nodes, lengths))

    def _roughness(self, direction: Sequence[float]) -> list[bool]:
        """Whether the outputs bend within a few units in the last place of the inputs."""
        units = [math.copysign(math.ulp(x), d) * (d != 0.0) for x, d in self._moves(direction)]
        moved = self._moved_along(units)
        here = moved(0.0)
        around = [(moved(k), moved(-k)) for k in finite.UNITS_AROUND]
        return [
            finite.is_rough(
                here[k], [(above[k], below[k]) for above, below in around], self._rounding(y)
            )
            for k, y in enumerate(self.recording.outputs)
        ]

    def _moves(self, direction: Sequence[float]) -> list[tuple[float, float]]:
        return list(zip(self.function.point, direction, strict=True))

    def _lengths(self, direction: Sequence[float]) -> list[float]:
        """Over what lengths in this direction the function may vary: see `differences.scales`."""
        moved = [(abs(x) or 1.0, abs(d)) for x, d in self._moves(direction)]
        size, speed = max((pair for pair in moved if pair[1]), key=lambda pair: pair[1])
        return [scale / speed for scale in differences.scales(size)]

    def _moved_along(
        self,
        direction: Sequence[float],
        values: Callable[[Sequence[float]], list[float]] | None = None,
    ) -> Callable[[float], list[float]]:
        """The outputs as a function of how far the inputs move: by the function, or the graph."""
        values = values or self.function.values
        moves = self._moves(direction)
        return lambda h: values([x + h * d for x, d in moves])

    def _allowed_along(self, k: int, direction: Sequence[float]) -> float:
        """How far off one output's derivative in a direction may be."""
        return sum(
            abs(d) * (allowed + 4.0 * math.ulp(slope))
            for allowed, slope, d in zip(self.allowed[k], self.engine[k], direction, strict=True)
            if d
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
        rounding = self._allowed_along(k, direction)
        title = f"∂{name}/∂{label}" if label in self.function.labels else f"{name} along {label}"
        lengths = dict(zip(self.recording.inputs, direction, strict=True))
        paths = tangents(self.nodes, lengths).get(y, 0.0)
        size = paths + abs(estimate.value) + abs(y.data) / min(self._lengths(direction))
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
        if any(entry.is_wrong for entry in section.entries):
            if self.unsure:
                section.notes.append(KINK_NOTE)
        elif not all(probe.agrees for probe in section.probes):
            section.problem = (
                "WRONG: every recorded operation is right, yet finite differences disagree: "
                f"{self.function.name} depends on its inputs in a way the graph did not record "
                "(.data, float(), detach, no_grad, a function of math's)"
            )
        elif self.method == "finite" and not all(probe.is_useful for probe in section.probes):
            section.doubt = (
                "finite differences are too inaccurate here: check exactly, with "
                'mpmath (pip install "stepgrad[check]"), or at another point'
            )
        elif not all(entry.agrees for entry in section.entries):
            section.doubt = self._doubt()

    def _doubt(self) -> str:
        """Say why the derivatives can be neither confirmed nor refuted."""
        if self.is_near:
            return "rounding leaves open on which side of a kink it lies"
        if self.unsure:
            return "the function jumps or is infinitely steep here, so it has no derivative"
        return "no digit of the derivatives is left by rounding, or none is known by the oracle"


class _SecondCheck(_Check):
    """The check of second derivatives: those of the gradient, as a function of its own.

    The graph of the gradient is checked like any other. But it may be right in itself and yet
    not be the gradient's, if a rule computed the first derivative from bare floats; so it is
    also compared with differences of the exact gradient, from the graph of the function.
    """

    order = 2

    def __init__(self, first: _Check) -> None:
        self.first = first
        self._is_exact = (
            first.exact is not None
            and first._knows_all(first.exact)
            and not first.unsure
            and not first.replaced
        )
        super().__init__(first.function.derivative(first.recording.operations), first.method)

    def _problem(self) -> str | None:
        return self._lost or super()._problem()

    def _refusal(self) -> str | None:
        self._lost: str | None = None
        try:
            return super()._refusal()
        except TypeError as error:  # a rule that turned a Value into a float
            self._lost = str(error)
            return None

    def _is_skipped(self, direction: Sequence[float]) -> bool:
        return super()._is_skipped(direction) or self.first._is_skipped(direction)

    def _room(self, direction: Sequence[float]) -> float:
        return min(super()._room(direction), self.first._room(direction))

    def _obstacle(self) -> str:
        return self.first._obstacle()

    def _output_names(self) -> list[str]:
        directions = self.first.function.directions(self.first.recording.operations)
        return [
            f"(∂{name}/∂{label})" if label in self.function.labels else f"({name} along {label})"
            for name in self.first._output_names()
            for label, _ in directions
        ]

    def _expected(self) -> list[list[Estimate]]:
        first = self.first
        if self.method == "complex" or not self._is_exact:
            return super()._expected()
        assert first.exact is not None
        spread = first.exact.spread([*first.nodes, *self.nodes])
        oracle = Exact(SECOND_ORDER_BITS + 4 * spread)
        rows = []
        for y in first.recording.outputs:
            for _, direction in first.function.directions(first.recording.operations):
                lengths = dict(zip(first.recording.inputs, direction, strict=True))
                found = oracle.directional(first.nodes, y, lengths)
                rows.append([found.get(x, Estimate(0.0, 0.0)) for x in first.recording.inputs])
        return rows

    def _conclude(self) -> None:
        super()._conclude()
        doubtful = not (self.section and self._is_exact)
        if doubtful and self.section.blame is None and not self.section.is_refused:
            lost = lost_second_derivative(self.first.nodes, self.first.names)
            self.section.problem = lost or self.section.problem
