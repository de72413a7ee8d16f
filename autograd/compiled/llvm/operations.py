"""Operations on numbers in LLVM's language: on plain ones, or on vectors of one per sample."""

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from autograd.compiled.code import CONDITIONS

_LOG2_REST = 2.3190468138462996e-17  # log 2 - math.log(2.0)

_BINARY = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
_COMPARISONS = {"less": "olt", "less_equal": "ole", "equal": "oeq"}
_LOGIC = {"and": "and", "or": "or"}
_INTRINSICS = {"absolute": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil"}
_INTRINSICS["round"] = "roundeven"
"""Operations that are instructions of the processor."""

FUNCTIONS = {
    **{name: name for name in ("exp", "expm1", "log", "log1p", "log2", "log10", "cbrt")},
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos")},
    **{name: name for name in ("atan", "asinh", "acosh", "atanh", "atan2", "hypot", "erf", "erfc")},
    "power": "pow",
}
"""Operations that are functions of C's library."""

KNOWN = {*_BINARY, *CONDITIONS, *_INTRINSICS, *FUNCTIONS} | {
    *("constant", "input", "number", "batch_mean", "negative", "maximum", "minimum", "select"),
    *("sum", "dot", "remainder", "floor_divide", "pick", "scatter", "mean_at"),
}
"""The operations that can be written."""


@dataclass(frozen=True)
class Target:
    """What the machine can do.

    Attributes:
        width: how many numbers a vector has.
        has_fma: whether x * y + z is one instruction.
        vector_functions: the names of functions of vectors, by those of C's library.
    """

    width: int
    has_fma: bool
    vector_functions: dict[str, str]


def hexadecimal(x: float) -> str:
    """Return a number exactly as LLVM writes it.

    >>> hexadecimal(1.0)
    '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


class Body:
    """What a function does, line by line.

    Args:
        target: the machine.
        width: how many samples a number is a vector of; 0 for plain numbers.
        declared: what functions the module needs besides: those that are called are added.
    """

    def __init__(self, target: Target, width: int, declared: dict[str, str]) -> None:
        self.target = target
        self.width = width
        self.declared = declared
        self.real = f"<{width} x double>" if width else "double"
        self.truth = f"<{width} x i1>" if width else "i1"
        self.lines = ["start:"]
        self.block = "start"
        self.carried: list[str] = []
        self.left_over: list[str] = []
        self.count = 0

    @contextmanager
    def _loop(self, name: str, count: int | str, carried: Sequence[str] = ()) -> Iterator[str]:
        """Write a loop around what is written inside; the counter's name is given.

        Args:
            name: what to call it.
            count: how often it is gone through, once at least.
            carried: kinds and first values of results that are carried from round to round:
                `carried` has their names inside, to be replaced, and `left_over` afterwards.
        """
        self.count += 1
        label = f"{name}{self.count}"
        before = self.block
        self.lines += [f"  br label %{label}", f"{label}:"]
        self.block = label
        place = len(self.lines)
        counter = f"%{label}_k"
        names = [f"%{label}_c{k}" for k in range(len(carried))]
        outside, self.carried = self.carried, list(names)
        yield counter
        after, self.carried = self.carried, outside
        heads = [f"  {counter} = phi i64 [0, %{before}], [{counter}1, %{self.block}]"]
        for first, inside, new in zip(carried, names, after, strict=True):
            kind, _, start = first.rpartition(" ")
            heads.append(f"  {inside} = phi {kind} [{start}, %{before}], [{new}, %{self.block}]")
        self.lines[place:place] = heads
        self.lines += [
            f"  {counter}1 = add i64 {counter}, 1",
            f"  {counter}_more = icmp ult i64 {counter}1, {count}",
            f"  br i1 {counter}_more, label %{label}, label %{label}_end",
            f"{label}_end:",
        ]
        self.block = f"{label}_end"
        self.left_over = after

    # Writing ----------------------------------------------------------------------------------

    def _new(self, text: str) -> str:
        """Write an instruction, and return the name of its result."""
        self.count += 1
        name = f"%t{self.count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def _declare(self, name: str, result: str, *parameters: str) -> str:
        self.declared.setdefault(name, f"declare {result} @{name}({', '.join(parameters)})")
        return name

    def _call(self, name: str, *xs: str) -> str:
        """Call a function of numbers."""
        self._declare(name, self.real, *[self.real] * len(xs))
        return self._new(f"call {self.real} @{name}({', '.join(f'{self.real} {x}' for x in xs)})")

    def _intrinsic(self, name: str, *xs: str) -> str:
        kind = f"v{self.width}f64" if self.width else "f64"
        return self._call(f"llvm.{name}.{kind}", *xs)

    def _pointer(self, base: str, place: int, width: int = 1) -> str:
        return self._new(f"getelementptr double, ptr %{base}, i64 {place * width}")

    def _align(self) -> str:
        return f"align {8 * max(self.width, 1)}"

    def _constant(self, x: float | bool) -> str:
        text = str(x).lower() if type(x) is bool else hexadecimal(x)
        kind = "i1" if type(x) is bool else "double"
        return f"splat ({kind} {text})" if self.width else text

    def _spread(self, number: str, kind: str = "double") -> str:
        """Return a vector whose entries are all the same number."""
        if not self.width:
            return number
        vector = f"<{self.width} x {kind}>"
        first = self._new(f"insertelement {vector} poison, {kind} {number}, i64 0")
        return self._new(
            f"shufflevector {vector} {first}, {vector} poison, <{self.width} x i32> zeroinitializer"
        )

    # Operations -------------------------------------------------------------------------------

    def _applied(self, name: str, xs: Sequence[str]) -> str:
        """Write an operation on numbers of these names, and return the name of its result."""
        if name in _BINARY:
            return self._new(f"{_BINARY[name]} {self.real} {xs[0]}, {xs[1]}")
        if name == "sum":
            total = xs[0]
            for x in xs[1:]:
                total = self._new(f"fadd {self.real} {total}, {x}")
            return total
        if name == "negative":
            return self._new(f"fneg {self.real} {xs[0]}")
        if name in _COMPARISONS:
            return self._compare(_COMPARISONS[name], *xs)
        if name in _LOGIC:
            return self._new(f"{_LOGIC[name]} {self.truth} {xs[0]}, {xs[1]}")
        if name == "not":
            return self._new(f"xor {self.truth} {xs[0]}, {self._constant(True)}")
        if name == "select":
            return self._select(*xs)
        if name in ("maximum", "minimum"):
            return self._extreme("ogt" if name == "maximum" else "olt", *xs)
        if name in _INTRINSICS:
            return self._intrinsic(_INTRINSICS[name], *xs)
        if name == "remainder":
            return self._remainder(*xs)
        if name == "floor_divide":
            return self._floor_divide(*xs)
        if self.width and self.target.has_fma:
            if name == "exp":
                return self._exponential(*xs)
            if name == "expm1" and name in self.target.vector_functions:
                return self._exponential_less_one(*xs)
        return self._library(FUNCTIONS[name], *xs)

    def _compare(self, how: str, x: str, y: str) -> str:
        return self._new(f"fcmp {how} {self.real} {x}, {y}")

    def _select(self, condition: str, x: str, y: str) -> str:
        return self._new(f"select {self.truth} {condition}, {self.real} {x}, {self.real} {y}")

    def _extreme(self, how: str, x: str, y: str) -> str:
        """The larger or smaller of two numbers; nan if either is nan."""
        is_nan = self._compare("uno", x, x)
        first = self._new(f"or {self.truth} {self._compare(how, x, y)}, {is_nan}")
        return self._select(first, x, y)

    def _add_product(self, total: str | None, x: str, y: str) -> str:
        if total is not None and self.target.has_fma:
            return self._intrinsic("fma", x, y, total)
        product = self._new(f"fmul {self.real} {x}, {y}")
        return product if total is None else self._new(f"fadd {self.real} {total}, {product}")

    def _library(self, name: str, *xs: str) -> str:
        """Call a function of C's library: of vectors, or for one entry after the other."""
        if not self.width:
            return self._call(name, *xs)
        vector_name = self.target.vector_functions.get(name)
        if vector_name is not None:
            return self._call(vector_name, *xs)
        self._declare(name, "double", *["double"] * len(xs))
        result = "poison"
        for lane in range(self.width):
            entries = [self._new(f"extractelement {self.real} {x}, i64 {lane}") for x in xs]
            given = ", ".join(f"double {entry}" for entry in entries)
            number = self._new(f"call double @{name}({given})")
            result = self._new(f"insertelement {self.real} {result}, double {number}, i64 {lane}")
        return result

    def _exponential(self, x: str) -> str:
        """exp(x), within 1 ulp: 2**k times the power series of exp(r), where x = k log 2 + r.

        Cody and Waite (1980), "Software Manual for the Elementary Functions", chapter 6.
        """
        real, whole = self.real, f"<{self.width} x i64>"
        for bound, how in ((1000.0, "ogt"), (-1000.0, "olt")):  # beyond, it is inf or 0 anyway
            limit = self._constant(bound)
            x = self._select(self._compare(how, x, limit), limit, x)
        scaled = self._new(f"fmul {real} {x}, {self._constant(1.4426950408889634)}")
        k = self._intrinsic("roundeven", scaled)
        minus_k = self._new(f"fneg {real} {k}")
        r = self._intrinsic("fma", minus_k, self._constant(math.log(2.0)), x)
        r = self._intrinsic("fma", minus_k, self._constant(_LOG2_REST), r)
        squared = self._new(f"fmul {real} {r}, {r}")
        above_one = self._intrinsic("fma", squared, self._series(r), r)
        result = self._new(f"fadd {real} {self._constant(1.0)}, {above_one}")
        k = self._select(self._compare("uno", x, x), self._constant(0.0), k)
        exponent = self._new(f"fptosi {real} {k} to {whole}")
        half = self._new(f"ashr {whole} {exponent}, splat (i64 1)")
        rest = self._new(f"sub {whole} {exponent}, {half}")
        for part in (half, rest):  # in two steps: 2**k alone may be too large or too small
            biased = self._new(f"add {whole} {part}, splat (i64 1023)")
            bits = self._new(f"shl {whole} {biased}, splat (i64 52)")
            power = self._new(f"bitcast {whole} {bits} to {real}")
            result = self._new(f"fmul {real} {result}, {power}")
        return result

    def _series(self, r: str) -> str:
        """(exp(r) - 1 - r) / r**2, by its power series, for r of half of log 2 at most."""
        series = self._constant(1.0 / math.factorial(13))
        for n in range(12, 1, -1):
            series = self._intrinsic("fma", series, r, self._constant(1.0 / math.factorial(n)))
        return series

    def _exponential_less_one(self, x: str) -> str:
        """exp(x) - 1 within 2 ulp: near 0, where the library's function of vectors isn't."""
        slope = self._intrinsic("fma", x, self._series(x), self._constant(1.0))
        near_zero = self._new(f"fmul {self.real} {x}, {slope}")
        is_near = self._compare("olt", self._intrinsic("fabs", x), self._constant(0.3))
        return self._select(is_near, near_zero, self._library("expm1", x))

    def _remainder(self, x: str, y: str) -> str:
        """x - y * floor(x / y) with all digits, as Python defines it: with the sign of y."""
        rest, is_off = self._rest(x, y)
        return self._select(is_off, self._new(f"fadd {self.real} {rest}, {y}"), rest)

    def _rest(self, x: str, y: str) -> tuple[str, str]:
        """The remainder with the sign of x, and whether it is off by y."""
        zero = self._constant(0.0)
        rest = self._library("fmod", x, y)
        below, divisor_below = self._compare("olt", rest, zero), self._compare("olt", y, zero)
        differs = self._new(f"xor {self.truth} {below}, {divisor_below}")
        nonzero = self._compare("one", rest, zero)
        return rest, self._new(f"and {self.truth} {differs}, {nonzero}")

    def _floor_divide(self, x: str, y: str) -> str:
        """floor(x / y), found from the remainder as Python does, so that the two fit together."""
        zero, one = self._constant(0.0), self._constant(1.0)
        rest, is_off = self._rest(x, y)
        multiple = self._new(f"fsub {self.real} {x}, {rest}")
        quotient = self._new(f"fdiv {self.real} {multiple}, {y}")
        less = self._new(f"fsub {self.real} {quotient}, {one}")
        quotient = self._select(is_off, less, quotient)
        below = self._intrinsic("floor", quotient)
        above = self._new(f"fsub {self.real} {quotient}, {below}")
        more = self._new(f"fadd {self.real} {below}, {one}")
        nearest = self._select(self._compare("ogt", above, self._constant(0.5)), more, below)
        whole = self._new(f"fdiv {self.real} {x}, {y}")
        return self._select(self._compare("oeq", y, zero), whole, nearest)
