"""The diagnosis: the healthy is called healthy, the ill by its name, and nothing changes."""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path
from random import Random
from typing import Any

import pytest

from autograd import relu
from nn import (
    MLP,
    BatchNorm1d,
    Dropout,
    GradientReport,
    Linear,
    Module,
    Sequential,
    gradient_report,
    losses,
)
from nn.diagnosis import ADVICE, DEAD
from optim import SGD, Adam

rng = Random(0)
X = [[rng.gauss(0.0, 1.0) for _ in range(4)] for _ in range(24)]
DATA = X, [sum(row) for row in X]


def verdicts(report: GradientReport) -> list[str]:
    return [layer.verdict for layer in report.layers]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_sane_network_is_healthy(activation: str, seed: int) -> None:
    model = MLP(4, [12, 12, 1], activation=activation, seed=seed)
    report = gradient_report(model, DATA, losses.mse, SGD(model.parameters(), lr=0.01))
    assert report.verdict == "healthy", report
    assert report.advice.startswith("healthy")
    dead = [layer.dead for layer in report.layers]
    assert dead == [None] * 3 if activation == "tanh" else dead[2] is None and dead[0] < DEAD


@pytest.mark.parametrize("seed", range(5))
def test_gradients_vanish_in_a_deep_sigmoid_network(seed: int) -> None:
    model = MLP(4, [8] * 10 + [1], activation="sigmoid", seed=seed)
    report = gradient_report(model, DATA, losses.mse)
    assert report.verdict == "vanishing"
    assert verdicts(report)[:2] == ["vanishing", "vanishing"]
    assert verdicts(report)[-2:] == ["healthy", "healthy"]
    sizes = [layer.gradient for layer in report.layers]
    assert sizes == sorted(sizes)
    assert report.layers[0].weight_gradient < 1e-3 * report.layers[-1].weight_gradient
    assert "try relu or tanh" in report.advice


@pytest.mark.parametrize("seed", range(5))
def test_everything_explodes_with_weights_that_are_too_large(seed: int) -> None:
    model = MLP(4, [8] * 6 + [1], activation="relu", seed=seed)
    for parameter in model.parameters():
        parameter.data *= 10.0
    report = gradient_report(model, DATA, losses.mse)
    assert report.verdict == verdicts(report)[0] == "exploding"
    assert report.layers[0].gradient > 1e3 * report.layers[-1].gradient
    assert report.layers[-1].activation > 1e3


@pytest.mark.parametrize("style", ["layers", "modules", "by hand", "block", "batched"])
def test_large_negative_biases_are_dead_relus(style: str) -> None:
    class ByHand(Module):
        def __init__(self) -> None:
            self.first = Linear(4, 8, seed=0)
            self.second = Linear(8, 1, seed=1)

        def forward(self, x: Any) -> Any:
            return self.second([relu(h) for h in self.first(x)])

    class Block(Module):
        def __init__(self) -> None:
            self.inner = Linear(4, 8, seed=0)

        def forward(self, x: Any) -> Any:
            return [relu(h) for h in self.inner(x)]

    model: Any
    if style == "layers":
        model = MLP(4, [8, 1], activation="relu", seed=0)
        biases = [neuron.b for neuron in model.layers[0].neurons]
        name = "layers.0"
    elif style == "by hand":
        model = ByHand()
        biases, name = model.first.bias, "first"
    elif style == "block":
        model = Sequential(Block(), Linear(8, 1, seed=1))
        biases, name = model[0].inner.bias, "layers.0.inner"
    else:
        model = Sequential(Linear(4, 8, seed=0), "relu", Linear(8, 1, seed=1))
        biases, name = model[0].bias, "layers.1"
    batched = style == "batched"
    before = gradient_report(model, DATA, losses.mse, batched=batched)
    assert before.verdict == "healthy"
    for bias in biases[:5]:
        bias.data = -100.0
    report = gradient_report(model, DATA, losses.mse, batched=batched)
    found = {layer.name: layer for layer in report.layers}
    assert found[name].dead == 5 / 8
    assert report.verdict == found[name].verdict == "dead"
    assert sum(layer.dead is not None for layer in report.layers) == 1
    assert report.advice.startswith(f"dead in {name}: ")


def test_nothing_gets_through_a_wholly_dead_layer() -> None:
    model = Sequential(Linear(4, 8, seed=0), "relu", Linear(8, 8, seed=1), "relu", Linear(8, 1))
    for bias in model[2].bias:
        bias.data = -100.0
    report = gradient_report(model, DATA, losses.mse)
    assert verdicts(report) == ["vanishing", "vanishing", "vanishing", "dead", "healthy"]
    assert report.verdict == "dead"  # the cause, not the consequence


def test_a_relu_is_dead_only_if_no_sample_gets_through() -> None:
    model = Sequential(Linear(1, 2), "relu", Linear(2, 1))
    for name, number in (("weight[0][0]", 1.0), ("weight[1][0]", 1.0)):
        model.load_state_dict(model.state_dict() | {f"layers.0.{name}": number})
    model[0].bias[0].data, model[0].bias[1].data = -9.0, -11.0
    report = gradient_report(model, ([[k] for k in range(11)], [0.0] * 11), losses.mse)
    assert report.layers[1].dead == 0.5  # the first lets x = 10 through, the second nothing


