"""GPT: what it computes, what it sees, and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, gradcheck, gradients
from nn import GPT
from nn.text import generate

TEXT = [0, 4, 2, 3, 1, 1]


def numbers(values: Any) -> Any:
    return np.array([[float(entry) for entry in row] for row in values])


def larger(model: GPT) -> GPT:
    """The model with weights so large that every part of it counts."""
    for parameter in model.parameters():
        parameter.data *= 8.0
    return model


def by_numpy(model: GPT, text: list[int]) -> Any:
    """The same computed with matrices, after the formulas of the paper."""
    state = model.state_dict()

    def matrix(name: str) -> Any:
        entries = {k: x for k, x in state.items() if k.startswith(f"{name}[")}
        rows = 1 + max(int(k.removeprefix(f"{name}[").split("]")[0]) for k in entries)
        return np.reshape(list(entries.values()), (rows, -1))

    def norm(x: Any) -> Any:
        return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)

    length = len(text)
    mask = np.triu(np.full((length, length), -np.inf), 1)
    x = matrix("token_embedding.weight")[text] + matrix("position_embedding.weight")[:length]
    x = norm(x)
    for k, block in enumerate(model.blocks):
        heads, size = block.self_attn.num_heads, block.self_attn.embed_dim
        projected = norm(x) @ matrix(f"blocks.{k}.self_attn.in_proj_weight").T
        queries, keys, values = np.split(projected, 3, axis=1)
        found = []
        for part in np.split(np.arange(size), heads):
            scores = queries[:, part] @ keys[:, part].T / np.sqrt(size / heads) + mask
            shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            found.append(shares @ values[:, part])
        x = x + np.hstack(found) @ matrix(f"blocks.{k}.self_attn.out_proj.weight").T
        hidden = np.maximum(norm(x) @ matrix(f"blocks.{k}.linear1.weight").T, 0.0)
        x = x + hidden @ matrix(f"blocks.{k}.linear2.weight").T
    return x @ matrix("head.weight").T


@pytest.mark.parametrize("layers", [1, 2])
def test_it_computes_what_matrices_compute(layers: int) -> None:
    model = larger(GPT(5, context=6, width=8, heads=2, layers=layers, seed=1))
    np.testing.assert_allclose(numbers(model(TEXT)), by_numpy(model, TEXT), rtol=1e-11, atol=1e-12)


def test_it_has_the_size_and_the_beginning_of_microgpt() -> None:
    model = GPT(27, seed=0)
    weights = np.array([parameter.data for parameter in model.parameters()])
    assert len(weights) == 27 * 16 + 16 * 16 + 4 * 16 * 16 + 2 * 16 * 64 + 16 * 27 == 4192
    assert np.mean(weights) == pytest.approx(0.0, abs=0.005)
    assert np.std(weights) == pytest.approx(0.08, rel=0.05)
    again, other = GPT(27, seed=0), GPT(27, seed=1)
    assert again.state_dict() == model.state_dict() != other.state_dict()


def test_no_position_sees_those_after_it() -> None:
    model = larger(GPT(5, context=6, width=8, heads=2, seed=2))
    before = numbers(model(TEXT))
    for place in range(len(TEXT)):
        for token in range(5):
            after = numbers(model([*TEXT[:place], token, *TEXT[place + 1 :]]))
            assert (after[:place] == before[:place]).all()
            assert (after[place:] != before[place:]).all() == (token != TEXT[place])
    assert (numbers(model(TEXT[:3])) == before[:3]).all()


def test_no_gradient_flows_from_a_loss_to_later_tokens() -> None:
    model = larger(GPT(5, context=6, width=4, heads=2, seed=2))
    loss = nn.losses.cross_entropy(model([0, 1, 2, 3])[1], 2)
    rows = model.token_embedding.weight
    reached = [any(gradients(loss, row)) for row in rows]
    assert reached == [True, True, False, False, False]
    places = [any(gradients(loss, row)) for row in model.position_embedding.weight]
    assert places == [True, True, False, False, False, False]


def test_the_gradient_of_the_whole_model_is_right() -> None:
    model = larger(GPT(3, context=3, width=2, heads=1, seed=5))
    parameters = model.parameters()

    def loss(*weights: Value) -> Any:
        entries = iter(weights)
        for table in (model.token_embedding.weight, model.position_embedding.weight):
            table[:] = [[next(entries) for _ in row] for row in table]
        (block,) = model.blocks
        for matrix in (
            block.self_attn.in_proj_weight,
            block.self_attn.out_proj.weight,
            block.linear1.weight,
            block.linear2.weight,
            model.head.weight,
        ):
            matrix[:] = [[next(entries) for _ in row] for row in matrix]
        return nn.losses.cross_entropy(model([0, 2, 1]), [2, 1, 0])

    assert gradcheck(loss, *(parameter.data for parameter in parameters))


def test_shares_are_of_what_was_read_and_add_up_to_1() -> None:
    model = larger(GPT(5, context=6, width=8, heads=4, layers=2, seed=0))
    layers = model.shares(TEXT)
    assert (len(layers), len(layers[0])) == (2, 4)
    for head in [*layers[0], *layers[1]]:
        shares = numbers(head)
        np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
        assert (shares[np.triu_indices(len(TEXT), 1)] == 0.0).all()
        assert (shares[np.tril_indices(len(TEXT))] > 0.0).all()


def test_it_reads_a_text_token_by_token() -> None:
    model = GPT(5, context=6, width=4, heads=1, seed=0)
    read = model.reader()
    logits = numbers([read(token) for token in TEXT])
    assert (logits == numbers(model(TEXT))).all()
    texts = [generate(model.reader(), longest=5, seed=seed) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_an_embedding_can_be_compiled_and_its_padding_is_not_trained() -> None:
    table = nn.Embedding(4, 2, padding_idx=1, seed=0)

    def loss(thing: Any, other: Any) -> Any:
        return autograd.dot(table(thing), table([other])[0]) + autograd.sum(table(thing))

    things, others = [0, 1, 3, 3], [3, 0, 0, 1]
    program = autograd.compile(loss, backend="numpy")
    found = program.backward(things, others)
    compiled = numbers([[value.grad for value in row] for row in table.weight])
    table.zero_grad()
    mean = autograd.mean([loss(*pair) for pair in zip(things, others, strict=True)])
    mean.backward()
    assert found == pytest.approx(mean.data, rel=1e-14)
    by_graph = [[value.grad for value in row] for row in table.weight]
    np.testing.assert_allclose(compiled, by_graph, rtol=1e-13)
    assert (compiled[1] == 0.0).all()
    with pytest.raises(ValueError, match="must be one of 0, 1, … 3"):
        program([4], [0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: GPT(5)([]), "^a GPT of context 16 takes 1 to 16 tokens, got 0$"),
        (lambda: GPT(5, context=2)([0, 1, 2]), "a GPT of context 2 takes 1 to 2 tokens, got 3"),
        (lambda: GPT(5)([0, 5]), r"Embedding\(5, 16\) takes whole numbers from 0 to 4, got 5"),
        (lambda: GPT(5, context=0), "a GPT's context is a whole number above 0, got 0"),
        (lambda: GPT(5, layers=0), "a GPT's number of layers is a whole number above 0, got 0"),
        (lambda: GPT(5, heads=3), "num_heads must divide embed_dim, got 3 for 16"),
    ],
)
def test_unfit_arguments_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
