"""Domain adaptation: to learn from labelled moons what holds for turned ones without labels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import autograd
from autograd import Value
from autograd.optional import needed
from autograd.plotting import as_png
from nn.checks import positive_count
from nn.history import History
from nn.losses import binary_cross_entropy_with_logits
from nn.module import Module
from nn.neuron import MLP, Layer
from nn.recipes.choices import make_optimizer, make_schedule
from nn.recipes.domain_pictures import Domains, draw_boundaries, draw_features
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
"""What stands in the place of a label that nobody has given: its loss is multiplied by 0."""


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
    >>> network.strength.data = 0.5
    >>> len(network([1.0, 0.0]))
    2
    """

    def __init__(self, seed: int) -> None:
        self.features = MLP(2, [HIDDEN, HIDDEN], "relu", "relu", seed=seed)
        self.label = Layer(HIDDEN, 1, None, seed=seed)
        self.strength = Value(0.0, requires_grad=False)  # compiled programs see it change
        self.reversal = GradientReversal(self.strength)  # type: ignore[arg-type]
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


class TurnedMoons(Recipe):
    """Tell the points of two half moons apart after they were turned, without new labels.

    The source domain is scikit-learn's make_moons with labels: 300 points, normal noise with
    deviation 0.1. The target domain is another 300, turned by 35 degrees, whose labels nobody
    looks at until the training is over. Two networks with the same first weights learn at once
    from the same batches: one with reversed gradients, and one in which the domains have no
    influence on the features. (Each optimizer of `optim` moves every parameter by itself, so the
    two know nothing of each other.)

    The settings were found by trying, with the labels of the target at hand. Nobody has them in
    earnest, and there is no good substitute: that the domains can't be told apart doesn't tell
    whether the right classes lie on each other.

    >>> rows, targets = TurnedMoons().data(seed=0).training
    >>> len(rows), targets[0][1], targets[-1]
    (600, 0.0, [0.0, 1.0])
    """

    name = "domains"
    summary = "turned moons without labels, by gradient reversal (minutes; a second with --compile)"
    defaults = Settings(lr=0.01, batch_size=60, epochs=200)

    def data(self, seed: int) -> Data:
        """Return both domains to train on, and the labels of the target to judge by."""
        source, labels = _moons(seed)
        target, unseen = _moons(seed + 1000)
        turned = [turn(point, ANGLE) for point in target]
        known = [[float(label), SOURCE] for label in labels]
        return Data(
            training=(source + turned, known + [[UNKNOWN, TARGET] for _ in turned]),
            held_out=(turned, unseen),
            inputs=["x1", "x2"],
            classes=["upper moon", "lower moon"],
        )

    def model(self, seed: int) -> Compared:
        """Return the two networks, one for each way."""
        return Compared(seed)

    @property
    def loss(self) -> Loss:
        """Binary cross-entropies: see `adversarial_loss`."""
        return adversarial_loss

    def fitted(
        self,
        model: Module,
        data: Data,
        settings: Settings,
        *,
        record_every: int | None,
        checkpoint: str | Path | None,
        progress: bool,
    ) -> History:
        """Train both networks, with a λ that grows from epoch to epoch in one of them."""
        assert isinstance(model, Compared)
        lambda_ = model.reversed.strength

        def grow(history: History) -> None:
            lambda_.data = strength(len(history.loss) / settings.epochs)

        optimizer = make_optimizer(settings.optimizer, model.parameters(), settings.lr)
        return fit(
            model,
            data.training,
            self.loss,
            optimizer,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            compile=settings.compile,
            schedule=make_schedule(settings.schedule, optimizer, settings.epochs),
            seed=settings.seed,
            checkpoint=checkpoint,
            callbacks=[grow],
            progress=progress,
        )

    def findings(self, result: Result) -> str:
        """Tell the accuracies of both networks on both domains."""
        without, reversed_ = judge(result)
        return "\n".join(
            [
                f"target accuracy {reversed_.target:.4f} with reversed gradients, "
                f"{without.target:.4f} without",
                f"source accuracy {reversed_.source:.4f} and {without.source:.4f}; of "
                f"{reversed_.domains:.1%} and {without.domains:.1%} of the points, their domain "
                "can be told from their features",
            ]
        )

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw both boundaries, and where the features of both domains lie."""
        domains = as_domains(result.data)
        without, reversed_ = judge(result)
        networks = {
            f"Without reversal: {without.target:.0%} right in the target": result.model.without,
            f"With reversal: {reversed_.target:.0%} right": result.model.reversed,
        }
        shares = {title: partial(class_shares, network) for title, network in networks.items()}
        features = {
            title: autograd.compile(network.features) for title, network in networks.items()
        }
        return {
            "domains-boundaries.png": as_png(draw_boundaries(shares, domains)),
            "domains-features.png": as_png(draw_features(features, domains)),
        }

    def over_seeds(self, count: int, *, progress: bool = True, **wanted: Any) -> str:
        """Compare both networks from many seeds, in a table."""
        settings = self.settings(**wanted)
        positive_count("the number of seeds", count)
        judged = for_each_seed(partial(_try, self, wanted), settings.seed, count, progress)
        return table(dict(enumerate(judged, settings.seed)))


@dataclass(frozen=True)
class Accuracies:
    """What a network gets right.

    Attributes:
        source: the share of points of the source domain whose class it tells.
        target: likewise of the target domain.
        domains: the share of all points whose domain it tells.
    """

    source: float
    target: float
    domains: float


def judge(result: Result) -> tuple[Accuracies, Accuracies]:
    """Return how the networks without and with reversed gradients do."""
    data = as_domains(result.data)
    return _accuracies(result.model.without, data), _accuracies(result.model.reversed, data)


def _accuracies(network: Adversarial, data: Domains) -> Accuracies:
    logits = autograd.compile(network)
    source, target = logits(data.source).tolist(), logits(data.target).tolist()
    domains = [domain for _, domain in source + target]
    return Accuracies(
        source=_share([label for label, _ in source], data.source_classes),
        target=_share([label for label, _ in target], data.target_classes),
        domains=_share(domains, [int(SOURCE)] * len(source) + [int(TARGET)] * len(target)),
    )


def _share(logits: Sequence[float], classes: Sequence[int]) -> float:
    right = [(logit > 0.0) == bool(k) for logit, k in zip(logits, classes, strict=True)]
    return sum(right) / len(right)


def class_shares(network: Adversarial, points: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return how likely each class is at each point, according to a network.

    >>> class_shares(Adversarial(seed=0), [[0.0, 0.0]])
    [[0.5, 0.5]]
    """
    second = autograd.compile(lambda x: autograd.sigmoid(network(x)[0]))(points).tolist()
    return [[1.0 - share, share] for share in second]


