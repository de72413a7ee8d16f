"""Domain adaptation: to learn from labelled moons what holds for turned ones without labels."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autograd import Value, no_grad
from autograd.optional import needed
from autograd.plotting import as_png
from nn.checks import positive_count
from nn.history import History
from nn.losses import binary_cross_entropy_with_logits
from nn.module import Module
from nn.neuron import MLP, Layer
from nn.recipes.choices import make_optimizer, make_schedule
from nn.recipes.domain_pictures import draw_boundaries, draw_features
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.recipes.seeds import for_each_seed
from nn.reversal import GradientReversal
from nn.training import DivergedError, Loss, fit

POINTS, NOISE = 300, 0.1
ANGLE, CENTER = 35.0, (0.5, 0.25)
HIDDEN = 16
STRENGTH = 0.5
"""Where λ ends: how much the features care to confuse the classifier of domains."""

SOURCE, TARGET = 0.0, 1.0
UNKNOWN = 0.0
"""What stands in the place of a label that nobody has given; its loss is multiplied by 0."""


class Adversarial(Module):
    """Features that tell classes apart, and keep to themselves which domain they come from.

    A 2-16-16 MLP with ReLU makes the features; one neuron tells the classes by them. A 16-16-1
    MLP tells the domains by them, and learns that as well as it can, but the gradient it sends
    back to the features is reversed: they learn to make it fail.

    Args:
        seed: what the first weights depend on.

    Shapes:
        x: two numbers; the result is the logits of the second class and of the target domain.

    Ganin and Lempitsky (2015), "Unsupervised Domain Adaptation by Backpropagation", figure 1.

    >>> network = Adversarial(seed=0)
    >>> network.reversal.lambda_.data = 0.5
    >>> len(network([1.0, 0.0]))
    2
    """

    def __init__(self, seed: int) -> None:
        self.features = MLP(2, [HIDDEN, HIDDEN], "relu", "relu", seed=seed)
        self.label = Layer(HIDDEN, 1, None, seed=seed)
        # A Value can be changed while a compiled program is running.
        self.reversal = GradientReversal(Value(0.0, requires_grad=False))  # type: ignore[arg-type]
        self.domain = MLP(HIDDEN, [HIDDEN, 1], "relu", seed=seed)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        """Return two logits: of the class and of the domain."""
        features = self.features(x)
        return [*self.label(features), *self.domain(self.reversal(features))]


class Compared(Module):
    """Two networks with the same first weights: in the first, nothing comes back reversed.

    >>> [logit.data for logit in Compared(seed=0)([0.0, 0.0])]
    [0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, seed: int) -> None:
        self.without = Adversarial(seed)
        self.reversed = Adversarial(seed)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        """Return the logits of both."""
        return [*self.without(x), *self.reversed(x)]


def adversarial_loss(outputs: Sequence[Any], targets: Sequence[Sequence[float]]) -> Any:
    """Return the mean loss: of the domain, and of the class where it is known.

    Args:
        outputs: per sample, one pair of logits or more: of the class, of the domain.
        targets: per sample, the class and the domain; in the target domain, the class is ignored.

    >>> adversarial_loss([[20.0, -20.0], [20.0, 20.0]], [[1.0, SOURCE], [0.0, TARGET]]) < 1e-8
    True
    """
    total: Any = 0.0
    for logits, (label, domain) in zip(outputs, targets, strict=True):
        for of_label, of_domain in zip(logits[::2], logits[1::2], strict=True):
            total += (1.0 - domain) * binary_cross_entropy_with_logits(of_label, label)
            total += binary_cross_entropy_with_logits(of_domain, domain)
    return total / len(outputs)


def strength(progress: float) -> float:
    """Return λ after a part of the training: it grows quickly, and then stays.

    Ganin and Lempitsky (2015), section 3.1, times `STRENGTH`.

    >>> [round(strength(p), 3) for p in (0.0, 0.1, 0.5, 1.0)]
    [0.0, 0.231, 0.493, 0.5]
    """
    return STRENGTH * (2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0)
