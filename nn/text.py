"""Text for language models: characters as numbers, a baseline to beat, and new texts drawn.

A text, such as a name, is a sequence of tokens: whole numbers, one per character, between two
boundaries, which are token 0. A language model is given the tokens so far and returns a logit for
every token that may come next. Its loss is the mean over all the tokens that it had to foretell,
in nats per character; the boundary at the end is one of them, the one at the beginning is not.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

from autograd import softmax
from nn.checks import positive_count
from nn.init import generator

BOUNDARY = 0
"""The token before and after every text."""

Tokens = Sequence[int]
Reader = Callable[[int], Sequence[Any]]
"""Given the next token of a text, it returns the logits of the one after: it remembers the rest."""

Entry = TypeVar("Entry")


class Alphabet:
    """The characters of some texts, in order, as the numbers from 1 on; 0 is the boundary.

    Args:
        texts: they tell which characters there are.

    Attributes:
        characters: in order.
        symbols: how to show each token: a character as itself, a space as ␣, the boundary as ·.

    >>> alphabet = Alphabet(["ba", "ca"])
    >>> alphabet.characters, len(alphabet)
    ('abc', 4)
    >>> alphabet.encode("cab")
    [0, 3, 1, 2, 0]
    >>> alphabet.decode([0, 3, 1, 2, 0])
    'cab'
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.characters = "".join(sorted(set().union(*texts)))
        self.symbols = ["·", *self.characters.replace(" ", "␣")]
        self._tokens = {character: 1 + k for k, character in enumerate(self.characters)}

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return 1 + len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens, between two boundaries.

        Raises:
            ValueError: if a character is not in the alphabet.
        """
        unknown = [character for character in text if character not in self._tokens]
        if unknown:
            raise ValueError(
                f"the alphabet has no {unknown[0]!r}, which is in {text!r}: "
                f"it has {self.characters!r}"
            )
        return [BOUNDARY, *(self._tokens[character] for character in text), BOUNDARY]

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of some tokens, boundaries left out."""
        return "".join(self.characters[token - 1] for token in tokens if token != BOUNDARY)

    def __repr__(self) -> str:
        """Show the characters."""
        return f"Alphabet({self.characters!r})"


class Bigrams:
    """Which token follows which, counted: the baseline for a language model to beat.

    After token a comes b with the probability (n(a b) + smoothing) / (n(a) + smoothing · size),
    where n tells how often it did. It knows one character back, and nothing of what was before.

    Args:
        texts: the tokens of texts, with their boundaries.
        size: how many tokens there are.
        smoothing: what is added to every count, so that what was never seen is possible.

    Attributes:
        counts: how often each token, a row each, was followed by each.

    Raises:
        ValueError: if the size or the smoothing is not positive.

    Laplace's rule of succession; Jurafsky and Martin, "Speech and Language Processing" (3rd
    edition draft), chapter 3, equation 3.24.

    >>> bigrams = Bigrams([[0, 1, 1, 0]], size=2)
    >>> bigrams.probabilities(1)
    [0.5, 0.5]
    >>> print(f"{bigrams.loss([[0, 1, 0]]):.4f}")  # (-log 2/3 - log 1/2) / 2
    0.5493
    """

    def __init__(self, texts: Iterable[Tokens], size: int, smoothing: float = 1.0) -> None:
        positive_count("the number of tokens", size)
        if not smoothing > 0.0:
            raise ValueError(f"the smoothing is a number above 0, got {smoothing!r}")
        self.smoothing = smoothing
        self.counts = [[0] * size for _ in range(size)]
        for tokens in texts:
            for token, following in pairwise(tokens):
                self.counts[token][following] += 1

    def probabilities(self, token: int) -> list[float]:
        """Return the probability of each token to come after this one."""
        smoothed = [count + self.smoothing for count in self.counts[token]]
        total = sum(smoothed)
        return [count / total for count in smoothed]

    def logits(self, token: int) -> list[float]:
        """Return their logarithms: as a `Reader`, it draws texts with `generate`."""
        return [math.log(probability) for probability in self.probabilities(token)]

    def loss(self, texts: Iterable[Tokens]) -> float:
        """Return the mean of minus the logarithm of a token's probability, over all the texts.

        Raises:
            ValueError: if there is nothing to foretell.
        """
        table = [self.logits(token) for token in range(len(self.counts))]
        losses = [
            -table[token][following] for tokens in texts for token, following in pairwise(tokens)
        ]
        if not losses:
            raise ValueError("there are no tokens to foretell: give texts of two tokens or more")
        return math.fsum(losses) / len(losses)


