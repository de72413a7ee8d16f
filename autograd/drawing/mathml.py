r"""Formulas as MathML, which browsers typeset by themselves, and in words for screen readers.

Only elements of MathML Core are used (W3C, "MathML Core"). How an operation is written follows
from the LaTeX form in its entry of the primitive table, which is read here: ``\frac{#1}{#2}``.
"""

import html
import math
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from autograd import primitives
from autograd.drawing.dot import cut
from autograd.formula import Formula, short, visible
from autograd.primitives import Primitive

MOST_PIECES = 8
"""Of more terms, factors or inputs than these, only the first and the last are written."""

T = TypeVar("T")


class Written(NamedTuple):
    """A piece of an equation.

    Attributes:
        markup: the piece as MathML.
        words: how it is read aloud.
    """

    markup: str
    words: str


def _identifier(text: str) -> str:
    upright = "" if len(text) != 1 or text.isalpha() else ' mathvariant="normal"'
    return f"<mi{upright}>{html.escape(text)}</mi>"


def _operator(character: str) -> str:
    return f"<mo>{html.escape(character)}</mo>"


def display(lines: Sequence[Sequence[Written]]) -> str:
    """Return an equation of one or several lines, whose pieces stand one below the other.

    >>> print(display([[name("x"), sign("=", "is"), number(2.0)]]))
    <math display="block" aria-label="x is 2"><mi>x</mi><mo>=</mo><mn>2</mn></math>
    """
    words = "; ".join(row(*line).words for line in lines)
    if len(lines) == 1:
        body = "".join(piece.markup for piece in lines[0])
    else:
        rows = "".join(f"<mtr>{''.join(map(_cell, line, _SIDES))}</mtr>" for line in lines)
        body = f'<mtable displaystyle="true">{rows}</mtable>'
    return f'<math display="block" aria-label="{html.escape(words)}">{body}</math>'


_SIDES = ("right", "center", "left", "center", "left", "center", "left")


def _cell(piece: Written, side: str) -> str:
    return f'<mtd style="text-align:{side}">{piece.markup}</mtd>'


# Pieces ---------------------------------------------------------------------------------------


def row(*pieces: Written) -> Written:
    """Return pieces one after the other, as one."""
    markup = "".join(piece.markup for piece in pieces)
    words = " ".join(piece.words for piece in pieces if piece.words)
    return Written(f"<mrow>{markup}</mrow>", words)


def sign(character: str, words: str) -> Written:
    """Return an operator, such as = or +."""
    return Written(_operator(character), words)


NOTHING = Written("", "")
DOTS = sign("⋯", "and so on, up to")


def ordinal(piece: Written, place: int) -> Written:
    """Mark a piece as belonging to the first, second, … use of a value in one operation."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(place if place % 100 // 10 != 1 else 0, "th")
    return subscript(piece, note(f"{place}{ending}"))


def note(text: str) -> Written:
    """Return a remark in plain text."""
    return Written(f"<mtext>{html.escape(text)}</mtext>", text)


def fraction(above: Written, below: Written, words: str = "") -> Written:
    """Return one piece over another."""
    words = words or f"{above.words} divided by {below.words}"
    return Written(f"<mfrac>{above.markup}{below.markup}</mfrac>", words)


def subscript(piece: Written, index: Written) -> Written:
    """Return a piece with a smaller one below its line."""
    return Written(f"<msub>{piece.markup}{index.markup}</msub>", f"{piece.words} {index.words}")


def width(piece: Written) -> int:
    """Return how many characters are seen of a piece.

    >>> width(number(-0.5))
    4
    """
    return len(html.unescape(re.sub("<[^>]*>", "", piece.markup)))


def in_parentheses(piece: Written) -> Written:
    """Return a piece in parentheses."""
    markup = f"<mrow>{_operator('(')}{piece.markup}{_operator(')')}</mrow>"
    return Written(markup, f"open {piece.words} close")


def derivative(above: Written, below: Written) -> Written:
    """Return the sign of a derivative, ∂y/∂x.

    >>> derivative(name("y"), name("x")).words
    'the derivative of y by x'
    """
    d = Written("<mi>∂</mi>", "")
    words = f"the derivative of {above.words} by {below.words}"
    return fraction(row(d, above), row(d, below), words)


def joined(pieces: Sequence[Written], between: Written) -> Written:
    """Return pieces with a sign between them."""
    parts = [part for piece in pieces for part in (between, piece)]
    return pieces[0] if len(pieces) == 1 else row(*parts[1:])


def ends(items: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Return all items and none; or of many, the first and the last.

    >>> ends("abc"), ends("abcdefghijk")
    (('abc', ''), ('abcd', 'jk'))
    """
    return (items, items[:0]) if len(items) <= MOST_PIECES else (items[:4], items[-2:])


