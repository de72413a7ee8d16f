"""Straight-line code: a function as a list of operations on scalars, each done once.

An instruction is a pair of what is done and to what: ``("multiply", (3, 7))`` multiplies the
results of instructions 3 and 7. Besides primitives, which are called by their name, there are

    constant      a number, or True or False for a condition
    input         a number of the sample: its place among the sample's numbers
    number        a number that belongs to the call: a parameter, by its place among them
    less, less_equal, equal, and, or, not, select: conditions, and the choice between two numbers
    pick          one of several numbers, by an index that comes first
    detach        the same number, through which no gradient flows
    batch_mean    the mean of a number over all samples
    scatter       a table of so many sums: index, x, index, x, … adds each x to that of its index
    mean_at       the mean over all samples of one sum of such a table, by its place there
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import real
from autograd.primitives import Primitive, find_primitive

Instruction = tuple[str, tuple[Any, ...]]

LEAVES = ("constant", "input", "number")
CONDITIONS: dict[str, Callable[..., bool]] = {
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "equal": lambda x, y: x == y,
    "and": lambda x, y: x and y,
    "or": lambda x, y: x or y,
    "not": lambda x: not x,
}

MEANS = ("batch_mean", "mean_at")

# How often an instruction is done: once per call, for each sample, once after all samples.
ONCE, EACH, AFTER = range(3)


@dataclass(frozen=True)
class Code:
    """Straight-line code, and which results it is for.

    Attributes:
        instructions: what is done, in order.
        outputs: the instructions whose results are wanted of every sample.
        totals: those whose results are wanted once per call.
    """

    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...] = ()
    totals: tuple[int, ...] = ()

    @property
    def rates(self) -> list[int]:
        """How often each instruction is done: ONCE, EACH or AFTER."""
        rates: list[int] = []
        for name, arguments in self.instructions:
            rates.append(rate(name, arguments, rates))
        return rates

    def uses(self) -> list[int]:
        """Return how often each result is used, by other instructions or as what is wanted."""
        uses = [0] * len(self.instructions)
        for name, arguments in self.instructions:
            for operand in operands(name, arguments):
                uses[operand] += 1
        for place in (*self.outputs, *self.totals):
            uses[place] += 1
        return uses

    def without_dead_code(self) -> "Code":
        """Return the same code without instructions whose results nobody wants."""
        wanted = {*self.outputs, *self.totals}
        for place in range(len(self.instructions) - 1, -1, -1):
            if place in wanted:
                wanted.update(operands(*self.instructions[place]))
        moved: dict[int, int] = {}
        kept: list[Instruction] = []
        for place in sorted(wanted):
            name, arguments = instruction = self.instructions[place]
            moved[place] = len(kept)
            if name not in LEAVES:
                instruction = (name, tuple([moved[x] for x in arguments]))
            kept.append(instruction)
        return Code(
            tuple(kept),
            tuple(moved[place] for place in self.outputs),
            tuple(moved[place] for place in self.totals),
        )

    def to_json(self) -> str:
        """Return the code as JSON text."""
        entries = [
            [name, [_written(x) for x in arguments]] for name, arguments in self.instructions
        ]
        return json.dumps({"instructions": entries, "outputs": self.outputs, "totals": self.totals})

    @classmethod
    def from_json(cls, text: str) -> "Code":
        """Return code from JSON text that `to_json` wrote.

        Raises:
            ValueError: if the text is not such code.
            LookupError: if a primitive of the user's is not declared in this process.
        """
        try:
            saved = json.loads(text)
            instructions = tuple(
                (str(name), tuple(_read(x) for x in arguments))
                for name, arguments in saved["instructions"]
            )
            code = cls(instructions, tuple(saved["outputs"]), tuple(saved["totals"]))
        except NOT_AS_WRITTEN as error:
            raise ValueError(f"this is not the JSON of compiled code: {error}") from None
        code.check()
        return code

    def check(self) -> None:
        """Raise ValueError if an instruction is unknown or is given what it can't take.

        That is what comes after it, or a condition in place of a number, or the other way round.
        """
        are_conditions: list[bool] = []
        for place, (name, arguments) in enumerate(self.instructions):
            if name in LEAVES:
                fits = len(arguments) == 1 and _is_leaf(name, arguments[0])
            else:
                fits = all(type(x) is int and 0 <= x < place for x in arguments)
                fits = fits and _fits(name, len(arguments))
                fits = fits and all(
                    are_conditions[x] == _takes_condition(name, k) for k, x in enumerate(arguments)
                )
            if not fits:
                raise ValueError(f"instruction {place} of the code is not valid: {name}{arguments}")
            is_true_or_false = name == "constant" and type(arguments[0]) is bool
            are_conditions.append(name in CONDITIONS or is_true_or_false)
        for place in (*self.outputs, *self.totals):
            if type(place) is not int or not 0 <= place < len(self.instructions):
                raise ValueError(f"the code has no instruction {place!r} to return")
            if self.instructions[place][0] in CONDITIONS:
                raise ValueError(f"the code returns instruction {place}, which is no number")

    def check_function(self, inputs: int, numbers: int, results: int) -> None:
        """Raise ValueError if the code is not that of a function of one sample.

        Args:
            inputs: how many numbers the sample has.
            numbers: how many numbers belong to the call.
            results: how many numbers the function returns.
        """
        for place, (name, arguments) in enumerate(self.instructions):
            if name in ("input", "number"):
                count = inputs if name == "input" else numbers
                if arguments[0] >= count:
                    raise ValueError(f"the code takes {name} {arguments[0]}, there are {count}")
            if name == "pick" and self.instructions[arguments[0]][0] != "input":
                raise ValueError(f"instruction {place} of the code picks by what is no input")
            if name in MEANS or name == "scatter":
                raise ValueError(f"the code of a function of one sample has no {name}")
        if self.totals or len(self.outputs) != results:
            raise ValueError(
                f"the code returns {len(self.outputs)} numbers per sample and {len(self.totals)} "
                f"per call, but the function {results} per sample"
            )


NOT_AS_WRITTEN = (
    *(KeyError, IndexError, TypeError, AttributeError),
    *(ValueError, OverflowError, RecursionError),
)
"""What is raised when JSON is not as it was written."""


def _is_leaf(name: str, x: Any) -> bool:
    """Return whether a leaf can be of this number, or at this place."""
    if name == "constant":
        return type(x) is not int or abs(x) <= _LARGEST_WHOLE
    return type(x) is int and x >= 0


_LARGEST_WHOLE = 2**53  # up to it, whole numbers are floats


def _takes_condition(name: str, k: int) -> bool:
    """Return whether an operand is a condition, and not a number."""
    return name in ("and", "or", "not") or (name == "select" and k == 0)


def _fits(name: str, count: int) -> bool:
    """Return whether there is such an instruction with so many operands."""
    if name in CONDITIONS:
        return count == (1 if name == "not" else 2)
    if name in ("detach", "batch_mean"):
        return count == 1
    if name == "mean_at":
        return count == 2
    if name == "scatter":
        return count % 2 == 1
    if name == "select":
        return count == 3
    if name == "pick":
        return count >= 2
    if name == "dot":
        return count >= 2 and count % 2 == 0
    found = primitive_named(name)
    return count >= 1 if found.variadic else count == len(found.inputs)


def _written(x: Any) -> Any:
    return x.hex() if type(x) is float else x


def _read(x: Any) -> Any:
    if isinstance(x, str):
        return float.fromhex(x)
    if isinstance(x, (bool, int)):
        return x
    raise ValueError(f"{x!r} is no operand")


def operands(name: str, arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the instructions whose results an instruction needs.

    >>> operands("multiply", (3, 7)), operands("constant", (2.0,))
    ((3, 7), ())
    """
    return () if name in LEAVES else arguments


