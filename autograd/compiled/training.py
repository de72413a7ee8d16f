"""Training: the parameters in one array, moved by an optimizer's own rule."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import Any

from autograd.compiled.arrays import find_numpy
from autograd.compiled.batch import Argument
from autograd.compiled.kernels import Kernel
from autograd.compiled.llvm.backend import LlvmKernel
from autograd.compiled.llvm.direct import Desk
from autograd.compiled.rule import CompiledRule, can_change_within, compiled_rule, key_of
from autograd.compiled.steady import Steady
from autograd.primitives import describe
from autograd.value import Value

Change = Callable[[list[float]], list[float]]
Rules = dict[Any, CompiledRule | None]


@dataclass(frozen=True)
class Subject:
    """What is trained.

    Attributes:
        kernel: gives the mean loss and its gradients, and what else is wanted of each sample.
        leaves: the program's leaves.
        count: how many of them are its parameters; they come first.
        arguments: what a batch consists of.
        most_rows: up to so many rows, no other thread needs to run during a step.
        has_outputs: whether anything else is wanted of each sample.
    """

    kernel: Kernel
    leaves: list[Value]
    count: int
    arguments: Sequence[Argument]
    most_rows: int
    has_outputs: bool


@dataclass(frozen=True)
class _Part:
    """Parameters that are moved alike: of one group, with the same kinds of memory.

    Attributes:
        group: the optimizer's group, whose options are read at each step.
        values: the parameters.
        places: where their numbers are in the array.
        state: what the rule remembers of them, by name: arrays, or a number that all share.
    """

    group: dict[str, Any]
    values: list[Value]
    places: Any
    state: dict[str, Any]


@dataclass(frozen=True)
class _Moment:
    """Where a training is: replaced as a whole, so that nothing is ever half done.

    Attributes:
        numbers: those of the program's leaves, and then of other parameters that are moved.
        gradients: those of the last step, likewise.
        parts: the parameters that are moved, and what is remembered of them.
    """

    numbers: Any
    gradients: Any
    parts: list[_Part]


class Training:
    """A training in progress, for loops that have to look at it on the way.

    While it is open, the parameters live in an array. The Values have the numbers that they had
    at the beginning, or when `write_back` was called last.

    Args:
        optimizer: as for `Program.training`.
        read: returns a batch as tables.
        subject: returns what is trained; it is known when the first batch has been read.
        rules: rules that have been compiled already.
        at_end: called when it has ended.

    Attributes:
        desk: what direct calls are told: see `autograd.compiled.llvm.direct`.
    """

    def __init__(
        self,
        optimizer: Any,
        read: Callable[[Sequence[Any]], list[Any]],
        subject: Callable[[], Subject],
        rules: Rules,
        at_end: Callable[[], None],
    ) -> None:
        self.numpy = find_numpy()
        needs = ("param_groups", "state", "update", "defaults")
        if isinstance(optimizer, type) or not all(hasattr(optimizer, name) for name in needs):
            raise TypeError(
                "training takes an optimizer whose rule is elementwise, such as "
                f"optim.SGD(model.parameters(), lr=0.1), got {describe(optimizer)}"
            )
        self.optimizer = optimizer
        self.desk = Desk()
        self._read_batch = read
        self._find_subject = subject
        self._at_end = at_end
        # What a method does may depend on its object: its code is not for others.
        self._rules = rules if isinstance(optimizer.update, FunctionType) else {}
        self._lock = threading.RLock()
        self._depth = 0
        self._subject: Subject | None = None
        self._leaves: list[Value] = []
        self._frozen: list[int] = []
        self._moment: _Moment | None = None
        self._steady: Steady | None = None
        self._take_back: Callable[[], None] | None = None
        self._has_ended = False

    # Steps ------------------------------------------------------------------------------------

    def step(self, *batch: Any, change: Change | None = None) -> tuple[Any, float]:
        """Move the parameters by one batch.

        Args:
            batch: as for a call of the program.
            change: given the gradients as a list, in the order of `values`, it returns those to
                move by.

        Returns:
            What else the function returns, a row per sample; and the mean loss before.

        Raises:
            TypeError: as for `Program.backward`.
            ValueError: likewise.
            RuntimeError: likewise, or if the training has ended.
        """
        with self._alone():
            if self._has_ended:
                raise RuntimeError(
                    "this training has ended: take steps within its with block, or begin another"
                )
            if self._depth > 1:  # by a signal's handler, or by change
                raise RuntimeError("a step was called within another one: let that be finished")
            return self._take(self._read_batch(batch), change)

    def mean_of_step(self, *batch: Any) -> float:
        """Move the parameters by one batch and return the mean loss before."""
        return self.step(*batch)[1]

    def mean_and_outputs_of_step(self, *batch: Any) -> tuple[float, Any]:
        """Move the parameters by one batch; return the mean before, and what else was wanted."""
        outputs, mean = self.step(*batch)
        return mean, outputs

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads out; direct calls are left to `step`, where they wait."""
        with self._lock:
            self.desk.close()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._can_be_direct():
                    self.desk.open()

    def _can_be_direct(self) -> bool:
        can = self._steady is not None and self._depth == 0 and not self._has_ended
        return can and self._subject is not None and not self._subject.has_outputs

    def _take(self, tables: list[Any], change: Change | None) -> tuple[Any, float]:
        subject, moment = self._begun()
        if self._steady is not None:
            if change is None and self._steady.fits():
                found = self._steady.step(tables)
                self._take_back = self._steady.undo
                return found
            moment = self._leave_steady()
        outputs, totals = subject.kernel(tables, moment.numbers[: len(subject.leaves)])
        gradients = self._gradients(subject, moment, totals)
        if change is not None:
            gradients = self.numpy.array(change(gradients.tolist()))
        self._moment = self._moved(moment, gradients)
        self._take_back = partial(self._go_back, moment)
        if change is None:
            self._enter_steady()
        return outputs, float(totals[0])

    def _gradients(self, subject: Subject, moment: _Moment, totals: Any) -> Any:
        """Return the gradients of all leaves: those of Values that are held stay as they were."""
        gradients = moment.gradients.copy()
        gradients[len(subject.leaves) :] = 0.0
        gradients[: subject.count] = totals[1:]
        gradients[self._frozen] = 0.0
        return gradients

    def _begun(self) -> tuple[Subject, _Moment]:
        """Return what is trained and where it is; at the first step, the Values are read."""
        if self._subject is None or self._moment is None:
            subject = self._find_subject()
            self.desk.expect(subject.arguments, subject.most_rows)
            self._moment = self._read(subject)
            self._subject = subject
        return self._subject, self._moment

    def _moved(self, moment: _Moment, gradients: Any) -> _Moment:
        """Return what a step leads to."""
        numbers = moment.numbers.copy()
        parts = []
        for part in moment.parts:
            options = self._options(part.group)
            x, g = numbers[part.places], gradients[part.places]
            numbers[part.places], state = self._apply_rule(x, g, part.state, options)
            parts.append(_Part(part.group, part.values, part.places, state))
        return _Moment(numbers, gradients, parts)

    def _apply_rule(
        self, x: Any, gradient: Any, state: dict[str, Any], options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Apply the optimizer's rule: compiled, if it can be."""
        rule = self._rule(state, options)
        if rule is not None:
            return rule(self.numpy, x, gradient, state, options)
        with self.numpy.errstate(all="ignore"):
            moved: tuple[Any, dict[str, Any]]
            moved = self.optimizer.update(x, gradient, state, **options)
            return moved

    def _rule(self, state: dict[str, Any], options: dict[str, Any]) -> CompiledRule | None:
        update, backend = self.optimizer.update, self._begun()[0].kernel.name
        key = (update, backend, *key_of(state, options))
        try:
            is_new = key not in self._rules
        except TypeError:  # an option is an array, say
            return None
        if is_new:
            compiled = backend == "llvm"
            rule = compiled_rule(update, state, options, backend) if compiled else None
            self._rules[key] = rule
        return self._rules[key]

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        return {name: group[name] for name in self.optimizer.defaults}

    def _enter_steady(self) -> None:
        """From now on do the same at each step, if all parameters are moved alike."""
        subject, moment = self._begun()
        part = moment.parts[0] if len(moment.parts) == 1 else None
        are_all = len(self._leaves) == subject.count  # of the program's, and no others
        if part is None or part.values != self._leaves or not are_all:
            return
        if not isinstance(subject.kernel, LlvmKernel):
            return
        options = self._options(part.group)
        if can_change_within(options):
            return
        rule = self._rule(part.state, options)
        if rule is not None and rule.is_steady:
            state = moment.numbers, moment.gradients, part.state
            self._steady = Steady(subject.kernel, rule, part.group, options, state, self.desk)

    def _leave_steady(self) -> _Moment:
        """Take over what the steps have done so far."""
        self._moment = moment = self._now()
        self._steady = None
        return moment

    # Looking ----------------------------------------------------------------------------------

    @property
    def values(self) -> list[Value]:
        """The Values that live in the array, in order; none before the first step."""
        return list(self._leaves)

    @property
    def is_ready(self) -> bool:
        """Whether the numbers are in the array."""
        return self._moment is not None

    def current_numbers(self) -> Any:
        """Return the numbers of the program's leaves as they are now."""
        with self._alone():
            return self._now().numbers[: len(self._begun()[0].leaves)]

    def is_finite(self) -> bool:
        """Return whether all parameters, and their gradients in the last step, are finite."""
        with self._alone():
            subject, moment = self._begun()[0], self._now()
        numbers = moment.numbers[: subject.count], moment.numbers[len(subject.leaves) :]
        arrays = (*numbers, moment.gradients)
        return all(self.numpy.isfinite(array).all() for array in arrays)

    def _now(self) -> _Moment:
        _, moment = self._begun()
        if self._steady is None:
            return moment
        numbers, state, gradients = self._steady.results()
        (part,) = moment.parts
        return _Moment(numbers, gradients, [_Part(part.group, part.values, part.places, state)])

    def undo(self) -> None:
        """Undo the last step; the gradients and the Values stay as they are."""
        with self._alone():
            if self._take_back is None:
                raise RuntimeError("there is no step to undo, or it has been undone")
            self._take_back()
            self._take_back = None

    def _go_back(self, moment: _Moment) -> None:
        self._moment = moment
        self._steady = None

    def write_back(self) -> None:
        """Give the Values, and the optimizer's memory, the current numbers."""
        with self._alone():
            if self.is_ready:
                self._write(self._now())

    def _write(self, moment: _Moment) -> None:
        numbers, gradients = moment.numbers.tolist(), moment.gradients.tolist()
        state = dict(self.optimizer.state)
        for part in moment.parts:
            entries = [_entries(entry, len(part.values)) for entry in part.state.values()]
            rows = zip(*entries, strict=True) if entries else [()] * len(part.values)
            for value, row in zip(part.values, rows, strict=True):
                state[value] = dict(zip(part.state, row, strict=True))
        for leaf, number, gradient in zip(self._leaves, numbers, gradients, strict=True):
            leaf.grad = gradient
            if leaf.requires_grad:
                leaf.data = number
        self.optimizer.state = state

    def read_again(self) -> None:
        """Go on from what the Values, and the optimizer's memory, are now."""
        with self._alone():
            if self.is_ready:
                subject, old = self._begun()
                moment = self._read(subject)
                if self._steady is not None and self._go_on_alike(self._steady, old, moment):
                    self._steady.put(moment.numbers, moment.gradients, moment.parts[0].state)
                else:
                    self._steady = None
                self._moment, self._take_back = moment, None

    def _go_on_alike(self, steady: Steady, old: _Moment, new: _Moment) -> bool:
        """Return whether the same steps do for what has been read anew."""
        (before,), (part, *others) = old.parts, new.parts
        if others or part.values != before.values or part.values != self._leaves:
            return False
        return key_of(part.state, self._options(part.group)) == steady.rule.key

    def end(self, *, write_back: bool = True) -> None:
        """Allow no more steps; before, write all back, unless the Values have been changed."""
        with self._alone():
            try:
                if write_back and self.is_ready and not self._has_ended:
                    self._write(self._now())
            finally:
                self._has_ended = True
                self._at_end()

    # Reading the Values -----------------------------------------------------------------------

    def _read(self, subject: Subject) -> _Moment:
        """Return what the Values and the optimizer's memory are."""
        known = set(subject.leaves)
        groups = self.optimizer.param_groups
        moved = [value for group in groups for value in group["params"]]
        self._leaves = subject.leaves + [value for value in moved if value not in known]
        parameters = enumerate(subject.leaves[: subject.count])
        self._frozen = [k for k, leaf in parameters if not leaf.requires_grad]
        numbers = self.numpy.array([leaf.data for leaf in self._leaves])
        gradients = self.numpy.array([leaf.grad for leaf in self._leaves])
        return _Moment(numbers, gradients, list(self._parts()))

    def _parts(self) -> Iterator[_Part]:
        """Sort the parameters by group, and by what the rule remembers of them already."""
        places = {leaf: place for place, leaf in enumerate(self._leaves)}
        for group in self.optimizer.param_groups:
            alike: dict[tuple[str, ...], list[Value]] = {}
            for value in group["params"]:
                if value.requires_grad:
                    remembered = self.optimizer.state.get(value, {})
                    alike.setdefault(tuple(remembered), []).append(value)
            for names, values in alike.items():
                states = [self.optimizer.state.get(value, {}) for value in values]
                state = {name: self._shared([s[name] for s in states]) for name in names}
                yield _Part(group, values, self._places([places[v] for v in values]), state)

    def _places(self, places: list[int]) -> Any:
        """Return places as an index of the array: a slice, if they lie one after the other."""
        first, last = places[0], places[-1] + 1
        return (
            slice(first, last) if places == list(range(first, last)) else self.numpy.array(places)
        )

    def _shared(self, entries: list[Any]) -> Any:
        """Return one number, such as the count of steps, if it is the same int; else an array."""
        if all(type(x) is int and x == entries[0] for x in entries):
            return entries[0]
        return self.numpy.array(entries, dtype=float)


def _entries(entry: Any, count: int) -> list[Any]:
    """Return what is remembered, for each of so many parameters."""
    return entry.tolist() if hasattr(entry, "shape") else [entry] * count