def elided(pieces: Sequence[Written]) -> list[Written]:
    """Return pieces, or the first and the last of many with dots between them."""
    first, last = ends(pieces)
    return [*first, DOTS, *last] if last else list(pieces)


# Names and numbers ----------------------------------------------------------------------------


def number(x: float) -> Written:
    """Write a number with at most six digits.

    >>> print(number(-1.5).markup)
    <mrow><mo>−</mo><mn>1.5</mn></mrow>
    >>> print(number(2e20).markup)
    <mrow><mn>2</mn><mo>×</mo><msup><mn>10</mn><mn>20</mn></msup></mrow>
    """
    text = short(x)
    if math.isnan(x):
        return Written("<mtext>nan</mtext>", "not a number")
    if text.startswith("-"):
        return row(sign("−", "minus"), number(-x))
    if math.isinf(x):
        return Written("<mi>∞</mi>", "infinity")
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return Written(f"<mn>{text}</mn>", text)
    power = f"<msup><mn>10</mn>{number(int(exponent)).markup}</msup>"
    if mantissa != "1":
        power = f"<mrow><mn>{mantissa}</mn>{_operator('×')}{power}</mrow>"
    return Written(power, text)


def name(text: str) -> Written:
    """Write what a node is called: an index goes below the line, a long name is cut.

    >>> print(name("x1").markup, name("w[2]").markup, name("loss").markup)
    <msub><mi>x</mi><mn>1</mn></msub> <msub><mi>w</mi><mn>2</mn></msub> <mi>loss</mi>
    """
    text = visible(text)
    words = cut(text)
    indexed = _NUMBERED.fullmatch(words) or _INDEXED.fullmatch(words)
    if not indexed:
        return Written(_identifier(words), words)
    index = indexed["index"].replace("][", ",")
    return Written(f"<msub>{_identifier(indexed['base'])}<mn>{index}</mn></msub>", words)


_NUMBERED = re.compile(r"(?P<base>.*[^\W\d_])_?(?P<index>\d+)")
_INDEXED = re.compile(r"(?P<base>.+?)\[(?P<index>\d+(\]\[\d+)*)\]")


# Formulas -------------------------------------------------------------------------------------

_SPOKEN = {
    primitives.add: "plus",
    primitives.subtract: "minus",
    primitives.multiply: "times",
    primitives.divide: "divided by",
    primitives.floor_divide: "divided and rounded down by",
    primitives.remainder: "modulo",
    primitives.power: "to the power of",
}


def written(formula: Formula) -> Written:
    """Write a formula.

    >>> print(written(2.0 / Formula(0.5, "n")).markup)
    <mfrac><mn>2</mn><mi>n</mi></mfrac>
    """
    if formula.primitive in _IN_A_ROW:
        return application(formula.primitive, [in_a_row(operand) for operand in formula.operands])
    operands = [written(operand) for operand in formula.operands]
    if formula.primitive is not None:
        return application(formula.primitive, operands)
    if len(operands) == 2:
        return derivative(*operands)
    if operands:
        return in_parentheses(operands[0])
    if formula.text == short(formula.number):
        return number(formula.number)
    return name(formula.text)


def in_a_row(formula: Formula) -> Written:
    """Write a term or factor: a fraction needs no parentheses there, its bar holds it together.

    >>> n = Formula(0.5, "n")
    >>> written(n * (n / 2.0)).words
    'n times n divided by 2'
    """
    inside = formula.operands[0] if len(formula.operands) == 1 else formula
    is_fraction = formula.primitive is None and inside.primitive is primitives.divide
    return written(inside if is_fraction else formula)


_IN_A_ROW = (primitives.add, primitives.subtract, primitives.multiply, primitives.negative)


def application(primitive: Primitive, operands: Sequence[Written]) -> Written:
    """Write an operation applied to what is written already.

    >>> from autograd import sqrt, tanh
    >>> print(application(sqrt, [name("x")]).markup)
    <msqrt><mi>x</mi></msqrt>
    >>> application(tanh, [name("x")]).words
    'tanh of x'
    """
    if primitive.latex is None:
        return call(Written(_identifier(primitive.name), primitive.name), operands)
    try:
        markup = _Form(primitive.latex, [operand.markup for operand in operands]).markup()
    except (LookupError, ValueError):  # a user's LaTeX may be more than is read here
        return call(Written(_identifier(primitive.name), primitive.name), operands)
    if "#" not in primitive.latex:
        return call(Written(markup, primitive.name), operands)
    return Written(markup, _said(primitive, operands))


