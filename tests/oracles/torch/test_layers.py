"""Every layer equals torch.nn's with the same weights: outputs and all gradients."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch

import autograd
import nn
from autograd import Value
from autograd.nested import flatten
from nn.pooling import largest

Tensor = torch.Tensor
close = {"rel": 1e-12, "abs": 1e-13}


def tensor(numbers: Any, requires_grad: bool = False) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=requires_grad)


def numbers(nested: Any) -> Any:
    """The same nested lists, of floats."""
    leaves, rebuild = flatten(nested)
    return rebuild([float(leaf) for leaf in leaves])


def gradients(nested: Any) -> list[float]:
    return [leaf.grad for leaf in flatten(nested)[0]]


def random_input(rng: Random, *lengths: int) -> Any:
    if not lengths:
        return rng.gauss(0.0, 1.5)
    return [random_input(rng, *lengths[1:]) for _ in range(lengths[0])]


def as_values(nested: Any) -> Any:
    leaves, rebuild = flatten(nested)
    return rebuild([Value(leaf) for leaf in leaves])


def part_of(layer: nn.Module, torch_name: str) -> Any:
    """Our nested list of what torch calls by this name."""
    path, _, number = torch_name.partition("_l")
    if number.isdigit():  # weight_ih_l0
        return getattr(layer.cells[int(number)], path)
    return functools.reduce(getattr, torch_name.split("."), layer)


def disturb(layer: nn.Module, rng: Random) -> None:
    """Give every parameter a number that has nothing special."""
    for parameter in layer.parameters():
        parameter.data = rng.uniform(0.3, 1.2) * rng.choice([-1.0, 1.0])


def copy_to_torch(layer: nn.Module, theirs: torch.nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.copy_(tensor(numbers(part_of(layer, name))))


def seeds_for(count: int) -> list[float]:
    return [math.cos(1.0 + 2.3 * k) for k in range(count)]


def sweep_both(own_outputs: Any, torch_outputs: Any) -> None:
    """Compare the outputs, then sweep back the same weighted sum of them."""
    own, theirs = flatten(own_outputs)[0], flat_tensor(torch_outputs)
    assert [y.data for y in own] == pytest.approx(theirs.tolist(), **close)
    seeds = seeds_for(len(own))
    tracked = [(y, seed) for y, seed in zip(own, seeds, strict=True) if y.requires_grad]
    autograd.backward([y for y, _ in tracked], [seed for _, seed in tracked])
    theirs.backward(tensor(seeds))


def flat_tensor(outputs: Any) -> Tensor:
    if isinstance(outputs, Tensor):
        return outputs.flatten()
    return torch.cat([flat_tensor(part) for part in outputs])


def compare(
    layer: nn.Module,
    theirs: torch.nn.Module,
    inputs: list[Any],
    call: Callable[..., Any] | None = None,
    torch_call: Callable[..., Any] | None = None,
    seed: int = 0,
) -> None:
    disturb(layer, Random(seed))
    theirs = theirs.to(torch.float64)
    copy_to_torch(layer, theirs)
    own = [as_values(x) for x in inputs]
    other = [tensor(x, requires_grad=True) for x in inputs]
    sweep_both((call or layer)(*own), (torch_call or theirs)(*other))
    for x, y in zip(own, other, strict=True):
        assert gradients(x) == pytest.approx(y.grad.flatten().tolist(), **close)
    compared = 0
    for name, parameter in theirs.named_parameters():
        expected = parameter.grad.flatten().tolist()
        assert gradients(part_of(layer, name)) == pytest.approx(expected, **close), name
        compared += len(expected)
    assert compared == len(layer.parameters())


# The name of a layer, here and there; its arguments; the shape of its input.
SAME_NAME: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Linear", (3, 4), {}, (3,)),
    ("Linear", (3, 2), {}, (2, 4, 3)),
    ("Linear", (1, 2, False), {}, (2, 1)),
    ("LayerNorm", (5,), {}, (5,)),
    ("LayerNorm", (3, 0.1), {}, (2, 2, 3)),
    ("LayerNorm", ((2, 3),), {}, (4, 2, 3)),
    ("LayerNorm", (3,), {"bias": False}, (2, 3)),
    ("LayerNorm", (3,), {"elementwise_affine": False}, (2, 3)),
    ("RMSNorm", (4,), {}, (3, 4)),
    ("RMSNorm", ((2, 2), 0.2), {}, (3, 2, 2)),
    ("RMSNorm", (4,), {"elementwise_affine": False}, (4,)),
    ("BatchNorm1d", (3,), {}, (4, 3)),
    ("BatchNorm1d", (2, 0.3), {}, (3, 2, 4)),
    ("BatchNorm1d", (2,), {}, (1, 2, 4)),
    ("BatchNorm1d", (2,), {"affine": False}, (3, 2)),
    ("BatchNorm1d", (2,), {"track_running_stats": False}, (3, 2)),
    ("BatchNorm2d", (2,), {}, (2, 2, 3, 2)),
    ("Conv1d", (1, 1, 1), {}, (1, 1)),
    ("Conv1d", (2, 3, 3), {}, (2, 5)),
    ("Conv1d", (2, 3, 3), {"padding": 1}, (3, 2, 4)),
    ("Conv1d", (1, 2, 2, 2, 3), {}, (1, 5)),
    ("Conv1d", (2, 2, 3), {"stride": 3, "dilation": 2, "padding": 2}, (2, 8)),
    ("Conv1d", (1, 2, 4), {"padding": "same", "dilation": 3}, (1, 6)),
    ("Conv1d", (1, 2, 3), {"padding": "valid", "bias": False}, (1, 6)),
    ("Conv1d", (4, 6, 2), {"groups": 2}, (4, 4)),
    ("Conv1d", (3, 3, 2), {"groups": 3, "padding": 1, "stride": 2}, (3, 5)),
    ("Conv2d", (2, 3, 2), {}, (2, 3, 4)),
    ("Conv2d", (1, 2, (2, 3)), {"padding": (1, 2), "stride": (2, 1)}, (1, 4, 3)),
    ("Conv2d", (2, 2, (3, 2), (1, 2), (2, 0), (1, 2)), {}, (2, 2, 3, 5)),
    ("Conv2d", (4, 2, 2), {"groups": 2, "bias": False, "padding": 1}, (4, 3, 2)),
    ("Conv2d", (1, 1, (2, 4)), {"padding": "same", "dilation": (2, 1)}, (1, 4, 5)),
    ("MaxPool1d", (2,), {}, (3, 5)),
    ("MaxPool1d", (3, 1, 1), {}, (2, 2, 4)),
    ("MaxPool1d", (2, 2, 1, 2), {}, (1, 5)),
    ("MaxPool2d", (2,), {}, (2, 4, 5)),
    ("MaxPool2d", ((2, 3), (1, 2), (1, 1)), {}, (2, 1, 3, 4)),
    ("AvgPool1d", (2,), {}, (3, 5)),
    ("AvgPool1d", (3, 1, 1), {}, (2, 2, 4)),
    ("AvgPool1d", (3, 2, 1), {"count_include_pad": False}, (2, 4)),
    ("AvgPool2d", (2,), {}, (2, 4, 5)),
    ("AvgPool2d", ((2, 3), (1, 2), (1, 1)), {"count_include_pad": False}, (2, 1, 3, 4)),
    ("AvgPool2d", ((3, 2), 1, (1, 1)), {}, (1, 3, 4)),
    ("Flatten", (1,), {}, (2, 2, 3)),
    ("Identity", (), {}, (2, 3)),
    ("Tanh", (), {}, (2, 3)),
    ("Sigmoid", (), {}, (6,)),
    ("Softsign", (), {}, (6,)),
    ("Softplus", (), {}, (6,)),
    ("ReLU", (), {}, (6,)),
    ("LeakyReLU", (), {}, (6,)),
    ("LeakyReLU", (0.3,), {}, (6,)),
    ("ELU", (0.7,), {}, (6,)),
    ("SELU", (), {}, (6,)),
    ("SiLU", (), {}, (6,)),
    ("Mish", (), {}, (6,)),
    ("GELU", (), {}, (6,)),
    ("GELU", ("tanh",), {}, (6,)),
    ("Hardtanh", (-0.5, 2.0), {}, (6,)),
]


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # it says that it is slow
@pytest.mark.parametrize(("name", "arguments", "options", "lengths"), SAME_NAME)
@pytest.mark.parametrize("training", [True, False])
def test_layer(
    name: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    lengths: tuple[int, ...],
    training: bool,
) -> None:
    layer = getattr(nn, name)(*arguments, **options).train(training)
    theirs = getattr(torch.nn, name)(*arguments, **options).train(training)
    compare(layer, theirs, [random_input(Random(training), *lengths)])


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_softmax_of_the_innermost_lists(name: str) -> None:
    x = random_input(Random(0), 2, 4)
    compare(getattr(nn, name)(), getattr(torch.nn, name)(dim=-1), [x])


@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
def test_running_statistics(momentum: float | None) -> None:
    layer, theirs = nn.BatchNorm1d(2, momentum=momentum), torch.nn.BatchNorm1d(2, momentum=momentum)
    theirs.to(torch.float64)
    rng = Random(0)
    for count in (2, 3, 5):
        x = random_input(rng, count, 2, 2)
        layer(x)
        theirs(tensor(x))
        for name in ("running_mean", "running_var"):
            expected = getattr(theirs, name).tolist()
            assert numbers(getattr(layer, name)) == pytest.approx(expected, **close)
        assert layer.num_batches_tracked.data == theirs.num_batches_tracked.item()
    before = layer.state_dict()
    compare(layer.eval(), theirs.eval(), [random_input(rng, 1, 2)])
    after = layer.state_dict()
    assert all(before[name] == after[name] for name in before if "running" in name)


def test_sequential_of_a_batch() -> None:
    layer = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), "tanh", nn.Linear(3, 1))
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Tanh(), torch.nn.Linear(3, 1)
    )
    disturb(layer, Random(0))
    theirs.to(torch.float64)
    for own_part, torch_part in zip(layer, theirs, strict=True):
        copy_to_torch(own_part, torch_part)
    x = random_input(Random(1), 4, 2)
    own, other = as_values(x), tensor(x, requires_grad=True)
    sweep_both(layer(own), theirs(other))
    assert gradients(own) == pytest.approx(other.grad.flatten().tolist(), **close)
    expected = [number for p in theirs.parameters() for number in p.grad.flatten().tolist()]
    assert [p.grad for p in layer.parameters()] == pytest.approx(expected, **close)


@pytest.mark.parametrize("padding_idx", [None, 1, -1])
def test_embedding(padding_idx: int | None) -> None:
    layer = nn.Embedding(4, 3, padding_idx, seed=0)
    theirs = torch.nn.Embedding(4, 3, padding_idx, dtype=torch.float64)
    copy_to_torch(layer, theirs)
    things = [[0, 3, 1], [3, 3, 0]]
    sweep_both(layer(things), theirs(torch.tensor(things)))
    assert gradients(layer.weight) == pytest.approx(theirs.weight.grad.flatten().tolist(), **close)


def test_ties_of_the_largest_are_shared_as_in_amax() -> None:
    """Unlike torch.nn.MaxPool1d, which gives the whole gradient to the first of them."""
    for window in ([2.0, 2.0, 1.0], [0.0] * 4, [1.0], [math.inf, math.inf, 0.0]):
        own, theirs = as_values(window), tensor(window, requires_grad=True)
        largest(*own).backward()
        theirs.amax().backward()
        assert gradients(own) == theirs.grad.tolist()


# Recurrent networks.


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize(
    ("name", "options"),
    [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("GRUCell", {}), ("LSTMCell", {})],
)
def test_cell(name: str, options: dict[str, Any], with_state: bool, bias: bool) -> None:
    layer = getattr(nn, name)(3, 2, bias, **options)
    theirs = getattr(torch.nn, name)(3, 2, bias, **options)
    x, h, c = (random_input(Random(k), size) for k, size in enumerate((3, 2, 2)))
    if not with_state:
        compare(layer, theirs, [x])
    elif name == "LSTMCell":
        compare(
            layer,
            theirs,
            [x, h, c],
            call=lambda x, h, c: list(layer(x, (h, c))),
            torch_call=lambda x, h, c: theirs(x, (h, c)),
        )
    else:
        compare(layer, theirs, [x, h])


def run_torch(
    theirs: torch.nn.Module, sequence: Tensor, state: Any, truncate: int | None
) -> tuple[Tensor, Any]:
    """Torch's network over a sequence, its state detached every so many steps."""
    step = len(sequence) if truncate is None else truncate
    outputs = []
    for start in range(0, len(sequence), step):
        if start:
            pair = isinstance(state, tuple)
            state = tuple(part.detach() for part in state) if pair else state.detach()
        found, state = theirs(sequence[start : start + step], state)
        outputs.append(found)
    return torch.cat(outputs), state


