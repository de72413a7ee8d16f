"""Optimizers and schedules by name."""

import difflib
from collections.abc import Callable, Iterable
from typing import Any

import optim
from autograd import Value
from optim import schedules
from optim.schedules.scheduler import Schedule

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    name: kind
    for name, kind in ((name, getattr(optim, name)) for name in optim.__all__)
    if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
}
"""All of optim, by name."""

_RATES_BESIDE_ADAMS = {"SGD": 10.0, "Adagrad": 10.0, "Adadelta": 100.0, "Adamax": 2.0, "Lion": 0.3}
"""How large the steps of an optimizer should be, as multiples of Adam's; 1 if not here."""


def _falling(optimizer: optim.Optimizer, epochs: int) -> Schedule:
    return schedules.ExponentialLR(optimizer, gamma=0.01 ** (1.0 / epochs))


def _one_cycle(optimizer: optim.Optimizer, epochs: int) -> Schedule:
    has_momentum = {"betas", "momentum"} & optimizer.defaults.keys()
    lrs = [group["lr"] for group in optimizer.param_groups]
    return schedules.OneCycleLR(
        optimizer, lrs, total_steps=epochs, cycle_momentum=bool(has_momentum)
    )


def _step(optimizer: optim.Optimizer, epochs: int) -> Schedule:
    return schedules.StepLR(optimizer, step_size=max(1, epochs // 3))


def _multi_step(optimizer: optim.Optimizer, epochs: int) -> Schedule:
    return schedules.MultiStepLR(optimizer, milestones=[epochs // 2, epochs * 3 // 4])


def _restarts(optimizer: optim.Optimizer, epochs: int) -> Schedule:
    return schedules.CosineAnnealingWarmRestarts(optimizer, T_0=max(1, epochs // 4))


def _warm_up(optimizer: optim.Optimizer, epochs: int) -> Schedule:
    return schedules.LinearLR(optimizer, start_factor=0.1, total_iters=max(1, epochs // 10))


def _to_zero(optimizer: optim.Optimizer, epochs: int) -> Schedule:
    return schedules.LinearLR(optimizer, 1.0, 0.0, total_iters=epochs)


def _plateau(optimizer: optim.Optimizer, epochs: int) -> Schedule:
    return schedules.ReduceLROnPlateau(optimizer, patience=max(1, epochs // 20))


SCHEDULES: dict[str, Callable[[optim.Optimizer, int], Schedule]] = {
    "constant": lambda optimizer, epochs: schedules.ConstantLR(optimizer, factor=1.0),
    "step": _step,
    "multi-step": _multi_step,
    "exponential": _falling,
    "linear": _to_zero,
    "cosine": lambda optimizer, epochs: schedules.CosineAnnealingLR(optimizer, T_max=epochs),
    "restarts": _restarts,
    "warm-up": _warm_up,
    "one-cycle": _one_cycle,
    "plateau": _plateau,
}
"""What optim.schedules has for a number of epochs, each suited to that number."""


def optimizer_named(name: str) -> str:
    """Return how an optimizer is written, given its name in small or capital letters.

    Raises:
        ValueError: if there is none of this name.

    >>> optimizer_named("adamw")
    'AdamW'
    >>> optimizer_named("adm")
    Traceback (most recent call last):
        ...
    ValueError: there is no optimizer 'adm' (did you mean Adam?): choose one of SGD, ...
    """
    return _named("optimizer", name, OPTIMIZERS)


def schedule_named(name: str) -> str:
    """Return how a schedule is written, likewise.

    Raises:
        ValueError: if there is none of this name.

    >>> schedule_named("Cosine")
    'cosine'
    """
    return _named("schedule", name, SCHEDULES)


def suited_rate(optimizer: str, adams: float) -> float:
    """Return a learning rate to begin with, given what is good for Adam.

    >>> suited_rate("SGD", 0.01), suited_rate("AdamW", 0.01)
    (0.1, 0.01)
    """
    return adams * _RATES_BESIDE_ADAMS.get(optimizer, 1.0)


def make_optimizer(name: str, parameters: Iterable[Value], lr: float) -> optim.Optimizer:
    """Return an optimizer of parameters.

    >>> type(make_optimizer("Lion", [Value(1.0)], 0.1)).__name__
    'Lion'
    """
    return OPTIMIZERS[name](parameters, lr=lr)


def make_schedule(name: str, optimizer: optim.Optimizer, epochs: int) -> Schedule:
    """Return a schedule for an optimizer, to be stepped once per epoch.

    >>> optimizer = make_optimizer("SGD", [Value(1.0)], lr=1.0)
    >>> schedule = make_schedule("multi-step", optimizer, epochs=4)
    >>> for epoch in range(4):
    ...     print(f"{optimizer.param_groups[0]['lr']:.2f}", end=" ")
    ...     schedule.step()
    1.00 1.00 0.10 0.01
    """
    return SCHEDULES[name](optimizer, epochs)


def _named(what: str, name: str, choices: dict[str, Any]) -> str:
    spelled = {choice.lower(): choice for choice in choices}
    wanted = str(name).lower()
    if wanted in spelled:
        return spelled[wanted]
    close = difflib.get_close_matches(wanted, spelled, n=1)
    hint = f" (did you mean {spelled[close[0]]}?)" if close else ""
    raise ValueError(f"there is no {what} {name!r}{hint}: choose one of {', '.join(choices)}")
