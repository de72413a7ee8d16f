"""Numbers in nested sequences: flat for computing, then back in their old shape."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any


def flatten(structure: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """Return the leaves of nested sequences, and a function that puts others in their place.

    Lists, tuples, dicts and NumPy arrays are sequences (arrays come back as lists); all else is
    a leaf.

    >>> leaves, rebuild = flatten([1.0, (2.0, [3.0])])
    >>> leaves, rebuild(["a", "b", "c"])
    ([1.0, 2.0, 3.0], ['a', ('b', ['c'])])
    """
    try:
        leaves = list(_leaves(structure))
    except RecursionError:
        raise ValueError("the sequences are nested too deeply, or contain themselves") from None

    def rebuild(new: Sequence[Any]) -> Any:
        if len(new) != len(leaves):
            raise ValueError(f"expected {len(leaves)} entries, got {len(new)}")
        return _filled(structure, iter(new))

    return leaves, rebuild


def _leaves(structure: Any) -> Iterator[Any]:
    children = _children(structure)
    if children is None:
        yield structure
    else:
        for child in children:
            yield from _leaves(child)


def _filled(structure: Any, new: Iterator[Any]) -> Any:
    children = _children(structure)
    if children is None:
        return next(new)
    filled = [_filled(child, new) for child in children]
    if isinstance(structure, dict):
        return dict(zip(structure, filled, strict=True))
    if isinstance(structure, tuple):
        return type(structure)(*filled) if hasattr(structure, "_fields") else tuple(filled)
    return filled


def _children(structure: Any) -> Any:
    if isinstance(structure, dict):
        return structure.values()
    if hasattr(structure, "__array__") and hasattr(structure, "tolist"):
        content = structure.tolist()
        return content if isinstance(content, list) else None
    return structure if isinstance(structure, (list, tuple)) else None
