"""Plots of training: what a history must know, and that what it shows is right."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd import Value
from autograd.plotting import DARK, LIGHT
from nn import (
    MLP,
    BatchNorm1d,
    Flatten,
    History,
    Linear,
    Module,
    Neuron,
    Sequential,
    fit,
    is_correct,
    losses,
)
from nn.boundary import judged
from nn.histograms import draw_histograms
from nn.history import Snapshot, Trained
from nn.plots import draw_curves
from optim import SGD, Adam

XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]


def trained(model: Module, data: Any = XOR, loss: Any = losses.mse, **options: Any) -> History:
    options = {"epochs": 2, **options}
    return fit(model, data, loss, SGD(model.parameters(), lr=0.1), **options)


# Loss curves.


def test_curves_are_the_numbers_of_the_history() -> None:
    history = History([3.0, 2.0, 1.0], [0.5, 0.75, 1.0], [3.5, 2.5, 2.0], [0.25, 0.5, 0.5])
    loss, accuracy = draw_curves(history, "Title").axes
    expected = {
        (loss, "training"): history.loss,
        (loss, "held out"): history.validation_loss,
        (accuracy, "training"): history.accuracy,
        (accuracy, "held out"): history.validation_accuracy,
    }
    drawn = {
        (axes, line.get_label()): list(line.get_ydata())
        for axes in (loss, accuracy)
        for line in axes.lines
    }
    assert drawn == expected
    assert all(list(line.get_xdata()) == [1, 2, 3] for line in loss.lines)
    assert {text.get_text() for text in loss.texts} == {"training", "held out"}
    assert len({line.get_linestyle() for line in loss.lines}) == 2  # not by colour alone


@pytest.mark.parametrize(
    ("numbers", "scale"),
    [([1.0, 0.5], "linear"), ([1000.0, 1.0], "log"), ([-1.0, -2.0], "linear"), ([0.0], "linear")],
)
def test_a_loss_that_falls_far_is_on_a_logarithmic_axis(numbers: list[float], scale: str) -> None:
    [axes] = draw_curves(History(loss=numbers), "").axes
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low <= min(numbers) <= max(numbers) <= high


def test_a_loss_that_is_not_finite_is_left_out() -> None:
    history = History(loss=[1.0, 0.5], validation_loss=[2.0, math.inf])
    assert history.plot().png.startswith(b"\x89PNG")


def test_no_epoch_is_no_plot() -> None:
    with pytest.raises(ValueError, match="there is no epoch to plot: training ended before"):
        History().plot()


@pytest.mark.parametrize(
    ("history", "title"),
    [(History(loss=[1.0]), "<Plot: the losses of 1 epoch>"),
     (History(loss=[1.0] * 12), "<Plot: the losses of 12 epochs>")],
)  # fmt: skip
def test_a_plot_says_what_it_is(history: History, title: str) -> None:
    assert repr(history.plot()) == title


# What is recorded.


def test_nothing_is_recorded_unless_asked_for() -> None:
    history = trained(MLP(2, [3, 1], seed=0))
    assert history.snapshots == []
    with pytest.raises(ValueError, match="no weights and gradients were recorded: give fit record"):
        history.plot_histograms()


def test_snapshots_are_the_weights_and_the_gradients_of_the_last_step() -> None:
    model = MLP(2, [3, 1], seed=0)
    start = [p.data for p in model.parameters()]
    history = trained(model, epochs=5, record_every=2, clip_norm=0.01)
    assert [snapshot.epoch for snapshot in history.snapshots] == [0, 2, 4]
    first, _, last = history.snapshots
    assert [x for numbers in first.weights.values() for x in numbers] == start
    assert first.gradients == {}
    assert {name: len(numbers) for name, numbers in last.gradients.items()} == {
        "layers.0": 9,
        "layers.1": 4,
    }
    clipped = math.hypot(*(x for numbers in last.gradients.values() for x in numbers))
    assert clipped == pytest.approx(0.01, rel=1e-3)


def test_the_last_snapshot_is_the_trained_model() -> None:
    model = MLP(2, [3, 1], seed=0)
    history = trained(model, record_every=1)
    found = [x for numbers in history.snapshots[-1].weights.values() for x in numbers]
    assert found == [p.data for p in model.parameters()]
    grads = [x for numbers in history.snapshots[-1].gradients.values() for x in numbers]
    assert grads == [p.grad for p in model.parameters()]


def test_recording_changes_nothing() -> None:
    plain, recorded = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=0)
    assert trained(plain, seed=1) == trained(recorded, seed=1, record_every=1)
    assert plain.state_dict() == recorded.state_dict()


def test_what_is_cut_is_no_longer_in_the_snapshots() -> None:
    history = trained(MLP(2, [1], seed=0), epochs=4, record_every=1)
    history.cut(2)
    assert [snapshot.epoch for snapshot in history.snapshots] == [0, 1, 2]
    assert len(history.loss) == 2


def test_an_interrupted_epoch_leaves_no_snapshot() -> None:
    def stop(history: History) -> None:
        if len(history.loss) == 3:
            raise KeyboardInterrupt

    history = trained(MLP(2, [1], seed=0), epochs=9, record_every=1, callbacks=[stop])
    assert history.stopped == "interrupted"
    assert [snapshot.epoch for snapshot in history.snapshots] == list(range(len(history.loss) + 1))


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "weights"])
def test_every_so_many_epochs_is_a_whole_number(every: Any) -> None:
    with pytest.raises(ValueError, match="fit's record_every is a whole number above 0, got"):
        trained(MLP(2, [1]), record_every=every)


def test_a_history_is_pickled_with_all_it_knows() -> None:
    history = trained(MLP(2, [3, 1], seed=0), record_every=1)
    again = pickle.loads(pickle.dumps(history))
    assert again == history
    assert again.snapshots == history.snapshots
    assert repr(again.plot_boundary()) == repr(history.plot_boundary())


# Histograms.


def shades(axes: Any) -> Any:
    """Return what is drawn for each bin (a row each) and epoch; 0 where there is nothing."""
    return axes.collections[0].get_array().filled(0.0)


def snapshots(*gradients: list[float]) -> list[Snapshot]:
    from array import array

    first = Snapshot(0, {"layer": array("d", [0.0, 1.0])}, {})
    weights = {"layer": array("d", [0.0, 1.0])}
    return [first] + [
        Snapshot(k, weights, {"layer": array("d", numbers)})
        for k, numbers in enumerate(gradients, 1)
    ]


def test_each_column_is_the_histogram_of_an_epoch() -> None:
    figure = draw_histograms(snapshots([1.0, 1.0, 1.0, 1e-4], [1e-4, 1e-4, 1.0, -1.0]), "")
    weights, gradients = figure.axes
    found = shades(gradients)
    low, high = [k for k, row in enumerate(found) if row.any()]
    assert found.shape == (40, 2)
    np.testing.assert_allclose(
        found[[low, high]], [[(1 / 3) ** 0.5, (2 / 3) ** 0.5], [1.0, (2 / 3) ** 0.5]]
    )
    assert shades(weights).shape == (40, 3)
    assert gradients.collections[0].get_coordinates()[0, :, 0].tolist() == [0.5, 1.5, 2.5]


def test_gradients_of_zero_have_a_row_of_their_own() -> None:
    figure = draw_histograms(snapshots([0.0, 0.0, 0.1], [0.1, 0.2, 0.3]), "")
    found = shades(figure.axes[1])
    assert found[0].tolist() == [1.0, 0.0]
    assert not found[1].any()  # the gap above
    assert "0" in [text.get_text() for text in figure.axes[1].get_yticklabels()]
    [medians] = figure.axes[1].lines
    np.testing.assert_allclose(medians.get_ydata(), [-1.0, math.log10(0.2)])
    without = draw_histograms(snapshots([0.1], [0.2]), "").axes[1]
    assert "0" not in [text.get_text() for text in without.get_yticklabels()]


def test_vanishing_gradients_step_down_on_one_scale() -> None:
    model = MLP(2, [4, 4, 4, 4, 4, 1], "sigmoid", seed=0)
    history = trained(model, record_every=1)
    right = history.plot_histograms().figure.axes[1::2]
    assert len({axes.get_ylim() for axes in right}) == 1
    medians = [axes.lines[0].get_ydata()[-1] for axes in right]
    assert medians == sorted(medians)
    assert medians[-1] - medians[0] > 3.0
    left = history.plot_histograms().figure.axes[0::2]
    assert [axes.get_ylabel() for axes in left] == [f"layers.{k}" for k in range(6)]


@pytest.mark.parametrize("gradients", [[0.0], [1e-300], [1e300], [math.nan], [math.inf, 0.0]])
def test_extreme_gradients_are_drawn(gradients: list[float]) -> None:
    assert draw_histograms(snapshots(gradients), "").canvas is not None


# Boundaries.


class Said(Module):
    """Says what a function of its input says."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def known(function: Any, targets: list[Any], logits: bool = False) -> Trained:
    rows = [[float(k), 0.0] for k in range(len(targets))]
    return Trained(Said(function), (rows, targets), None, False, logits)


