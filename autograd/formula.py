"""Writing the backward sweep down: names for nodes, and equations with the real numbers.

The rules of the primitive table are written in generic functions, so they run on formulas too:
applied to formulas instead of numbers, the rule of tanh returns ``1 - o · o`` itself.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from autograd import primitives, real
from autograd.modes import switched
from autograd.primitives import Primitive

if TYPE_CHECKING:
    from autograd.sweep import Edge, Step
    from autograd.value import Value

# How tightly an operator binds: a looser one inside a tighter one needs parentheses.
_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "**": 4}
_LOOSE, _UNARY, _ATOM = 0, 3, 5
_SIGNS = {primitives.multiply: " · ", primitives.power: "^"}


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


def visible(text: str) -> str:
    r"""Write a text in one line, with control characters made visible.

    The others are shown as they are. Those that would break a line, reverse the reading
    direction or can't stand in a file at all get a picture or an escape.

    >>> print(visible("a\nb\0 \u202e <c>"))
    a␊b␀ \u202e <c>
    """
    return _INVISIBLE.sub(lambda match: _picture(match[0]), text)


_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters
    "\u200e\u200f\u2028-\u202e\u2066-\u2069"  # separators of lines, directions of reading
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"  # no characters at all
)


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\\u{code:04x}"


class Formula:
    """A number together with how it is written; operations on formulas give formulas.

    Attributes:
        number: the number.
        text: how it is written in text.
        latex: and in LaTeX.
        strength: how tightly the text holds together.
        primitive: the operation, if it is written as one.
        operands: what the operation is applied to, in parentheses where they are needed; a
            formula without a primitive is its one operand in parentheses, or the derivative of
            the first of two by the second.

    >>> from autograd import tanh
    >>> n = Formula(0.5, "n")
    >>> print(2.0 * (n + tanh(n)))
    2 · (n + tanh(n))
    """

    __slots__ = ("latex", "number", "operands", "primitive", "strength", "text")
    __array_ufunc__ = None

    def __init__(
        self,
        number: float,
        text: str,
        latex: str | None = None,
        strength: int = _ATOM,
        primitive: Primitive | None = None,
        operands: "Sequence[Formula]" = (),
    ) -> None:
        self.number = number
        self.text = text
        self.latex = latex_name(text) if latex is None else latex
        self.strength = strength
        self.primitive = primitive
        self.operands = operands

    def __primitive__(self, primitive: Primitive, inputs: tuple[Any, ...]) -> "Formula":
        """Write an operation that was applied to formulas."""
        operands = [literal(x) for x in inputs]
        if primitive is primitives.chosen or _is_first_power(primitive, operands):
            return operands[0]
        number = primitive.evaluate(*[operand.number for operand in operands])
        return _application(primitive, operands, number)

    def in_parentheses_below(self, strength: int) -> "Formula":
        """Return the formula, in parentheses if it binds less tightly than this."""
        return self if self.strength >= strength else _in_parentheses(self)

    def __add__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.add, (self, other))

    def __radd__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.add, (other, self))

    def __sub__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.subtract, (self, other))

    def __rsub__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.subtract, (other, self))

    def __mul__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.multiply, (self, other))

    def __rmul__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.multiply, (other, self))

    def __truediv__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.divide, (self, other))

    def __rtruediv__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.divide, (other, self))

    def __floordiv__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.floor_divide, (self, other))

    def __rfloordiv__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.floor_divide, (other, self))

    def __mod__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.remainder, (self, other))

    def __rmod__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.remainder, (other, self))

    def __pow__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.power, (self, other))

    def __rpow__(self, other: Any) -> "Formula":
        return self.__primitive__(primitives.power, (other, self))

    def __neg__(self) -> "Formula":
        return self.__primitive__(primitives.negative, (self,))

    def __pos__(self) -> "Formula":
        return self

    def __abs__(self) -> "Formula":
        return self.__primitive__(primitives.absolute, (self,))

    def __eq__(self, other: object) -> bool:
        return self.number == (other.number if isinstance(other, Formula) else other)

    def __hash__(self) -> int:
        return hash(self.number)

    def __lt__(self, other: Any) -> bool:
        return self.number < literal(other).number

    def __le__(self, other: Any) -> bool:
        return self.number <= literal(other).number

    def __gt__(self, other: Any) -> bool:
        return self.number > literal(other).number

    def __ge__(self, other: Any) -> bool:
        return self.number >= literal(other).number

    def __float__(self) -> float:
        return self.number

    def __str__(self) -> str:
        return self.text


def literal(x: Any) -> Formula:
    """Return a number as a formula; a formula is returned as it is.

    Raises:
        TypeError: for anything else.

    >>> print(literal(-0.5) * literal(-2.0))
    -0.5 · (-2)
    """
    if isinstance(x, Formula):
        return x
    number = real.number(x)
    if number is None:
        raise TypeError(f"a formula needs numbers, got {primitives.describe(x)}")
    text = short(number)
    return Formula(number, text, strength=_UNARY if text.startswith("-") or "e" in text else _ATOM)


def _application(primitive: Primitive, operands: Sequence[Formula], number: float) -> Formula:
    """Write an operation, with parentheses where they are needed."""
    strength = _strength(primitive, len(operands))
    texts, placed = [], []
    for place, operand in enumerate(operands):
        loose = _is_loose(primitive, operands, place)
        apart = _in_parentheses(operand) if loose else operand
        texts.append(operand.text if strength == _ATOM else apart.text)
        placed.append(apart if _is_bare(primitive, place) else operand)
    sign = _SIGNS.get(primitive)
    text = primitive.write(*texts) if sign is None else sign.join(texts)
    latex = primitive.write_latex(*[operand.latex for operand in placed])
    return Formula(number, text, latex, strength, primitive, placed)


def _in_parentheses(formula: Formula) -> Formula:
    latex = rf"\left({formula.latex}\right)"
    return Formula(formula.number, f"({formula.text})", latex, operands=[formula])


def _strength(primitive: Primitive, inputs: int) -> int:
    """Return how tightly an operation binds its inputs; a function call can't be torn apart."""
    called = primitive.symbol == primitive.name or primitive.notation is not None
    if called or primitive.variadic or inputs > 2:
        return _ATOM
    return _UNARY if inputs == 1 else _STRENGTH.get(primitive.symbol, _LOOSE)


