"""Adam and its variants: steps whose size adapts to each parameter."""

from collections.abc import Iterable
from typing import Any, ClassVar

from optim.elementwise import maximum, sqrt
from optim.optimizer import Number, Optimizer, Options, State, minimized_gradient, require


class _AdamFamily(Optimizer):
    pairs: ClassVar[frozenset[str]] = frozenset({"betas"})

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        self._require_from_0(options, "lr", "eps", "weight_decay")
        self._require_betas(options)


class Adam(_AdamFamily):
    """Adam: the mean of the gradients, divided by their typical size.

    With the parameter x, its gradient g, the step's number t from 1 on, and m and v, which
    begin at 0:

        g ← g + weight_decay * x                (decoupled: x ← x - lr * weight_decay * x)
        m ← β₁ * m + (1 - β₁) * g
        v ← β₂ * v + (1 - β₂) * g²
        x ← x - lr * m̂ / (sqrt(v̂) + eps)    with  m̂ = m / (1 - β₁ᵗ)  and  v̂ = v / (1 - β₂ᵗ)

    The divisors of m and v make good for their beginning at 0. With amsgrad, v̂ is made of the
    largest v so far.

    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1; amsgrad:
    Reddi, Kale and Kumar (2018), "On the convergence of Adam and beyond", algorithm 2, in
    PyTorch's form with the corrections for the beginning. Follows torch.optim.Adam.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: about how far a parameter goes in one step, whatever the
            gradient's size.
        betas: how much of the mean gradient and of the mean square is kept at each step: the
            nearer to 1, the smoother and the slower to respond.
        eps: keeps the step finite, and small where the gradients are much smaller than it.
        weight_decay: pulls parameters towards 0, as a penalty weight_decay/2 * x² in the loss
            does.
        amsgrad: whether to divide by the largest mean square so far, so that steps don't grow
            again after a rare large gradient.
        maximize: whether to climb instead.
        decoupled_weight_decay: whether the weight decay is that of `AdamW`.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = Adam([x], lr=0.1)
    >>> (1e-3 * x**2).backward()
    >>> optimizer.step()
    >>> print(f"{x:.4f}")  # the gradient is 0.01; the step is about lr nevertheless
    4.9000
    """

    switches: ClassVar[frozenset[str]] = frozenset(
        {"amsgrad", "maximize", "decoupled_weight_decay"}
    )

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, options)

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        amsgrad: bool,
        maximize: bool,
        decoupled_weight_decay: bool,
    ) -> tuple[Number, State]:
        """Return the parameter and its means after one step: see `Optimizer.update`."""
        beta1, beta2 = betas
        if decoupled_weight_decay:
            x, weight_decay = x * (1.0 - lr * weight_decay), 0.0
        g = minimized_gradient(gradient, x, weight_decay, maximize)
        t, m, v = _step_and_means(g, state, betas)
        after = {"step": t, "exp_avg": m, "exp_avg_sq": v}
        if amsgrad:
            v = after["max_exp_avg_sq"] = maximum(v, state.get("max_exp_avg_sq", 0.0))
        m_hat = m / (1.0 - beta1**t)
        v_hat = v / (1.0 - beta2**t)
        return x - lr * m_hat / (sqrt(v_hat) + eps), after


