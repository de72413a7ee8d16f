"""Under which conditions the results of code have any part in its output."""

from collections.abc import Sequence

from autograd.compiled.code import Builder


class Reach:
    """The conditions of results, noted from the output backwards.

    Args:
        builder: where the conditions are computed.
    """

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._always: set[int] = set()
        self._conditions: dict[int, list[int]] = {}
        # Conditions of which one holds, and under which other one; with each of them.
        self._alternatives: dict[int, tuple[frozenset[int], int | None]] = {}

    def __contains__(self, place: int) -> bool:
        """Return whether a result was noted at all."""
        return place in self._always or place in self._conditions

    def note(self, place: int, condition: int | None) -> None:
        """Note that a result has a part in the output where a condition holds; None for always."""
        if condition is None:
            self._always.add(place)
        else:
            self._conditions.setdefault(place, []).append(condition)

    def condition(self, place: int) -> int | None:
        """Return under which condition a result has a part in the output; None for always."""
        if place in self._always:
            return None
        conditions = dict.fromkeys(self._conditions[place])
        for condition in list(conditions):
            if condition in conditions and condition in self._alternatives:
                parts, whole = self._alternatives[condition]
                if conditions.keys() >= parts:  # one of them holds in any case
                    if whole is None:
                        return None
                    conditions = {c: None for c in conditions if c not in parts} | {whole: None}
        first, *others = conditions
        for other in others:
            first = self.builder.emit("or", first, other)
        return None if self.builder.value(first) is True else first

    def branches(
        self, condition: int | None, name: str, arguments: Sequence[int]
    ) -> list[tuple[int, int]]:
        """Return the operands of a choice, each with the condition under which it is taken.

        Args:
            condition: under which the choice has a part in the output.
            name: select or pick.
            arguments: its operands.
        """
        emit = self.builder.emit
        index, *operands = arguments
        if name == "select":
            holds = [index, emit("not", index)]
        else:
            places = [self.builder.constant(float(k)) for k in range(len(operands))]
            holds = [emit("equal", index, place) for place in places]
        if condition is not None:
            holds = [emit("and", condition, one) for one in holds]
        for one in holds:
            self._alternatives[one] = (frozenset(holds), condition)
        return list(zip(operands, holds, strict=True))
