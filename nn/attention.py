"""Attention: every position of a sequence takes from the others what it looks for."""

from collections.abc import Callable
from random import Random
from typing import Any

from autograd import Value, dot, mean, softmax
from nn import init
from nn.activations import Activation
from nn.checks import positive_count
from nn.dropout import Dropout
from nn.elementwise import Elementwise
from nn.linear import Linear, affine
from nn.module import Module
from nn.normalization import LayerNorm, RMSNorm
from nn.shapes import checked, each, name

Vectors = list[list[Any]]


class MultiheadAttention(Module):
    """Each position asks, all positions answer: softmax(Q · Kᵀ / sqrt(d)) · V, in several heads.

    Every position has a query q, a key k and a value v, which are linear functions of its
    vector. Position i takes from position j the share softmax over j of q_i · k_j / sqrt(d) of
    its value, where d is the length of a head. The heads divide the vectors between them; what
    they found is put side by side and goes through a last linear layer.

    Args:
        embed_dim: how many numbers a vector has.
        num_heads: how many heads; it divides embed_dim.
        bias: whether the linear functions have biases, which begin as 0.
        seed: what the random weights depend on: a number, a random.Random, or None for new ones
            each time. Those of Q, K and V begin as by Xavier.

    Shapes:
        query: [position][feature], a sequence of vectors of embed_dim.
        key, value: sequences of such too, of equal lengths; the query if left out, so that the
            sequence attends to itself.
        is_causal: whether position i sees only the positions up to i.
        result: the outputs [position][feature], and the shares, which are the means over the
            heads, [query position][key position], or those of each head,
            [head][query position][key position], if average_attn_weights is False; None if
            need_weights is.
        in_proj_weight: [3 * embed_dim][feature], those of Q, then K, then V;
            in_proj_bias: [3 * embed_dim], or None; out_proj: a `Linear`.

    Raises:
        ValueError: if a size is not positive, num_heads doesn't divide embed_dim, or a sequence
            has another shape.

    Vaswani et al. (2017), "Attention Is All You Need", section 3.2; torch.nn.MultiheadAttention,
    of one sequence.

    >>> attention = MultiheadAttention(4, num_heads=2, seed=0)
    >>> sequence = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
    >>> outputs, shares = attention(sequence, is_causal=True)
    >>> len(outputs), [share.data for share in shares[0]]
    (2, [1.0, 0.0])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        bias: bool = True,
        *,
        seed: int | Random | None = None,
    ) -> None:
        self.embed_dim = positive_count("a MultiheadAttention's embed_dim", embed_dim)
        self.num_heads = positive_count("a MultiheadAttention's num_heads", num_heads)
        if embed_dim % num_heads:
            raise ValueError(
                "a MultiheadAttention's num_heads must divide embed_dim, "
                f"got {num_heads} for {embed_dim}"
            )
        rng = init.generator(seed)
        self.in_proj_weight = init.parameters(lambda: 0.0, 3 * embed_dim, embed_dim)
        init.fill(self.in_proj_weight, "xavier_uniform", seed=rng)
        self.in_proj_bias = init.parameters(lambda: 0.0, 3 * embed_dim) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, seed=rng)
        for parameter in self.out_proj.bias or []:
            parameter.data = 0.0

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        *,
        need_weights: bool = True,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Vectors, Any]:
        """Return what every position found, and the shares that it took."""
        form = ("positions", self.embed_dim)
        asking = checked(self, query, form)
        asked = asking if key is None else checked(self, key, form, many=" as its key")
        given = asked if value is None else checked(self, value, form, many=" as its value")
        if len(asked) != len(given):
            raise ValueError(
                f"{name(self)} needs as many keys as values, got {len(asked)} and {len(given)}"
            )
        queries, keys, values = (
            self._projected(part, vectors) for part, vectors in enumerate((asking, asked, given))
        )
        heads = [
            _attend(queries[head], keys[head], values[head], is_causal)
            for head in range(self.num_heads)
        ]
        found = [
            [number for outputs, _ in heads for number in outputs[position]]
            for position in range(len(asking))
        ]
        shares = [shares for _, shares in heads] if need_weights else None
        if shares and average_attn_weights:
            return self.out_proj(found), _mean(shares)
        return self.out_proj(found), shares

    def _projected(self, part: int, vectors: Vectors) -> list[Vectors]:
        """Return the queries (part 0), keys (1) or values (2) of some vectors, for each head."""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        whole = [affine(self.in_proj_weight[rows], vector, bias) for vector in vectors]
        size = self.embed_dim // self.num_heads
        return [
            [vector[start : start + size] for vector in whole]
            for start in range(0, self.embed_dim, size)
        ]

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        without = "" if self.in_proj_bias else ", bias=False"
        return f"{self.embed_dim}, {self.num_heads}{without}"


def _attend(
    queries: Vectors, keys: Vectors, values: Vectors, is_causal: bool
) -> tuple[Vectors, Vectors]:
    """Return what one head found for each query, and its shares."""
    outputs, all_shares = [], []
    scale = len(queries[0]) ** 0.5
    features = list(zip(*values, strict=True))
    for position, query in enumerate(queries):
        seen = position + 1 if is_causal else len(keys)
        shares = softmax([dot(query, key) / scale for key in keys[:seen]])
        outputs.append([dot(shares, feature[:seen]) for feature in features])
        unseen = [Value(0.0, requires_grad=False) for _ in keys[seen:]]
        all_shares.append([*shares, *unseen])
    return outputs, all_shares


def _mean(heads: list[Vectors]) -> Vectors:
    """Return the mean of the shares over the heads."""
    return [
        [mean(numbers) for numbers in zip(*rows, strict=True)] for rows in zip(*heads, strict=True)
    ]


NORMS: dict[str, Callable[[int], Module]] = {"layer": LayerNorm, "rms": RMSNorm}


class TransformerBlock(Module):
    """Attention and a small network, each added to what came in: a layer of a transformer.

    x = x + attention(norm1(x)), then x = x + linear2(activation(linear1(norm2(x)))). The norms
    come first, which keeps gradients alive in deep stacks.

    Args:
        d_model: how many numbers a vector has.
        nhead: how many heads the attention has; it divides d_model.
        dim_feedforward: how many neurons lie between linear1 and linear2 (default: 4 * d_model).
        dropout: the probability with which, in training, numbers behind the attention, the
            activation and linear2 are dropped.
        activation: a name or a function.
        norm: "layer", "rms", or a function that returns the norm of so many numbers.
        is_causal: whether a position sees only itself and those before it.
        bias: whether the linear functions have biases.
        seed: what the random numbers depend on: a number, a random.Random, or None for new ones
            each time.

    Shapes:
        x: [position][feature], a sequence of vectors of d_model, or nested lists of such; the
            result is nested in the same way.

    Raises:
        ValueError: if a size is not positive, nhead doesn't divide d_model, the norm or
            activation is unknown, or x has another shape.

    Vaswani et al. (2017), section 3, with the norms first as in Xiong et al. (2020), "On Layer
    Normalization in the Transformer Architecture"; torch.nn.TransformerEncoderLayer with
    norm_first=True, but without its dropout among the shares.

    >>> block = TransformerBlock(4, nhead=2, is_causal=True, seed=0)
    >>> outputs = block([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    >>> len(outputs), len(outputs[0])
    (2, 4)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int | None = None,
        dropout: float = 0.0,
        activation: str | Activation = "relu",
        norm: str | Callable[[int], Module] = "layer",
        is_causal: bool = False,
        bias: bool = True,
        *,
        seed: int | Random | None = None,
    ) -> None:
        if isinstance(norm, str):
            if norm not in NORMS:
                raise ValueError(f"a TransformerBlock's norm is {' or '.join(NORMS)}, got {norm!r}")
            norm = NORMS[norm]
        rng = init.generator(seed)
        hidden = 4 * d_model if dim_feedforward is None else dim_feedforward
        self.d_model = d_model
        self.is_causal = is_causal
        self.self_attn = MultiheadAttention(d_model, nhead, bias, seed=rng)
        self.linear1 = Linear(d_model, hidden, bias, seed=rng)
        self.activation = Elementwise(activation)
        self.linear2 = Linear(hidden, d_model, bias, seed=rng)
        self.norm1 = norm(d_model)
        self.norm2 = norm(d_model)
        self.dropout = Dropout(dropout, seed=rng)

    def forward(self, x: Any) -> Any:
        """Return every sequence in x with what attention and network added."""
        return each(self, x, ("positions", self.d_model), self._transformed)

    def _transformed(self, x: Vectors) -> Vectors:
        found, _ = self.self_attn(self.norm1(x), need_weights=False, is_causal=self.is_causal)
        x = _plus(x, self.dropout(found))
        hidden = self.dropout(self.activation(self.linear1(self.norm2(x))))
        return _plus(x, self.dropout(self.linear2(hidden)))


def _plus(xs: Vectors, ys: Vectors) -> Vectors:
    return [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(xs, ys, strict=True)]
