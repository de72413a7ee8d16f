"""What gradcheck found, for people: tables, blame, kinks."""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from autograd.differences import Estimate
from autograd.formula import short
from autograd.value import Value

MOST_ROWS = 12

TINY = 1e-270
"""A derivative known to be smaller than this is known to be 0 well enough."""


def lies_between(derivative: float, sides: Sequence[Estimate], allowed: float) -> bool:
    """Return whether a derivative is one at a kink: between the one-sided ones, where known."""
    if not sides:
        return True
    low = min(side.value - side.error for side in sides)
    high = max(side.value + side.error for side in sides)
    slack = allowed  # the sides are taken a little beside the kink
    if math.isfinite(high - low):
        slack += 1e-6 * (high - low)
    return low - slack <= derivative <= high + slack


@dataclass(frozen=True)
class Blame:
    """The first operation of a graph that is wrong by itself.

    Attributes:
        node: the operation.
        name: what the graph calls it.
        operation: how it was called, such as ``tanh(n)``.
        inputs: the names and numbers of its inputs.
        what: which of its numbers is wrong: "value", or the name of an input.
        said: the wrong number.
        expected: what it should be.
        allowed: how far off it may be.
        others: how many more operations are wrong.
        above: how many operations use its result, directly or not.
    """

    node: Value
    name: str
    operation: str
    inputs: tuple[tuple[str, float], ...]
    what: str
    said: float
    expected: float
    allowed: float
    others: int
    above: int

    def __str__(self) -> str:
        """Say it in a few lines."""
        assert self.node.primitive is not None
        subject = "the value" if self.what == "value" else f"∂{self.name}/∂{self.what}"
        calls = f", called {self.node.label!r}" if self.node.label else ""
        shown = [f"{name} = {number!r}" for name, number in self.inputs[:8]]
        more = f" and {len(self.inputs) - 8} more" if len(self.inputs) > 8 else ""
        lines = [
            f"the first wrong operation is {self.node.primitive.name}{calls}",
            f"  {self.name} = {self.operation}   at {', '.join(shown)}{more}",
            f"  {subject} is   {self.said!r}",
            f"  it should be {self.expected!r}"
            f"   (off by {short(abs(self.said - self.expected))}, allowed {short(self.allowed)})",
        ]
        if self.node.made_at:
            where = self.node.made_at
            lines.append(f"  made {where}" if where.startswith("in ") else f"  made at {where}")
        if self.what == "value":
            lines.append("  (or a number it was made from was changed afterwards)")
        if self.above:
            lines.append(f"  {_count(self.above, 'operation')} above it inherit the error")
        if self.others:
            lines.append(f"  {_count(self.others, 'more operation')} of the graph are wrong too")
        return "\n".join(lines)


@dataclass(frozen=True)
class KinkNote:
    """A kink on which, or too near to which, the point lies."""

    node: Value
    operation: str
    distance: float

    def __str__(self) -> str:
        """Say where it is."""
        where = "on" if self.distance == 0.0 else f"{short(abs(self.distance))} from"
        line = f" ({self.node.made_at})" if self.node.made_at else ""
        return f"the point is {where} a kink of {self.operation}{line}"


