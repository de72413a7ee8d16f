"""Compiled code as LLVM's language: every operation on a scalar is one on a vector of samples.

The code is cut into functions of some hundred operations, because the time to compile a function
grows faster than its length. Results that other functions need are passed in memory. A function
is either of a block of samples, and then its numbers are vectors with an entry per sample, or it
is done once per call, with plain numbers.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from autograd.compiled.code import AFTER, CONDITIONS, EACH, ONCE, Code, operands
from autograd.compiled.dense import Outer, Product, outers, products
from autograd.compiled.llvm_frame import (
    ARGUMENTS,
    BLOCKS,
    PARAMETERS,
    Layout,
    copy,
    padded,
    run_function,
)

PIECE = 400  # operations in a function
_ROWS = 8  # of a matrix, at the same time
_CHAINS = 8  # parts of a long sum
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
    *("sum", "dot", "remainder", "floor_divide"),
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


def write_module(code: Code, widths: Sequence[int], target: Target) -> tuple[str, Layout]:
    """Return code in LLVM's language, and how its memory is laid out.

    Args:
        code: the code; only of operations that are KNOWN.
        widths: of how many numbers each argument of a sample consists.
        target: the machine.
    """
    return _Writer(code, widths, target).module()


def hexadecimal(x: float) -> str:
    """Return a number exactly as LLVM writes it.

    >>> hexadecimal(1.0)
    '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


