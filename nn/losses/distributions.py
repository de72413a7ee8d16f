"""Losses of a whole distribution."""

from typing import Any

from autograd import exp, log, maximum, sum
from nn.losses.pairs import REDUCTIONS, Pairs, check_reduction, known, reduced

_LEAST = 5e-324  # the smallest float above 0: its logarithm times 0 is 0, as p · log p at 0 is


def kl_div(input: Any, target: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """Return the Kullback-Leibler divergence of predicted from wanted probabilities.

    Each pair of probabilities gives target · (log target - input), and 0 for a target of 0: the
    input is the logarithm of the predicted one.

    Args:
        input: the logarithms of the predicted probabilities: a number, or nested sequences.
        target: the wanted probabilities, in the same shape (sizes of 1 aside).
        reduction: "batchmean" for the sum divided by the number of samples, which is the
            divergence as it is defined; "mean", divided by the number of probabilities; "sum";
            or "none" for all terms, nested as the input is.
        log_target: whether the target too is given as logarithms.

    Raises:
        ValueError: if a wanted probability is below 0, the shapes differ, there is no
            prediction, or the reduction is unknown.
        TypeError: if an entry is not a number.

    Kullback and Leibler (1951), "On information and sufficiency", equation 2.4;
    torch.nn.functional.kl_div.

    >>> from autograd import log
    >>> divergence = kl_div([[log(0.5), log(0.5)]], [[1.0, 0.0]], reduction="batchmean")
    >>> divergence == log(2.0)
    True
    """
    check_reduction(reduction, (*REDUCTIONS, "batchmean"))
    pairs = Pairs("kl_div", input, target)
    if log_target:
        terms = [exp(wanted) * (wanted - predicted) for predicted, wanted in pairs]
    else:
        _check_probabilities(pairs.targets)
        terms = [wanted * (log(maximum(wanted, _LEAST)) - predicted) for predicted, wanted in pairs]
    if reduction == "batchmean":
        return sum(terms) / (pairs.shape[0] if pairs.shape else 1)
    return reduced(terms, reduction, pairs.nested)


def _check_probabilities(targets: list[Any]) -> None:
    for number, wanted in known(targets):
        if wanted < 0.0:
            raise ValueError(
                f"kl_div's target is made of probabilities, got {float(wanted):g} as number "
                f"{number}: for logarithms there is log_target=True"
            )
