"""Compiled training: the same as node by node but for rounding, whatever is asked of it."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from autograd import TracingError, Value, mean, where
from nn import MLP, DivergedError, Dropout, History, Module, Sequential, fit, is_correct, losses
from nn.recipes import RECIPES, train
from nn.recipes.splitting import predictions
from optim import SGD, Adam
from optim.schedules import CosineAnnealingLR

POINTS = [[0.1 * k - 1.0, math.sin(k)] for k in range(22)]
CLASSES = [int(x * y > 0.0) for x, y in POINTS]
TRAINED_ON, HELD_OUT = (POINTS[:17], CLASSES[:17]), (POINTS[17:], CLASSES[17:])


def trained(compiled: bool, **options: Any) -> tuple[MLP, Adam, History]:
    model = MLP(2, [5, 2], "tanh", seed=1)
    optimizer = Adam(model.parameters(), lr=0.05)
    wanted: dict[str, Any] = {
        "epochs": 6,
        "batch_size": 4,
        "seed": 2,
        "validation": HELD_OUT,
        "accuracy": is_correct,
        **options,
    }
    history = fit(model, TRAINED_ON, losses.cross_entropy, optimizer, compile=compiled, **wanted)
    return model, optimizer, history


def numbers(model: MLP, optimizer: Adam) -> list[float]:
    values = model.parameters()
    memory = [x for value in values for x in optimizer.state[value].values()]
    return [*(v.data for v in values), *(v.grad for v in values), *memory]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": None, "shuffle": False, "accuracy": None, "validation": None},
        {"clip_norm": 0.1},
        {"clip_value": 0.01, "drop_last": True},
        {"patience": 2, "min_delta": 0.1, "restore_best": True, "epochs": 30},
        {"record_every": 2},
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_compiled_is_the_same_but_for_rounding(options: dict[str, Any]) -> None:
    model, optimizer, history = trained(False, **options)
    other, compiled, found = trained(True, **options)
    assert numbers(other, compiled) == pytest.approx(numbers(model, optimizer), rel=1e-9, abs=1e-12)
    assert found.loss == pytest.approx(history.loss, rel=1e-9)
    assert found.validation_loss == pytest.approx(history.validation_loss, rel=1e-9)
    assert found.accuracy == history.accuracy
    assert found.validation_accuracy == history.validation_accuracy
    assert found.stopped == history.stopped
    for mine, its in zip(found.snapshots, history.snapshots, strict=True):
        for name, weights in its.weights.items():
            assert list(mine.weights[name]) == pytest.approx(list(weights), rel=1e-9)


def test_numpy_does_it_where_there_is_no_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    model, optimizer, _ = trained(False)
    monkeypatch.setattr("autograd.compiled.kernels.is_installed", lambda package: False)
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    found = numbers(*trained(True)[:2])
    assert found == pytest.approx(numbers(model, optimizer), rel=1e-9, abs=1e-12)


def test_a_schedule_counts_for_every_step() -> None:
    results = []
    for compiled in (False, True):
        model = MLP(2, [2], seed=1)
        optimizer = SGD(model.parameters(), lr=0.5)
        schedule = CosineAnnealingLR(optimizer, T_max=20)
        options: dict[str, Any] = {"schedule": schedule, "schedule_per": "batch", "batch_size": 5}
        data, loss = TRAINED_ON, losses.cross_entropy
        fit(model, data, loss, optimizer, epochs=4, seed=0, compile=compiled, **options)
        results.append([p.data for p in model.parameters()])
    assert results[1] == pytest.approx(results[0], rel=1e-9)


class Shifted(Module):
    """Adds 1 in training only, and counts how often it was run."""

    def __init__(self) -> None:
        self.w = Value(0.5)
        self.runs = 0

    def forward(self, x: list[Any]) -> Value:
        self.runs += 1
        return self.w * x[0] + (1.0 if self.training else 0.0)


def test_each_mode_is_compiled_on_its_own_and_the_model_not_run_for_every_sample() -> None:
    model = Shifted()
    data = [[1.0]] * 50, [0.5] * 50
    optimizer = SGD(model.parameters(), lr=1e-9)
    history = fit(model, data, losses.mse, optimizer, epochs=3, compile=True, validation=data)
    assert history.loss == pytest.approx([1.0] * 3)
    assert history.validation_loss == pytest.approx([0.0] * 3, abs=1e-9)
    assert model.runs < 50 + 20  # the check of the first batch, and the traces
    assert model.training


def test_a_loss_that_is_no_mean_over_samples_is_refused_and_nothing_moved() -> None:
    def total(outputs: Any, targets: Any) -> Value:
        return losses.mse(outputs, targets) * len(targets)

    model = MLP(2, [1], seed=0)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"the loss of the first batch is \S+, but the mean of"):
        fit(model, TRAINED_ON, total, SGD(model.parameters()), compile=True, epochs=1)
    assert model.state_dict() == before


def test_what_cannot_be_compiled_is_told() -> None:
    model = MLP(2, [1], seed=0)
    optimizer = SGD(model.parameters())

    def branching(outputs: Any, targets: Any) -> Any:
        return mean([y[0] if y[0] > 0.0 else -y[0] for y in outputs])

    with pytest.raises(TracingError, match=r"a branch on a comparison .* autograd\.where"):
        fit(model, TRAINED_ON, branching, optimizer, compile=True)
    with pytest.raises(TypeError, match="a loss that returns one Value for a batch, got a list"):
        fit(model, TRAINED_ON, lambda outputs, targets: outputs, optimizer, compile=True)
    with pytest.raises(ValueError, match="one row at a time: leave out batched or compile"):
        fit(model, TRAINED_ON, losses.mse, optimizer, compile=True, batched=True)
    dropping = Sequential(MLP(2, [4], seed=0), Dropout(0.5))
    with pytest.raises(TracingError, match="random numbers, such as those of a Dropout"):
        fit(
            dropping,
            TRAINED_ON,
            losses.cross_entropy,
            SGD(dropping.parameters()),
            compile=True,
        )


def test_a_choice_between_values_is_compiled() -> None:
    model = MLP(2, [1], seed=0)

    def absolute(outputs: Any, targets: Any) -> Any:
        return mean([where(y[0] > 0.0, y[0], -y[0]) for y in outputs])

    history = fit(model, TRAINED_ON, absolute, SGD(model.parameters()), compile=True, epochs=2)
    assert history.loss[1] < history.loss[0]


@pytest.mark.parametrize("compiled", [False, True])
def test_divergence_is_diagnosed_and_undone(compiled: bool) -> None:
    model = MLP(2, [3, 1], "relu", seed=0)
    optimizer = SGD(model.parameters(), lr=1e200)
    with pytest.raises(DivergedError, match=r"training diverged in epoch \d: the loss is") as info:
        fit(model, TRAINED_ON, losses.mse, optimizer, compile=compiled, epochs=9)
    assert info.value.history.stopped == "diverged"
    assert all(math.isfinite(p.data) for p in model.parameters())


# The recipes.


@pytest.mark.parametrize(
    ("name", "epochs"), [("linear", 20), ("xor", 2000), ("moons", 3), ("iris", 5)]
)
def test_a_recipe_comes_to_the_same(name: str, epochs: int) -> None:
    wanted, found = (
        train(name, epochs=epochs, seed=1, progress=False, compile=compiled)
        for compiled in (False, True)
    )
    state = wanted.model.state_dict()
    assert found.model.state_dict() == pytest.approx(state, rel=1e-9, abs=1e-12)
    assert found.history.loss == pytest.approx(wanted.history.loss, rel=1e-9)
    assert found.history.accuracy == wanted.history.accuracy
    assert found.accuracy == wanted.accuracy
    assert found.findings == wanted.findings
    assert found.seconds > 0.0


def test_digits_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPES["digits"]
    data = recipe.data(seed=0)
    assert data.held_out is not None
    few = type(data)(*((rows[:48], y[:48]) for rows, y in (data.training, data.held_out)))
    monkeypatch.setattr(type(recipe), "data", lambda self, seed: few)
    wanted, found = (
        train("digits", epochs=2, progress=False, compile=compiled) for compiled in (False, True)
    )
    state = wanted.model.state_dict()
    assert found.model.state_dict() == pytest.approx(state, rel=1e-9, abs=1e-12)
    assert predictions(found) == predictions(wanted)


def test_many_seeds_can_be_compiled_too() -> None:
    options: dict[str, Any] = {"epochs": 3, "progress": False}
    for name in ("linear", "xor"):
        recipe = RECIPES[name]
        assert recipe.over_seeds(2, compile=True, **options) == recipe.over_seeds(2, **options)


def test_without_llvm_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    with pytest.raises(ImportError, match=r'needs llvmlite: pip install "stepgrad\[compile\]"$'):
        train("xor", compile=True, progress=False)
