"""Gradients of straight-line code: the sweep itself, recorded as more code.

The local derivatives are those of the primitives' own entries, applied to stand-ins for the
numbers. So there is no second table of derivatives, and special points are as they are in a graph.
"""

from collections.abc import Sequence
from typing import Any

from autograd.compiled.code import EACH, ONCE, Code, name_of, primitive_named
from autograd.compiled.conditions import Reach
from autograd.compiled.templates import Templates
from autograd.compiled.trace import Condition, Recorder, TracingError, recording
from autograd.primitives import Primitive

Contribution = tuple[int, int]
"""The places of a local derivative and of the gradient that it is multiplied with."""


def with_gradients(code: Code, numbers: Sequence[int], inputs: Sequence[int] = ()) -> Code:
    """Return code for the mean of code's one output over the samples, and its gradients.

    Args:
        code: has one output.
        numbers: with respect to which of the call's numbers: a gradient each, of the mean.
        inputs: with respect to which numbers of a sample: a gradient each, per sample.

    Returns:
        Code whose totals are the mean and its gradients with respect to the numbers, and whose
        outputs are the gradients with respect to the inputs.
    """
    sweep = _Sweep(code, numbers, inputs)
    with recording(sweep.recorder):
        sweep.run()
    builder = sweep.builder
    mean = builder.emit("batch_mean", sweep.code.outputs[0])
    totals = [mean, *(sweep.gradient("number", number) for number in numbers)]
    outputs = [sweep.gradient("input", k) for k in inputs]
    whole = Code(tuple(builder.instructions), tuple(outputs), tuple(totals))
    return whole.without_dead_code()


