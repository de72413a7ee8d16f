"""How wrong a prediction is, as one number to be made small."""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

from autograd import dot, log_softmax, mean, sum
from autograd.nested import flatten
from nn.shapes import is_sequence, written
from nn.shapes import shape as shape_of

Reduction = Callable[[list[Any]], Any]

REDUCTIONS: dict[str, Reduction] = {"mean": mean, "sum": sum, "none": list}


def mse(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the mean of the squared differences between predictions and targets.

    Args:
        input: the predictions: a number, or nested sequences of them.
        target: what they should be, in the same shape (sizes of 1 aside).
        reduction: "mean", "sum", or "none" for all squares, nested as the predictions are.

    Raises:
        ValueError: if the shapes differ, there is no prediction, or the reduction is unknown.

    Follows torch.nn.functional.mse_loss.

    >>> mse([3.0, 5.0], [1.0, 4.0])
    2.5
    """
    reduce = _reduction(reduction)
    shapes = shape_of("mse's input", input), shape_of("mse's target", target)
    if _without_ones(shapes[0]) != _without_ones(shapes[1]):
        raise ValueError(
            f"mse needs one target per prediction, got {written(shapes[0])} predictions "
            f"and {written(shapes[1])} targets"
        )
    if 0 in shapes[0]:
        raise ValueError("mse needs at least one prediction, got none")
    predictions, nested = flatten(input)
    differences = [
        predicted - wanted
        for predicted, wanted in zip(predictions, flatten(target)[0], strict=True)
    ]
    squares = [difference * difference for difference in differences]
    return nested(squares) if reduction == "none" else reduce(squares)


def cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Return minus the logarithm of the probability that the logits give to the true class.

    The probabilities are the softmax of the logits. It is computed with their logarithms, which
    stay exact where the probabilities themselves would vanish.

    Args:
        input: the logits of one sample, one per class; or a sequence of such, one per sample.
        target: the true class of each sample, counted from 0; or the wanted probability of each
            class, for which the formula is -(p1 * log q1 + p2 * log q2 + …).
        reduction: over the samples: "mean", "sum", or "none" for a list. One sample alone gives
            its loss.

    Raises:
        ValueError: if a class is out of range, targets are not as many as samples, there is no
            sample, or the reduction is unknown.
        TypeError: if a target is neither a class nor a sequence of probabilities.

    Follows torch.nn.functional.cross_entropy.

    >>> cross_entropy([1000.0, 0.0], 1)
    1000.0
    >>> print(f"{cross_entropy([[2.0, 0.0], [0.0, 2.0]], [0, 1]):.4f}")
    0.1269
    """
    reduce = _reduction(reduction)
    shape = shape_of("cross_entropy's input", input)
    if len(shape) not in (1, 2) or 0 in shape:
        raise ValueError(
            "cross_entropy needs a list of logits, or one such list per sample, "
            f"got {written(shape)} numbers"
        )
    if len(shape) == 1:
        return _sample_cross_entropy(input, target, "")
    if not is_sequence(target) or len(target) != len(input):
        number = len(target) if is_sequence(target) else "a single one"
        raise ValueError(
            f"cross_entropy needs one target per sample, got {number} for {len(input)} samples"
        )
    return reduce(
        [
            _sample_cross_entropy(logits, wanted, f" of sample {number}")
            for number, (logits, wanted) in enumerate(zip(input, target, strict=True))
        ]
    )


def _sample_cross_entropy(logits: Sequence[Any], target: Any, where: str) -> Any:
    if is_sequence(target):
        if len(target) != len(logits):
            raise ValueError(
                f"the target{where} has {len(target)} probabilities for {len(logits)} classes"
            )
        return -dot(target, log_softmax(logits))
    if isinstance(target, bool) or not isinstance(target, Integral):
        raise TypeError(
            f"the target{where} is the number of a class or a list of probabilities, got {target!r}"
        )
    true_class = int(target)
    if not 0 <= true_class < len(logits):
        raise ValueError(
            f"the target{where} is class {true_class}, but there are only "
            f"the classes 0 to {len(logits) - 1}"
        )
    return -log_softmax(logits)[true_class]


def _reduction(name: str) -> Reduction:
    if name not in REDUCTIONS:
        raise ValueError(f"a reduction is one of {', '.join(REDUCTIONS)}, got {name!r}")
    return REDUCTIONS[name]


def _without_ones(shape: tuple[int, ...]) -> list[int]:
    return [length for length in shape if length != 1]
