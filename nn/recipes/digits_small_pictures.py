"""A picture of how large networks are, and how well they read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd.plotting import LIGHT, new_figure, set_axes

if TYPE_CHECKING:
    from nn.recipes.digits_small import Smaller


def draw_sizes(networks: "Sequence[Smaller]") -> Any:
    """Return a figure with a row for each network: its bytes as a bar, its accuracy as a dot.

    Args:
        networks: in the order in which they are shown, from above.

    >>> from nn.recipes.digits_small import Smaller
    >>> from nn.sizes import Size
    >>> figure = draw_sizes([Smaller("teacher", Size(1000, 250, 4321), 0.98)])
    >>> [text.get_text() for axes in figure.axes for text in axes.texts]
    ['4,321', '98.0%']
    """
    figure = new_figure(11, 1.6 + 0.34 * len(networks), "What a smaller network costs")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.2, 1.0])
    rows = range(len(networks))
    colors = [_color(network.name) for network in networks]
    sizes = [network.size.nbytes for network in networks]
    shares = [network.accuracy for network in networks]
    left.barh(rows, sizes, color=colors, height=0.7)
    right.hlines(rows, min(shares) - 0.01, shares, color=LIGHT.faint, linewidth=1.5)
    right.scatter(shares, rows, color=colors, s=50, zorder=3)
    for row, network in enumerate(networks):
        beside = {"va": "center", "color": LIGHT.ink, "fontsize": 10, "xytext": (7, 0)}
        beside |= {"textcoords": "offset points"}
        left.annotate(f"{network.size.nbytes:,}", (network.size.nbytes, row), **beside)
        right.annotate(f"{network.accuracy:.1%}", (network.accuracy, row), **beside)
    set_axes(left, "Bytes", "", "", grid=False)
    set_axes(right, "Held-out digits that are read correctly", "", "", grid=False)
    left.set_yticks(rows, [network.name for network in networks])
    left.set_ylim(len(networks) - 0.4, -0.6)
    left.set_xlim(0, 1.15 * max(sizes))
    right.set_xlim(min(shares) - 0.01, max(shares) + 0.2 * (max(shares) - min(shares) + 0.01))
    for axes in (left, right):
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0, labelbottom=False)
    return figure


def _color(name: str) -> str:
    """Return orange for a network of whole numbers, grey for what was not trained to its end."""
    if name.endswith("int8"):
        return LIGHT.orange
    return LIGHT.grey if name.endswith("not retrained") else LIGHT.blue
