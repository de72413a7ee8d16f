"""What the classifications share: samples that are held out, and how well they are told apart."""

from collections.abc import Callable, Sequence
from typing import Any

import autograd
from autograd import no_grad
from autograd.optional import needed
from nn.module import Module
from nn.recipes.recipe import Result

Rows = Sequence[Sequence[float]]


def split(X: Any, y: Any, seed: int) -> Any:
    """Hold out a quarter of the samples, as many of each class as there are.

    Returns:
        The rows to train on, those held out, and the targets of both.

    Raises:
        ImportError: if scikit-learn is not installed.

    >>> _, held_out, _, classes = split([[k] for k in range(8)], [0, 1] * 4, seed=0)
    >>> sorted(classes)
    [0, 1]
    """
    selection = needed("sklearn.model_selection", "splitting the data", package="scikit-learn")
    return selection.train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)


def predictions(result: Result) -> list[int]:
    """Return the class that the model gives to each of the held-out samples."""
    assert result.data.held_out is not None
    outputs = reader(result.model, compiled=result.settings.compile)(result.data.held_out[0])
    return [max(range(len(logits)), key=lambda k: logits[k]) for logits in outputs]


def reader(model: Module, *, compiled: bool) -> Callable[[Rows], list[list[float]]]:
    """Return a function that tells what a model says of each row, with its numbers of then.

    Args:
        model: it gives a vector for a row.
        compiled: whether to compile it for that: the same but for rounding, sooner.

    >>> reader(lambda row: [2.0 * row[0]], compiled=False)([[1.0], [3.0]])
    [[2.0], [6.0]]
    """

    def read(rows: Rows) -> list[list[float]]:
        with no_grad():
            return [[float(number) for number in model(row)] for row in rows]

    if not compiled:
        return read
    program = autograd.compile(lambda row: model(row))
    return lambda rows: program(rows).tolist()


def held_out_accuracy(result: Result, found: Sequence[int] | None = None) -> str:
    """Say the share of held-out samples that is right.

    Args:
        result: what a recipe has come to.
        found: the predictions, if they are known already.
    """
    assert result.data.held_out is not None
    targets = result.data.held_out[1]
    right = sum(map(int.__eq__, found or predictions(result), targets))
    return f"held-out accuracy {right / len(targets):.4f} ({right} of {len(targets)})"
