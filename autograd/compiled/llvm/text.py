"""Compiled code as LLVM's language: every operation on a scalar is one on a vector of samples.

The code is cut into functions of some hundred operations, because the time to compile a function
grows faster than its length. Results that other functions need are passed in memory. A function
is either of a block of samples, and then its numbers are vectors with an entry per sample, or it
is done once per call, with plain numbers. Layers are loops, and very long code is put on a tape.
"""

from collections.abc import Sequence

from autograd.compiled.code import AFTER, CONDITIONS, EACH, ONCE, Code
from autograd.compiled.llvm.dense import Outer, Product
from autograd.compiled.llvm.frame import (
    ARGUMENTS,
    PARAMETERS,
    Layout,
    copy,
    padded,
    run_function,
)
from autograd.compiled.llvm.operations import Body, Target, hexadecimal
from autograd.compiled.llvm.plan import Plan
from autograd.compiled.llvm.tape import Tape

_ROWS = 8  # of a matrix, at the same time
_OUTER_ROWS, _OUTER_COLUMNS = 4, 4  # of a matrix of sums: rows, and vectors of columns
_CHAINS = 8  # parts of a long sum


def write_module(code: Code, widths: Sequence[int], target: Target) -> tuple[str, Layout]:
    """Return code in LLVM's language, and how its memory is laid out.

    Args:
        code: the code; only of operations that are KNOWN.
        widths: of how many numbers each argument of a sample consists.
        target: the machine.
    """
    return _Writer(Plan(code, widths, target)).module()


class _Writer:
    """The whole module."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.declared: dict[str, str] = {}
        self.listed: dict[tuple[int, ...], str] = {}

    def module(self) -> tuple[str, Layout]:
        """Return the whole text, and how the memory is laid out."""
        plan = self.plan
        parts = []
        for rate, kind in ((ONCE, "once"), (EACH, "each"), (AFTER, "after")):
            taped = rate in plan.taped
            sequence = Tape(plan, kind, rate, self.declared) if taped else _Calls(kind)
            for k, piece in enumerate(plan.pieces[rate]):
                if plan.is_on_tape(rate, piece):
                    sequence.add(piece)
                    continue
                function = _Function(self, f"{kind}_{k}", rate, piece)
                parts.append(function.loops() if piece[0] in plan.grouped else function.text())
                sequence.call(f"{kind}_{k}")
            parts.append(sequence.text())
        parts.append(_Function(self, "outer", EACH, []).outer_loops())
        parts.append(self._give())
        parts.append(
            run_function(plan.target.width, plan.widths, plan.layout, len(plan.code.outputs))
        )
        lists = [_list_of(name, numbers) for numbers, name in self.listed.items()]
        return "\n".join([*parts, *self.declared.values(), *lists]), plan.layout

    def _give(self) -> str:
        """Return a function that puts the totals where they are wanted; runs of them at once."""
        runs: list[list[int]] = []
        constants: list[float] = []
        for k, place in enumerate(self.plan.code.totals):
            base, source = self._source(place, constants)
            if runs and base == runs[-1][0] and source == runs[-1][1] + runs[-1][3]:
                runs[-1][3] += 1
            else:
                runs.append([base, source, k, 1])
        head = "define internal void @give(ptr %numbers, ptr %scalars, ptr %totals) {"
        if not runs:
            return f"{head} ret void }}"
        flat = ", ".join(f"i64 {x}" for run in runs for x in run)
        numbers = ", ".join(f"double {hexadecimal(x)}" for x in constants or [0.0])
        return f"""
@runs = internal constant [{4 * len(runs)} x i64] [{flat}]
@given = internal constant [{len(constants) or 1} x double] [{numbers}]
{head}
start:
  br label %run
run:
  %k = phi i64 [0, %start], [%next, %run]
  %at_base = getelementptr i64, ptr @runs, i64 %k
  %base = load i64, ptr %at_base, align 8
  %at_source = getelementptr i64, ptr %at_base, i64 1
  %source = load i64, ptr %at_source, align 8
  %at_target = getelementptr i64, ptr %at_base, i64 2
  %target = load i64, ptr %at_target, align 8
  %at_length = getelementptr i64, ptr %at_base, i64 3
  %length = load i64, ptr %at_length, align 8
  %is_number = icmp eq i64 %base, 0
  %is_scalar = icmp eq i64 %base, 1
  %computed = select i1 %is_scalar, ptr %scalars, ptr @given
  %all = select i1 %is_number, ptr %numbers, ptr %computed
  %from = getelementptr double, ptr %all, i64 %source
  %to = getelementptr double, ptr %totals, i64 %target
  %size = mul i64 %length, 8
{copy("%to", "%from", "%size")}
  %next = add i64 %k, 4
  %more = icmp ult i64 %next, {4 * len(runs)}
  br i1 %more, label %run, label %end
