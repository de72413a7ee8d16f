"""What a rule remembers of many parameters, in arrays instead of a dict for each."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autograd import Value

MANY = 256
"""From so many parameters on, it pays to move them all at once."""


def find_numpy() -> Any:
    """Return NumPy, or None if it is not installed."""
    try:
        return importlib.import_module("numpy")
    except ImportError:
        return None


class Memory(Mapping[Value, dict[str, Any]]):
    """What a rule remembers of each parameter: made of the arrays when it is asked for.

    Args:
        params: the parameters.
        entries: what is remembered of them, by name: an array, or a number that all share.
    """

    def __init__(self, params: Sequence[Value], entries: dict[str, Any]) -> None:
        self.params = params
        self.entries = entries
        self._places: dict[Value, int] = {}

    def __getitem__(self, parameter: Value) -> dict[str, Any]:
        """Return what is remembered of a parameter."""
        if not self._places:
            self._places = {other: place for place, other in enumerate(self.params)}
        place = self._places[parameter]
        return {
            name: float(entry[place]) if hasattr(entry, "shape") else entry
            for name, entry in self.entries.items()
        }

    def __iter__(self) -> Iterator[Value]:
        """Return the parameters in order."""
        return iter(self.params)

    def __len__(self) -> int:
        """Return how many parameters there are."""
        return len(self.params)

    def __repr__(self) -> str:
        """Show it as a dict."""
        return repr(dict(self))


def columns(
    numpy: Any, state: Mapping[Value, dict[str, Any]], params: Sequence[Value]
) -> dict[str, Any] | None:
    """Return what is remembered of some parameters as arrays; None if it isn't alike for all."""
    if isinstance(state, Memory) and state.params == params:
        return state.entries
    if not state:
        return {}
    known = set(params)
    if any(others for parameter, others in state.items() if parameter not in known):
        return None
    states = [state.get(parameter, {}) for parameter in params]
    names = list(states[0])
    if any(list(other) != names for other in states):
        return None
    found = {name: _column(numpy, [other[name] for other in states]) for name in names}
    return None if any(column is None for column in found.values()) else found


def _column(numpy: Any, entries: list[Any]) -> Any:
    """Return one number, such as the count of steps, if it is an int: None if they differ."""
    if isinstance(entries[0], int):
        return entries[0] if entries.count(entries[0]) == len(entries) else None
    return numpy.array(entries)
