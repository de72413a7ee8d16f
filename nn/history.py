"""What happened in training, as numbers and as plots."""

import math
import os
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd.plotting import Plot, plotted
from nn.checks import amount
from nn.module import Module
from nn.summary import Part

Batch = tuple[list[Any], list[Any]]
Place = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Snapshot:
    """The numbers of all layers after an epoch.

    Attributes:
        epoch: which one; 0 is before the first.
        weights: the parameters of each layer, by its name.
        gradients: the derivatives with respect to them, with which the epoch's last step was
            taken: after clipping, if there was any. Empty for epoch 0.
    """

    epoch: int
    weights: dict[str, "array[float]"]
    gradients: dict[str, "array[float]"]


def take_snapshot(layers: Iterable[Part], epoch: int) -> Snapshot:
    """Return the numbers of all layers as they are.

    >>> from nn import MLP
    >>> from nn.summary import parts
    >>> snapshot = take_snapshot(parts(MLP(2, [3, 1])), epoch=1)
    >>> [(name, len(weights)) for name, weights in snapshot.weights.items()]
    [('layers.0', 9), ('layers.1', 4)]
    """
    named = [(part.name, part.parameters) for part in layers if part.parameters]
    weights = {name: array("d", [value.data for value in values]) for name, values in named}
    gradients = {name: array("d", [value.grad for value in values]) for name, values in named}
    return Snapshot(epoch, weights, gradients if epoch else {})


@dataclass(frozen=True)
class Trained:
    """What was trained, and on what.

    Attributes:
        model: the network.
        data: the rows and the targets that it was trained on.
        held_out: likewise, those of the validation, or None.
        batched: whether the model is called with all rows at once.
        logits: whether a single output is known to be the logit of the second class.
    """

    model: Module
    data: Batch
    held_out: Batch | None
    batched: bool
    logits: bool


