"""Texts of different lengths as rows of one length, for `fit`, and the loss of a language model.

Rows of one length are what a program takes: it is the same for every text. A short text is filled
up with boundaries. They stand behind it, where no token of it looks, and count nothing in the
loss. A program for each length would save half of the work on names, which are on average half as
long as the longest, but a dozen of them would have to be compiled.
"""

from collections.abc import Sequence
from typing import Any

from autograd import dot, mean
from nn.losses import cross_entropy
from nn.text import BOUNDARY, Tokens, predictions

Rows = tuple[list[list[int]], list[list[float]]]
"""For each text: the tokens that are read; those to be foretold, and then what each counts."""


def filled(texts: Sequence[Tokens], length: int) -> Rows:
    """Return texts, tokens between boundaries, as rows of so many positions.

    All tokens to be foretold count the same, so that the mean over texts is that over tokens.

    >>> filled([[0, 3, 1, 0], [0, 2, 0]], length=4)
    ([[0, 3, 1, 0], [0, 2, 0, 0]],
     [[3, 1, 0, 0, 0.4, 0.4, 0.4, 0.0], [2, 0, 0, 0, 0.4, 0.4, 0.0, 0.0]])
    """
    weight = len(texts) / predictions(texts)
    rows, targets = [], []
    for text in texts:
        filling = [BOUNDARY] * (length + 1 - len(text))
        counts = [weight] * (len(text) - 1) + [0.0] * len(filling)
        rows.append([*text[:-1], *filling])
        targets.append([*text[1:], *filling, *counts])
    return rows, targets


def unfilled(row: Sequence[Any]) -> Sequence[Any]:
    """Return the tokens of a text that are read, without what is filled in.

    In a function that is compiled, where they are not known yet, all are read.

    >>> unfilled([0, 2, 0, 0])
    [0, 2]
    """
    if any(hasattr(token, "__pick__") for token in row):
        return row
    last = max((place for place, token in enumerate(row) if token != BOUNDARY), default=0)
    return row[: last + 1]


def language_loss(outputs: Sequence[Any], targets: Sequence[Sequence[Any]]) -> Any:
    """Return the mean over texts of what their tokens' losses add up to, each with its weight.

    The loss of a token is minus the logarithm of the probability that it was given.

    Args:
        outputs: for each text, the logits of the next token at each position that was read.
        targets: for each text, the tokens to be foretold, and what each counts: as `filled`
            returns them.

    >>> language_loss([[[0.0, 0.0]]], [[1, 0, 1.0, 0.0]])  # log 2
    0.6931471805599453
    """
    losses = []
    for logits, target in zip(outputs, targets, strict=True):
        read, length = len(logits), len(target) // 2
        surprises = cross_entropy(logits, target[:read], reduction="none")
        losses.append(dot(target[length : length + read], surprises))
    return mean(losses)
