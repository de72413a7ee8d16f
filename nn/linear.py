"""Linear: weighted sums of the inputs."""

from random import Random
from typing import Any

from autograd import Value, dot
from nn import init
from nn.checks import positive_count
from nn.module import Module
from nn.shapes import each


class Linear(Module):
    """Weighted sums: y = W · x + b.

    Args:
        in_features: how many numbers a vector has.
        out_features: how many it has afterwards.
        bias: whether to add b.
        seed: what the random numbers depend on: a number, a random.Random, or None for new ones
            each time. Both W and b begin evenly within ±1/sqrt(in_features).

    Shapes:
        x: a vector of in_features numbers, or nested lists of such.
        result: vectors of out_features, nested as x is.
        weight: [output][input]; bias: [output], or None.

    Raises:
        ValueError: if a number is not positive, or x has another shape.

    Follows torch.nn.Linear.

    >>> layer = Linear(2, 1)
    >>> layer.load_state_dict({"weight[0][0]": 3.0, "weight[0][1]": -1.0, "bias[0]": 0.5})
    >>> layer([1.0, 2.0])[0].data
    1.5
    >>> [output.data for (output,) in layer([[1.0, 2.0], [0.0, 0.0]])]
    [1.5, 0.5]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        seed: int | Random | None = None,
    ) -> None:
        self.in_features = positive_count("a Linear's in_features", in_features)
        self.out_features = positive_count("a Linear's out_features", out_features)
        rng = init.generator(seed)
        bound = self.in_features**-0.5
        self.weight = init.uniform(rng, bound, self.out_features, self.in_features)
        self.bias = init.uniform(rng, bound, self.out_features) if bias else None

    def forward(self, x: Any) -> Any:
        """Return W · x + b of every vector in x."""
        return each(
            self, x, (self.in_features,), lambda vector: affine(self.weight, vector, self.bias)
        )

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        without = "" if self.bias else ", bias=False"
        return f"{self.in_features}, {self.out_features}{without}"


def affine(weight: list[list[Value]], x: list[Value], bias: list[Value] | None) -> list[Value]:
    """Return W · x + b: one sum per row of W.

    >>> affine([[Value(2.0), Value(1.0)]], [Value(3.0), Value(4.0)], None)[0].data
    10.0
    """
    sums = [dot(row, x) for row in weight]
    return sums if bias is None else [total + b for total, b in zip(sums, bias, strict=True)]
