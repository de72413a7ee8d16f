"""The equations of a graph in MathML: of its values, of its gradients, and of the chain rule.

They are written from the rules of the primitive table, as the steps of a sweep are: once with
the nodes' names, once with their numbers.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import islice
from operator import add
from typing import Any
from weakref import WeakKeyDictionary

from autograd import primitives
from autograd.drawing import mathml
from autograd.drawing.mathml import (
    DOTS,
    NOTHING,
    Written,
    derivative,
    display,
    elided,
    ends,
    in_a_row,
    joined,
    note,
    ordinal,
    sign,
    written,
)
from autograd.drawing.mathml import number as written_number
from autograd.formula import (
    Formula,
    Names,
    Numbers,
    chained,
    edge_rules,
    literal,
    operation_formula,
)
from autograd.sweep import Edge, Step, Sweep
from autograd.value import Value

MOST_PATHS = 8
"""Of more paths than these, only the first are written out."""

MOST_INPUTS = 32
"""The rules of an operation with more inputs are not written: ∂y/∂x stands in their place."""

LONGEST_LINE = 50
"""What has more characters than these is written in several lines, or not in full."""

EQUALS, PLUS, TIMES = sign("=", "equals"), sign("+", "plus"), sign("·", "times")
NUMBERS = Numbers()

Line = Sequence[Written]


# Values ---------------------------------------------------------------------------------------


def forward_equation(node: Value, names: Names) -> str:
    """Return the equation of a node's value as MathML.

    Its name = the operation in symbols = with numbers = the value.

    Args:
        node: the node.
        names: what to call the nodes.

    >>> from autograd.sweep import topological_order
    >>> y = Value(2.0, label="x") * Value(-3.0, label="w")
    >>> print(forward_equation(y, Names(topological_order([y]))).partition('">')[0])
    <math display="block" aria-label="v1 equals x times w equals 2 times open minus 3 close ...
    """
    name, value = written(names.formula(node)), written_number(node.data)
    if node.primitive is None:
        known = name.markup == value.markup  # a constant is called by its number
        return display([[value, note("\u00a0(a constant)")] if known else [name, EQUALS, value]])
    symbols, numbers = _operation(node, names), _operation(node, NUMBERS)
    lines = _lines(name, [symbols, numbers, value])
    if sum(mathml.width(piece) for line in lines for piece in line) > LONGEST_LINE:
        return display(lines)
    return display([[piece for line in lines for piece in line]])


def _lines(left: Written, forms: Sequence[Written]) -> list[Line]:
    """Say that several forms are the same, each in a line of its own."""
    news = [form for form in dict.fromkeys(forms) if form != left]
    return [[left if k == 0 else NOTHING, EQUALS, form] for k, form in enumerate(news)]


def _operation(node: Value, names: Names | Numbers) -> Written:
    """Write the operation that made a node; sums as sums."""
    operands = [names.formula(parent) for parent in node.parents]
    if node.primitive is primitives.chosen:
        return mathml.call(mathml.name("where"), [note("…"), written(operands[0])])
    if node.primitive is primitives.sum_of and operands:
        return _sum(operands)
    if node.primitive is primitives.mean_of:
        return mathml.fraction(_sum(operands), written_number(len(operands)))
    if node.primitive is primitives.dot_of and operands:
        half = len(operands) // 2
        return _sum([x * y for x, y in zip(operands[:half], operands[half:], strict=True)])
    return written(operation_formula(node, names))


def _sum(terms: Sequence[Formula]) -> Written:
    """Write a sum, of many terms the first and the last."""
    return joined(elided([in_a_row(term) for term in chained(primitives.add, terms)]), PLUS)


def _product(factors: Sequence[Formula]) -> Written:
    """Write a product, of many factors the first and the last."""
    return joined(elided([in_a_row(f) for f in chained(primitives.multiply, factors)]), TIMES)


# Gradients ------------------------------------------------------------------------------------


class _Operation:
    """A step of the sweep, with the rules of its local derivatives."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.node = step.node

    @cached_property
    def in_names(self) -> list[Formula]:
        """The local derivatives by their rules, written with names."""
        return [rule for _, rule in edge_rules(self.step)]

    @cached_property
    def in_numbers(self) -> list[Formula]:
        """The same with numbers."""
        return [rule for _, rule in edge_rules(self.step, NUMBERS)]