def table(judged: Mapping[int, tuple[Accuracies, Accuracies] | None]) -> str:
    """Return what came out of each seed, without and with reversed gradients.

    Args:
        judged: by seed; None where the training diverged.
    """
    lines = [
        "      accuracy on the target    on the source             domains told apart",
        "seed  without  with reversal    without  with reversal    without  with reversal",
    ]
    for seed, pair in judged.items():
        lines.append(f"{seed:4}  diverged" if pair is None else _row(f"{seed:4}", *pair))
    pairs = [pair for pair in judged.values() if pair is not None]
    if pairs:
        without, reversed_ = ([pair[k] for pair in pairs] for k in (0, 1))
        lines += [_row("mean", _mean(without), _mean(reversed_)), "", _summary(without, reversed_)]
    return "\n".join(lines)


def _row(name: str, without: Accuracies, reversed_: Accuracies) -> str:
    columns = [
        f"{getattr(without, what):7.4f}  {getattr(reversed_, what):13.4f}"
        for what in ("target", "source", "domains")
    ]
    return f"{name}  {'    '.join(columns)}"


def _mean(found: Sequence[Accuracies]) -> Accuracies:
    return Accuracies(
        *(
            sum(getattr(accuracies, what) for accuracies in found) / len(found)
            for what in ("source", "target", "domains")
        )
    )


def _summary(without: Sequence[Accuracies], reversed_: Sequence[Accuracies]) -> str:
    found = [accuracies.target for accuracies in reversed_]
    better = sum(b.target > a.target for a, b in zip(without, reversed_, strict=True))
    return (
        f"With reversal, the target accuracy lies between {min(found):.4f} and {max(found):.4f}; "
        f"it is better than without\nfrom {better} of {len(found)} seeds. No label of the target "
        "was used in training."
    )


def _try(
    recipe: TurnedMoons, wanted: Mapping[str, Any], seed: int
) -> tuple[Accuracies, Accuracies] | None:
    try:
        return judge(recipe.train(progress=False, **{**wanted, "seed": seed}))
    except DivergedError:
        return None


def _moons(seed: int) -> tuple[list[list[float]], list[int]]:
    datasets = needed("sklearn.datasets", "the moons", package="scikit-learn")
    X, y = datasets.make_moons(POINTS, noise=NOISE, random_state=seed % 2**32)
    return X.tolist(), y.tolist()


def turn(point: Sequence[float], degrees: float) -> list[float]:
    """Return where a point is after a turn about the middle of the moons, counterclockwise.

    >>> [round(number, 9) for number in turn([1.5, 0.25], 90.0)]
    [0.5, 1.25]
    """
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    x, y = point[0] - CENTER[0], point[1] - CENTER[1]
    return [CENTER[0] + cosine * x - sine * y, CENTER[1] + sine * x + cosine * y]


def as_domains(data: Data) -> Domains:
    """Return the points of both domains with their true classes.

    >>> found = as_domains(TurnedMoons().data(seed=0))
    >>> len(found.source), len(found.target), sum(found.target_classes)
    (300, 300, 150)
    """
    assert data.held_out is not None
    known = [
        (point, int(label))
        for point, (label, domain) in zip(*data.training, strict=True)
        if domain == SOURCE
    ]
    source, classes = zip(*known, strict=True)
    return Domains(list(source), list(classes), *data.held_out, data.classes)
