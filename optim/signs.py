"""Rprop and Lion: steps that follow the sign of the gradient, not its size."""

from collections.abc import Iterable
from typing import Any, ClassVar

from optim.elementwise import maximum, minimum, sign
from optim.optimizer import Number, Optimizer, Options, State, minimized_gradient, require


class Rprop(Optimizer):
    """Resilient backpropagation: a step that grows while the gradient keeps its sign.

    With the parameter x, its gradient g, the sign p of the gradient before, which begins at 0,
    and the step size d, which begins at lr, (η₋, η₊) = etas and (low, high) = step_sizes:

        d ← d * η₊, d * η₋ or d         as p * g is positive, negative or 0
        d ← min(max(d, low), high)
        p ← sign(g), or 0               if p * g is negative
        x ← x - d * p

    So a parameter that has passed a minimum waits for one step, and then goes back with a
    smaller one. The gradients must be those of all data: noise in their signs makes every step
    shrink.

    Riedmiller and Braun (1993), "A direct adaptive method for faster backpropagation learning:
    the RPROP algorithm", without taking back the step that went too far: the variant iRprop⁻ of
    Igel and Hüsken (2000), "Improving the Rprop learning algorithm". Follows torch.optim.Rprop,
    save that a gradient that is nan makes the parameter nan.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the length of the first step; later changes have no effect.
        etas: by how much a step shrinks when the gradient changes its sign, and grows when it
            doesn't.
        step_sizes: how short and how long a step may become; the path ends by hovering about
            the minimum at the shortest.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = Rprop([x], lr=1.0)
    >>> for _ in range(4):
    ...     optimizer.zero_grad()
    ...     ((x - 2.0) ** 2).backward()
    ...     optimizer.step()
    ...     print(f"{x:.2f}")
    4.00
    2.80
    1.36
    1.36
    """

    switches: ClassVar[frozenset[str]] = frozenset({"maximize"})
    pairs: ClassVar[frozenset[str]] = frozenset({"etas", "step_sizes"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, options)

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        self._require_from_0(options, "lr")
        shrink, grow = options["etas"]
        what = "Rprop's etas are a number between 0 and 1, and one above 1"
        require(0.0 < shrink < 1.0 < grow, what, options["etas"])
        low, high = options["step_sizes"]
        what = "Rprop's step_sizes are numbers from 0 on, the smaller first"
        require(0.0 <= low <= high, what, options["step_sizes"])

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        etas: tuple[float, float],
        step_sizes: tuple[float, float],
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter, its sign and step size after one step: see `Optimizer.update`."""
        shrink, grow = etas
        low, high = step_sizes
        g = minimized_gradient(gradient, x, 0.0, maximize)
        p = sign(g)
        agreement = state.get("prev", 0.0) * p
        turned = agreement < 0.0  # in arithmetic, True is 1 and False is 0
        factor = grow * (agreement > 0.0) + shrink * turned + (agreement == 0.0)
        d = minimum(maximum(state.get("step_size", lr) * factor, low), high)
        p = p * (1.0 - turned)
        return x - d * p, {"prev": p, "step_size": d}


class Lion(Optimizer):
    """Lion: the sign of a mean of the gradients, so that every step has the same length.

    With the parameter x, its gradient g, and the mean m, which begins at 0:

        c ← β₁ * m + (1 - β₁) * g
        x ← x - lr * (sign(c) + weight_decay * x)
        m ← β₂ * m + (1 - β₂) * g

    The step is taken with one mean and another is kept, so that the newest gradient counts more
    in the step than in the memory. Steps don't become shorter near the minimum: the rate must.

    Chen, Liang, Huang, Real, Wang, Liu, Pham, Dong, Luong, Hsieh, Lu and Le (2023), "Symbolic
    discovery of optimization algorithms", algorithm 2. PyTorch has none.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: the length of every step. The paper advises a third to a tenth of
            AdamW's.
        betas: how much of the mean counts in the step, and how much is kept in memory.
        weight_decay: the share of lr by which parameters shrink at each step; the paper advises
            three to ten times AdamW's.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = Lion([x], lr=0.25)
    >>> (1e-3 * x**2).backward()
    >>> optimizer.step()
    >>> x.data
    4.75
    """

    switches: ClassVar[frozenset[str]] = frozenset({"maximize"})
    pairs: ClassVar[frozenset[str]] = frozenset({"betas"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options)

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        self._require_from_0(options, "lr", "weight_decay")
        self._require_betas(options)

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter and its mean after one step: see `Optimizer.update`."""
        beta1, beta2 = betas
        g = minimized_gradient(gradient, x, 0.0, maximize)
        m = state.get("exp_avg", 0.0)
        c = beta1 * m + (1.0 - beta1) * g
        m = beta2 * m + (1.0 - beta2) * g
        return x - lr * (sign(c) + weight_decay * x), {"exp_avg": m}
