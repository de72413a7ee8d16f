"""Windows: what a kernel sees at each place where it stops on its way over a signal or image."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from nn.checks import positive_count


@dataclass(frozen=True)
class Axis:
    """How a kernel goes along one axis.

    Attributes:
        size: how many positions the kernel covers.
        stride: how far it goes from one stop to the next.
        before: how many positions of padding come before the first position.
        after: and how many after the last one.
        dilation: how far the positions that it covers are apart.
    """

    size: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def span(self) -> int:
        """The distance from the first to the last position that the kernel covers, and one."""
        return self.dilation * (self.size - 1) + 1

    def stops(self, length: int) -> range:
        """Return where the kernel stops, counted with the padding.

        >>> list(Axis(3, stride=2, before=1, after=1).stops(5))
        [0, 2, 4]
        """
        return range(0, self.before + length + self.after - self.span + 1, self.stride)


def windows(grid: Any, axes: Sequence[Axis], outside: Any) -> Any:
    """Return the numbers under the kernel at every stop, row after row, nested as the stops are.

    Args:
        grid: nested lists, one level per axis.
        axes: how the kernel goes along each level.
        outside: what stands in the padding.

    >>> windows([1.0, 2.0, 3.0], [Axis(2, before=1)], 0.0)
    [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    """
    if not axes:
        return [grid]
    first, rest = axes[0], axes[1:]
    inside = [windows(row, rest, outside) for row in grid]
    blank = windows(_filled(grid[0], outside), rest, outside)
    rows = [blank] * first.before + inside + [blank] * first.after
    return [
        _joined([rows[start + first.dilation * k] for k in range(first.size)], len(rest))
        for start in first.stops(len(grid))
    ]


def _filled(grid: Any, filling: Any) -> Any:
    return [_filled(row, filling) for row in grid] if isinstance(grid, list) else filling


def _joined(rows: list[Any], depth: int) -> Any:
    """Join the windows that lie behind each other in several rows into one."""
    if depth:
        return [_joined(list(behind), depth - 1) for behind in zip(*rows, strict=True)]
    return [number for row in rows for number in row]


def per_axis(what: str, number: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """Return a whole number for each axis, given one for all or one for each.

    Raises:
        ValueError: if it is neither, or a number is too small.

    >>> per_axis("a stride", 2, 2), per_axis("a stride", (1, 2), 2)
    ((2, 2), (1, 2))
    """
    numbers = list(number) if isinstance(number, (list, tuple)) else [number] * count
    if len(numbers) != count:
        raise ValueError(f"{what} is a whole number, or {count} of them, got {number!r}")
    if least == 1:
        return tuple(positive_count(what, entry) for entry in numbers)
    for entry in numbers:
        if isinstance(entry, bool) or not isinstance(entry, Integral) or entry < least:
            raise ValueError(f"{what} is a whole number from {least} on, got {entry!r}")
    return tuple(int(entry) for entry in numbers)


def check_room(what: str, axes: Sequence[Axis], lengths: Sequence[int]) -> None:
    """Check that the kernel finds room somewhere.

    Raises:
        ValueError: if it is longer than what it goes over, or there is nothing to go over.

    >>> check_room("this layer", [Axis(3)], [2])
    Traceback (most recent call last):
        ...
    ValueError: this layer covers 3 positions at once, but there are only 2, padding included
    """
    for axis, length in zip(axes, lengths, strict=True):
        if length == 0:
            raise ValueError(f"{what} needs at least one position, got none")
        if not axis.stops(length):
            raise ValueError(
                f"{what} covers {axis.span} positions at once, but there are only "
                f"{axis.before + length + axis.after}, padding included"
            )


def shown(setting: Any) -> str:
    """Return a setting of the axes as text: a single number where all are the same.

    >>> shown((3, 3)), shown((1, 2)), shown("same")
    ('3', '(1, 2)', "'same'")
    """
    if isinstance(setting, tuple) and len(set(setting)) == 1:
        return str(setting[0])
    return repr(setting)


def unusual(layer: Any, **defaults: Any) -> str:
    """Return the settings of a layer that differ from their defaults, for its repr.

    >>> from nn import Conv1d
    >>> unusual(Conv1d(1, 1, 3, padding=1), stride=1, padding=0)
    ', padding=1'
    """
    settings = {key: shown(getattr(layer, key)) for key in defaults}
    return "".join(
        f", {key}={settings[key]}"
        for key, default in defaults.items()
        if settings[key] != shown(default)
    )
