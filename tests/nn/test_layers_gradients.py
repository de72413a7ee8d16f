"""Every layer passes gradcheck in its inputs and parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import autograd
import nn
import nn.elementwise
from autograd import Value
from autograd.nested import flatten


def random_input(rng: Random, *lengths: int) -> Any:
    if not lengths:
        return rng.uniform(0.2, 1.5) * rng.choice([-1.0, 1.0])
    return [random_input(rng, *lengths[1:]) for _ in range(lengths[0])]


def with_parameters(layer: nn.Module, parameters: list[Value]) -> nn.Module:
    """A copy of a layer with other parameters."""
    other = copy.deepcopy(layer)
    new = dict(zip(other.parameters(), parameters, strict=True))
    for _, part in other.named_modules():
        for name, attribute in list(vars(part).items()):
            leaves, rebuild = flatten(attribute)
            if any(isinstance(leaf, Value) and leaf in new for leaf in leaves):
                setattr(part, name, rebuild([new.get(leaf, leaf) for leaf in leaves]))
    return other


def report_on(
    layer: nn.Module, *lengths: int, call: Callable[..., Any] | None = None, **options: Any
) -> Any:
    rng = Random(0)
    for parameter in layer.parameters():
        parameter.data = random_input(rng)

    def f(x: Any, parameters: list[Value]) -> Any:
        other = with_parameters(layer, parameters)
        return call(other, x) if call else other(x)

    def f_of_input(x: Any) -> Any:
        return call(layer, x) if call else layer(x)

    point = [random_input(rng, *lengths)]
    parameters = [parameter.data for parameter in layer.parameters()]
    if not parameters:
        return autograd.gradcheck(f_of_input, *point, **options)
    return autograd.gradcheck(f, *point, parameters, **options)


def with_running_statistics(layer: nn.Module, *lengths: int) -> nn.Module:
    layer(random_input(Random(1), *lengths))
    return layer.eval()


LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear": (nn.Linear(2, 3), (2, 2)),
    "layer norm": (nn.LayerNorm(3), (2, 3)),
    "rms norm": (nn.RMSNorm(3), (2, 3)),
    "batch norm": (nn.BatchNorm1d(2), (3, 2)),
    "batch norm, eval": (with_running_statistics(nn.BatchNorm1d(2), 3, 2), (3, 2)),
    "batch norm of images": (nn.BatchNorm2d(1), (2, 1, 2, 2)),
    "conv1d": (nn.Conv1d(2, 2, 2, stride=2, padding=1), (2, 3)),
    "conv2d": (nn.Conv2d(1, 2, 2, padding=1, dilation=2), (1, 2, 3)),
    "max pool 1d": (nn.MaxPool1d(2, padding=1), (2, 4)),
    "max pool 2d": (nn.MaxPool2d(2, stride=1), (1, 3, 3)),
    "avg pool 1d": (nn.AvgPool1d(2, padding=1), (2, 3)),
    "avg pool 2d": (nn.AvgPool2d(2, padding=1, count_include_pad=False), (1, 3, 3)),
    "rnn cell": (nn.RNNCell(2, 2), (2,)),
    "gru cell": (nn.GRUCell(2, 2), (2,)),
    "lstm cell": (nn.LSTMCell(2, 2), (2,)),
    "rnn": (nn.RNN(1, 2, num_layers=2), (3, 1)),
    "gru": (nn.GRU(1, 2), (3, 1)),
    "lstm": (nn.LSTM(1, 2), (3, 1)),
    "attention": (nn.MultiheadAttention(2, 2), (2, 2)),
    "transformer block": (nn.TransformerBlock(2, 1, 2, activation="gelu", norm="rms"), (2, 2)),
    "dropout": (nn.Dropout(0.5, seed=1), (4,)),
    "flatten": (nn.Flatten(), (2, 2)),
    "softmax": (nn.Softmax(), (3,)),
    "sequential": (nn.Sequential(nn.Linear(2, 2), "tanh", nn.Linear(2, 1)), (2,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradcheck(name: str) -> None:
    layer, lengths = LAYERS[name]
    if isinstance(layer, nn.Dropout):  # the same is dropped every time
        assert report_on(layer, *lengths, call=lambda layer, x: copy.deepcopy(layer)(x))
    else:
        assert report_on(layer, *lengths)


def test_gradcheck_of_embedding() -> None:
    assert report_on(nn.Embedding(3, 2), 1, call=lambda layer, x: [layer([2, 0, 2]), x])


def test_gradcheck_of_states() -> None:
    cell = nn.LSTMCell(1, 2, seed=0)
    assert autograd.gradcheck(lambda h, c: cell([0.7], (h, c)), [0.1, -0.2], [0.5, 0.6])
    gru = nn.GRU(1, 2, seed=0)
    assert autograd.gradcheck(lambda h: gru([[0.7], [0.2]], [h]), [0.1, -0.2])


def test_gradcheck_finds_the_truncation() -> None:
    """The graph without the past is not the derivative of the network."""
    layer = nn.RNN(1, 2, truncate=1)
    report = report_on(layer, 3, 1, raise_exception=False)
    assert not report
    assert report_on(nn.RNN(1, 2, truncate=3), 3, 1)


ACTIVATIONS = [
    kind
    for kind in vars(nn.elementwise).values()
    if isinstance(kind, type)
    and issubclass(kind, nn.Module)
    and kind.__module__ == "nn.elementwise"
]


@pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda kind: kind.__name__)
def test_activations(kind: type[nn.Module]) -> None:
    layer = kind("tanh") if kind is nn.elementwise.Elementwise else kind()
    assert autograd.gradcheck(layer, [0.7, -1.3, 0.2, -0.4])
    assert len(ACTIVATIONS) >= 16


# Gradient reversal is not a derivative.


@pytest.mark.parametrize("strength", [1.0, 0.25, 0.0, 3.0])
def test_reversal_gives_exactly_minus_lambda_times_the_gradient(strength: float) -> None:
    x = [Value(0.3), Value(-1.7)]
    y = nn.GradientReversal(strength)(x)
    assert [v.data for v in y] == [0.3, -1.7]
    autograd.backward(y, [1.1, -0.7])
    assert [v.grad for v in x] == [-strength * 1.1, -strength * -0.7]


def test_reversal_of_lambda_assigned_later() -> None:
    layer, x = nn.GradientReversal(), Value(2.0)
    layer.lambda_ = 0.5
    layer(x).backward()
    assert x.grad == -0.5
    assert layer.state_dict() == {}


@pytest.mark.parametrize("method", ["auto", "exact", "finite"])
@pytest.mark.parametrize("strength", [1.0, 0.25, 0.0])
def test_gradcheck_takes_reversal_as_given_and_says_so(method: str, strength: float) -> None:
    layer = nn.GradientReversal(strength)
    report = autograd.gradcheck(lambda x: autograd.tanh(layer(x)) * x, 2.0, method=method)
    assert "the partials of reverse_gradient are taken as given: it is a surrogate" in str(report)


def test_reversal_trains_the_head_and_untrains_the_body() -> None:
    """The loss falls along the head's gradient, and rises along the body's."""
    body, head = nn.Linear(1, 1, seed=0), nn.Linear(1, 1, seed=1)
    model = nn.Sequential(body, nn.GradientReversal(0.5), head)
    plain = nn.Sequential(body, head)
    loss_of = lambda net: nn.losses.mse(net([2.0]), [5.0])  # noqa: E731
    loss_of(plain).backward()
    true = [p.grad for p in plain.parameters()]
    plain.zero_grad()
    loss_of(model).backward()
    found = [p.grad for p in model.parameters()]
    assert found == pytest.approx([-0.5 * true[0], -0.5 * true[1], *true[2:]], rel=1e-15)
    assert all(true)
