"""Writing the backward sweep down: names for nodes, and equations with the real numbers.

The rules of the primitive table are written in generic functions, so they run on formulas too:
applied to formulas instead of numbers, the rule of tanh returns ``1 - o · o`` itself.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd import primitives, real
from autograd.modes import switched
from autograd.primitives import Primitive

if TYPE_CHECKING:
    from autograd.sweep import Edge, Step
    from autograd.value import Value

# How tightly an operator binds: a looser one inside a tighter one needs parentheses.
_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "**": 4}
_UNARY, _ATOM = 3, 5


def short(x: float) -> str:
    """Write a number with at most six digits.

    >>> short(2.0), short(0.49999999999999994), short(-1e-7)
    ('2', '0.5', '-1e-07')
    """
    return format(x + 0.0, ".6g")


def decimal(x: float) -> str:
    """Write a number with at most six digits, a whole one with a decimal point.

    >>> decimal(2.0), decimal(0.49999999999999994), decimal(1e20)
    ('2.0', '0.5', '1e+20')
    """
    text = short(x)
    return text + ".0" if text.lstrip("-").isdigit() else text


class Formula:
    """A number together with how it is written; operations on formulas give formulas.

    >>> from autograd import tanh
    >>> n = Formula(0.5, "n")
    >>> print(2.0 * (n + tanh(n)))
    2 · (n + tanh(n))
    """

    __slots__ = ("latex", "number", "strength", "text")
    __array_ufunc__ = None

    def __init__(
        self, number: float, text: str, latex: str | None = None, strength: int = _ATOM
    ) -> None:
        self.number = number
        self.text = text
        self.latex = latex_name(text) if latex is None else latex
        self.strength = strength

    def __primitive__(self, primitive: Primitive, inputs: tuple[Any, ...]) -> "Formula":
        """Write an operation that was applied to formulas."""
        operands = [x if isinstance(x, Formula) else _literal(x) for x in inputs]
        number = primitive.evaluate(*[operand.number for operand in operands])
        if primitive is primitives.chosen or _is_first_power(primitive, operands):
            return operands[0]
        strength = _strength(primitive, operands)
        written = [
            operand.in_parentheses_below(strength + (place > 0 or primitive is primitives.power))
            if strength < _ATOM
            else operand
            for place, operand in enumerate(operands)
        ]
        text = primitive.write(*[operand.text for operand in written])
        text = text.replace(" * ", " · ").replace(" ** ", "^")
        latex = primitive.write_latex(*[operand.latex for operand in written])
        return Formula(number, text, latex, strength)

    def in_parentheses_below(self, strength: int) -> "Formula":
        """Return the formula, in parentheses if it binds less tightly than this."""
        if self.strength >= strength:
            return self
        return Formula(self.number, f"({self.text})", rf"\left({self.latex}\right)")

    def __add__(self, other: Any) -> Any:
        return primitives.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return primitives.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return primitives.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return primitives.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return primitives.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return primitives.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return primitives.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return primitives.divide(other, self)

    def __pow__(self, other: Any) -> Any:
        return primitives.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return primitives.power(other, self)

    def __neg__(self) -> Any:
        return primitives.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return primitives.absolute(self)

    def __lt__(self, other: Any) -> bool:
        return self.number < _literal(other).number

    def __le__(self, other: Any) -> bool:
        return self.number <= _literal(other).number

    def __gt__(self, other: Any) -> bool:
        return self.number > _literal(other).number

    def __ge__(self, other: Any) -> bool:
        return self.number >= _literal(other).number

    def __float__(self) -> float:
        return self.number

    def __str__(self) -> str:
        return self.text


def _literal(x: Any) -> Formula:
    if isinstance(x, Formula):
        return x
    number = real.number(x)
    if number is None:
        raise TypeError(f"a formula needs numbers, got {primitives.describe(x)}")
    return Formula(number, short(number), strength=_ATOM if number >= 0 else _UNARY)


def _strength(primitive: Primitive, operands: Sequence[Formula]) -> int:
    if primitive.symbol == primitive.name:
        return _ATOM
    return _UNARY if len(operands) == 1 else _STRENGTH[primitive.symbol]


def _is_first_power(primitive: Primitive, operands: Sequence[Formula]) -> bool:
    return primitive is primitives.power and operands[1].text == "1"


class Names:
    """What to call the nodes of a graph: their labels, and v1, v2, … for those without.

    Constants without a label are called by their number.

    >>> from autograd import Value
    >>> from autograd.sweep import topological_order
    >>> x = Value(2.0, label="x")
    >>> y = x * 3.0
    >>> names = Names(topological_order([y]))
    >>> names[x], names[y], names[y.parents[1]]
    ('x', 'v1', '3')
    """

    def __init__(self, order: "Sequence[Value]") -> None:
        self._names: dict[Value, str] = {}
        taken = {node.label for node in order}
        used: set[str] = set()
        counts = {"a": 0, "v": 0}
        for node in order:
            if node.is_leaf and not node.requires_grad and not node.label:
                self._names[node] = short(node.data)
                continue
            name = node.label
            if not name:
                name = self._next("a" if node.is_leaf else "v", counts, taken)
            elif name in used:
                name = self._next(f"{name}_", counts, taken)
            used.add(name)
            self._names[node] = name

    @staticmethod
    def _next(prefix: str, counts: dict[str, int], taken: set[str]) -> str:
        counts.setdefault(prefix, 1)
        while True:
            counts[prefix] += 1
            name = f"{prefix}{counts[prefix]}"
            if name not in taken:
                return name

    def __getitem__(self, node: "Value") -> str:
        """Return the name of a node."""
        return self._names[node]

    def formula(self, node: "Value") -> "Formula | float":
        """Return a node as it stands in a formula: its name, or its number for a constant."""
        if node.is_leaf and not node.requires_grad and not node.label:
            return node.data
        return Formula(node.data, self[node])

    def operation(self, node: "Value") -> str:
        """Write the operation that made a node, as in ``x * w``; empty for a leaf.

        >>> from autograd import Value
        >>> from autograd.sweep import topological_order
        >>> y = Value(2.0, label="x") * Value(1.0, label="w")
        >>> Names(topological_order([y])).operation(y)
        'x · w'
        """
        if node.primitive is None:
            return ""
        operands = [_literal(self.formula(parent)) for parent in node.parents]
        return str(operands[0].__primitive__(node.primitive, tuple(operands)))


def local_derivatives(node: "Value", names: Names) -> list[Formula]:
    """Return the local derivatives of a node as formulas, such as ``1 - o · o`` for tanh."""
    if node.primitive is None:
        return []
    inputs = [names.formula(parent) for parent in node.parents]
    try:
        with switched(recording=False):
            rules = node.primitive.derivatives(Formula(node.data, names[node]), *inputs)
        return [_literal(rule) for rule in rules]
    except (TypeError, ValueError, ArithmeticError):  # a user's rule may need real floats
        return [
            Formula(partial, f"∂{names[node]}/∂{names[parent]}", r"\partial")
            for parent, partial in zip(node.parents, node.partials, strict=True)
        ]


def step_text(step: "Step") -> str:
    """Write a step of the sweep with the real numbers, one line per edge."""
    return "\n".join(_edge_text(step, edge, rule) for edge, rule in _rules(step))


def _edge_text(step: "Step", edge: "Edge", rule: Formula) -> str:
    parent, node = step.names[edge.parent], step.names[step.node]
    rule = rule.in_parentheses_below(_STRENGTH["*"])
    return (
        f"{parent}.grad += {rule.text} · {node}.grad"
        f" = {short(edge.local_derivative)} × {_factor(step.upstream)} → {_sum_text(edge)}"
    )


def _sum_text(edge: "Edge") -> str:
    """The gradient afterwards; as a sum if there was a gradient before."""
    if edge.before == 0.0:
        return decimal(edge.after)
    contribution = decimal(edge.contribution)
    plus = f"- {contribution[1:]}" if contribution.startswith("-") else f"+ {contribution}"
    return f"{decimal(edge.before)} {plus} = {decimal(edge.after)}"


def _factor(x: float) -> str:
    return f"({short(x)})" if x < 0 else short(x)


def step_latex(step: "Step") -> str:
    r"""Write a step of the sweep as LaTeX, one line per edge."""
    lines = [_edge_latex(step, edge, rule) for edge, rule in _rules(step)]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _edge_latex(step: "Step", edge: "Edge", rule: Formula) -> str:
    parent, node = latex_name(step.names[edge.parent]), latex_name(step.names[step.node])
    rule = rule.in_parentheses_below(_STRENGTH["*"])
    return (
        rf"\bar{{{parent}}} &\mathrel{{+}}= {rule.latex} \cdot \bar{{{node}}}"
        rf" = {short(edge.local_derivative)} \times {_factor(step.upstream)}"
        rf" \rightarrow {_sum_text(edge)}"
    )


def _rules(step: "Step") -> "list[tuple[Edge, Formula]]":
    rules = local_derivatives(step.node, step.names)
    tracked = [
        rule for parent, rule in zip(step.node.parents, rules, strict=True) if parent.requires_grad
    ]
    return list(zip(step.edges, tracked, strict=True))


_LATEX_ESCAPES = {
    "\\": r"\backslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\wedge{}",
    "~": r"\sim{}",
    " ": r"\ ",
    "\n": r"\ ",
}


def latex_name(name: str) -> str:
    r"""Write a name or number as LaTeX, with whatever it contains escaped.

    >>> print(latex_name("x1"), latex_name("w"), latex_name("50%"), latex_name("1e-07"))
    x_{1} w \mathrm{50\%} 10^{-7}
    """
    if re.fullmatch(r"-?[\d.]+", name) or re.fullmatch(r"[A-Za-z]", name):
        return name
    power = re.fullmatch(r"(-?[\d.]+)e([+-]\d+)", name)
    if power:
        mantissa = {"1": "", "-1": "-"}.get(power[1], power[1] + r" \times ")
        return f"{mantissa}10^{{{int(power[2])}}}"
    if name.lstrip("-") == "inf":
        return name.replace("inf", r"\infty")
    indexed = re.fullmatch(r"([A-Za-z])_?(\d+)", name)
    if indexed:
        return f"{indexed[1]}_{{{indexed[2]}}}"
    escaped = "".join(_LATEX_ESCAPES.get(character, character) for character in name)
    return rf"\mathrm{{{escaped}}}"
