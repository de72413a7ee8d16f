"""Schedules that multiply the learning rate by a factor."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from optim.checks import require_list, require_number, require_whole
from optim.optimizer import Optimizer, require
from optim.schedules.scheduler import LRScheduler, Schedule, per_group


class ConstantLR(LRScheduler):
    """A smaller constant rate for the first epochs, the full rate from then on.

        lr = base * factor  before epoch total_iters,  base  from it on

    Follows torch.optim.lr_scheduler.ConstantLR, save that a factor of 0, which can't be undone,
    and a total_iters of 0 are refused.

    Args:
        optimizer: the optimizer whose rates are set.
        factor: above 0, up to 1.
        total_iters: the first epoch at the full rate.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`.
        ValueError: as `LRScheduler`.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> for _ in range(3):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     schedule.step()
    0.5
    0.5
    1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        _require_factor("ConstantLR's factor", self.factor)
        require_whole("ConstantLR's total_iters", self.total_iters)

    def first_lr(self, lr: float, group: int) -> float:
        """Return the reduced rate."""
        return lr * self.factor

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the rate, the reduction undone at epoch total_iters."""
        return lr * (1.0 / self.factor) if epoch == self.total_iters else lr


class LinearLR(LRScheduler):
    """A rate that goes in a straight line from one factor to another: a warm-up.

        lr = base * (start_factor + (end_factor - start_factor) * min(epoch / total_iters, 1))

    Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour", section
    2.2. Follows torch.optim.lr_scheduler.LinearLR, save that a total_iters of 0 is refused.

    Args:
        optimizer: the optimizer whose rates are set.
        start_factor: of the base rate at epoch 0: above 0, up to 1.
        end_factor: from epoch total_iters on: from 0 to 1.
        total_iters: how many epochs it takes.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`.
        ValueError: as `LRScheduler`.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     schedule.step()
    0.25
    0.5
    0.75
    1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        _require_factor("LinearLR's start_factor", self.start_factor)
        require_number("LinearLR's end_factor", self.end_factor)
        require(self.end_factor <= 1.0, "LinearLR's end_factor is up to 1", self.end_factor)
        require_whole("LinearLR's total_iters", self.total_iters)

    def first_lr(self, lr: float, group: int) -> float:
        """Return the rate at the start of the line."""
        return lr * self.start_factor

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the rate one step further on the line."""
        if epoch > self.total_iters:
            return lr
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (epoch - 1) * rise
        return lr * (1.0 + rise / before)


class StepLR(LRScheduler):
    """A rate that falls by a factor every so many epochs.

        lr = base * gamma^(epoch // step_size)

    Follows torch.optim.lr_scheduler.StepLR.

    Args:
        optimizer: the optimizer whose rates are set.
        step_size: how many epochs to stay at a rate.
        gamma: the factor, from 0 on.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`.
        ValueError: as `LRScheduler`.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     schedule.step()
    1.0
    1.0
    0.5
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        require_whole("StepLR's step_size", self.step_size)
        require_number("StepLR's gamma", self.gamma)

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the rate, which falls at every multiple of step_size."""
        return lr * self.gamma if epoch % self.step_size == 0 else lr


class MultiStepLR(LRScheduler):
    """A rate that falls by a factor at given epochs.

        lr = base * gamma^(how many milestones are up to epoch)

    Follows torch.optim.lr_scheduler.MultiStepLR.

    Args:
        optimizer: the optimizer whose rates are set.
        milestones: the epochs; one that is given twice counts twice.
        gamma: the factor, from 0 on.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`.
        ValueError: as `LRScheduler`.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     schedule.step()
    1.0
    0.5
    0.5
    0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = list(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        require_list("MultiStepLR's milestones", self.milestones)
        for milestone in self.milestones:
            require_whole("a milestone of MultiStepLR", milestone, least=0)
        require_number("MultiStepLR's gamma", self.gamma)

    def first_lr(self, lr: float, group: int) -> float:
        """Return the rate, which may fall at the very beginning."""
        return self.next_lr(0, lr, group)

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the rate, which falls if the epoch is a milestone."""
        times = self.milestones.count(int(epoch))
        return lr * self.gamma**times if times else lr


class ExponentialLR(LRScheduler):
    """A rate that falls by the same factor at every epoch.

        lr = base * gamma^epoch

    Follows torch.optim.lr_scheduler.ExponentialLR.

    Args:
        optimizer: the optimizer whose rates are set.
        gamma: the factor, from 0 on.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`.
        ValueError: as `LRScheduler`.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = ExponentialLR(optimizer, gamma=0.5)
    >>> for _ in range(3):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     schedule.step()
    1.0
    0.5
    0.25
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        require_number("ExponentialLR's gamma", self.gamma)

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the rate times the factor."""
        return lr * self.gamma


class LambdaLR(LRScheduler):
    """A rate that is the base rate times a function of the epoch.

        lr = base * lr_lambda(epoch)

    Follows torch.optim.lr_scheduler.LambdaLR, save that `state_dict` never holds anything of
    the functions: give the same ones again when you resume.

    Args:
        optimizer: the optimizer whose rates are set.
        lr_lambda: the function, or a list of one for each group.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`, or if a function is none, or doesn't return a number.
        ValueError: as `LRScheduler`, or if there aren't as many functions as groups.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = LambdaLR(optimizer, lambda epoch: 1.0 / (1.0 + epoch))
    >>> for _ in range(2):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     schedule.step()
    1.0
    0.5
    """

    unsaved: ClassVar[frozenset[str]] = Schedule.unsaved | {"lr_lambdas"}

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = per_group("LambdaLR's lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"LambdaLR's lr_lambda is a function, got {function!r}")

    def first_lr(self, lr: float, group: int) -> float:
        """Return the rate at epoch 0, whatever it was before."""
        return self.next_lr(0, lr, group)

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the base rate times the function."""
        factor: float = self.lr_lambdas[group](int(epoch))
        require_number("what LambdaLR's lr_lambda returns", factor, least=None)
        return self.base_lrs[group] * factor


def _require_factor(what: str, factor: float) -> None:
    require_number(what, factor)
    require(0.0 < factor <= 1.0, f"{what} is above 0, up to 1", factor)
