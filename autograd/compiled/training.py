"""Training: the parameters in one array, moved by an optimizer's own rule."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from autograd.compiled.arrays import find_numpy
from autograd.compiled.kernels import Kernel
from autograd.compiled.llvm_backend import LlvmKernel
from autograd.compiled.rule import CompiledRule, compiled_rule, key_of
from autograd.compiled.steady import Steady
from autograd.primitives import describe
from autograd.value import Value


@dataclass
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


class Training:
    """A training in progress: see `Program.training`.

    Attributes:
        numbers: the numbers of the program's leaves, and then of other parameters that the
            optimizer moves.
        gradients: those of the last step, likewise.
    """

    def __init__(self, optimizer: Any) -> None:
        self.numpy = find_numpy()
        needs = ("param_groups", "state", "update", "defaults")
        if isinstance(optimizer, type) or not all(hasattr(optimizer, name) for name in needs):
            raise TypeError(
                "training takes an optimizer whose rule is elementwise, such as "
                f"optim.SGD(model.parameters(), lr=0.1), got {describe(optimizer)}"
            )
        self.optimizer = optimizer
        self.leaves: list[Value] = []
        self.numbers: Any = None
        self.parts: list[_Part] = []
        self.rules: dict[Any, CompiledRule | None] = {}
        self.steady: Steady | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the numbers are in the array."""
        return self.numbers is not None

    def begin(self, kernel: Kernel, leaves: list[Value], count: int) -> None:
        """Put the numbers into the array.

        Args:
            kernel: gives the mean loss and the gradients.
            leaves: the program's leaves.
            count: how many of them are its parameters; they come first.
        """
        self.kernel = kernel
        self.count = count
        self.inner = len(leaves)
        known = set(leaves)
        moved = [value for group in self.optimizer.param_groups for value in group["params"]]
        self.leaves = leaves + [value for value in moved if value not in known]
        self.gradients = self.numpy.zeros(len(self.leaves))
        self.parts = list(self._parts())
        self.numbers = self.numpy.array([leaf.data for leaf in self.leaves])

    def current_numbers(self) -> Any:
        """Return the numbers of the program's leaves as they are now."""
        numbers = self.numbers if self.steady is None else self.steady.results()[0]
        return numbers[: self.inner]

    def _parts(self) -> Iterator[_Part]:
        """Sort the parameters by group, and by what the rule remembers of them already."""
        places = {leaf: place for place, leaf in enumerate(self.leaves)}
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

    def step(self, tables: list[Any]) -> float:
        """Move the parameters by one batch and return the mean loss before."""
        if self.steady is not None:
            if self.steady.fits():
                return self.steady.step(tables)
            self._leave_steady()
        _, totals = self.kernel(tables, self.numbers)
        gradients = totals[1:]
        if len(self.leaves) > self.count:
            gradients = self.numpy.zeros(len(self.leaves))
            gradients[: self.count] = totals[1:]
        numbers = self.numbers.copy()
        states = []
        for part in self.parts:
            options = {name: part.group[name] for name in self.optimizer.defaults}
            moved, state = self._moved(
                numbers[part.places], gradients[part.places], part.state, options
            )
            numbers[part.places] = moved
            states.append(state)
        self._set(numbers, gradients, states)
        self._enter_steady()
        return float(totals[0])

    def _enter_steady(self) -> None:
        """From now on do the same at each step, if all parameters are moved alike."""
        if len(self.parts) == 1 and self.parts[0].values == self.leaves:
            part = self.parts[0]
            options = {name: part.group[name] for name in self.optimizer.defaults}
            rule = self.rules.get(key_of(part.state, options))
            if rule is not None and rule.is_steady and isinstance(self.kernel, LlvmKernel):
                state = (self.numbers, part.state)
                self.steady = Steady(self.kernel, rule, part.group, options, state)

    def _leave_steady(self) -> None:
        """Take over what the steps have done so far."""
        if self.steady is not None:
            numbers, state, gradients = self.steady.results()
            self._set(numbers, gradients, [state])
            self.steady = None

    def _moved(
        self, x: Any, gradient: Any, state: dict[str, Any], options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Apply the optimizer's rule: compiled, if it can be."""
        key = key_of(state, options)
        if key not in self.rules:
            backend = self.kernel.name
            compiled = backend == "llvm"
            self.rules[key] = (
                compiled_rule(self.optimizer.update, state, options, backend) if compiled else None
            )
        rule = self.rules[key]
        if rule is not None:
            return rule(self.numpy, x, gradient, state, options)
        with self.numpy.errstate(all="ignore"):
            moved: tuple[Any, dict[str, Any]]
            moved = self.optimizer.update(x, gradient, state, **options)
            return moved

    def _set(self, numbers: Any, gradients: Any, states: list[dict[str, Any]]) -> None:
        """Take over the results of a step: all, or none if it is interrupted."""
        parts = [replace(part, state=s) for part, s in zip(self.parts, states, strict=True)]
        vars(self).update(numbers=numbers, gradients=gradients, parts=parts)

    def write_back(self) -> None:
        """Give the Values, and the optimizer's memory, the current numbers."""
        if not self.is_ready:
            return
        self._leave_steady()
        numbers, gradients = self.numbers.tolist(), self.gradients.tolist()
        state = dict(self.optimizer.state)
        for part in self.parts:
            for k, value in enumerate(part.values):
                state[value] = {
                    name: float(entry[k]) if hasattr(entry, "shape") else entry
                    for name, entry in part.state.items()
                }
        for place, leaf in enumerate(self.leaves):
            if leaf.requires_grad:
                leaf.data = numbers[place]
                leaf.grad = gradients[place]
        self.optimizer.state = state
