"""Adagrad and Adadelta: steps divided by the size of the gradients so far."""

from collections.abc import Iterable
from typing import Any, ClassVar

from optim.elementwise import sqrt
from optim.optimizer import Number, Optimizer, Options, State, minimized_gradient, require


class Adagrad(Optimizer):
    """Adagrad: the gradient, divided by the root of the sum of all squared gradients so far.

    With the parameter x, its gradient g, the step's number t from 1 on, and the sum s, which
    begins at initial_accumulator_value:

        g ← g + weight_decay * x
        s ← s + g²
        x ← x - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Every parameter has a rate of its own, which only falls: one that seldom has a gradient keeps
    its large steps for then.

    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and
    stochastic optimization", figure 1 (diagonal matrices). Follows torch.optim.Adagrad, save that
    a group of parameters may have an initial_accumulator_value of its own.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: the length of the first step, whatever the gradient's size.
        lr_decay: how much the rate falls besides: after 1/lr_decay steps it is half.
        weight_decay: pulls parameters towards 0, as a penalty weight_decay/2 * x² in the loss
            does.
        initial_accumulator_value: as if there had been gradients before, with this sum of
            squares: the first steps are shorter for small gradients.
        eps: keeps the step finite, and small where the gradients are much smaller than it.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = Adagrad([x], lr=1.0)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (3.0 * x).backward()
    ...     optimizer.step()
    ...     print(f"{x:.4f}")  # steps of 3/sqrt(9), 3/sqrt(18)
    4.0000
    3.2929
    """

    switches: ClassVar[frozenset[str]] = frozenset({"maximize"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        self._require_from_0(options, "lr", "lr_decay", "weight_decay")
        self._require_from_0(options, "initial_accumulator_value", "eps")

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        lr_decay: float,
        weight_decay: float,
        initial_accumulator_value: float,
        eps: float,
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter and its sum after one step: see `Optimizer.update`."""
        g = minimized_gradient(gradient, x, weight_decay, maximize)
        t = state.get("step", 0) + 1
        s = state.get("sum", initial_accumulator_value) + g * g
        rate = lr / (1.0 + (t - 1) * lr_decay)
        return x - rate * g / (sqrt(s) + eps), {"step": t, "sum": s}


class Adadelta(Optimizer):
    """Adadelta: steps as long as the steps so far, in the ratio of this gradient to those so far.

    With the parameter x, its gradient g, and the mean squares v of the gradients and u of the
    steps, which begin at 0:

        g ← g + weight_decay * x
        v ← rho * v + (1 - rho) * g²
        d ← sqrt(u + eps) / sqrt(v + eps) * g
        u ← rho * u + (1 - rho) * d²
        x ← x - lr * d

    The step has the parameter's own unit, so the learning rate may stay at 1. The roots of eps
    are the length of the first steps, which therefore are short.

    Zeiler (2012), "ADADELTA: an adaptive learning rate method", algorithm 1. Follows
    torch.optim.Adadelta.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate, by which every step is multiplied; 1 in the paper.
        rho: how much of the mean squares is kept at each step: the nearer to 1, the longer the
            past counts.
        eps: what the mean squares are at least: the larger, the sooner the steps grow.
        weight_decay: pulls parameters towards 0, as a penalty weight_decay/2 * x² in the loss
            does.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = Adadelta([x])
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (x * x).backward()
    ...     optimizer.step()
    ...     print(f"{x:.4f}")
    4.9968
    4.9936
    """

    switches: ClassVar[frozenset[str]] = frozenset({"maximize"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        self._require_from_0(options, "lr", "eps", "weight_decay")
        rho = options["rho"]
        require(0.0 <= rho <= 1.0, "Adadelta's rho is a number from 0 to 1", rho)

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        rho: float,
        eps: float,
        weight_decay: float,
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter and its mean squares after one step: see `Optimizer.update`."""
        g = minimized_gradient(gradient, x, weight_decay, maximize)
        u = state.get("acc_delta", 0.0)
        v = rho * state.get("square_avg", 0.0) + (1.0 - rho) * g * g
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1.0 - rho) * d * d
        return x - lr * d, {"square_avg": v, "acc_delta": u}
