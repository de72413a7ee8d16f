"""Steps that are all alike: nothing is asked and nothing is copied between two of them."""

from collections.abc import Callable
from typing import Any, cast

from autograd.compiled.arrays import find_numpy
from autograd.compiled.llvm.backend import Call, LlvmKernel, address
from autograd.compiled.llvm.direct import Desk, step_taker
from autograd.compiled.rule import CompiledRule, can_change_within, numbers_of, settings_of


class Steady:
    """Steps of machine code, from one array of numbers to another and back.

    Each step reads the parameters, and what the rule remembers of them, from one array, and
    writes what they become to the other. So the last step can be undone.

    Args:
        kernel: gives the mean loss and the gradients.
        rule: the optimizer's rule.
        group: the optimizer's group, whose options are read at each step.
        options: the options that the rule was compiled for.
        state: the parameters' numbers, their gradients, and what the rule remembers of them.
        desk: tells the machine code what to do.
    """

    def __init__(
        self,
        kernel: LlvmKernel,
        rule: CompiledRule,
        group: dict[str, Any],
        options: dict[str, Any],
        state: tuple[Any, Any, dict[str, Any]],
        desk: Desk,
    ) -> None:
        numpy = find_numpy()
        self.kernel, self.rule, self.group, self.desk = kernel, rule, group, desk
        count = len(state[0])
        self.matrices = numpy.empty((2, 1 + len(rule.arrays), count))
        self.shared = numpy.empty((2, len(rule.shared)))
        self.after = numpy.empty(len(rule.shared))
        self.settings = numpy.array(numbers_of(options) + [0.0] * len(rule.shared))
        _, self.totals = kernel.room(0)
        self.finds, self.moves = [], []
        move_kernel = cast(LlvmKernel, rule.kernel)
        for now, then in (self.matrices, self.matrices[::-1]):
            find, move = Call(kernel), Call(move_kernel)
            find.bind(now[0], self.after[:0], self.totals)
            move.bind(self.settings, then, self.after)
            move.set_tables([now[0], self.totals[1 : 1 + count], *now[1:]])
            self.finds.append(find)
            self.moves.append(move)
        self.take: Callable[[int], float] = step_taker()
        self._take_over(options)
        desk.tell(
            turn=0,
            find=kernel.address,
            move=move_kernel.address,
            find_frame_0=self.finds[0].place,
            find_frame_1=self.finds[1].place,
            move_frame_0=self.moves[0].place,
            move_frame_1=self.moves[1].place,
            shared_size=self.shared[0].nbytes,
            shared_0=address(self.shared[0]),
            shared_1=address(self.shared[1]),
            shared_before=address(self.settings) + 8 * len(self.numbers),
            shared_after=address(self.after),
            settings=address(self.settings),
            totals=address(self.totals),
        )
        self.put(*state)

    def put(self, numbers: Any, gradients: Any, remembered: dict[str, Any]) -> None:
        """Go on from these numbers and gradients, with this memory of the rule."""
        turn = self.desk["turn"]
        self.matrices[turn] = [numbers, *(remembered[name] for name in self.rule.arrays)]
        self.shared[turn] = [remembered[name] for name in self.rule.shared]
        self.totals[1 : 1 + len(gradients)] = gradients

    def fits(self) -> bool:
        """Take over the options that there are now; False if other code is needed for them."""
        if any(self.group[name] is not option for name, option in self.options.items()):
            options = {name: self.group[name] for name in self.options}
            if can_change_within(options) or self.rule.key != self.rule.key_for(options):
                return False
            self._take_over(options)
        self.settings[: len(self.numbers)] = self.numbers  # direct calls have their own, perhaps
        return True

    def _take_over(self, options: dict[str, Any]) -> None:
        self.options, self.numbers = options, numbers_of(options)
        self.desk.watch(self.group, options, settings_of(options))

    def step(self, tables: list[Any]) -> tuple[Any, float]:
        """Move the parameters by one batch; return the outputs, and the mean loss before."""
        find = self.finds[self.desk["turn"]]
        outputs, _ = self.kernel.room(len(tables[0]))
        find.put_outputs(outputs)
        find.set_tables(tables)
        mean = self.take(self.desk.place)
        return self.kernel.results(outputs, self.totals)[0], mean

    def undo(self) -> None:
        """Go back to the numbers before the last step."""
        self.desk.tell(turn=1 - self.desk["turn"])

    def results(self) -> tuple[Any, dict[str, Any], Any]:
        """Return copies of the parameters' numbers, the rule's memory, and the last gradients."""
        turn = self.desk["turn"]
        numbers, *rows = self.matrices[turn].copy()
        state = dict(zip(self.rule.arrays, rows, strict=True))
        for name, entry in zip(self.rule.shared, self.shared[turn].tolist(), strict=True):
            state[name] = round(entry) if name in self.rule.counts else entry
        gradients = self.totals[1 : 1 + len(numbers)].copy()
        return numbers, {name: state[name] for name in self.rule.order}, gradients
