"""Code as operations on vectors: what is done alike to many scalars is done once to all of them.

For machines that are slow with thousands of small operations, such as JAX's compiler and
onnxruntime: a layer of a network becomes a few operations, however wide it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from autograd.compiled.code import LEAVES, Builder, Code, operands

Entry = tuple[int, int]
"""Where a scalar is: in which vector, and at which place in it."""

Origin = frozenset[tuple[int, bool]]
"""What a result varies with, an argument of the sample or -1 for the call's numbers, and whether
a gradient flows back to there."""


@dataclass(frozen=True)
class Group:
    """Instructions that do the same at the same time.

    Attributes:
        name: what is done.
        places: the instructions.
        columns: the first operands of all, the second operands of all, …
    """

    name: str
    places: tuple[int, ...]
    columns: tuple[tuple[int, ...], ...]


def groups(code: Code, origins: Sequence[Origin]) -> list[Group]:
    """Return code's operations as groups, each after those it needs.

    The operands of a group come from the same places, so that they vary together or not at all.

    Args:
        code: the code.
        origins: what each of its results depends on, as from `dependences`.

    >>> code = Builder()
    >>> x, y = code.emit("input", 0), code.emit("input", 1)
    >>> both = [code.emit("exp", x), code.emit("exp", y)]
    >>> whole = Code(tuple(code.instructions), tuple(both))
    >>> groups(whole, [frozenset()] * 4)
    [Group(name='exp', places=(2, 3), columns=((0, 1),))]
    """
    levels: list[int] = []
    found: dict[tuple[object, ...], list[int]] = {}
    for place, (name, arguments) in enumerate(code.instructions):
        needed = operands(name, arguments)
        levels.append(1 + max([levels[x] for x in needed], default=-1))
        if name not in LEAVES:
            key = (levels[place], name, *(origins[x] for x in needed))
            found.setdefault(key, []).append(place)
    in_order = sorted(found.values(), key=lambda places: levels[places[0]])
    return [_group(code, places) for places in in_order]


def _group(code: Code, places: Sequence[int]) -> Group:
    rows = [code.instructions[place][1] for place in places]
    return Group(code.instructions[places[0]][0], tuple(places), tuple(zip(*rows, strict=True)))


def dependences(code: Code, owners: Sequence[int]) -> list[Origin]:
    """Return what each result varies with.

    Args:
        code: the code.
        owners: to which argument each number of a sample belongs.
    """
    origins: list[Origin] = []
    for name, arguments in code.instructions:
        if name == "input":
            origins.append(frozenset({(owners[arguments[0]], True)}))
        elif name == "number":
            origins.append(frozenset({(-1, True)}))
        else:
            needed = [origins[x] for x in operands(name, arguments)]
            origin: Origin = frozenset().union(*needed)
            if name == "detach":
                origin = frozenset((owner, False) for owner, _ in origin)
            origins.append(origin)
    return origins


def gathering(entries: Sequence[Entry]) -> tuple[list[tuple[int, list[int]]], list[int] | None]:
    """Return how to bring scalars of several vectors together in one.

    Returns:
        The vectors and which places of each to take, to be put one after the other; and in which
        order to take what comes of it, or None if it is as it should be.

    >>> gathering([(7, 0), (7, 1)]), gathering([(7, 0), (8, 0), (7, 1)])
    (([(7, [0, 1])], None), ([(7, [0, 1]), (8, [0])], [0, 2, 1]))
    """
    taken: dict[int, list[int]] = {}
    counted = [_count(taken, vector, place) for vector, place in entries]
    start, starts = 0, {}
    for vector, places in taken.items():
        starts[vector] = start
        start += len(places)
    order = [starts[vector] + k for (vector, _), k in zip(entries, counted, strict=True)]
    return list(taken.items()), None if order == list(range(start)) else order


def _count(taken: dict[int, list[int]], vector: int, place: int) -> int:
    """Note that a place of a vector is taken, and return how many were before it."""
    places = taken.setdefault(vector, [])
    places.append(place)
    return len(places) - 1


def alone(name: str, count: int) -> Code:
    """Return an operation as code, applied to inputs.

    >>> alone("add", 2).instructions
    (('input', (0,)), ('input', (1,)), ('add', (0, 1)))
    """
    builder = Builder()
    inputs = [builder.emit("input", k) for k in range(count)]
    output = builder.emit(name, *inputs)
    return Code(tuple(builder.instructions), (output,))


def with_constants(code: Code, numbers: dict[int, float]) -> Code:
    """Return code in which some of the call's numbers are constants.

    >>> code = Code((("number", (0,)), ("negative", (0,))), (1,))
    >>> with_constants(code, {0: 2.0})
    Code(instructions=(('constant', (-2.0,)),), outputs=(0,), totals=())
    """
    builder = Builder()
    places: list[int] = []
    for name, arguments in code.instructions:
        if name == "number" and arguments[0] in numbers:
            places.append(builder.constant(numbers[arguments[0]]))
        else:
            places.append(builder.copy((name, arguments), places))
    outputs = tuple(places[place] for place in code.outputs)
    return Code(tuple(builder.instructions), outputs).without_dead_code()


def entries_of(code: Code, widths: Sequence[int], found: Sequence[Group]) -> dict[int, Entry]:
    """Return where each result of code is.

    The constants are the first vector, the call's numbers the second; then there is one for each
    argument, and one for each group of operations.

    Args:
        code: the code.
        widths: of how many numbers each argument of a sample consists.
        found: the groups.
    """
    columns = [(2 + k, column) for k, width in enumerate(widths) for column in range(width)]
    entries: dict[int, Entry] = {}
    constants = 0
    for place, (name, arguments) in enumerate(code.instructions):
        if name == "constant":
            entries[place] = (0, constants)
            constants += 1
        elif name == "number":
            entries[place] = (1, arguments[0])
        elif name == "input":
            entries[place] = columns[arguments[0]]
    for number, group in enumerate(found, start=2 + len(widths)):
        entries.update({place: (number, k) for k, place in enumerate(group.places)})
    return entries


def is_shared(columns: Sequence[Sequence[int]]) -> bool:
    """Return whether all rows are the same.

    >>> is_shared([(4, 4), (7, 7)]), is_shared([(4, 4), (7, 8)])
    (True, False)
    """
    return all(len(set(column)) == 1 for column in columns)