class AdamW(Adam):
    """AdamW: Adam whose weight decay has no part in the means.

    With the parameter x, its gradient g, the step's number t from 1 on, and m and v, which
    begin at 0:

        x ← x - lr * weight_decay * x
        m ← β₁ * m + (1 - β₁) * g
        v ← β₂ * v + (1 - β₂) * g²
        x ← x - lr * m̂ / (sqrt(v̂) + eps)    with  m̂ = m / (1 - β₁ᵗ)  and  v̂ = v / (1 - β₂ᵗ)

    A penalty in the loss, as Adam's weight decay is one, hardly holds parameters with large
    gradients back, since it is divided by their size along with them; this holds all alike.

    Loshchilov and Hutter (2019), "Decoupled weight decay regularization", algorithm 2. Follows
    torch.optim.AdamW.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: about how far a parameter goes in one step, whatever the
            gradient's size.
        betas: how much of the mean gradient and of the mean square is kept at each step: the
            nearer to 1, the smoother and the slower to respond.
        eps: keeps the step finite, and small where the gradients are much smaller than it.
        weight_decay: the share of lr by which parameters shrink at each step.
        amsgrad: whether to divide by the largest mean square so far: see `Adam`.
        maximize: whether to climb instead; parameters shrink nevertheless.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = AdamW([x], lr=0.1, weight_decay=0.5)
    >>> optimizer.step()
    >>> x.data  # without a gradient, 5% less
    4.75
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        super().check(options)
        decoupled = options["decoupled_weight_decay"]
        require(decoupled, "AdamW's decoupled_weight_decay is always True", decoupled)


class Adamax(_AdamFamily):
    """Adamax: the mean of the gradients, divided by the largest of them, slowly forgotten.

    With the parameter x, its gradient g, the step's number t from 1 on, and m and u, which
    begin at 0:

        g ← g + weight_decay * x
        m ← β₁ * m + (1 - β₁) * g
        u ← max(β₂ * u, abs(g) + eps)
        x ← x - lr / (1 - β₁ᵗ) * m / u

    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 2, which has no
    eps. Follows torch.optim.Adamax.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: how far a parameter goes in one step at most, or nearly so.
        betas: how much of the mean gradient, and of the largest gradient, is kept at each step:
            the nearer to 1, the smoother and the slower to respond.
        eps: keeps the step finite, and small where the gradients are much smaller than it.
        weight_decay: pulls parameters towards 0, as a penalty weight_decay/2 * x² in the loss
            does.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = Adamax([x], lr=0.1)
    >>> (1e-3 * x**2).backward()
    >>> optimizer.step()
    >>> print(f"{x:.4f}")
    4.9000
    """

    switches: ClassVar[frozenset[str]] = frozenset({"maximize"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options)

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter, mean and maximum after one step: see `Optimizer.update`."""
        beta1, beta2 = betas
        g = minimized_gradient(gradient, x, weight_decay, maximize)
        t = state.get("step", 0) + 1
        m = beta1 * state.get("exp_avg", 0.0) + (1.0 - beta1) * g
        u = maximum(abs(g) + eps, beta2 * state.get("exp_inf", 0.0))
        rate = lr / (1.0 - beta1**t)
        return x - rate * m / u, {"step": t, "exp_avg": m, "exp_inf": u}