def predictions(texts: Iterable[Tokens]) -> int:
    """Return how many tokens of some texts are to be foretold: all but the first of each.

    >>> predictions([[0, 3, 0], [0, 1, 2, 0]])
    5
    """
    return sum(len(tokens) - 1 for tokens in texts)


def windows(tokens: Tokens, length: int) -> list[tuple[list[int], list[int]]]:
    """Return a long text in stretches: the inputs, and the tokens to foretell, one further on.

    The last stretch may be shorter.

    Args:
        tokens: the text, or several one after the other.
        length: how many inputs a stretch has.

    Raises:
        ValueError: if the length is not positive.

    >>> windows([0, 1, 2, 3, 0], length=3)
    [([0, 1, 2], [1, 2, 3]), ([3], [0])]
    """
    positive_count("the length of a window", length)
    last = len(tokens) - 1
    return [
        (
            list(tokens[start : min(start + length, last)]),
            list(tokens[start + 1 : start + 1 + length]),
        )
        for start in range(0, last, length)
    ]


def hold_out(
    entries: Sequence[Entry], share: float = 0.1, *, seed: int | Random | None = None
) -> tuple[list[Entry], list[Entry]]:
    """Return entries to learn from, in mixed order, and others held out to be judged by.

    Args:
        entries: such as texts.
        share: which share of them to hold out; at least one.
        seed: what the choice depends on: a number, a random.Random, or None for a new one.

    Raises:
        ValueError: if the share is not between 0 and 1, or nothing is left to learn from.

    >>> training, held_out = hold_out("abcdefghij", 0.2, seed=0)
    >>> len(training), len(held_out), "".join(sorted(training + held_out))
    (8, 2, 'abcdefghij')
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"the share to hold out is between 0 and 1, got {share!r}")
    mixed = list(entries)
    generator(seed).shuffle(mixed)
    count = max(1, round(share * len(mixed)))
    if count >= len(mixed):
        raise ValueError(f"of {len(mixed)} entries, {count} can't be held out: none is left")
    return mixed[count:], mixed[:count]


def draw(
    logits: Sequence[Any], temperature: float = 1.0, *, seed: int | Random | None = None
) -> int:
    """Return a token drawn by its logit: with the probability softmax(logits / temperature).

    Args:
        logits: one per token, numbers or Values.
        temperature: below 1, likely tokens become likelier; 0 takes the likeliest, the first of
            several; above 1, tokens become more alike.
        seed: what the draw depends on: a number, a random.Random, or None for a new one.

    Raises:
        ValueError: if the temperature is below 0, or there are no logits.

    >>> rng = Random(0)
    >>> [draw([0.0, 2.0, 1.0], seed=rng) for _ in range(10)]
    [2, 2, 1, 1, 1, 1, 2, 1, 1, 1]
    >>> draw([0.0, 2.0, 1.0], temperature=0.0)
    1
    """
    if not 0.0 <= temperature < math.inf:
        raise ValueError(f"a temperature is a number from 0 on, got {temperature!r}")
    numbers = [float(logit) for logit in logits]
    if not numbers:
        raise ValueError("draw needs logits, got none")
    if temperature == 0.0:
        return max(range(len(numbers)), key=numbers.__getitem__)
    peak = max(numbers)  # taken off first: a division by a tiny temperature would give inf - inf
    shares = softmax([(number - peak) / temperature for number in numbers])
    return generator(seed).choices(range(len(shares)), shares)[0]


def generate(
    read: Reader,
    *,
    longest: int,
    temperature: float = 1.0,
    seed: int | Random | None = None,
) -> list[int]:
    """Return a new text token by token, without its boundaries, each drawn after those before.

    Args:
        read: a language model at the beginning of a text.
        longest: how many tokens to draw at most.
        temperature: as for `draw`.
        seed: as for `draw`; the same number gives the same text.

    Raises:
        ValueError: as for `draw`, or if longest is not positive.

    >>> bigrams = Bigrams([[0, 1, 2, 0]], size=3, smoothing=0.001)
    >>> generate(bigrams.logits, longest=10, seed=0)
    [1, 2]
    """
    positive_count("the length of the longest text", longest)
    rng = generator(seed)
    tokens: list[int] = []
    token = BOUNDARY
    while len(tokens) < longest:
        token = draw(read(token), temperature, seed=rng)
        if token == BOUNDARY:
            break
        tokens.append(token)
    return tokens