@dataclass
class History:
    """What happened in training: one entry per epoch in each list.

    Attributes:
        loss: the mean loss of the samples, each taken when it was trained on.
        accuracy: the share of them that was right, likewise; empty if `fit` was not told what
            is right.
        validation_loss: the mean loss of the validation data after the epoch, if there are any.
        validation_accuracy: the share of them that is right, likewise.
        stopped: why training ended: "epochs", "loss", "patience", "callback", "interrupted" or
            "diverged".
        snapshots: the weights and gradients after some epochs, if `fit` was told to record them.
        trained: what was trained, and on what; None if it was not `fit` that did it.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    stopped: str = ""
    snapshots: list[Snapshot] = field(default_factory=list, repr=False, compare=False)
    trained: Trained | None = field(default=None, repr=False, compare=False)

    @property
    def watched(self) -> list[float]:
        """The losses that stopping early looks at: of the validation data, if there are any."""
        return self.validation_loss or self.loss

    @property
    def best_epoch(self) -> int:
        """The epoch with the smallest loss, counted from 1; 0 if there was none.

        >>> History(loss=[2.0, 1.0, 1.5]).best_epoch
        2
        """
        losses = [math.inf if math.isnan(loss) else loss for loss in self.watched]
        return losses.index(min(losses)) + 1 if losses else 0

    def last(self) -> dict[str, float]:
        """Return the latest entry of each list that has one.

        >>> History(loss=[2.0, 1.0]).last()
        {'loss': 1.0}
        """
        return {name: entries[-1] for name, entries in self._lists().items() if entries}

    def add(self, training: list[float], validation: list[float]) -> None:
        """Add an epoch: the loss and, if it was judged, the accuracy, of both kinds of data.

        >>> history = History()
        >>> history.add([0.5], [0.7])
        >>> history.last()
        {'loss': 0.5, 'validation_loss': 0.7}
        """
        _append(training, self.loss, self.accuracy)
        _append(validation, self.validation_loss, self.validation_accuracy)

    def cut(self, epochs: int) -> None:
        """Forget what came after so many epochs.

        >>> history = History(loss=[2.0, 1.0], validation_loss=[2.0])
        >>> history.cut(1)
        >>> history
        History(loss=[2.0], accuracy=[], validation_loss=[2.0], validation_accuracy=[], stopped='')
        """
        for entries in self._lists().values():
            del entries[epochs:]
        self.snapshots = [snapshot for snapshot in self.snapshots if snapshot.epoch <= epochs]

    def plot(self, path: Place = None, *, title: str = "Training", theme: str = "light") -> Plot:
        """Return a plot of the loss and, if it was judged, the accuracy over the epochs.

        Args:
            path: where to save it: a file name that ends in .png, .svg or .pdf.
            title: what stands above.
            theme: "light" or "dark".

        Raises:
            ValueError: if there is no epoch to show, or for another suffix or theme.
            ImportError: if matplotlib is not installed.
            OSError: if the file can't be written.

        >>> History(loss=[2.0, 1.0, 1.5]).plot()
        <Plot: the losses of 3 epochs>
        """
        from nn.plots import draw_curves

        what = f"the losses of {amount(len(self.loss), 'epoch')}"
        return plotted(path, theme, what, lambda colors: draw_curves(self, title, colors))

    def plot_histograms(
        self,
        path: Place = None,
        *,
        title: str = "Weights and gradients, layer by layer",
        theme: str = "light",
    ) -> Plot:
        """Return a plot of how the weights and gradients of each layer spread, epoch by epoch.

        In each panel a column is the histogram of one epoch: the darker, the more numbers are
        there; a line goes through the medians. Gradients are shown by their size, on one
        logarithmic scale for all layers: where they vanish or explode, the panels step down or
        up. Those that are exactly 0 have a row of their own at the bottom, and no part in the
        median.

        Args:
            path: where to save it: a file name that ends in .png, .svg or .pdf.
            title: what stands above.
            theme: "light" or "dark".

        Raises:
            ValueError: if nothing was recorded, or for another suffix or theme.
            ImportError: if matplotlib is not installed.
            OSError: if the file can't be written.

        >>> from nn import MLP, fit, losses
        >>> from optim import SGD
        >>> model = MLP(1, [2, 1], seed=0)
        >>> data = [[0.0], [1.0]], [1.0, 2.0]
        >>> history = fit(model, data, losses.mse, SGD(model.parameters(), lr=0.1), epochs=3,
        ...     record_every=1)
        >>> history.plot_histograms()
        <Plot: the weights and gradients of 2 layers>
        """
        from nn.histograms import draw_histograms

        layers = len(self.snapshots[0].weights) if self.snapshots else 0
        what = f"the weights and gradients of {amount(layers, 'layer')}"
        return plotted(
            path, theme, what, lambda colors: draw_histograms(self.snapshots, title, colors)
        )

    def plot_boundary(
        self,
        path: Place = None,
        *,
        title: str = "Decision boundary",
        inputs: Sequence[str] = ("x1", "x2"),
        classes: Sequence[str] = (),
        logits: bool | None = None,
        theme: str = "light",
    ) -> Plot:
        """Return a plot of which class the trained model gives to each point of the plane.

        The model is taken as it is now. Several outputs are the logits of as many classes, the
        targets their numbers from 0 on. With a single output there are two classes, of the
        smaller and of the larger target: the boundary is halfway between them or, for a logit,
        at 0. The paler the colour, the less certain the model is there.

        Args:
            path: where to save it: a file name that ends in .png, .svg or .pdf.
            title: what stands above.
            inputs: what the two inputs are called.
            classes: what the classes are called (default: as the targets).
            logits: whether a single output is a logit (default: if the loss was
                `losses.binary_cross_entropy_with_logits` itself).
            theme: "light" or "dark".

        Raises:
            ValueError: if the model has not two inputs, the targets are no classes, or it was
                not `fit` that made this history; or for another suffix or theme.
            ImportError: if matplotlib is not installed.
            OSError: if the file can't be written.

        >>> from nn import MLP, fit, losses
        >>> from optim import Adam
        >>> model = MLP(2, [4, 1], seed=0)
        >>> xor = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
        >>> history = fit(model, xor, losses.mse, Adam(model.parameters(), lr=0.1), epochs=100)
        >>> history.plot_boundary()
        <Plot: the decision boundary between 2 classes>
        """
        from nn.boundary import draw_boundary, judged

        if len(inputs) != 2:
            raise ValueError(f"the plane has two inputs to name, got {amount(len(inputs), 'name')}")
        samples = judged(self.trained, logits)
        names = samples.named(classes)
        what = f"the decision boundary between {len(names)} classes"
        return plotted(
            path, theme, what, lambda colors: draw_boundary(samples, title, inputs, names, colors)
        )

    @property
    def stopped_early(self) -> bool:
        """Whether training ended before the last epoch, and for good.

        >>> History(stopped="patience").stopped_early, History(stopped="epochs").stopped_early
        (True, False)
        """
        return self.stopped in ("loss", "patience", "callback")

    def state_dict(self) -> dict[str, Any]:
        """Return all numbers, as `Checkpoint` keeps them: lists, texts and dicts of them.

        >>> History(loss=[2.0, 1.0]).state_dict()["loss"]
        [2.0, 1.0]
        """
        return {
            **self._lists(),
            "stopped": self.stopped,
            "snapshots": [vars(snapshot) for snapshot in self.snapshots],
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Set all numbers as `state_dict` returned them; what was trained stays as it is.

        >>> history = History()
        >>> history.load_state_dict(History(loss=[2.0, 1.0], stopped="epochs").state_dict())
        >>> history.loss, history.stopped
        ([2.0, 1.0], 'epochs')
        """
        snapshots = [_snapshot(**entries) for entries in saved["snapshots"]]
        for name, entries in self._lists().items():
            entries[:] = saved[name]
        self.stopped = saved["stopped"]
        self.snapshots = snapshots

    def _lists(self) -> dict[str, list[float]]:
        return {
            "loss": self.loss,
            "accuracy": self.accuracy,
            "validation_loss": self.validation_loss,
            "validation_accuracy": self.validation_accuracy,
        }


def _append(means: list[float], *columns: list[float]) -> None:
    for column, number in zip(columns, means, strict=False):
        column.append(number)


def _snapshot(
    epoch: int, weights: dict[str, list[float]], gradients: dict[str, list[float]]
) -> Snapshot:
    return Snapshot(epoch, _arrays(weights), _arrays(gradients))


def _arrays(numbers: dict[str, list[float]]) -> "dict[str, array[float]]":
    return {name: array("d", entries) for name, entries in numbers.items()}
