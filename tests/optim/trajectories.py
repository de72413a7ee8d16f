"""The tables of optimizers and of objectives, for the comparisons of whole paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import optim

Objective = Callable[[Any, Any], Any]


def parabola(p: Any, lib: Any) -> Any:
    return (p[0] - 1.0) * (p[0] - 1.0) + 10.0 * (p[1] + 2.0) * (p[1] + 2.0)


def rosenbrock(p: Any, lib: Any) -> Any:
    """A long bent valley. Rosenbrock (1960)."""
    slope, height = 1.0 - p[0], p[1] - p[0] * p[0]
    return slope * slope + 100.0 * height * height


def beale(p: Any, lib: Any) -> Any:
    """Flat plains between steep corners. Beale (1958)."""
    x, y = p[0], p[1]
    loss = 0.0
    for height, power in ((1.5, y), (2.25, y * y), (2.625, y * y * y)):
        error = height - x + x * power
        loss = loss + error * error
    return loss


SAMPLES = [
    (0.5, 1.2, 1.0),
    (-1.3, 0.4, 0.0),
    (0.8, -0.9, 1.0),
    (-0.2, -1.1, 0.0),
    (1.7, 0.3, 1.0),
    (0.4, 0.6, 0.0),
]
"""Two features and a label each; no line separates the labels."""


def logistic_regression(p: Any, lib: Any) -> Any:
    loss = 0.0
    for x1, x2, label in SAMPLES:
        logit = p[0] * x1 + p[1] * x2 + p[2]
        loss = loss + lib.log1p(lib.exp(logit)) - label * logit
    return loss + 0.1 * (p[0] * p[0] + p[1] * p[1])


STARTS: dict[Objective, list[float]] = {
    parabola: [-1.5, 1.25],
    rosenbrock: [-1.2, 1.0],
    beale: [1.0, 1.25],
    logistic_regression: [-1.0, 0.5, 0.75],
}


@dataclass(frozen=True)
class Case:
    """An optimizer with its options.

    steps says for how many steps its path can be compared, where that is not 200: there the path
    amplifies rounding. A step that divides by a short mean of the gradients' size goes back and
    forth across a narrow valley, and each crossing multiplies a difference.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    steps: dict[Objective, int] = field(default_factory=dict)

    @property
    def kind(self) -> type[optim.Optimizer]:
        return getattr(optim, self.name)

    def __str__(self) -> str:
        return f"{self.name}-{self.options}"


CASES = [
    Case("SGD", {"lr": 1e-3}),
    Case("SGD", {"lr": 1e-3, "momentum": 0.9}),
    Case("SGD", {"lr": 1e-3, "momentum": 0.9, "dampening": 0.9}),
    Case("SGD", {"lr": 1e-3, "momentum": 0.5, "dampening": 0.25, "maximize": True}),
    Case("SGD", {"lr": 1e-3, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    Case("Adagrad", {"lr": 0.5}),
    Case("Adagrad", {"lr": 0.5, "lr_decay": 0.05, "weight_decay": 0.1}),
    Case("Adagrad", {"initial_accumulator_value": 0.5, "eps": 0.01, "maximize": True}),
    Case("Adadelta"),
    Case("Adadelta", {"lr": 0.5, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    Case("Adadelta", {"rho": 0.99, "eps": 1e-3, "maximize": True}),
    Case("RMSprop"),
    Case("RMSprop", {"alpha": 0.9, "eps": 0.01, "weight_decay": 0.1}, {rosenbrock: 70}),
    Case("RMSprop", {"lr": 1e-3, "momentum": 0.9}),
    Case("RMSprop", {"centered": True, "eps": 0.01}),
    Case(
        "RMSprop",
        {"centered": True, "alpha": 0.9, "eps": 0.1, "momentum": 0.5, "maximize": True},
        {rosenbrock: 70, beale: 150},
    ),
    Case("Adam"),
    Case("Adam", {"lr": 0.05}),
    Case("Adam", {"lr": 0.05, "betas": (0.8, 0.9), "amsgrad": True}),
    Case("Adam", {"lr": 0.05, "weight_decay": 0.1, "eps": 0.01, "maximize": True}),
    Case("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    Case("AdamW", {"lr": 0.05}),
    Case(
        "AdamW",
        {"lr": 0.01, "betas": (0.5, 0.9), "weight_decay": 0.5},
        {rosenbrock: 160, logistic_regression: 95},
    ),
    Case("AdamW", {"lr": 0.05, "weight_decay": 0.1, "amsgrad": True, "maximize": True}),
    Case("Adamax", {"lr": 0.05}),
    Case(
        "Adamax",
        {"lr": 0.02, "betas": (0.5, 0.9), "eps": 0.01, "weight_decay": 0.1},
        {rosenbrock: 55, beale: 90},
    ),
    Case("Adamax", {"lr": 0.05, "maximize": True}),
    Case("NAdam", {"lr": 0.05}),
    Case("NAdam", {"lr": 0.02, "momentum_decay": 0.1, "eps": 0.01, "weight_decay": 0.1}),
    Case("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    Case("RAdam", {"lr": 0.02}),
    Case("RAdam", {"lr": 2e-3, "betas": (0.8, 0.9), "eps": 0.01, "weight_decay": 0.1}),
    Case("RAdam", {"lr": 2e-3, "betas": (0.8, 0.6)}),
    Case("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    Case("Rprop"),
    Case("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.5)}),
    Case("Rprop", {"lr": 0.3, "maximize": True}),
    Case("Lion", {"lr": 0.01}),
    Case("Lion", {"lr": 0.01, "betas": (0.5, 0.9), "weight_decay": 0.1, "maximize": True}),
]
