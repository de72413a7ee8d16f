"""Data in portions."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from nn.checks import positive_count
from nn.init import generator


def batches(
    X: Sequence[Any],
    y: Sequence[Any],
    size: int | None = None,
    *,
    shuffle: bool = False,
    seed: int | Random | None = None,
) -> Iterator[tuple[list[Any], list[Any]]]:
    """Return the samples in batches: pairs of a list of rows and a list of their targets.

    Args:
        X: the rows, one per sample; a list or a NumPy array.
        y: their targets, as many.
        size: samples per batch: 1 for stochastic descent, None for all in one. The last batch
            may be smaller.
        shuffle: whether to mix the samples first.
        seed: what the order depends on: a number, or a random.Random, which gives a new order
            each time it is used.

    Raises:
        ValueError: if X and y have different lengths or no samples, or size is not positive.

    >>> for rows, targets in batches([[1], [2], [3]], [10, 20, 30], size=2):
    ...     print(rows, targets)
    [[1], [2]] [10, 20]
    [[3]] [30]
    """
    if len(X) != len(y):
        raise ValueError(f"there must be one target per row, got {len(X)} rows, {len(y)} targets")
    if len(X) == 0:
        raise ValueError("there are no samples")
    size = len(X) if size is None else positive_count("the size of a batch", size)
    order = list(range(len(X)))
    if shuffle:
        generator(seed).shuffle(order)
    portions = [order[start : start + size] for start in range(0, len(order), size)]
    return (([X[k] for k in portion], [y[k] for k in portion]) for portion in portions)
