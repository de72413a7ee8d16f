"""Schedules that follow half a wave of the cosine, once or again and again."""

import math

from optim.checks import require_number, require_whole
from optim.optimizer import Optimizer
from optim.schedules.scheduler import LRScheduler


class CosineAnnealingLR(LRScheduler):
    """A rate that falls along half a wave of the cosine, from the base rate to eta_min.

        lr = eta_min + (base - eta_min) * (1 + cos(π * epoch / T_max)) / 2

    After T_max it rises again along the next half. Loshchilov and Hutter (2017), "SGDR:
    stochastic gradient descent with warm restarts", equation 5, without the restarts. Follows
    torch.optim.lr_scheduler.CosineAnnealingLR, which tells each rate from the one before, so
    that the schedule combines with others.

    Args:
        optimizer: the optimizer whose rates are set.
        T_max: how many epochs the fall takes.
        eta_min: the smallest rate.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`.
        ValueError: as `LRScheduler`.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = CosineAnnealingLR(optimizer, T_max=3)
    >>> for _ in range(4):
    ...     print(f"{optimizer.param_groups[0]['lr']:.2f}")
    ...     schedule.step()
    1.00
    0.75
    0.25
    0.00
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        require_whole("CosineAnnealingLR's T_max", self.T_max)
        require_number("CosineAnnealingLR's eta_min", self.eta_min)

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the rate one step further on the wave."""
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # the rate before is eta_min
            rise = (1.0 - math.cos(math.pi / self.T_max)) / 2.0
            return lr + (self.base_lrs[group] - self.eta_min) * rise
        change = _height(epoch, self.T_max) / _height(epoch - 1, self.T_max)
        return change * (lr - self.eta_min) + self.eta_min


class CosineAnnealingWarmRestarts(LRScheduler):
    """A rate that falls along half a wave of the cosine, and starts over at the base rate.

        lr = eta_min + (base - eta_min) * (1 + cos(π * T_cur / T_i)) / 2

    with T_cur the epochs since the last restart, and T_i those from it to the next: T_0 at
    first, T_mult times as many after each restart. Loshchilov and Hutter (2017), "SGDR:
    stochastic gradient descent with warm restarts", equation 5. Follows
    torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.

    Args:
        optimizer: the optimizer whose rates are set.
        T_0: the epochs until the first restart.
        T_mult: how many times longer each run is than the one before.
        eta_min: the smallest rate.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`.
        ValueError: as `LRScheduler`.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> for _ in range(4):
    ...     print(f"{optimizer.param_groups[0]['lr']:.2f}")
    ...     schedule.step()
    1.00
    0.50
    1.00
    0.50
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        require_whole("CosineAnnealingWarmRestarts' T_0", self.T_0)
        require_whole("CosineAnnealingWarmRestarts' T_mult", self.T_mult)
        require_number("CosineAnnealingWarmRestarts' eta_min", self.eta_min)

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to any other.

        Args:
            epoch: where to go, which may be within an epoch, as in ``epoch + batch / batches``;
                the steps that follow go on from there.

        Raises:
            TypeError: if epoch is not a number.
            ValueError: if it is negative, or as `LRScheduler.step`.
        """
        if epoch is None:
            super().step()
        else:
            require_number("the epoch to go to", epoch)
            self._go_to(epoch)

    def first_lr(self, lr: float, group: int) -> float:
        """Return the base rate, whatever it was before."""
        return self.base_lrs[group]

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the rate at any epoch."""
        T_cur, T_i = self._since_restart(epoch)
        return cosine(self.base_lrs[group], self.eta_min, T_cur, T_i)

    def _since_restart(self, epoch: float) -> tuple[float, int]:
        """Return T_cur and T_i."""
        if self.T_mult == 1:
            return epoch % self.T_0, self.T_0
        T_cur, T_i = epoch, self.T_0
        while T_cur >= T_i:
            T_cur -= T_i
            T_i *= self.T_mult
        return T_cur, T_i


def cosine(start: float, end: float, time: float, length: float = 1.0) -> float:
    """Return where half a wave of the cosine from start to end is, at a time of its length.

    >>> cosine(3.0, 1.0, 0.0), cosine(3.0, 1.0, 0.5), cosine(3.0, 1.0, 1.0)
    (3.0, 2.0, 1.0)
    """
    return end + (start - end) * _height(time, length) / 2.0


def _height(time: float, length: float) -> float:
    """Return the height of the wave above its lowest point, from 2 to 0."""
    return 1.0 + math.cos(math.pi * time / length)
