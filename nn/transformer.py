"""GPT: a transformer that foretells the next token of a text from those before."""

from collections.abc import Sequence
from random import Random
from typing import Any

from nn import init
from nn.attention import TransformerBlock
from nn.checks import positive_count
from nn.embedding import Embedding
from nn.linear import Linear
from nn.module import Module
from nn.normalization import RMSNorm
from nn.text import Reader

SPREAD = 0.08
"""The standard deviation of all weights at first."""


class GPT(Module):
    """A language model: embeddings, blocks of attention and ReLU networks, a head of logits.

    Each token's vector and its position's are added up and go through the blocks, in which a
    position looks at itself and those before it, never at those after. So one pass over a text
    foretells each of its tokens from those before. There are no biases, and nothing is learned
    in the norms.

    Args:
        tokens: how many there are.
        context: how many positions the model can see.
        width: how many numbers a position's vector has.
        heads: how many heads the attention has; it divides the width.
        layers: how many blocks.
        seed: what the weights depend on, which are normal with deviation 0.08 at first: a
            number, a random.Random, or None for new ones each time.

    Shapes:
        input: [position], tokens.
        result: [position][token], the logits of the token that comes next.

    Raises:
        ValueError: if a size is not positive, heads doesn't divide width, or a text is empty or
            longer than the context.

    Radford et al. (2018), "Improving Language Understanding by Generative Pre-Training", with
    RMSNorm in front of every part; the sizes are those of A. Karpathy's microgpt (2026).

    >>> model = GPT(27, seed=0)
    >>> len(model.parameters())
    4192
    >>> logits = model([0, 5, 13])
    >>> len(logits), len(logits[0])
    (3, 27)
    """

    def __init__(
        self,
        tokens: int,
        context: int = 16,
        width: int = 16,
        heads: int = 4,
        layers: int = 1,
        *,
        seed: int | Random | None = None,
    ) -> None:
        self.context = positive_count("a GPT's context", context)
        positive_count("a GPT's number of layers", layers)
        self.token_embedding = Embedding(tokens, width)
        self.position_embedding = Embedding(context, width)
        self.norm = _norm(width)
        self.blocks = [
            TransformerBlock(width, heads, norm=_norm, is_causal=True, bias=False)
            for _ in range(layers)
        ]
        self.head = Linear(width, tokens, bias=False)
        rng = init.generator(seed)
        for parameter in self.parameters():
            parameter.data = rng.gauss(0.0, SPREAD)

    def forward(self, text: Sequence[Any]) -> list[list[Any]]:
        """Return the logits of the token after each position."""
        x = self._embedded(text)
        for block in self.blocks:
            x = block(x)
        logits: list[list[Any]] = self.head(x)
        return logits

    def shares(self, text: Sequence[int]) -> list[list[list[list[Any]]]]:
        """Return how much of what each head takes comes from where: attention, to be looked at.

        Returns:
            Shares [layer][head][position][position that is looked at].

        >>> shares = GPT(27, seed=0).shares([0, 5])
        >>> [[round(share.data, 1) for share in row] for row in shares[0][3]]
        [[1.0, 0.0], [0.5, 0.5]]
        """
        x, found = self._embedded(text), []
        for block in self.blocks:
            _, shares = block.self_attn(block.norm1(x), average_attn_weights=False, is_causal=True)
            found.append(shares)
            x = block(x)
        return found

    def reader(self) -> Reader:
        """Return the model at the beginning of a text, to `nn.text.generate` one.

        >>> read = GPT(27, seed=0).reader()
        >>> len(read(0))
        27
        """
        text: list[int] = []

        def read(token: int) -> list[Any]:
            text.append(token)
            logits: list[Any] = self(text)[-1]
            return logits

        return read

    def _embedded(self, text: Sequence[Any]) -> list[list[Any]]:
        if not 1 <= len(text) <= self.context:
            raise ValueError(
                f"a GPT of context {self.context} takes 1 to {self.context} tokens, got {len(text)}"
            )
        places = self.position_embedding(range(len(text)))
        vectors = self.token_embedding(text)
        sums = [
            [a + b for a, b in zip(vector, place, strict=True)]
            for vector, place in zip(vectors, places, strict=True)
        ]
        normalized: list[list[Any]] = self.norm(sums)
        return normalized


def _norm(width: int) -> RMSNorm:
    return RMSNorm(width, eps=1e-5, elementwise_affine=False)
