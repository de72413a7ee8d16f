"""Networks and losses equal those of torch.nn, values and gradients."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn import MLP, losses

Tensor = torch.Tensor
MODULES = {
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "sigmoid": torch.nn.Sigmoid,
    "leaky_relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "selu": torch.nn.SELU,
    "gelu": torch.nn.GELU,
    "silu": torch.nn.SiLU,
    "mish": torch.nn.Mish,
    "hardtanh": torch.nn.Hardtanh,
    "softplus": torch.nn.Softplus,
    "softsign": torch.nn.Softsign,
}
close = {"rel": 1e-12, "abs": 1e-13}


def values(numbers: Any) -> Any:
    """The same nested lists, of Values."""
    return [values(x) for x in numbers] if isinstance(numbers, list) else Value(numbers)


def gradients(nested: Any) -> Any:
    """The same nested lists, of gradients."""
    return [g for x in nested for g in gradients(x)] if isinstance(nested, list) else [nested.grad]


def tensor(numbers: Any, requires_grad: bool = False) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=requires_grad)


def torch_twin(model: MLP, activation: str) -> torch.nn.Sequential:
    """Torch's network with the same weights."""
    parts: list[torch.nn.Module] = []
    for layer in model.layers:
        linear = torch.nn.Linear(len(layer.neurons[0].w), len(layer.neurons), dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(tensor([[w.data for w in n.w] for n in layer.neurons]))
            linear.bias.copy_(tensor([n.b.data for n in layer.neurons]))
        parts += [linear, MODULES[activation]()]
    return torch.nn.Sequential(*parts[:-1])


def flat_torch_gradients(twin: torch.nn.Sequential) -> list[float]:
    """The gradients in the order of our parameters: each neuron's weights, then its bias."""
    flat = []
    for part in twin:
        if isinstance(part, torch.nn.Linear):
            for weights, bias in zip(part.weight.grad, part.bias.grad, strict=True):
                flat += [*weights.tolist(), bias.item()]
    return flat


@pytest.mark.parametrize("activation", MODULES)
@pytest.mark.parametrize("seed", range(3))
def test_mlp(activation: str, seed: int) -> None:
    model = MLP(3, [5, 4, 2], activation=activation, seed=seed)
    for number, parameter in enumerate(model.parameters()):
        parameter.data += 0.1 * math.sin(number + seed)  # so that no bias is 0
    twin = torch_twin(model, activation)
    X = [[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [-0.2, 0.9, 0.1]]
    own_X, torch_X = values(X), tensor(X, requires_grad=True)
    outputs, expected = [model(row) for row in own_X], twin(torch_X)
    assert [[v.data for v in row] for row in outputs] == [
        pytest.approx(row, **close) for row in expected.tolist()
    ]
    losses.cross_entropy(outputs, [0, 1, 1]).backward()
    torch.nn.functional.cross_entropy(expected, torch.tensor([0, 1, 1])).backward()
    own = [parameter.grad for parameter in model.parameters()]
    assert own == pytest.approx(flat_torch_gradients(twin), **close)
    assert gradients(own_X) == pytest.approx(torch_X.grad.flatten().tolist(), **close)


ordinary = st.floats(-50.0, 50.0)
extreme = st.one_of(
    ordinary, st.floats(-1e6, 1e6), st.sampled_from([0.0, 1e3, -1e3, 1e300, -1e300])
)
batches = st.integers(1, 4).flatmap(
    lambda classes: st.lists(
        st.lists(extreme, min_size=classes, max_size=classes), min_size=1, max_size=4
    )
)


def compare(own: Any, expected: Tensor, inputs: Any, torch_inputs: Tensor) -> None:
    """Losses and the gradients of their sum are equal."""
    numbers = [float(loss) for loss in own] if isinstance(own, list) else [float(own)]
    assert numbers == pytest.approx(expected.flatten().tolist(), **close)
    for loss in own if isinstance(own, list) else [own]:
        loss.backward()
    expected.sum().backward()
    assert gradients(inputs) == pytest.approx(torch_inputs.grad.flatten().tolist(), **close)


every_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


@every_reduction
@given(logits=batches, data=st.data())
def test_cross_entropy(reduction: str, logits: list[list[float]], data: st.DataObject) -> None:
    classes = st.integers(0, len(logits[0]) - 1)
    target = data.draw(st.lists(classes, min_size=len(logits), max_size=len(logits)))
    own, theirs = values(logits), tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(target), reduction=reduction)
    compare(losses.cross_entropy(own, target, reduction=reduction), expected, own, theirs)


@every_reduction
@given(logits=batches, data=st.data())
def test_cross_entropy_with_probabilities(
    reduction: str, logits: list[list[float]], data: st.DataObject
) -> None:
    count = len(logits[0])
    rows = st.lists(st.floats(0.0, 1.0), min_size=count, max_size=count)
    target = data.draw(st.lists(rows, min_size=len(logits), max_size=len(logits)))
    own, theirs = values(logits), tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(theirs, tensor(target), reduction=reduction)
    compare(losses.cross_entropy(own, target, reduction=reduction), expected, own, theirs)


@every_reduction
@given(logits=st.lists(extreme, min_size=1, max_size=5), data=st.data())
def test_cross_entropy_of_one_sample(
    reduction: str, logits: list[float], data: st.DataObject
) -> None:
    target = data.draw(st.integers(0, len(logits) - 1))
    own, theirs = values(logits), tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(target), reduction=reduction)
    compare(losses.cross_entropy(own, target, reduction=reduction), expected, own, theirs)


@every_reduction
@given(pairs=st.lists(st.tuples(extreme, extreme), min_size=1, max_size=6))
def test_mse(reduction: str, pairs: list[tuple[float, float]]) -> None:
    inputs, target = [list(side) for side in zip(*pairs, strict=True)]
    own, theirs = values(inputs), tensor(inputs, requires_grad=True)
    expected = torch.nn.functional.mse_loss(theirs, tensor(target), reduction=reduction)
    compare(losses.mse(own, target, reduction=reduction), expected, own, theirs)


def test_mse_of_rows() -> None:
    inputs, target = [[1.0, -2.0], [0.5, 3.0]], [[0.0, 1.0], [2.0, 3.5]]
    own, theirs = values(inputs), tensor(inputs, requires_grad=True)
    expected = torch.nn.functional.mse_loss(theirs, tensor(target))
    compare(losses.mse(own, target), expected, own, theirs)


def test_a_logit_of_minus_infinity_is_a_class_that_cannot_be() -> None:
    logits = [-math.inf, 0.0, 1.0]
    own, theirs = values(logits), tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(1))
    compare(losses.cross_entropy(own, 1), expected, own, theirs)
