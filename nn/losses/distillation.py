"""The loss of a pupil: what is true, and what a teacher thinks of it."""

from typing import Any

from autograd import softmax
from nn.checks import amount
from nn.losses.classes import cross_entropy
from nn.losses.pairs import check_reduction, reduced
from nn.shapes import is_sequence, shape


def distillation(
    input: Any,
    target: Any,
    teacher: Any,
    *,
    temperature: float = 4.0,
    alpha: float = 0.9,
    reduction: str = "mean",
) -> Any:
    """Return how far a small network is from the truth, and from what a larger one says.

    (1 - alpha) · cross_entropy(input, target)
    + alpha · T² · cross_entropy(input / T, softmax(teacher / T))

    The teacher's probabilities tell which classes are alike, the more so the higher the
    temperature T is. T² keeps the gradients of the second term as large as those of the first.

    Args:
        input: the small network's logits of one sample, one per class; or a sequence of such,
            one per sample.
        target: what is true of each sample, as for `cross_entropy`.
        teacher: the larger network's logits, in the shape of input.
        temperature: by what all logits are divided.
        alpha: what the teacher counts; the truth counts the rest.
        reduction: as for `cross_entropy`.

    Raises:
        ValueError: if the temperature is not positive, alpha is not between 0 and 1, there
            are not as many targets or teacher's logits as samples, or as for `cross_entropy`.
        TypeError: as for `cross_entropy`.

    Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network", section 2.

    >>> print(f"{distillation([0.0, 0.0], 0, [2.0, -2.0], temperature=1.0):.4f}")  # log 2
    0.6931
    >>> certain = distillation([2.0, -2.0], 0, [2.0, -2.0], temperature=1.0)
    >>> print(f"{certain:.4f}")
    0.0829
    """
    check_reduction(reduction)
    if not temperature > 0.0:
        raise ValueError(f"distillation's temperature is a number above 0, got {temperature!r}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"distillation's alpha is between 0 and 1, got {alpha!r}")
    lengths = shape("distillation's input", input)
    if len(lengths) == 1:
        return _of_sample(input, target, teacher, temperature, alpha)
    for what, given in (("a target", target), ("the teacher's logits", teacher)):
        if not is_sequence(given) or len(given) != len(input):
            count = len(given) if is_sequence(given) else "a single number"
            raise ValueError(
                f"distillation needs {what} for each of {amount(len(input), 'sample')}, got {count}"
            )
    losses = [
        _of_sample(logits, wanted, taught, temperature, alpha)
        for logits, wanted, taught in zip(input, target, teacher, strict=True)
    ]
    return reduced(losses, reduction)


def _of_sample(logits: Any, target: Any, teacher: Any, temperature: float, alpha: float) -> Any:
    taught = softmax([logit / temperature for logit in teacher])
    softened = [logit / temperature for logit in logits]
    from_teacher = temperature * temperature * cross_entropy(softened, taught)
    return (1.0 - alpha) * cross_entropy(logits, target) + alpha * from_teacher
