"""The exact oracle: a recorded graph replayed in mpmath, with derivatives of its own.

It shares nothing with the engine but the record of which operation was applied to what. An
operation's value is mpmath's; its local derivatives are differences of that value at several
times the digits of a float, not the partials in the primitive table; the sweep back is a loop
of its own.
"""

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd import differences, primitives
from autograd.checking import finite
from autograd.checking.kinks import room
from autograd.differences import Estimate
from autograd.primitives import Primitive
from autograd.value import Value

DIGITS = 50
WIDE = 16
"""Operations with more inputs than this have their derivatives from a formula, see _formulas."""

FLOAT_BITS = 1100
"""An effect smaller than this many bits of the result is none in floats: the least is 2**-1074."""

MOST_SPREAD = 2 * FLOAT_BITS
"""Exact values may be as small as exp(-1e10); they need not be resolved beside 1."""

NEAR_BITS = 200
"""One-sided derivatives are taken at 2**-200 beside a kink, if all numbers are about 1."""

LARGEST_BITS = 2 * MOST_SPREAD
"""Of larger numbers, no float, even the sine would take all memory to compute."""


def mpmath_is_here() -> bool:
    """Return whether the optional mpmath can be imported."""
    try:
        importlib.import_module("mpmath")
    except ImportError:
        return False
    return True


class UndefinedThere(ArithmeticError):
    """Raised where an operation has no real value at 50 digits, or no derivative."""