class _Writer:
    """The whole module."""

    def __init__(self, code: Code, widths: Sequence[int], target: Target) -> None:
        self.code = code
        self.widths = widths
        self.target = target
        self.rates = code.rates
        self.columns = [(table, k) for table, width in enumerate(widths) for k in range(width)]
        self.uses = _uses(code)
        self.layout = Layout(means=self._means())
        self.sums: dict[int, list[int]] = {}
        for k, place in enumerate(self.layout.means):
            self.sums.setdefault(code.instructions[place][1][0], []).append(k)
        self.products = self._with_vectors(products(code, self.rates))
        self.outers = self._with_rows()
        self.grouped = {place for product in self.products for place in product.outputs}
        self.summed = {  # products that are needed for nothing but a sum in a loop
            code.instructions[self.layout.means[outer.first + i * outer.row + j]][1][0]
            for outer in self.outers
            for i in range(len(outer.left))
            for j in range(len(outer.right))
        }
        self.pieces = {rate: self._cut(rate) for rate in (ONCE, EACH, AFTER)}
        self._lay_out()
        self.declared: dict[str, str] = {}

    def _with_vectors(self, found: list[Product]) -> list[Product]:
        """Lay out the vectors of products; leave out those that can't lie in a row."""
        kept = []
        for product in found:
            if self._is_laid_out(product.inputs) and self._is_laid_out(product.outputs):
                kept.append(product)
        return kept

    def _is_laid_out(self, places: tuple[int, ...]) -> bool:
        """Let results lie one after the other in memory, if they don't lie elsewhere."""
        vectors = self.layout.vectors
        if all(place not in vectors for place in places) and len(set(places)) == len(places):
            for place in places:
                vectors[place] = len(vectors)
        first = vectors.get(places[0], -1)
        return [vectors.get(place) for place in places] == [*range(first, first + len(places))]

    def _with_rows(self) -> list[Outer]:
        factors = [self._factors(place) for place in self.layout.means]
        found = outers(factors, [product.inputs for product in self.products])
        either = [next(filter(self._fits, (outer, outer.flipped())), None) for outer in found]
        return [outer for outer in either if outer is not None]

    def _fits(self, outer: Outer) -> bool:
        return self._is_laid_out(outer.left)

    def _factors(self, mean: int) -> tuple[int, int] | None:
        """Return the two numbers whose product a mean is of, if it is needed for nothing else."""
        place = self.code.instructions[mean][1][0]
        name, arguments = self.code.instructions[place]
        if name != "multiply" or self.uses[place] > 1:
            return None
        x, y = arguments
        return (x, y) if self.rates[x] == self.rates[y] == EACH else None

    def _cut(self, rate: int) -> list[list[int]]:
        """Return the instructions of one kind, in pieces of a function each.

        A product of a matrix is a piece by itself: it is there where its first row was.
        """
        pieces: list[list[int]] = []
        whole = {product.outputs[0]: product.outputs for product in self.products}
        size = PIECE
        for place, (name, arguments) in enumerate(self.code.instructions):
            if self.rates[place] != rate or name in ("constant", "number", "batch_mean"):
                continue
            if place in whole:
                pieces.append(list(whole[place]))
                size = PIECE
            elif place not in self.grouped and place not in self.summed:
                if size >= PIECE:
                    pieces.append([])
                    size = 0
                pieces[-1].append(place)
                size += len(arguments)
        return pieces

    def _lay_out(self) -> None:
        """Find out which other results must be in memory: those that another function needs."""
        home = {
            place: (rate, k)
            for rate, pieces in self.pieces.items()
            for k, piece in enumerate(pieces)
            for place in piece
        }
        layout = self.layout
        layout.scalars = {place: k for k, place in enumerate(layout.means)}
        room = padded(len(layout.means), self.target.width)  # means are written several at once
        passed = {*self.code.totals, *(x for x in self.code.outputs if self.rates[x] != EACH)}
        for place, (name, arguments) in enumerate(self.code.instructions):
            if name != "batch_mean" and place not in self.summed:
                here = home.get(place)
                passed.update(x for x in operands(name, arguments) if home.get(x) != here)
        for place in sorted(passed & home.keys()):
            if self.rates[place] != EACH:
                layout.scalars[place] = room
                room += 1
            elif self.code.instructions[place][0] != "input" and place not in layout.vectors:
                layout.vectors[place] = len(layout.vectors)
        layout.room = room

    def _means(self) -> list[int]:
        """Return the places of the means, in the order of the totals as far as they are such.

        The others are in the order of the numbers that they are gradients of: the sweep meets
        the last of them first.
        """
        order = {place: k for k, place in reversed(list(enumerate(self.code.totals)))}
        means = [p for p, (name, _) in enumerate(self.code.instructions) if name == "batch_mean"]
        return sorted(means, key=lambda place: (order.get(place, len(order)), -place))

    def module(self) -> tuple[str, Layout]:
        """Return the whole text, and how the memory is laid out."""
        parts = []
        for rate, kind in ((ONCE, "once"), (EACH, "each"), (AFTER, "after")):
            for k, piece in enumerate(self.pieces[rate]):
                function = _Function(self, f"{kind}_{k}", rate, piece)
                parts.append(function.loops() if piece[0] in self.grouped else function.text())
            parts.append(self._all(kind, len(self.pieces[rate])))
        for blocks in (1, BLOCKS):
            function = _Function(self, f"outer_{blocks}", EACH, [])
            parts.append(function.outer_loops(blocks))
        parts.append(self._totals())
        parts.append(
            run_function(self.target.width, self.widths, self.layout, len(self.code.outputs))
        )
        return "\n".join([*parts, *self.declared.values()]), self.layout

    def _all(self, kind: str, count: int) -> str:
        """Return a function that calls all functions of a kind."""
        calls = [f"  call void @{kind}_{k}({ARGUMENTS})" for k in range(count)]
        head = f"define internal void @{kind}({PARAMETERS}) {{"
        return "\n".join([head, *calls, "  ret void", "}"])

    def _totals(self) -> str:
        """Return a function that puts the totals where they are wanted; runs of them at once."""
        lines: list[str] = []
        for k, (pointer, start, length) in enumerate(self._runs()):
            first = self.code.totals[start]
            lines.append(f"  %to{k} = getelementptr double, ptr %totals, i64 {start}")
            if pointer == "constant":
                number = hexadecimal(self.code.instructions[first][1][0])
                lines.append(f"  store double {number}, ptr %to{k}")
                continue
            place = self._source(first)[1]
            lines.append(f"  %from{k} = getelementptr double, ptr %{pointer}, i64 {place}")
            lines.append(copy(f"%to{k}", f"%from{k}", str(8 * length)))
        head = "define internal void @give(ptr %numbers, ptr %scalars, ptr %totals) {"
        return "\n".join([head, *lines, "  ret void", "}"])

    def _source(self, place: int) -> tuple[str, int]:
        """Return where the number of a total is: in which part of the memory, and its place."""
        name, arguments = self.code.instructions[place]
        if name == "constant":
            return "constant", 0
        return (
            ("numbers", arguments[0])
            if name == "number"
            else ("scalars", self.layout.scalars[place])
        )

    def _runs(self) -> list[tuple[str, int, int]]:
        """Return which totals lie one after the other: where, the first, and how many."""
        runs: list[tuple[str, int, int]] = []
        for k, place in enumerate(self.code.totals):
            pointer, source = self._source(place)
            if runs and pointer != "constant":
                kind, start, length = runs[-1]
                if (pointer, source - length) == (kind, self._source(self.code.totals[start])[1]):
                    runs[-1] = (kind, start, length + 1)
                    continue
            runs.append((pointer, k, 1))
        return runs


