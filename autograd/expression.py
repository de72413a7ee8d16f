"""The language of the stepgrad command: an expression as text becomes a graph of Values.

It is a small part of Python's grammar. Python's own parser reads the text, and a translator
turns what it knows into a list of operations, one after the other; everything else is refused
by name. Nothing is ever handed to Python to run, so an expression may come from anywhere.
"""

import ast
import difflib
import math
import operator
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from autograd import primitives
from autograd.nested import flatten
from autograd.primitives import TABLE
from autograd.value import Value

MOST_CHARACTERS = 10_000
DEEPEST_NESTING = 100
LARGEST_SIZE = 20_000
"""How many operations and operands an expression may have."""

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf}
"""The names that mean a number, unless they are given as variables."""

_LISTS = ("softmax", "log_softmax")  # functions whose result is a list
_OF_LISTS = ("sum", "mean", "dot", "logsumexp", *_LISTS)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(primitives, name)
    for name, entry in TABLE.items()
    if entry.symbol == name and entry is not primitives.gelu_tanh  # which is a form of gelu
}
"""The functions that an expression may call: those of `autograd`, and abs."""
FUNCTIONS |= {name: getattr(primitives, name) for name in _LISTS}
FUNCTIONS["abs"] = primitives.absolute

_OPERATORS = {
    ast.Add: primitives.add,
    ast.Sub: primitives.subtract,
    ast.Mult: primitives.multiply,
    ast.Div: primitives.divide,
    ast.FloorDiv: primitives.floor_divide,
    ast.Mod: primitives.remainder,
    ast.Pow: primitives.power,
    ast.USub: primitives.negative,
    ast.UAdd: primitives.positive,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

_OTHER_NAMES = {"ln": "log", "max": "maximum", "min": "minimum", "pow": "x ** y", "fabs": "abs"}

_INSTEAD: dict[type[ast.AST], str] = {
    ast.Attribute: "there are no attributes; write tanh(x), not math.tanh(x) or x.tanh()",
    ast.BoolOp: "and, or, not belong inside where(condition, a, b)",
    ast.Compare: "a comparison belongs inside where(condition, a, b)",
    ast.IfExp: "write where(condition, a, b) to choose",
    ast.List: "a list belongs inside sum, mean, dot, logsumexp, softmax or log_softmax",
    ast.NamedExpr: "write 'name = expression;' before the last expression to name a part",
    ast.Tuple: "the result is one number",
    ast.BitXor: "write x ** y for a power",
    ast.AugAssign: "write 'name = expression;' to name a part",
}
_LANGUAGE = "numbers, names, + - * / // % **, and calls of autograd's functions are allowed"


class ExpressionError(ValueError):
    """Raised for a text that is no expression of the language; the message is one line."""


class Expression:
    """An expression: a function of its variables, from numbers to a Value.

    Attributes:
        text: the expression as it was written.
        variables: the names of the variables, in the order of their appearance.

    >>> f = parse("n = x*w + 1; tanh(n)")
    >>> f.variables
    ('x', 'w')
    >>> y = f(2.0, -0.5)
    >>> y, y.parents
    (Value(0.0, grad=0.0, op='tanh'), (Value(0.0, grad=0.0, label='n', op='+'),))
    """

    def __init__(self, text: str, translator: "_Translator", root: int) -> None:
        self.text = text
        self.variables = tuple(translator.variables)
        self._variables = tuple(translator.variables.values())
        self._constants = translator.constants
        self._operations = translator.operations
        self._labels = translator.labels
        self._source = translator.source
        self._root = root

    def __call__(self, *inputs: float | Value) -> Value:
        """Build the graph at a point.

        Args:
            inputs: one number or Value per variable; numbers become Values labelled with the
                variable's name, which want a gradient.

        Returns:
            The result; parts that have a name in the expression are labelled with it.

        Raises:
            TypeError: if there are not as many inputs as variables.
        """
        if len(inputs) != len(self.variables):
            raise TypeError(
                f"the expression has the variables {', '.join(self.variables)}: "
                f"it needs {len(self.variables)} inputs, got {len(inputs)}"
            )
        slots = dict(self._constants)
        for slot, label in self._labels.items():
            if slot in slots:
                slots[slot] = _labelled(slots[slot], label)
        for slot, name, x in zip(self._variables, self.variables, inputs, strict=True):
            slots[slot] = x if isinstance(x, Value) else Value(x, name)
        for slot, node, function, operands in self._operations:
            result = function(*[slots[operand] for operand in operands])
            label = self._labels.get(slot, "")
            slots[slot] = _labelled(result, label) if label else result
            if getattr(result, "made_at", None):  # a part of the text says more than our caller
                result.made_at = f"in the expression: {self._source(node)}"
        root = slots[self._root]
        return root if isinstance(root, Value) else _labelled(root, "")


def parse(text: str, given: Iterable[str] = ()) -> Expression:
    """Read an expression.

    The language is Python's for numbers, names, ``+ - * / // % **``, parentheses, and calls of
    the functions of `autograd`; lists stand inside ``sum``, ``mean``, ``dot`` and the like,
    comparisons inside ``where``. ``name = expression;`` before the last expression names a part.
    ``pi``, ``e`` and ``inf`` are constants unless they are given.

    Args:
        text: the expression.
        given: the names that are variables whatever else they mean.

    Raises:
        ExpressionError: if the text is anything else; the message says what and where.

    >>> parse("e**x").variables, parse("e**x", given=["x", "e"]).variables
    (('x',), ('e', 'x'))
    >>> parse("tahn(x)")
    Traceback (most recent call last):
        ...
    autograd.expression.ExpressionError: there is no function 'tahn'; did you mean tan or tanh?
    """
    text = text.strip()
    tree = _tree(text)
    translator = _Translator(text, given)
    return Expression(text, translator, translator.program(tree.body))


def quoted(text: str, most: int = 60) -> str:
    r"""Return a text in quotes, on one line and not too long, for a message.

    >>> quoted("x" * 100, most=5), quoted("a\nb")
    ("'xxxxx…'", "'a\\nb'")
    """
    return repr(text if len(text) <= most else text[:most] + "…")


def suggestion(name: str, possibilities: Iterable[str]) -> str:
    """Return ``; did you mean …?`` if something has a similar name, else nothing.

    >>> suggestion("w_1", ["w1", "x1"]), suggestion("q", ["w1"])
    ('; did you mean w1?', '')
    """
    close = difflib.get_close_matches(name[:100], list(possibilities), n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def name_in_message(name: str) -> str:
    """Return a name in quotes, spelling out a letter beyond ASCII, which may look like another.

    >>> name_in_message("x"), name_in_message("µ")
    ("'x'", "'µ' (with MICRO SIGN)")
    """
    strange = next((letter for letter in name if not letter.isascii()), "")
    spelled = f" (with {unicodedata.name(strange, ascii(strange))})" if strange else ""
    return quoted(name) + spelled


def _tree(text: str) -> ast.Module:
    """Return Python's syntax tree of the text, if it is of a reasonable size."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(
            f"the expression has {len(text):,} characters; at most {MOST_CHARACTERS:,} are allowed"
        )
    brackets = ((letter in "([{") - (letter in ")]}") for letter in text)
    if max(accumulate(brackets), default=0) > DEEPEST_NESTING:
        raise _too_deep()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as 1and 2: Python is in doubt, so are we
            tree = ast.parse(text)
    except SyntaxError as error:
        raise ExpressionError(_syntax_message(error)) from None
    except (RecursionError, MemoryError):
        raise _too_deep() from None
    except ValueError:  # a null byte, or half of a character
        raise ExpressionError(
            f"the expression {quoted(text)} has a character that is no text"
        ) from None
    if _depth(tree) > DEEPEST_NESTING:
        raise _too_deep()
    return tree


def _too_deep() -> ExpressionError:
    return ExpressionError(
        f"the expression is nested too deeply; at most {DEEPEST_NESTING} levels are allowed "
        "(name its parts, or write a long sum as sum([…]))"
    )


def _syntax_message(error: SyntaxError) -> str:
    reason = " ".join(error.msg.partition(";")[0].split())
    if error.text is None or error.offset is None:
        return f"the expression can't be read: {reason}"
    rest = error.text[max(error.offset - 1, 0) :].strip()
    where = f"at {quoted(rest, most=20)}" if rest else "at its end"
    return f"the expression can't be read {where}: {reason}"


def _depth(tree: ast.AST) -> int:
    """Return how deep the tree is, where a chain such as a + b + c counts as one level."""
    deepest = 0
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        for child in ast.iter_child_nodes(node):
            in_chain = isinstance(node, ast.BinOp) and child is node.left
            stack.append((child, depth + (not in_chain)))
    return deepest


def _labelled(result: Any, label: str) -> Value:
    """Return the result as a Value that carries the label."""
    if isinstance(result, Value):
        result.label = label
        return result
    return Value(result, label, requires_grad=False)


def _item(index: int, xs: Sequence[Any]) -> Any:
    return xs[index]


def _holds(comparisons: Sequence[Callable[[float, float], bool]], *xs: Any) -> bool:
    """Whether every number stands in its comparison to the next, as in 0 < x <= 1."""
    numbers = [float(x) for x in xs]
    pairs = zip(comparisons, numbers, numbers[1:], strict=False)
    return all(comparison(x, y) for comparison, x, y in pairs)


def _all(*conditions: bool) -> bool:
    return all(conditions)


def _any(*conditions: bool) -> bool:
    return any(conditions)


class _Translator:
    """Turns a syntax tree into operations on numbered slots.

    Every constant, variable and result has a slot; an operation is (slot, syntax, function,
    operands). Operations on constants alone are carried out at once.
    """

    def __init__(self, text: str, given: Iterable[str]) -> None:
        self.lines = [line.encode() for line in re.split("\r\n|\r|\n", text)]
        self.given = set(given)
        self.variables: dict[str, int] = {}
        self.constants: dict[int, Any] = {}
        self.operations: list[tuple[int, ast.expr, Callable[..., Any], Sequence[int]]] = []
        self.labels: dict[int, str] = {}
        self.named: dict[str, int] = {}
        self.named_lists: dict[str, list[int]] = {}
        self.slots = 0
        self.size = 0

    def program(self, statements: Sequence[ast.stmt]) -> int:
        """Translate all statements; the last is the result."""
        if not statements:
            raise ExpressionError("the expression is empty")
        *parts, last = statements
        for part in parts:
            self._assign(part)
        if isinstance(last, ast.Assign):
            raise ExpressionError(
                f"the last part must be the expression itself, without a name: "
                f"add '; {self._target(last)}' after {self.source(last)}"
            )
        if not isinstance(last, ast.Expr):
            raise self._refused(last)
        return self._number(last.value)

    # Names ------------------------------------------------------------------------------------

    def _target(self, statement: ast.stmt) -> str:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                return name
            case ast.Expr():
                raise ExpressionError(
                    f"only the last part has no name: write 'name = expression;' "
                    f"in place of {self.source(statement)}"
                )
        raise self._refused(statement)

    def _assign(self, statement: ast.stmt) -> None:
        name = self._target(statement)
        if name in self.given or name in self.variables:
            raise ExpressionError(f"{name_in_message(name)} is a variable and can't be assigned")
        if name in self.named or name in self.named_lists:
            raise ExpressionError(f"{name_in_message(name)} is assigned twice: use two names")
        assert isinstance(statement, ast.Assign)
        if self._is_list(statement.value):
            slots = self._list(statement.value)
            for place, slot in enumerate(slots):
                self.labels.setdefault(slot, f"{name}[{place}]")
            self.named_lists[name] = slots
        else:
            slot = self._number(statement.value)
            self.labels.setdefault(slot, name)  # n = m is a second name: the first remains
            self.named[name] = slot

    def _name(self, name: str) -> int:
        if name in self.named:
            return self.named[name]
        if name in self.named_lists:
            raise ExpressionError(f"{name_in_message(name)} is a list: write {name}[0]")
        if name not in self.variables and name not in self.given:
            if name in CONSTANTS:
                return self._constant(CONSTANTS[name])
            if name in FUNCTIONS:
                raise ExpressionError(f"{name!r} is a function: write {name}(…)")
        if name not in self.variables:
            self.variables[name] = self._slot()
        return self.variables[name]

    # Numbers, lists, conditions ---------------------------------------------------------------

    def _number(self, node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int() | float() as number) if type(number) is not bool:
                return self._literal(node, number)
            case ast.Name(id=name):
                return self._name(name)
            case ast.BinOp():
                return self._chain(node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                return self._emit(node, _OPERATORS[type(sign)], [self._number(operand)])
            case ast.Call(func=ast.Name(id="where")):
                return self._where(node)
            case ast.Call(func=ast.Name(id=name)):
                if name in _LISTS:
                    raise ExpressionError(f"{name} gives a list: write {name}([…])[0]")
                return self._call(node, name)[0]
            case ast.Subscript(value=xs, slice=ast.Constant(value=index)) if type(index) is int:
                return self._entry(node, self._list(xs), index)
            case ast.Call(func=function):
                raise self._refused(node, function)
        raise self._refused(node)

    def _literal(self, node: ast.expr, number: float) -> int:
        try:
            value = float(number)
        except OverflowError:
            value = math.inf
        self._check_finite(node, value)
        return self._constant(value)

    def _chain(self, node: ast.BinOp) -> int:
        """Translate a + b + c … from left to right, without a level of recursion for each sign."""
        links = []
        first: ast.expr = node
        while isinstance(first, ast.BinOp):
            links.append(first)
            first = first.left
        result = self._number(first)
        for link in reversed(links):
            if type(link.op) not in _OPERATORS:
                raise self._refused(link, link.op)
            operands = [result, self._number(link.right)]
            result = self._emit(link, _OPERATORS[type(link.op)], operands)
        return result

    def _entry(self, node: ast.expr, slots: list[int], index: int) -> int:
        if index >= len(slots):
            raise ExpressionError(
                f"{self.source(node)} is outside the list, which has {len(slots)} entries"
            )
        return slots[index]

    def _is_list(self, node: ast.expr) -> bool:
        match node:
            case ast.List() | ast.Tuple():
                return True
            case ast.Call(func=ast.Name(id=name)):
                return name in _LISTS
            case ast.Name(id=name):
                return name in self.named_lists
        return False

    def _list(self, node: ast.expr) -> list[int]:
        match node:
            case ast.List(elts=entries) | ast.Tuple(elts=entries):
                return [self._number(entry) for entry in entries]
            case ast.Name(id=name) if name in self.named_lists:
                return self.named_lists[name]
            case ast.Call(func=ast.Name(id=name)) if name in _LISTS:
                xs, count = self._call(node, name)
                return [self._emit(node, partial(_item, k), [xs]) for k in range(count)]
        raise ExpressionError(f"a list such as [x, y] is needed in place of {self.source(node)}")

    def _condition(self, node: ast.expr) -> int:
        match node:
            case ast.Compare(left=left, ops=ops, comparators=others):
                if not all(type(op) in _COMPARISONS for op in ops):
                    raise self._refused(node, ops[0])
                comparisons = [_COMPARISONS[type(op)] for op in ops]
                operands = [self._number(operand) for operand in (left, *others)]
                return self._emit(node, partial(_holds, comparisons), operands)
            case ast.BoolOp(op=op, values=parts):
                every = _all if isinstance(op, ast.And) else _any
                return self._emit(node, every, [self._condition(part) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._emit(node, operator.not_, [self._condition(operand)])
            case ast.Constant(value=bool(truth)):
                return self._constant(truth)
        raise ExpressionError(
            f"where needs a condition such as x > 0 in place of {self.source(node)}"
        )

    # Calls ------------------------------------------------------------------------------------

    def _where(self, node: ast.Call) -> int:
        if len(node.args) != 3 or node.keywords:
            raise ExpressionError(
                f"where(condition, a, b) needs just these three, in {self.source(node)}"
            )
        condition, x, y = node.args
        operands = [self._condition(condition), self._number(x), self._number(y)]
        return self._emit(node, primitives.where, operands)

    def _call(self, node: ast.Call, name: str) -> tuple[int, int]:
        """Translate a call; return its slot and the number of its operands."""
        if name not in FUNCTIONS:
            raise ExpressionError(f"there is no function {name_in_message(name)}{_hint(name)}")
        function = FUNCTIONS[name]
        take = self._list if name in _OF_LISTS else self._number
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            match keyword:
                case ast.keyword(arg=None):
                    raise self._refused(node)
                case ast.keyword(arg="approximate", value=ast.Constant(value=str(form))):
                    function = partial(function, approximate=form)
                case ast.keyword(arg=str(key)) if key in named:
                    raise ExpressionError(f"{self.source(node)} gives {key!r} twice")
                case ast.keyword(arg=str(key), value=value):
                    named[key] = take(value)
        operands, rebuild = flatten(([take(argument) for argument in node.args], named))

        def call(*xs: Any) -> Any:
            positional, keywords = rebuild(xs)
            return function(*positional, **keywords)

        self._try(node, call, len(operands))
        return self._emit(node, call, operands), len(operands)

    def _try(self, node: ast.Call, call: Callable[..., Any], count: int) -> None:
        """Call a function with ones, to see whether it takes so many inputs by these names."""
        try:
            call(*[1.0] * count)
        except (TypeError, ValueError) as error:
            raise ExpressionError(f"in {self.source(node)}: {error}") from None

    # Slots ------------------------------------------------------------------------------------

    def _slot(self) -> int:
        self.slots += 1
        return self.slots

    def _constant(self, value: Any) -> int:
        slot = self._slot()
        self.constants[slot] = value
        return slot

    def _emit(self, node: ast.expr, function: Callable[..., Any], operands: Sequence[int]) -> int:
        """Add an operation; if its operands are constants, its result is one too."""
        self.size += 1 + len(operands)
        if self.size > LARGEST_SIZE:
            raise ExpressionError(
                f"the expression has too many parts; at most {LARGEST_SIZE:,} operations "
                "and operands are allowed"
            )
        if all(operand in self.constants for operand in operands):
            xs = [self.constants[operand] for operand in operands]
            result = function(*xs)
            if _is_finite(xs):
                self._check_finite(node, result)
            return self._constant(result)
        slot = self._slot()
        self.operations.append((slot, node, function, operands))
        return slot

    def _check_finite(self, node: ast.expr, value: Any) -> None:
        if not _is_finite(value):
            raise ExpressionError(f"the constant {self.source(node)} is not finite: it is {value}")

    # Refusing ---------------------------------------------------------------------------------

    def source(self, node: ast.expr | ast.stmt) -> str:
        """Return the part of the text that a node stands for, in quotes; its first line."""
        line = self.lines[node.lineno - 1]  # the parser counts in bytes
        end = node.end_col_offset if node.end_lineno == node.lineno else len(line)
        return quoted(line[node.col_offset : end].decode())

    def _refused(
        self, node: ast.expr | ast.stmt, culprit: ast.AST | None = None
    ) -> ExpressionError:
        instead = _INSTEAD.get(type(culprit or node), _LANGUAGE)
        return ExpressionError(f"{self.source(node)} is not part of the language: {instead}")


def _is_finite(values: Any) -> bool:
    return all(math.isfinite(x) for x in flatten([values])[0])


def _hint(name: str) -> str:
    if name in _OTHER_NAMES:
        return f"; did you mean {_OTHER_NAMES[name]}?"
    return suggestion(name, FUNCTIONS)