@dataclass(frozen=True)
class _Use:
    """One use of a value by an operation: an edge of the graph, as the sweep goes along it.

    Attributes:
        operation: what uses the value.
        edge: what it hands to the value.
        place: which of the step's edges that is.
        repetition: 1, 2, … if the operation uses the value several times; else 0.
    """

    operation: _Operation
    edge: Edge
    place: int
    repetition: int

    def in_symbols(self) -> Written:
        """Write the local derivative as ∂k/∂x."""
        names = self.operation.step.names
        above, below = names.formula(self.operation.node), names.formula(self.edge.parent)
        plain = derivative(written(above), written(below))
        return plain if self.repetition == 0 else ordinal(plain, self.repetition)

    def rule(self, names: Names | Numbers) -> Formula:
        """Write the local derivative by its rule; one that is too long, as a whole."""
        operation = self.operation
        if len(operation.step.edges) <= MOST_INPUTS:
            rules = operation.in_numbers if names is NUMBERS else operation.in_names
            if len(rules[self.place].text) <= LONGEST_LINE:
                return rules[self.place]
        return names.derivative(operation.node, self.edge.parent, self.edge.local_derivative)

    def upstream(self, names: Names | Numbers, root: Value) -> Formula:
        """Write the gradient of the operation's result, as ∂y/∂k or as its number."""
        return names.derivative(root, self.operation.node, self.operation.step.upstream)


class _Flow:
    """What flows back in a sweep: the uses of each node, and how many paths lead there."""

    def __init__(self, sweep: Sweep) -> None:
        self.root = sweep.root
        self.uses: dict[Value, list[_Use]] = {node: [] for node in sweep.order}
        self.paths = dict.fromkeys(sweep.order, 0)
        self.paths[sweep.root] = 1
        for step in sweep:
            for use in _uses(step):
                self.uses[use.edge.parent].append(use)
                self.paths[use.edge.parent] += self.paths[step.node]

    def total(self, node: Value) -> float:
        """Add up what a node receives."""
        return reduce(add, [use.edge.contribution for use in self.uses[node]], 0.0)

    def ways(self, node: Value) -> Iterator[list[_Use]]:
        """Go all ways from the root to a node."""
        begun: list[tuple[Value, Any]] = [(node, None)]  # where it has come to, the uses below
        while begun:
            place, below = begun.pop()
            if place is self.root:
                yield list(_unlinked(below))
                continue
            for use in reversed(self.uses[place]):
                if self.paths[use.operation.node]:
                    begun.append((use.operation.node, (use, below)))


def _uses(step: Step) -> Iterator[_Use]:
    """Yield what a step uses."""
    operation = _Operation(step)
    times = Counter(edge.parent for edge in step.edges)
    so_far: Counter[Value] = Counter()
    for place, edge in enumerate(step.edges):
        so_far[edge.parent] += 1
        repetition = so_far[edge.parent] if times[edge.parent] > 1 else 0
        yield _Use(operation, edge, place, repetition)


def _unlinked(way: Any) -> Iterator[_Use]:
    while way is not None:
        use, way = way
        yield use


_FLOWS: WeakKeyDictionary[Sweep, _Flow] = WeakKeyDictionary()


def _flow(sweep: Sweep) -> _Flow:
    """Return what flows back in a sweep, gathered the first time that it is asked for."""
    if sweep not in _FLOWS:
        _FLOWS[sweep] = _Flow(sweep)
    return _FLOWS[sweep]


def gradient_equation(sweep: Sweep, node: Value) -> str:
    """Return the equation of a node's gradient as MathML: a sum over the uses of the node.

    Each use gives the gradient of its result times the local derivative: in symbols, by the
    rule, with numbers, and worked out.

    Args:
        sweep: the backward sweep.
        node: a node of its graph.

    >>> x = Value(3.0, label="x")
    >>> y = x * x
    >>> equation = gradient_equation(y.steps(), x)
    >>> print(equation.partition('">')[0].split("; ")[2:])
    ['equals 1 times 3 plus 1 times 3', 'equals 6']
    """
    left = _derivative(sweep, node)
    if node is sweep.root:
        return display([[left, EQUALS, written_number(sweep.seed), note("\u00a0(the seed)")]])
    if not node.requires_grad:
        return display([[note("no gradient flows to\u00a0"), written(sweep.names.formula(node))]])
    flow = _flow(sweep)
    forms = _as_sum(flow.uses[node], sweep.root) if flow.uses[node] else []
    return display(_lines(left, [*forms, written_number(flow.total(node))]))


