"""Dropout: noise in training that makes neurons do without each other."""

from random import Random
from typing import Any

from autograd import Value
from autograd.nested import flatten
from nn import init
from nn.module import Module
from nn.shapes import as_nodes, name


class Dropout(Module):
    """In training, set each number to 0 with probability p, and multiply the others by 1/(1-p).

    So the mean stays what it is without dropout. After `eval()` nothing is changed.

    Args:
        p: the probability of 0.
        seed: what the choice depends on: a number, a random.Random, or None for another one each
            time. Each call goes on where the last one stopped, so a run is repeatable, and no
            two calls drop the same.

    Shapes:
        x: numbers in nested lists; the result is nested in the same way.

    Raises:
        ValueError: if p is not between 0 and 1.

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: A Simple Way to
    Prevent Neural Networks from Overfitting"; torch.nn.Dropout.

    >>> dropout = Dropout(0.5, seed=0)
    >>> [output.data for output in dropout([1.0, 2.0, 3.0, 4.0])]
    [2.0, 4.0, 0.0, 0.0]
    """

    def __init__(self, p: float = 0.5, *, seed: int | Random | None = None) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"a Dropout's p is a probability between 0 and 1, got {p!r}")
        self.p = p
        self.rng = init.generator(seed)

    def forward(self, x: Any) -> Any:
        """Return the numbers of which, in training, some are dropped."""
        if not self.training or self.p == 0.0:
            return as_nodes(name(self), x)
        init.refuse_when_traced(f"{name(self)} in training")
        numbers, nested = flatten(as_nodes(name(self), x))
        return nested([self._dropped(value) for value in numbers])

    def _dropped(self, value: Value) -> Value:
        factor = 0.0 if self.rng.random() < self.p else 1.0 / (1.0 - self.p)
        result: Value = value * factor
        return result

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        return f"p={self.p:g}"
