"""Names of places, made up by an LSTM that reads them as one running text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from autograd.plotting import as_png
from nn import init
from nn.checks import amount, positive_count
from nn.embedding import Embedding
from nn.history import History
from nn.linear import Linear
from nn.module import Module
from nn.recipes.language import filled, unfilled
from nn.recipes.language_pictures import draw_losses
from nn.recipes.names import Names, bigram_loss
from nn.recipes.recipe import Data, Result, Settings
from nn.recipes.truncation import Bias, doublings, draw_biases, truncation_biases
from nn.recurrent import LSTM
from nn.text import Reader, Tokens, hold_out

STRETCH = 32
"""How many letters a sample has, at most: the LSTM forgets all between one and the next."""

WIDTH, HIDDEN = 16, 20
MEASURED = 16
"""On how many stretches the bias of the gradient is measured."""


@dataclass(frozen=True)
class TruncatedSettings(Settings):
    """How to train through time.

    Attributes:
        truncation: after how many letters the state goes on as a constant, so that the gradient
            doesn't flow back further; from `STRETCH` on it flows through everything.
    """

    truncation: int = field(
        default=16,
        metadata={
            "help": "truncated backpropagation: the gradient flows back through N letters at "
            f"most; through all from {STRETCH} on"
        },
    )


class NamesLSTM(Names):
    """Learn to make up names of places with an LSTM and truncated backpropagation through time.

    The names, those held out, and the baseline are those of `Names`, and the network has about as
    many parameters as the GPT there. But it reads several names in one go, in stretches of 32
    letters, and its state goes on from name to name: it has to find out by itself what to forget
    at a boundary. Where the gradient is truncated, the state goes on, and the gradient doesn't
    come back.

    >>> rows, targets = NamesLSTM().data(seed=0).training
    >>> rows[0][1:] == targets[0][:31]
    True
    """

    name = "names-lstm"
    summary = "names of places, made up by an LSTM (minutes; less than one with --compile)"
    defaults = TruncatedSettings(lr=0.02, schedule="linear", batch_size=16, epochs=10)

    def data(self, seed: int) -> Data:
        """Return stretches of names, a tenth of the names held out."""
        encoded = [self.alphabet.encode(name) for name in self.names]
        training, held_out = (
            filled(running(texts, STRETCH), STRETCH) for texts in hold_out(encoded, seed=seed)
        )
        return Data(training, held_out, classes=self.alphabet.symbols)  # type: ignore[arg-type]

    def model(self, seed: int) -> "RunningSpeller":
        """Return an LSTM with 4,150 parameters."""
        return RunningSpeller(len(self.alphabet), seed=seed)

    def settings(self, **wanted: Any) -> Settings:
        """Return the settings with which to train, checked."""
        settings = super().settings(**wanted)
        positive_count("the truncation", _truncation(settings))
        return settings

    def fitted(self, model: Module, data: Data, settings: Settings, **options: Any) -> History:
        """Train the network, the gradient truncated, and return what happened."""
        assert isinstance(model, RunningSpeller)
        model.lstm.truncate = _truncation(settings)
        return super().fitted(model, data, settings, **options)

    def findings(self, result: Result) -> str:
        """Tell what `Names` tells, and how far the truncated gradient is from the full one."""
        return f"{super().findings(result)}\n{self._told_bias(result)}"

    def _told_bias(self, result: Result) -> str:
        steps = _truncation(result.settings)
        if steps >= STRETCH:
            return "the gradient flows back through all letters"
        errors = [f"{bias.error:.1%} {which}" for which, [bias] in self.biases(result, [steps])]
        return (
            f"truncated after {amount(steps, 'letter')}, the gradient is off by {', '.join(errors)}"
        )

    def biases(self, result: Result, steps: Sequence[int]) -> list[tuple[str, list[Bias]]]:
        """Return how truncation would bias a gradient before the training, and after it."""
        rows, targets = result.data.training
        batch = rows[:MEASURED], targets[:MEASURED]
        models = {"untrained": self.model(result.settings.seed), "trained": result.model}
        return [
            (which, truncation_biases(model, batch, self.loss, steps))
            for which, model in models.items()
        ]

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the losses, and the bias of truncated gradients."""
        biases = dict(self.biases(result, doublings(STRETCH)))
        return {
            "names-lstm-training.png": as_png(
                draw_losses(result.history, bigram_loss(result.data))
            ),
            "names-lstm-bias.png": as_png(draw_biases(biases, _truncation(result.settings))),
        }


class RunningSpeller(Module):
    """An LSTM that says after each letter how likely each letter is to come next.

    Args:
        tokens: how many tokens there are.
        width: how many numbers a token's vector has.
        hidden: how many numbers the state has, twice: (h, c).
        seed: what the first weights depend on: a number, a random.Random, or None for new ones.

    Shapes:
        text: tokens, names between boundaries; what is filled in behind them is not read.
        result: [position][token], the logits of the token after each position.

    >>> model = RunningSpeller(4, seed=0)
    >>> len(model([0, 3, 1, 0, 2, 0, 0, 0]))
    5
    """

    def __init__(
        self,
        tokens: int,
        width: int = WIDTH,
        hidden: int = HIDDEN,
        *,
        seed: int | Random | None = None,
    ) -> None:
        rng = init.generator(seed)
        self.embedding = Embedding(tokens, width, seed=rng)
        self.lstm = LSTM(width, hidden, seed=rng)
        self.head = Linear(hidden, tokens, seed=rng)

    def forward(self, text: Sequence[Any]) -> list[list[Any]]:
        """Return the logits of the token after each position."""
        outputs, _ = self.lstm(self.embedding(unfilled(text)))
        logits: list[list[Any]] = self.head(outputs)
        return logits

    def reader(self) -> Reader:
        """Return the model at the beginning of a text, to `nn.text.generate` one.

        >>> read = RunningSpeller(4, seed=0).reader()
        >>> len(read(0))
        4
        """
        state: Any = None

        def read(token: int) -> list[Any]:
            nonlocal state
            outputs, state = self.lstm(self.embedding([token]), state)
            logits: list[Any] = self.head(outputs)[0]
            return logits

        return read


def running(texts: Sequence[Tokens], length: int) -> list[list[int]]:
    """Return texts one after the other, in stretches of as many whole ones as there is room for.

    The boundary at the end of a text is that at the beginning of the next.

    Args:
        texts: tokens between boundaries, none longer than a stretch.
        length: how many tokens of a stretch are to be foretold, at most.

    >>> running([[0, 1, 0], [0, 2, 2, 0], [0, 3, 0]], length=5)
    [[0, 1, 0, 2, 2, 0], [0, 3, 0]]
    """
    stretches: list[list[int]] = []
    for text in texts:
        if not stretches or len(stretches[-1]) + len(text) - 2 > length:
            stretches.append(list(text[:1]))
        stretches[-1] += text[1:]
    return stretches


def _truncation(settings: Settings) -> int:
    assert isinstance(settings, TruncatedSettings)
    return settings.truncation