@dataclass(frozen=True)
class Entry:
    """One derivative: what the engine says and what the oracle says.

    Attributes:
        name: such as ``∂f/∂x``.
        engine: the engine's derivative.
        expected: the oracle's; None where a kink leaves none.
        allowed: how far apart they may be.
        conditioning: the part of it that comes from the rounding of the nodes' values.
        swept: at a kink, what the chain rule makes of the local derivatives there.
        sides: at a kink, the one-sided derivatives.
        is_open: whether at the kink there is no derivative to compare with: the function jumps,
            or rounding leaves open on which side of the kink the point lies.
    """

    name: str
    engine: float
    expected: float | None
    allowed: float
    conditioning: float = 0.0
    swept: float | None = None
    sides: tuple[Estimate, ...] = ()
    is_open: bool = False

    @property
    def agrees(self) -> bool:
        """Whether the two agree; at a kink, whether the engine's lies between the sides."""
        if self.expected is not None:
            return self._is_clear(self.expected) and self._is(self.expected)
        if self.swept is not None and not (self._is_clear(self.swept) and self._is(self.swept)):
            return False
        return lies_between(self.engine, self.sides, self.allowed)

    @property
    def is_wrong(self) -> bool:
        """Whether the engine's is wrong for sure: neither rounding nor a kink can explain it."""
        oracle = self.swept if self.expected is None else self.expected
        if oracle is not None and self._is_clear(oracle) and not self._is(oracle):
            return True
        if self.expected is not None or self.is_open:
            return False
        return not lies_between(self.engine, self.sides, self.allowed)

    def _is_clear(self, oracle: float) -> bool:
        return math.isfinite(oracle) and math.isfinite(self.allowed)

    def _is(self, oracle: float) -> bool:
        return abs(self.engine - oracle) <= self.allowed

    def row(self) -> list[str]:
        """Return the entry as texts."""
        verdict = "" if self.agrees else "WRONG" if self.is_wrong else "can't tell"
        if self.expected is None:
            texts = " | ".join(short(side.value) for side in self.sides) or "not computed"
            return [self.name, repr(self.engine), f"kink: {texts}", "", "", verdict]
        return [
            self.name,
            repr(self.engine),
            repr(self.expected),
            short(abs(self.engine - self.expected)),
            short(self.allowed),
            verdict,
        ]


@dataclass(frozen=True)
class Probe:
    """One derivative along a direction, against finite differences of the function itself.

    Attributes:
        name: such as ``∂f/∂x``.
        engine: the engine's derivative.
        finite: the finite differences'.
        size: what a derivative may be expected to be as large as.
        instead: what was found out in another way, where the differences say nothing.
    """

    name: str
    engine: float
    finite: Estimate
    size: float
    instead: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the two agree within the finite differences' error."""
        return abs(self.engine - self.finite.value) <= self.finite.error

    @property
    def is_useful(self) -> bool:
        """Whether the finite differences say anything about a derivative of this size."""
        return self.finite.error <= 1e-3 * self.size + TINY

    def row(self) -> list[str]:
        """Return the probe as texts."""
        known = self.finite.error < math.inf
        said = f"{self.finite.value!r} ± {short(self.finite.error)}" if known else "no idea"
        verdict = "" if self.agrees else "WRONG"
        return [self.name, repr(self.engine), self.instead or said, verdict]


