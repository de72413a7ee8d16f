"""Why training met nan or inf: where it began, and what to try."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from autograd import AnomalyError, Value, detect_anomaly
from autograd.grouping import watching
from autograd.nested import flatten
from nn.module import Module
from nn.summary import kind

Named = Iterable[tuple[str, Value]]

_GROWN = 1e100
"""Outputs as large as this have exploded, whatever the loss makes of them."""

_SMALLER_STEPS = "try a smaller learning rate, clip_norm=1.0, or inputs scaled to about -1 to 1"


class Divergence(ArithmeticError):
    """A step of training met nan or inf; the message is the diagnosis."""


def check_loss(
    model: Module, before: dict[Value, float], compute: Callable[[], Any], loss: Any
) -> None:
    """Raise Divergence if a loss is nan or inf.

    Args:
        model: the model, with the parameters that the loss was computed with.
        before: what the model's numbers were before the step.
        compute: computes the loss again.
        loss: the loss.
    """
    if math.isfinite(float(loss)):
        return
    for name, value in model.named_values():
        number = before.get(value, value.data)
        if not math.isfinite(number):
            raise Divergence(
                f"the loss is {float(loss)}, since {name} was {number} before the step: give "
                "the model finite numbers to begin with"
            )
    place, largest = _look_at_outputs(model, compute)
    if place:
        origin, advice = f"{place} is the first to return nan or inf", _SMALLER_STEPS
    elif largest > _GROWN:
        origin = f"the model's outputs have grown to {largest:.0e}"
        advice = _SMALLER_STEPS
    else:
        origin = "the model's outputs are finite, so it arises in the loss function"
        advice = (
            "try a loss that takes logits, such as losses.cross_entropy, or hold its inputs where "
            "it is defined"
        )
    raise Divergence(f"the loss is {float(loss)}: {origin}{_operation(compute)}; {advice}")


def check_gradients(parameters: Named, compute: Callable[[], Any]) -> None:
    """Raise Divergence if a gradient is nan or inf, though the loss is finite.

    Args:
        parameters: the parameters with their names.
        compute: computes the loss again.
    """
    for name, parameter in parameters:
        if not math.isfinite(parameter.grad):
            raise Divergence(
                f"the loss is finite, but the gradient of {name} is {parameter.grad}"
                f"{_operation(lambda: compute().backward())}; try clamping what goes into that "
                "operation, or adding a small number to it; if gradients overflow, "
                "smaller weights to begin with"
            )


def check_parameters(parameters: Named, before: dict[Value, float]) -> None:
    """Raise Divergence if a step has made a parameter nan or inf.

    Args:
        parameters: the parameters with their names.
        before: what they were before the step.
    """
    for name, parameter in parameters:
        if not math.isfinite(parameter.data):
            raise Divergence(
                f"the optimizer's step made {name} {parameter.data}, from "
                f"{before[parameter]:g} with the gradient {parameter.grad:g}; {_SMALLER_STEPS}"
            )


def _look_at_outputs(model: Module, compute: Callable[[], Any]) -> tuple[str, float]:
    """Return the first module that returns nan or inf, if any, and the model's largest output."""
    names = {module: name for name, module in model.named_modules()}
    found: list[Module] = []
    sizes = [0.0]

    def look(module: Module, output: Any) -> None:
        numbers = [float(number) for number in flatten(output)[0]]
        if not found and module in names and not all(map(math.isfinite, numbers)):
            found.append(module)
        if module is model:
            sizes.extend(map(abs, numbers))

    with watching(look):
        compute()
    place = f"{names[found[0]] or 'the model'}, {kind(found[0])}," if found else ""
    return place, max(sizes)


def _operation(compute: Callable[[], Any]) -> str:
    """Return the first operation that makes nan or inf, in parentheses, if there is one."""
    try:
        with detect_anomaly():
            compute()
    except AnomalyError as error:
        return f" ({error})"
    return ""
