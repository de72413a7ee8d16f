"""The recipes that read digits: what they learn, draw and tell, on a part of the data."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
from nn import Linear, prune
from nn.losses import cross_entropy
from nn.quantization import rounded
from nn.recipes import RECIPES, train
from nn.recipes.digits import (
    ConvNet,
    Digits,
    _confusion,
    _looked_at,
    _mistakes,
    _readings,
    saliency,
    smoothed_cross_entropy,
)
from nn.recipes.digits_small import (
    AMOUNTS,
    HIDDEN,
    DigitsSmall,
    Smaller,
    _Judge,
    as_taught,
    make_pupil,
    smaller,
    table,
    taught,
)
from nn.recipes.recipe import Data
from nn.recipes.splitting import reader
from nn.sizes import Size
from nn.training import History, evaluate, is_correct

WHOLE = Digits().data


def see(monkeypatch: pytest.MonkeyPatch, known: int, new: int) -> None:
    """Have the recipes see only so many digits, for the tests to be fast."""

    def data(self: Digits, seed: int) -> Data:
        whole = WHOLE(seed)
        assert whole.held_out is not None
        (rows, y), (held_out, true) = whole.training, whole.held_out
        few = (rows[:known], y[:known]), (held_out[:new], true[:new])
        return Data(*few, whole.inputs, whole.classes)

    monkeypatch.setattr(Digits, "data", data)


@pytest.mark.parametrize("name", ["digits", "digits-conv"])
def test_digits_are_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, known=160, new=80)
    result = train(name, epochs=25, compile=True, progress=False)
    assert result.accuracy is not None
    assert result.accuracy >= 0.85
    readings = _readings(result)
    counts = np.array(_confusion(readings))
    right = np.trace(counts)
    assert result.findings.startswith(
        f"held-out accuracy {result.accuracy:.4f} ({right} of 80)\nmost often mistaken: "
    )
    assert right / 80 == result.accuracy
    assert counts.sum(axis=1).tolist() == np.bincount([true for _, true, _ in readings]).tolist()
    assert len(_mistakes(readings)) == 80 - right
    assert all(true != said for _, true, said in _mistakes(readings))


def test_the_pictures_of_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, known=20, new=20)
    train("digits", epochs=1, folder=tmp_path, progress=False)
    kinds = ("training", "histograms", "mistakes", "saliency")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"digits-{kind}.png" for kind in kinds
    )
    for path in tmp_path.iterdir():
        assert min(struct.unpack(">II", path.read_bytes()[16:24])) > 500


def test_convolutions_node_by_node_and_compiled_say_the_same() -> None:
    model = ConvNet(seed=1)
    rows = WHOLE(0).training[0][:3]
    found = autograd.compile(lambda row: model(row))(rows)
    wanted = [[float(logit) for logit in model(row)] for row in rows]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)


def test_a_pixel_far_away_changes_nothing_in_a_channel() -> None:
    channels = ConvNet(seed=0).stack[0]
    image = [[[0.0] * 8 for _ in range(8)]]
    before = np.array([[[x.data for x in row] for row in c] for c in channels(image)])
    image[0][2][5] = 1.0
    after = np.array([[[x.data for x in row] for row in c] for c in channels(image)])
    changed = {(r, c) for _, r, c in zip(*np.nonzero(before != after), strict=True)}
    assert changed == {(r, c) for r in (1, 2, 3) for c in (4, 5, 6)}


def test_certainty_is_not_asked_for() -> None:
    def loss(logit: float) -> float:
        return float(smoothed_cross_entropy([[logit] + [0.0] * 9], [0]))

    best = np.log(0.91 / 0.01)  # a tenth of certainty is spread over ten classes
    assert loss(best) < min(loss(best - 0.1), loss(best + 0.1))


def test_saliency_is_the_slope_of_a_score_and_leaves_gradients_alone() -> None:
    model = ConvNet(seed=2)
    pixels = WHOLE(0).training[0][0]
    slopes = saliency(model, pixels, 7)
    assert not any(parameter.grad for parameter in model.parameters())
    for k in (20, 27, 35):
        nudged = [[ink + h * (k == place) for place, ink in enumerate(pixels)] for h in (1e-6, 0.0)]
        high, low = (model(row)[7].data for row in nudged)
        assert slopes[k] == pytest.approx((high - low) / 1e-6, abs=1e-4)


def test_what_is_looked_at_is_one_of_each_digit_and_the_first_misread() -> None:
    rows = [[float(k)] * 64 for k in range(30)]
    readings = [(row, k % 10, k % 10 if k % 2 else 0) for k, row in enumerate(rows)]
    right, wrong = _looked_at(Linear(64, 10, seed=0), readings)
    assert [(digit.true, digit.pixels[0]) for digit in right] == [
        (0, 0),
        *((k, k) for k in (1, 3, 5, 7, 9)),
    ]
    assert [digit.pixels[0] for digit in wrong] == [2, 4, 6, 8, 12, 14, 16, 18, 22, 24]
    assert all(digit.true == digit.said for digit in right)
    assert all(digit.true != digit.said == 0 for digit in wrong)


# Made smaller.


def test_smaller_networks_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, known=20, new=10)
    result = train("digits-small", epochs=1, folder=tmp_path, progress=False)
    first, heading, *lines = result.findings.splitlines()
    assert first.startswith("held-out accuracy ")
    assert heading.split() == ["network", "weights", "not", "0", "bytes", "accuracy"]
    rows = {line[:30].strip(): line[30:].split() for line in lines}
    every = 64 * 64 + 64 * 32 + 32 * 10
    assert rows["teacher"][:4] == [str(every), "of", str(every), str((every + 106) * 8)]
    assert rows["teacher"][4] == f"{result.accuracy:.4f}"
    for amount in AMOUNTS:
        name = f"{amount:.0%} pruned"
        kept = str(every - round(amount * every))
        assert rows[name][0] == rows[f"{name}, not retrained"][0] == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "digits-small-sizes.png",
        "digits-small-training.png",
    ]
    sizes = [int(row[3]) for row in rows.values()]
    assert min(sizes) == sizes[3] < 64 * HIDDEN * 2
    assert len(result.model.parameters()) == every + 106


def test_the_teacher_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, known=10, new=5)
    recipe = DigitsSmall()
    model = recipe.model(0)
    before = model.state_dict()
    networks = list(smaller(model, recipe.data(0), recipe.settings(epochs=1)))
    assert len({network.name for network in networks}) == len(networks) == 15
    assert model.state_dict() == before
    assert all(value.requires_grad for _, value in model.named_values())


@pytest.mark.parametrize("compiled", [False, True])
def test_a_reader_reads_with_the_numbers_of_then(compiled: bool) -> None:
    model = Linear(2, 1, bias=False, seed=0)
    read = reader(model, compiled=compiled)
    for weights in ([1.0, 2.0], [0.0, -3.0]):
        for weight, number in zip(model.weight[0], weights, strict=True):
            weight.data = number
        prune(model, 0.5)
        kept = [0.0, weights[1]]
        assert read([[1.0, 0.0], [1.0, 2.0]]) == [[kept[0]], [kept[0] + 2.0 * kept[1]]]


def test_a_pupil_comes_to_what_its_teacher_says() -> None:
    teacher = make_pupil(5)
    rows = WHOLE(0).training[0][:4]
    lesson = as_taught(Data((rows, [3, 1, 4, 1])), reader(teacher, compiled=False)(rows))
    (true, said), *_ = lesson.training[1]
    assert true == [0.0, 0.0, 0.0, 1.0, *[0.0] * 6]
    assert said == [logit.data for logit in teacher(rows[0])]
    itself = taught([teacher(row) for row in rows], lesson.training[1])
    other = taught([make_pupil(6)(row) for row in rows], lesson.training[1])
    assert itself < other


def test_networks_of_one_make_are_judged_each_by_its_own_numbers() -> None:
    data = WHOLE(0)
    assert data.held_out is not None
    judge = _Judge(make_pupil(0), data, DigitsSmall().settings())
    for seed in (1, 2):
        model = make_pupil(seed)
        exact, small = judge.with_bytes("a pupil", model)
        for found, network in ((exact, model), (small, rounded(model))):
            assert found.accuracy == evaluate(network, data.held_out, cross_entropy, is_correct)[1]
        assert (exact.size.nbytes, small.size.nbytes) == (610 * 8, 592 + (2 + 18) * 8)


def test_an_interruption_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, known=10, new=5)
    interrupted: Any = lambda *_, **__: History(stopped="interrupted")  # noqa: E731
    monkeypatch.setattr("nn.recipes.digits_small.fit", interrupted)
    recipe = DigitsSmall()
    steps = smaller(recipe.model(0), recipe.data(0), recipe.settings())
    assert [next(steps).name, next(steps).name] == ["teacher", "teacher, int8"]
    with pytest.raises(KeyboardInterrupt):
        next(steps)


def test_long_names_stay_in_their_column() -> None:
    names = [f"{amount:.0%} pruned, not retrained" for amount in AMOUNTS]
    lines = table([Smaller(name, Size(9999, 9999, 99999), 1.0) for name in names]).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_the_recipes_are_known() -> None:
    assert [name for name in RECIPES if name.startswith("digits")] == [
        "digits",
        "digits-conv",
        "digits-small",
    ]