class NAdam(_AdamFamily):
    """NAdam: Adam that looks ahead, as Nesterov's momentum does.

    With the parameter x, its gradient g, the step's number t from 1 on, and m and v, which
    begin at 0:

        g ← g + weight_decay * x                (decoupled: x ← x - lr * weight_decay * x)
        m ← β₁ * m + (1 - β₁) * g
        v ← β₂ * v + (1 - β₂) * g²
        x ← x - lr * m̂ / (sqrt(v̂) + eps)

    with the momentum μₜ = β₁ * (1 - 0.96^(t * momentum_decay) / 2) and

        m̂ = μₜ₊₁ * m / (1 - μ₁ * … * μₜ₊₁) + (1 - μₜ) * g / (1 - μ₁ * … * μₜ)
        v̂ = v / (1 - β₂ᵗ)

    The momentum of the next step is applied in this one already: that is the look ahead.

    Dozat (2016), "Incorporating Nesterov momentum into Adam", algorithm 2, with its momentum
    schedule. Follows torch.optim.NAdam.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: about how far a parameter goes in one step, whatever the
            gradient's size.
        betas: how much of the mean gradient and of the mean square is kept at each step: the
            nearer to 1, the smoother and the slower to respond.
        eps: keeps the step finite, and small where the gradients are much smaller than it.
        weight_decay: pulls parameters towards 0, as a penalty weight_decay/2 * x² in the loss
            does.
        momentum_decay: how soon the momentum rises from β₁/2 to β₁; 0 leaves it at β₁/2.
        decoupled_weight_decay: whether the weight decay is that of `AdamW`.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = NAdam([x], lr=0.1)
    >>> (1e-3 * x**2).backward()
    >>> optimizer.step()
    >>> print(f"{x:.4f}")
    4.8944
    """

    switches: ClassVar[frozenset[str]] = frozenset({"decoupled_weight_decay", "maximize"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        super().check(options)
        self._require_from_0(options, "momentum_decay")

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        momentum_decay: float,
        decoupled_weight_decay: bool,
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter and its means after one step: see `Optimizer.update`."""
        beta1, beta2 = betas
        if decoupled_weight_decay:
            x, weight_decay = x * (1.0 - lr * weight_decay), 0.0
        g = minimized_gradient(gradient, x, weight_decay, maximize)
        t, m, v = _step_and_means(g, state, betas)
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
        product = mu * state.get("mu_product", 1.0)
        m_hat = mu_next * m / (1.0 - product * mu_next) + (1.0 - mu) * g / (1.0 - product)
        v_hat = v / (1.0 - beta2**t)
        after = {"step": t, "mu_product": product, "exp_avg": m, "exp_avg_sq": v}
        return x - lr * m_hat / (sqrt(v_hat) + eps), after


class RAdam(_AdamFamily):
    """RAdam: Adam that divides by the mean square only when it has become reliable.

    With the parameter x, its gradient g, the step's number t from 1 on, and m and v, which
    begin at 0:

        g ← g + weight_decay * x                (decoupled: x ← x - lr * weight_decay * x)
        m ← β₁ * m + (1 - β₁) * g
        v ← β₂ * v + (1 - β₂) * g²
        x ← x - lr * m̂                          while ρ ≤ 5
        x ← x - lr * r * m̂ * sqrt(1 - β₂ᵗ) / (sqrt(v) + eps)   from then on

    with m̂ = m / (1 - β₁ᵗ) and, for the number of gradients of which v is effectively the mean,

        ρ∞ = 2 / (1 - β₂) - 1
        ρ  = ρ∞ - 2 * t * β₂ᵗ / (1 - β₂ᵗ)
        r  = sqrt((ρ - 4) * (ρ - 2) * ρ∞ / ((ρ∞ - 4) * (ρ∞ - 2) * ρ))

    So the first steps, 5 with the defaults, are those of momentum, whose length is the
    gradient's; then r rises from near 0 to 1, as in a warm-up of the learning rate.

    Liu, Jiang, He, Chen, Liu, Gao and Han (2020), "On the variance of the adaptive learning rate
    and beyond", algorithm 2, with PyTorch's 5 for the paper's 4 as the bound of ρ. Follows
    torch.optim.RAdam.

    Args:
        params: the Values to move, or groups of them: see `Optimizer`.
        lr: the learning rate: after the beginning, about how far a parameter goes in one step,
            whatever the gradient's size.
        betas: how much of the mean gradient and of the mean square is kept at each step: the
            nearer to 1, the smoother and the slower to respond. With β₂ ≤ 2/3, ρ never reaches
            5, and the rule is that of momentum for good.
        eps: keeps the step finite, and small where the gradients are much smaller than it.
        weight_decay: pulls parameters towards 0, as a penalty weight_decay/2 * x² in the loss
            does.
        decoupled_weight_decay: whether the weight decay is that of `AdamW`.
        maximize: whether to climb instead.

    Raises:
        TypeError: as `Optimizer`.
        ValueError: as `Optimizer`.

    >>> from autograd import Value
    >>> x = Value(5.0)
    >>> optimizer = RAdam([x], lr=0.1)
    >>> (1e-3 * x**2).backward()
    >>> optimizer.step()
    >>> print(f"{x:.4f}")  # the gradient is 0.01, and as yet it counts
    4.9990
    """

    switches: ClassVar[frozenset[str]] = frozenset({"decoupled_weight_decay", "maximize"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options)

    @staticmethod
    def update(
        x: Number,
        gradient: Number,
        state: State,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        decoupled_weight_decay: bool,
        maximize: bool,
    ) -> tuple[Number, State]:
        """Return the parameter and its means after one step: see `Optimizer.update`."""
        beta1, beta2 = betas
        if decoupled_weight_decay:
            x, weight_decay = x * (1.0 - lr * weight_decay), 0.0
        g = minimized_gradient(gradient, x, weight_decay, maximize)
        t, m, v = _step_and_means(g, state, betas)
        after = {"step": t, "exp_avg": m, "exp_avg_sq": v}
        m_hat = m / (1.0 - beta1**t)
        end = 2.0 / (1.0 - beta2) - 1.0
        rho = end - 2.0 * t * beta2**t / (1.0 - beta2**t)
        if rho <= 5.0:
            return x - lr * m_hat, after
        r = sqrt((rho - 4.0) * (rho - 2.0) * end / ((end - 4.0) * (end - 2.0) * rho))
        return x - lr * r * m_hat * sqrt(1.0 - beta2**t) / (sqrt(v) + eps), after


def _step_and_means(
    g: Number, state: State, betas: tuple[float, float]
) -> tuple[int, Number, Number]:
    """Return the step's number, and the means of the gradient and of its square."""
    beta1, beta2 = betas
    t = state.get("step", 0) + 1
    m = beta1 * state.get("exp_avg", 0.0) + (1.0 - beta1) * g
    v = beta2 * state.get("exp_avg_sq", 0.0) + (1.0 - beta2) * g * g
    return t, m, v
