"""Networks in files: JSON that a person can read, exact to the bit."""

import json
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from autograd.explanation import plain
from autograd.files import write_whole
from autograd.formula import visible
from nn.checks import require_kind
from nn.module import Module

FORMAT = "stepgrad network"
VERSION = 1

SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
"""Numbers that JSON does not have are written as texts."""

_ROOM = 1_000_000
"""How many bytes a file may have beyond what a network's names and numbers need."""


class LoadError(ValueError):
    """A file does not hold what is to be loaded: the numbers of this network, or this training."""


def save(model: Module, path: str | os.PathLike[str]) -> Path:
    """Write all numbers of a network to a JSON file, and return its path.

    The file is written whole or not at all, and holds every float exactly: `load` gives the same
    bits. It holds the parameters and constants such as running means, by name, not what the
    network computes: to load it, build the same network first.

    Args:
        model: the network.
        path: the file; one that is there already is replaced.

    Raises:
        OSError: if the file can't be written.
        TypeError: if model is not a Module.

    >>> import tempfile
    >>> from nn import Neuron
    >>> neuron, other = Neuron(2, seed=1), Neuron(2, seed=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(other, save(neuron, Path(folder, "neuron.json")))
    >>> other.state_dict() == neuron.state_dict()
    True
    """
    require_kind(isinstance(model, Module), "save needs a Module as model", model)
    entries = [
        f"  {json.dumps(name)}: {json.dumps(entry, allow_nan=False)}"
        for name, entry in _nested(model.state_dict()).items()
    ]
    head = f'{{"format": "{FORMAT}", "version": {VERSION}, "state": {{\n'
    return write_whole(path, (head + ",\n".join(entries) + "\n}}\n").encode())


def load(model: Module, path: str | os.PathLike[str]) -> None:
    """Set all numbers of a network to those in a file that `save` wrote.

    Nothing in the file is executed. If there is anything wrong with it, the network stays as it
    is.

    Args:
        model: a network with the same names and shapes as the saved one.
        path: the file.

    Raises:
        LoadError: if the file is not one that `save` wrote, is damaged, or belongs to another
            network: the message names entries that are missing, unexpected or misshapen.
        OSError: if the file can't be read.
        TypeError: if model is not a Module.

    >>> import tempfile
    >>> from nn import Neuron
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(Neuron(3), save(Neuron(2), Path(folder, "neuron.json")))
    Traceback (most recent call last):
        ...
    nn.saving.LoadError: neuron.json belongs to another network: w has 2 numbers instead of 3
    """
    require_kind(isinstance(model, Module), "load needs a Module as model", model)
    path = Path(path)
    wanted = model.state_dict()
    limit = _ROOM + sum(2 * len(name) + 100 for name in wanted)
    with path.open("rb") as file:
        content = file.read(limit + 1)
    try:
        if len(content) > limit:
            raise LoadError(f"is larger than any file of this network, {limit:,} bytes")
        state = _flat(_parsed(content), known={_base(name)[0] for name in wanted})
        _compare(state, wanted)
    except LoadError as error:
        raise LoadError(f"{path.name} {error}") from None
    model.load_state_dict(state)


# Names such as w[0], w[1] of single numbers become w: [.., ..] in the file. ---------------------


def _nested(state: Mapping[str, float]) -> dict[str, Any]:
    """Return the numbers of each name as nested lists, where the indices have no gap."""
    groups: dict[str, dict[tuple[int, ...], float]] = defaultdict(dict)
    for name, number in state.items():
        base, places = _base(name)
        groups[base][places] = number
    nested: dict[str, Any] = {}
    for base, numbers in groups.items():
        structure = _structure(numbers)
        if structure is None:
            nested |= {
                f"{base}{_written(places)}": plain(number) for places, number in numbers.items()
            }
        else:
            nested[base] = structure
    return nested


def _base(name: str) -> tuple[str, tuple[int, ...]]:
    """Split a name: ``layers.0.weight[1][2]`` into ``layers.0.weight`` and (1, 2)."""
    base, places = name, []
    while base.endswith("]"):
        rest, _, index = base[:-1].rpartition("[")
        if not (
            index.isascii() and index.isdigit() and len(index) < 10 and str(int(index)) == index
        ):
            break
        base = rest
        places.append(int(index))
    return base, tuple(reversed(places))


