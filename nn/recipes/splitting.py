"""What the classifications share: samples that are held out, and how well they are told apart."""

from typing import Any

import autograd
from autograd import no_grad
from autograd.optional import needed
from nn.recipes.recipe import Result


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
    rows = result.data.held_out[0]
    if result.settings.compile:
        outputs = autograd.compile(lambda row: result.model(row))(rows).tolist()
    else:
        with no_grad():
            outputs = [result.model(row) for row in rows]
    return [max(range(len(logits)), key=lambda k: float(logits[k])) for logits in outputs]


def held_out_accuracy(result: Result) -> str:
    """Say the share of held-out samples that is right."""
    assert result.data.held_out is not None
    targets = result.data.held_out[1]
    right = sum(map(int.__eq__, predictions(result), targets))
    return f"held-out accuracy {right / len(targets):.4f} ({right} of {len(targets)})"
