"""The one-cycle schedule: up to a large rate and down again, the momentum the other way."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from optim.checks import require_list, require_number, require_whole
from optim.optimizer import Optimizer, require
from optim.schedules.cosine import cosine
from optim.schedules.scheduler import LRScheduler, initial_lrs, per_group


class OneCycleLR(LRScheduler):
    """A rate that rises to max_lr and falls far below where it began, while momentum dips.

    The rate goes from max_lr / div_factor to max_lr in the first pct_start of the steps, then
    down to max_lr / div_factor / final_div_factor; the momentum from max_momentum to
    base_momentum and back. Step it after every batch.

    Smith and Topin (2019), "Super-convergence: very fast training of neural networks using
    large learning rates", section 3, whose shape is three_phase. Follows
    torch.optim.lr_scheduler.OneCycleLR; as there, a last step beyond the last batch is
    allowed, and its rate is not meant to be used.

    Args:
        optimizer: the optimizer whose rates, and momentum or first beta, are set.
        max_lr: the largest rate, or a list of one for each group.
        total_steps: how many steps the cycle has, counting the one before the first `step`.
        epochs: with steps_per_epoch, another way to tell it.
        steps_per_epoch: the batches of an epoch.
        pct_start: the share of the steps on the way up.
        anneal_strategy: "cos" for half a wave of the cosine, "linear" for a straight line.
        cycle_momentum: whether to cycle the momentum too.
        base_momentum: the smallest momentum, or a list of one for each group.
        max_momentum: the largest, likewise.
        div_factor: how many times smaller than max_lr the first rate is.
        final_div_factor: how many times smaller than the first rate the last one is.
        three_phase: whether to return to the first rate as fast as it rose, and to fall from
            there.
        last_epoch: see `LRScheduler`.

    Raises:
        TypeError: as `LRScheduler`.
        ValueError: as `LRScheduler`, or if the number of steps is not told, or the optimizer has
            no momentum to cycle.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.6)
    >>> for _ in range(5):
    ...     group = optimizer.param_groups[0]
    ...     print(f"{group['lr']:.6f} {group['momentum']:.2f}")
    ...     schedule.step()
    0.040000 0.95
    0.520000 0.90
    1.000000 0.85
    0.500002 0.90
    0.000004 0.95
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.max_lrs = per_group("OneCycleLR's max_lr", max_lr, optimizer)
        self.base_momentums = per_group("OneCycleLR's base_momentum", base_momentum, optimizer)
        self.max_momentums = per_group("OneCycleLR's max_momentum", max_momentum, optimizer)
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.three_phase = three_phase
        self.optimizer = optimizer
        self.check()
        if last_epoch == -1:
            initial_lrs(optimizer)[:] = [lr / div_factor for lr in self.max_lrs]
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        """Raise TypeError or ValueError if an argument is out of its range."""
        require_whole("OneCycleLR's total_steps", self.total_steps)
        require_number("OneCycleLR's pct_start", self.pct_start)
        require(self.pct_start <= 1.0, "OneCycleLR's pct_start is up to 1", self.pct_start)
        for what, factor in (
            ("div_factor", self.div_factor),
            ("final_div_factor", self.final_div_factor),
        ):
            require_number(f"OneCycleLR's {what}", factor)
            require(factor > 0.0, f"OneCycleLR's {what} is above 0", factor)
        require(
            self.anneal_strategy in ("cos", "linear"),
            "OneCycleLR's anneal_strategy is 'cos' or 'linear'",
            self.anneal_strategy,
        )
        groups = len(self.optimizer.param_groups)
        require_list("OneCycleLR's max_lrs", self.max_lrs, groups)
        require_list("OneCycleLR's base_momentums", self.base_momentums, groups)
        require_list("OneCycleLR's max_momentums", self.max_momentums, groups)
        for lr in self.max_lrs:
            require_number("OneCycleLR's max_lr", lr)
        for momentum in self.base_momentums + self.max_momentums:
            require_number("OneCycleLR's momentum", momentum)
        if self.cycle_momentum and not {"betas", "momentum"} & self.optimizer.defaults.keys():
            raise ValueError(
                f"{type(self.optimizer).__name__} has no momentum to cycle: give OneCycleLR "
                "cycle_momentum=False"
            )

    def first_lr(self, lr: float, group: int) -> float:
        """Return the rate at the beginning of the cycle, whatever it was before."""
        return self.next_lr(0, lr, group)

    def next_lr(self, epoch: float, lr: float, group: int) -> float:
        """Return the rate at any step."""
        if epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR was made for {self.total_steps} steps and has made them: it can't "
                "step again"
            )
        initial_lr = self.base_lrs[group]
        rates = {
            "initial": initial_lr,
            "max": self.max_lrs[group],
            "min": initial_lr / self.final_div_factor,
        }
        phase, share = self._phase(epoch)
        return self._between(rates[phase.start_lr], rates[phase.end_lr], share)

    def _set_lrs(self, lrs: list[float]) -> None:
        super()._set_lrs(lrs)
        if self.cycle_momentum:
            phase, share = self._phase(self.last_epoch)
            for k, group in enumerate(self._groups()):
                momenta = {"base": self.base_momentums[k], "max": self.max_momentums[k]}
                start, end = momenta[phase.start_momentum], momenta[phase.end_momentum]
                _set_momentum(group, self._between(start, end, share))

    def _phase(self, step: float) -> tuple["_Phase", float]:
        """Return the phase that a step is in, and how much of it is over."""
        phases = self._phases()
        start = 0.0
        for phase in phases[:-1]:
            if step <= phase.end:
                break
            start = phase.end
        else:
            phase = phases[-1]
        length = phase.end - start
        return phase, (step - start) / length if length else 1.0

    def _phases(self) -> list["_Phase"]:
        top = self.pct_start * self.total_steps - 1
        last = self.total_steps - 1
        up = _Phase(top, "initial", "max", "max", "base")
        if not self.three_phase:
            return [up, _Phase(last, "max", "min", "base", "max")]
        down = _Phase(2 * self.pct_start * self.total_steps - 2, "max", "initial", "base", "max")
        return [up, down, _Phase(last, "initial", "min", "max", "max")]

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "cos":
            return cosine(start, end, share)
        return start + (end - start) * share


class _Phase(NamedTuple):
    """A part of the cycle: the step where it ends, and what goes from where to where."""

    end: float
    start_lr: str
    end_lr: str
    start_momentum: str
    end_momentum: str


def _set_momentum(group: dict[str, Any], momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def _total_steps(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
        require_whole("OneCycleLR's epochs", epochs)
        require_whole("OneCycleLR's steps_per_epoch", steps_per_epoch)
        total_steps = epochs * steps_per_epoch
    require_whole("OneCycleLR's total_steps", total_steps)
    return int(total_steps)
