"""Language models: texts as rows, their loss, and the recipe that makes up names."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
import nn
import nn.recipes.names
import nn.training
import optim
from nn.recipes import Data
from nn.recipes.language import filled, language_loss, unfilled
from nn.recipes.names import Names, Speller, bigram_loss
from nn.text import Bigrams

NAMES = ("abba", "a", "bacca", "cab", "bb", "cc", "acacb", "ba", "ca", "bcb", "aab", "ccb")
LONGEST = 6  # positions


class Few(Names):
    """The recipe with a dozen names and a tiny GPT."""

    names = NAMES

    def model(self, seed: int) -> Speller:
        return Speller(4, context=LONGEST, width=4, heads=2, seed=seed)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.recipes.names, "CONTEXT", LONGEST)


def rows(names: Sequence[str]) -> Any:
    return filled([Few().alphabet.encode(name) for name in names], LONGEST)


def names_of(texts: Any) -> list[str]:
    return [Few().alphabet.decode(row) for row in texts[0]]


def model(seed: int = 0) -> Speller:
    gpt = Few().model(seed)
    for parameter in gpt.parameters():
        parameter.data *= 5.0
    return gpt


def test_the_loss_is_the_mean_over_all_tokens() -> None:
    gpt, (texts, targets) = model(), rows(["abba", "c"])
    losses = []
    for name in ("abba", "c"):
        tokens = Few().alphabet.encode(name)
        for logits, token in zip(gpt(tokens[:-1]), tokens[1:], strict=True):
            exponentials = [math.exp(logit.data) for logit in logits]
            losses.append(-math.log(exponentials[token] / sum(exponentials)))
    assert len(losses) == 5 + 2
    found = language_loss([gpt(text) for text in texts], targets)
    assert found.data == pytest.approx(np.mean(losses), rel=1e-14)


def test_what_is_filled_in_is_not_read() -> None:
    gpt, (texts, _) = model(), rows(["a", "abba"])
    assert [len(row) for row in texts] == [LONGEST, LONGEST]
    assert [len(gpt(row)) for row in texts] == [2, 5]
    assert unfilled([0, 0, 0]) == [0]
    assert [Few().alphabet.decode(unfilled(row)) for row in texts] == ["a", "abba"]


def trained(compile: bool) -> tuple[Any, Any]:
    gpt = model()
    optimizer = optim.Adam(gpt.parameters(), lr=0.01)
    history = nn.fit(
        gpt, rows(NAMES[:9]), language_loss, optimizer, epochs=2, batch_size=4, seed=0,
        validation=rows(NAMES[9:]), compile=compile,
    )  # fmt: skip
    return history.loss + history.validation_loss, list(gpt.state_dict().values())


def test_compiled_training_is_that_of_the_graph() -> None:
    (losses, weights), (its_losses, its_weights) = trained(False), trained(True)
    np.testing.assert_allclose(its_losses, losses, rtol=1e-12)
    np.testing.assert_allclose(its_weights, weights, rtol=1e-11, atol=1e-12)
    assert len(set(losses)) == len(losses)


def test_compiled_gradients_are_those_of_the_graph() -> None:
    gpt, (texts, targets) = model(), rows(["abba", "c", "bcb"])
    language_loss([gpt(text) for text in texts], targets).backward()
    by_graph = [parameter.grad for parameter in gpt.parameters()]
    gpt.zero_grad()
    program = autograd.compile(lambda text, target: language_loss([gpt(text)], [target]))
    program.backward(texts, targets)
    compiled = [parameter.grad for parameter in gpt.parameters()]
    np.testing.assert_allclose(compiled, by_graph, rtol=1e-12, atol=1e-15)


# The recipe.


@pytest.mark.parametrize("compile", [False, True])
def test_the_same_seed_gives_the_same_to_the_bit(compile: bool) -> None:
    def outcome(seed: int) -> tuple[Any, ...]:
        result = Few().train(seed=seed, epochs=2, compile=compile, progress=False)
        return result.findings, result.history, result.model.state_dict()

    first = outcome(1)
    assert outcome(1) == first
    assert all(mine != its for mine, its in zip(first, outcome(2), strict=True))


@pytest.mark.parametrize("compile", [False, True])
def test_a_training_that_was_interrupted_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compile: bool
) -> None:
    measure: Any = nn.training._Trainer.measure
    measured = []

    def interrupted(trainer: Any, batch: Any) -> Any:
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(measure(trainer, batch))
        return measured[-1]

    def outcome(checkpoint: Path | None) -> tuple[Any, ...]:
        result = Few().train(
            epochs=4, compile=compile, progress=False, checkpoint=checkpoint, batch_size=4
        )
        return result.history, result.model.state_dict()

    with monkeypatch.context() as patch:
        patch.setattr(nn.training._Trainer, "measure", interrupted)
        assert outcome(tmp_path / "run.json")[0].stopped == "interrupted"
    assert outcome(tmp_path / "run.json") == outcome(None)
    assert outcome(tmp_path / "run.json") == outcome(None)


def test_the_pictures(tmp_path: Path) -> None:
    result = Few().train(epochs=1, folder=tmp_path / "new", progress=False)
    assert [path.name for path in result.files] == [
        "names-training.png", "names-attention.png", "names-letters.png"
    ]  # fmt: skip
    for path in result.files:
        assert min(struct.unpack(">II", path.read_bytes()[16:24])) > 500


@pytest.mark.parametrize(("optimizer", "beta"), [("Adam", 0.85), ("AdamW", 0.85), ("Lion", 0.9)])
def test_adam_has_the_betas_of_microgpt(optimizer: str, beta: float) -> None:
    few = Few()
    made = few.optimizer(few.model(seed=0), few.settings(optimizer=optimizer))
    assert made.param_groups[0]["betas"][0] == beta


def test_the_rate_falls_to_zero_from_step_to_step(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []

    class Watched(optim.SGD):
        def step(self) -> None:
            rates.append(self.param_groups[0]["lr"])
            super().step()

    monkeypatch.setattr(
        Few, "optimizer", lambda self, model, settings: Watched(model.parameters(), settings.lr)
    )
    Few().train(epochs=3, batch_size=4, lr=0.1, progress=False)
    assert rates == pytest.approx([0.1 * (1.0 - k / 9) for k in range(9)])


def test_the_findings_tell_the_losses_of_every_epoch_and_new_names() -> None:
    result = Few().train(epochs=2, progress=False)
    first, heading, *epochs, made_up = result.findings.splitlines()
    history, bigrams = result.history, bigram_loss(result.data)
    assert first == (
        f"held-out loss {history.validation_loss[1]:.4f} nats a letter, "
        f"that of bigrams {bigrams:.4f}"
    )
    assert heading.split() == ["epoch", "training", "held", "out"]
    assert [line.split() for line in epochs] == [
        [str(k + 1), f"{history.loss[k]:.4f}", f"{history.validation_loss[k]:.4f}"] for k in (0, 1)
    ]
    names = made_up.removeprefix("made up: ").split(", ")
    assert len(names) == 20
    assert all(name.endswith("*") == (name.strip("*") in NAMES) for name in names)
    assert any(name.endswith("*") for name in names)


def test_the_baseline_counts_the_names_that_are_not_held_out() -> None:
    data = Few().data(seed=0)
    assert data.held_out is not None
    counted, held_out = (
        [Few().alphabet.encode(name) for name in names_of(rows)]
        for rows in (data.training, data.held_out)
    )
    assert len(counted) == 11
    assert len(held_out) == 1
    assert bigram_loss(data) == Bigrams(counted, 4).loss(held_out)


def test_it_learns_what_no_bigrams_can_know(monkeypatch: pytest.MonkeyPatch) -> None:
    class Second(Few):
        """After a comes what comes before it: bigrams have to guess."""

        names = tuple(f"{x}a{x}" for x in "bcdef")

        def model(self, seed: int) -> Speller:
            return Speller(7, context=4, width=6, heads=1, seed=seed)

        def data(self, seed: int) -> Data:
            known = filled([self.alphabet.encode(name) for name in self.names], 4)
            return Data(known, known, classes=self.alphabet.symbols)

    monkeypatch.setattr(nn.recipes.names, "CONTEXT", 4)
    result = Second().train(epochs=150, batch_size=5, lr=0.03, compile=True, progress=False)
    least = math.log(5) / 4  # the first letter is a matter of chance
    assert least < result.history.validation_loss[-1] < least + 0.1
    assert bigram_loss(result.data) > least + 0.3
