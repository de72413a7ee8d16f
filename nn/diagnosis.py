"""Diagnosis: how large signals and gradients are in each layer, and what that means.

Signals that shrink or grow by the same factor from layer to layer vanish or explode, forward and
backward alike: Glorot and Bengio (2010), "Understanding the difficulty of training deep
feedforward neural networks", section 4.2; He, Zhang, Ren and Sun (2015), "Delving Deep into
Rectifiers", section 2.2. They ask for sizes that stay about the same. Where to call it ill is a
choice: here it is three powers of ten, which ten layers reach with a factor of 2 each.
"""

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograd import Value, relu
from autograd.grouping import watching
from autograd.nested import flatten
from autograd.plotting import Plot, Theme, new_figure, plotted, set_axes
from autograd.sweep import topological_order
from nn.checks import has_methods, require_kind
from nn.data import Batch, samples
from nn.module import Module, in_mode
from nn.passes import forward
from nn.summary import Part, kind, parts
from nn.training import Data, Loss, pair

FACTOR = 1e3
"""A gradient or signal so many times smaller or larger than it should be is ill."""

DEAD = 0.4
"""The share of ReLUs that never fire at which a layer counts as dead.

"As much as 40% of your network can be dead": Stanford's CS231n, "Neural Networks Part 1".
"""

UPDATES = (1e-5, 1e-1)
"""Between which the ratio of update to weight is healthy.

"Should be somewhere around 1e-3": Stanford's CS231n, "Neural Networks Part 3"; two powers of ten
to either side are allowed.
"""

ADVICE = {
    "not finite": "run the forward and the backward pass within detect_anomaly()",
    "exploding": "try smaller weights to begin with (Xavier's or He's initialization), "
    "normalization, or clip_norm in fit",
    "dead": "try a smaller learning rate, biases of 0 to begin with, or leaky_relu",
    "vanishing": "try relu or tanh instead of sigmoid, Xavier's or He's initialization, "
    "normalization, or fewer layers",
    "too large steps": "try a smaller learning rate",
    "hardly moving": "try a larger learning rate",
}
"""What to try for each verdict, the worst first."""

HEALTHY = "healthy"


@dataclass(frozen=True)
class LayerReport:
    """What was found in one layer. Sizes are root mean squares; None is what is not known.

    Attributes:
        name: where it is in the model.
        kind: what it is.
        activation: the size of its outputs.
        gradient: the size of the derivatives of the loss with respect to its outputs.
        weight: the size of its parameters.
        weight_gradient: the size of the derivatives with respect to its parameters.
        dead: the share of its ReLUs that were 0 for every sample.
        update: the size of the optimizer's next step divided by that of the parameters.
        verdict: "healthy", or one of `ADVICE`.
    """

    name: str
    kind: str
    activation: float | None = None
    gradient: float | None = None
    weight: float | None = None
    weight_gradient: float | None = None
    dead: float | None = None
    update: float | None = None
    verdict: str = HEALTHY