def _is_loose(primitive: Primitive, operands: Sequence[Formula], place: int) -> bool:
    """Return whether an operand needs parentheses, unless something else encloses it."""
    operand = operands[place]
    strength = _strength(primitive, len(operands))
    if strength in (_ATOM, _LOOSE):
        return operand.strength < _ATOM
    follows_a_sign = place > 0 or strength == _UNARY
    if follows_a_sign and operand.text.startswith("-"):
        return True
    return operand.strength < strength + (place > 0 or primitive is primitives.power)


# An input in a LaTeX form that is enclosed already: \sqrt{#1}, \left|#1\right|; not {#1}^2.
_ENCLOSED = re.compile(r"(?:[{(\[|]|\\l\w+)\s*#\d\s*(?:[)\]|]|\\r\w+|\}(?!\^))")


def chained(primitive: Primitive, operands: Sequence[Formula]) -> list[Formula]:
    """Return formulas as they stand in a long sum or product, in parentheses where needed.

    >>> n = Formula(-0.5, "n")
    >>> [str(term) for term in chained(primitives.multiply, [-n, n + 1.0, 2.0 * n, -n])]
    ['-n', '(n + 1)', '(2 · n)', '(-n)']
    """
    return [
        _in_parentheses(operand) if _is_loose(primitive, (operand, operand), place) else operand
        for place, operand in zip([0] + [1] * len(operands), operands, strict=False)
    ]


def _is_bare(primitive: Primitive, place: int) -> bool:
    return f"#{place + 1}" in _ENCLOSED.sub("", primitive.latex or "")


def _is_first_power(primitive: Primitive, operands: Sequence[Formula]) -> bool:
    return primitive is primitives.power and operands[1].text == "1"


def _is_plain_constant(node: "Value") -> bool:
    return node.is_leaf and not node.requires_grad and not node.label


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
        taken = {visible(node.label) for node in order}
        used: set[str] = set()
        counts = {"a": 0, "v": 0}
        for node in order:
            if _is_plain_constant(node):
                self._names[node] = short(node.data)
                continue
            name = visible(node.label)
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

    def formula(self, node: "Value") -> Formula:
        """Return a node as it stands in a formula: its name, or its number for a constant.

        A name that is a formula itself, such as ``x1*w1``, binds loosely.
        """
        if _is_plain_constant(node):
            return literal(node.data)
        name = self[node]
        strength = _ATOM if re.fullmatch(r"[^\s+\-*/^%·]+", name) else _LOOSE
        return Formula(node.data, name, strength=strength)

    def derivative(self, node: "Value", parent: "Value", partial: float) -> Formula:
        """Return a derivative as it stands in a formula: ``∂y/∂x``."""
        above = self.formula(node).in_parentheses_below(_ATOM)
        below = self.formula(parent).in_parentheses_below(_ATOM)
        latex = rf"\frac{{\partial {above.latex}}}{{\partial {below.latex}}}"
        return Formula(partial, f"∂{above}/∂{below}", latex, operands=[above, below])

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
        if node.primitive is primitives.chosen:
            return f"where(…, {self.formula(node.parents[0])})"
        return operation_formula(node, self).text