def test_the_boundary_is_where_two_classes_are_equally_likely() -> None:
    """A neuron that says x1 - 0.25: above a half from 0.75 on; a logit: above 0 from 0.25 on."""
    for logits, where in ((False, 0.75), (True, 0.25)):
        found = judged(known(lambda x: x[0] - 0.25, [0, 1], logits))
        history = History(loss=[1.0], trained=found.trained)
        axes = history.plot_boundary().figure.axes[0]
        vertices = np.concatenate(
            [path.vertices for c in axes.collections for path in c.get_paths()
             if type(c).__name__ == "QuadContourSet"]
        )  # fmt: skip
        np.testing.assert_allclose(vertices[:, 0], where, atol=1e-6)


def test_shares() -> None:
    two = judged(known(lambda x: [x[0], 0.0], [0, 1]))
    sure = 1.0 / (1.0 + math.exp(-2.0))
    np.testing.assert_allclose(two.shares([(2.0, 0.0)]), [[sure, 1.0 - sure]])
    signs = judged(known(lambda x: Value(x[0]), [-1, 1]))
    assert signs.shares([(-5.0, 0.0), (0.0, 0.0), (0.5, 0.0)]) == [[1, 0], [0.5, 0.5], [0.25, 0.75]]
    assert signs.classes([-1, 1, [1.0]]) == [0, 1, 1]
    assert signs.named([]) == ["-1", "1"]


