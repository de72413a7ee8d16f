"""What all schedules share, which is everything but the rule."""

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from optim.checks import require_number, require_whole
from optim.optimizer import Optimizer, require


class Schedule:
    """Sets the learning rates of an optimizer's groups, and can be saved and resumed.

    Args:
        optimizer: the optimizer whose rates are set.

    Attributes:
        optimizer: the same.
        base_lrs: each group's rate before its first schedule changed it.
        last_epoch: the number of steps so far.

    Raises:
        TypeError: if optimizer is not one of optim.
    """

    unsaved: ClassVar[frozenset[str]] = frozenset({"optimizer"})
    """The attributes that `state_dict` leaves out."""

    def __init__(self, optimizer: Optimizer) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        self.base_lrs = list(initial_lrs(optimizer))
        self.last_epoch: float = 0
        self._last_lr = self._lrs()
        self.check()

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        raise NotImplementedError("a schedule must define check(self)")

    def get_last_lr(self) -> list[float]:
        """Return each group's learning rate after this schedule's last step."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return the arguments and the progress, of plain numbers and texts.

        The rates that the optimizer has now are in it too.
        """
        own = {name: entry for name, entry in vars(self).items() if name not in self.unsaved}
        return copy.deepcopy(own) | {"lrs": self._lrs()}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Set the arguments, the progress and the optimizer's rates as `state_dict` told them.

        Raises:
            ValueError: if it belongs to another kind of schedule or another number of groups,
                or an entry is out of its range.
            TypeError: if an entry is not a number. The schedule is unchanged then.
        """
        expected = self.state_dict().keys()
        if not isinstance(saved, Mapping) or saved.keys() != expected:
            raise ValueError(
                f"a saved {type(self).__name__} is a dict with {', '.join(sorted(expected))}, as "
                "its state_dict returns it"
            )
        own = vars(self).keys() - self.unsaved
        with all_or_nothing(self):
            vars(self).update({name: copy.deepcopy(saved[name]) for name in own})
            self._check_progress(saved["lrs"])
            self.check()
            self._set_lrs(saved["lrs"])
            self._last_lr = list(saved["_last_lr"])

    def members(self) -> "Iterator[Schedule]":
        """Yield this schedule, and those that it is made of."""
        yield self

    def _check_progress(self, lrs: Any) -> None:
        require_number("the saved last_epoch", self.last_epoch)
        require(math.isfinite(self.last_epoch), "the saved last_epoch is finite", self.last_epoch)
        for what, rates in (
            ("base_lrs", self.base_lrs),
            ("_last_lr", self._last_lr),
            ("lrs", lrs),
        ):
            count = len(self.optimizer.param_groups)
            require(
                isinstance(rates, list) and len(rates) == count,
                f"the saved {what} has a rate for each of {count} groups of parameters",
                rates,
            )
            for rate in rates:
                require_number(f"a rate of the saved {what}", rate, least=None)

    def _groups(self) -> list[dict[str, Any]]:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.base_lrs):
            raise ValueError(
                f"this {type(self).__name__} was made for {len(self.base_lrs)} groups of "
                f"parameters, and the optimizer now has {len(groups)}: add groups before making "
                "the schedule"
            )
        return groups

    def _lrs(self) -> list[float]:
        return [group["lr"] for group in self._groups()]

    def _set_lrs(self, lrs: list[float]) -> None:
        for group, lr in zip(self._groups(), lrs, strict=True):
            group["lr"] = lr
        self._last_lr = list(lrs)


class LRScheduler(Schedule):
    """A schedule that needs to know nothing but the number of its step.

    Most rules tell the new rate from the present one, so that several schedules for the same
    optimizer combine: each multiplies by its own factor.

    Args:
        optimizer: the optimizer whose rates are set.
        last_epoch: -1 to begin. From 0 on, to go on after so many steps with an optimizer that
            was scheduled before: its rates are taken to be those of the step that follows. To
            go on in another process, make the schedule anew and call `load_state_dict`.

    Raises:
        TypeError: if optimizer is not one of optim, or an argument not a number.
        ValueError: if an argument is out of its range.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        require_optimizer(optimizer)
        require_whole("last_epoch", last_epoch, least=-1)
        if last_epoch >= 0 and "initial_lrs" not in vars(optimizer):
            raise ValueError(
                f"last_epoch={last_epoch} continues a schedule, and this optimizer has had none: "
                "make the schedule without it and call its load_state_dict"
            )
        super().__init__(optimizer)
        if last_epoch < 0:
            self.start()
        else:
            self.last_epoch = last_epoch + 1

    def first_lr(self, lr: float, group: int) -> float:
        """Return a group's rate at epoch 0, given its rate without this schedule."""
        return lr

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return a group's rate at an epoch from 1 on, given its rate before."""
        raise NotImplementedError("a schedule must define next_lr(self, epoch, lr, group)")

    def start(self) -> None:
        """Begin at epoch 0, from the rates that the optimizer has now."""
        lrs = [self.first_lr(lr, group) for group, lr in enumerate(self._lrs())]
        self.last_epoch = 0
        self._set_lrs(lrs)

    def step(self) -> None:
        """Go on to the next epoch: call it after the optimizer's step.

        Raises:
            ValueError: if the optimizer was given more groups since the schedule was made.
        """
        self._go_to(self.last_epoch + 1)

    def _go_to(self, epoch: float) -> None:
        with all_or_nothing(self):
            lrs = [self.next_lr(epoch, lr, group) for group, lr in enumerate(self._lrs())]
            self.last_epoch = epoch
            self._set_lrs(lrs)


