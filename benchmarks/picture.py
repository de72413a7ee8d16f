"""The plots: what operations, training steps and compiling cost as they grow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from report import by_engine

from autograd.plotting import LIGHT, Plot, freeze_layout, label_ends, new_figure, set_axes

COLORS = {
    "stepgrad": LIGHT.orange,
    "stepgrad, plain Python": LIGHT.gold,
    "micrograd": LIGHT.blue,
    "slots node": LIGHT.sky,
    "XAD": LIGHT.green,
    "PyTorch 0-d": LIGHT.purple,
    "HIPS autograd": LIGHT.brown,
    "MyGrad": LIGHT.slate,
    "floor: C tape": LIGHT.ink,
}


DEMO = "2-16-16-1"
STYLES: dict[str, tuple[str, str]] = {
    "stepgrad": (LIGHT.orange, "-"),
    "stepgrad, NumPy alone": (LIGHT.gold, "-"),
    "C by hand": (LIGHT.ink, "-"),
    "C by hand, loop of 1000": (LIGHT.ink, ":"),
    "NumPy by hand": (LIGHT.grey, "-"),
    "PyTorch": (LIGHT.purple, "-"),
    "PyTorch, compiled": (LIGHT.purple, ":"),
    "JAX": (LIGHT.blue, "-"),
    "JAX, loop of 1000": (LIGHT.blue, ":"),
    "CasADi, generated C": (LIGHT.green, "-"),
    "PyTensor, Numba": (LIGHT.brown, "-"),
}
FAMILIES: dict[tuple[str, str], str] = {
    ("stepgrad", "chain"): LIGHT.orange,
    ("stepgrad", "network"): LIGHT.gold,
    ("JAX", "chain"): LIGHT.blue,
}


def save_all(figures: dict[str, Any], folder: Path) -> None:
    """Draw the plots of what was measured and save them."""
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[str, Callable[[dict[str, Any]], Plot | None]] = {
        "cost": operations,
        "training": training,
        "compiling": compiling,
    }
    for name, draw in plots.items():
        plot = draw(figures)
        if plot is not None:
            plot.save(folder / f"{name}.svg")


def operations(figures: dict[str, Any]) -> Plot | None:
    """Plot what an operation costs node by node against the size of the graph."""
    engines = {e: r["sizes"] for e, r in figures["engines"].items() if "sizes" in r}
    if not engines:
        return None
    title = "What an operation costs, forward and backward"
    figure = new_figure(9.0, 5.6, title)
    axes = figure.subplots()
    set_axes(axes, "", "operations in the graph", "nanoseconds per operation")
    for engine, color in COLORS.items():
        sizes = engines.get(engine, [])
        costs = [size["forward"] + size["backward"] for size in sizes]
        draw_line(axes, engine, [size["operations"] for size in sizes], costs, color)
    finish(figure, {axes: range(2, 8)}, room=0.36)
    return Plot(figure, title)


def training(figures: dict[str, Any]) -> Plot | None:
    """Plot what a training step of the demo costs against the size of the batch."""
    rows = [row for row in figures["training"] if row["network"] == DEMO]
    if not rows:
        return None
    title = f"What a training step of the {DEMO} network costs"
    figure = new_figure(9.0, 6.4, title)
    axes = figure.subplots()
    set_axes(axes, "", "samples in the batch", "microseconds per step")
    engines = by_engine(rows)
    for engine, (color, style) in STYLES.items():
        taken = sorted(engines.get(engine, {}).items())
        batches, costs = [batch for batch, _ in taken], [cost for _, cost in taken]
        draw_line(axes, engine, batches, costs, color, style)
    finish(figure, {axes: range(5)}, room=0.45)
    return Plot(figure, title)


def compiling(figures: dict[str, Any]) -> Plot | None:
    """Plot what compiling costs, and what then an operation costs, against the program's size."""
    rows = figures["compiling"]
    if not rows:
        return None
    title = "What compiling costs, and running what was compiled"
    figure = new_figure(11.0, 4.6, title)
    left, right = figure.subplots(1, 2)
    set_axes(left, "Compiling", "operations in the program", "seconds")
    set_axes(
        right, "A training step", "operations in the program", "nanoseconds per operation, sample"
    )
    for (engine, family), color in FAMILIES.items():
        own = [row for row in rows if (row["engine"], row["family"]) == (engine, family)]
        counts = [row["operations"] for row in own]
        for axes, cost in ((left, "seconds"), (right, "nanoseconds")):
            draw_line(axes, f"{engine}, {family}", counts, [row[cost] for row in own], color)
    finish(figure, {left: range(2, 6), right: range(2, 6)}, room=0.7)
    return Plot(figure, title)


def draw_line(
    axes: Any, name: str, x: list[Any], y: list[float], color: str, style: str = "-"
) -> None:
    """Draw an engine's line, ours bolder than the others'."""
    width = 3.0 if name == "stepgrad" else 1.8
    axes.plot(
        x, y, color=color, linestyle=style, linewidth=width, marker="o", markersize=2.0 * width,
        label=name,
    )  # fmt: skip


def finish(figure: Any, decades: dict[Any, range], room: float) -> None:
    """Set the scales, with room for the names at the ends of the lines, and write these.

    Args:
        figure: with lines.
        decades: by axes, the powers of ten that are marked below.
        room: for the names, as a share of these decades.
    """
    for axes, powers in decades.items():
        axes.set_xscale("log")
        axes.set_yscale("log")
        span = powers[-1] - powers[0]
        axes.set_xlim(10 ** (powers[0] - 0.15), 10 ** (powers[-1] + room * span))
        axes.set_xticks([10**power for power in powers])
        axes.minorticks_off()
    freeze_layout(figure)
    for axes in decades:
        label_ends(axes)
