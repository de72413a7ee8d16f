"""Pruning, quantization and distillation give the results of PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.prune import L1Unstructured, global_unstructured

from autograd import Value
from nn import Linear, Sequential, prune
from nn.losses import distillation
from nn.quantization import quantize_per_tensor
from nn.sizes import weights

LOGITS = st.lists(st.floats(-8.0, 8.0), min_size=4, max_size=4)


@given(st.integers(0, 100), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_what_is_pruned_is_what_torch_prunes(seed: int, amount: float) -> None:
    model = Sequential(Linear(5, 4, seed=seed), "relu", Linear(4, 3, seed=seed + 1))
    peer = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    tables = list(weights(model).values())
    with torch.no_grad():
        for layer, table in zip((peer[0], peer[2]), tables, strict=True):
            layer.weight.copy_(torch.tensor([w.data for w in table]).view(layer.weight.shape))
    global_unstructured([(peer[0], "weight"), (peer[2], "weight")], L1Unstructured, amount=amount)
    prune(model, amount)
    for layer, table in zip((peer[0], peer[2]), tables, strict=True):
        assert [w.requires_grad for w in table] == layer.weight_mask.flatten().bool().tolist()
        assert [w.data for w in table] == pytest.approx(layer.weight.flatten().tolist())


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_bytes_are_those_of_torch(xs: list[float]) -> None:
    table = quantize_per_tensor(xs)
    if table.scale > 1e-30:
        tensor = torch.tensor(xs, dtype=torch.float64)
        peer = torch.fake_quantize_per_tensor_affine(tensor, table.scale, 0, -127, 127)
        off = np.abs(peer.numpy() - table.dequantized())
        quotients = np.abs(np.array(xs) / table.scale)
        is_near_a_half = np.abs(quotients % 1.0 - 0.5) < 1e-4
        assert (off[~is_near_a_half] <= 1e-5 * table.scale * 127).all()


@given(LOGITS, LOGITS, st.integers(0, 3), st.floats(0.5, 8.0), st.floats(0.0, 1.0))
def test_distillation_is_that_of_the_paper(
    logits: list[float], teacher: list[float], target: int, temperature: float, alpha: float
) -> None:
    student = torch.tensor([logits], dtype=torch.float64, requires_grad=True)
    said = torch.tensor([teacher], dtype=torch.float64)
    functional = torch.nn.functional
    soft = functional.cross_entropy(student / temperature, (said / temperature).softmax(1))
    hard = functional.cross_entropy(student, torch.tensor([target]))
    wanted = (1 - alpha) * hard + alpha * temperature**2 * soft
    wanted.backward()  # type: ignore[no-untyped-call]
    values = [Value(x) for x in logits]
    loss = distillation([values], [target], [teacher], temperature=temperature, alpha=alpha)
    loss.backward()
    assert loss.data == pytest.approx(wanted.item(), rel=1e-9)
    assert student.grad is not None
    expected = student.grad[0].tolist()
    assert [v.grad for v in values] == pytest.approx(expected, rel=1e-7, abs=1e-9)