def test_three_classes_get_three_colours() -> None:
    model = known(lambda x: [20.0 * (0.5 - x[0]), 20.0 * (x[0] - 1.5), 3.0], [0, 2, 1])
    history = History(loss=[1.0], trained=model)
    axes = history.plot_boundary(classes=["a", "b", "c"]).figure.axes[0]
    row = axes.images[0].get_array()[40]
    left, middle, right = row[0], row[40], row[-1]
    for pixel, color in ((left, LIGHT.blue), (middle, LIGHT.green), (right, LIGHT.orange)):
        half = [1.0 - 0.5 * (1.0 - int(color[k : k + 2], 16) / 255.0) for k in (1, 3, 5)]
        np.testing.assert_allclose(pixel, half, atol=0.02)


def test_points_on_the_wrong_side_are_counted_among_the_held_out() -> None:
    data = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [0, 1, 0]
    held_out = [[0.1, 0.0], [0.9, 0.0]], [1, 1]
    model = Trained(Said(lambda x: x[0]), data, held_out, False, False)
    plot = History(loss=[1.0], trained=model).plot_boundary(classes=["no", "_$yes$"], theme="dark")
    texts = [text.get_text() for text in plot.figure.legends[0].get_texts()]
    assert [text for text in texts if text] == [
        "no", "trained on", "_$yes$", "held out", "held out, on the wrong side: 1"
    ]  # fmt: skip
    assert plot.figure.axes[0].get_facecolor()[:3] == pytest.approx(
        [int(DARK.ground[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
    )


def test_the_boundary_of_real_trainings(tmp_path: Path) -> None:
    two = MLP(2, [4, 2], seed=0)
    history = fit(
        two, XOR, losses.cross_entropy, Adam(two.parameters(), lr=0.1), epochs=60,
        accuracy=is_correct, validation=XOR,
    )  # fmt: skip
    path = tmp_path / "boundary.png"
    history.plot_boundary(path, inputs=["a", "b"])
    assert path.read_bytes().startswith(b"\x89PNG")
    batched = Sequential(Linear(2, 3, seed=0), BatchNorm1d(3), "tanh", Linear(3, 1, seed=1))
    targets = XOR[0], [[0], [1], [1], [0]]
    history = trained(batched, targets, batched=True)
    assert history.plot_boundary().png.startswith(b"\x89PNG")
    assert batched.training
    logits = losses.binary_cross_entropy_with_logits
    history = trained(Neuron(2, activation=None, seed=0), loss=logits)
    assert history.trained is not None
    assert history.trained.logits
    assert judged(history.trained, logits=False).logits is False
    assert history.plot_boundary().png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "this history knows of no model, so it has no boundary"),
        (Trained(Said(lambda x: x), ([[1.0, 2.0, 3.0]], [0]), None, False, False),
         "a boundary is drawn in the plane, for two inputs, and the model has 3"),
        (Trained(Said(lambda x: x), ([1.0, 2.0], [0, 1]), None, False, False),
         "for two inputs, and the model has 1"),
        (known(lambda x: x[0], [0.5, 1.5, 2.5]), "needs targets of two values, got 0.5, 1.5, 2.5"),
        (known(lambda x: x[0], list(range(9))), "two values, got 0, 1, 2, 3, 4 and 4 more"),
        (known(lambda x: [0.0, 0.0], [0, 2]), r"numbers of classes, from 0 to 1, got 0, 2"),
        (known(lambda x: [0.0, 0.0], [[0, 1], [1, 0]]), r"one class as target of each row, got \["),
        (known(lambda x: [0.0] * 8, [0, 1]), "a boundary shows 7 classes at most, not 8"),
    ],
)  # fmt: skip
def test_what_has_no_boundary(model: Trained | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        History(loss=[1.0], trained=model).plot_boundary()


def test_as_many_names_as_classes() -> None:
    history = History(loss=[1.0], trained=known(lambda x: x[0], [0, 1]))
    with pytest.raises(ValueError, match="there are 2 classes to name, and 3 names"):
        history.plot_boundary(classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="the plane has two inputs to name, got 1 name"):
        history.plot_boundary(inputs=["a"])


def test_images_of_two_numbers_are_points_too() -> None:
    model = Sequential(Flatten(), Linear(2, 1, seed=0))
    rows = [[[a], [b]] for a, b in XOR[0]]
    history = trained(model, (rows, XOR[1]))
    with pytest.raises(ValueError, match="a boundary needs rows that are two numbers, got"):
        history.plot_boundary()
