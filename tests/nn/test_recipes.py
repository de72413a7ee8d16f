"""Recipes: what they learn, what can be told to them, what can be repeated."""

from __future__ import annotations

import struct
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn.recipes.recipe
import optim
from autograd import Value
from nn import MLP, Layer
from nn.recipes import OPTIMIZERS, RECIPES, SCHEDULES, Result, train
from nn.recipes.choices import make_optimizer, make_schedule
from nn.recipes.linear import Linear, least_squares
from nn.recipes.splitting import predictions
from nn.recipes.xor import LEARNED, Comparison, Trial, X, Y, _outputs, _try, dead_units
from nn.training import DivergedError, History

# What is learned.


def test_linear_finds_the_line_of_least_squares() -> None:
    result = train("linear", progress=False)
    (w,), b = result.model.w, result.model.b
    assert abs(w.data - 1.0) < 0.1
    assert abs(b.data - 2.0) < 0.1
    rows, ys = result.data.training
    best = np.polyfit(np.ravel(rows), ys, 1)
    np.testing.assert_allclose([w.data, b.data], best, rtol=1e-3)
    np.testing.assert_allclose(least_squares(np.ravel(rows).tolist(), ys), best, rtol=1e-10)
    assert result.accuracy is None
    assert f"found y = {w.data:.3f} x + {b.data:.3f}" in result.findings


def test_the_points_of_the_line_are_as_noisy_as_is_said() -> None:
    slopes = []
    for seed in range(200):
        rows, ys = Linear().data(seed).training
        slopes.append(least_squares([x for (x,) in rows], ys)[0])
    assert np.mean(slopes) == pytest.approx(1.0, abs=0.006)
    expected = 0.3 / (100 * 3.0**2 / 3.0) ** 0.5  # noise / sqrt(n · variance of x)
    assert np.std(slopes) == pytest.approx(expected, rel=0.2)


def test_xor_is_learned_with_tanh_from_every_seed() -> None:
    for seed in range(12):
        result = train("xor", seed=seed, progress=False)
        assert result.history.stopped == "loss"
        assert [round(abs(output)) for output in _outputs(result.model)] == Y
        assert result.findings.startswith("learned: 0 xor 0 = ")


def test_xor_is_not_learned_in_one_step() -> None:
    assert train("xor", epochs=1, progress=False).findings.startswith("not learned")


def test_relus_that_are_dead_at_all_points_prevent_xor() -> None:
    settings = RECIPES["xor"].settings(epochs=300)
    trials = [_try(settings, "relu", 3, seed) for seed in range(16)]
    assert 2 <= sum(trial.learned for trial in trials) <= 10
    assert any(trial.dead >= 2 for trial in trials)
    assert not any(trial.learned for trial in trials if trial.dead >= 2)
    assert all(trial.dead >= trial.dead_at_start for trial in trials)


def test_a_unit_is_dead_if_no_point_gets_through() -> None:
    layer = Layer(2, 2, "relu", seed=0)
    state = {"w[0]": -1.0, "w[1]": -1.0, "b": 0.0}
    for bias, dead in ((0.0, 2), (0.5, 0)):
        layer.load_state_dict(
            {
                f"neurons.{k}.{name}": x
                for k in range(2)
                for name, x in (state | {"b": bias}).items()
            }
        )
        assert dead_units(layer) == dead
    assert dead_units(Layer(2, 3, "tanh", seed=0)) == 0


def test_a_dead_unit_gets_no_gradient() -> None:
    model = MLP(2, [3, 1], "relu", seed=0)
    first = model.layers[0].neurons[0]
    for parameter in first.w:
        parameter.data = -1.0
    outputs = [model(x)[0] for x in X]
    nn.losses.mse(outputs, Y).backward()
    assert dead_units(model.layers[0]) >= 1
    assert [parameter.grad for parameter in first.parameters()] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("name", "epochs", "least"), [("moons", 12, 0.85), ("iris", 60, 0.93)])