end:
  ret void
}}"""

    def _source(self, place: int, constants: list[float]) -> tuple[int, int]:
        """Return where a total is: 0 among the numbers, 1 the scalars, 2 constants; its place."""
        name, arguments = self.plan.code.instructions[place]
        if name == "number":
            return 0, arguments[0]
        if name != "constant":
            return 1, self.plan.layout.scalars[place]
        constants.append(float(arguments[0]))
        return 2, len(constants) - 1


class _Calls:
    """A function that calls all functions of a kind."""

    def __init__(self, kind: str) -> None:
        self.lines = [f"define internal void @{kind}({PARAMETERS}) {{"]

    def add(self, places: Sequence[int]) -> None:
        raise AssertionError("there is no tape")

    def call(self, name: str) -> None:
        self.lines.append(f"  call void @{name}({ARGUMENTS})")

    def text(self) -> str:
        return "\n".join([*self.lines, "  ret void", "}"])


def _list_of(name: str, numbers: Sequence[int]) -> str:
    """Return a list of whole numbers that stays the same."""
    entries = ", ".join(f"i64 {number}" for number in numbers)
    return f"@{name} = internal constant [{len(numbers)} x i64] [{entries}]"


def _tiles(count: int, height: int) -> list[int]:
    """Return the heights of the loops that go through so many rows, some at a time.

    >>> _tiles(19, 8), _tiles(16, 8), _tiles(3, 8)
    ([8, 3], [8], [3])
    """
    return [n for n in (height if count >= height else 0, count % height) if n]


class _Function(Body):
    """One function: some instructions, done once or for a block of samples."""

    def __init__(self, writer: _Writer, name: str, rate: int, places: list[int]) -> None:
        plan = writer.plan
        super().__init__(plan.target, plan.target.width if rate == EACH else 0, writer.declared)
        self.writer = writer
        self.plan = plan
        self.code = plan.code
        self.name = name
        self.rate = rate
        self.places = places
        self.names: dict[int, str] = {}
        self.indices: dict[tuple[int, int], list[str]] = {}
        self.sums = plan.sums

    def text(self) -> str:
        """Return the function."""
        for place in self.places:
            fused = self.plan.is_fused(place)
            name, arguments = self.code.instructions[place]
            if name == "input":  # it is read where it is needed
                if place in self.plan.layout.vectors:
                    self.names[place] = self._input(place)
                    self._pass_on(place)
            elif name == "scatter":
                self._scatter(arguments, self.plan.tables[place])
            elif not fused:
                self.names[place] = self._instruction(name, arguments)
                self._pass_on(place)
            if self.rate == EACH:
                self._add_to_sums(place, fused)
                self._put_out(place)
        return self._whole()

    def loops(self) -> str:
        """Return a function for a matrix times a vector: some rows at a time."""
        (product,) = [p for p in self.plan.products if p.outputs[0] == self.places[0]]
        vectors = self.plan.layout.vectors
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

    def outer_loops(self) -> str:
        """Return a function that adds products of vectors to the sums, for so many samples."""
        blocks = self._new(f"add i64 %count, {self.width - 1}")
        blocks = self._new(f"udiv i64 {blocks}, {self.width}")
        for right, target in self.plan.turned.items():
            self._turn(right, target, blocks)
        for outer in self.plan.outers:
            done = 0
            for height in _tiles(len(outer.left), _OUTER_ROWS):
                count = (len(outer.left) - done) // height
                with self._loop("rows", count) as row:
                    row = self._new(f"mul i64 {row}, {height}")
                    row = self._new(f"add i64 {row}, {done}")
                    self._outer_rows(outer, row, height)
                done += count * height
        return self._whole(", i64 %count")

    def _turn(self, places: tuple[int, ...], target: int, blocks: str) -> None:
        """Write the numbers of each sample, which lie in one vector each, as a row."""
        source, size = self.plan.layout.vectors[places[0]], len(self.plan.layout.vectors)
        width, columns = self.width, len(places)
        row = padded(columns, width)
        with self._loop("blocks", blocks) as block:
            start = self._new(f"mul i64 {block}, {size}")
            to = self._new(f"mul i64 {block}, {width * row}")
            to = self._new(f"add i64 {to}, {target}")
            if columns >= width:
                with self._loop("tiles", columns // width) as tile:
                    first = self._new(f"mul i64 {tile}, {width}")
                    self._turn_tile(start, to, first, source, row, width)
            if columns % width:
                self._turn_tile(
                    start, to, str(columns - columns % width), source, row, columns % width
                )

    def _turn_tile(
        self, start: str, to: str, first: str, source: int, row: int, columns: int
    ) -> None:
        """Write some columns of a block; what is missing in the last ones is 0."""
        place = self._new(f"add i64 {start}, {first}")
        xs = [self._vector_at("vectors", place, source + k) for k in range(columns)]
        xs += ["zeroinitializer"] * (self.width - columns)
        at = self._new(f"add i64 {to}, {first}")
        for lane, x in enumerate(self._transposed(xs)):
            moved = self._new(f"add i64 {at}, {lane * row}")
            pointer = self._new(f"getelementptr double, ptr %scalars, i64 {moved}")
            self.lines.append(f"  store {self.real} {x}, ptr {pointer}, {self._align()}")

    def _transposed(self, xs: list[str]) -> list[str]:
        """Return the columns of a square matrix: halves change places, then their halves."""
        width = self.width
        distance = width // 2
        while distance:
            for k in range(width):
                if not k & distance:
                    x, y = xs[k], xs[k + distance]
                    lanes = [lane & distance for lane in range(width)]
                    upper = [n + width - distance if far else n for n, far in enumerate(lanes)]
                    lower = [n + width if far else n + distance for n, far in enumerate(lanes)]
                    xs[k], xs[k + distance] = (
                        self._shuffled(x, y, upper),
                        self._shuffled(x, y, lower),
                    )
            distance //= 2
        return xs

    def _shuffled(self, x: str, y: str, lanes: Sequence[int]) -> str:
        chosen = ", ".join(f"i32 {lane}" for lane in lanes)
        return self._new(
            f"shufflevector {self.real} {x}, {self.real} {y}, <{self.width} x i32> <{chosen}>"
        )

    def _outer_rows(self, outer: Outer, row: str, height: int) -> None:
        """Write the loops over the columns for some rows of a matrix of sums."""
        vectors, rest = divmod(len(outer.right), self.width)
        start = self._new(f"mul i64 {row}, {outer.row}")
        done = 0
        for several in _tiles(vectors, _OUTER_COLUMNS):
            count = (vectors - done) // several
            with self._loop("columns", count) as column:
                column = self._new(f"mul i64 {column}, {several * self.width}")
                column = self._new(f"add i64 {column}, {done * self.width}")
                self._outer_tile(outer, row, start, column, (height, several))
            done += count * several
        if rest:
            self._outer_tile(outer, row, start, str(done * self.width), (height, 1), rest)

    def _outer_tile(
        self, outer: Outer, row: str, start: str, column: str, tile: tuple[int, int], rest: int = 0
    ) -> None:
        """Write the loop over the samples for some rows and some vectors of columns.

        Args:
            outer: the matrix.
            row: the first row.
            start: where the row begins, as far as it depends on the row.
            column: the first column.
            tile: how many rows, and how many vectors of columns.
            rest: how many numbers there are in the last vector; 0 if it is full.
        """
        height, several = tile
        layout, width = self.plan.layout, self.width
        left, size = layout.vectors[outer.left[0]], len(layout.vectors) * width
        source, length = self.plan.turned[outer.right], padded(len(outer.right), width)
        starts = [f"{self.real} zeroinitializer"] * (height * several)
        with self._loop("samples", "%count", starts) as sample:
            at = self._new(f"mul i64 {sample}, {length}")
            at = self._new(f"add i64 {at}, {column}")
            xs = []
            for k in range(several):
                moved = self._new(f"add i64 {at}, {source + k * width}")
                pointer = self._new(f"getelementptr double, ptr %scalars, i64 {moved}")
                xs.append(self._new(f"load {self.real}, ptr {pointer}, {self._align()}"))
            block = self._new(f"udiv i64 {sample}, {width}")
            lane = self._new(f"urem i64 {sample}, {width}")
            place = self._new(f"mul i64 {block}, {size}")
            place = self._new(f"add i64 {place}, {lane}")
            first = self._new(f"mul i64 {row}, {width}")
            place = self._new(f"add i64 {place}, {first}")
            for n in range(height):
                moved = self._new(f"add i64 {place}, {(left + n) * width}")
                pointer = self._new(f"getelementptr double, ptr %vectors, i64 {moved}")
                factor = self._spread(self._new(f"load double, ptr {pointer}, align 8"))
                for k, x in enumerate(xs):
                    total = self.carried[n * several + k]
                    self.carried[n * several + k] = self._add_product(total, factor, x)
        totals = self.left_over
        place = self._new(f"add i64 {start}, {column}")
        for n in range(height):
            for k in range(several):
                offset = outer.first + n * outer.row + k * width
                self._add_at(place, offset, totals[n * several + k], rest)

    def _add_at(self, place: str, offset: int, x: str, rest: int) -> None:
        """Add a vector to sums that lie one after the other; of the last one, only the rest."""
        moved = self._new(f"add i64 {place}, {offset}")
        pointer = self._new(f"getelementptr double, ptr %scalars, i64 {moved}")
        before = self._new(f"load {self.real}, ptr {pointer}, align 8")
        after = self._new(f"fadd {self.real} {before}, {x}")
        if rest:
            own = ", ".join(f"i1 {int(lane < rest)}" for lane in range(self.width))
            after = self._new(
                f"select {self.truth} <{own}>, {self.real} {after}, {self.real} {before}"
            )
        self.lines.append(f"  store {self.real} {after}, ptr {pointer}, align 8")

    def _whole(self, more: str = "") -> str:
        head = f"define internal void @{self.name}({PARAMETERS}{more}) {{"
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
            if self.plan.rates[place] != self.rate and self.width:
                return found
            self.names[place] = found
        return self.names[place]

    def _read(self, place: int, name: str) -> str:
        layout = self.plan.layout
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

    def _input(self, place: int) -> str:
        """Return a number of each sample: one from every row of a table."""
        table, column = self.plan.columns[self.code.instructions[place][1][0]]
        width = self.plan.widths[table]
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
        layout, name = self.plan.layout, self.names[place]
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
        for k in self.plan.outputs.get(place, ()):
            x = self._operand(place)
            slot = self._new(f"getelementptr i64, ptr %samples, i64 {len(self.plan.widths)}")
            length = self._new(f"load i64, ptr {slot}, align 8")
            start = self._new(f"mul i64 {length}, {k}")
            pointer = self._new(f"getelementptr double, ptr %outputs, i64 {start}")
            self.lines.append(f"  store {self.real} {x}, ptr {pointer}, align 8")

    # Operations -------------------------------------------------------------------------------

    def _instruction(self, name: str, arguments: tuple[int, ...]) -> str:
        """Write an instruction and return the name of its result."""
        if name == "dot":
            return self._dot(arguments, None)
        if name == "pick":
            return self._pick(*arguments)
        return self._applied(name, [self._operand(place) for place in arguments])

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

    # Tables -----------------------------------------------------------------------------------

    def _pick(self, index: int, *xs: int) -> str:
        """Return one of the call's numbers for each sample: read from where it lies."""
        places = [self.code.instructions[x][1][0] for x in xs]
        vector = "poison"
        for lane, place in enumerate(self._places(index, places)):
            pointer = self._new(f"getelementptr double, ptr %numbers, i64 {place}")
            number = self._new(f"load double, ptr {pointer}, align 8")
            vector = self._new(f"insertelement {self.real} {vector}, double {number}, i64 {lane}")
        return vector

    def _scatter(self, arguments: tuple[int, ...], table: dict[int, int]) -> None:
        """Add numbers to the sums that indices tell: each sample has an entry of its own there."""
        sums = len(self.plan.layout.means)  # what nobody wants goes behind the last one
        count = int(self.plan.constant(arguments[0]))
        sums_of = [table.get(k, sums) * self.width for k in range(count)]
        for index, x in zip(arguments[1::2], arguments[2::2], strict=True):
            vector = self._operand(x)
            for lane, place in enumerate(self._places(index, sums_of)):
                number = self._new(f"extractelement {self.real} {vector}, i64 {lane}")
                start = self._new(f"getelementptr double, ptr %sums, i64 {lane}")
                pointer = self._new(f"getelementptr double, ptr {start}, i64 {place}")
                before = self._new(f"load double, ptr {pointer}, align 8")
                after = self._new(f"fadd double {before}, {number}")
                self.lines.append(f"  store double {after}, ptr {pointer}, align 8")

    def _places(self, index: int, places: Sequence[int]) -> list[str]:
        """Return the places that an index chooses, for one sample after the other."""
        lanes = self._lanes(index, len(places))
        first, step = places[0], (places[1] - places[0] if len(places) > 1 else 0)
        if list(places) == [first + k * step for k in range(len(places))]:
            steps = [self._new(f"mul i64 {lane}, {step}") for lane in lanes]
            return [self._new(f"add i64 {lane}, {first}") for lane in steps]
        listed = self.writer.listed
        name = listed.setdefault(tuple(places), f"places{len(listed)}")
        found = [self._new(f"getelementptr i64, ptr @{name}, i64 {lane}") for lane in lanes]
        return [self._new(f"load i64, ptr {pointer}, align 8") for pointer in found]

    def _lanes(self, index: int, count: int) -> list[str]:
        """Return an index below a count as a whole number, for one sample after the other."""
        if (index, count) not in self.indices:
            # Whatever the index is, nothing is read or written but what belongs to the call.
            above = self._intrinsic("maxnum", self._operand(index), self._constant(0.0))
            inside = self._intrinsic("minnum", above, self._constant(count - 1.0))
            whole = f"<{self.width} x i64>"
            vector = self._new(f"fptosi {self.real} {inside} to {whole}")
            self.indices[index, count] = [
                self._new(f"extractelement {whole} {vector}, i64 {lane}")
                for lane in range(self.width)
            ]
        return self.indices[index, count]