@pytest.mark.parametrize("truncate", [None, 1, 2, 3, 5, 9])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_recurrent_network(
    name: str, with_state: bool, num_layers: int, truncate: int | None
) -> None:
    layer = getattr(nn, name)(2, 3, num_layers, truncate=truncate)
    theirs = getattr(torch.nn, name)(2, 3, num_layers)
    rng = Random(num_layers)
    sequence = random_input(rng, 5, 2)
    states = [random_input(rng, num_layers, 3) for _ in range(2 if name == "LSTM" else 1)]

    def joined(state: Any) -> Any:
        if not state:
            return None
        return tuple(state) if name == "LSTM" else state[0]

    compare(
        layer,
        theirs,
        [sequence, *(states if with_state else [])],
        call=lambda x, *state: list(layer(x, joined(state))),
        torch_call=lambda x, *state: _flat_pair(run_torch(theirs, x, joined(state), truncate)),
    )


def _flat_pair(result: tuple[Tensor, Any]) -> list[Tensor]:
    outputs, state = result
    return [outputs, *state] if isinstance(state, tuple) else [outputs, state]


# Attention.


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_self_attention(num_heads: int, is_causal: bool, average: bool, bias: bool) -> None:
    layer = nn.MultiheadAttention(4, num_heads, bias)
    theirs = torch.nn.MultiheadAttention(4, num_heads, bias=bias)
    mask = torch.ones(3, 3, dtype=torch.bool).triu(1) if is_causal else None
    compare(
        layer,
        theirs,
        [random_input(Random(0), 3, 4)],
        call=lambda x: list(layer(x, is_causal=is_causal, average_attn_weights=average)),
        torch_call=lambda x: theirs(x, x, x, attn_mask=mask, average_attn_weights=average),
    )


