"""Rules recorded once: what a rule does to its operands is the same for all operands."""

from collections.abc import Callable, Sequence
from typing import Any

from autograd.compiled.code import LEAVES, Builder, Instruction
from autograd.compiled.trace import Recorder, recording

Rule = Callable[..., Sequence[Any]]


class Templates:
    """Rules by name, as code that is copied wherever they are applied.

    >>> templates = Templates()
    >>> builder = Builder()
    >>> x, y = builder.emit("input", 0), builder.emit("input", 1)
    >>> for operand in (x, y):
    ...     (place,) = templates.apply(builder, "twice", lambda x: [x + x], [operand])
    >>> builder.instructions[-2:]
    [('add', (0, 0)), ('add', (1, 1))]
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str | None, ...], tuple[list[Instruction], list[int]]] = {}

    def apply(self, builder: Builder, name: str, rule: Rule, operands: Sequence[int]) -> list[int]:
        """Add what a rule does to code, and return the places of its results.

        Args:
            builder: the code.
            name: of the rule.
            rule: of numbers; returns numbers. It is carried out when it is applied first to so
                many operands, of which these are the constants.
            operands: the places of what it is applied to.
        """
        known = builder.known
        key = (name, *[None if known[x] is None else repr(known[x]) for x in operands])
        template = self._known.get(key)
        if template is None:
            template = self._known[key] = _recorded(rule, [known[x] for x in operands])
        instructions, results = template
        places: list[int] = []
        for instruction in instructions:
            what, arguments = instruction
            if what == "input":
                places.append(operands[arguments[0]])
            elif what in LEAVES:
                places.append(builder.copy(instruction, places))
            else:
                places.append(builder.emit(what, *[places[x] for x in arguments]))
        return [places[result] for result in results]


def _recorded(rule: Rule, known: Sequence[Any]) -> tuple[list[Instruction], list[int]]:
    """Return what a rule does, as code whose inputs are its operands as far as not known."""
    recorder = Recorder()
    operands = [
        recorder.traced(recorder.builder.emit("input", k)) if x is None else x
        for k, x in enumerate(known)
    ]
    with recording(recorder):
        results = [recorder.place_of(x) for x in rule(*operands)]
    return recorder.builder.instructions, results
