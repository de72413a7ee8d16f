"""The LSTM that makes up names, and truncated backpropagation through time."""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import nn
import nn.recipes.names_lstm
import optim
from autograd import cli
from nn.recipes import RECIPES, search
from nn.recipes.language import filled, language_loss
from nn.recipes.names import Names, bigram_loss
from nn.recipes.names_lstm import NamesLSTM, RunningSpeller, running
from nn.recipes.truncation import Bias, draw_biases, truncation_biases
from nn.text import Bigrams, predictions

NAMES = ("abba", "a", "bacca", "cab", "bb", "cc", "acacb", "ba", "ca", "bcb", "aab", "ccb")
STRETCH = 8


class Few(NamesLSTM):
    """The recipe with a dozen names and a tiny LSTM."""

    names = NAMES

    def model(self, seed: int) -> RunningSpeller:
        return RunningSpeller(4, width=3, hidden=4, seed=seed)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.recipes.names_lstm, "STRETCH", STRETCH)
    monkeypatch.setattr(nn.recipes.names_lstm, "MEASURED", 2)


def model(truncate: int | None = None) -> RunningSpeller:
    speller = Few().model(seed=0)
    for parameter in speller.parameters():
        parameter.data *= 3.0
    speller.lstm.truncate = truncate
    return speller


def rows(names: tuple[str, ...] = NAMES) -> Any:
    return filled(running([Few().alphabet.encode(name) for name in names], STRETCH), STRETCH)


def gradient(speller: RunningSpeller, loss: Any) -> list[float]:
    speller.zero_grad()
    loss.backward()
    return [parameter.grad for parameter in speller.parameters()]


def loss_of(speller: RunningSpeller) -> Any:
    texts, targets = rows()
    return language_loss([speller(text) for text in texts], targets)


# What truncation does.


@pytest.mark.parametrize("steps", [STRETCH, STRETCH + 1])
def test_truncation_after_the_last_letter_is_none(steps: int) -> None:
    full = gradient(speller := model(), loss_of(speller))
    truncated = gradient(speller := model(steps), loss_of(speller))
    np.testing.assert_allclose(truncated, full, rtol=1e-12)
    [bias] = truncation_biases(model(), rows(), language_loss, [steps])
    assert bias.error < 1e-12
    assert bias.cosine == pytest.approx(1.0, abs=1e-12)


def test_truncated_after_every_letter_it_is_the_last_step_by_hand() -> None:
    lstm = nn.LSTM(1, 1, truncate=1, seed=0)
    (cell,) = lstm.cells
    xs = [autograd.Value(x) for x in (0.7, -1.1, 0.4)]
    outputs, _ = lstm([[x] for x in xs])
    outputs[-1][0].backward()

    def bent(h: float, x: float) -> list[float]:
        sums = [
            w.data * x + u.data * h + a.data + b.data
            for [w], [u], a, b in zip(
                cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh, strict=True
            )
        ]
        i, f, _, o = (1.0 / (1.0 + math.exp(-x)) for x in sums)
        return [i, f, math.tanh(sums[2]), o]

    h = c = 0.0
    for x in (0.7, -1.1, 0.4):
        before_h, before_c = h, c
        i, f, g, o = bent(h, x)
        c = f * c + i * g
        h = o * math.tanh(c)
    assert outputs[-1][0].data == pytest.approx(h, rel=1e-14)
    into_c = o * (1.0 - math.tanh(c) ** 2)
    slopes = [
        into_c * g * i * (1.0 - i),
        into_c * before_c * f * (1.0 - f),
        into_c * i * (1.0 - g * g),
        math.tanh(c) * o * (1.0 - o),
    ]
    found = {name: parameter.grad for name, parameter in cell.named_parameters()}
    for k, slope in enumerate(slopes):
        assert found[f"weight_ih[{k}][0]"] == pytest.approx(slope * 0.4, rel=1e-13)
        assert found[f"weight_hh[{k}][0]"] == pytest.approx(slope * before_h, rel=1e-13)
        assert found[f"bias_hh[{k}]"] == pytest.approx(slope, rel=1e-13)
    assert [x.grad == 0.0 for x in xs] == [True, True, False]


