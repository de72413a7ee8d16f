"""Data in portions."""

import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from autograd import primitives, real
from nn.checks import amount, positive_count
from nn.init import generator
from nn.shapes import counted, is_sequence, shape

Samples = Any
"""A sample per entry: a list, a NumPy array, or a pandas DataFrame or Series."""

Batch = tuple[list[Any], list[Any]]


def batches(
    X: Samples,
    y: Samples,
    size: int | None = None,
    shuffle: bool = False,
    seed: int | Random | None = None,
    *,
    drop_last: bool = False,
    finite: bool = True,
) -> Iterator[Batch]:
    """Return the samples in batches: pairs of a list of rows and a list of their targets.

    Args:
        X: the rows, one per sample, each a number or numbers in nested lists: a list, a NumPy
            array, or a pandas DataFrame.
        y: their targets, as many, likewise.
        size: samples per batch: 1 for stochastic descent, None for all in one. The last batch
            may be smaller.
        shuffle: whether to mix the samples first.
        seed: what the order depends on: a number, or a random.Random, which gives a new order
            each time it is used.
        drop_last: whether to leave out a last batch that is smaller.
        finite: whether to refuse nan and inf.

    Raises:
        ValueError: if X and y have different lengths or no samples, rows have different
            lengths, a number is nan or inf, or size is not positive or, with drop_last, more
            than there are samples.
        TypeError: if an entry is not a number. Both name the row.

    >>> for rows, targets in batches([[1], [2], [3]], [10, 20, 30], size=2):
    ...     print(rows, targets)
    [[1], [2]] [10, 20]
    [[3]] [30]
    """
    rows, targets = samples(X, y, finite=finite)
    order = list(range(len(rows)))
    if shuffle:
        generator(seed).shuffle(order)
    return portions(rows, targets, order, size, drop_last)


def samples(X: Samples, y: Samples, *, finite: bool = True) -> Batch:
    """Return the rows and their targets as lists of numbers that have been checked.

    Args:
        X: as for `batches`.
        y: as for `batches`.
        finite: as for `batches`.

    Raises:
        ValueError: as for `batches`.
        TypeError: as for `batches`.

    >>> samples([[1.0], [None]], [0, 1])
    Traceback (most recent call last):
        ...
    TypeError: row 1 of X has NoneType 'None' at [0], not a number
    """
    rows, targets = _Table("X", X), _Table("y", y)
    if len(rows.rows) != len(targets.rows):
        raise ValueError(
            f"there must be one target per row, got {amount(len(rows.rows), 'row')}, "
            f"{amount(len(targets.rows), 'target')}"
        )
    if not rows.rows:
        raise ValueError("there are no samples")
    rows.check(finite)
    targets.check(finite)
    return rows.rows, targets.rows


def portions(
    rows: list[Any],
    targets: list[Any],
    order: Sequence[int],
    size: int | None = None,
    drop_last: bool = False,
) -> Iterator[Batch]:
    """Return samples in batches, in this order, without a further look at them.

    Raises:
        ValueError: if size is not positive, or drop_last leaves nothing.

    >>> list(portions(["a", "b", "c"], [1, 2, 3], [2, 0, 1], size=2, drop_last=True))
    [(['c', 'a'], [3, 1])]
    """
    size = len(order) if size is None else positive_count("the size of a batch", size)
    if drop_last and size > len(order):
        raise ValueError(f"a batch of {size} is too large for {amount(len(order), 'sample')}")
    end = len(order) - len(order) % size if drop_last else len(order)
    parts = [order[start : start + size] for start in range(0, end, size)]
    return (([rows[k] for k in part], [targets[k] for k in part]) for part in parts)


class _Table:
    """Rows of numbers, and what they are called where they come from."""

    def __init__(self, what: str, data: Any) -> None:
        self.what = what
        self.labels: list[Any] = []
        self.columns: list[Any] = []
        if hasattr(data, "to_numpy") and hasattr(data, "index"):  # of pandas
            self.labels = list(data.index)
            self.columns = list(getattr(data, "columns", []))
            data = data.to_numpy()
        if not is_sequence(data) or isinstance(data, (dict, set, frozenset)):
            raise TypeError(
                f"{what} is a list of samples, a NumPy array or a pandas frame, "
                f"got {primitives.describe(data)}"
            )
        self.rows: list[Any] = data.tolist() if hasattr(data, "tolist") else list(data)

    def check(self, finite: bool) -> None:
        """Raise TypeError or ValueError, naming the row, if not all is numbers of one shape."""
        first = _fixed_lengths(shape(self._name(0), self.rows[0]))
        for number, row in enumerate(self.rows):
            lengths = _fixed_lengths(shape(self._name(number), row))
            if lengths != first:
                raise ValueError(
                    f"{self._name(number)} has {counted(lengths)}, but row 0 has {counted(first)}"
                )
            self._check_numbers(number, row, (), finite)

    def _check_numbers(self, number: int, row: Any, place: tuple[int, ...], finite: bool) -> None:
        if is_sequence(row):
            for k, entry in enumerate(row):
                self._check_numbers(number, entry, (*place, k), finite)
            return
        x = real.number(row.data if hasattr(row, "__primitive__") else row)
        if x is None:
            what = primitives.describe(row)
            raise TypeError(f"{self._name(number)} has {what}{self._at(place)}, not a number")
        if finite and not math.isfinite(x):
            raise ValueError(
                f"{self._name(number)} has {x}{self._at(place)}: leave the row out or fill the "
                "gap, or allow it with finite=False"
            )

    def _name(self, number: int) -> str:
        """Return what to call a row: by its number, and by its label if that is another."""
        label = ""
        if self.labels and self.labels[number] != number:
            label = f" (index {self.labels[number]!r})"
        return f"row {number}{label} of {self.what}"

    def _at(self, place: tuple[int, ...]) -> str:
        if not place:
            return ""
        if self.columns:
            return f" in column {self.columns[place[0]]!r}"
        return f" at {''.join(f'[{k}]' for k in place)}"


def _fixed_lengths(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lengths that all samples share: sequences may have any number of positions."""
    return lengths[1:] if len(lengths) > 1 else lengths
