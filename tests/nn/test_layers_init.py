"""Initial weights: their distribution, their fans, orthogonality."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np
import pytest

import nn
from autograd.nested import flatten
from nn import init


def data(weight: Any) -> np.ndarray:
    leaves, rebuild = flatten(weight)
    return np.array(rebuild([leaf.data for leaf in leaves]))


# name: the variance that it should have for these fans
VARIANCES = {
    "xavier_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "xavier_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "lecun_uniform": lambda fan_in, fan_out: 1 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
}


@pytest.mark.parametrize("gain", [None, 0.5])
@pytest.mark.parametrize("name", VARIANCES)
def test_variances(name: str, gain: float | None) -> None:
    layer = nn.Conv1d(10, 30, 20)
    init.fill(layer.weight, name, gain=gain, seed=0)
    weight = data(layer.weight).ravel()
    variance = VARIANCES[name](10 * 20, 30 * 20)
    if gain is not None:
        own_gain = math.sqrt(2) if name.startswith("he") else 1.0
        variance *= (gain / own_gain) ** 2
    assert weight.var() == pytest.approx(variance, rel=0.05)
    assert abs(weight.mean()) < 4 * math.sqrt(variance / weight.size)
    share_beyond = (np.abs(weight) > math.sqrt(3 * variance)).mean()
    if name.endswith("uniform"):
        assert share_beyond == 0.0
        assert np.abs(weight).max() > 0.99 * math.sqrt(3 * variance)
    else:
        assert share_beyond == pytest.approx(math.erfc(math.sqrt(1.5)), rel=0.15)


def test_every_initialization_is_in_the_table() -> None:
    assert set(init.INITIALIZATIONS) == set(VARIANCES)


def test_fill_by_function_and_by_seed() -> None:
    layer = nn.Linear(2, 3, seed=0)
    bias = data(layer.bias)
    init.fill(layer.weight, lambda rng, fan_in, fan_out: 10.0 * fan_in + fan_out)
    assert data(layer.weight).tolist() == [[23.0, 23.0]] * 3
    assert (data(layer.bias) == bias).all()
    seeded = []
    for seed in (4, Random(4), 5):
        init.fill(layer.weight, "he_normal", seed=seed)
        seeded.append(data(layer.weight).tolist())
    assert seeded[0] == seeded[1] != seeded[2]
    assert [p.label for p in layer.parameters()][:2] == ["weight[0][0]", "weight[0][1]"]


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (nn.Linear(50, 40, seed=0), 50),
        (nn.Conv1d(10, 20, 5, seed=0), 50),
        (nn.Conv2d(4, 10, (2, 5), groups=2, seed=0), 20),
        (nn.GRUCell(3, 16, seed=0), 16),
    ],
)
def test_default_weights_are_torchs(layer: nn.Module, fan_in: int) -> None:
    """Evenly within ±1/sqrt(fan_in); of the hidden size for recurrent cells."""
    numbers = np.abs([parameter.data for parameter in layer.parameters()])
    assert numbers.max() <= fan_in**-0.5
    assert numbers.max() > 0.97 * fan_in**-0.5
    assert numbers.mean() == pytest.approx(0.5 * fan_in**-0.5, rel=0.06)


def test_embeddings_are_standard_normal() -> None:
    weight = data(nn.Embedding(60, 50, seed=0).weight)
    assert abs(weight.mean()) < 0.08
    assert weight.var() == pytest.approx(1.0, rel=0.08)


def test_attention_begins_as_by_xavier_and_without_biases() -> None:
    layer = nn.MultiheadAttention(20, 4, seed=0)
    bound = math.sqrt(6 / (20 + 60))
    weight = data(layer.in_proj_weight)
    assert 0.97 * bound < np.abs(weight).max() <= bound
    assert not data(layer.in_proj_bias).any()
    assert not data(layer.out_proj.bias).any()


@pytest.mark.parametrize("lengths", [(4, 4), (3, 7), (7, 3), (2, 3, 2), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_orthogonal(lengths: tuple[int, ...], gain: float) -> None:
    weight = init.parameters(lambda: 0.0, *lengths)
    init.fill_orthogonal(weight, gain=gain, seed=1)
    matrix = data(weight).reshape(lengths[0], -1)
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    expected = gain**2 * np.eye(len(matrix))
    np.testing.assert_allclose(matrix @ matrix.T, expected, atol=1e-14)


def test_orthogonal_matrices_point_everywhere() -> None:
    """Their entries have mean 0: no direction or sign is favoured."""
    entries = []
    for seed in range(400):
        weight = init.parameters(lambda: 0.0, 3, 3)
        init.fill_orthogonal(weight, seed=seed)
        entries.append(data(weight))
    assert np.abs(np.mean(entries, axis=0)).max() < 4 * math.sqrt(1 / 3 / 400)
    assert np.mean(np.square(entries), axis=0) == pytest.approx(np.full((3, 3), 1 / 3), rel=0.2)


def test_signals_keep_their_size_through_many_layers() -> None:
    """What initializations are for: ten wide layers neither blow a signal up nor let it fade."""
    rng = Random(0)
    for activation, name in (("relu", "he_normal"), ("selu", "lecun_normal")):
        signal: Any = [rng.gauss(0.0, 1.0) for _ in range(60)]
        for _ in range(10):
            layer = nn.Linear(60, 60, bias=False)
            init.fill(layer.weight, name, seed=rng)
            signal = [y.data for y in nn.Sequential(layer, activation)(signal)]
        assert 0.2 < np.mean(np.square(signal)) < 5.0