@pytest.mark.parametrize(
    ("truncate", "seen"), [(1, [5]), (2, [4, 5]), (4, [4, 5]), (5, [5]), (None, [*range(6)])]
)
def test_the_gradient_ends_where_the_state_is_detached(
    truncate: int | None, seen: list[int]
) -> None:
    lstm = nn.LSTM(1, 2, truncate=truncate, seed=0)
    xs = [autograd.Value(1.0) for _ in range(6)]
    outputs, _ = lstm([[x] for x in xs])
    autograd.sum(outputs[-1]).backward()
    assert [k for k, x in enumerate(xs) if x.grad != 0.0] == seen


def test_truncation_leaves_the_outputs_and_the_heads_gradient_as_they_are() -> None:
    full, truncated = model(), model(2)
    losses = [loss_of(speller) for speller in (full, truncated)]
    assert losses[0].data == losses[1].data
    for speller, loss in zip((full, truncated), losses, strict=True):
        gradient(speller, loss)
    heads = [[p.grad for p in speller.head.parameters()] for speller in (full, truncated)]
    np.testing.assert_allclose(heads[1], heads[0], rtol=1e-12)
    below = [[p.grad for p in speller.lstm.parameters()] for speller in (full, truncated)]
    assert not np.allclose(below[1], below[0], rtol=0.01)


def test_the_bias_is_that_of_numpy_and_leaves_the_model_as_it_was() -> None:
    speller = model(5)
    biases = truncation_biases(speller, rows(), language_loss, [1, 4])
    assert speller.lstm.truncate == 5
    assert {parameter.grad for parameter in speller.parameters()} == {0.0}
    count = len(speller.head.parameters())
    full = np.array(gradient(speller := model(), loss_of(speller)))[:-count]
    for bias, steps in zip(biases, (1, 4), strict=True):
        short = np.array(gradient(speller := model(steps), loss_of(speller)))[:-count]
        length = np.linalg.norm(full)
        error = np.linalg.norm(short - full) / length
        cosine = short @ full / (np.linalg.norm(short) * length)
        assert (bias.steps, bias.error) == (steps, pytest.approx(error, rel=1e-12))
        assert bias.cosine == pytest.approx(cosine, rel=1e-12)
    assert biases[0].error > biases[1].error > 0.01


# The running text.


@given(
    st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6), min_size=1), st.integers(7, 20)
)
def test_stretches_are_whole_texts_one_after_the_other(
    letters: list[list[int]], length: int
) -> None:
    texts = [[0, *text, 0] for text in letters]
    stretches = running(texts, length)
    assert [0, *(token for stretch in stretches for token in stretch[1:])] == [
        0, *(token for text in texts for token in text[1:])
    ]  # fmt: skip
    assert all(stretch[0] == stretch[-1] == 0 for stretch in stretches)
    assert all(len(stretch) <= length + 1 for stretch in stretches)
    assert predictions(stretches) == predictions(texts)
    for stretch, following in pairwise(stretches):
        assert len(stretch) + following.index(0, 1) > length + 1  # there was no room


def test_the_baseline_is_that_of_the_gpt() -> None:
    class FewForGPT(Names):
        names = NAMES

    assert bigram_loss(Few().data(seed=1)) == bigram_loss(FewForGPT().data(seed=1))
    assert bigram_loss(Few().data(seed=1)) != Bigrams([], 4).loss([[0, 1, 0]])


def test_the_state_goes_on_from_name_to_name() -> None:
    speller = model()
    alone, after = speller([0, 2, 2]), speller([0, 1, 0, 2, 2])
    assert not np.allclose(
        [logit.data for logit in alone[-1]], [logit.data for logit in after[-1]], rtol=1e-3
    )


def test_read_letter_by_letter_it_says_the_same() -> None:
    speller, text = model(), [0, 1, 3, 0, 2]
    read = speller.reader()
    by_letter = [[logit.data for logit in read(token)] for token in text]
    assert by_letter == [[logit.data for logit in logits] for logits in speller(text)]


# Compiled.


def test_compiled_gradients_are_those_of_the_graph() -> None:
    speller, (texts, targets) = model(3), rows()
    by_graph = gradient(speller, loss_of(speller))
    speller.zero_grad()
    program = autograd.compile(lambda text, target: language_loss([speller(text)], [target]))
    program.backward(texts, targets)
    compiled = [parameter.grad for parameter in speller.parameters()]
    np.testing.assert_allclose(compiled, by_graph, rtol=1e-12, atol=1e-15)


