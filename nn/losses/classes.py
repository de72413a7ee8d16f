"""Losses of a choice between several."""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

from autograd import dot, log_softmax, pick, real, sum
from nn.checks import amount
from nn.losses.pairs import check_numbers, check_reduction, reduced
from nn.shapes import counted, is_sequence, shape


def cross_entropy(
    input: Any,
    target: Any,
    *,
    weight: Sequence[float] | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Return minus the logarithm of the probability that the logits give to the true class.

    The probabilities are the softmax of the logits. It is computed with their logarithms, which
    stay exact where the probabilities themselves would vanish.

    Args:
        input: the logits of one sample, one per class; or a sequence of such, one per sample.
        target: the true class of each sample, counted from 0; or the wanted probability p of
            each class, for which the loss is -Σ weight · p · log softmax.
        weight: what a sample of each class counts, one number per class. The mean is divided
            by the weights of the true classes; for wanted probabilities, by the number of samples.
        ignore_index: a class that stands for "unknown": such samples count nothing. If there
            are no others, the mean is nan.
        reduction: over the samples: "mean", "sum", or "none" for a list. One sample alone gives
            its loss.
        label_smoothing: the share ε of certainty to give up: of C classes the true one is
            wanted with the probability 1 - ε + ε/C, each other with ε/C. Szegedy et al. (2016),
            "Rethinking the Inception Architecture for Computer Vision", section 7.

    Raises:
        ValueError: if a class is out of range, targets are not as many as samples, there is no
            sample, weights are not as many as classes, label_smoothing is not between 0 and 1,
            or the reduction is unknown.
        TypeError: if a target is neither a class nor a sequence of probabilities.

    torch.nn.functional.cross_entropy.

    >>> cross_entropy([1000.0, 0.0], 1)
    1000.0
    >>> print(f"{cross_entropy([[2.0, 0.0], [0.0, 2.0]], [0, 1]):.4f}")
    0.1269
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(
            f"cross_entropy's label_smoothing is between 0 and 1, got {label_smoothing!r}"
        )
    rule = _Rule("cross_entropy", "logits", weight, ignore_index, label_smoothing)
    return rule.apply(log_softmax, input, target, reduction)


def nll(
    input: Any,
    target: Any,
    *,
    weight: Sequence[float] | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Return minus the logarithm of the true class's probability, given all the logarithms.

    Of the logarithms of a softmax this is `cross_entropy`.

    Args:
        input: the logarithms of the classes' probabilities, of one sample or of several.
        target: the true class of each sample, counted from 0.
        weight: as for `cross_entropy`.
        ignore_index: as for `cross_entropy`.
        reduction: as for `cross_entropy`.

    Raises:
        ValueError: as for `cross_entropy`.
        TypeError: if a target is not the number of a class.

    torch.nn.functional.nll_loss.

    >>> nll([[-0.5, -1.0], [-2.0, -0.25]], [0, 1])
    0.375
    """
    rule = _Rule("nll", "logarithms of probabilities", weight, ignore_index)
    return rule.apply(list, input, target, reduction)


class _Rule:
    """How samples of classes are weighed, smoothed or ignored."""

    def __init__(
        self,
        loss: str,
        takes: str,
        weight: Sequence[float] | None,
        ignore_index: int,
        smoothing: float | None = None,
    ) -> None:
        self.loss = loss
        self.takes = takes
        self.weight = weight
        self.ignore_index = ignore_index
        self.allows_probabilities = smoothing is not None
        self.smoothing = smoothing or 0.0

    def apply(
        self, logarithms: Callable[[Any], list[Any]], input: Any, target: Any, reduction: str
    ) -> Any:
        """Return the reduced loss of one sample or of several."""
        check_reduction(reduction)
        lengths = shape(f"{self.loss}'s input", input)
        if len(lengths) not in (1, 2) or 0 in lengths:
            raise ValueError(
                f"{self.loss} needs a list of {self.takes}, or one such list per sample, "
                f"got {counted(lengths)}"
            )
        self._check_weight(lengths[-1])
        if len(lengths) == 1:
            loss, share = self._sample(logarithms(input), target, "")
            return _mean([loss], [share]) if reduction == "mean" else loss
        if not is_sequence(target) or len(target) != len(input):
            number = len(target) if is_sequence(target) else "a single one"
            raise ValueError(
                f"{self.loss} needs one target per sample, got {number} for "
                f"{amount(len(input), 'sample')}"
            )
        losses, shares = [], []
        for number, (row, wanted) in enumerate(zip(input, target, strict=True)):
            loss, share = self._sample(logarithms(row), wanted, f" of sample {number}")
            losses.append(loss)
            shares.append(share)
        return _mean(losses, shares) if reduction == "mean" else reduced(losses, reduction)

    def _check_weight(self, classes: int) -> None:
        if self.weight is None:
            return
        found = shape(f"{self.loss}'s weight", self.weight)
        if found != (classes,):
            raise ValueError(
                f"{self.loss}'s weight has one number per class, which are {classes}, "
                f"got {counted(found)}"
            )
        check_numbers(f"{self.loss}'s weight", list(self.weight))

    def _sample(self, logs: list[Any], target: Any, where: str) -> tuple[Any, Any]:
        """Return the loss of one sample, and what it counts in the mean."""
        if is_sequence(target) and self.allows_probabilities:
            return self._loss_of_probabilities(logs, target, where), 1.0
        true_class = self._checked_class(target, len(logs), where)
        if true_class is None:
            return 0.0, 0.0
        weight = 1.0 if self.weight is None else pick(self.weight, true_class)
        loss = -pick(logs, true_class)
        if self.weight is not None:
            loss = loss * weight
        if not self.smoothing:
            return loss, weight
        spread = self.smoothing / len(logs)
        return (1.0 - self.smoothing) * loss - spread * self._weighted_sum(logs), weight

    def _loss_of_probabilities(self, logs: list[Any], target: Any, where: str) -> Any:
        if len(target) != len(logs):
            raise ValueError(
                f"the target{where} has {len(target)} probabilities for {len(logs)} classes"
            )
        wanted = list(target)
        check_numbers(f"the target{where}", wanted)
        if self.smoothing:
            spread = self.smoothing / len(logs)
            wanted = [(1.0 - self.smoothing) * p + spread for p in wanted]
        if self.weight is not None:
            wanted = [p * weight for p, weight in zip(wanted, self.weight, strict=True)]
        return -dot(wanted, logs)

    def _weighted_sum(self, logs: list[Any]) -> Any:
        return sum(logs) if self.weight is None else dot(self.weight, logs)

    def _checked_class(self, target: Any, classes: int, where: str) -> Any:
        """Return the number of the true class; None if it is to be ignored."""
        if hasattr(target, "__pick__"):  # not known yet: the loss is being compiled
            return target
        if isinstance(target, bool) or not isinstance(target, Integral):
            or_more = " or a list of probabilities" if self.allows_probabilities else ""
            raise TypeError(f"the target{where} is the number of a class{or_more}, got {target!r}")
        true_class = int(target)
        if true_class == self.ignore_index:
            return None
        if not 0 <= true_class < classes:
            raise ValueError(
                f"the target{where} is class {true_class}, but there are only "
                f"the classes 0 to {classes - 1}"
            )
        return true_class


def _mean(losses: list[Any], shares: list[Any]) -> Any:
    if all(share == 1.0 for share in shares):
        return reduced(losses, "mean")
    count = sum(shares)
    return sum(losses) / count if count else real.nan
