"""Batches, fit, recipes: what is trained on, what is told, what can be repeated."""

from __future__ import annotations

import inspect
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn import MLP, History, Module, batches, evaluate, fit, is_correct, losses
from nn.recipes import _iris_data, iris
from optim import SGD, Adam

XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]


# Batches.


@given(st.integers(1, 30), st.integers(1, 40), st.booleans(), st.integers(0, 9))
def test_batches_hold_every_sample_once(count: int, size: int, shuffle: bool, seed: int) -> None:
    X, y = [[k] for k in range(count)], [10 * k for k in range(count)]
    portions = list(batches(X, y, size, shuffle=shuffle, seed=seed))
    rows = [row for some, _ in portions for row in some]
    assert sorted(rows) == X
    assert [10 * row[0] for row in rows] == [target for _, some in portions for target in some]
    assert [len(some) for some, _ in portions[:-1]] == [size] * (len(portions) - 1)
    assert shuffle or rows == X


def test_batches_of_a_seed_are_the_same_and_of_a_generator_go_on() -> None:
    X = y = list(range(20))

    def order(seed: Any) -> list[int]:
        return [k for rows, _ in batches(X, y, 3, shuffle=True, seed=seed) for k in rows]

    assert order(1) == order(1) != order(2)
    rng = Random(1)
    first, second = order(rng), order(rng)
    assert order(1) == first != second
    assert list(range(20)) == X


def test_batches_without_a_size_are_one() -> None:
    ((rows, targets),) = batches(np.eye(3), np.arange(3))
    assert (len(rows), targets) == (3, [0, 1, 2])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 2], [1]), "2 rows, 1 targets"),
        (([], []), "no samples"),
        (([1], [1], 0), "size of a batch .* got 0"),
    ],
)
def test_batches_refuse_at_once(arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        batches(*arguments)


# Fit.


class Constant(Module):
    """Says the same whatever it is asked."""

    def __init__(self) -> None:
        self.c = Value(0.0)
        self.asked: list[Any] = []

    def forward(self, x: Any) -> Value:
        self.asked.append(x)
        return 1.0 * self.c


def test_fit_does_what_it_says_by_hand() -> None:
    """Batches of 2 and 1: mean loss over samples, not over batches."""
    model = Constant()
    X, y = [[0], [1], [2]], [1.0, 1.0, 1.0]
    history = fit(
        model,
        X,
        y,
        losses.mse,
        SGD(model.parameters(), lr=0.25),
        epochs=1,
        batch_size=2,
        validation=(X, y),
        accuracy=lambda output, target: float(output) > 0.25,
    )
    # c: 0 → 0.5 → 0.75; losses 1, 1, then 0.25; afterwards 0.0625 each
    assert model.c.data == 0.75
    assert history == History([(1.0 + 1.0 + 0.25) / 3], [1 / 3], [0.0625], [1.0])
    assert sorted(model.asked[:3]) == X


def test_fit_mixes_anew_each_epoch() -> None:
    model = Constant()
    X = [[k] for k in range(20)]
    fit(model, X, [0.0] * 20, losses.mse, SGD(model.parameters()), epochs=2, seed=0)
    first, second = model.asked[:20], model.asked[20:]
    assert sorted(first) == sorted(second) == X
    assert X != first != second != X


def test_validation_leaves_no_gradients_and_no_graph() -> None:
    model = MLP(2, [2], seed=0)
    model([1.0, 1.0])[0].backward()
    before = [p.grad for p in model.parameters()]
    assert len(evaluate(model, *XOR, losses.cross_entropy)) == 1
    assert [p.grad for p in model.parameters()] == before


def test_fit_learns_xor_and_repeats_to_the_bit() -> None:
    def trained() -> tuple[dict[str, float], History]:
        model = MLP(2, [4, 2], seed=3)
        optimizer = Adam(model.parameters(), lr=0.05)
        history = fit(
            model,
            *XOR,
            losses.cross_entropy,
            optimizer,
            epochs=150,
            batch_size=2,
            accuracy=is_correct,
            seed=3,
        )
        return model.state_dict(), history

    state, history = trained()
    assert history.accuracy[-1] == 1.0
    assert history.loss[-1] < 0.05
    assert (state, history) == trained()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"epochs": 0}, "number of epochs .* got 0"), ({"batch_size": 0}, "size of a batch")],
)
def test_fit_refuses_unfit_numbers(options: dict[str, Any], words: str) -> None:
    model = MLP(2, [2])
    optimizer = SGD(model.parameters())
    with pytest.raises(ValueError, match=words):
        fit(model, *XOR, losses.cross_entropy, optimizer, **options)