def rate(name: str, arguments: tuple[Any, ...], rates: Sequence[int]) -> int:
    """Return how often an instruction is done, given how often those before it are."""
    if name == "input":
        return EACH
    if name in MEANS:
        return AFTER
    if name in LEAVES:
        return ONCE
    found = [rates[place] for place in arguments]
    return EACH if EACH in found else AFTER if AFTER in found else ONCE


def name_of(primitive: Primitive) -> str:
    """Return what an instruction calls a primitive: its name, marked if it is the user's own.

    >>> from autograd import tanh
    >>> name_of(tanh)
    'tanh'
    """
    return primitive.name if primitive.is_builtin else f"user.{primitive.name}"


def primitive_named(name: str) -> Primitive:
    """Return the primitive that an instruction names.

    Raises:
        LookupError: if there is none.

    >>> primitive_named("tanh")
    <primitive tanh(x)>
    """
    owner, _, own_name = name.rpartition(".")
    return find_primitive(own_name, builtin=not owner)


class Builder:
    """Code in the making: what was done before is not done twice, nor what is known already.

    >>> builder = Builder()
    >>> x = builder.emit("input", 0)
    >>> builder.emit("multiply", x, x) == builder.emit("multiply", x, x)
    True
    >>> builder.emit("add", x, builder.constant(0.0)) == x
    True
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.rates: list[int] = []
        self.known: list[float | bool | None] = []
        self._places: dict[Any, int] = {}

    def constant(self, x: float | bool) -> int:
        """Return the place of a constant."""
        if x != x:
            x = real.nan  # there is one of it, which equals itself in a tuple
        key = ("constant", x if type(x) is bool else float(x).hex())
        place = self._places.get(key)
        return self._added(key, ("constant", (x,)), x) if place is None else place

    def value(self, place: int) -> float | bool | None:
        """Return the number at a place if it is a constant, else None."""
        return self.known[place]

    def emit(self, name: str, *arguments: int) -> int:
        """Add an instruction, unless the result is at some place already, and return its place."""
        simplify = _SIMPLER.get(name)
        if simplify is not None:
            found: int | None = simplify(self, *arguments)
            if found is not None:
                return found
        if name not in _KEPT and name not in LEAVES:
            numbers = [self.known[place] for place in arguments]
            if None not in numbers:
                return self.constant(_evaluated(name, numbers))
        key = instruction = (name, arguments)
        if name in _COMMUTING and arguments[0] > arguments[1]:
            key = (name, arguments[::-1])
        place = self._places.get(key)
        return self._added(key, instruction) if place is None else place

    def copy(self, instruction: Instruction, places: dict[int, int] | Sequence[int]) -> int:
        """Add an instruction of other code, whose results are at these places here."""
        name, arguments = instruction
        if name == "constant":
            return self.constant(arguments[0])
        if name in LEAVES:
            return self.emit(name, *arguments)
        return self.emit(name, *[places[place] for place in arguments])

    def _added(self, key: Any, instruction: Instruction, known: float | bool | None = None) -> int:
        place = self._places[key] = len(self.instructions)
        self.instructions.append(instruction)
        self.rates.append(rate(*instruction, self.rates))
        self.known.append(known)
        return place

    def operand_of(self, place: int, name: str) -> int | None:
        """Return what an operation of one operand was applied to, if it is this operation."""
        found, arguments = self.instructions[place]
        return arguments[0] if found == name else None


def _evaluated(name: str, numbers: Sequence[Any]) -> float | bool:
    """Return the result of an operation on constants."""
    condition = CONDITIONS.get(name)
    return condition(*numbers) if condition else primitive_named(name).evaluate(*numbers)


def _add(b: Builder, x: int, y: int) -> int | None:
    if b.known[x] == 0.0:
        return y
    if b.known[y] == 0.0:
        return x
    negated = b.operand_of(y, "negative")
    return None if negated is None else b.emit("subtract", x, negated)


def _subtract(b: Builder, x: int, y: int) -> int | None:
    if b.known[y] == 0.0:
        return x
    negated = b.operand_of(y, "negative")
    return None if negated is None else b.emit("add", x, negated)


def _multiply(b: Builder, x: int, y: int) -> int | None:
    for one, other in ((b.known[x], y), (b.known[y], x)):
        if one is not None and one * one == 1.0:
            return other if one == 1.0 else b.emit("negative", other)
    return None


def _power(b: Builder, x: int, y: int) -> int | None:
    exponent = b.known[y]
    if exponent == 0.0:
        return b.constant(1.0)
    if exponent == 1.0:
        return x
    return b.emit("multiply", x, x) if exponent == 2.0 else None


def _dot(b: Builder, *xys: int) -> int | None:
    return b.emit("multiply", *xys) if len(xys) == 2 else None


def _select(b: Builder, condition: int, x: int, y: int) -> int | None:
    chosen = b.value(condition)
    if chosen is not None:
        return x if chosen else y
    return x if x == y else None


def _and(b: Builder, x: int, y: int) -> int | None:
    for one, other in ((x, y), (y, x)):
        if b.value(one) is not None:
            return other if b.value(one) else one
    return x if x == y else None


def _or(b: Builder, x: int, y: int) -> int | None:
    for one, other in ((x, y), (y, x)):
        if b.value(one) is not None:
            return one if b.value(one) else other
    return x if x == y else None


def _batch_mean(b: Builder, x: int) -> int | None:
    return None if b.rates[x] == EACH else x


_SIMPLER: dict[str, Any] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": lambda b, x, y: x if b.known[y] == 1.0 else None,
    "power": _power,
    "negative": lambda b, x: b.operand_of(x, "negative"),
    "absolute": lambda b, x: (
        None if (inside := b.operand_of(x, "negative")) is None else b.emit("absolute", inside)
    ),
    "positive": lambda b, x: x,
    "where": lambda b, x: x,  # the primitive of a choice that was made
    "sum": lambda b, *xs: xs[0] if len(xs) == 1 else b.emit("add", *xs) if len(xs) == 2 else None,
    "dot": _dot,
    "select": _select,
    "and": _and,
    "or": _or,
    "not": lambda b, x: b.operand_of(x, "not"),
    "batch_mean": _batch_mean,
    "detach": lambda b, x: x if b.value(x) is not None else None,
}


_KEPT = ("detach", "pick", "select", "scatter", *MEANS)  # even where all is known
_COMMUTING = ("add", "multiply", "maximum", "minimum", "and", "or", "equal")

# Reading --------------------------------------------------------------------------------------

_SIGNS = {"less": "<", "less_equal": "<=", "equal": "==", "and": "&", "or": "|"}


def listing(code: Code, inputs: Sequence[str], numbers: Sequence[str]) -> str:
    """Return code as text, one line per operation.

    Args:
        code: the code.
        inputs: what to call the numbers of a sample.
        numbers: what to call the numbers of the call.
    """
    names: list[str] = []
    lines: dict[int, list[str]] = {ONCE: [], EACH: [], AFTER: []}
    for place, ((name, arguments), often) in enumerate(
        zip(code.instructions, code.rates, strict=True)
    ):
        if name in LEAVES:
            names.append(_leaf_text(name, arguments[0], inputs, numbers))
            continue
        names.append(f"v{place}")
        text = _operation_text(name, [names[x] for x in arguments])
        lines[often].append(f"  v{place} = {text}")
    titles = {ONCE: "once:", EACH: "for each sample:", AFTER: "after all samples:"}
    whole = [line for often in titles if lines[often] for line in (titles[often], *lines[often])]
    for what, places in (("return per sample", code.outputs), ("return once", code.totals)):
        if places:
            whole.append(f"{what}: {', '.join(names[place] for place in places)}")
    return "\n".join(whole)


def _leaf_text(name: str, x: Any, inputs: Sequence[str], numbers: Sequence[str]) -> str:
    if name == "constant":
        return str(x) if type(x) is bool or not math.isfinite(x) else f"{x:g}"
    place: int = x
    return inputs[place] if name == "input" else numbers[place]


def _operation_text(name: str, texts: list[str]) -> str:
    if name in _SIGNS:
        return f" {_SIGNS[name]} ".join(texts)
    if name == "select":
        return f"where({', '.join(texts)})"
    if name == "pick":
        return f"[{', '.join(texts[1:])}][{texts[0]}]"
    if name == "scatter":
        pairs = zip(texts[1::2], texts[2::2], strict=True)
        return f"scatter({', '.join(f'{index}: {x}' for index, x in pairs)})"
    if name == "mean_at":
        return f"batch_mean({texts[0]}[{texts[1]}])"
    if name in ("not", "detach", "batch_mean"):
        return f"{name}({texts[0]})"
    return primitive_named(name).write(*texts)
