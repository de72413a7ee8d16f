"""Losses of a choice between two."""

import math
from typing import Any

from autograd import log, log1p, relu, softplus, where
from nn.losses.pairs import Pairs, check_reduction, known, reduced, weighted

LEAST_LOG = -100.0
"""Where PyTorch cuts the logarithm of a probability off, so that no loss is infinite."""


def hinge(input: Any, target: Any, *, reduction: str = "mean", margin: float = 1.0) -> Any:
    """Return the mean of max(0, margin - target · input), where the targets are 1 and -1.

    The loss of support vector machines: it asks every score to have the sign of its target and
    to be the margin away from 0, and then is content.

    Args:
        input: the scores: a number, or nested sequences of them.
        target: 1 or -1 for each, in the same shape (sizes of 1 aside).
        reduction: "mean", "sum", or "none" for all losses, nested as the scores are.
        margin: how far from 0 is far enough.

    Raises:
        ValueError: if a target is neither 1 nor -1, the shapes differ, there is no score, or
            the reduction is unknown.
        TypeError: if an entry is not a number.

    Cortes and Vapnik (1995), "Support-vector networks", section 3;
    torch.nn.functional.margin_ranking_loss(input, 0, target, margin).

    >>> hinge([0.5, -3.0], [1, -1], reduction="none")
    [0.5, 0.0]
    """
    check_reduction(reduction)
    pairs = Pairs("hinge", input, target)
    for number, wanted in known(pairs.targets):
        if abs(float(wanted)) != 1.0:
            raise ValueError(
                f"hinge's targets are 1 and -1, got {float(wanted):g} as number {number}"
            )
    losses = [relu(margin - wanted * score) for score, wanted in pairs]
    return reduced(losses, reduction, pairs.nested)


def binary_cross_entropy(
    input: Any, target: Any, *, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Return the mean of -(target · log p + (1 - target) · log(1 - p)) over probabilities p.

    A logarithm below -100 counts as -100, and its derivative as 0 (PyTorch's is up to ±1e12
    there). Where p comes from a sigmoid, `binary_cross_entropy_with_logits` has no such limit.

    Args:
        input: the probabilities, between 0 and 1: a number, or nested sequences of them.
        target: 1 or 0 for each, or a probability, in the same shape (sizes of 1 aside).
        weight: what to multiply the losses by: in the shape of the last places of the input.
        reduction: "mean" (divided by their number), "sum", or "none" for all losses, nested as
            the probabilities are.

    Raises:
        ValueError: if an input is no probability, the shapes differ, there is no probability,
            or the reduction is unknown.
        TypeError: if an entry is not a number.

    torch.nn.functional.binary_cross_entropy.

    >>> print(f"{binary_cross_entropy(0.9, 1):.6f} {binary_cross_entropy(0.0, 1)}")
    0.105361 100.0
    """
    check_reduction(reduction)
    pairs = Pairs("binary_cross_entropy", input, target)
    for number, p in known(pairs.predictions):
        if p < 0.0 or p > 1.0:
            raise ValueError(
                f"binary_cross_entropy takes probabilities, got {float(p):g} as number {number}: "
                "for logits there is binary_cross_entropy_with_logits"
            )
    losses = [-(wanted * _log(p) + (1.0 - wanted) * _log_of_other(p)) for p, wanted in pairs]
    return _weighted_and_reduced(losses, weight, reduction, pairs)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    *,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Return the cross-entropy of sigmoid(input), exact where the sigmoid is 0 or 1.

        pos_weight · target · softplus(-input) + (1 - target) · softplus(input)

    since -log sigmoid(x) = softplus(-x), and 1 - sigmoid(x) = sigmoid(-x). Its derivative with
    respect to the input is sigmoid(input) - target.

    Args:
        input: the logits: a number, or nested sequences of them.
        target: 1 or 0 for each, or a probability, in the same shape (sizes of 1 aside).
        weight: what to multiply the losses by: in the shape of the last places of the input.
        reduction: "mean" (divided by their number), "sum", or "none" for all losses, nested as
            the logits are.
        pos_weight: how many times a target of 1 counts, in the shape of the last places of the
            input.

    Raises:
        ValueError: if the shapes differ, there is no logit, or the reduction is unknown.
        TypeError: if an entry is not a number.

    torch.nn.functional.binary_cross_entropy_with_logits.

    >>> binary_cross_entropy_with_logits([1000.0, -1000.0, -1000.0], [1, 0, 1], reduction="none")
    [0.0, 0.0, 1000.0]
    """
    check_reduction(reduction)
    pairs = Pairs("binary_cross_entropy_with_logits", input, target)
    positive = [wanted * softplus(-x) for x, wanted in pairs]
    if pos_weight is not None:
        positive = weighted(positive, pairs.spread("pos_weight", pos_weight))
    negative = [(1.0 - wanted) * softplus(x) for x, wanted in pairs]
    losses = [yes + no for yes, no in zip(positive, negative, strict=True)]
    return _weighted_and_reduced(losses, weight, reduction, pairs)


def _weighted_and_reduced(losses: list[Any], weight: Any, reduction: str, pairs: Pairs) -> Any:
    if weight is not None:
        losses = weighted(losses, pairs.spread("weight", weight))
    return reduced(losses, reduction, pairs.nested)


def _log(p: Any) -> Any:
    """log p, or -100 if that is more."""
    below = p < math.exp(LEAST_LOG)
    return where(below, LEAST_LOG, log(where(below, 1.0, p)))


def _log_of_other(p: Any) -> Any:
    """log(1 - p), or -100 if that is more, which it is at p = 1 only."""
    certain = p >= 1.0
    return where(certain, LEAST_LOG, log1p(-where(certain, 0.0, p)))
