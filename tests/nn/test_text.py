"""Text as tokens, bigrams, and texts that are drawn."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn.recipes.places import folded, place_names
from nn.text import Alphabet, Bigrams, draw, generate, hold_out, predictions, windows


@given(st.lists(st.text(), min_size=1))
def test_what_is_encoded_comes_back(texts: list[str]) -> None:
    alphabet = Alphabet(texts)
    assert len(alphabet) == len(alphabet.symbols) == 1 + len(set("".join(texts)))
    for text in texts:
        tokens = alphabet.encode(text)
        assert (tokens[0], tokens[-1]) == (0, 0)
        assert all(0 < token < len(alphabet) for token in tokens[1:-1])
        assert alphabet.decode(tokens) == text


def test_an_unknown_character_is_named() -> None:
    with pytest.raises(ValueError, match=r"^the alphabet has no 'c', which is in 'abc': it has"):
        Alphabet(["ab"]).encode("abc")


def test_bigrams_by_hand() -> None:
    # · a b ·  and  · a a ·: after · comes a twice; after a: b, a, ·; after b: ·.
    bigrams = Bigrams([[0, 1, 2, 0], [0, 1, 1, 0]], size=3)
    assert bigrams.counts == [[0, 2, 0], [1, 1, 1], [1, 0, 0]]
    assert bigrams.probabilities(0) == pytest.approx([1 / 5, 3 / 5, 1 / 5])
    assert bigrams.probabilities(1) == pytest.approx([2 / 6, 2 / 6, 2 / 6])
    assert bigrams.probabilities(2) == pytest.approx([2 / 4, 1 / 4, 1 / 4])
    expected = -(math.log(1 / 5) + math.log(1 / 4) + math.log(3 / 5) + math.log(2 / 6)) / 4
    assert bigrams.loss([[0, 2, 1], [0, 1, 0]]) == pytest.approx(expected, rel=1e-15)


def test_less_smoothing_trusts_the_counts_more() -> None:
    text = [[0, 1, 2, 1, 2, 0]]
    losses = [Bigrams(text, 3, smoothing).loss(text) for smoothing in (1e-9, 0.1, 1.0)]
    assert losses == sorted(losses)
    assert losses[0] == pytest.approx(2 * math.log(2) / 5, abs=1e-6)  # after 2 comes 1, or 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Bigrams([], 0), "the number of tokens is a whole number above 0, got 0"),
        (lambda: Bigrams([], 2, 0.0), "the smoothing is a number above 0, got 0.0"),
        (lambda: Bigrams([], 2).loss([[0]]), "no tokens to foretell"),
        (lambda: windows([0, 1], 0), "the length of a window is a whole number above 0"),
        (lambda: hold_out([1, 2], 1.0), "between 0 and 1, got 1.0"),
        (lambda: hold_out([1]), "of 1 entries, 1 can't be held out"),
        (lambda: draw([0.0], -1.0), "a temperature is a number from 0 on, got -1.0"),
        (lambda: draw([0.0], math.nan), "a temperature is a number from 0 on, got nan"),
        (lambda: draw([]), "draw needs logits, got none"),
        (lambda: generate(lambda token: [0.0], longest=0), "a whole number above 0, got 0"),
    ],
)
def test_unfit_arguments_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@given(st.lists(st.integers(0, 9), min_size=2), st.integers(1, 5))
def test_windows_foretell_every_token_but_the_first_once(tokens: list[int], length: int) -> None:
    found = windows(tokens, length)
    assert [token for inputs, _ in found for token in inputs] == tokens[:-1]
    assert [token for _, targets in found for token in targets] == tokens[1:]
    assert all(len(inputs) == len(targets) == length for inputs, targets in found[:-1])
    assert sum(len(targets) for _, targets in found) == predictions([tokens])


def test_a_seed_chooses_what_is_held_out() -> None:
    entries = list(range(100))
    training, held_out = hold_out(entries, 0.25, seed=1)
    assert (len(held_out), sorted(training + held_out)) == (25, entries)
    assert hold_out(entries, 0.25, seed=1) == (training, held_out)
    assert hold_out(entries, 0.25, seed=2)[1] != held_out


def test_draws_follow_the_softmax() -> None:
    rng, logits = Random(0), [Value(0.0), Value(math.log(3.0)), Value(-math.inf)]
    counts = Counter(draw(logits, seed=rng) for _ in range(4000))
    assert counts[1] / 4000 == pytest.approx(0.75, abs=0.03)
    assert counts[2] == 0
    cold = Counter(draw(logits, 0.5, seed=rng) for _ in range(4000))
    assert cold[1] / 4000 == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("temperature", [0.0, 1e-320])
def test_without_temperature_the_first_of_the_likeliest_is_taken(temperature: float) -> None:
    assert draw([1.0, 2.0, 1.5], temperature) == 1
    assert draw([-math.inf, 700.0, 2.0], temperature) == 1
    assert draw([2.0, 1.0, 2.0], 0.0) == 0


def test_a_text_ends_at_a_boundary_or_when_it_is_long_enough() -> None:
    following = {0: 1, 1: 2, 2: 0}

    def read(token: int) -> list[float]:
        return [0.0 if other == following[token] else -math.inf for other in range(3)]

    assert generate(read, longest=10) == [1, 2]
    following[2] = 1
    assert generate(read, longest=5) == [1, 2, 1, 2, 1]


def test_the_same_seed_draws_the_same_text() -> None:
    bigrams = Bigrams([[0, 1, 2, 3, 0], [0, 3, 1, 0]], size=4)
    texts = [generate(bigrams.logits, longest=20, seed=seed) for seed in (0, 0, *range(1, 9))]
    assert texts[0] == texts[1]
    assert len(set(map(tuple, texts))) > 5


def test_names_of_places_are_short_different_and_of_few_letters() -> None:
    names = place_names()
    assert names == sorted(set(names))
    assert 3500 < len(names) < 6000
    assert max(map(len, names)) == 15
    assert set("".join(names)) == set("abcdefghijklmnopqrstuvwxyz -'")
    assert max(map(len, place_names(longest=5))) == 5


def test_accents_are_taken_off() -> None:
    assert folded("Đồng Nai") == "dong nai"
    assert folded("Şāʻdah") == "sa'dah"
    assert folded("Suðurnesjabær") == "sudurnesjabaer"
    assert folded("Iğdır") == "igdir"
    assert folded("İzmir") == "izmir"
