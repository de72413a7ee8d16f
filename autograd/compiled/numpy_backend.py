"""Running compiled code with NumPy: each operation is done for a block of samples at once.

This is the reference for other backends, and runs wherever NumPy does.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from autograd.compiled.arrays import find_numpy
from autograd.compiled.code import AFTER, EACH, MEANS, ONCE, Code, operands, primitive_named
from autograd.compiled.forms import lowered

BLOCK = 1024  # samples: what is in work fits into the processor's caches

# What NumPy calls the operations that it has.
_NAMES = {
    **{name: name for name in ("add", "subtract", "multiply", "divide", "negative", "power")},
    **{name: name for name in ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt")},
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot")},
    **{name: name for name in ("absolute", "maximum", "minimum", "floor", "ceil")},
    **{name: name for name in ("remainder", "floor_divide", "less", "less_equal", "equal")},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    **{name: f"logical_{name}" for name in ("and", "or", "not")},
    "round": "rint",
    "select": "where",
}


class NumpyKernel:
    """Code made ready to run.

    Args:
        code: the code.
        widths: of how many numbers each argument of a sample consists.

    Raises:
        ImportError: if NumPy is not installed.
    """

    name = "numpy"

    def __init__(self, code: Code, widths: Sequence[int]) -> None:
        self.numpy = find_numpy()
        self.code = lowered(code)
        self.columns = [(table, k) for table, width in enumerate(widths) for k in range(width)]
        rates = self.code.rates
        self.once, self.each, self.after = (
            [place for place, often in enumerate(rates) if often == wanted]
            for wanted in (ONCE, EACH, AFTER)
        )
        self.means = [
            (place, *arguments)
            for place, (name, arguments) in enumerate(self.code.instructions)
            if name in MEANS
        ]
        self.functions = [self._function(name) for name, _ in self.code.instructions]
        self.forgotten = self._last_uses(rates)

    def __call__(self, tables: Sequence[Any], numbers: Any) -> tuple[Any, Any]:
        """Return the outputs, a row per sample, and the totals.

        Args:
            tables: an array for each argument, with a row of numbers per sample.
            numbers: the numbers of the call.
        """
        count = len(tables[0])
        known: list[Any] = [None] * len(self.functions)
        outputs = self.numpy.empty((count, len(self.code.outputs)))
        sums = [0.0] * len(self.means)
        with self.numpy.errstate(all="ignore"):
            self._run(self.once, known, (), numbers)
            for start in range(0, count, BLOCK):
                rows = [table[start : start + BLOCK] for table in tables]
                block = known.copy()
                self._run(self.each, block, rows, numbers)
                for k, place in enumerate(self.code.outputs):
                    outputs[start : start + BLOCK, k] = block[place]
                for k, (_, place, *entry) in enumerate(self.means):
                    sums[k] += block[place][int(known[entry[0]])] if entry else block[place].sum()
            for (place, *_), total in zip(self.means, sums, strict=True):
                known[place] = total / count
            self._run(self.after, known, (), numbers)
        return outputs, self.numpy.array([known[place] for place in self.code.totals], float)

    def _run(self, places: Sequence[int], known: list[Any], rows: Any, numbers: Any) -> None:
        """Carry out some of the instructions, and write their results down."""
        for place in places:
            name, arguments = self.code.instructions[place]
            if name == "constant":
                known[place] = arguments[0]
            elif name == "number":
                known[place] = numbers[arguments[0]]
            elif name == "input":
                table, column = self.columns[arguments[0]]
                known[place] = rows[table][:, column]
            elif name not in MEANS:
                known[place] = self.functions[place](*[known[x] for x in arguments])
            for unneeded in self.forgotten[place]:
                known[unneeded] = None

    def _function(self, name: str) -> Callable[..., Any]:
        """Return what carries out an instruction."""
        numpy = self.numpy
        if name in _NAMES:
            function: Callable[..., Any] = getattr(numpy, _NAMES[name])
            return function
        if name == "sum":
            return lambda *xs: functools.reduce(numpy.add, xs)
        if name == "dot":
            return lambda *xys: functools.reduce(
                numpy.add, map(numpy.multiply, xys[: len(xys) // 2], xys[len(xys) // 2 :])
            )
        if name in ("constant", "number", "input", *MEANS):
            return lambda x: x
        if name == "pick":
            return lambda index, *xs: numpy.take(xs, index.astype(int), mode="clip")
        if name == "scatter":
            return self._scattered
        return self._one_by_one(primitive_named(name).evaluate)

    def _one_by_one(self, function: Callable[..., float]) -> Callable[..., Any]:
        """Return a function of arrays that calls a function of floats for each of their entries."""
        numpy = self.numpy

        def of_arrays(*xs: Any) -> Any:
            each = numpy.frompyfunc(lambda *row: function(*map(float, row)), len(xs), 1)
            return numpy.asarray(each(*xs), float)

        return of_arrays

    def _scattered(self, count: float, *pairs: Any) -> Any:
        """Return a table of sums: each number is added to that of its index."""
        numpy = self.numpy
        indices = numpy.concatenate(pairs[::2]).astype(int).clip(0, int(count) - 1)
        numbers = [numpy.broadcast_to(x, pairs[0].shape) for x in pairs[1::2]]
        return numpy.bincount(indices, numpy.concatenate(numbers), int(count))

    def _last_uses(self, rates: Sequence[int]) -> list[list[int]]:
        """Return which results of a sample are not needed any more after each instruction."""
        kept = {*self.code.outputs, *(place for _, place, *_ in self.means)}
        forgotten: list[list[int]] = [[] for _ in self.code.instructions]
        for place in reversed(self.each):
            for operand in set(operands(*self.code.instructions[place])) - kept:
                if rates[operand] == EACH:
                    forgotten[place].append(operand)
                    kept.add(operand)
        return forgotten