def _as_sum(uses: Sequence[_Use], root: Value) -> list[Written]:
    """Write a gradient as a sum over uses: in symbols, by the rules, with numbers, worked out."""
    first, last = ends(uses)
    shown = [*first, *last]

    def added(terms: Sequence[Written]) -> Written:
        dots = [DOTS] if last else []
        return joined([*terms[: len(first)], *dots, *terms[len(first) :]], PLUS)

    def multiplied(names: Names | Numbers) -> Written:
        terms = [use.upstream(names, root) * use.rule(names) for use in shown]
        return added([in_a_row(term) for term in chained(primitives.add, terms)])

    names = shown[0].operation.step.names
    symbols = [
        joined([written(use.upstream(names, root)), use.in_symbols()], TIMES) for use in shown
    ]
    worked = [use.upstream(NUMBERS, root) * use.edge.local_derivative for use in shown]
    return [
        added(symbols),
        multiplied(names),
        multiplied(NUMBERS),
        added([in_a_row(term) for term in chained(primitives.add, worked)]),
    ]


def _derivative(sweep: Sweep, node: Value) -> Written:
    """Write the derivative of the root by a node, in symbols."""
    names = sweep.names
    return derivative(written(names.formula(sweep.root)), written(names.formula(node)))


# The chain rule -------------------------------------------------------------------------------


def chain_rule(sweep: Sweep, node: Value) -> str:
    """Return all ways from the root to a node as MathML, each the product of its derivatives.

    The gradient is their sum. Of many ways the first few are written out, and how many more
    there are.

    Args:
        sweep: the backward sweep.
        node: a node of its graph.

    >>> x = Value(3.0, label="x")
    >>> y = x * x
    >>> for line in chain_rule(y.steps(), x).partition('">')[0].split("; "):
    ...     print(line)
    <math display="block" aria-label="the derivative of v1 by x equals the derivative ...
    plus the derivative of v1 by x 2nd equals 3 equals 3
    equals 6
    """
    flow = _flow(sweep)
    count = flow.paths.get(node, 0)
    if node is sweep.root or not count:
        return gradient_equation(sweep, node)
    ways = list(islice(flow.ways(node), MOST_PATHS))
    left, total = _derivative(sweep, node), written_number(flow.total(node))
    if count == 1:
        return display(_lines(left, [*_forms(ways[0], sweep.seed), total]))
    lines = [_path_line(way, sweep.seed) for way in ways]
    lines[0] = [left, EQUALS, *lines[0][2:]]
    if count > len(ways):
        lines.append([NOTHING, PLUS, note(_more_paths(count - len(ways)))])
    return display([*lines, [NOTHING, EQUALS, total]])


def _forms(path: Sequence[_Use], seed: float) -> list[Written]:
    """Write a way in symbols, by the rules, and with numbers."""
    names = path[0].operation.step.names
    rules = _product([use.rule(names) for use in path])
    return [_in_symbols(path), rules, _product(_numbers(path, seed))]


def _in_symbols(path: Sequence[_Use]) -> Written:
    return joined(elided([use.in_symbols() for use in path]), TIMES)


def _path_line(path: Sequence[_Use], seed: float) -> Line:
    """Write one way of several: in symbols, and with numbers."""
    numbers = _numbers(path, seed)
    value = reduce(primitives.multiply, [number.number for number in numbers])
    symbols, product = _in_symbols(path), _product(numbers)
    return [NOTHING, PLUS, symbols, EQUALS, product, EQUALS, written_number(value)]


def _numbers(path: Sequence[_Use], seed: float) -> list[Formula]:
    """The factors of a way; a seed that is 1 is left out."""
    seeds = [] if seed == 1.0 else [seed]
    return [literal(x) for x in (*seeds, *(use.edge.local_derivative for use in path))]


def _more_paths(count: int) -> str:
    if count == 1:
        return "one more path"
    if count < 10**15:
        return f"{count:,} more paths"
    return f"about 10^{math.log10(count):.0f} more paths"