def call(function: Written, operands: Sequence[Written]) -> Written:
    """Write the call of a function, with the first and the last of many inputs.

    >>> print(call(name("f"), [name("x")]).markup.replace(_APPLY, ""))
    <mrow><mi>f</mi><mo></mo><mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow></mrow>
    """
    shown = elided(operands)
    commas = _operator(",").join(operand.markup for operand in shown)
    inputs = f"<mrow>{_operator('(')}{commas}{_operator(')')}</mrow>"
    words = f"{function.words} of {', '.join(operand.words for operand in shown)}"
    return Written(f"<mrow>{function.markup}{_operator(_APPLY)}{inputs}</mrow>", words)


_APPLY = "\u2061"  # the invisible sign between a function and its inputs


def _said(primitive: Primitive, operands: Sequence[Written]) -> str:
    between = _SPOKEN.get(primitive)
    if between is not None:
        return f" {between} ".join(operand.words for operand in operands)
    if primitive is primitives.negative:
        return f"minus {operands[0].words}"
    return f"{primitive.name} of {', '.join(operand.words for operand in operands)}"


# LaTeX forms ----------------------------------------------------------------------------------

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|#\d|\d+(?:\.\d+)?|\S")
_WORDS = frozenset(
    re.findall(
        r"\w+",
        "exp log ln lg sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth "
        "max min sup inf lim det dim gcd arg sgn",
    )
)
_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
    "infty": "∞", "ell": "ℓ", "partial": "∂",
}  # fmt: skip
_SIGNS = {
    "cdot": "·", "times": "×", "bmod": "mod", "pm": "±", "le": "≤", "ge": "≥", "to": "→",
    "oplus": "⊕", "otimes": "⊗", "odot": "⊙", "circ": "∘", "langle": "⟨", "rangle": "⟩",
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "lvert": "|", "rvert": "|",
}  # fmt: skip
_PLAIN_SIGNS = frozenset("+-/=,()[]|<>!*")


class _Form:
    """Reads a LaTeX form with the inputs put in their places.

    Raises:
        ValueError: at what it does not know.
        LookupError: too, or if the form ends early or there are not so many inputs.
    """

    def __init__(self, form: str, inputs: Sequence[str]) -> None:
        self.tokens = _TOKEN.findall(form)
        self.inputs = inputs

    def markup(self) -> str:
        """Read all of it."""
        return self._until("")

    def _until(self, end: str) -> str:
        """Read up to a closing token, or to the end."""
        parts: list[str] = []
        while (self.tokens or end) and self.tokens[0] != end:
            parts.append(self._part(parts))
        if end:
            self.tokens.pop(0)
        return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"

    def _part(self, before: list[str]) -> str:
        """Read one piece; one that is raised or lowered takes the last one along."""
        token = self.tokens.pop(0)
        if token in ("^", "_"):
            element = "msup" if token == "^" else "msub"
            return f"<{element}>{before.pop()}{self._argument()}</{element}>"
        return self._piece(token)

    def _argument(self) -> str:
        return self._piece(self.tokens.pop(0))

    def _piece(self, token: str) -> str:
        if token == "{":
            return self._until("}")
        if token.startswith("#"):
            return self.inputs[int(token[1:]) - 1]
        if token.startswith("\\"):
            return self._command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token in _PLAIN_SIGNS:
            return _operator("−" if token == "-" else token)
        if token.isalpha():
            return _identifier(token)
        raise ValueError(f"not known in a form: {token}")

    def _command(self, command: str) -> str:
        if command == "frac":
            return f"<mfrac>{self._argument()}{self._argument()}</mfrac>"
        if command == "sqrt":
            return self._root()
        if command == "left":
            return self._enclosed()
        if command in ("operatorname", "mathrm", "text"):
            return self._word()
        if command in _WORDS:
            return _identifier(command)
        if command in _LETTERS:
            return _identifier(_LETTERS[command])
        return _operator(_SIGNS[command])

    def _root(self) -> str:
        if self.tokens[0] != "[":
            return f"<msqrt>{self._argument()}</msqrt>"
        self.tokens.pop(0)
        degree = self._until("]")
        return f"<mroot>{self._argument()}{degree}</mroot>"

    def _enclosed(self) -> str:
        opening = self._argument()
        inside = self._until(r"\right")
        return f"<mrow>{opening}{inside}{self._argument()}</mrow>"

    def _word(self) -> str:
        """Read the letters between braces as one word."""
        self.tokens.pop(0)
        end = self.tokens.index("}")
        letters, self.tokens = self.tokens[:end], self.tokens[end + 1 :]
        return _identifier("".join(letter.removeprefix("\\") for letter in letters))
