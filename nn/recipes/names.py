"""Names of places, made up letter by letter by a GPT."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any

import optim
from autograd import no_grad
from autograd.plotting import as_png
from nn.module import Module
from nn.recipes.language import filled, language_loss, unfilled
from nn.recipes.language_pictures import draw_attention, draw_letters, draw_losses
from nn.recipes.places import place_names
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.text import BOUNDARY, Alphabet, Bigrams, generate, hold_out
from nn.training import Loss
from nn.transformer import GPT

CONTEXT = 16
BETAS = (0.85, 0.99)
SAMPLES, TEMPERATURE = 20, 0.7


class Names(Recipe):
    """Learn to make up names of places: a GPT with 16 numbers a letter, 4 heads and one block.

    The architecture and the optimizer's settings are those of A. Karpathy's microgpt (2026). The
    texts are names of provinces, districts and towns: see `place_names`. The baseline to beat
    are bigrams, which know how often each letter follows each.

    >>> rows, targets = Names().data(seed=0).training
    >>> rows[0][1:] == targets[0][:15]
    True
    """

    name = "names"
    summary = "names of places, made up by a small GPT (minutes; less than one with --compile)"
    defaults = Settings(lr=0.01, schedule="linear", batch_size=16, epochs=10)
    schedule_per = "batch"

    @cached_property
    def names(self) -> list[str]:
        """The names that there are: those that fit the context with a boundary."""
        return place_names(longest=CONTEXT - 1)

    @cached_property
    def alphabet(self) -> Alphabet:
        """Their letters."""
        return Alphabet(self.names)

    def data(self, seed: int) -> Data:
        """Return names as tokens, a tenth of them held out."""
        encoded = [self.alphabet.encode(name) for name in self.names]
        training, held_out = (filled(texts, CONTEXT) for texts in hold_out(encoded, seed=seed))
        return Data(training, held_out, classes=self.alphabet.symbols)  # type: ignore[arg-type]

    def model(self, seed: int) -> Module:
        """Return a GPT with 4,288 parameters."""
        return Speller(len(self.alphabet), CONTEXT, seed=seed)

    @property
    def loss(self) -> Loss:
        """Cross-entropy, per letter."""
        return language_loss

    def optimizer(self, model: Module, settings: Settings) -> optim.Optimizer:
        """Return the optimizer; Adam has microgpt's betas."""
        optimizer = super().optimizer(model, settings)
        if isinstance(optimizer, optim.Adam):
            optimizer.param_groups[0]["betas"] = BETAS
        return optimizer

    def findings(self, result: Result) -> str:
        """Compare the held-out loss with that of bigrams, epoch by epoch, and make up names."""
        history = result.history
        epochs = zip(history.loss, history.validation_loss, strict=True)
        return "\n".join(
            [
                f"held-out loss {history.validation_loss[-1]:.4f} nats a letter, "
                f"that of bigrams {bigram_loss(result.data):.4f}",
                "  epoch  training  held out",
                *(f"  {epoch:5}  {a:8.4f}  {b:8.4f}" for epoch, (a, b) in enumerate(epochs, 1)),
                f"made up: {', '.join(self.made_up(result))}",
            ]
        )

    def made_up(self, result: Result, count: int = SAMPLES) -> list[str]:
        """Return names by the model, the same for the same seed; * marks those that exist."""
        rng, known = Random(result.settings.seed), set(self.names)
        with no_grad():
            drawn = [
                self.alphabet.decode(
                    generate(
                        result.model.reader(),
                        longest=CONTEXT - 1,
                        temperature=TEMPERATURE,
                        seed=rng,
                    )
                )
                for _ in range(count)
            ]
        return [f"{name}*" if name in known else name for name in drawn]

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the losses, what the heads look at in a name, and where the letters lie."""
        symbols = result.data.classes
        name = _long_name(_texts(result.data.held_out))
        return {
            "names-training.png": as_png(draw_losses(result.history, bigram_loss(result.data))),
            "names-attention.png": as_png(draw_attention(result.model, name, symbols)),
            "names-letters.png": as_png(draw_letters(result.model.token_embedding, symbols)),
        }


class Speller(GPT):
    """A GPT that doesn't read what is filled in behind a name.

    >>> model = Speller(4, context=8, seed=0)
    >>> len(model([0, 3, 1, 2, 0, 0, 0, 0]))
    4
    """

    def forward(self, text: Sequence[Any]) -> list[list[Any]]:
        """Return the logits of the token after each position of the name."""
        return super().forward(unfilled(text))


def bigram_loss(data: Data) -> float:
    """Return the loss per letter of the held-out names by the counts in the others."""
    training, held_out = (
        [[*name, BOUNDARY] for name in _texts(rows)] for rows in (data.training, data.held_out)
    )
    return Bigrams(training, len(data.classes)).loss(held_out)


def _texts(rows: Any) -> list[list[int]]:
    """Return the tokens of names that are read."""
    return [list(unfilled(row)) for row in rows[0]]


def _long_name(names: list[list[int]]) -> list[int]:
    """Return the tokens of the first name that has ten letters, or nearly so."""
    return min(names, key=lambda tokens: abs(len(tokens) - 11))