@dataclass(frozen=True)
class GradientReport:
    """What was found in a network, layer by layer; it shows itself as a table.

    Attributes:
        layers: the reports of the layers, from the input to the output.
    """

    layers: list[LayerReport]

    @property
    def verdict(self) -> str:
        """The worst verdict of all layers."""
        found = {layer.verdict for layer in self.layers}
        return next((verdict for verdict in ADVICE if verdict in found), HEALTHY)

    @property
    def advice(self) -> str:
        """The verdict in a sentence: where, and what to try."""
        if self.verdict == HEALTHY:
            return "healthy: signals and gradients keep their size"
        where = [layer.name for layer in self.layers if layer.verdict == self.verdict]
        more = f" and {len(where) - 3} more" if len(where) > 3 else ""
        return f"{self.verdict} in {', '.join(where[:3])}{more}: {ADVICE[self.verdict]}"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a plot of the sizes in all layers to a file, and return its path.

        Raises:
            ValueError: if the file's name ends in something else than .png, .svg or .pdf.
            ImportError: if matplotlib is not installed.
            OSError: if the file can't be written.
        """
        return self.plot().save(path)

    def plot(self, path: str | os.PathLike[str] | None = None, *, theme: str = "light") -> Plot:
        """Return a plot of the sizes in all layers, which shows itself in a notebook.

        Args:
            path: where to save it: a file name that ends in .png, .svg or .pdf.
            theme: "light" or "dark".

        Raises:
            ValueError: for another suffix or theme.
            ImportError: if matplotlib is not installed.
            OSError: if the file can't be written.
        """
        what = f"the sizes in {len(self.layers)} layers"
        return plotted(path, theme, what, lambda colors: _draw(self, colors))

    def __repr__(self) -> str:
        """Show the table, and the verdict in a sentence."""
        heads = ["layer", *(title for _, title in _COLUMNS), "verdict"]
        lines = [
            [
                layer.name or layer.kind,
                *(_written(name, getattr(layer, name)) for name, _ in _COLUMNS),
                layer.verdict,
            ]
            for layer in self.layers
        ]
        widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
        rows = [_line(line, widths) for line in [heads, *lines]]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([rows[0], rule, *rows[1:], rule, self.advice])


_COLUMNS = [
    ("activation", "activations"),
    ("gradient", "gradients"),
    ("weight_gradient", "weight gradients"),
    ("dead", "dead"),
    ("update", "update / weight"),
]


def gradient_report(
    model: Module,
    data: Data | None = None,
    loss: Loss | None = None,
    optimizer: Any = None,
    *,
    batched: bool = False,
) -> GradientReport:
    """Return how large signals and gradients are in each layer of a network, with a verdict.

    A layer is "vanishing" if the gradients of its outputs are less than a thousandth of those of
    the last layer, or the outputs less than a thousandth of the inputs; "exploding" if they are
    more than a thousand times as large; "dead" if at least 40 % of its ReLUs are 0 for all
    samples; "hardly moving" or making "too large steps" if the next step changes its parameters
    by less than 1e-5 or more than 1e-1 of their size. See `nn.diagnosis` for the sources.

    The model is in training mode meanwhile. It, its gradients and the optimizer are afterwards
    as they were.

    Args:
        model: the network.
        data: rows and targets (X, y) to run through it: better some dozen samples than one.
            Without them the report tells what the gradients of the parameters, left by a
            backward sweep, tell.
        loss: called with the outputs and the targets, it returns the loss.
        optimizer: of the model's parameters, to see how far its next step would go.
        batched: whether to call the model once with all rows, as for `fit`.

    Raises:
        ValueError: if there are data and no loss, or neither data nor gradients.
        TypeError: if an argument is of the wrong kind.

    >>> from nn import MLP, losses
    >>> from optim import SGD
    >>> model = MLP(2, [8] * 12 + [1], activation="sigmoid", seed=0)
    >>> report = gradient_report(model, ([[1.0, 2.0], [-1.0, 0.5]], [0.0, 1.0]), losses.mse)
    >>> report.verdict, report.layers[0].verdict, report.layers[-1].verdict
    ('vanishing', 'vanishing', 'healthy')
    """
    if (data is None) != (loss is None):
        raise ValueError("gradient_report needs data and a loss, or neither of them")
    require_kind(isinstance(model, Module), "gradient_report needs a Module as model", model)
    require_kind(
        loss is None or callable(loss),
        "gradient_report needs a function as loss, such as nn.losses.mse",
        loss,
    )
    require_kind(
        optimizer is None or has_methods(optimizer, "step", "state_dict", "load_state_dict"),
        "gradient_report needs an optimizer of optim",
        optimizer,
    )
    shown = [part for part in parts(model) if part.parameters or not part.holds_parts]
    with _unchanged(model, optimizer):
        outputs: Outputs = {}
        inputs = None
        if data is not None and loss is not None:
            batch = samples(*pair("data", data))
            outputs = _swept(model, shown, batch, loss, batched)
            inputs = _size([float(x) for x in flatten(batch[0])[0]])
        elif not any(parameter.grad for parameter in model.parameters()):
            raise ValueError(
                "there are no gradients to report: call backward() on a loss first, or give "
                "gradient_report data and a loss"
            )
        steps = _steps(optimizer, model.parameters())
        layers = [_look_at(part, outputs, steps) for part in shown]
    return GradientReport(_judged(layers, inputs))


@contextmanager
def _unchanged(model: Module, optimizer: Any) -> Iterator[None]:
    """Let a with block do with a model and an optimizer what it likes, and undo it."""
    numbers = [(value, value.data, value.grad) for _, value in model.named_values()]
    memory = None if optimizer is None else optimizer.state_dict()
    try:
        yield
    finally:
        for value, number, gradient in numbers:
            value.data, value.grad = number, gradient
        if optimizer is not None:
            optimizer.load_state_dict(memory)


Outputs = dict[Module, list[list[Value]]]
"""The outputs of each module, flat: one list per sample."""


def _swept(model: Module, shown: list[Part], batch: Batch, loss: Loss, batched: bool) -> Outputs:
    """Run forward and backward, and return what the parts returned."""
    outputs: Outputs = {part.module: [] for part in shown}

    def note(module: Module, output: Any) -> None:
        if module not in outputs:
            return
        per_sample = output if batched and isinstance(output, list) else [output]
        outputs[module] += [
            [x for x in flatten(sample)[0] if isinstance(x, Value)] for sample in per_sample
        ]

    with in_mode(model, training=True), watching(note):
        _, root = forward(model, batch, loss, batched)
    model.zero_grad()
    root.backward()
    fed = {node.parents[0]: node for node in topological_order([root]) if node.primitive is relu}
    returned = {value for rows in outputs.values() for row in rows for value in row}
    for rows in outputs.values():
        for row in rows:
            # A ReLU that a forward method calls itself belongs to the layer before it.
            row[:] = [fed[x] if x in fed and fed[x] not in returned else x for x in row]
    return outputs


def _look_at(part: Part, outputs: Outputs, steps: dict[Value, float]) -> LayerReport:
    """Return what was found in a part of the network, not judged yet."""
    rows = outputs.get(part.module, [])
    values = [value for row in rows for value in row]
    weight = _size([parameter.data for parameter in part.parameters])
    step = _size([steps[parameter] for parameter in part.parameters if parameter in steps])
    return LayerReport(
        part.name,
        kind(part.module),
        activation=_size([value.data for value in values]),
        gradient=_size([value.grad for value in values]),
        weight=weight,
        weight_gradient=_size([parameter.grad for parameter in part.parameters]),
        dead=_dead(rows),
        update=step / weight if weight and step is not None else None,
    )


def _size(numbers: Sequence[float]) -> float | None:
    """Return the root mean square of numbers, without overflow; None if there are none."""
    return math.hypot(*numbers) / math.sqrt(len(numbers)) if numbers else None


def _dead(rows: list[list[Value]]) -> float | None:
    """Return the share of ReLUs that are 0 for every sample; None if there are no ReLUs."""
    fires: dict[int, bool] = defaultdict(bool)
    for row in rows:
        for place, value in enumerate(row):
            if value.primitive is relu:
                fires[place] |= value.data > 0.0
    return 1.0 - sum(fires.values()) / len(fires) if fires else None


def _steps(optimizer: Any, parameters: list[Value]) -> dict[Value, float]:
    """Take a step, and return how far each parameter went."""
    if optimizer is None:
        return {}
    before = [parameter.data for parameter in parameters]
    optimizer.step()
    steps = {
        parameter: parameter.data - number
        for parameter, number in zip(parameters, before, strict=True)
    }
    for parameter, number in zip(parameters, before, strict=True):
        parameter.data = number
    return steps


def _judged(layers: list[LayerReport], inputs: float | None) -> list[LayerReport]:
    """Return the layers with their verdicts, each compared with the last one and the inputs."""
    measured = [gradient for gradient in map(_measure, layers) if gradient is not None]
    last = measured[-1] if measured else None
    return [replace(layer, verdict=_verdict(layer, last, inputs)) for layer in layers]


def _measure(layer: LayerReport) -> float | None:
    """Return the size of a layer's gradients: of its outputs, else of its parameters."""
    return layer.weight_gradient if layer.gradient is None else layer.gradient


