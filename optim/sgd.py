"""Gradient descent, plain or with momentum."""

from collections.abc import Iterable
from typing import Any, ClassVar

from optim.optimizer import Number, Optimizer, Options, State, minimized_gradient, require


class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient, with momentum if wanted.

    With the parameter x, its gradient g, and v the velocity, which at the first step is g:

        g ← g + weight_decay * x
        v ← momentum * v + (1 - dampening) * g
        x ← x - lr * v                      (with Nesterov: x - lr * (g + momentum * v))

    Robbins and Monro (1951), "A stochastic approximation method"; momentum: Polyak (1964),
    "Some methods of speeding up the convergence of iteration methods"; Nesterov's form: Sutskever,
    Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in deep
    learning", equations 3 and 4, rearranged. Follows torch.optim.SGD.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: how long a step is for a gradient of 1.
        momentum: how much of its velocity a parameter keeps: it runs through flat stretches
            and evens out the zigzag across a narrow valley. 0 for none.
        dampening: how much of the new gradient is left out of the velocity; as large as the
            momentum, it makes of the velocity a mean of the gradients.
        weight_decay: pulls every parameter towards 0, as a penalty weight_decay/2 * x² in the
            loss does.
        nesterov: whether to look ahead, with the gradient as if the step had been taken.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`, and for Nesterov's form without momentum or with dampening.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = SGD([x], lr=0.1, momentum=0.5)
    >>> for _ in range(60):
    ...     optimizer.zero_grad()
    ...     ((x - 2.0) ** 2).backward()
    ...     optimizer.step()
    >>> print(f"{x:.6f}")
    2.000000
    """

    switches: ClassVar[frozenset[str]] = frozenset({"nesterov", "maximize"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        self._require_from_0(options, "lr", "momentum", "weight_decay")
        if options["nesterov"]:
            momentum, dampening = options["momentum"], options["dampening"]
            require(momentum > 0.0, "SGD with nesterov needs a momentum above 0", momentum)
            require(dampening == 0.0, "SGD with nesterov needs a dampening of 0", dampening)

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter and its velocity after one step: see `Optimizer.update`."""
        g = minimized_gradient(gradient, x, weight_decay, maximize)
        if not momentum:
            return x - lr * g, {}
        v = state.get("momentum_buffer")
        v = g if v is None else momentum * v + (1.0 - dampening) * g
        direction = g + momentum * v if nesterov else v
        return x - lr * direction, {"momentum_buffer": v}