class Exact:
    """The oracle, with an mpmath context of its own.

    Args:
        bits: how many bits of every local derivative are to be right.

    Raises:
        ImportError: without mpmath.

    >>> from autograd import Value, exp
    >>> from autograd.sweep import tracked_order
    >>> x = Value(1.0)
    >>> y = exp(x)
    >>> oracle = Exact()
    >>> values = oracle.values(tracked_order([y]))
    >>> print(oracle.mp.nstr(oracle.gradients(values, y)[x], 30))
    2.71828182845904523536028747135
    """

    def __init__(self, bits: int = 80) -> None:
        try:
            import mpmath
        except ImportError:
            raise ImportError(
                'the exact check needs mpmath: pip install "stepgrad[check]", '
                'or ask for method="finite"'
            ) from None
        self.mp: Any = mpmath.mp.clone()  # the user's precision is left alone
        self.mp.dps = DIGITS
        self.mp.prec = max(self.mp.prec, bits + 20)
        self.bits = bits

    # Values -----------------------------------------------------------------------------------

    def values(
        self, order: Sequence[Value], moved: Mapping[Value, Any] | None = None
    ) -> dict[Value, Any]:
        """Replay a graph and return the value of each node at 50 digits.

        Args:
            order: the tracked nodes in topological order.
            moved: other numbers for some of the leaves.
        """
        values: dict[Value, Any] = dict(moved or {})
        for node in order:
            if node.primitive is None:
                values.setdefault(node, self.mp.mpf(node.data))
            else:
                values[node] = self.result(node.primitive, self.inputs(node, values))
        return values

    def values_here(self, order: Sequence[Value]) -> dict[Value, Any]:
        """Replay a graph where it was recorded, with more digits the farther numbers are from 1.

        Else log1p(y) would be y for a tiny y.
        """
        with self.mp.workprec(self.mp.prec + 2 * min(self.spread(order), FLOAT_BITS)):
            return self.values(order)

    def result(self, primitive: Primitive, inputs: Sequence[Any]) -> Any:
        """Return the result of a primitive, a float's if mpmath has none."""
        inputs = [self.mp.convert(x) for x in inputs]
        try:
            return self.value(primitive, inputs)
        except UndefinedThere:
            return self.mp.mpf(primitive.evaluate(*map(float, inputs)))

    def inputs(self, node: Value, values: Mapping[Value, Any]) -> list[Any]:
        """Return the inputs of a node: those replayed, and the constants."""
        return [
            values[parent] if parent in values else self.mp.mpf(parent.data)
            for parent in node.parents
        ]

    def function(self, primitive: Primitive) -> Callable[..., Any] | None:
        """Return a primitive as a function of mpmath numbers, None if it has declared none."""
        if primitive.exact is not None:
            exact = primitive.exact
            return lambda *xs: exact(self.mp, *xs)
        found: Callable[..., Any] | None = None
        if primitive.is_builtin:
            found = getattr(self.mp, primitive.name, None)
        return found

    def knows(self, primitive: Primitive) -> bool:
        """Return whether a primitive can be computed exactly."""
        return self.function(primitive) is not None

    def value(self, primitive: Primitive, inputs: Sequence[Any]) -> Any:
        """Return the result of a primitive, by its float function if it has no other."""
        function = self.function(primitive)
        if function is None:
            return self.mp.mpf(primitive.evaluate(*map(float, inputs)))
        if any(self._bits(x) > LARGEST_BITS for x in inputs):
            raise UndefinedThere(f"{primitive.name} of a number far beyond the largest float")
        try:
            with self.mp.workprec(self.mp.prec + self._spread(inputs)):
                result = self.mp.convert(function(*inputs))
        except (ArithmeticError, ValueError) as error:
            point = ", ".join(self.mp.nstr(x, 17) for x in inputs)
            raise UndefinedThere(f"mpmath has no {primitive.name}({point}): {error}") from None
        if isinstance(result, self.mp.mpc) and not any(isinstance(x, self.mp.mpc) for x in inputs):
            return self.mp.nan
        return result

    def _spread(self, inputs: Sequence[Any]) -> int:
        """How many bits lie between the largest and the smallest of some numbers."""
        if len(inputs) == 1:
            return 0
        bits = [self._bits(x) for x in inputs if x and self.mp.isfinite(x)]
        return min(max(bits) - min(bits), MOST_SPREAD) if bits else 0

    def _bits(self, x: Any) -> int:
        """The binary exponent of a number, 0 of those that have none."""
        return int(self.mp.mag(x)) if x and self.mp.isfinite(x) else 0

    def spread(self, order: Sequence[Value]) -> int:
        """Return how many bits lie between 1 and the numbers of a graph farthest from it."""
        numbers = [x for node in order for x in (node.data, *node.partials)]
        return max((abs(math.frexp(x)[1]) for x in numbers if math.isfinite(x)), default=0)

    # Local derivatives ------------------------------------------------------------------------

    def partials(self, node: Value, inputs: Sequence[Any]) -> list[tuple[Any, float]]:
        """Return a node's local derivatives, with the oracle's own error: 0 but for constants.

        Args:
            node: an operation.
            inputs: where to differentiate it; not necessarily the node's own inputs.
        """
        assert node.primitive is not None
        inputs = [self.mp.convert(x) for x in inputs]
        formula = self._formulas().get(node.primitive.exact)
        if formula is not None and node.primitive.exact and len(inputs) > WIDE:
            return [(partial, 0.0) for partial in formula(inputs)]
        return [
            self.partial(node.primitive, inputs, place)
            if parent.requires_grad
            else (self.mp.zero, 0.0)
            for place, parent in enumerate(node.parents)
        ]

    def partial(self, primitive: Primitive, inputs: Sequence[Any], place: int) -> tuple[Any, float]:
        """Return the derivative of a primitive with respect to one input, and its error."""
        if self.knows(primitive):
            try:
                return self._difference(primitive, inputs, place, sides=(1, -1)), 0.0
            except UndefinedThere:
                pass
        numbers = [float(x) for x in inputs]
        estimate = finite.partial(primitive, numbers, place, room(primitive, numbers, place))
        return self.mp.mpf(estimate.value), estimate.error

    def sided_partials(
        self, primitive: Primitive, inputs: Sequence[float], place: int
    ) -> list[Estimate]:
        """Return the derivatives just below and just above one input, those that exist."""
        if not self.knows(primitive):
            return finite.sided_partials(primitive, inputs, place)
        exact = [self.mp.convert(x) for x in inputs]
        found = []
        for side in (-1, 1):
            coarse, fine = [
                self._difference(primitive, exact, place, (side, 2 * side), finer)
                for finer in (0, FLOAT_BITS // 2)
            ]
            found.append(differences.limit(float(coarse), float(fine)))
        return [estimate for estimate in found if estimate.error < math.inf]

    def _difference(
        self,
        primitive: Primitive,
        inputs: Sequence[Any],
        place: int,
        sides: tuple[int, int],
        finer: int = 0,
    ) -> Any:
        """The difference quotient between two places, each so many tiny steps from the input.

        The precision is raised until enough bits of the difference are left. A place outside
        the domain is replaced by the input itself.
        """
        mp = self.mp
        numbers = [abs(x) for x in inputs if x and mp.isfinite(x)] + [mp.one]
        smallest = max(min(numbers), mp.ldexp(1, -MOST_SPREAD))
        largest = min(max(numbers), mp.ldexp(1, MOST_SPREAD))
        # A quotient's remainder repeats within smallest²/largest, a sine within 1.
        step = smallest * smallest / largest * mp.ldexp(1, -self.bits - 10 - finer)
        if not inputs[place]:  # where x**3 has the derivative 0, the step's square must be nothing
            step = mp.ldexp(step, -FLOAT_BITS // 2)
        precision = self.bits + 40 + mp.mag(largest) - mp.mag(step)
        most = precision + FLOAT_BITS
        while True:
            with mp.workprec(precision):
                (x1, y1), (x2, y2) = [
                    self._moved(primitive, inputs, place, side * step) for side in sides
                ]
                if x1 == x2:
                    return mp.nan
                rise = y1 - y2
                lost = mp.mag(max(abs(y1), abs(y2))) - mp.mag(rise) if rise else precision
                enough = y1 == y2 == 0 or precision - lost >= self.bits
                if enough or precision >= most or not mp.isfinite(rise):
                    return rise / (x1 - x2)
            precision = min(most, max(2 * precision, int(lost) + self.bits + 40))

    def _moved(
        self, primitive: Primitive, inputs: Sequence[Any], place: int, step: Any
    ) -> tuple[Any, Any]:
        moved = list(inputs)
        moved[place] = inputs[place] + step
        if primitive.defined_at(*moved):
            result = self.value(primitive, moved)
            if not self.mp.isnan(result):
                return moved[place], result
        return inputs[place], self.value(primitive, inputs)

    def _formulas(self) -> dict[Any, Callable[[Sequence[Any]], list[Any]]]:
        """Derivatives of operations with any number of inputs, by their exact function.

        Differences would take two evaluations per input, each as long as there are inputs: too
        long for a neuron with a thousand weights. The tests compare these with differences.
        """
        mp = self.mp

        def of_dot(xys: Sequence[Any]) -> list[Any]:
            middle = len(xys) // 2
            return [*xys[middle:], *xys[:middle]]

        def of_logsumexp(xs: Sequence[Any]) -> list[Any]:
            peak = max(xs)
            terms = [mp.exp(x - peak) for x in xs]
            total = mp.fsum(terms)
            return [term / total for term in terms]

        return {
            primitives.sum_of.exact: lambda xs: [mp.one] * len(xs),
            primitives.mean_of.exact: lambda xs: [mp.one / len(xs)] * len(xs),
            primitives.dot_of.exact: of_dot,
            primitives.logsumexp_of.exact: of_logsumexp,
        }

    # Sweeps -----------------------------------------------------------------------------------

    def gradients(
        self,
        values: Mapping[Value, Any],
        root: Value,
        partials: Mapping[Value, Sequence[Any]] | None = None,
    ) -> dict[Value, Any]:
        """Return the derivatives of the root with respect to every node of a replayed graph.

        Args:
            values: the graph replayed, in topological order.
            root: what is differentiated.
            partials: the local derivatives, if they are known already.
        """
        total: dict[Value, Any] = dict.fromkeys(values, self.mp.zero)
        if root in total:
            total[root] = self.mp.one
        for node in reversed(list(values)):
            if node.primitive is None or not total[node]:
                continue
            if partials is None:
                local = [p for p, _ in self.partials(node, self.inputs(node, values))]
            else:
                local = list(partials[node])
            for parent, partial in zip(node.parents, local, strict=True):
                if parent in total:
                    total[parent] += partial * total[node]
        return total

    def directional(
        self, order: Sequence[Value], root: Value, direction: Mapping[Value, float]
    ) -> dict[Value, Estimate]:
        """Return how the root's gradient changes when leaves move in a direction.

        These are second derivatives: central differences of the exact gradient, for which the
        local derivatives must be right to many more bits than the step is small. The error is
        how much the differences to the two sides differ.
        """
        lengths = [abs(leaf.data or 1.0) / abs(d) for leaf, d in direction.items() if d]
        step = self.mp.mpf(min(lengths)) * self.mp.ldexp(1, -(self.bits // 2))
        back, here, there = [
            self.gradients(self.values(order, self._along(direction, side * step)), root)
            for side in (-1, 0, 1)
        ]
        return {
            node: Estimate(
                float((there[node] - back[node]) / (2 * step)),
                float(abs(there[node] - 2 * here[node] + back[node]) / step),
            )
            for node in order
        }

    def _along(self, direction: Mapping[Value, float], step: Any) -> dict[Value, Any]:
        return {leaf: leaf.data + self.mp.mpf(d) * step for leaf, d in direction.items()}

    def complex_step(self, order: Sequence[Value], leaf: Value) -> dict[Value, Estimate]:
        """Return the derivatives of every node with respect to one leaf, by a complex step.

        The imaginary part of f(x + ih) is h times the derivative, up to a part in h squared,
        with no difference taken. W. Squire and G. Trapp (1998), "Using complex variables to
        estimate derivatives of real functions", SIAM Review 40(1), 110-112. The error is how
        much a longer step and fewer digits change.

        Raises:
            UndefinedThere: at an operation that is not analytic, or has no complex form.
        """
        small = self.bits + 2 * min(self.spread(order), FLOAT_BITS)
        fine, coarse = [
            self._imaginary(order, leaf, bits) for bits in (small, small - self.bits // 4)
        ]
        return {
            node: Estimate(float(slope), 2.0 * float(abs(slope - coarse[node])))
            for node, slope in fine.items()
        }

    def _imaginary(self, order: Sequence[Value], leaf: Value, bits: int) -> dict[Value, Any]:
        """The imaginary parts of all nodes, in units of the leaf's, which is 2**-bits."""
        with self.mp.workprec(2 * bits + self.mp.prec):
            return self._stepped_aside(order, leaf, self.mp.ldexp(1, -bits))

    def _stepped_aside(self, order: Sequence[Value], leaf: Value, step: Any) -> dict[Value, Any]:
        values: dict[Value, Any] = {leaf: self.mp.mpc(leaf.data, step)}
        for node in order:
            if node.primitive is None:
                values.setdefault(node, self.mp.mpf(node.data))
                continue
            inputs = self.inputs(node, values)
            try:
                values[node] = self.value(node.primitive, inputs)
            except (UndefinedThere, TypeError, AttributeError, NotImplementedError, MemoryError):
                raise UndefinedThere(f"{node.primitive.name} has no complex form") from None
            reaches = any(isinstance(x, self.mp.mpc) for x in inputs)
            if reaches and not isinstance(values[node], self.mp.mpc):
                raise UndefinedThere(f"{node.primitive.name} is not analytic in its complex form")
        return {node: self.mp.im(value) / step for node, value in values.items()}

    def sided(
        self,
        order: Sequence[Value],
        roots: Sequence[Value],
        leaf: Value,
        side: int,
        passed: float = 0.0,
    ) -> list[Estimate]:
        """Return the derivatives of the roots with respect to a leaf, on one side of it.

        They are taken as near to it as no other kink of the graph may lie, and then nearer.

        Args:
            order: the graph in topological order.
            roots: what is differentiated.
            leaf: with respect to what.
            side: -1 or 1.
            passed: how far from the leaf at least.
        """
        bits = self._near(order)
        with self.mp.workprec(5 * bits // 2 + 4 * self.bits):
            coarse, fine = [
                self._slopes(order, roots, leaf, side * max(passed, near), near)
                for near in (self.mp.ldexp(1, -bits), self.mp.ldexp(1, -2 * bits))
            ]
            return [
                differences.limit(float(c), float(f)) for c, f in zip(coarse, fine, strict=True)
            ]

    def gaps(
        self, order: Sequence[Value], root: Value, leaf: Value, side: int
    ) -> tuple[float, float]:
        """Return how far the root moves if a leaf moves by very little, and by much less."""
        bits = self._near(order)
        with self.mp.workprec(5 * bits // 2 + 4 * self.bits):
            here, near, nearer = [
                self.values(order, {leaf: leaf.data + self.mp.mpf(distance)}).get(root, 0)
                for distance in (
                    0,
                    side * self.mp.ldexp(1, -bits),
                    side * self.mp.ldexp(1, -2 * bits),
                )
            ]
            return float(abs(near - here)), float(abs(nearer - here))

    def _near(self, order: Sequence[Value]) -> int:
        return NEAR_BITS + 2 * min(self.spread(order), MOST_SPREAD // 3)

    def _slopes(
        self, order: Sequence[Value], roots: Sequence[Value], leaf: Value, distance: Any, near: Any
    ) -> list[Any]:
        step = near * self.mp.ldexp(1, -self.bits)
        beside = leaf.data + self.mp.mpf(distance)
        here, there = [self.values(order, {leaf: x}) for x in (beside, beside + step)]
        return [(there.get(y, 0) - here.get(y, 0)) / step for y in roots]  # 0: a constant


def sweep(order: Sequence[Value], root: Value) -> dict[Value, float]:
    """Return what the chain rule makes of the recorded local derivatives, in floats.

    >>> from autograd import Value
    >>> from autograd.sweep import tracked_order
    >>> x = Value(3.0)
    >>> y = x * x
    >>> sweep(tracked_order([y]), y)[x]
    6.0
    """
    terms: dict[Value, list[float]] = {root: [1.0]}
    total: dict[Value, float] = {}
    for node in reversed(order):
        total[node] = math.fsum(terms.get(node, ()))
        for parent, partial in zip(node.parents, node.partials, strict=True):
            if parent.requires_grad and total[node]:
                terms.setdefault(parent, []).append(partial * total[node])
    return total


class Finite:
    """The oracle for single operations without mpmath: differences of their float values."""

    def result(self, primitive: Primitive, inputs: Sequence[float]) -> float:
        """Return the result of a primitive: its own, computed again."""
        return primitive.evaluate(*inputs)

    def partials(self, node: Value, inputs: Sequence[float]) -> list[tuple[float, float]]:
        """Return a node's local derivatives, each with its error."""
        assert node.primitive is not None
        found = []
        for place, parent in enumerate(node.parents):
            estimate = Estimate(0.0, 0.0)
            if parent.requires_grad:
                reach = room(node.primitive, inputs, place)
                estimate = finite.partial(node.primitive, inputs, place, reach)
            found.append((estimate.value, estimate.error))
        return found

    def sided_partials(
        self, primitive: Primitive, inputs: Sequence[float], place: int
    ) -> list[Estimate]:
        """Return the derivatives just below and just above one input, those that exist."""
        return finite.sided_partials(primitive, inputs, place)
