"""Handwritten digits, read by networks of which every number can be opened."""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from autograd import Value, gradients
from autograd.optional import needed
from autograd.plotting import as_png
from nn import init
from nn.containers import Flatten, Sequential
from nn.convolution import Conv2d
from nn.linear import Linear
from nn.losses import cross_entropy
from nn.module import Module
from nn.neuron import MLP
from nn.pooling import MaxPool2d
from nn.recipes.digits_pictures import (
    SHOWN,
    SIDE,
    Looked,
    as_rows,
    draw_mistakes,
    draw_saliency,
)
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.recipes.splitting import held_out_accuracy, predictions, split
from nn.training import Loss

LEVELS = 16
SMOOTHING = 0.1


class Digits(Recipe):
    """Read handwritten digits of 8×8 pixels: a 64-64-32-10 MLP with ReLU.

    Data: Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits", UCI Machine
    Learning Repository, the 1797 digits of the test set, in scikit-learn's copy.

    >>> rows, targets = Digits().data(seed=0).held_out
    >>> len(rows), len(rows[0]), min(targets), max(targets)
    (450, 64, 0, 9)
    """

    name = "digits"
    summary = "handwritten digits of 8×8 pixels (a minute; a second with --compile)"
    defaults = Settings(optimizer="AdamW", lr=0.01, schedule="cosine", batch_size=16, epochs=12)
    classifies = True

    def data(self, seed: int) -> Data:
        """Return 1797 digits, the pixels from 0, white, to 1, black."""
        datasets = needed("sklearn.datasets", "the digits", package="scikit-learn")
        digits = datasets.load_digits()
        X, X_held_out, y, y_held_out = split(digits.data / LEVELS, digits.target, seed)
        return Data(
            training=(X.tolist(), y.tolist()),
            held_out=(X_held_out.tolist(), y_held_out.tolist()),
            inputs=[f"pixel {row},{column}" for row in range(SIDE) for column in range(SIDE)],
            classes=[str(digit) for digit in range(10)],
        )

    def model(self, seed: int) -> Module:
        """Return a network with 64 and 32 hidden neurons."""
        return MLP(SIDE * SIDE, [64, 32, 10], "relu", seed=seed)

    @property
    def loss(self) -> Loss:
        """Cross-entropy that doesn't ask for certainty, which makes the network read better."""
        return smoothed_cross_entropy

    def findings(self, result: Result) -> str:
        """Tell the accuracy, and what is mistaken for what most often."""
        readings = _readings(result)
        found = held_out_accuracy(result, [said for _, _, said in readings])
        pairs = [(true, said) for _, true, said in _mistakes(readings)]
        if not pairs:
            return found
        true, said = max(sorted(set(pairs)), key=pairs.count)
        times = pairs.count((true, said))
        return f"{found}\nmost often mistaken: {true} for {said}, {_times(times)}"

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the training, what was taken for what, the misread, and what was looked at."""
        title = f"Digits: {result.accuracy:.1%} of the held-out digits are read correctly"
        readings = _readings(result)
        mistakes = draw_mistakes(_confusion(readings), _mistakes(readings), title)
        return {
            f"{self.name}-training.png": result.history.plot(title=title).png,
            f"{self.name}-histograms.png": result.history.plot_histograms().png,
            f"{self.name}-mistakes.png": as_png(mistakes),
            f"{self.name}-saliency.png": as_png(draw_saliency(*_looked_at(result.model, readings))),
        }


class DigitsConv(Digits):
    """Read the same digits with a convolutional network: see `ConvNet`."""

    name = "digits-conv"
    summary = "handwritten digits, read with convolutions (minutes; seconds with --compile)"

    def model(self, seed: int) -> "ConvNet":
        """Return a network with 8 and 16 channels."""
        return ConvNet(seed=seed)


class ConvNet(Module):
    """A small convolutional network: two convolutions, each with pooling, then a linear layer.

    8×8 pixels become 8 channels of 4×4, then 16 of 2×2, and these 64 numbers ten logits.

    Args:
        seed: as for `Conv2d`.

    After LeCun, Bottou, Bengio and Haffner (1998), "Gradient-Based Learning Applied to Document
    Recognition", section II.

    >>> model = ConvNet(seed=0)
    >>> len(model.parameters()), len(model([0.0] * 64))
    (1898, 10)
    """

    def __init__(self, *, seed: int | Random | None = None) -> None:
        rng = init.generator(seed)
        self.stack = Sequential(
            Conv2d(1, 8, kernel_size=3, padding=1, seed=rng),
            "relu",
            MaxPool2d(2),
            Conv2d(8, 16, kernel_size=3, padding=1, seed=rng),
            "relu",
            MaxPool2d(2),
            Flatten(),
            Linear(64, 10, seed=rng),
        )

    def forward(self, pixels: Any) -> Any:
        """Return ten logits, given 64 pixels row by row."""
        return self.stack([as_rows(pixels)])


def smoothed_cross_entropy(input: Any, target: Any) -> Any:
    """Return `cross_entropy` with a tenth of the certainty given up.

    >>> print(f"{smoothed_cross_entropy([[9.0, 0.0]], [0]):.2f}")  # too sure
    0.45
    """
    return cross_entropy(input, target, label_smoothing=SMOOTHING)


def saliency(model: Module, pixels: list[float], digit: int) -> list[float]:
    """Return how fast the score of a digit grows with the ink in each pixel.

    Simonyan, Vedaldi and Zisserman (2014), "Deep Inside Convolutional Networks", section 3.

    >>> model = Linear(64, 10, seed=0)
    >>> saliency(model, [0.0] * 64, 3) == [weight.data for weight in model.weight[3]]
    True
    """
    inputs = [Value(ink) for ink in pixels]
    slopes: list[float] = gradients(model(inputs)[digit], inputs)
    return slopes


_bent = Sequential("relu")


Reading = tuple[list[float], int, int]
"""The pixels of a digit, what it is, and what was read."""


def _readings(result: Result) -> list[Reading]:
    """Return what was read of all the digits that were held out."""
    assert result.data.held_out is not None
    rows, targets = result.data.held_out
    return list(zip(rows, targets, predictions(result), strict=True))


def _mistakes(readings: Iterable[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading[1] != reading[2]]


def _confusion(readings: Iterable[Reading]) -> list[list[int]]:
    """Return how often each digit, a row each, was read as each, a column each."""
    counts = [[0] * 10 for _ in range(10)]
    for _, true, said in readings:
        counts[true][said] += 1
    return counts


def _looked_at(model: Module, readings: list[Reading]) -> tuple[list[Looked], list[Looked]]:
    """Return the first of each digit that was read correctly, and the first few misread."""
    right = {true: (row, true, said) for row, true, said in reversed(readings) if true == said}

    def looked(some: list[Reading]) -> list[Looked]:
        return [Looked(row, saliency(model, row, said), true, said) for row, true, said in some]

    return looked([right[digit] for digit in sorted(right)]), looked(_mistakes(readings)[:SHOWN])


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