@dataclass
class Section:
    """What was found out about the derivatives of one order.

    Attributes:
        order: 1, or 2.
        operations: how many operations the graph has.
        oracle: what the derivatives were compared with.
        problem: why the function can't be checked, or what is wrong with it as a whole.
        is_refused: whether the problem is that it can't be checked.
        doubt: why it can't be told whether the derivatives are right.
        blame: the first wrong operation.
        kinks: the kinks where the point lies.
        entries: derivative by derivative.
        probes: the function itself by finite differences.
        notes: what else the reader should know.
    """

    order: int
    operations: int = 0
    oracle: str = ""
    problem: str | None = None
    is_refused: bool = False
    doubt: str | None = None
    blame: Blame | None = None
    kinks: list[KinkNote] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether all agree."""
        return (
            self.problem is None
            and self.doubt is None
            and self.blame is None
            and all(entry.agrees for entry in self.entries)
            and all(probe.agrees for probe in self.probes)
        )

    @property
    def verdict(self) -> str:
        """One of VERDICTS."""
        if self:
            return PASSED
        if self.is_refused:
            return REFUSED
        wrong = (
            self.problem is not None
            or self.blame is not None
            or any(entry.is_wrong for entry in self.entries)
            or not all(probe.agrees for probe in self.probes)
        )
        return FAILED if wrong else CANNOT_TELL

    def lines(self) -> Iterator[str]:
        """Yield the section as text."""
        yield f"{_ORDERS[self.order]} derivatives: {self._finding()}"
        if self.blame is not None:
            yield from _indented(str(self.blame))
        for kink in self.kinks[:5]:
            yield from _indented(str(kink))
        if len(self.kinks) > 5:
            yield f"  and {len(self.kinks) - 5} more kinks"
        if self.entries:
            yield ""
            head = ["", "engine", self.oracle, "off by", "allowed", ""]
            yield from _table(head, [e.row() for e in _wrong_first(self.entries)])
            yield f"  {self._conditioning()}"
        if self.probes:
            yield ""
            head = ["", "engine", "finite differences of the function itself", ""]
            yield from _table(head, [p.row() for p in _wrong_first(self.probes)])
        for note in self.notes:
            yield from _indented(note)

    def _finding(self) -> str:
        if self.problem is not None:
            return self.problem
        if self.blame is not None and self.blame.node.primitive is not None:
            return f"WRONG, and it is {self.blame.node.primitive.name}"
        if self.verdict == FAILED:
            return "WRONG" + (", at a kink" if self.kinks else "")
        if self.verdict == CANNOT_TELL:
            return f"can't tell at this point: {self.doubt}"
        return f"all agree over {_count(self.operations, 'operation')}"

    def _conditioning(self) -> str:
        """Say how many digits the point lets any float computation have."""
        known = [
            e
            for e in self.entries
            if e.expected is not None and e.engine != 0.0 and math.isfinite(e.allowed)
        ]
        if not known:
            return "allowed: what rounding can do at this point"
        worst = max(known, key=lambda e: e.allowed / abs(e.engine))
        rounding = short(worst.allowed - worst.conditioning)
        good = -math.log10(worst.allowed / abs(worst.engine) or 1e-16)
        digits = f"\n  badly conditioned: good to {max(0, int(good))} digits" if good < 6 else ""
        return (
            f"allowed for {worst.name}: {rounding} for the rounding of derivatives and sums, "
            f"{short(worst.conditioning)} for that of the values they are taken at{digits}"
        )


_ORDERS = {1: "first", 2: "second"}

PASSED, CANNOT_TELL, REFUSED, FAILED = "passed", "CAN'T TELL", "REFUSED (not checked)", "FAILED"
VERDICTS = (PASSED, CANNOT_TELL, REFUSED, FAILED)
"""From good to bad."""


@dataclass(repr=False)
class Report:
    """The result of gradcheck: true if all agree; its text is meant to be read.

    Attributes:
        name: what was checked.
        sections: one per order of derivative.
    """

    name: str
    sections: list[Section]

    def __repr__(self) -> str:
        """Show the report as it is meant to be read, at a prompt too."""
        return str(self)

    def __bool__(self) -> bool:
        """Whether all agree."""
        return all(self.sections)

    @property
    def blame(self) -> Blame | None:
        """The first wrong operation, if there is one."""
        return next((s.blame for s in self.sections if s.blame is not None), None)

    @property
    def problem(self) -> str | None:
        """Why the function could not be checked, or what is wrong with it as a whole."""
        return next((s.problem for s in self.sections if s.problem is not None), None)

    @property
    def doubt(self) -> str | None:
        """Why it can't be told at this point whether the derivatives are right."""
        return next((s.doubt for s in self.sections if s.doubt is not None), None)

    @property
    def verdict(self) -> str:
        """One of "passed", "CAN'T TELL", "REFUSED (not checked)" and "FAILED"."""
        return max((section.verdict for section in self.sections), key=VERDICTS.index)

    @property
    def kinks(self) -> list[KinkNote]:
        """The kinks on which, or too near to which, the point lies."""
        return [kink for section in self.sections for kink in section.kinks]

    @property
    def entries(self) -> list[Entry]:
        """All derivatives that were compared."""
        return [entry for section in self.sections for entry in section.entries]

    def __str__(self) -> str:
        """Tell what was found."""
        lines = [f"gradcheck of {self.name}: {self.verdict}"]
        for section in self.sections:
            lines += section.lines()
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


class GradcheckError(AssertionError):
    """Raised by gradcheck unless all derivatives agree; its report says where and why."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def _wrong_first(rows: Sequence[Entry] | Sequence[Probe]) -> list[Entry | Probe]:
    return sorted(rows, key=lambda row: row.agrees)


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    shown = [head, *rows[:MOST_ROWS]]
    widths = [max(len(row[k]) for row in shown) for k in range(len(head))]
    for row in shown:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        yield "  " + "  ".join(cells).rstrip()
    if len(rows) > MOST_ROWS:
        yield f"  and {len(rows) - MOST_ROWS} more"


def _indented(text: str) -> Iterator[str]:
    return (f"  {line}" for line in text.splitlines())


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
