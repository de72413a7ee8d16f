"""A schedule that listens: the rate falls when training no longer gets better."""

import math
from collections.abc import Sequence
from typing import SupportsFloat

from optim.checks import require_list, require_number, require_whole
from optim.optimizer import Optimizer, require
from optim.schedules.scheduler import Schedule, all_or_nothing, per_group


class ReduceLROnPlateau(Schedule):
    """A rate that falls by a factor when a measure has not improved for some epochs.

    A measure improves if it is below best * (1 - threshold), for the mode "min" and the
    threshold_mode "rel"; below best - threshold for "abs"; for the mode "max", above best *
    (1 + threshold) or best + threshold. nan is no improvement.

    Follows torch.optim.lr_scheduler.ReduceLROnPlateau.

    Args:
        optimizer: the optimizer whose rates are set.
        mode: "min" if the measure should become small, as a loss; "max" if large.
        factor: the factor, from 0 to below 1.
        patience: how many epochs without improvement are borne; the next one reduces the rate.
        threshold: how much is an improvement.
        threshold_mode: "rel" if threshold is a share of the best measure, "abs" if a number.
        cooldown: how many epochs after a reduction are not counted.
        min_lr: the smallest rate, or a list of one for each group.
        eps: a smaller reduction than this is not made.

    Raises:
        TypeError: if optimizer is not one of optim, or an argument not a number.
        ValueError: if an argument is out of its range.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    ...     print(optimizer.param_groups[0]["lr"])
    1.0
    1.0
    1.0
    0.5
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lrs = per_group("ReduceLROnPlateau's min_lr", min_lr, optimizer)
        self.eps = eps
        self.best = -math.inf if mode == "max" else math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        super().__init__(optimizer)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        for what, choice, choices in (
            ("mode", self.mode, ("min", "max")),
            ("threshold_mode", self.threshold_mode, ("rel", "abs")),
        ):
            allowed = " or ".join(map(repr, choices))
            require(choice in choices, f"ReduceLROnPlateau's {what} is {allowed}", choice)
        require_number("ReduceLROnPlateau's factor", self.factor)
        require(self.factor < 1.0, "ReduceLROnPlateau's factor is below 1", self.factor)
        for what in ("patience", "cooldown", "num_bad_epochs", "cooldown_counter"):
            require_whole(f"ReduceLROnPlateau's {what}", getattr(self, what), least=0)
        for what in ("threshold", "eps"):
            require_number(f"ReduceLROnPlateau's {what}", getattr(self, what))
        require_list("ReduceLROnPlateau's min_lrs", self.min_lrs, len(self.base_lrs))
        for lr in self.min_lrs:
            require_number("ReduceLROnPlateau's min_lr", lr)
        require_number("ReduceLROnPlateau's best", self.best, least=None)

    def step(self, metrics: SupportsFloat) -> None:
        """Take note of an epoch's measure, and reduce the rates if it is time.

        Args:
            metrics: the measure: a number or a Value.

        Raises:
            TypeError: if the measure is not a number.
            ValueError: if the optimizer was given more groups since the schedule was made.
        """
        if isinstance(metrics, str) or not hasattr(metrics, "__float__"):
            raise TypeError(f"a measure is a number or a Value, got {metrics!r}")
        measure = float(metrics)
        with all_or_nothing(self):
            self._note(measure)

    def _note(self, measure: float) -> None:
        lrs = self._lrs()
        self.last_epoch += 1
        if self._is_better(measure):
            self.best = measure
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
            lrs = [self._reduced(lr, least) for lr, least in zip(lrs, self.min_lrs, strict=True)]
        self._set_lrs(lrs)

    def _is_better(self, measure: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            bound = self.best * (1.0 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return measure > bound if self.mode == "max" else measure < bound

    def _reduced(self, lr: float, least: float) -> float:
        reduced = max(lr * self.factor, least)
        return reduced if lr - reduced > self.eps else lr