def _verdict(layer: LayerReport, last: float | None, inputs: float | None) -> str:
    sizes = (layer.activation, layer.gradient, layer.weight, layer.weight_gradient, layer.update)
    if not all(size is None or math.isfinite(size) for size in sizes):
        return "not finite"
    changes = [_change(_measure(layer), last), _change(layer.activation, inputs)]
    if max(changes) > FACTOR:
        return "exploding"
    if layer.dead is not None and layer.dead >= DEAD:
        return "dead"
    if min(changes) < 1.0 / FACTOR:
        return "vanishing"
    if layer.update is not None and layer.update > UPDATES[1]:
        return "too large steps"
    if layer.update is not None and layer.update < UPDATES[0]:
        return "hardly moving"
    return HEALTHY


def _change(size: float | None, reference: float | None) -> float:
    """Return how many times as large a size is; 1 if that can't be told."""
    if size is None or not reference:
        return 1.0
    return size / reference


def _written(name: str, size: float | None) -> str:
    if size is None:
        return ""
    return f"{size:.0%}" if name == "dead" else f"{size:.2g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        f"{cell:<{width}}" if place in (0, len(cells) - 1) else f"{cell:>{width}}"
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join([first, *others]).rstrip()


# The plot ---------------------------------------------------------------------------------------


