"""Clipping: gradients made smaller where they are too large for a step."""

import math
from collections.abc import Callable, Iterable

from autograd import AnomalyError, Value
from optim.checks import require_number, values_of
from optim.optimizer import require

_GUARD = 1e-6
"""What PyTorch adds to a norm before it divides by it."""


def clip_grad_norm(
    parameters: Value | Iterable[Value],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = True,
) -> float:
    """Scale the gradients of all parameters together so that their norm is at most max_norm.

        g ← g * min(1, max_norm / (norm + 1e-6))    with    norm = (Σ |g|^norm_type)^(1/norm_type)

    The direction of the step stays. Pascanu, Mikolov and Bengio (2013), "On the difficulty of
    training recurrent neural networks", algorithm 1. Follows torch.nn.utils.clip_grad_norm_,
    save that a gradient of nan or inf is an error by default, and never spread to the others.

    Args:
        parameters: Values, each counted once.
        max_norm: the largest norm, from 0 on.
        norm_type: above 0; inf for the largest gradient alone.
        error_if_nonfinite: whether a gradient of nan or inf is an error; if not, the gradients
            are all left as they are then, and the norm that is returned tells it.

    Returns:
        The norm before.

    Raises:
        TypeError: if a parameter is not a Value.
        ValueError: if max_norm or norm_type is out of its range.
        AnomalyError: if a gradient is nan or inf, naming the parameter. All gradients are
            left as they are.

    >>> x, y = Value(1.0), Value(1.0)
    >>> (3.0 * x + 4.0 * y).backward()
    >>> clip_grad_norm([x, y], max_norm=1.0)
    5.0
    >>> print(f"{x.grad:.6f} {y.grad:.6f}")
    0.600000 0.800000
    """
    require_number("clip_grad_norm's max_norm", max_norm)
    require_number("clip_grad_norm's norm_type", norm_type)
    require(norm_type > 0.0, "clip_grad_norm's norm_type is a number above 0", norm_type)
    values = values_of("clip_grad_norm", parameters)
    slopes = [value.grad for value in values]
    if error_if_nonfinite:
        _refuse("clip_grad_norm", values, math.isfinite)
    elif not all(map(math.isfinite, slopes)):
        return math.nan if any(map(math.isnan, slopes)) else math.inf
    largest = max(map(abs, slopes), default=0.0)
    if largest == 0.0:
        return 0.0
    # Relative to the largest, no power of a gradient overflows or vanishes.
    relative = _norm([slope / largest for slope in slopes], norm_type)
    norm = relative * largest
    if norm + _GUARD > max_norm:
        for value in values:
            value.grad = value.grad / largest * (max_norm / (relative + _GUARD / largest))
    return norm


def clip_grad_value(parameters: Value | Iterable[Value], clip_value: float) -> None:
    """Cut every gradient off at -clip_value and at clip_value.

    Follows torch.nn.utils.clip_grad_value_, save that a gradient of nan is an error.

    Args:
        parameters: Values.
        clip_value: the largest absolute gradient, from 0 on.

    Raises:
        TypeError: if a parameter is not a Value.
        ValueError: if clip_value is out of its range.
        AnomalyError: if a gradient is nan, naming the parameter. All gradients are left as
            they are.

    >>> x, y = Value(1.0), Value(1.0)
    >>> (3.0 * x - 0.25 * y).backward()
    >>> clip_grad_value([x, y], 0.5)
    >>> x.grad, y.grad
    (0.5, -0.25)
    """
    require_number("clip_grad_value's clip_value", clip_value)
    values = values_of("clip_grad_value", parameters)
    _refuse("clip_grad_value", values, lambda slope: not math.isnan(slope))
    for value in values:
        value.grad = min(max(value.grad, -clip_value), clip_value)


def _norm(numbers: list[float], norm_type: float) -> float:
    if math.isinf(norm_type):
        return max(map(abs, numbers))
    return float(sum(abs(x) ** norm_type for x in numbers) ** (1.0 / norm_type))


def _refuse(function: str, values: list[Value], allowed: Callable[[float], bool]) -> None:
    for k, value in enumerate(values):
        if not allowed(value.grad):
            label = f" ({value.label})" if value.label else ""
            raise AnomalyError(
                f"{function} was given a gradient of {value.grad}, that of parameter {k}{label}: "
                "run the forward and the backward pass within detect_anomaly() to see where it "
                "arises"
            )