@pytest.mark.parametrize(
    ("lr", "verdict"), [(1.0, "too large steps"), (1e-3, "healthy"), (1e-7, "hardly moving")]
)
def test_the_size_of_the_steps(lr: float, verdict: str) -> None:
    model = MLP(4, [8, 1], seed=0)
    report = gradient_report(model, DATA, losses.mse, Adam(model.parameters(), lr=lr))
    assert report.verdict == verdict
    # Adam's first step is lr for each parameter.
    weights = [parameter.data for parameter in model.layers[0].parameters()]
    size = math.sqrt(sum(w * w for w in weights) / len(weights))
    assert report.layers[0].update == pytest.approx(lr / size, rel=1e-4)


def test_sizes_by_hand() -> None:
    model = Sequential(Linear(1, 2, bias=False), Linear(2, 1, bias=False))
    model.load_state_dict(
        {
            "layers.0.weight[0][0]": 3.0,
            "layers.0.weight[1][0]": 4.0,
            "layers.1.weight[0][0]": 1.0,
            "layers.1.weight[0][1]": -1.0,
        }
    )
    data = [[1.0], [2.0]], [0.0, 0.0]
    first, last = gradient_report(model, data, losses.mse).layers
    # outputs 3, 4, 6, 8 and -1, -2; loss (1 + 4)/2 with gradients -1, -2 of the outputs
    assert first.activation == pytest.approx(math.sqrt((9 + 16 + 36 + 64) / 4))
    assert last.activation == last.gradient == pytest.approx(math.sqrt(5 / 2))
    assert first.gradient == pytest.approx(math.sqrt((1 + 1 + 4 + 4) / 4))
    assert first.weight == pytest.approx(math.sqrt((9 + 16) / 2))
    assert first.weight_gradient == pytest.approx(5.0)  # -1·1 - 2·2 for one, its negative
    assert (first.dead, first.update) == (None, None)


def test_numbers_that_are_not_finite_are_said_so() -> None:
    model = MLP(4, [3, 1], seed=0)
    model.layers[0].neurons[0].b.data = math.inf
    report = gradient_report(model, DATA, losses.mse)
    assert report.layers[0].verdict == "not finite"
    assert report.verdict == "not finite"


def test_the_report_changes_nothing() -> None:
    model = Sequential(Linear(4, 3, seed=0), BatchNorm1d(3), "relu", Dropout(0.2), Linear(3, 1))
    model.eval()
    optimizer = Adam(model.parameters(), lr=0.1)
    for k, parameter in enumerate(model.parameters()):
        parameter.grad = float(k)
    optimizer.step()
    state, memory = model.state_dict(), optimizer.state_dict()
    gradients = [parameter.grad for parameter in model.parameters()]
    report = gradient_report(model, DATA, losses.mse, optimizer, batched=True)
    assert report.layers[0].update is not None
    assert (model.state_dict(), optimizer.state_dict()) == (state, memory)
    assert [parameter.grad for parameter in model.parameters()] == gradients
    assert not any(module.training for _, module in model.named_modules())


def test_without_data_the_gradients_that_are_there_are_reported() -> None:
    model = MLP(4, [8] * 10 + [1], activation="sigmoid", seed=0)
    with pytest.raises(ValueError, match="no gradients to report: call backward"):
        gradient_report(model)
    losses.mse(model(X[0]), 1.0).backward()
    report = gradient_report(model)
    assert report.layers[0].activation is None
    assert report.layers[0].verdict == report.verdict == "vanishing"
    assert report.layers[-1].weight_gradient > 0.0


def test_data_need_a_loss() -> None:
    model = MLP(4, [1])
    for arguments in ((DATA,), (None, losses.mse)):
        with pytest.raises(ValueError, match="needs data and a loss, or neither"):
            gradient_report(model, *arguments)


def test_the_table() -> None:
    model = MLP(4, [8, 1], activation="relu", seed=0)
    report = gradient_report(model, DATA, losses.mse, SGD(model.parameters(), lr=0.01))
    lines = repr(report).splitlines()
    assert re.split(" {2,}", lines[0]) == [
        "layer",
        "activations",
        "gradients",
        "weight gradients",
        "dead",
        "update / weight",
        "verdict",
    ]
    assert lines[2].startswith("layers.0 ")
    assert "%" in lines[2]
    assert lines[-1] == report.advice
    assert len({len(line) for line in (lines[0], lines[2], lines[3])}) == 1


def test_a_single_layer_has_a_name_in_the_table() -> None:
    assert repr(gradient_report(Linear(4, 1), DATA, losses.mse)).splitlines()[2].startswith("Lin")


@pytest.mark.parametrize("dead", [False, True])
def test_the_plot(tmp_path: Path, dead: bool) -> None:
    model = MLP(4, [8, 1], activation="relu", seed=0)
    if dead:  # gradients of 0 have no place on a logarithmic axis
        for neuron in model.layers[0].neurons:
            neuron.b.data = -100.0
    report = gradient_report(model, DATA, losses.mse, SGD(model.parameters(), lr=0.01))
    content = report.save(tmp_path / "report.png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert width > 4 * height > 1000
    assert content == report.plot().png


def test_every_verdict_has_its_advice() -> None:
    assert {"vanishing", "exploding", "dead", "not finite"} <= ADVICE.keys()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": None}, "gradient_report needs a Module as model, got NoneType"),
        ({"loss": "mse"}, "gradient_report needs a function as loss, .*, got str 'mse'"),
        ({"optimizer": "adam"}, "gradient_report needs an optimizer of optim, got str 'adam'"),
    ],
)
def test_arguments_of_the_wrong_kind_are_told(arguments: dict[str, Any], words: str) -> None:
    usual = {"model": MLP(4, [1]), "data": DATA, "loss": losses.mse}
    with pytest.raises(TypeError, match=words):
        gradient_report(**usual | arguments)