def _structure(numbers: Mapping[tuple[int, ...], float]) -> Any:
    """Return nested lists of numbers by their indices; None if there are gaps."""
    if () in numbers:
        return plain(numbers[()]) if len(numbers) == 1 else None
    rows: dict[int, dict[tuple[int, ...], float]] = defaultdict(dict)
    for (first, *others), number in numbers.items():
        rows[first][tuple(others)] = number
    if sorted(rows) != list(range(len(rows))):
        return None
    structures = [_structure(rows[number]) for number in range(len(rows))]
    return None if None in structures else structures


def _written(places: Iterable[int]) -> str:
    return "".join(f"[{place}]" for place in places)


# Reading what anyone may have written -----------------------------------------------------------


def _parsed(content: bytes) -> dict[str, Any]:
    """Return the entries of a file, whose numbers are not checked yet."""
    try:
        whole = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_float=_finite,
            parse_int=_finite,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise LoadError("is not a text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise LoadError(
            f"is damaged or not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise LoadError("is nested too deeply") from None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise LoadError("is not a file that nn.save wrote")
    if whole.get("version") != VERSION:
        raise LoadError(f"is of version {cut(whole.get('version'))}: this one reads {VERSION}")
    state = whole.get("state")
    if not isinstance(state, dict) or whole.keys() != {"format", "version", "state"}:
        raise LoadError('does not consist of "format", "version" and "state"')
    return state


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, entry in pairs:
        if name in entries:
            raise LoadError(f"has two entries of the name {cut(name)}")
        entries[name] = entry
    return entries


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise LoadError(f"has a number that is too large: {cut(text)}")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise LoadError(f'has {text} without quotation marks, which is not JSON: write "nan" or "inf"')


def _flat(state: Mapping[str, Any], known: set[str]) -> dict[str, float]:
    """Return the numbers one by one, named as in a state_dict; of unknown names just the name."""
    flat = {name: math.nan for name in state if _base(name)[0] not in known}
    stack = [(name, entry) for name, entry in state.items() if name not in flat]
    while stack:
        name, entry = stack.pop()
        if isinstance(entry, list):
            stack.extend((f"{name}[{k}]", row) for k, row in reversed(list(enumerate(entry))))
            continue
        number = SPECIAL.get(entry) if isinstance(entry, str) else entry
        if not isinstance(number, float):
            raise LoadError(f"has an entry {cut(name)} that is not a number: {cut(entry)}")
        if name in flat:
            raise LoadError(f"has two entries of the name {cut(name)}")
        flat[name] = number
    return flat


def _compare(state: Mapping[str, float], wanted: Mapping[str, float]) -> None:
    """Raise LoadError if these are not the wanted names."""
    if state.keys() == wanted.keys():
        return
    there, needed = _groups(state), _groups(wanted)
    problems = [
        f"{cut(name)} has {_counted(there[name])} instead of {_lengths(needed[name])}"
        for name in needed
        if name in there and there[name] != needed[name]
    ]
    problems += [f"{cut(name)} is missing" for name in needed if name not in there]
    problems += [f"{cut(name)} is unexpected" for name in there if name not in needed]
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    raise LoadError(f"belongs to another network: {'; '.join(problems[:5])}{more}")


def _groups(names: Iterable[str]) -> dict[str, set[tuple[int, ...]]]:
    groups: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for name in names:
        base, places = _base(name)
        groups[base].add(places)
    return groups


def _counted(places: set[tuple[int, ...]]) -> str:
    return f"{_lengths(places)} number{'s' if len(places) > 1 else ''}"


def _lengths(places: set[tuple[int, ...]]) -> str:
    """Say the shape of an entry by its indices."""
    lengths = [1 + max(column) for column in zip(*places, strict=False)]
    regular = math.prod(lengths) == len(places) and len(set(map(len, places))) == 1
    text = " × ".join(map(str, lengths or [1])) if regular else f"{len(places)} unevenly nested"
    return cut(text)


def cut(entry: Any, most: int = 60) -> str:
    """Return what a file holds as a short text in one line.

    >>> cut([1, 2]), cut("a" * 100, most=3)
    ('a list', 'aa…')
    """
    if isinstance(entry, (dict, list)):
        return "an object" if isinstance(entry, dict) else "a list"
    text = visible(entry if isinstance(entry, str) else json.dumps(entry))
    return text if len(text) <= most else f"{text[: most - 1]}…"