def test_fit_shows_a_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    model = MLP(2, [2], seed=0)
    optimizer = SGD(model.parameters())
    fit(model, *XOR, losses.cross_entropy, optimizer, epochs=3, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "3/3" in shown.err
    assert "loss=" in shown.err


@pytest.mark.parametrize(
    ("logits", "target", "right"), [([1, 3, 2], 1, True), ([1, 3, 2], 2, False), ([5], 0, True)]
)
def test_is_correct(logits: Sequence[float], target: int, right: bool) -> None:
    assert is_correct([Value(x) for x in logits], target) is right


# Recipes.


def test_iris_is_learned(tmp_path: Path) -> None:
    result = iris(folder=tmp_path / "new" / "folder", progress=False)
    assert result.accuracy >= 0.93
    assert result.accuracy == result.history.validation_accuracy[-1]
    assert len(result.history.loss) == inspect.signature(iris).parameters["epochs"].default
    assert result.history.loss[-1] < 0.2 < result.history.loss[0]
    curves, neuron = result.files
    assert sorted(tmp_path.rglob("*.*")) == [neuron, curves]  # and nothing half-written
    assert curves.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert min(struct.unpack(">II", curves.read_bytes()[16:24])) > 500
    texts = "".join(ET.parse(neuron).getroot().itertext())
    for name in ("sepal length", "petal width", "layers.0.neurons.0.w[3]", "layers.0.neurons.0.b"):
        assert name in texts


def test_iris_repeats_to_the_bit(tmp_path: Path) -> None:
    def run(seed: int) -> tuple[Any, ...]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        result = iris(seed=seed, epochs=3, folder=folder, progress=False)
        files = [path.read_bytes() for path in result.files]
        return result.accuracy, result.history, result.model.state_dict(), files

    assert run(1) == run(1)
    assert run(1)[2] != run(2)[2]


def test_iris_holds_out_a_quarter_and_standardizes_by_the_rest() -> None:
    data = _iris_data(seed=0)
    (X, y), (held_out, classes) = data.training, data.held_out
    assert (len(X), len(held_out)) == (112, 38)
    assert sorted(np.bincount(classes)) == [12, 13, 13]
    np.testing.assert_allclose(np.mean(X, axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.std(X, axis=0), 1.0, rtol=1e-12)
    assert abs(np.mean(held_out)) > 1e-6
    assert data.names == ["sepal length", "sepal width", "petal length", "petal width"]
    assert {type(k) for k in y} == {int}


@pytest.mark.parametrize(
    ("missing", "name", "options"),
    [
        ("sklearn", "scikit-learn", {}),
        ("tqdm", "tqdm", {"progress": True}),
        ("matplotlib", "matplotlib", {"folder": "."}),
    ],
)
def test_a_missing_package_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    missing: str,
    name: str,
    options: dict[str, Any],
) -> None:
    for module in list(sys.modules):
        if module.partition(".")[0] == missing:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImportError) as caught:
        iris(**{"epochs": 1, "progress": False} | options)
    assert str(caught.value).endswith(f'needs {name}: pip install "stepgrad[train]"')
    assert list(tmp_path.iterdir()) == []


def test_importing_nn_needs_no_optional_package() -> None:
    code = (
        "import sys\n"
        "for name in ('sklearn', 'matplotlib', 'tqdm', 'numpy', 'hypothesis', 'mpmath'):\n"
        "    sys.modules[name] = None\n"
        "import nn, optim, nn.recipes\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