def test_compiled_training_is_that_of_the_graph() -> None:
    outcomes = []
    for compile in (False, True):
        speller = model(3)
        optimizer = optim.Adam(speller.parameters(), lr=0.01)
        history = nn.fit(
            speller, rows(NAMES[:9]), language_loss, optimizer, epochs=2, batch_size=2, seed=0,
            validation=rows(NAMES[9:]), compile=compile,
        )  # fmt: skip
        outcomes.append([*history.loss, *history.validation_loss, *speller.state_dict().values()])
    np.testing.assert_allclose(outcomes[1], outcomes[0], rtol=1e-10, atol=1e-12)


# The recipe.


def test_it_tells_and_draws_what_came_out(tmp_path: Path) -> None:
    result = Few().train(epochs=2, truncation=2, folder=tmp_path, progress=False)
    *_, made_up, told = result.findings.splitlines()
    assert made_up.startswith("made up: ")
    errors = [biases[0].error for _, biases in Few().biases(result, [2])]
    assert told == (
        f"truncated after 2 letters, the gradient is off by {errors[0]:.1%} untrained, "
        f"{errors[1]:.1%} trained"
    )
    assert errors[0] != errors[1]
    assert result.model.lstm.truncate == 2
    assert [path.name for path in result.files] == [
        "names-lstm-training.png", "names-lstm-bias.png"
    ]  # fmt: skip
    for path in result.files:
        assert min(struct.unpack(">II", path.read_bytes()[16:24])) > 500


def test_the_gradient_may_flow_back_through_everything() -> None:
    results = [Few().train(epochs=1, truncation=n, progress=False) for n in (STRETCH, 99)]
    assert results[0].findings == results[1].findings
    assert results[0].findings.endswith("the gradient flows back through all letters")
    assert results[0].history == results[1].history
    truncated = Few().train(epochs=1, truncation=1, progress=False)
    assert truncated.history.validation_loss != results[0].history.validation_loss


def test_another_truncation_is_another_training(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    first = Few().train(epochs=1, truncation=3, checkpoint=path, progress=False)
    again = Few().train(epochs=1, truncation=3, checkpoint=path, progress=False)
    assert again.history == first.history
    with pytest.raises(nn.LoadError, match=r"truncate=3"):
        Few().train(epochs=1, truncation=4, checkpoint=path, progress=False)


@pytest.mark.parametrize("truncation", [0, -1, 1.5])
def test_a_truncation_is_a_whole_number_above_0(truncation: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="the truncation"):
        Few().settings(truncation=truncation)


def test_other_recipes_have_no_truncation() -> None:
    with pytest.raises(TypeError, match="a recipe has no setting 'truncation'"):
        RECIPES["names"].settings(truncation=1)
    assert RECIPES["names"].defaults.own == ()


def test_the_command_takes_a_truncation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(RECIPES, "names-lstm", Few())
    assert cli.main(["train", "names-lstm", "--help"]) == 0
    assert "--truncation N" in (told := capsys.readouterr().out)
    assert "(default: 16)" in " ".join(told.split())
    arguments = ["train", "names-lstm", "--truncation", "3", "--epochs", "1", "--no-plot"]
    assert cli.main(arguments) == 0
    assert "truncated after 3 letters" in capsys.readouterr().out
    assert cli.main(["train", "names-lstm", "--truncation", "0"]) == 2
    assert "the truncation" in capsys.readouterr().err
    assert cli.main(["train", "names", "--truncation", "1"]) == 2


def test_truncations_can_be_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(RECIPES, "names-lstm", Few())
    options = ["--truncation", "1", "4", "--epochs", "1", "--jobs", "1", "--folder", str(tmp_path)]
    assert cli.main(["search", "names-lstm", *options]) == 0
    assert "--truncation" in capsys.readouterr().out
    found = search.search("names-lstm", {"truncation": [1, 4]}, epochs=1, jobs=1, progress=False)
    losses = {
        n: Few().train(epochs=1, truncation=n, progress=False).history.validation_loss[-1]
        for n in (1, 4)
    }
    assert found.best == {"truncation": min(losses, key=lambda n: losses[n])}


def test_how_it_was_trained_is_marked_where_that_was_measured() -> None:
    biases = {"untrained": [Bias(1, 0.5, 0.9), Bias(2, 0.2, 0.99)]}
    ticks = [
        [text.get_text() for text in draw_biases(biases, chosen).axes[0].get_xticklabels()]
        for chosen in (2, 3)
    ]
    assert ticks == [["1", "2\nas trained"], ["1", "2"]]
