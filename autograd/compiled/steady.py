"""Steps that are all alike: nothing is asked and nothing is copied between two of them."""

from typing import Any, cast

from autograd.compiled.arrays import find_numpy
from autograd.compiled.llvm_backend import Call, LlvmKernel
from autograd.compiled.rule import CompiledRule, numbers_of


class Steady:
    """Steps of machine code, from one array of numbers to another and back.

    Each step reads the parameters, and what the rule remembers of them, from one array, and
    writes what they become to the other: an interrupted step leaves the first as it was.

    Args:
        kernel: gives the mean loss and the gradients.
        rule: the optimizer's rule.
        group: the optimizer's group, whose options are read at each step.
        options: the options that the rule was compiled for.
        state: the parameters' numbers, and what the rule remembers of them.
    """

    def __init__(
        self,
        kernel: LlvmKernel,
        rule: CompiledRule,
        group: dict[str, Any],
        options: dict[str, Any],
        state: tuple[Any, dict[str, Any]],
    ) -> None:
        numpy = find_numpy()
        self.rule, self.group, self.options = rule, group, options
        numbers, remembered = state
        rows = [numbers, *(remembered[name] for name in rule.arrays)]
        self.matrices = [numpy.array(rows), numpy.empty((len(rows), len(numbers)))]
        self.totals = numpy.empty(1 + len(numbers))
        self.shared = [float(remembered[name]) for name in rule.shared]
        self.settings = numpy.array([*numbers_of(options), *self.shared])
        self.after = numpy.empty(len(self.shared))
        self.gradients, self.moves = [], []
        for now, then in (self.matrices, self.matrices[::-1]):
            find = Call(kernel)
            find.bind(now[0], self.after[:0], self.totals)
            move = Call(cast(LlvmKernel, rule.kernel))
            move.bind(self.settings, then, self.after)
            move.set_tables([now[0], self.totals[1:], *now[1:]])
            self.gradients.append(find)
            self.moves.append(move)
        self.current = (0, self.shared)  # which array, and the shared memory: set in one go

    def fits(self) -> bool:
        """Return whether the options are still the same."""
        group = self.group
        for name, option in self.options.items():
            if group[name] is not option and group[name] != option:
                return self._refreshed()
        return True

    def _refreshed(self) -> bool:
        """Take over new options; False if other code is needed for them."""
        options = {name: self.group[name] for name in self.options}
        if self.rule.key != self.rule.key_for(options):
            return False
        new = numbers_of(options)
        self.settings[: len(new)] = new
        self.options = options
        return True

    def step(self, tables: list[Any]) -> float:
        """Move the parameters by one batch and return the mean loss before."""
        now, shared = self.current
        self.gradients[now](tables)
        if shared:
            self.settings[-len(shared) :] = shared
        self.moves[now].again()
        self.current = (1 - now, self.after.tolist() if shared else shared)
        return float(self.totals[0])

    def results(self) -> tuple[Any, dict[str, Any], Any]:
        """Return copies of the parameters' numbers, the rule's memory, and the last gradients."""
        now, shared = self.current
        numbers, *rows = self.matrices[now].copy()
        state = dict(zip(self.rule.arrays, rows, strict=True))
        for name, entry in zip(self.rule.shared, shared, strict=True):
            state[name] = round(entry) if name in self.rule.counts else entry
        return numbers, {name: state[name] for name in self.rule.order}, self.totals[1:].copy()
