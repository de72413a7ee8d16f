"""Schedules made of schedules: one after the other, or all at once."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from optim.checks import require_list, require_whole
from optim.optimizer import Optimizer, require
from optim.schedules.scheduler import LRScheduler, Schedule, all_or_nothing


class _Combined(LRScheduler):
    """What is common to schedules made of schedules."""

    unsaved: ClassVar[frozenset[str]] = Schedule.unsaved | {"schedulers"}

    schedulers: list[LRScheduler]

    def check(self) -> None:
        """Raise TypeError or ValueError if the schedules can't be combined."""
        self._check_kinds()
        kind = type(self).__name__
        for scheduler in self.schedulers:
            if scheduler.optimizer is not self.optimizer:
                raise ValueError(
                    f"{kind} combines schedules of the same optimizer, and the "
                    f"{type(scheduler).__name__} is of another"
                )

    def _check_kinds(self) -> None:
        kind = type(self).__name__
        require(len(self.schedulers) > 0, f"{kind} combines one schedule or more", self.schedulers)
        for scheduler in self.schedulers:
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(
                    f"{kind} combines schedules that step without a measure, got a "
                    f"{type(scheduler).__name__}"
                )

    def state_dict(self) -> dict[str, Any]:
        """Return the progress, and the state of each schedule."""
        states = [scheduler.state_dict() for scheduler in self.schedulers]
        return super().state_dict() | {"schedulers": states}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Set the progress and each schedule as `state_dict` told them.

        Raises:
            ValueError: as `Schedule.load_state_dict`, or if there are not as many schedules.
            TypeError: as `Schedule.load_state_dict`. All schedules are unchanged then.
        """
        states: Any = saved.get("schedulers") if isinstance(saved, Mapping) else None
        require(
            isinstance(states, list) and len(states) == len(self.schedulers),
            f"a saved {type(self).__name__} has a state for each of {len(self.schedulers)} "
            "schedulers",
            states,
        )
        with all_or_nothing(self):
            for scheduler, state in zip(self.schedulers, states, strict=True):
                scheduler.load_state_dict(state)
            super().load_state_dict(saved)

    def members(self) -> Iterator[Schedule]:
        """Yield this schedule, and those that it is made of."""
        yield self
        for scheduler in self.schedulers:
            yield from scheduler.members()


class SequentialLR(_Combined):
    """Schedules one after the other, each from the base rate at its milestone.

    Follows torch.optim.lr_scheduler.SequentialLR, with which all the schedules are made first;
    besides, a `ChainedScheduler` may be one of them.

    Args:
        optimizer: the optimizer of all of them.
        schedulers: the schedules.
        milestones: the epochs at which the second and the following begin, in order.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: if one is not a schedule, or takes a measure as `ReduceLROnPlateau` does.
        ValueError: if one belongs to another optimizer, or there is not one milestone less than
            schedules.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> from optim.schedules import ExponentialLR, LinearLR
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> decay = ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = SequentialLR(optimizer, [warm_up, decay], milestones=[2])
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     schedule.step()
    0.5
    0.75
    1.0
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self.schedulers = list(schedulers)
        self.milestones = list(milestones)
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        super().check()
        require_list("SequentialLR's milestones", self.milestones)
        for milestone in self.milestones:
            require_whole("a milestone of SequentialLR", milestone, least=0)
        require(
            self.milestones == sorted(self.milestones),
            "SequentialLR's milestones are in order",
            self.milestones,
        )
        require(
            len(self.milestones) == len(self.schedulers) - 1,
            f"SequentialLR has {len(self.schedulers)} schedules and one milestone less",
            self.milestones,
        )

    def start(self) -> None:
        """Begin at epoch 0, from the base rates."""
        self._restart(self.schedulers[self._active(0)], self.base_lrs)
        self.last_epoch = 0

    def step(self) -> None:
        """Go on to the next epoch, and to the next schedule if it is a milestone."""
        epoch = self.last_epoch + 1
        active = self._active(epoch)
        scheduler = self.schedulers[active]
        with all_or_nothing(self):
            if active > 0 and self.milestones[active - 1] == epoch:
                self._restart(scheduler, scheduler.base_lrs)
            else:
                scheduler.step()
                self._last_lr = self._lrs()
            self.last_epoch = epoch

    def _active(self, epoch: float) -> int:
        return bisect_right(self.milestones, epoch)

    def _restart(self, scheduler: LRScheduler, base_lrs: list[float]) -> None:
        for group, lr in zip(self._groups(), base_lrs, strict=True):
            group["lr"] = lr
        scheduler.start()
        self._last_lr = self._lrs()


class ChainedScheduler(_Combined):
    """Schedules all at once: at each step one after the other changes the rate.

    Follows torch.optim.lr_scheduler.ChainedScheduler.

    Args:
        schedulers: the schedules.
        optimizer: the optimizer of all of them (default: that of the first).

    Raises:
        TypeError: if one is not a schedule, or takes a measure as `ReduceLROnPlateau` does.
        ValueError: if there is none, or one belongs to another optimizer.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> from optim.schedules import ConstantLR, ExponentialLR
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> warm_up = ConstantLR(optimizer, factor=0.25, total_iters=2)
    >>> decay = ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = ChainedScheduler([warm_up, decay])
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     schedule.step()
    0.25
    0.125
    0.25
    0.125
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self.schedulers = list(schedulers)
        self._check_kinds()
        # The schedules began when they were made: there is nothing to start.
        Schedule.__init__(self, optimizer or self.schedulers[0].optimizer)

    def start(self) -> None:
        """Begin at epoch 0, from the rates that the optimizer has now."""
        for scheduler in self.schedulers:
            scheduler.start()
        self.last_epoch = 0
        self._last_lr = self._lrs()

    def step(self) -> None:
        """Go on to the next epoch with every schedule."""
        with all_or_nothing(self):
            for scheduler in self.schedulers:
                scheduler.step()
            self.last_epoch += 1
            self._last_lr = self._lrs()