class _Sweep:
    """The sweep from code's output to its numbers.

    What is done once per call depends on no sample. The gradient of its result is the mean over
    the samples, and the sweep goes on from there after all samples: also once per call.
    """

    def __init__(self, code: Code, numbers: Sequence[int], inputs: Sequence[int]) -> None:
        self.recorder = Recorder()
        self.builder = self.recorder.builder
        places: list[int] = []
        for instruction in code.instructions:
            places.append(self.builder.copy(instruction, places))
        outputs = tuple(places[place] for place in code.outputs)
        self.code = code = Code(tuple(self.builder.instructions), outputs)
        wanted = {("number", number) for number in numbers} | {("input", k) for k in inputs}
        self.tracked = _tracked(code, wanted)
        self.contributions: dict[int, list[Contribution]] = {}
        self.found: dict[tuple[str, int], int] = {}
        # What was handed to one of several numbers of the call by their index: index, gradient, …
        self.scattered: dict[tuple[int, ...], list[int]] = {}
        self.summed: dict[tuple[int, ...], int] = {}
        self.tables: dict[int, list[tuple[tuple[int, ...], int]]] = {}
        self.reach = Reach(self.builder)
        self.templates = Templates()

    def gradient(self, kind: str, number: int) -> int:
        """Return the place of a leaf's gradient."""
        place = self.found.get((kind, number))
        return self.builder.constant(0.0) if place is None else place

    def run(self) -> None:
        """Visit every instruction after all that use its result."""
        root = self.code.outputs[0]
        self.contributions[root] = [(self.builder.constant(1.0), self.builder.constant(1.0))]
        self.reach.note(root, None)
        for place in range(root, -1, -1):
            if (place in self.contributions or place in self.tables) and self.tracked[place]:
                self._visit(place)

    def _visit(self, place: int) -> None:
        name, arguments = self.code.instructions[place]
        gradient = self._total(place, self.contributions.pop(place, []))
        if name in ("number", "input"):
            self.found[name, arguments[0]] = gradient
            return
        condition = self._condition(place)
        if name == "pick" and self._is_of_numbers(arguments[1:]):
            self._scatter(gradient, condition, arguments[0], arguments[1:])
        elif name in ("select", "pick"):
            one = self.builder.constant(1.0)
            for operand, holds in self.reach.branches(condition, name, arguments):
                if self.tracked[operand]:
                    self._hand(operand, one, gradient, holds)
        else:
            partials = self._partials(place, primitive_named(name), arguments)
            for operand, partial in zip(arguments, partials, strict=True):
                if self.tracked[operand]:
                    self._hand(operand, partial, gradient, condition)

    def _condition(self, place: int) -> int | None:
        """Return under which condition a result has a part in the output; None for always."""
        condition = self.reach.condition(place)
        rates = self.builder.rates
        if condition is None or rates[place] != ONCE or rates[condition] != EACH:
            return condition
        emit, zero = self.builder.emit, self.builder.constant(0.0)  # of one sample at least
        share = emit("batch_mean", emit("select", condition, self.builder.constant(1.0), zero))
        return emit("less", zero, share)

    def _hand(self, operand: int, partial: int, gradient: int, condition: int | None) -> None:
        """Hand an operand its share; nothing, not even nan, where the result had no part."""
        emit, one = self.builder.emit, self.builder.constant(1.0)
        self.reach.note(operand, condition)
        if condition is not None:
            share = emit("multiply", partial, gradient)
            partial, gradient = one, emit("select", condition, share, self.builder.constant(0.0))
        self.contributions.setdefault(operand, []).append((partial, gradient))

    def _is_of_numbers(self, places: Sequence[int]) -> bool:
        return all(self.code.instructions[place][0] == "number" for place in places)

    def _scatter(
        self, gradient: int, condition: int | None, index: int, numbers: tuple[int, ...]
    ) -> None:
        """Hand the gradient to one of the call's numbers, without a look at the others."""
        if condition is not None:
            zero = self.builder.constant(0.0)
            gradient = self.builder.emit("select", condition, gradient, zero)
        if numbers not in self.scattered:
            for k, place in enumerate(numbers):
                self.tables.setdefault(place, []).append((numbers, k))
        self.scattered.setdefault(numbers, []).extend((index, gradient))

    def _mean_at(self, numbers: tuple[int, ...], k: int) -> int:
        """Return the mean of what was handed to one of several numbers by its index."""
        constant = self.builder.constant
        if numbers not in self.summed:
            count = constant(float(len(numbers)))
            self.summed[numbers] = self.builder.emit("scatter", count, *self.scattered[numbers])
        return self.builder.emit("mean_at", self.summed[numbers], constant(float(k)))

    def _partials(self, place: int, primitive: Primitive, operands: Sequence[int]) -> list[int]:
        """Apply a primitive's own rule to its result and its inputs."""
        name, given = name_of(primitive), (place, *operands)
        try:
            places = self.templates.apply(self.builder, name, primitive.derivatives, given)
        except TypeError as error:
            raise TracingError(
                f"the partials of primitive {primitive.name!r} can't be compiled: write them with "
                f"autograd's functions, and autograd.where in place of if ({error})"
            ) from error
        return (
            places
            if primitive.is_builtin
            else self._nan_outside(primitive, place, operands, places)
        )

    def _nan_outside(
        self, primitive: Primitive, place: int, operands: Sequence[int], partials: list[int]
    ) -> list[int]:
        """A user's rule need not say that the derivatives are nan where the result is undefined."""
        emit = self.builder.emit
        inside = self._domain(primitive, operands)
        for x in operands:
            inside = emit("and", inside, emit("equal", x, x))
        known = emit("or", emit("equal", place, place), inside)
        nan = self.builder.constant(float("nan"))
        return [emit("select", known, partial, nan) for partial in partials]

    def _domain(self, primitive: Primitive, operands: Sequence[int]) -> int:
        """Return whether the inputs lie in a primitive's domain, as far as it can be recorded."""
        inputs = [self._stand_in(x) for x in operands]
        domain = primitive.domain
        inside: Any = True
        try:
            if isinstance(domain, tuple):
                inside = (inputs[0] >= domain[0]) & (inputs[0] <= domain[1])
            elif domain is not None:
                inside = domain(*inputs)
        except TracingError:
            return self.builder.constant(True)
        known = not isinstance(inside, Condition)
        return self.builder.constant(bool(inside)) if known else inside.place

    def _stand_in(self, place: int) -> Any:
        constant = self.builder.value(place)
        return self.recorder.traced(place) if constant is None else constant

    def _total(self, place: int, contributions: list[Contribution]) -> int:
        """Add up what a result was handed; over the samples, if it is not of one sample."""
        rates = self.builder.rates
        if rates[place] != ONCE:
            return self._sum(contributions)
        of_samples = [c for c in contributions if EACH in (rates[c[0]], rates[c[1]])]
        of_call = [c for c in contributions if EACH not in (rates[c[0]], rates[c[1]])]
        terms = []
        if of_samples:
            terms.append(self.builder.emit("batch_mean", self._sum(of_samples)))
        if of_call:
            terms.append(self._sum(of_call))
        terms += [self._mean_at(numbers, k) for numbers, k in self.tables.get(place, ())]
        return self.builder.emit("sum", *terms)

    def _sum(self, contributions: list[Contribution]) -> int:
        """Return the sum of products, as a dot product where there are several."""
        one = self.builder.constant(1.0)
        plain = [gradient for partial, gradient in contributions if partial == one]
        products = [c for c in contributions if c[0] != one]
        terms = list(plain)
        if products:
            partials, gradients = zip(*products, strict=True)
            terms.append(self.builder.emit("dot", *partials, *gradients))
        return self.builder.emit("sum", *terms)


def _tracked(code: Code, wanted: set[tuple[str, int]]) -> list[bool]:
    """Return through which results a gradient flows to what is wanted."""
    tracked: list[bool] = []
    for name, arguments in code.instructions:
        if name in ("number", "input"):
            tracked.append((name, arguments[0]) in wanted)
        elif name in ("constant", "detach"):
            tracked.append(False)
        else:
            tracked.append(any(tracked[x] for x in arguments))
    return tracked
