"""The learning-rate range test: which rates learn, and which are too large."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, SupportsFloat

from autograd.plotting import Plot, Theme, new_figure, plotted, set_axes
from optim.checks import require_number, require_whole
from optim.optimizer import Optimizer, require


@dataclass(frozen=True)
class RangeTest:
    """What the range test saw.

    Attributes:
        lrs: the rates that were tried, each larger than the one before by the same factor.
        losses: the loss at each.
    """

    lrs: list[float]
    losses: list[float]

    @property
    def smoothed(self) -> list[float]:
        """The losses, each averaged with up to four neighbours on either side.

        >>> RangeTest([1.0, 2.0, 4.0], [3.0, 0.0, 3.0]).smoothed
        [3.0, 2.0, 3.0]
        """
        means = []
        for k in range(len(self.losses)):
            reach = min(4, k, len(self.losses) - 1 - k)
            window = self.losses[k - reach : k + reach + 1]
            means.append(sum(window) / len(window))
        return means

    @property
    def steepest(self) -> float | None:
        """The rate at which the smoothed loss falls fastest over log(rate); None if it never does.

        >>> RangeTest([0.1, 0.2, 0.4, 0.8, 1.6], [9.0, 9.0, 8.0, 3.0, 2.5]).steepest
        0.4
        """
        losses = self.smoothed
        slopes = [after - before for before, after in zip(losses, losses[2:], strict=False)]
        k = min(range(len(slopes)), key=slopes.__getitem__, default=None)
        return None if k is None or slopes[k] >= 0.0 else self.lrs[k + 1]

    @property
    def tenth_of_minimum(self) -> float | None:
        """A tenth of the rate at which the smoothed loss is least; None if it never falls.

        >>> RangeTest([0.1, 1.0, 10.0, 100.0], [9.0, 3.0, 3.0, 5.0]).tenth_of_minimum
        1.0
        """
        losses = self.smoothed
        k = min(range(len(losses)), key=losses.__getitem__)
        return None if k == 0 else self.lrs[k] / 10.0

    def __str__(self) -> str:
        """Tell the two suggestions in a sentence.

        >>> print(RangeTest([0.1, 0.2, 0.4, 0.8, 1.6], [9.0, 9.0, 8.0, 3.0, 2.5]))
        5 rates from 0.1 to 1.6; the loss falls fastest at 0.4, and a tenth of where it is least is
        0.16
        """
        tried = f"{len(self.lrs)} rates from {self.lrs[0]:.3g} to {self.lrs[-1]:.3g}"
        if self.steepest is None or self.tenth_of_minimum is None:
            return f"{tried}; the loss never falls"
        return (
            f"{tried}; the loss falls fastest at {self.steepest:.3g}, and a tenth of where it is "
            f"least is {self.tenth_of_minimum:.3g}"
        )

    def plot(self, path: str | os.PathLike[str] | None = None, *, theme: str = "light") -> Plot:
        """Return a plot of the losses over the rates, with the two suggestions.

        Args:
            path: where to save it: a file name that ends in .png, .svg or .pdf.
            theme: "light" or "dark".

        Raises:
            ValueError: for another suffix or theme.
            ImportError: if matplotlib is not installed.
            OSError: if the file can't be written.

        >>> RangeTest([0.1, 1.0, 10.0], [9.0, 3.0, 5.0]).plot()
        <Plot: the losses at 3 learning rates>
        """
        what = f"the losses at {len(self.lrs)} learning rates"
        return plotted(path, theme, what, self._draw)

    def _draw(self, theme: Theme) -> Any:
        figure = new_figure(8, 4.8, "", theme)
        axes = figure.subplots()
        title = "Learning-rate range test"
        set_axes(axes, title, "learning rate", "loss", theme, weight="bold")
        axes.plot(self.lrs, self.losses, color=theme.grey, linewidth=1, marker=".", markersize=4)
        axes.plot(self.lrs, self.smoothed, color=theme.blue, linewidth=2)
        axes.set_xscale("log")
        self._set_heights(axes)
        for lr, color, line, what, height in (
            (self.steepest, theme.orange, "--", "the loss falls fastest", 0.99),
            (self.tenth_of_minimum, theme.green, ":", "a tenth of where it is least", 0.92),
        ):
            if lr is not None:
                axes.axvline(lr, color=color, linewidth=2, linestyle=line)
                axes.annotate(
                    f"{what}: {lr:.3g} ",
                    (lr, height),
                    xycoords=("data", "axes fraction"),
                    color=color,
                    fontweight="bold",
                    ha="right",
                    va="top",
                    bbox={"facecolor": theme.ground, "edgecolor": "none", "pad": 2},
                )
        return figure

    def _set_heights(self, axes: Any) -> None:
        """Leave room for the texts, and let the end, where training fails, go off the top."""
        smoothed = self.smoothed
        until_least = self.losses[: 1 + smoothed.index(min(smoothed))]
        low, high = min(self.losses), max(until_least)
        room = max(high - low, 0.1 * abs(high), 1e-9)
        axes.set_ylim(low - 0.08 * room, high + 0.25 * room)


def lr_range_test(
    step: Callable[[], SupportsFloat],
    optimizer: Optimizer,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    *,
    diverged: float = 4.0,
) -> RangeTest:
    """Train with ever larger rates, note the losses, and put everything back.

    The rate rises by the same factor at each step. The test stops early when the loss is nan or
    inf, or has risen far above the least so far.

    Smith (2017), "Cyclical learning rates for training neural networks", section 3.3; there the
    rate rises in a straight line.

    Args:
        step: one step of training: it sets the gradients to 0, computes the loss and its
            gradients, steps the optimizer and returns the loss.
        optimizer: the optimizer that it steps; all its groups get the same rate.
        start_lr: the first rate, above 0.
        end_lr: the last rate, above the first.
        num_steps: how many rates, from 3 on.
        diverged: how far above the least the loss may rise, as a multiple of the larger of the
            first and the least loss.

    Returns:
        The rates, the losses and suggestions. The parameters, their gradients, and the
        optimizer's options and memory are as before, also when step raises an error.

    Raises:
        TypeError: if optimizer is not one of optim, or an argument not a number.
        ValueError: if an argument is out of its range, or the loss is not finite at the first
            rate already.

    >>> from autograd import Value
    >>> from optim import SGD
    >>> x = Value(3.0)
    >>> optimizer = SGD([x], lr=0.1)
    >>> def step():
    ...     optimizer.zero_grad()
    ...     loss = x * x
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> print(lr_range_test(step, optimizer, 1e-4, 10.0, num_steps=60))
    58 rates from 0.0001 to 6.77; the loss falls fastest at 0.0515, and a tenth of where it is
    least is 0.142
    >>> x.data, optimizer.param_groups[0]["lr"]
    (3.0, 0.1)
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"lr_range_test needs an optimizer of optim, got a {type(optimizer).__name__}"
        )
    require_number("lr_range_test's start_lr", start_lr)
    require_number("lr_range_test's end_lr", end_lr)
    require_number("lr_range_test's diverged", diverged)
    require(start_lr > 0.0, "lr_range_test's start_lr is above 0", start_lr)
    require(end_lr > start_lr, f"lr_range_test's end_lr is above start_lr, {start_lr:g}", end_lr)
    require_whole("lr_range_test's num_steps", num_steps, least=3)
    lrs: list[float] = []
    losses: list[float] = []
    with _restored(optimizer):
        for k in range(num_steps):
            lr = start_lr * (end_lr / start_lr) ** (k / (num_steps - 1))
            for group in optimizer.param_groups:
                group["lr"] = lr
            loss = float(step())
            if not math.isfinite(loss) or _has_diverged(loss, losses, diverged):
                break
            lrs.append(lr)
            losses.append(loss)
    if not losses:
        raise ValueError(
            f"the loss is {loss} at the first rate, {start_lr:g}, already: begin the range test "
            "from parameters at which the loss is finite"
        )
    return RangeTest(lrs, losses)


def _has_diverged(loss: float, losses: list[float], diverged: float) -> bool:
    if not losses:
        return False
    least = min(losses)
    return loss - least > diverged * max(abs(losses[0]), abs(least))


@contextmanager
def _restored(optimizer: Optimizer) -> Iterator[None]:
    """Put the parameters, their gradients and the optimizer back as they were, come what may."""
    saved = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    before = [(parameter, parameter.data, parameter.grad) for parameter in parameters]
    try:
        yield
    finally:
        optimizer.load_state_dict(saved)
        for parameter, data, grad in before:
            parameter.data, parameter.grad = data, grad
