"""The colours of pictures, in light and in dark."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """One colour for each part of a picture.

    Attributes:
        background: what the picture stands on.
        text: names and numbers.
        muted: operations and other small print.
        edge: the arrows.
        kinds: the outline of each kind of node.
        shades: the inside of a box, from no gradient to the largest.
        warning: an edge along which nan or inf flows.
        alarm: the inside of a box that holds nan or inf.
        alarm_edge: its outline.
        alarm_text: its text.
    """

    background: str
    text: str
    muted: str
    edge: str
    kinds: dict[str, str]
    shades: tuple[str, ...]
    warning: str
    alarm: str
    alarm_edge: str
    alarm_text: str

    def colours(self) -> list[str]:
        """Return all colours, in an order that is the same for every palette."""
        single = [self.background, self.text, self.muted, self.edge]
        alarms = [self.warning, self.alarm, self.alarm_edge, self.alarm_text]
        return [*single, *alarms, *self.kinds.values(), *self.shades]


LIGHT = Palette(
    background="#fdfdfe",
    text="#1f2328",
    muted="#4d5661",
    edge="#68727d",
    kinds={
        "input": "#0969da",
        "parameter": "#1a7f37",
        "constant": "#6e7781",
        "operation": "#424a53",
        "output": "#8250df",
        "group": "#9a4a00",
    },
    shades=(
        "#fefefe",
        "#fff8ec",
        "#fff2df",
        "#ffedd2",
        "#ffe7c5",
        "#ffe1b7",
        "#ffdbaa",
        "#ffd69d",
        "#ffd090",
    ),
    warning="#c00f2c",
    alarm="#c8102e",
    alarm_edge="#640014",
    alarm_text="#fffffe",
)

DARK = Palette(
    background="#0d1117",
    text="#f0f6fc",
    muted="#c6ced7",
    edge="#8d96a0",
    kinds={
        "input": "#58a6ff",
        "parameter": "#3fb950",
        "constant": "#9198a1",
        "operation": "#b7bdc8",
        "output": "#bc8cff",
        "group": "#f0a35e",
    },
    shades=(
        "#161b22",
        "#221d16",
        "#2c2416",
        "#362a15",
        "#403115",
        "#493715",
        "#533e15",
        "#5d4414",
        "#674b14",
    ),
    warning="#ff7b8c",
    alarm="#b00d27",
    alarm_edge="#ffa8b5",
    alarm_text="#fffdfd",
)

PALETTES = {"auto": LIGHT, "light": LIGHT, "dark": DARK}
"""What each theme is drawn in; auto is drawn light, and turned dark by `dark_style`."""


def dark_style(scope: str) -> str:
    """Return CSS that turns a light SVG dark where the reader prefers dark.

    Each light colour means one thing, so it can be exchanged wherever it occurs.

    Args:
        scope: a CSS selector of the SVG.
    """
    rules = [
        f'{scope} [{attribute}="{light}"]{{{attribute}:{dark}}}'
        for light, dark in zip(LIGHT.colours(), DARK.colours(), strict=True)
        for attribute in ("fill", "stroke")
    ]
    return "@media (prefers-color-scheme: dark){" + "".join(rules) + "}"
