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
from optim import SGD, Adagrad, Adam
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
    with pytest.raises(TracingError, match=r"random numbers .*, such as those of a Dropout"):
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


# The parameters live in an array meanwhile.


def both(run: Any) -> tuple[Any, Any]:
    """What something comes to, node by node and compiled."""
    return run(False), run(True)


def numbers_of(optimizer: Any) -> list[float]:
    values = [value for group in optimizer.param_groups for value in group["params"]]
    memory = [x for value in values for x in optimizer.state.get(value, {}).values()]
    return [*(v.data for v in values), *(v.grad for v in values), *memory]


@pytest.mark.parametrize("clipped", [{}, {"clip_norm": 0.1}])
def test_the_optimizer_moves_no_value_by_itself(
    monkeypatch: pytest.MonkeyPatch, clipped: dict[str, Any]
) -> None:
    def refuse(self: Adam) -> None:
        raise AssertionError("it moves in an array")

    monkeypatch.setattr(Adam, "step", refuse)
    monkeypatch.setattr(Adam, "zero_grad", refuse)
    _, _, history = trained(True, **clipped)
    assert history.loss[-1] < history.loss[0]


def test_callbacks_see_the_current_numbers_and_what_they_change_counts() -> None:
    def run(compiled: bool) -> list[float]:
        model = MLP(2, [4, 2], "tanh", seed=1)
        optimizer = Adam(model.parameters(), lr=0.05)
        seen = []

        def meddle(history: History) -> None:
            seen.extend(numbers_of(optimizer))
            first, second, *_, last = model.parameters()
            first.data *= 0.5
            optimizer.state[second] = {**optimizer.state[second], "exp_avg": 0.25}
            optimizer.param_groups[0]["lr"] *= 0.9
            if len(history.loss) == 3:
                last.requires_grad = False
            if len(history.loss) == 4:
                model.eval()

        options: dict[str, Any] = {"epochs": 6, "batch_size": 5, "seed": 1, "callbacks": [meddle]}
        fit(model, TRAINED_ON, losses.cross_entropy, optimizer, compile=compiled, **options)
        return [*seen, *numbers_of(optimizer)]

    wanted, found = both(run)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_what_a_callback_has_changed_stays_if_it_fails_then() -> None:
    model = MLP(2, [2], seed=1)

    def fail(history: History) -> None:
        model.parameters()[0].data = 7.0
        raise LookupError

    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(LookupError):
        fit(
            model,
            TRAINED_ON,
            losses.cross_entropy,
            optimizer,
            compile=True,
            callbacks=[fail],
        )
    assert model.parameters()[0].data == 7.0


@pytest.mark.parametrize("per", ["batch", "epoch"])
def test_a_schedule_of_ones_own_may_look_at_anything(per: Any) -> None:
    def run(compiled: bool) -> list[float]:
        model = MLP(2, [2], seed=1)
        optimizer = SGD(model.parameters(), lr=0.5)

        class Shrinking:
            def step(self) -> None:
                optimizer.param_groups[0]["lr"] = abs(model.parameters()[0].data)

        options: dict[str, Any] = {"schedule": Shrinking(), "schedule_per": per, "batch_size": 5}
        data, loss = TRAINED_ON, losses.cross_entropy
        fit(model, data, loss, optimizer, epochs=4, seed=0, compile=compiled, **options)
        return numbers_of(optimizer)

    wanted, found = both(run)
    assert found == pytest.approx(wanted, rel=1e-9)


class Rooted(SGD):
    """A rule that is only for floats."""

    def step(self) -> None:
        for group in self.param_groups:
            for value in group["params"]:
                value.data -= group["lr"] * math.copysign(math.sqrt(abs(value.grad)), value.grad)


@pytest.mark.parametrize("kind", ["of one's own", "of a part"])
def test_other_optimizers_move_the_values(kind: str) -> None:
    def run(compiled: bool) -> list[float]:
        model = MLP(2, [3, 2], "tanh", seed=1)
        values = model.parameters()
        optimizer = Rooted(values, lr=0.05) if "own" in kind else SGD(values[2:], lr=0.05)
        data, loss = TRAINED_ON, losses.cross_entropy
        fit(model, data, loss, optimizer, epochs=4, batch_size=5, seed=0, compile=compiled)
        return [*(v.data for v in values), *(v.grad for v in values)]

    wanted, found = both(run)
    assert found == pytest.approx(wanted, rel=1e-9)


def test_an_interrupt_in_the_middle_leaves_what_was_reached() -> None:
    def run(compiled: bool) -> list[float]:
        model = MLP(2, [3, 2], "tanh", seed=1)
        optimizer = Adam(model.parameters(), lr=0.05)
        judged = []

        def interrupted(output: Any, target: int) -> bool:
            judged.append(target)
            if len(judged) == 40:
                raise KeyboardInterrupt
            return is_correct(output, target)

        data, loss = TRAINED_ON, losses.cross_entropy
        options: dict[str, Any] = {"epochs": 9, "batch_size": 5, "seed": 0}
        history = fit(
            model, data, loss, optimizer, accuracy=interrupted, compile=compiled, **options
        )
        assert history.stopped == "interrupted"
        assert len(history.loss) == 2
        return [*history.loss, *history.accuracy, *numbers_of(optimizer)]

    wanted, found = both(run)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def _rooted(outputs: Any, targets: Any) -> Any:
    """A loss that is finite where its gradient is not: at 0."""
    return mean([y[0] ** 0.5 for y in outputs])


@pytest.mark.parametrize(
    ("loss", "lr", "options"),
    [
        (losses.mse, 1e200, {}),
        (losses.mse, 1e308, {}),
        (losses.mse, 1e200, {"clip_norm": 1e250}),
        (losses.mse, 1e170, {"clip_value": 1e300}),
        (_rooted, 0.1, {}),
        (_rooted, 0.1, {"clip_norm": 1.0}),
        (_rooted, 0.1, {"clip_value": 1.0}),
    ],
)
def test_divergence_is_told_in_the_same_words(loss: Any, lr: float, options: Any) -> None:
    def run(compiled: bool) -> tuple[str, list[float]]:
        model = MLP(2, [3, 1], "relu", seed=0)
        for value in model.parameters() if loss is _rooted else []:
            value.data = 0.0
        optimizer = SGD(model.parameters(), lr=lr, momentum=0.5)
        data = TRAINED_ON[0], [0.0] * 17
        with pytest.raises(DivergedError) as info:
            fit(
                model,
                data,
                loss,
                optimizer,
                compile=compiled,
                epochs=9,
                batch_size=8,
                seed=1,
                **options,
            )
        memory = [x for v in model.parameters() for x in optimizer.state.get(v, {}).values()]
        return str(info.value), [*(p.data for p in model.parameters()), *memory]

    (words, wanted), (found_words, found) = both(run)
    assert found_words == words
    assert found == pytest.approx(wanted, rel=1e-6)


def test_an_error_of_the_rule_is_the_same() -> None:
    def run(compiled: bool) -> str:
        w = Sequential(MLP(2, [2], seed=0))
        optimizer = Adagrad(w.parameters(), lr=0.1, eps=0.0)
        data = [[0.0, 0.0]] * 3, [0, 1, 0]
        with pytest.raises(ZeroDivisionError) as info:
            fit(w, data, losses.cross_entropy, optimizer, compile=compiled)
        return str(info.value)

    wanted, found = both(run)
    assert found == wanted
