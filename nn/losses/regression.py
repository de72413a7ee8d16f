"""Losses of predicted quantities: how far a number is from what it should be."""

from collections.abc import Callable
from typing import Any

from autograd import absolute, clamp, sum
from nn.losses.pairs import Pairs, check_reduction, reduced, weighted


def mse(input: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Any:
    """Return the mean of the squared differences: (1/n) Σ (input - target)².

    Args:
        input: the predictions: a number, or nested sequences of them.
        target: what they should be, in the same shape (sizes of 1 aside).
        reduction: "mean", "sum", or "none" for all squares, nested as the predictions are.
        weight: what to multiply the squares by: in the shape of the last places of the input;
            the mean is divided by the sum of the weights then.

    Raises:
        ValueError: if the shapes differ, there is no prediction, or the reduction is unknown.
        TypeError: if an entry is not a number.

    torch.nn.functional.mse_loss.

    >>> mse([3.0, 5.0], [1.0, 4.0])
    2.5
    """
    return _of_differences("mse", lambda d: d * d, input, target, reduction, weight)


def half_squared_error(input: Any, target: Any, *, reduction: str = "sum") -> Any:
    """Return half the sum of the squared differences: ½ Σ (input - target)².

    The half makes the derivative with respect to a prediction the difference itself: this is
    how Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating
    errors", equation 3, write the error. For one sample of n outputs it is n/2 times `mse`.

    Args:
        input: as for `mse`.
        target: as for `mse`.
        reduction: as for `mse`, but "sum" unless said otherwise.

    Raises:
        ValueError: as for `mse`.
        TypeError: as for `mse`.

    >>> half_squared_error([3.0, 5.0], [1.0, 4.0])
    2.5
    """
    return _of_differences("half_squared_error", lambda d: d * d / 2.0, input, target, reduction)


def mae(input: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Any:
    """Return the mean of the absolute differences: (1/n) Σ |input - target|.

    Far-off targets pull no harder than near ones. At a difference of 0 the derivative is 0.

    Args:
        input: as for `mse`.
        target: as for `mse`.
        reduction: as for `mse`.
        weight: as for `mse`.

    Raises:
        ValueError: as for `mse`.
        TypeError: as for `mse`.

    torch.nn.functional.l1_loss.

    >>> mae([3.0, 5.0], [1.0, 4.0])
    1.5
    """
    return _of_differences("mae", absolute, input, target, reduction, weight)


def huber(
    input: Any, target: Any, *, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Any:
    """Return the mean of ½d² where |d| ≤ delta and delta·(|d| - ½delta) beyond; d = input - target.

    A parabola that goes on as a straight line: far-off targets pull with delta at most.

    Args:
        input: as for `mse`.
        target: as for `mse`.
        reduction: as for `mse`.
        delta: where the parabola ends, above 0.
        weight: as for `mse`, but the mean is divided by the number of predictions.

    Raises:
        ValueError: as for `mse`, and if delta is not above 0.
        TypeError: as for `mse`.

    Huber (1964), "Robust estimation of a location parameter"; torch.nn.functional.huber_loss.

    >>> huber([0.5, 3.0], [0.0, 0.0], reduction="none")
    [0.125, 2.5]
    """
    if not delta > 0.0:
        raise ValueError(f"huber's delta is a number above 0, got {delta!r}")
    check_reduction(reduction)
    pairs = Pairs("huber", input, target)
    losses = [_huber(predicted - wanted, delta) for predicted, wanted in pairs]
    if weight is not None:
        losses = weighted(losses, pairs.spread("weight", weight))
    return reduced(losses, reduction, pairs.nested)


def smooth_l1(input: Any, target: Any, *, reduction: str = "mean", beta: float = 1.0) -> Any:
    """Return the mean of d²/(2 beta) where |d| < beta and |d| - ½beta beyond; d = input - target.

    Huber's loss divided by its delta: it tends to `mae` as beta tends to 0.

    Args:
        input: as for `mse`.
        target: as for `mse`.
        reduction: as for `mse`.
        beta: where the parabola ends, from 0 on.

    Raises:
        ValueError: as for `mse`, and if beta is below 0.
        TypeError: as for `mse`.

    Girshick (2015), "Fast R-CNN", equation 3; torch.nn.functional.smooth_l1_loss.

    >>> smooth_l1([0.5, 3.0], [0.0, 0.0], reduction="none", beta=2.0)
    [0.0625, 2.0]
    """
    if not beta >= 0.0:
        raise ValueError(f"smooth_l1's beta is a number from 0 on, got {beta!r}")

    def loss(difference: Any) -> Any:
        return _huber(difference, beta) / beta if beta else absolute(difference)

    return _of_differences("smooth_l1", loss, input, target, reduction)


def _huber(difference: Any, delta: float) -> Any:
    """With c, the difference cut off at ±delta: c·(d - ½c), which is ½d² where c = d."""
    cut = clamp(difference, -delta, delta)
    return cut * (difference - cut / 2.0)


def _of_differences(
    name: str,
    loss: Callable[[Any], Any],
    input: Any,
    target: Any,
    reduction: str,
    weight: Any = None,
) -> Any:
    check_reduction(reduction)
    pairs = Pairs(name, input, target)
    losses = [loss(predicted - wanted) for predicted, wanted in pairs]
    if weight is None:
        return reduced(losses, reduction, pairs.nested)
    weights = pairs.spread("weight", weight)
    losses = weighted(losses, weights)
    if reduction == "mean":
        return sum(losses) / sum(weights)
    return reduced(losses, reduction, pairs.nested)
