"""RMSprop: steps divided by the recent size of the gradients."""

from collections.abc import Iterable
from typing import Any, ClassVar

from optim.elementwise import maximum, sqrt
from optim.optimizer import Number, Optimizer, Options, State, minimized_gradient, require


class RMSprop(Optimizer):
    """RMSprop: the gradient, divided by the root of the mean of its recent squares.

    With the parameter x, its gradient g, and the mean square v, the mean a and the velocity b,
    which begin at 0:

        g ← g + weight_decay * x
        v ← alpha * v + (1 - alpha) * g²
        b ← momentum * b + g / (sqrt(v) + eps)
        x ← x - lr * b

    and with centered, sqrt(v - a²) in place of sqrt(v), where a ← alpha * a + (1 - alpha) * g.
    Nothing makes good for the beginning of v at 0, so the first steps are long:
    lr / sqrt(1 - alpha), which is 10 * lr with the default.

    Tieleman and Hinton (2012), "Lecture 6.5: rmsprop: divide the gradient by a running average of
    its recent magnitude"; centered, with momentum: Graves (2013), "Generating sequences with
    recurrent neural networks", equations 38 to 41, with eps outside of the root. Follows
    torch.optim.RMSprop, save that v - a² counts as 0 where rounding makes it negative, which there
    ends in nan.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: about how far a parameter goes in one step, whatever the
            gradient's size.
        alpha: how much of the mean square is kept at each step: the nearer to 1, the smoother
            and the slower to respond.
        eps: keeps the step finite, and small where the gradients are much smaller than it.
        weight_decay: pulls parameters towards 0, as a penalty weight_decay/2 * x² in the loss
            does.
        momentum: how much of its velocity a parameter keeps. 0 for none.
        centered: whether to divide by the standard deviation of the gradients instead: longer
            steps where they agree.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = RMSprop([x], lr=0.1, alpha=0.75)
    >>> (3.0 * x).backward()
    >>> optimizer.step()
    >>> print(f"{x:.4f}")  # a step of 0.1 * 3 / sqrt(0.25 * 9)
    4.8000
    """

    switches: ClassVar[frozenset[str]] = frozenset({"centered", "maximize"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        self._require_from_0(options, "lr", "eps", "weight_decay", "momentum")
        alpha = options["alpha"]
        require(0.0 <= alpha <= 1.0, "RMSprop's alpha is a number from 0 to 1", alpha)

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
        centered: bool,
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter and its means after one step: see `Optimizer.update`."""
        g = minimized_gradient(gradient, x, weight_decay, maximize)
        v = alpha * state.get("square_avg", 0.0) + (1.0 - alpha) * g * g
        after = {"square_avg": v}
        if centered:
            a = after["grad_avg"] = alpha * state.get("grad_avg", 0.0) + (1.0 - alpha) * g
            v = maximum(v - a * a, 0.0)
        b = g / (sqrt(v) + eps)
        if momentum:
            b = after["momentum_buffer"] = momentum * state.get("momentum_buffer", 0.0) + b
        return x - lr * b, after
