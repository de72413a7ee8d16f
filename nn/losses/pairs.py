"""What losses have in common that compare numbers one by one."""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any

from autograd import mean, primitives, real, sum
from autograd.nested import flatten
from nn.shapes import Shape, counted, shape, written

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(reduction: str, allowed: Sequence[str] = REDUCTIONS) -> None:
    """Raise ValueError if there is no such reduction.

    >>> check_reduction("avg")
    Traceback (most recent call last):
        ...
    ValueError: a reduction is one of mean, sum, none, got 'avg'
    """
    if reduction not in allowed:
        raise ValueError(f"a reduction is one of {', '.join(allowed)}, got {reduction!r}")


def reduced(losses: list[Any], reduction: str, nested: Callable[[list[Any]], Any] = list) -> Any:
    """Return the mean or the sum of losses, or all of them in their place.

    >>> reduced([1.0, 2.0], "sum"), reduced([1.0, 2.0], "none")
    (3.0, [1.0, 2.0])
    """
    if reduction == "none":
        return nested(losses)
    return mean(losses) if reduction == "mean" else sum(losses)


class Pairs:
    """Predictions and targets, as flat lists of as many numbers.

    Args:
        loss: what the loss is called, for messages.
        input: the predictions: a number, or nested sequences of them.
        target: the targets, in the same shape (sizes of 1 aside).

    Attributes:
        predictions: the numbers of the input.
        targets: those of the target.
        nested: puts as many others in the place of the predictions.

    Raises:
        ValueError: if the shapes differ, or there is no prediction.
        TypeError: if an entry is not a number.

    >>> pairs = Pairs("mse", [[1.0], [2.0]], [3, 4])
    >>> pairs.predictions, pairs.targets, pairs.nested(["a", "b"])
    ([1.0, 2.0], [3, 4], [['a'], ['b']])
    """

    def __init__(self, loss: str, input: Any, target: Any) -> None:
        self.loss = loss
        self.shape = shape(f"{loss}'s input", input)
        wanted = shape(f"{loss}'s target", target)
        if _without_ones(self.shape) != _without_ones(wanted):
            raise ValueError(
                f"{loss} needs one target per prediction, got {written(self.shape)} predictions "
                f"and {written(wanted)} targets"
            )
        if 0 in self.shape:
            raise ValueError(f"{loss} needs at least one prediction, got none")
        self.predictions, self.nested = flatten(input)
        self.targets = flatten(target)[0]
        check_numbers(f"{loss}'s input", self.predictions)
        check_numbers(f"{loss}'s target", self.targets)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Go through the pairs."""
        return zip(self.predictions, self.targets, strict=True)

    def spread(self, what: str, weight: Any) -> list[Any]:
        """Return a weight for every prediction: one for all, or repeated along the last places.

        Raises:
            ValueError: if its shape is not that of the last places.
            TypeError: if an entry is not a number.

        >>> Pairs("mse", [[1.0, 2.0], [3.0, 4.0]], [[0, 0], [0, 0]]).spread("weight", [0.5, 1.0])
        [0.5, 1.0, 0.5, 1.0]
        """
        numbers = flatten(weight)[0]
        found = shape(f"{self.loss}'s {what}", weight)
        if found and found != self.shape[-len(found) :]:
            raise ValueError(
                f"{self.loss}'s {what} is a number, or as many as the last places of the input "
                f"({written(self.shape)}), got {counted(found)}"
            )
        check_numbers(f"{self.loss}'s {what}", numbers)
        return list(islice(cycle(numbers), len(self.predictions)))


def known(entries: list[Any]) -> Iterator[tuple[int, Any]]:
    """Yield those numbers that can be checked, and their places.

    While a loss is compiled, what it is given has no numbers yet.

    >>> list(known([1.0, 2.0]))
    [(0, 1.0), (1, 2.0)]
    """
    for number, entry in enumerate(entries):
        if not hasattr(entry, "__pick__"):
            yield number, entry


def check_numbers(what: str, entries: list[Any]) -> None:
    """Raise TypeError if an entry is not a number.

    >>> check_numbers("mse's target", [1.0, None])
    Traceback (most recent call last):
        ...
    TypeError: mse's target is made of numbers, got NoneType 'None' as number 1
    """
    for number, entry in enumerate(entries):
        if not hasattr(entry, "__primitive__") and real.number(entry) is None:
            raise TypeError(
                f"{what} is made of numbers, got {primitives.describe(entry)} as number {number}"
            )


def weighted(losses: list[Any], weights: list[Any]) -> list[Any]:
    """Return every loss times its weight.

    >>> weighted([1.0, 2.0], [10.0, 0.5])
    [10.0, 1.0]
    """
    return [loss * weight for loss, weight in zip(losses, weights, strict=True)]


def _without_ones(lengths: Shape) -> list[int]:
    return [length for length in lengths if length != 1]
