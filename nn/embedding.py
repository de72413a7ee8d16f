"""Embedding: a vector to learn for each of some things."""

from numbers import Integral
from random import Random
from typing import Any

from autograd import Value, take
from nn import init
from nn.checks import positive_count
from nn.module import Module
from nn.shapes import is_sequence, name


class Embedding(Module):
    """A table of vectors: thing number k, such as a word, has row k.

    Args:
        num_embeddings: how many things there are.
        embedding_dim: how many numbers a vector has.
        padding_idx: a thing that stands for nothing: its vector begins as 0 and is not trained.
        seed: what the random numbers depend on, which are standard normal: a number, a
            random.Random, or None for new ones each time.

    Shapes:
        input: a whole number from 0 to num_embeddings - 1, or nested lists of such, or inputs of
            a function that is compiled; a negative padding_idx counts from the end.
        result: for each number a vector of embedding_dim, nested as the input is.
        weight: [thing][feature].

    Raises:
        ValueError: if a size is not positive, or there is no such thing.
        TypeError: if a thing is not a whole number.

    Follows torch.nn.Embedding.

    >>> table = Embedding(10, 2, seed=0)
    >>> sentence = table([7, 3, 7])
    >>> sentence[0][1] is table.weight[7][1]
    True
    >>> (sentence[0][1] + sentence[2][1]).backward()
    >>> table.weight[7][1].grad
    2.0
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        seed: int | Random | None = None,
    ) -> None:
        rows = positive_count("an Embedding's num_embeddings", num_embeddings)
        self.num_embeddings = rows
        self.embedding_dim = positive_count("an Embedding's embedding_dim", embedding_dim)
        rng = init.generator(seed)
        self.weight = init.parameters(lambda: rng.gauss(0.0, 1.0), rows, self.embedding_dim)
        self.padding_idx = None
        if padding_idx is not None:
            if padding_idx not in range(-rows, rows):
                raise ValueError(f"padding_idx is one of the {rows} things, got {padding_idx!r}")
            self.padding_idx = padding_idx % rows
            for parameter in self.weight[self.padding_idx]:
                parameter.data = 0.0

    def forward(self, input: Any) -> Any:
        """Return the vector of every thing in the input."""
        if is_sequence(input):
            return [self.forward(thing) for thing in input]
        return self._vector(input)

    def _vector(self, thing: Any) -> list[Value]:
        if hasattr(thing, "__pick__"):  # not known yet: the function is being compiled
            return take(self._table(), thing)
        if isinstance(thing, bool) or not isinstance(thing, Integral):
            raise TypeError(f"{name(self)} takes whole numbers, got {thing!r}")
        row, last = int(thing), self.num_embeddings - 1
        if not 0 <= row <= last:
            raise ValueError(f"{name(self)} takes whole numbers from 0 to {last}, got {row}")
        return self._row(row)

    def _table(self) -> list[list[Value]]:
        return [self._row(row) for row in range(self.num_embeddings)]

    def _row(self, row: int) -> list[Value]:
        vector: list[Value] = self.weight[row]
        if row == self.padding_idx:
            return [parameter.detach() for parameter in vector]
        return list(vector)

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