def test_classes_are_told_apart(name: str, epochs: int, least: float) -> None:
    result = train(name, epochs=epochs, progress=False)
    assert result.accuracy is not None
    assert result.accuracy >= least
    assert result.accuracy == result.history.validation_accuracy[-1]
    _, targets = result.data.held_out  # type: ignore[misc]
    right = sum(a == b for a, b in zip(predictions(result), targets, strict=True))
    assert result.findings.splitlines()[0] == (
        f"held-out accuracy {result.accuracy:.4f} ({right} of {len(targets)})"
    )
    assert right / len(targets) == result.accuracy


def test_iris_holds_out_a_quarter_and_standardizes_by_the_rest() -> None:
    data = RECIPES["iris"].data(seed=0)
    assert data.held_out is not None
    (X, y), (held_out, classes) = data.training, data.held_out
    assert (len(X), len(held_out)) == (112, 38)
    assert sorted(np.bincount(classes)) == [12, 13, 13]
    np.testing.assert_allclose(np.mean(X, axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.std(X, axis=0), 1.0, rtol=1e-12)
    assert abs(np.mean(held_out)) > 1e-6
    assert data.inputs == ["sepal length", "sepal width", "petal length", "petal width"]
    assert {type(k) for k in y} == {int}


@pytest.mark.parametrize(("name", "total"), [("moons", 300), ("digits", 1797)])
def test_nothing_that_is_held_out_is_trained_on(name: str, total: int) -> None:
    data = RECIPES[name].data(seed=1)
    assert data.held_out is not None
    trained, held_out = ({tuple(row) for row in part[0]} for part in (data.training, data.held_out))
    assert not trained & held_out
    assert len(data.training[0]) + len(data.held_out[0]) == total
    assert data.training != RECIPES[name].data(seed=2).training
    if name == "digits":
        assert (min(map(min, trained)), max(map(max, trained))) == (0.0, 1.0)


# What can be told to them.


def test_every_optimizer_has_a_name() -> None:
    assert set(OPTIMIZERS) == {
        "SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "NAdam", "RAdam",
        "Rprop", "Lion",
    }  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_with_the_rate_that_suits_it(optimizer: str) -> None:
    result = train("linear", optimizer=optimizer.lower(), progress=False)
    assert result.settings.optimizer == optimizer
    assert abs(result.model.w[0].data - 1.0) < 0.15
    assert abs(result.model.b.data - 2.0) < 0.15


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_the_rate_that_suits_the_default_optimizer_is_the_default(recipe: Any) -> None:
    defaults = recipe.defaults
    assert recipe.default_rate(defaults.optimizer) == defaults.lr
    assert recipe.settings() == defaults
    assert recipe.settings(optimizer="SGD", lr=0.7).lr == 0.7


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_learns_and_steps_once_per_epoch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def make(*arguments: Any) -> Any:
        made.append(make_schedule(*arguments))
        return made[-1]

    monkeypatch.setattr(nn.recipes.recipe, "make_schedule", make)
    result = train("linear", schedule=name.upper(), epochs=60, progress=False)
    assert result.settings.schedule == name
    assert abs(result.model.b.data - 2.0) < 0.2
    assert made[0].last_epoch == 60


def rates(name: str, epochs: int) -> list[float]:
    optimizer = make_optimizer("SGD", [Value(1.0)], lr=1.0)
    schedule = make_schedule(name, optimizer, epochs)
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        if isinstance(schedule, optim.schedules.ReduceLROnPlateau):
            schedule.step(1.0)
        else:
            schedule.step()
    return found


@pytest.mark.parametrize(
    ("name", "first", "highest", "last"),
    [
        ("constant", 1.0, 1.0, 1.0),
        ("step", 1.0, 1.0, 0.01),
        ("multi-step", 1.0, 1.0, 0.01),
        ("exponential", 1.0, 1.0, 0.01 ** (29 / 30)),
        ("linear", 1.0, 1.0, 1.0 / 30),
        ("cosine", 1.0, 1.0, (1.0 + np.cos(np.pi * 29 / 30)) / 2.0),
        ("warm-up", 0.1, 1.0, 1.0),
        ("one-cycle", 0.04, 1.0, 4e-6),
    ],
)
def test_schedules_fill_the_epochs(name: str, first: float, highest: float, last: float) -> None:
    found = rates(name, 30)
    assert [found[0], max(found), found[-1]] == pytest.approx([first, highest, last], rel=1e-9)


def test_restarts_come_back_and_a_plateau_lowers() -> None:
    assert rates("restarts", 32)[::8] == pytest.approx([1.0] * 4)
    assert rates("plateau", 40)[-1] < 0.01


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_schedules_manage_with_few_epochs(name: str, epochs: int) -> None:
    assert all(np.isfinite(rates(name, epochs)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_round_one_cycle(optimizer: str) -> None:
    train("xor", optimizer=optimizer, schedule="one-cycle", epochs=3, progress=False)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"optimizer": "adm"}, r"no optimizer 'adm' \(did you mean Adam\?\): choose one of SGD"),
        ({"optimizer": "qqq"}, "no optimizer 'qqq': choose one of"),
        ({"schedule": "cos"}, r"no schedule 'cos' \(did you mean \w+\?\): choose one of constant"),
        ({"lr": 0.0}, "the learning rate is a number above 0, got 0.0"),
        ({"lr": -1.0}, "above 0, got -1.0"),
        ({"lr": float("nan")}, "above 0, got nan"),
        ({"lr": float("inf")}, "above 0, got inf"),
        ({"batch_size": 0}, "the size of a batch is a whole number above 0, got 0"),
        ({"batch_size": -1}, "above 0, got -1"),
        ({"epochs": 0}, "the number of epochs is a whole number above 0, got 0"),
        ({"seed": -1}, "a seed is a whole number from 0 to 4294967295, got -1"),
        ({"seed": 2**32}, "a seed is a whole number from 0"),
    ],
)
@pytest.mark.parametrize("name", ["linear", "moons"])
def test_unfit_settings_are_refused_before_anything_is_done(
    name: str, wanted: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        train(name, folder=tmp_path / "new", progress=False, **wanted)
    assert list(tmp_path.iterdir()) == []


def test_unknown_settings_and_recipes_are_refused() -> None:
    with pytest.raises(TypeError, match="a recipe has no setting 'rate'"):
        train("xor", rate=0.1)
    with pytest.raises(ValueError, match="no recipe 'rose': choose one of linear, xor, moons"):
        train("rose")


def test_a_rate_that_is_too_large_is_told(tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        train("linear", lr=1e200, folder=tmp_path / "new", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_before_the_first_epoch_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.recipes.recipe, "fit", lambda *_, **__: History(stopped="interrupted"))
    with pytest.raises(KeyboardInterrupt):
        train("xor", progress=False)


# What can be repeated.


def outcome(name: str, folder: Path, seed: int) -> tuple[Any, ...]:
    result: Result = train(name, seed=seed, epochs=2, folder=folder, progress=False)
    files = {path.name: path.read_bytes() for path in result.files}
    return result.findings, result.history, result.model.state_dict(), files


PICTURES = {
    "linear": {"linear-fit.png", "linear-training.png"},
    "xor": {"xor-surface.png", "xor-training.png"},
    "moons": {"moons-boundary.png", "moons-histograms.png", "moons-training.png"},
    "iris": {"iris-neuron.svg", "iris-training.png"},
}


@pytest.mark.parametrize("name", ["linear", "xor", "moons", "iris"])
def test_the_same_seed_gives_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    first = outcome(name, tmp_path / "a" / "new", seed=1)
    assert {path.name for path in (tmp_path / "a" / "new").iterdir()} == PICTURES[name]
    assert outcome(name, tmp_path / "b", seed=1) == first
    other = outcome(name, tmp_path / "c", seed=2)
    assert all(mine != its for mine, its in zip(first, other, strict=True))
    for file, content in first[3].items():
        if file.endswith(".png"):
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            assert min(struct.unpack(">II", content[16:24])) > 500


def test_the_neuron_of_iris_is_labelled(tmp_path: Path) -> None:
    train("iris", epochs=1, folder=tmp_path, progress=False)
    texts = "".join(ET.parse(tmp_path / "iris-neuron.svg").getroot().itertext())
    for name in ("sepal length", "petal width", "layers.0.neurons.0.w[3]", "layers.0.neurons.0.b"):
        assert name in texts


def test_the_surface_of_xor_is_drawn_without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MLP(2, [3, 1])
    for parameter in model.parameters():
        parameter.data = 0.0
    result = Result(RECIPES["xor"].settings(), RECIPES["xor"].data(0), model, History(loss=[0.5]))
    assert RECIPES["xor"].pictures(result)["xor-surface.png"].startswith(b"\x89PNG")


def test_many_seeds_are_the_same_as_one_by_one() -> None:
    found = RECIPES["linear"].over_seeds(2, seed=3, epochs=5, progress=False).splitlines()
    each = [train("linear", seed=seed, epochs=5, progress=False).findings for seed in (3, 4)]
    assert found == [
        f"seed {seed}: {text.splitlines()[0]}" for seed, text in zip((3, 4), each, strict=True)
    ]


def one_by_one(function: Callable[[int], Any], first: int, count: int, progress: bool) -> list[Any]:
    return [function(seed) for seed in range(first, first + count)]


def test_many_seeds_tell_accuracies_and_what_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.recipes.recipe, "for_each_seed", one_by_one)
    *seeds, summary = RECIPES["iris"].over_seeds(2, epochs=1, progress=False).splitlines()
    shares = [float(line.split("accuracy ")[1].split()[0]) for line in seeds]
    mean = float(summary.split("mean accuracy ")[1].split(",")[0])
    assert mean == pytest.approx(np.mean(shares), abs=1e-4)
    assert summary.endswith(f", from {min(shares):.4f} to {max(shares):.4f}")
    text = RECIPES["linear"].over_seeds(1, lr=1e200, progress=False)
    assert text.startswith("seed 0: training diverged")
    with pytest.raises(ValueError, match="the number of seeds is a whole number above 0"):
        RECIPES["iris"].over_seeds(0)


def test_the_table_of_xor_counts_by_dead_units() -> None:
    trials = [
        *(Trial("tanh", 3, True, 0, 0) for _ in range(2)),
        Trial("relu", 3, True, 0, 1),
        Trial("relu", 3, False, 1, 1),
        Trial("relu", 4, False, 2, 4),
        Trial("relu", 4, False, 2, 2),
    ]
    text = Comparison(RECIPES["xor"].settings(), trials).table()
    assert text.startswith("2 seeds each, Adam, learning rate 0.05 (constant), at most 2000 epochs")
    rows = [line.split() for line in text.splitlines() if line.startswith("2-")]
    assert [" ".join(row) for row in rows] == [
        "2-3-1 tanh 2 of 2 2 of 2 – – – –",
        "2-3-1 relu 1 of 2 – 1 of 2 – – –",
        "2-4-1 relu 0 of 2 – – 0 of 1 – 0 of 1",
    ]
    assert "0.00 of 3 (tanh), 0.50 of 3 (relu), 2.00 of 4 (relu)" in text
    assert LEARNED == 0.01


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
    if missing == "matplotlib":  # which is missed before the training, not after it
        monkeypatch.setattr(nn.recipes.recipe, "fit", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImportError) as caught:
        train("iris", **{"epochs": 1, "progress": False} | options)
    assert str(caught.value).endswith(f'needs {name}: pip install "stepgrad[train]"')
    assert list(tmp_path.iterdir()) == []
