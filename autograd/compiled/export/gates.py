"""Gates: code whose gradient is that of the graph, whoever differentiates it.

In a graph there is only the branch that was taken. Where both are computed and one is chosen, the
other one's gradient is 0, and yet its infinite derivatives spoil the sum: 0 times inf is nan. So
what enters a branch goes through a gate, which lets no gradient back unless the branch is taken.
"""

from autograd.compiled.code import CONDITIONS, LEAVES, Builder, Code
from autograd.compiled.conditions import Reach

CHOICES = ("select", "pick")
_WITHOUT_GRADIENT = (*LEAVES, *CONDITIONS, "detach")


def gated(code: Code) -> Code:
    """Return code with the same results, in which no gradient enters a branch not taken.

    >>> builder = Builder()
    >>> x, zero = builder.emit("input", 0), builder.constant(0.0)
    >>> positive = builder.emit("less", zero, x)
    >>> chosen = builder.emit("select", positive, builder.emit("log", x), zero)
    >>> code = gated(Code(tuple(builder.instructions), (chosen,)))
    >>> [name for name, _ in code.instructions]
    ['input', 'constant', 'less', 'detach', 'select', 'log', 'select']
    """
    if not any(name in CHOICES for name, _ in code.instructions):
        return code
    gates = _Gates(code)
    gates.find()
    return gates.with_gates()


class _Gates:
    """Code, and after it in the same builder the conditions, and the code with gates."""

    def __init__(self, code: Code) -> None:
        self.builder = Builder()
        places: list[int] = []
        for instruction in code.instructions:
            places.append(self.builder.copy(instruction, places))
        outputs = tuple(places[place] for place in code.outputs)
        self.code = Code(tuple(self.builder.instructions), outputs)
        self.reach = Reach(self.builder)
        self.own: dict[int, int | None] = {}  # the condition of each result
        self.handed: dict[tuple[int, int], int | None] = {}  # and of its use by another one

    def find(self) -> None:
        """Find the conditions, each result's after those of all that use it."""
        for output in self.code.outputs:
            self.reach.note(output, None)
        for place in range(len(self.code.instructions) - 1, -1, -1):
            if place in self.reach:
                self.own[place] = self.reach.condition(place)
                self._hand_on(place)

    def _hand_on(self, place: int) -> None:
        name, arguments = self.code.instructions[place]
        condition = self.own[place]
        if name in _WITHOUT_GRADIENT:
            return
        uses: list[tuple[int, int | None]] = [(operand, condition) for operand in arguments]
        if name in CHOICES and not self._is_of_leaves(arguments[1:]):
            uses = [*self.reach.branches(condition, name, arguments)]
        for operand, held in uses:
            self.reach.note(operand, held)
            self.handed[place, operand] = held

    def _is_of_leaves(self, operands: tuple[int, ...]) -> bool:
        """Return whether there is no branch to enter, as where a parameter is picked."""
        return all(self.code.instructions[x][0] in LEAVES for x in operands)

    def with_gates(self) -> Code:
        """Return the code, with a gate where more depends on an operand than the branch."""
        moved: list[int] = []
        for place, (name, arguments) in enumerate(self.code.instructions):
            if name in LEAVES:
                moved.append(place)
            else:
                entering = [self._entering(place, x, moved[x]) for x in arguments]
                moved.append(self.builder.emit(name, *entering))
        outputs = tuple(moved[place] for place in self.code.outputs)
        return Code(tuple(self.builder.instructions), outputs).without_dead_code()

    def _entering(self, place: int, operand: int, moved: int) -> int:
        """Return the operand of an operation, behind a gate if it needs one."""
        condition = self.own.get(place)
        if condition is None or (place, operand) not in self.handed:
            return moved
        is_leaf = self.code.instructions[operand][0] in LEAVES  # where gradients are wanted
        if self.own[operand] == self.handed[place, operand] and not is_leaf:
            return moved
        return self.builder.emit("select", condition, moved, self.builder.emit("detach", moved))