@contextmanager
def all_or_nothing(schedule: Schedule) -> Iterator[None]:
    """Undo what a with block did to a schedule and its optimizer's options if it is interrupted.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> from optim.schedules import ExponentialLR
    >>> schedule = ExponentialLR(SGD([Value(1.0)], lr=1.0), gamma=0.5)
    >>> try:
    ...     with all_or_nothing(schedule):
    ...         schedule.step()
    ...         raise KeyboardInterrupt
    ... except KeyboardInterrupt:
    ...     print(schedule.last_epoch, schedule.optimizer.param_groups[0]["lr"])
    0 1.0
    """
    before = [(member, dict(vars(member))) for member in schedule.members()]
    groups = [(group, dict(group)) for group in schedule.optimizer.param_groups]
    try:
        yield
    except BaseException:
        for member, attributes in before:
            vars(member).update(attributes)
        for group, options in groups:
            group.update(options)
        raise


def initial_lrs(optimizer: Optimizer) -> list[float]:
    """Return the rates that the optimizer's groups had before the first schedule.

    They are kept with the optimizer, for a second schedule to begin from the same.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> from optim.schedules import ConstantLR
    >>> optimizer = SGD([Value(1.0)], lr=0.5)
    >>> schedule = ConstantLR(optimizer, factor=0.5)
    >>> schedule.get_last_lr(), initial_lrs(optimizer)
    ([0.25], [0.5])
    """
    rates: list[float] = vars(optimizer).setdefault("initial_lrs", [])
    rates += [group["lr"] for group in optimizer.param_groups[len(rates) :]]
    return rates


def per_group(what: str, argument: Any, optimizer: Optimizer) -> list[Any]:
    """Return an argument for each of the optimizer's groups: the same for all, or one each.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> per_group("max_lr", 0.5, SGD([{"params": [Value(1.0)]}, {"params": [Value(2.0)]}], lr=1.0))
    [0.5, 0.5]
    """
    require_optimizer(optimizer)
    count = len(optimizer.param_groups)
    if not isinstance(argument, (list, tuple)):
        return [argument] * count
    require(len(argument) == count, f"{what} has an entry for each of {count} groups", argument)
    return list(argument)


def require_optimizer(optimizer: Any) -> None:
    """Raise TypeError if a schedule is made for anything else than an optimizer.

    >>> require_optimizer([])
    Traceback (most recent call last):
        ...
    TypeError: a schedule is made for an optimizer of optim, got a list
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"a schedule is made for an optimizer of optim, got a {type(optimizer).__name__}"
        )
