"""Pictures of language models: losses, attention, and where the letters lie."""

import math
from collections.abc import Sequence
from typing import Any

from autograd import no_grad
from autograd.optional import needed
from autograd.plotting import (
    LIGHT,
    freeze_layout,
    halo,
    label_ends,
    new_figure,
    set_axes,
)
from nn.embedding import Embedding
from nn.history import History
from nn.transformer import GPT

VOWELS = "aeiouy"
COLORS = {"vowels": LIGHT.orange, "consonants": LIGHT.blue}
_KEY = 0.055  # how large a letter is, as a share of the picture


def draw_losses(history: History, bigrams: float) -> Any:
    """Return a figure of the loss per epoch, with that of bigrams as a line to get below.

    Args:
        history: the losses per letter.
        bigrams: the loss of the baseline on what is held out.

    >>> history = History(loss=[2.7, 2.5], validation_loss=[2.6, 2.5])
    >>> draw_losses(history, bigrams=2.7).get_suptitle()
    '0.20 nats a letter below bigrams'
    """
    better = bigrams - history.validation_loss[-1]
    where = "below" if better > 0.0 else "above"
    figure = new_figure(8, 5, f"{abs(better):.2f} nats a letter {where} bigrams")
    axes = figure.subplots()
    epochs = range(1, len(history.loss) + 1)
    for losses, label, color, style in (
        ([bigrams] * len(epochs), "bigrams, held out", LIGHT.grey, ":"),
        (history.loss, "training", LIGHT.blue, "-"),
        (history.validation_loss, "held out", LIGHT.orange, "--"),
    ):
        marker = "o" if len(epochs) == 1 else None
        axes.plot(
            epochs, losses, label=label, color=color, linestyle=style, linewidth=2, marker=marker
        )
    set_axes(axes, "Loss per epoch", "epoch", "loss (nats a letter)")
    axes.set_xlim(1 - 0.03 * len(epochs), 1.35 * len(epochs))
    ticks = needed("matplotlib.ticker", "a plot").MaxNLocator(integer=True, min_n_ticks=1)
    axes.set_xticks(
        [tick for tick in ticks.tick_values(1, len(epochs)) if 1 <= tick <= len(epochs)]
    )
    axes.spines["bottom"].set_bounds(1, len(epochs))
    freeze_layout(figure)
    label_ends(axes)
    return figure


def draw_attention(model: GPT, text: Sequence[int], symbols: Sequence[str]) -> Any:
    """Return a figure of what each head of the first block looks at in a text.

    Args:
        model: the model.
        text: the tokens.
        symbols: how to show each token.

    >>> figure = draw_attention(GPT(3, seed=0), [0, 1, 2], "·ab")
    >>> figure.get_suptitle(), len(figure.axes)
    ('What each head looks at in “ab”', 4)
    """
    with no_grad():
        heads = model.shares(text)[0]
    letters = [symbols[token] for token in text]
    width = 12.0 / max(4, len(heads))
    shown = "".join(letters[1:])
    figure = new_figure(width * len(heads), width + 0.6, f"What each head looks at in “{shown}”")
    columns = figure.subplots(1, len(heads), squeeze=False)[0]
    for number, (axes, shares) in enumerate(zip(columns, heads, strict=True), 1):
        _draw_head(axes, number, letters, [[float(share) for share in row] for row in shares])
    return figure


def _draw_head(axes: Any, number: int, letters: list[str], shares: list[list[float]]) -> None:
    """Draw a row per position, a column per position that it looks at, the darker the more."""
    set_axes(axes, f"head {number}", "looks at", "after reading", grid=False)
    unseen = [math.nan] * len(letters)  # left white
    seen = [[*row[: k + 1], *unseen[k + 1 :]] for k, row in enumerate(shares)]
    axes.imshow(seen, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(range(len(letters)), letters)
    axes.set_yticks(range(len(letters)), letters)


def draw_letters(embedding: Embedding, symbols: Sequence[str]) -> Any:
    """Return a figure of the letters' vectors, on the plane on which they differ most.

    Letters that would hide each other are moved apart.

    Args:
        embedding: it has a vector for each token.
        symbols: how to show each token.

    >>> axes = draw_letters(Embedding(4, 2, seed=0), "·abc").axes[0]
    >>> [text.get_text() for text in axes.texts][:4]
    ['·', 'a', 'b', 'c']
    """
    numpy = needed("numpy", "a plot")
    vectors = numpy.array([[number.data for number in row] for row in embedding.weight])
    centered = vectors - vectors.mean(axis=0)
    _, lengths, directions = numpy.linalg.svd(centered)
    shares = lengths**2 / (lengths**2).sum()
    points = centered @ directions[:2].T
    extent = numpy.ptp(points, axis=0)
    points = _apart(points / extent, _KEY) * extent
    figure = new_figure(8, 6, "Where the letters lie")
    axes = figure.subplots()
    title = "Their vectors, by the directions in which they differ most"
    set_axes(axes, title, f"first ({shares[0]:.0%})", f"second ({shares[1]:.0%})")
    axes.scatter(*points.T, alpha=0.0)  # so that all are within the axes
    for symbol, point in zip(symbols, points, strict=True):
        _draw_key(axes, symbol, point)
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + 0.22 * (right - left))
    for number, meaning in enumerate((*COLORS, "· boundary", "␣ space")):
        axes.text(
            0.84, 0.96 - 0.06 * number, meaning, color=COLORS.get(meaning, LIGHT.ink),
            fontweight="bold", transform=axes.transAxes, va="center", path_effects=halo(),
        )  # fmt: skip
    return figure


def _draw_key(axes: Any, symbol: str, point: Sequence[float]) -> None:
    """Write a letter like the key of a keyboard, so that a dot and a space are seen too."""
    color = COLORS["vowels" if symbol in VOWELS else "consonants"]
    color = color if symbol.isalpha() else LIGHT.ink
    axes.text(
        *point, symbol, color=LIGHT.ground, fontsize=11, fontweight="bold", family="monospace",
        ha="center", va="center", parse_math=False,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": color, "edgecolor": LIGHT.ground},
    )  # fmt: skip


def _apart(points: Any, least: float) -> Any:
    """Return points moved apart, little by little, until none is much nearer to another."""
    numpy = needed("numpy", "a plot")
    for _ in range(200):
        ways = points[:, None] - points
        distances = numpy.linalg.norm(ways, axis=2) + numpy.eye(len(points))
        overlaps = numpy.clip(least - distances, 0.0, None) / distances
        points = points + 0.5 * (overlaps[:, :, None] * ways).sum(axis=1)
    return points