def _draw(report: GradientReport, theme: Theme) -> Any:
    shown = [
        (name, title)
        for name, title in _PANELS.items()
        if any(getattr(layer, name) is not None for layer in report.layers)
    ]
    height = 1.8 + max(2.4, 0.32 * len(report.layers))
    figure = new_figure(3.4 * len(shown) + 1.6, height, _headline(report), theme)
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (name, title) in zip(panels, shown, strict=True):
        _draw_panel(axes, report.layers, name, title, theme)
    panels[0].set_yticks(
        range(len(report.layers)), [layer.name or layer.kind for layer in report.layers]
    )
    panels[0].invert_yaxis()  # the input is above, as in the table
    return figure


_PANELS = {
    "activation": "Outputs",
    "gradient": "Gradients of the outputs",
    "weight_gradient": "Gradients of the weights",
    "dead": "Dead ReLUs",
    "update": "Update / weight",
}


def _headline(report: GradientReport) -> str:
    """Return the advice, broken after the verdict."""
    return report.advice.replace(": ", ":\n", 1)


def _draw_panel(axes: Any, layers: list[LayerReport], name: str, title: str, theme: Theme) -> None:
    points = [
        (size, place, layer)
        for place, layer in enumerate(layers)
        if (size := getattr(layer, name)) is not None and math.isfinite(size)
    ]
    is_share = name == "dead"
    set_axes(axes, title, "share" if is_share else "root mean square", "", theme)
    if is_share:
        axes.axvspan(DEAD, 1.0, color=theme.orange, alpha=0.08, linewidth=0)
        axes.set_xlim(-0.03, 1.03)
    else:
        for size, place, layer in points:
            if size == 0.0:  # has no place on a logarithmic axis
                at_left = axes.get_yaxis_transform()
                axes.text(
                    0.03, place, "0", color=_color(layer, theme), va="center", transform=at_left
                )
        points = [point for point in points if point[0] > 0.0]
        axes.set_xscale("log")
        _widen(axes, [size for size, _, _ in points])
    if name == "update":
        axes.set_xlabel("ratio", color=theme.ink)
        axes.axvspan(*UPDATES, color=theme.green, alpha=0.08, linewidth=0)
    axes.plot([size for size, _, _ in points], [place for _, place, _ in points], color=theme.faint)
    for size, place, layer in points:
        marker = "o" if layer.verdict == HEALTHY else "X"
        color = _color(layer, theme)
        axes.plot([size], [place], marker=marker, markersize=7, color=color, markeredgewidth=0)


def _color(layer: LayerReport, theme: Theme) -> str:
    return theme.blue if layer.verdict == HEALTHY else theme.orange


def _widen(axes: Any, sizes: Sequence[float]) -> None:
    """Show two powers of ten at least, so that small differences look small."""
    if sizes:
        low, high = math.log10(min(sizes)), math.log10(max(sizes))
        margin = max(0.2, (2.0 - (high - low)) / 2.0)
        axes.set_xlim(10.0 ** (low - margin), 10.0 ** (high + margin))