def _uses(code: Code) -> list[int]:
    """Return how often each result is used."""
    uses = [0] * len(code.instructions)
    for name, arguments in code.instructions:
        for operand in operands(name, arguments):
            uses[operand] += 1
    for place in (*code.outputs, *code.totals):
        uses[place] += 1
    return uses


def _tiles(count: int, height: int) -> list[int]:
    """Return the heights of the loops that go through so many rows, some at a time.

    >>> _tiles(19, 8), _tiles(16, 8), _tiles(3, 8)
    ([8, 3], [8], [3])
    """
    return [n for n in (height if count >= height else 0, count % height) if n]


class _Function:
    """One function: some instructions, done once or for a block of samples."""

    def __init__(self, writer: _Writer, name: str, rate: int, places: list[int]) -> None:
        self.writer = writer
        self.code = writer.code
        self.name = name
        self.rate = rate
        self.places = places
        self.width = writer.target.width if rate == EACH else 0
        self.real = f"<{self.width} x double>" if self.width else "double"
        self.truth = f"<{self.width} x i1>" if self.width else "i1"
        self.lines = ["start:"]
        self.block = "start"
        self.carried: list[str] = []
        self.left_over: list[str] = []
        self.names: dict[int, str] = {}
        self.count = 0
        self.sums = writer.sums

    def text(self) -> str:
        """Return the function."""
        for place in self.places:
            fused = self._is_fused(place)
            name, arguments = self.code.instructions[place]
            if name == "input":  # it is read where it is needed
                if place in self.writer.layout.vectors:
                    self.names[place] = self._input(place)
                    self._pass_on(place)
            elif not fused:
                self.names[place] = self._instruction(name, arguments)
                self._pass_on(place)
            if self.rate == EACH:
                self._add_to_sums(place, fused)
                self._put_out(place)
        return self._whole()

    def loops(self) -> str:
        """Return a function for a matrix times a vector: some rows at a time."""
        (product,) = [p for p in self.writer.products if p.outputs[0] == self.places[0]]
        vectors = self.writer.layout.vectors
        source, target = vectors[product.inputs[0]], vectors[product.outputs[0]]
        rows, columns = len(product.outputs), len(product.inputs)
        done = 0
        for height in _tiles(rows, _ROWS):
            count = (rows - done) // height
            with self._loop("rows", count) as row:
                row = self._new(f"mul i64 {row}, {height}")
                row = self._new(f"add i64 {row}, {done}")
                self._rows(product, row, height, source, target, columns)
            done += count * height
        return self._whole()

    def _rows(
        self, product: Product, row: str, height: int, source: int, target: int, columns: int
    ) -> None:
        """Write the loop over the columns for some rows of a matrix."""
        start = self._new(f"mul i64 {row}, {product.row}")
        start = self._new(f"add i64 {start}, {product.first}")
        with self._loop("columns", columns, [f"{self.real} zeroinitializer"] * height) as column:
            x = self._vector_at("vectors", column, source)
            step = self._new(f"mul i64 {column}, {product.column}")
            place = self._new(f"add i64 {start}, {step}")
            for k in range(height):
                at = self._new(f"add i64 {place}, {k * product.row}")
                pointer = self._new(f"getelementptr double, ptr %numbers, i64 {at}")
                weight = self._spread(self._new(f"load double, ptr {pointer}, align 8"))
                self.carried[k] = self._add_product(self.carried[k], weight, x)
        for k, total in enumerate(self.left_over):
            self._store_at("vectors", row, target + k, total)

    def outer_loops(self, blocks: int) -> str:
        """Return a function that adds products of vectors, of some blocks, to the sums."""
        for outer in self.writer.outers:
            rows, done = len(outer.left), 0
            for height in _tiles(rows, 2):
                count = (rows - done) // height
                with self._loop("rows", count) as row:
                    row = self._new(f"mul i64 {row}, {height}")
                    row = self._new(f"add i64 {row}, {done}")
                    self._outer_rows(outer, row, height, blocks)
                done += count * height
        return self._whole()

    def _outer_rows(self, outer: Outer, row: str, height: int, blocks: int) -> None:
        """Write the loop over the columns for some rows of a matrix of sums."""
        vectors = self.writer.layout.vectors
        left, right = vectors[outer.left[0]], vectors[outer.right[0]]
        size = len(vectors)
        factors = [
            [self._vector_at("vectors", row, left + k + block * size) for block in range(blocks)]
            for k in range(height)
        ]
        start = self._new(f"mul i64 {row}, {outer.row}")
        with self._loop("columns", len(outer.right)) as column:
            xs = [
                self._vector_at("vectors", column, right + block * size) for block in range(blocks)
            ]
            place = self._new(f"add i64 {start}, {column}")
            for k in range(height):
                total = self._vector_at("sums", place, outer.first + k * outer.row)
                for x, factor in zip(xs, factors[k], strict=True):
                    total = self._add_product(total, x, factor)
                self._store_at("sums", place, outer.first + k * outer.row, total)

    def _whole(self) -> str:
        head = f"define internal void @{self.name}({PARAMETERS}) {{"
        return "\n".join([head, *self.lines, "  ret void", "}"])

    def _at(self, base: str, place: str, offset: int) -> str:
        scaled = self._new(f"mul i64 {place}, {self.width}")
        moved = self._new(f"add i64 {scaled}, {offset * self.width}")
        return self._new(f"getelementptr double, ptr %{base}, i64 {moved}")

    def _vector_at(self, base: str, place: str, offset: int) -> str:
        pointer = self._at(base, place, offset)
        return self._new(f"load {self.real}, ptr {pointer}, {self._align()}")

    def _store_at(self, base: str, place: str, offset: int, x: str) -> None:
        pointer = self._at(base, place, offset)
        self.lines.append(f"  store {self.real} {x}, ptr {pointer}, {self._align()}")

    @contextmanager
    def _loop(self, name: str, count: int, carried: Sequence[str] = ()) -> Iterator[str]:
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
        declared = self.writer.declared
        declared.setdefault(name, f"declare {result} @{name}({', '.join(parameters)})")
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

    # Operands ---------------------------------------------------------------------------------

    def _operand(self, place: int) -> str:
        """Return the name of a result; it is read from memory if another function made it."""
        name, arguments = self.code.instructions[place]
        if name == "constant":
            return self._constant(arguments[0])
        if name == "number":
            return self._spread(self._load("numbers", arguments[0]))
        if place not in self.names:
            found = self._read(place, name)
            if self.writer.rates[place] != self.rate and self.width:
                return found
            self.names[place] = found
        return self.names[place]

    def _read(self, place: int, name: str) -> str:
        layout = self.writer.layout
        if name == "input" and place not in layout.vectors:
            return self._input(place)
        if place in layout.scalars:
            number = self._load("scalars", layout.scalars[place])
            if name in CONDITIONS:
                number = self._new(f"fcmp one double {number}, 0.0")
            return self._spread(number, "i1" if name in CONDITIONS else "double")
        pointer = self._pointer("vectors", layout.vectors[place], self.width)
        number = self._new(f"load {self.real}, ptr {pointer}, {self._align()}")
        if name in CONDITIONS:
            return self._new(f"fcmp one {self.real} {number}, zeroinitializer")
        return number

    def _load(self, base: str, place: int) -> str:
        return self._new(f"load double, ptr {self._pointer(base, place)}, align 8")

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

    def _input(self, place: int) -> str:
        """Return a number of each sample: one from every row of a table."""
        table, column = self.writer.columns[self.code.instructions[place][1][0]]
        width = self.writer.widths[table]
        slot = self._new(f"getelementptr ptr, ptr %samples, i64 {table}")
        rows = self._new(f"load ptr, ptr {slot}, align 8")
        if width == 1:
            return self._new(f"load {self.real}, ptr {rows}, align 8")
        vector = "poison"
        for lane in range(self.width):
            pointer = self._new(f"getelementptr double, ptr {rows}, i64 {lane * width + column}")
            number = self._new(f"load double, ptr {pointer}, align 8")
            vector = self._new(f"insertelement {self.real} {vector}, double {number}, i64 {lane}")
        return vector

    # Results ----------------------------------------------------------------------------------

    def _pass_on(self, place: int) -> None:
        """Write a result to memory if another function needs it, or the caller wants it."""
        layout, name = self.writer.layout, self.names[place]
        if place not in layout.scalars and place not in layout.vectors:
            return
        if self.code.instructions[place][0] in CONDITIONS:
            name = self._new(f"uitofp {self.truth} {name} to {self.real}")
        if place in layout.scalars:
            pointer = self._pointer("scalars", layout.scalars[place])
            self.lines.append(f"  store double {name}, ptr {pointer}, align 8")
        if place in layout.vectors:
            pointer = self._pointer("vectors", layout.vectors[place], self.width)
            self.lines.append(f"  store {self.real} {name}, ptr {pointer}, {self._align()}")

    def _is_fused(self, place: int) -> bool:
        """Return whether a product is needed for nothing but one sum."""
        name = self.code.instructions[place][0]
        used_once = self.writer.uses[place] == 1 and len(self.sums.get(place, ())) == 1
        return self.rate == EACH and used_once and name in ("multiply", "dot")

    def _add_to_sums(self, place: int, fused: bool) -> None:
        """Add a result to the sum over the samples, if its mean is wanted."""
        for k in self.sums.get(place, ()):
            pointer = self._pointer("sums", k, self.width)
            before = self._new(f"load {self.real}, ptr {pointer}, {self._align()}")
            if fused:
                after = self._dot(self.code.instructions[place][1], before)
            else:
                after = self._new(f"fadd {self.real} {before}, {self._operand(place)}")
            self.lines.append(f"  store {self.real} {after}, ptr {pointer}, {self._align()}")

    def _put_out(self, place: int) -> None:
        """Write a result to the row of its output, if the caller wants it."""
        for k in [k for k, wanted in enumerate(self.code.outputs) if wanted == place]:
            x = self._operand(place)
            slot = self._new(f"getelementptr i64, ptr %samples, i64 {len(self.writer.widths)}")
            length = self._new(f"load i64, ptr {slot}, align 8")
            start = self._new(f"mul i64 {length}, {k}")
            pointer = self._new(f"getelementptr double, ptr %outputs, i64 {start}")
            self.lines.append(f"  store {self.real} {x}, ptr {pointer}, align 8")

    # Operations -------------------------------------------------------------------------------

    def _instruction(self, name: str, arguments: tuple[int, ...]) -> str:
        """Write an instruction and return the name of its result."""
        if name == "dot":
            return self._dot(arguments, None)
        xs = [self._operand(place) for place in arguments]
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
        if name == "exp" and self.width and self.writer.target.has_fma:
            return self._exponential(*xs)
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

    def _dot(self, xys: tuple[int, ...], total: str | None) -> str:
        """Return a sum of products, added to another number if there is one.

        A long one is summed up in several parts, which don't wait for each other.
        """
        half = len(xys) // 2
        pairs = list(zip(xys[:half], xys[half:], strict=True))
        parts = [pairs] if half < 2 * _CHAINS else [pairs[k::_CHAINS] for k in range(_CHAINS)]
        for part in parts:
            chain = None if part is not parts[0] else total
            for left, right in part:
                chain = self._add_product(chain, self._operand(left), self._operand(right))
            if part is parts[0]:
                total = chain
            else:
                total = self._new(f"fadd {self.real} {total}, {chain}")
        return total or self._constant(0.0)

    def _add_product(self, total: str | None, x: str, y: str) -> str:
        if total is not None and self.writer.target.has_fma:
            return self._intrinsic("fma", x, y, total)
        product = self._new(f"fmul {self.real} {x}, {y}")
        return product if total is None else self._new(f"fadd {self.real} {total}, {product}")

    def _library(self, name: str, *xs: str) -> str:
        """Call a function of C's library: of vectors, or for one entry after the other."""
        if not self.width:
            return self._call(name, *xs)
        vector_name = self.writer.target.vector_functions.get(name)
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
        series = self._constant(1.0 / math.factorial(13))
        for n in range(12, 1, -1):
            series = self._intrinsic("fma", series, r, self._constant(1.0 / math.factorial(n)))
        squared = self._new(f"fmul {real} {r}, {r}")
        above_one = self._intrinsic("fma", squared, series, r)
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
