"""A search as a picture: the loss against each setting, in a colour for each optimizer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograd.optional import needed
from autograd.plotting import LIGHT, Theme, new_figure, set_axes
from optim.journal import Trial, name_of

_MOST_PANELS = 4
_FEW = 6
_WIDE = 20.0
"""How many times the smallest number the largest is where a logarithmic axis shows more."""

_MARGIN = 0.05
_ABOVE = 1.04
"""Where the trials that failed are shown, as a share of the panel's height."""


@dataclass(frozen=True)
class _Group:
    """Trials of one colour."""

    name: str
    color: str
    trials: list[Trial]


def draw_search(trials: Sequence[Trial], title: str, theme: Theme = LIGHT) -> Any:
    """Return a figure of the losses of trials, the best first, against their settings.

    Args:
        trials: a `SearchResult`.
        title: what stands above.
        theme: its colours.

    Raises:
        ValueError: if there is no trial.
        ImportError: if matplotlib is not installed.

    >>> trials = [Trial({"lr": 0.1}, 0.5), Trial({"lr": 1.0}, 2.0)]
    >>> [axes.get_xlabel() for axes in draw_search(trials, "Two trials").axes]
    ['lr']
    """
    if not trials:
        raise ValueError("there is no trial to plot")
    varied = _varied(trials)
    coloured = next((name for name in varied if _fits_colours(trials, name, theme)), "")
    shown = [name for name in varied if name != coloured][:_MOST_PANELS] or [coloured]
    groups = _groups(trials, coloured, theme)
    figure = new_figure(2.6 + 4.4 * len(shown), 4.8, title, theme)
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for axes, name in zip(panels, shown, strict=True):
        set_axes(axes, "", name, "loss" if axes is panels[0] else "", theme)
        if not trials[-1].succeeded:
            axes.set_title(" ", pad=14)  # room above for those that failed
        _draw_points(axes, name, groups, trials, theme)
    _set_loss_axis(panels[0], [trial.loss for trial in trials if trial.succeeded])
    _explain(figure, groups, coloured, trials, theme)
    return figure


def _varied(trials: Sequence[Trial]) -> list[str]:
    """Return the names of the settings that differ between trials, those that differ most first."""
    names = dict.fromkeys(name for trial in trials for name in trial.settings)
    counts = {name: len(_choices(trials, name)) for name in names}
    most_first = sorted(names, key=lambda name: -counts[name])
    return [name for name in most_first if counts[name] > 1] or most_first[:1]


def _choices(trials: Sequence[Trial], name: str) -> list[str]:
    """Return what was chosen for a setting, as texts: numbers by size, others by name."""
    chosen: dict[str, Any] = {_text(trial, name): trial.settings.get(name) for trial in trials}
    if all(map(_is_number, chosen.values())):
        return sorted(chosen, key=lambda text: chosen[text])
    return sorted(chosen)


def _fits_colours(trials: Sequence[Trial], name: str, theme: Theme) -> bool:
    words = not all(_is_number(trial.settings.get(name)) for trial in trials)
    return words and 1 < len(_choices(trials, name)) <= len(theme.hues)


def _groups(trials: Sequence[Trial], coloured: str, theme: Theme) -> list[_Group]:
    if not coloured:
        return [_Group("", theme.blue, list(trials))]
    return [
        _Group(choice, color, [trial for trial in trials if _text(trial, coloured) == choice])
        for choice, color in zip(_choices(trials, coloured), theme.hues, strict=False)
    ]


def _draw_points(
    axes: Any, name: str, groups: Sequence[_Group], trials: Sequence[Trial], theme: Theme
) -> None:
    places = _places(axes, name, trials)
    for group in groups:
        reached = [trial for trial in group.trials if trial.succeeded]
        axes.scatter(
            [places[id(trial)] for trial in reached],
            [trial.loss for trial in reached],
            s=44, color=group.color, edgecolor=theme.ground, linewidth=0.8, zorder=3,
        )  # fmt: skip
        failed = [trial for trial in group.trials if not trial.succeeded]
        axes.scatter(
            [places[id(trial)] for trial in failed],
            [_ABOVE] * len(failed),
            s=40, color=group.color, marker="x", linewidth=1.8, clip_on=False,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    if trials[0].succeeded:
        axes.scatter(
            [places[id(trials[0])]], [trials[0].loss],
            s=190, facecolor="none", edgecolor=theme.ink, linewidth=1.8, zorder=4,
        )  # fmt: skip


def _places(axes: Any, name: str, trials: Sequence[Trial]) -> dict[int, float]:
    """Set the axis of a setting, and return where on it each trial is."""
    choices = _choices(trials, name)
    numbers: list[Any] = [trial.settings.get(name) for trial in trials]
    if not all(map(_is_number, numbers)) or len(choices) <= min(_FEW, len(trials) - 1):
        axes.set_xticks(range(len(choices)), choices, parse_math=False)
        axes.set_xlim(-0.6, len(choices) - 0.4)
        return _beside_each_other(trials, name, choices)
    low, high = min(numbers), max(numbers)
    if low > 0.0 and high > _WIDE * low:
        axes.set_xscale("log")
        low, high = low * (low / high) ** _MARGIN, high * (high / low) ** _MARGIN
    elif low < high:
        low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    axes.set_xlim(low, high if high > low else low + 1.0)
    return {id(trial): float(trial.settings[name]) for trial in trials}


def _beside_each_other(
    trials: Sequence[Trial], name: str, choices: Sequence[str]
) -> dict[int, float]:
    """Return places for trials around the number of their choice, so that all can be seen."""
    places = {}
    for number, choice in enumerate(choices):
        alike = [trial for trial in trials if _text(trial, name) == choice]
        for k, trial in enumerate(alike):
            places[id(trial)] = number + 0.6 * ((k + 0.5) / len(alike) - 0.5)
    return places


def _set_loss_axis(axes: Any, losses: Sequence[float]) -> None:
    if losses and min(losses) > 0.0 and max(losses) > _WIDE * min(losses):
        axes.set_yscale("log")


def _explain(
    figure: Any, groups: Sequence[_Group], coloured: str, trials: Sequence[Trial], theme: Theme
) -> None:
    """Say beside the panels what the marks mean."""
    line = needed("matplotlib.lines", "a plot").Line2D
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 8}
    named = [group for group in groups if group.name]
    marks = [line([], [], color=group.color, label=group.name, **dot) for group in named]
    if trials[0].succeeded:
        ring = {**dot, "markersize": 12, "markerfacecolor": "none", "markeredgewidth": 1.8}
        marks.append(line([], [], color=theme.ink, label=f"best: {trials[0].loss:.4g}", **ring))
    failed = sum(not trial.succeeded for trial in trials)
    if failed:
        cross = {**dot, "marker": "x", "markeredgewidth": 1.8}
        marks.append(line([], [], color=theme.ink, label=f"failed: {failed}", **cross))
    legend = figure.legend(
        handles=marks, loc="outside right upper", frameon=False, labelcolor=theme.ink,
        title=coloured or None, alignment="left",
    )  # fmt: skip
    legend.get_title().set(color=theme.ink, fontweight="bold")
    for text in (legend.get_title(), *legend.get_texts()):
        text.set_parse_math(False)


def _is_number(choice: Any) -> bool:
    is_real = isinstance(choice, (int, float)) and not isinstance(choice, bool)
    return is_real and math.isfinite(choice)


def _text(trial: Trial, name: str) -> str:
    choice = trial.settings.get(name, "")
    if _is_number(choice):
        return f"{choice:g}"
    return choice if isinstance(choice, str) else name_of(choice)
