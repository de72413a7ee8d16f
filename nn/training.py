"""Training: the loop that makes a loss small, and what it has to tell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from autograd import no_grad
from nn.checks import positive_count
from nn.data import batches
from nn.init import generator
from nn.module import Module
from nn.optional import needed

Loss = Callable[[list[Any], list[Any]], Any]
Judge = Callable[[Any, Any], float]
Samples = Sequence[Any]


class Optimizer(Protocol):
    """What training asks of an optimizer; those of `optim` can do it."""

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0."""

    def step(self) -> None:
        """Move the parameters according to their gradients."""


@dataclass
class History:
    """What happened in training: one entry per epoch in each list.

    Attributes:
        loss: the mean loss of the samples, each taken when it was trained on.
        accuracy: the share of them that was right, likewise; empty if `fit` was not told what
            is right.
        validation_loss: the mean loss of the validation data after the epoch, if there are any.
        validation_accuracy: the share of them that is right, likewise.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)

    def last(self) -> dict[str, float]:
        """Return the latest entry of each list that has one.

        >>> History(loss=[2.0, 1.0]).last()
        {'loss': 1.0}
        """
        return {name: entries[-1] for name, entries in vars(self).items() if entries}


def fit(
    model: Module,
    X: Samples,
    y: Samples,
    loss: Loss,
    optimizer: Optimizer,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    validation: tuple[Samples, Samples] | None = None,
    accuracy: Judge | None = None,
    seed: int | Random | None = None,
    progress: bool = False,
) -> History:
    """Train a model, and return what happened.

    Every epoch goes once through the samples in a new order, batch by batch: forward, backward,
    one step of the optimizer.

    Args:
        model: called with one row, it returns its output.
        X: the rows, one per sample.
        y: their targets.
        loss: called with the outputs and the targets of a batch, it returns their mean loss.
        optimizer: of the model's parameters.
        epochs: how often to go through the samples.
        batch_size: samples per step (default: all).
        validation: rows and targets to measure after each epoch and not to train on.
        accuracy: whether an output is right, as a function of it and its target, such as
            `is_correct`.
        seed: what the order of the samples depends on.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if there are no samples, not as many targets as rows, or a number is not
            positive.
        ImportError: if a progress bar is wanted and tqdm is not installed.

    >>> from nn import MLP, losses
    >>> from optim import SGD
    >>> model = MLP(1, [1], seed=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[2.0], [3.0], [4.0]]
    >>> history = fit(model, X, y, losses.mse, SGD(model.parameters(), lr=0.3), epochs=200)
    >>> print(f"{history.loss[-1]:.6f} {model([5.0])[0]:.4f}")
    0.000000 7.0000
    """
    rng = generator(seed)
    history = History()
    bar = _epochs(positive_count("the number of epochs", epochs), progress)
    for _ in bar:
        totals = _Means()
        for rows, targets in batches(X, y, batch_size, shuffle=True, seed=rng):
            outputs = [model(row) for row in rows]
            batch_loss = loss(outputs, targets)
            optimizer.zero_grad()
            batch_loss.backward()
            optimizer.step()
            totals.add(batch_loss, outputs, targets, accuracy)
        _append(totals.means(), history.loss, history.accuracy)
        if validation is not None:
            means = evaluate(model, *validation, loss, accuracy)
            _append(means, history.validation_loss, history.validation_accuracy)
        if progress:
            bar.set_postfix(history.last(), refresh=False)
    return history


def evaluate(
    model: Module, X: Samples, y: Samples, loss: Loss, accuracy: Judge | None = None
) -> list[float]:
    """Return the mean loss of some samples and, if told what is right, their accuracy.

    >>> from nn import MLP, losses
    >>> evaluate(MLP(1, [2]), [[0.0], [0.0]], [0, 1], losses.cross_entropy, is_correct)
    [0.6931471805599453, 0.5]
    """
    means = _Means()
    with no_grad():
        for rows, targets in batches(X, y):
            outputs = [model(row) for row in rows]
            means.add(loss(outputs, targets), outputs, targets, accuracy)
    return means.means()


def is_correct(logits: Sequence[Any], target: int) -> bool:
    """Return whether the largest logit is that of the true class.

    >>> is_correct([0.5, 2.0, -1.0], 1)
    True
    """
    return max(range(len(logits)), key=lambda k: float(logits[k])) == target


class _Means:
    """Means over the samples of several batches."""

    def __init__(self) -> None:
        self.samples = 0
        self.totals: list[float] = []

    def add(
        self, loss: Any, outputs: list[Any], targets: list[Any], accuracy: Judge | None
    ) -> None:
        sums = [float(loss) * len(outputs)]
        if accuracy is not None:
            sums.append(float(sum(map(accuracy, outputs, targets))))
        self.samples += len(outputs)
        self.totals = [a + b for a, b in zip(self.totals or [0.0] * len(sums), sums, strict=True)]

    def means(self) -> list[float]:
        return [total / self.samples for total in self.totals]


def _append(means: list[float], *columns: list[float]) -> None:
    for column, number in zip(columns, means, strict=False):
        column.append(number)


def _epochs(count: int, progress: bool) -> Any:
    epochs: Iterable[int] = range(count)
    if not progress:
        return epochs
    return needed("tqdm.auto", "a progress bar").tqdm(epochs, desc="training", unit="epoch")
