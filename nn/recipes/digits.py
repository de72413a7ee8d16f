"""Handwritten digits, read by a network of which every number can be opened."""

from collections.abc import Mapping, Sequence
from typing import Any

from autograd.optional import needed
from autograd.plotting import LIGHT, as_png, new_figure, set_axes
from nn import losses
from nn.neuron import MLP
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.recipes.splitting import held_out_accuracy, predictions, split
from nn.training import Loss

SIDE, LEVELS = 8, 16
COLUMNS, ROWS = 5, 3


class Digits(Recipe):
    """Read handwritten digits of 8×8 pixels: a 64-32-10 MLP with ReLU.

    Data: Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits", UCI Machine
    Learning Repository, the 1797 digits of the test set, in scikit-learn's copy.

    >>> rows, targets = Digits().data(seed=0).held_out
    >>> len(rows), len(rows[0]), min(targets), max(targets)
    (450, 64, 0, 9)
    """

    name = "digits"
    summary = "handwritten digits of 8×8 pixels (about a minute)"
    defaults = Settings(lr=0.005, batch_size=16, epochs=12)
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

    def model(self, seed: int) -> MLP:
        """Return a network with 32 hidden neurons."""
        return MLP(SIDE * SIDE, [32, 10], "relu", seed=seed)

    @property
    def loss(self) -> Loss:
        """Cross-entropy."""
        return losses.cross_entropy

    def findings(self, result: Result) -> str:
        """Tell the accuracy, and what is mistaken for what most often."""
        mistakes = _mistakes(result)
        found = held_out_accuracy(result)
        if not mistakes:
            return found
        pairs = [(true, said) for _, true, said in mistakes]
        true, said = max(sorted(set(pairs)), key=pairs.count)
        times = pairs.count((true, said))
        return f"{found}\nmost often mistaken: {true} for {said}, {_times(times)}"

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the training, what was taken for what, and digits that were misread."""
        title = f"Digits: {result.accuracy:.1%} of the held-out digits are read correctly"
        return {
            "digits-training.png": result.history.plot(title=title).png,
            "digits-histograms.png": result.history.plot_histograms().png,
            "digits-mistakes.png": _draw_mistakes(result, title),
        }


def _mistakes(result: Result) -> list[tuple[list[float], int, int]]:
    """Return the pixels of the digits that were misread, what they are, and what was read."""
    assert result.data.held_out is not None
    rows, targets = result.data.held_out
    return [
        (row, true, said)
        for row, true, said in zip(rows, targets, predictions(result), strict=True)
        if said != true
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _confusion(result: Result) -> list[list[int]]:
    """Return how often each digit, a row each, was read as each, a column each."""
    assert result.data.held_out is not None
    counts = [[0] * 10 for _ in range(10)]
    for true, said in zip(result.data.held_out[1], predictions(result), strict=True):
        counts[true][said] += 1
    return counts


def _draw_mistakes(result: Result, title: str) -> bytes:
    figure = new_figure(12, 5.6, title)
    left, right = figure.subfigures(1, 2, width_ratios=[1.0, 1.05])
    _draw_confusion(left.subplots(), _confusion(result))
    mistakes = _mistakes(result)
    shown = mistakes[: COLUMNS * ROWS]
    right.suptitle(
        f"Misread ({len(shown)} of {len(mistakes)}): what it is → what was read",
        color=LIGHT.ink,
        fontsize=12,
    )
    for axes in right.subplots(ROWS, COLUMNS).flat:
        axes.set_axis_off()
    for axes, (pixels, true, said) in zip(right.axes, shown, strict=False):
        axes.imshow(_image(pixels), cmap="Greys", vmin=0.0, vmax=1.0)
        axes.set_title(
            f"{true} → {said}", color=LIGHT.orange, fontsize=12, fontweight="bold", pad=3
        )
    return as_png(figure)


def _image(pixels: Sequence[float]) -> list[Sequence[float]]:
    return [pixels[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]


def _draw_confusion(axes: Any, counts: list[list[int]]) -> None:
    """Write the counts, the right ones on blue, the wrong ones on orange, the darker the more."""
    set_axes(axes, "How often each digit was read as each", "read as", "digit", grid=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.set_xlim(-0.5, 9.5)
    axes.set_ylim(9.5, -0.5)
    axes.set_aspect("equal")
    for true, row in enumerate(counts):
        for said, count in enumerate(row):
            _draw_count(axes, said, true, count)


def _draw_count(axes: Any, said: int, true: int, count: int) -> None:
    rectangle = needed("matplotlib.patches", "a plot").Rectangle
    right = said == true
    shade = min(1.0, count / 50 if right else 0.25 + count / 10) if count else 0.0
    color = needed("matplotlib", "a plot").colormaps["Blues" if right else "Oranges"](0.8 * shade)
    axes.add_patch(
        rectangle((said - 0.46, true - 0.46), 0.92, 0.92, facecolor=color if count else "#f6f6f6")
    )
    if count:
        ink = "white" if shade > 0.6 else LIGHT.ink
        axes.text(said, true, str(count), color=ink, ha="center", va="center", fontsize=10)
