"""Long code as a tape: a list of what is done to which numbers in memory.

Code that is written out takes long to compile, and when it is very long, it is no faster: the
processor has to fetch all of it for every block of samples. So each kind of operation is written
once, as a function, and the tape tells for one operation after the other which function it is and
where its operands are. Each function ends with a jump to that of the next operation.
"""

from array import array
from collections.abc import Callable, Sequence
from functools import partial

from autograd.compiled.code import CONDITIONS, EACH
from autograd.compiled.llvm.frame import ARGUMENTS, PARAMETERS
from autograd.compiled.llvm.operations import Body, hexadecimal
from autograd.compiled.llvm.plan import Plan

_GIVEN = "ptr %tape, ptr %numbers, ptr %scalars, ptr %vectors, ptr %sums, ptr %rest"
_HANDED_ON = _GIVEN.replace("%tape", "%next")
_BASES = {"number": "%numbers", "scalar": "%scalars", "vector": "%vectors", "sum": "%sums"}
_BASES["register"] = "%scalars"
_OF_SAMPLES = ("vector", "register", "sum")
_PAIRS = 4  # products of a long sum at a time

Operand = tuple[str, int]
"""The kind of memory that a number is in, and its place there."""


class Tape:
    """All that is done once, or for each block of samples, or after all of them.

    Args:
        plan: what is done, and where results lie.
        kind: what to call it.
        rate: how often it is done.
        declared: what functions the module needs besides.
    """

    def __init__(self, plan: Plan, kind: str, rate: int, declared: dict[str, str]) -> None:
        self.plan = plan
        self.kind = kind
        self.width = plan.target.width if rate == EACH else 0
        self.declared = declared
        self.words = array("i")
        self.handlers: dict[str, tuple[int, str]] = {}
        self.constants: dict[str, int] = {}
        self.registers = _Registers(plan, rate, max(self.width, 1))

    def add(self, places: Sequence[int]) -> None:
        """Put instructions on the tape."""
        plan, code = self.plan, self.plan.code
        for place in places:
            name, arguments = code.instructions[place]
            fused = plan.is_fused(place)
            if name == "input":
                self._input(place, arguments[0])
            elif not fused:
                operands = [self._operand(x) for x in arguments]
                self._instruction(name, operands, self.registers.target(place), False)
            if self.width:
                for k in plan.sums.get(place, ()):
                    operands = [self._operand(x) for x in (arguments if fused else (place,))]
                    what = "dot" if fused else "sum"
                    self._instruction(what, operands, ("sum", k * self.width), True)
                for k in plan.outputs.get(place, ()):
                    kind, at = self._operand(place)
                    self._write(f"out_{kind}", [k, at], partial(_Handler.put_out, kind=kind))
            self.registers.release(place)

    def call(self, name: str) -> None:
        """Put the call of a function on the tape."""
        self._write(f"call_{name}", [], partial(_Handler.call, name=name))

    def text(self) -> str:
        """Return the functions, the tape, and the function that goes through it."""
        self._write("end", [], _Handler.end)
        names = ", ".join(f"ptr @{self.kind}_do_{name}" for name in self.handlers)
        numbers = ", ".join(f"double {x}" for x in self.constants) or "double 0.0"
        content = self.words.tobytes().hex("\\")
        rows = len(self.words) * self.words.itemsize
        return "\n".join(
            [
                *(text for _, text in self.handlers.values()),
                f"@{self.kind}_handlers = internal constant [{len(self.handlers)} x ptr] [{names}]",
                f"@{self.kind}_constants = internal constant "
                f"[{max(len(self.constants), 1)} x double] [{numbers}]",
                f'@{self.kind}_tape = internal constant [{rows} x i8] c"\\{content}", align 4',
                f"define internal void @{self.kind}({PARAMETERS}) {{",
                "  %rest = alloca [2 x ptr], align 8",
                "  store ptr %outputs, ptr %rest, align 8",
                "  %second = getelementptr ptr, ptr %rest, i64 1",
                "  store ptr %samples, ptr %second, align 8",
                f"  %first = load i32, ptr @{self.kind}_tape, align 4",
                f"  %slot = getelementptr ptr, ptr @{self.kind}_handlers, i32 %first",
                "  %handler = load ptr, ptr %slot, align 8",
                f"  call tailcc void %handler({_GIVEN.replace('%tape', f'@{self.kind}_tape')})",
                "  ret void",
                "}",
            ]
        )

    def _operand(self, place: int) -> Operand:
        """Return where a number is."""
        name, arguments = self.plan.code.instructions[place]
        if name == "number":
            return "number", arguments[0]
        if name == "constant":
            text = hexadecimal(float(arguments[0]))
            return "constant", self.constants.setdefault(text, len(self.constants))
        return self.registers.place_of(place)

    def _input(self, place: int, number: int) -> None:
        table, column = self.plan.columns[number]
        kind, at = self.registers.target(place)
        words = [at, table, column, self.plan.widths[table]]
        self._write(f"input_{kind}", words, partial(_Handler.read_input, target=kind))

    def _instruction(self, name: str, operands: list[Operand], target: Operand, adds: bool) -> None:
        """Write what is done; sums of many are written as some operations one after the other."""
        if name not in ("sum", "dot"):
            kinds = [kind for kind, _ in operands]
            label = "_".join((name, target[0], *kinds))
            words = [target[1], *(at for _, at in operands)]
            self._write(
                label, words, partial(_Handler.operate, name=name, target=target[0], kinds=kinds)
            )
            return
        half = len(operands) // 2
        terms = [[x] for x in operands]
        if name == "dot":
            terms = [[x, y] for x, y in zip(operands[:half], operands[half:], strict=True)]
        groups: dict[tuple[str, ...], list[int]] = {}
        for term in terms:
            term.sort()
            kinds_of_term = tuple(kind for kind, _ in term)
            groups.setdefault(kinds_of_term, []).extend(at for _, at in term)
        for kinds_of_term, words in groups.items():
            self._sum(kinds_of_term, words, target, adds)
            adds = True

    def _sum(self, kinds: Sequence[str], words: Sequence[int], target: Operand, adds: bool) -> None:
        """Write a sum of numbers, or of products of two, as far as they are of the same kind."""
        each = len(kinds)
        count = len(words) // each
        for size in (_PAIRS, 1):
            rounds = count // size if size > 1 else count % _PAIRS
            if rounds:
                done = 0 if size > 1 else (count - rounds) * each
                own = words[done : done + rounds * size * each]
                label = "_".join(("sum", target[0], *kinds, str(size), "more" * adds))
                self._write(
                    label,
                    [target[1], rounds, *own],
                    partial(_Handler.add_up, kinds=kinds, target=target[0], terms=size, adds=adds),
                )
                adds = True

    def _write(
        self, label: str, words: Sequence[int], handler: Callable[["_Handler"], None]
    ) -> None:
        """Write an operation; the function for it is made when it is the first of its kind."""
        known = self.handlers.get(label)
        if known is None:
            body = _Handler(self, label)
            handler(body)
            known = self.handlers[label] = (len(self.handlers), body.text())
        self.words.append(known[0])
        self.words.extend(words)


