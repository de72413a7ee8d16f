"""Hypothesis strategies: Values, points of a primitive, and whole expressions.

They are made from the declarations of the primitives (domain, kinks, notation), so a primitive
of your own is generated and printed like the built-in ones.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product
from typing import Any

from autograd.primitives import TABLE, Primitive, chosen, describe
from autograd.value import Value

try:
    from hypothesis import reject
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        'autograd.checking.strategies needs Hypothesis: pip install "stepgrad[check]"'
    ) from error


def values(
    min_value: float | None = None,
    max_value: float | None = None,
    *,
    allow_nan: bool = False,
    allow_infinity: bool = False,
    labels: st.SearchStrategy[str] | None = None,
    requires_grad: bool = True,
) -> st.SearchStrategy[Value]:
    """Return a strategy for Values, finite unless more is allowed.

    Args:
        min_value: the smallest number.
        max_value: the largest number.
        allow_nan: whether nan may be drawn too.
        allow_infinity: whether the infinities may be drawn too.
        labels: a strategy for the labels (default: none).
        requires_grad: whether gradients with respect to them are wanted.

    Raises:
        hypothesis.errors.InvalidArgument: when drawn from, if the bounds contradict each other.

    >>> from hypothesis import given
    >>> @given(values(0.0, 1.0))
    ... def squaring_does_not_grow(v):
    ...     assert (v * v).data <= v.data
    >>> squaring_does_not_grow()
    """
    return st.builds(
        Value,
        st.floats(min_value, max_value, allow_nan=allow_nan, allow_infinity=allow_infinity),
        label=st.just("") if labels is None else labels,
        requires_grad=st.just(requires_grad),
    )


# Points of one primitive ----------------------------------------------------------------------

_TINY, _LARGE = math.ulp(0.0), math.nextafter(math.inf, 0.0)
_MAGNITUDES = (
    *(_TINY, 2.0**-1022, 1e-200, 2.0**-538, 1e-154, 1e-16, 2.0**-27, 1e-5, 0.1),  # small
    *(0.5, 1.0, 1.5, 2.0, 2.5, math.pi / 2, math.e, 3.0, math.pi, 10.0),  # ordinary
    *(19.0, 20.5, 26.5, 36.7, 38.5, 170.6, 355.0, 709.7, 745.1),  # where functions saturate
    *(1e5, 2.0**53, 1e22, 1.3e154, 1e200, 1e300, _LARGE),  # large
)


def points(primitive: Primitive) -> st.SearchStrategy[tuple[float, ...]]:
    """Return a strategy for the inputs of a primitive, at which it has a value and derivatives.

    Points lie inside the domain and off the kinks, if only by the least possible, and the result
    is finite. Hard places are drawn often: the tiniest and the largest numbers, numbers beside
    0, 1, an edge or a kink, inputs that are nearly equal.

    Args:
        primitive: built in or your own.

    Raises:
        TypeError: if it is no Primitive.

    >>> from hypothesis import given
    >>> from autograd import exp, log
    >>> @given(points(log))
    ... def exp_undoes_log(point):
    ...     assert math.isclose(exp(log(*point)), *point, rel_tol=1e-12)
    >>> exp_undoes_log()
    """
    if not isinstance(primitive, Primitive):
        raise TypeError(f"points needs a Primitive, got {describe(primitive)}")
    number = _numbers(primitive)
    inputs: st.SearchStrategy[Any]
    if primitive.variadic:
        inputs = st.lists(number, min_size=1, max_size=6)
    else:
        inputs = st.tuples(*[number] * len(primitive.inputs))
    beside = st.none() | st.integers(-52, 52)
    return _points(primitive, inputs, beside)


@st.composite
def _points(
    draw: st.DrawFn,
    primitive: Primitive,
    inputs: st.SearchStrategy[Sequence[float]],
    beside: st.SearchStrategy[int | None],
) -> tuple[float, ...]:
    point = tuple(draw(inputs))
    distance = draw(beside)
    if distance is not None and len(point) > 1:
        point = (*point[:-1], _beside(point[0], distance))
    for candidate in _substitutes(primitive, point):
        if _has_derivatives(primitive, candidate):
            return candidate
    return reject()


def _numbers(primitive: Primitive) -> st.SearchStrategy[float]:
    edges = primitive.domain if isinstance(primitive.domain, tuple) else ()
    kinks = () if callable(primitive.kinks) else primitive.kinks
    places = [0.0, 1.0, -1.0, *(float(x) for x in (*edges, *kinks) if math.isfinite(x))]
    return st.one_of(
        st.floats(-10.0, 10.0),
        st.floats(-800.0, 800.0),
        st.builds(_beside, st.sampled_from(places), st.integers(-52, 52)),
        st.sampled_from([sign * size for size in _MAGNITUDES for sign in (1.0, -1.0)]),
        st.floats(allow_nan=False, allow_infinity=False),
    )


def _beside(place: float, distance: int) -> float:
    """A number above or below the place by a part of it that is a power of two."""
    moved = place + math.copysign(2.0 ** -abs(distance), distance) * (abs(place) or 1.0)
    return max(-_LARGE, min(moved, _LARGE))


def _substitutes(primitive: Primitive, point: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """The point, then others like it that may lie in the domain where it does not."""
    others = [_others(primitive, x) for x in point]
    alike = zip(*others, strict=True)
    yield from islice(chain(alike, product(*others)), 200)
    if primitive.variadic:
        yield (*point, *point)  # an even number of inputs, for dot


def _others(primitive: Primitive, x: float) -> list[float]:
    size = abs(x)
    others = [x, -x, 1.0 / x if size > 1e-300 else 1.0 - x, 1.0 + size, 1.0 / (2.0 + size)]
    if isinstance(primitive.domain, tuple):
        low, high = (max(-_LARGE, min(edge, _LARGE)) for edge in primitive.domain)
        part = size / (1.0 + size)
        others.append(low * (1.0 - part) + high * part)
    return [*others, math.floor(min(size, 9.0)) + 0.0]


def _has_derivatives(primitive: Primitive, point: Sequence[float]) -> bool:
    return (
        all(map(math.isfinite, point))
        and primitive.defined_at(*point)
        and math.isfinite(primitive.evaluate(*point))
        and all(abs(distance) > 0.0 for distance in primitive.kink_distances(*point))
        # An edge has the domain on one side. With none on either side the input is a whole
        # number by nature, such as the exponent of a negative base.
        and all(below == above for below, above in _sides(primitive, point, math.ulp))
    )


def _sides(
    primitive: Primitive, point: Sequence[float], margin: Callable[[float], float]
) -> Iterator[tuple[bool, bool]]:
    """For each input, whether the domain goes on by the margin below it and above it."""
    if primitive.domain is None:
        return
    for k, x in enumerate(point):
        below = primitive.defined_at(*point[:k], x - margin(x), *point[k + 1 :])
        yield below, primitive.defined_at(*point[:k], x + margin(x), *point[k + 1 :])


# Whole expressions ----------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Expression:
    """A function of one or several numbers, made of one operation after the other.

    Its repr is Python code to paste and run.

    Attributes:
        operations: the primitives, each with the places of its operands among the inputs and the
            results before it.
        point: inputs at which all results are moderate, inside the domains and off the kinks.

    >>> from autograd.primitives import multiply, tanh
    >>> expression = Expression(((multiply, (0, 1)), (tanh, (2,))), (2.0, 0.0))
    >>> expression
    from autograd import tanh
    <BLANKLINE>
    def f(x, y):
        v1 = x * y
        return tanh(v1)
    <BLANKLINE>
    point = (2.0, 0.0)
    >>> expression(*expression.point), expression(Value(2.0), 0.5).data == tanh(1.0)
    (0.0, True)
    """

    operations: tuple[tuple[Primitive, tuple[int, ...]], ...]
    point: tuple[float, ...]

    def __call__(self, *inputs: Any) -> Any:
        """Return the result at these inputs, numbers or Values.

        Raises:
            TypeError: if there are not as many inputs as the point has.
        """
        if len(inputs) != len(self.point):
            raise TypeError(f"the expression has {len(self.point)} inputs, got {len(inputs)}")
        results = list(inputs)
        for primitive, operands in self.operations:
            results.append(primitive(*[results[k] for k in operands]))
        return results[-1]

    def __repr__(self) -> str:
        """Write the expression as a function in Python, and its point."""
        inputs = _input_names(len(self.point))
        names = [*inputs, *(f"v{k}" for k in range(1, len(self.operations)))]
        written = [
            primitive.write(*[names[k] for k in operands])
            for primitive, operands in self.operations
        ]
        steps = [f"    v{k} = {text}" for k, text in enumerate(written[:-1], start=1)]
        function = [f"def f({', '.join(inputs)}):", *steps, f"    return {written[-1]}"]
        return "\n".join([*self._imports(written), *function, "", f"point = {self.point}"])

    def _imports(self, written: Sequence[str]) -> list[str]:
        """The lines that fetch the functions: built-in ones, then the user's own by name."""
        builtin, own = set(), set()
        for (primitive, _), text in zip(self.operations, written, strict=True):
            call = re.match(r"(\w+)\(", text)
            if call and primitive.is_builtin:
                builtin.add(call[1])
            elif call:
                own.add(f'{call[1]} = Primitive.registered["{primitive.name}"]')
        if own:
            builtin.add("Primitive")
        lines = [f"from autograd import {', '.join(sorted(builtin))}", ""] if builtin else []
        return [*lines, *sorted(own), ""] if own else lines

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Let Hypothesis print the code on lines of its own, without indentation."""
        printer.text(f"\n{self!r}\n")


def _input_names(count: int) -> list[str]:
    return ["x", "y", "z"][:count] if count <= 3 else [f"x{k}" for k in range(1, count + 1)]


def expressions(
    primitives: Sequence[Primitive] | None = None,
    *,
    max_inputs: int = 3,
    max_operations: int = 12,
    largest: float = 10.0,
) -> st.SearchStrategy[Expression]:
    """Return a strategy for whole expressions, each with a point at which to check it.

    Operands may be any earlier result, so that results are shared. What the last result doesn't
    depend on is left out. A failure shrinks to the smallest expression that fails.

    Args:
        primitives: what to make them of (default: the whole table and your own primitives,
            without surrogates, whose partials are no derivatives).
        max_inputs: the largest number of inputs.
        max_operations: the largest number of operations.
        largest: the bound for all numbers at the point.

    Raises:
        TypeError: if one of the primitives is no Primitive.
        ValueError: if there are no primitives, or if a bound allows nothing.

    >>> from hypothesis import given
    >>> @given(expressions())
    ... def values_agree_with_floats(f):
    ...     assert float(f(*map(Value, f.point))) == f(*f.point)
    >>> values_agree_with_floats()
    """
    for primitive in primitives or ():
        if not isinstance(primitive, Primitive):
            raise TypeError(f"expressions needs Primitives, got {describe(primitive)}")
    if primitives is not None and not primitives:
        raise ValueError("expressions needs at least one primitive, got none")
    if max_inputs < 1 or max_operations < 1 or not largest > 0.0:
        raise ValueError("max_inputs and max_operations must be at least 1, and largest positive")
    steps = int(40.0 * min(largest, 10.0))
    inputs = st.lists(st.integers(-steps, steps), min_size=1, max_size=max_inputs)
    reference = st.integers(0, 2 * (max_inputs + max_operations))
    references = st.lists(reference, min_size=1, max_size=4)
    # What is drawn doesn't depend on how many primitives there are: the user's come and go.
    choice = st.tuples(st.integers(0, _MOST_PRIMITIVES), references)
    choices = st.lists(choice, min_size=1, max_size=max_operations)
    return _expressions(inputs, choices, primitives, largest)


_MOST_PRIMITIVES = 1000
_MARGIN = 1e-3  # the least distance from the edges of domains and from kinks
_SIMPLEST = 0.7  # inputs shrink to this: few wrong derivatives show at 0


@st.composite
def _expressions(
    draw: st.DrawFn,
    inputs: st.SearchStrategy[list[int]],
    choices: st.SearchStrategy[list[tuple[int, list[int]]]],
    primitives: Sequence[Primitive] | None,
    largest: float,
) -> Expression:
    table = list(primitives or _differentiable())
    offered = [primitive for primitive in table if primitive is not chosen]
    drawn = tuple([round(_SIMPLEST + step / 100.0, 2) for step in draw(inputs)])
    wanted = draw(choices)
    for point in _substitutes(offered[wanted[0][0] % len(offered)], drawn):
        operations = _operations(offered, wanted, point, largest)
        if operations:
            return Expression(_needed(operations, len(point)), point)
    return reject()


def _differentiable() -> list[Primitive]:
    known = {**TABLE, **Primitive.registered}.values()
    return [primitive for primitive in known if not primitive.surrogate]


_Operation = tuple[Primitive, tuple[int, ...]]


def _operations(
    offered: list[Primitive],
    wanted: list[tuple[int, list[int]]],
    point: tuple[float, ...],
    largest: float,
) -> list[_Operation]:
    """Compute while choosing: take the wanted operations where they are possible, else others."""
    if not all(abs(x) <= largest for x in point):
        return []
    numbers = list(point)
    operations = []
    for first, references in wanted:
        for k in range(len(offered)):
            primitive = offered[(first - k) % len(offered)]
            found = _application(primitive, references, numbers, largest)
            if found is not None:
                operands, result = found
                operations.append((primitive, operands))
                numbers.append(result)
                break
    return operations


def _application(
    primitive: Primitive, references: list[int], numbers: list[float], largest: float
) -> tuple[tuple[int, ...], float] | None:
    """Operands for a primitive, those referred to or else their neighbours, and its result."""
    places = _operand_places(primitive, references, len(numbers))
    for shift in range(len(numbers)):
        operands = tuple([(place - shift) % len(numbers) for place in places])
        result = _moderate_result(primitive, [numbers[k] for k in operands], largest)
        if result is not None:
            return operands, result
    return None


def _operand_places(primitive: Primitive, references: list[int], count: int) -> list[int]:
    """References count back from the newest number; an even one means the newest itself."""
    places = [count - 1 - (reference % 2) * (reference // 2) % count for reference in references]
    if primitive.variadic:
        return places if primitive.defined_at(*[0.0] * len(places)) else places * 2
    least = len(primitive.inputs) - len(primitive.defaults)
    missing = max(0, least - len(places))
    return (places + places[-1:] * missing)[: len(primitive.inputs)]


def _moderate_result(primitive: Primitive, inputs: Sequence[float], largest: float) -> float | None:
    """The result, unless it is too large or the inputs are too near to an edge or a kink."""
    defaults = [primitive.defaults[name] for name in primitive.inputs[len(inputs) :]]
    point = inputs if primitive.variadic else [*inputs, *defaults]
    if not primitive.defined_at(*point):
        return None
    if not all(below and above for below, above in _sides(primitive, point, _margin)):
        return None
    result = primitive.evaluate(*point)
    if not abs(result) <= largest:
        return None
    distances = primitive.kink_distances(*point)
    return result if all(abs(distance) > _MARGIN for distance in distances) else None


def _margin(x: float) -> float:
    return _MARGIN


def _needed(operations: list[_Operation], inputs: int) -> tuple[_Operation, ...]:
    """The operations that the last one depends on, numbered anew."""
    needed = {inputs + len(operations) - 1}
    for place in reversed(range(inputs, inputs + len(operations))):
        if place in needed:
            needed.update(operations[place - inputs][1])
    kept = [place for place in range(inputs + len(operations)) if place < inputs or place in needed]
    number = {place: k for k, place in enumerate(kept)}
    return tuple(
        [
            (primitive, tuple([number[k] for k in operands]))
            for place, (primitive, operands) in enumerate(operations, start=inputs)
            if place in needed
        ]
    )