class Numbers:
    """Writes the nodes of a graph as their numbers, where `Names` writes names."""

    @staticmethod
    def formula(node: "Value") -> Formula:
        """Return a node as it stands in a formula: its number."""
        return literal(node.data)

    @staticmethod
    def derivative(node: "Value", parent: "Value", partial: float) -> Formula:
        """Return a derivative as it stands in a formula: its number."""
        return literal(partial)


def operation_formula(node: "Value", names: Names | Numbers) -> Formula:
    """Return the operation that made a node as a formula: of names, or of numbers.

    >>> from autograd import Value
    >>> y = Value(2.0, label="x") * Value(-3.0, label="w")
    >>> print(operation_formula(y, Numbers()))
    2 · (-3)
    """
    if node.primitive is None:
        return names.formula(node)
    operands = [names.formula(parent) for parent in node.parents]
    return _application(node.primitive, operands, node.data)


def local_derivatives(node: "Value", names: Names | Numbers) -> list[Formula]:
    """Return the local derivatives of a node as formulas, such as ``1 - o · o`` for tanh."""
    if node.primitive is None:
        return []
    inputs = [
        parent.data if _is_plain_constant(parent) else names.formula(parent)
        for parent in node.parents
    ]
    try:
        with switched(recording=False):
            rules = node.primitive.derivatives(names.formula(node), *inputs)
        return [literal(rule) for rule in rules]
    # A user's rule may need real floats.
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return [
            names.derivative(node, parent, partial)
            for parent, partial in zip(node.parents, node.partials, strict=True)
        ]


def step_text(step: "Step") -> str:
    """Write a step of the sweep with the real numbers, one line per edge."""
    return "\n".join(_edge_text(step, edge, rule) for edge, rule in edge_rules(step))


def _edge_text(step: "Step", edge: "Edge", rule: Formula) -> str:
    parent = step.names.formula(edge.parent).in_parentheses_below(_ATOM)
    node = step.names.formula(step.node).in_parentheses_below(_ATOM)
    rule = rule.in_parentheses_below(_STRENGTH["*"])
    return (
        f"{parent}.grad += {rule.text} · {node}.grad"
        f" = {short(edge.local_derivative)} × {_factor(step.upstream)} → {_sum_text(edge)}"
    )


def _sum_text(edge: "Edge", write: Callable[[float], str] = decimal) -> str:
    """The gradient afterwards; as a sum if there was a gradient before."""
    if edge.before == 0.0:
        return write(edge.after)
    contribution = write(edge.contribution)
    plus = f"- {contribution[1:]}" if contribution.startswith("-") else f"+ {contribution}"
    return f"{write(edge.before)} {plus} = {write(edge.after)}"


def _factor(x: float, write: Callable[[float], str] = short) -> str:
    return f"({write(x)})" if x < 0 else write(x)


def step_latex(step: "Step") -> str:
    r"""Write a step of the sweep as LaTeX, one line per edge."""
    return aligned_equations([_edge_latex(step, edge, rule) for edge, rule in edge_rules(step)])


def aligned_equations(equations: Sequence[str]) -> str:
    r"""Return equations as LaTeX, one below the other.

    >>> print(aligned_equations(["x &= 3", "y &= 9"]))
    \begin{aligned}
    x &= 3 \\
    y &= 9
    \end{aligned}
    """
    return "\\begin{aligned}\n" + " \\\\\n".join(equations) + "\n\\end{aligned}"


def _edge_latex(step: "Step", edge: "Edge", rule: Formula) -> str:
    parent, node = latex_name(step.names[edge.parent]), latex_name(step.names[step.node])
    rule = rule.in_parentheses_below(_STRENGTH["*"])
    return (
        rf"{_barred(parent)} &\mathrel{{+}}= {rule.latex} \cdot {_barred(node)}"
        rf" = {latex_short(edge.local_derivative)} \times {_factor(step.upstream, latex_short)}"
        rf" \rightarrow {_sum_text(edge, _latex_decimal)}"
    )


def latex_short(x: float) -> str:
    r"""Write a number as LaTeX, with at most six digits.

    >>> print(latex_short(-1e-7))
    -10^{-7}
    """
    return latex_name(short(x))


def _latex_decimal(x: float) -> str:
    return latex_name(decimal(x))


def _barred(name: str) -> str:
    """The gradient of a node: its name under a bar, which is as long as the name."""
    is_word = name.startswith(r"\mathrm")
    return rf"\overline{{{name}}}" if is_word else rf"\bar{{{name}}}"


def edge_rules(step: "Step", names: Names | Numbers | None = None) -> list[tuple["Edge", Formula]]:
    """Return each edge of a step with its local derivative, as a formula of names or numbers."""
    rules = local_derivatives(step.node, names or step.names)
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
    escaped = "".join(_LATEX_ESCAPES.get(character, character) for character in visible(name))
    return rf"\mathrm{{{escaped}}}"