class _Registers:
    """Where the results on a tape are, of which most are soon not needed any more."""

    def __init__(self, plan: Plan, rate: int, width: int) -> None:
        self.plan = plan
        self.width = width
        self.kind = "register" if rate == EACH else "scalar"
        self.first = plan.layout.room = -(-plan.layout.room // width) * width
        self.free: list[int] = []
        self.own: dict[int, int] = {}
        self.last = self._last_uses(rate) if rate in plan.taped else {}

    def _last_uses(self, rate: int) -> dict[int, list[int]]:
        """Return which results are not needed any more after an instruction."""
        plan = self.plan
        pieces = [piece for piece in plan.pieces[rate] if plan.is_on_tape(rate, piece)]
        seen: set[int] = set()
        last: dict[int, list[int]] = {}
        for piece in reversed(pieces):
            for place in reversed(piece):
                name, arguments = plan.code.instructions[place]
                needed = (place,) if name == "input" else (place, *arguments)
                for x in needed:
                    if x not in seen:
                        seen.add(x)
                        last.setdefault(place, []).append(x)
        return last

    def target(self, place: int) -> Operand:
        """Return where a result is to be written."""
        layout = self.plan.layout
        if place in layout.scalars or place in layout.vectors:
            return self.place_of(place)
        if not self.free:
            self.free.append(layout.room)
            layout.room += self.width
        self.own[place] = self.free.pop()
        return self.place_of(place)

    def place_of(self, place: int) -> Operand:
        """Return where a result is."""
        at = self.own.get(place)
        if at is not None:
            return self.kind, at
        layout = self.plan.layout
        if place in layout.scalars:
            return "scalar", layout.scalars[place]
        return "vector", layout.vectors[place] * self.width

    def release(self, place: int) -> None:
        """Take back the places of results that are not needed any more."""
        for x in self.last.get(place, ()):
            at = self.own.pop(x, None)
            if at is not None:
                self.free.append(at)


class _Handler(Body):
    """The function for one kind of operation on a tape."""

    def __init__(self, tape: Tape, label: str) -> None:
        super().__init__(tape.plan.target, tape.width, tape.declared)
        self.tape = tape
        self.label = label
        self.size: int | str = 1
        self.is_last = False

    def text(self) -> str:
        """Return the function, which goes on with the next operation unless it is the last."""
        head = f"define internal tailcc void @{self.tape.kind}_do_{self.label}({_GIVEN}) {{"
        if not self.is_last:
            self.lines += [
                f"  %next = getelementptr i32, ptr %tape, i64 {self.size}",
                "  %handler_k = load i32, ptr %next, align 4",
                f"  %slot = getelementptr ptr, ptr @{self.tape.kind}_handlers, i32 %handler_k",
                "  %handler = load ptr, ptr %slot, align 8",
                f"  musttail call tailcc void %handler({_HANDED_ON})",
            ]
        return "\n".join([head, *self.lines, "  ret void", "}"])

    def operate(self, name: str, target: str, kinds: Sequence[str]) -> None:
        """Do one operation."""
        self.size = 2 + len(kinds)
        truths = [
            name in ("and", "or", "not") or (name == "select" and k == 0) for k in range(len(kinds))
        ]
        xs = [self._read(kind, self._word(2 + k)) for k, kind in enumerate(kinds)]
        zero = self._constant(0.0)
        xs = [
            self._compare("une", x, zero) if truth else x
            for x, truth in zip(xs, truths, strict=True)
        ]
        result = self._applied(name, xs)
        if name in CONDITIONS:
            result = self._new(f"uitofp {self.truth} {result} to {self.real}")
        self._put(target, result)

    def add_up(self, kinds: Sequence[str], target: str, terms: int, adds: bool) -> None:
        """Add up numbers or products, some at a time; to what is there, or from 0 on."""
        rounds = self._new(f"zext i32 {self._word(2)} to i64")
        zero = "zeroinitializer" if self.width else "0.0"
        first = self._read(target, self._word(1)) if adds else zero
        starts = [f"{self.real} {x}" for x in (first, *[zero] * (terms - 1))]
        each = len(kinds)
        with self._loop("terms", rounds, starts) as k:
            start = self._new(f"mul i64 {k}, {each * terms}")
            row = self._new(f"getelementptr i32, ptr %tape, i64 {start}")
            for term in range(terms):
                words = [self._word(3 + term * each + x, row) for x in range(each)]
                xs = [self._read(kind, word) for kind, word in zip(kinds, words, strict=True)]
                self.carried[term] = self._added(self.carried[term], xs)
        total, *others = self.left_over
        for other in others:
            total = self._new(f"fadd {self.real} {total}, {other}")
        self._put(target, total)
        length = self._new(f"mul i64 {rounds}, {each * terms}")
        self.size = self._new(f"add i64 {length}, 3")

    def _added(self, total: str, xs: Sequence[str]) -> str:
        if len(xs) == 2:
            return self._add_product(total, xs[0], xs[1])
        return self._new(f"fadd {self.real} {total}, {xs[0]}")

    def read_input(self, target: str) -> None:
        """Read a number of each sample: one from every row of a table."""
        self.size = 5
        table, column, width = [self._new(f"zext i32 {self._word(k)} to i64") for k in (2, 3, 4)]
        rows = self._new(f"load ptr, ptr {self._of_samples(table)}, align 8")
        vector, place = "poison", column
        for lane in range(self.width):
            pointer = self._new(f"getelementptr double, ptr {rows}, i64 {place}")
            number = self._new(f"load double, ptr {pointer}, align 8")
            vector = self._new(f"insertelement {self.real} {vector}, double {number}, i64 {lane}")
            place = self._new(f"add i64 {place}, {width}")
        self._put(target, vector)

    def put_out(self, kind: str) -> None:
        """Write a result to the row of its output."""
        self.size = 3
        x = self._read(kind, self._word(2))
        length = self._new(
            f"load i64, ptr {self._of_samples(str(len(self.tape.plan.widths)))}, align 8"
        )
        row = self._new(f"zext i32 {self._word(1)} to i64")
        start = self._new(f"mul i64 {length}, {row}")
        outputs = self._new("load ptr, ptr %rest, align 8")
        pointer = self._new(f"getelementptr double, ptr {outputs}, i64 {start}")
        self.lines.append(f"  store {self.real} {x}, ptr {pointer}, align 8")

    def call(self, name: str) -> None:
        """Call a function of the code."""
        outputs = self._new("load ptr, ptr %rest, align 8")
        samples = self._new(f"load ptr, ptr {self._of_rest(1)}, align 8")
        given = ARGUMENTS.replace("%outputs", outputs).replace("%samples", samples)
        self.lines.append(f"  call void @{name}({given})")

    def end(self) -> None:
        """Return to where the tape was begun."""
        self.is_last = True

    def _of_rest(self, k: int) -> str:
        return self._new(f"getelementptr ptr, ptr %rest, i64 {k}")

    def _of_samples(self, k: str) -> str:
        samples = self._new(f"load ptr, ptr {self._of_rest(1)}, align 8")
        return self._new(f"getelementptr ptr, ptr {samples}, i64 {k}")

    def _word(self, k: int, row: str = "%tape") -> str:
        pointer = self._new(f"getelementptr i32, ptr {row}, i64 {k}")
        return self._new(f"load i32, ptr {pointer}, align 4")

    def _at_word(self, kind: str, word: str) -> str:
        base = f"@{self.tape.kind}_constants" if kind == "constant" else _BASES[kind]
        return self._new(f"getelementptr double, ptr {base}, i32 {word}")

    def _read(self, kind: str, word: str) -> str:
        """Return a number from memory."""
        pointer = self._at_word(kind, word)
        if kind in _OF_SAMPLES:
            return self._new(f"load {self.real}, ptr {pointer}, {self._align()}")
        return self._spread(self._new(f"load double, ptr {pointer}, align 8"))

    def _put(self, kind: str, x: str) -> None:
        """Write a number to memory."""
        pointer = self._at_word(kind, self._word(1))
        self.lines.append(f"  store {self.real} {x}, ptr {pointer}, {self._align()}")