def test_attention_to_another_sequence() -> None:
    layer, theirs = nn.MultiheadAttention(4, 2), torch.nn.MultiheadAttention(4, 2)
    inputs = [random_input(Random(k), length, 4) for k, length in enumerate((2, 5, 5))]
    compare(layer, theirs, inputs, call=lambda *x: list(layer(*x)))


@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_transformer_block(activation: str, is_causal: bool) -> None:
    layer = nn.TransformerBlock(4, 2, 5, activation=activation, is_causal=is_causal)
    theirs = torch.nn.TransformerEncoderLayer(
        4, 2, 5, dropout=0.0, activation=activation, batch_first=True, norm_first=True
    )
    mask = torch.ones(3, 3, dtype=torch.bool).triu(1) if is_causal else None
    compare(
        layer,
        theirs,
        [random_input(Random(0), 2, 3, 4)],
        torch_call=lambda x: theirs(x, src_mask=mask),
    )


# Initializations.


@pytest.mark.parametrize("lengths", [(3, 5), (4, 3, 2), (2, 3, 4, 5)])
def test_orthogonal_matrices_have_the_shape_of_torchs(lengths: tuple[int, ...]) -> None:
    weight = as_values(random_input(Random(0), *lengths))
    nn.init.fill_orthogonal(weight, gain=2.0, seed=0)
    theirs = torch.nn.init.orthogonal_(torch.empty(lengths, dtype=torch.float64), gain=2.0)
    for matrix in (tensor(numbers(weight)), theirs):
        rows = matrix.flatten(1)
        rows = rows if len(rows) <= len(rows.T) else rows.T
        torch.testing.assert_close(rows @ rows.T, 4.0 * torch.eye(len(rows), dtype=torch.float64))


@pytest.mark.parametrize("activation", nn.init.GAINS)
def test_gains(activation: str) -> None:
    theirs = "linear" if activation == "identity" else activation
    assert nn.init.gain(activation) == pytest.approx(
        torch.nn.init.calculate_gain(theirs), rel=1e-15
    )


@pytest.mark.parametrize("lengths", [(7, 3), (4, 3, 2), (2, 3, 4, 5)])
def test_fans(lengths: tuple[int, ...]) -> None:
    fans = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(lengths))
    assert nn.init._fans(random_input(Random(0), *lengths)) == fans
