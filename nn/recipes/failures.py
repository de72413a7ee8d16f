"""A gallery of trainings that fail: what was done, what finds the cause, and what mends it."""

import math
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import optim
from autograd import Primitive, Value, gradcheck
from autograd.files import write_whole
from autograd.optional import needed
from autograd.plotting import LIGHT, as_png, freeze_layout, label_ends, new_figure, set_axes
from nn.diagnosis import gradient_report
from nn.history import History
from nn.losses import mse
from nn.module import Module
from nn.neuron import MLP
from nn.training import Data, DivergedError, fit
from optim.range_test import RangeTest

WIDTH = 100  # of what is printed, in characters


@dataclass(frozen=True)
class Failure:
    """A training that failed, and how it went when it was mended.

    Attributes:
        title: what kind of failure it is.
        done: what was done.
        tool: what found the cause.
        told: what it said.
        remedy: what mends it.
        losses: by what was tried, the loss of every epoch; the last is the mended one. An inf at
            the end stands for a loss that was nan or inf.
    """

    title: str
    done: str
    tool: str
    told: str
    remedy: str
    losses: Mapping[str, list[float]]

    def __str__(self) -> str:
        """Tell it in a few lines."""
        lines = [_filled("done", self.done), _filled("found by", f"{self.tool}:")]
        lines += [_filled("", line) for line in self.told.splitlines()]
        lines.append(_filled("mended by", self.remedy))
        width = max(map(len, self.losses))
        for k, (name, losses) in enumerate(self.losses.items()):
            lines.append(_filled("" if k else "losses", f"{name:{width}}  {_course(losses)}"))
        return "\n".join([self.title, *lines])


def _filled(name: str, text: str) -> str:
    """Return a paragraph with a name in front, its lines no longer than is good to read."""
    start = f"  {name:11}"
    if len(start + text) <= WIDTH:
        return f"{start}{text}".rstrip()
    return textwrap.fill(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))


def _course(losses: Sequence[float]) -> str:
    end = f"{losses[-1]:.3g} after {len(losses)} epochs"
    if math.isinf(losses[-1]):
        end = f"not finite in epoch {len(losses)}"
    return f"{losses[0]:.3g} after one epoch, {end}"


# The five -------------------------------------------------------------------------------------


class Echo(Module):
    """A neuron that adds each number it is given to a part of what it had before.

    >>> echo = Echo(0.5)
    >>> echo([1.0, 1.0, 1.0])[0].data
    1.75
    """

    def __init__(self, part: float) -> None:
        self.part = Value(part)

    def forward(self, x: Sequence[Any]) -> list[Any]:
        """Return what it has in the end."""
        kept: Any = 0.0
        for number in x:
            kept = self.part * kept + number
        return [kept]


def exploding(compile: bool = False) -> Failure:
    """A number that is multiplied by itself sixty times: `detect_anomaly` within `fit` finds it."""
    rng = Random(0)
    heard = [[rng.gauss(0.0, 1.0) for _ in range(60)] for _ in range(20)]
    wanted = [Echo(0.9)(numbers)[0].data for numbers in heard]
    told = []

    def train(**options: Any) -> list[float]:
        echo = Echo(1.3)
        optimizer = optim.SGD(echo.parameters(), lr=0.03)
        losses, message = _fitted(echo, (heard, wanted), optimizer, 60, compile, **options)
        told.append(message)
        return losses

    losses = {"as it was": train(), "clipped": train(clip_norm=1.0)}
    return Failure(
        "Exploding: an echo that grows",
        "A neuron adds each of 60 numbers to 1.3 times what it had before, and shall learn that "
        "0.9 times is right. The gradient has a factor of 1.3 for every number.",
        "fit, which repeats a step that is not finite within detect_anomaly()",
        told[0],
        "clip_norm=1.0: the direction of the gradient is good, only its length isn't",
        losses,
    )


def vanishing(compile: bool = False) -> Failure:
    """Weights that are all small: `gradient_report` finds it."""
    data = _corners()
    network = MLP(2, [6, 6, 6, 1], seed=0)
    rng = Random(0)
    for parameter in network.parameters():
        parameter.data = rng.gauss(0.0, 0.02)
    report = gradient_report(network, data, mse)
    mended = MLP(2, [6, 6, 6, 1], seed=0)
    return Failure(
        "Vanishing: small random numbers",
        'Somebody has read "begin with small random numbers", and gave the weights of three '
        "layers of tanh a deviation of 0.02.",
        "gradient_report(model, data, loss)",
        str(report),
        "the weights that a Layer begins with, which keep the size of signals: Xavier's",
        {
            "small weights": _with_momentum(network, data, compile),
            "Xavier's": _with_momentum(mended, data, compile),
        },
    )


def dead(compile: bool = False) -> Failure:
    """ReLUs that are on the same side of 0 for every sample: `gradient_report` finds it."""
    years, wave = _wave()
    standard = [[(year - 2004.0) / 12.0] for (year,) in years]
    network = MLP(1, [12, 1], "relu", seed=0)
    report = gradient_report(network, (years, wave), mse)
    mended = MLP(1, [12, 1], "relu", seed=0)

    def train(model: Module, X: list[list[float]]) -> list[float]:
        optimizer = optim.Adam(model.parameters(), lr=0.03)
        return _fitted(model, (X, wave), optimizer, 150, compile)[0]

    return Failure(
        "Dead ReLUs: years as inputs",
        "A network of twelve ReLUs learns a wave over the years from 1984 to 2024, and is given "
        "the years as they are. What are 40 years to a weight times 2000? Each ReLU is on for all "
        "of them, or off for all of them.",
        "gradient_report(model, data, loss)",
        str(report),
        "inputs of mean 0 and deviation 1",
        {"years": train(network, years), "standardized": train(mended, standard)},
    )


def wrong_rate(compile: bool = False) -> Failure:
    """Steps that are too short or too long: `gradient_report` and a range test find it."""
    data = _corners()
    told = []
    losses = {}
    for rate in (1e-6, 4.0):
        network = MLP(2, [8, 1], seed=0)
        optimizer = optim.SGD(network.parameters(), lr=rate)
        told.append(f"{rate:g}: {gradient_report(network, data, mse, optimizer).advice}")
        losses[f"rate {rate:g}"] = _fitted(
            network, data, optimizer, 60, compile, callbacks=[_is_hopeless]
        )[0]
    network = MLP(2, [8, 1], seed=0)
    found = _range_of_rates(network, data)
    rate = found.tenth_of_minimum or 0.1
    optimizer = optim.SGD(network.parameters(), lr=rate)
    losses[f"rate {rate:.2g}"] = _fitted(network, data, optimizer, 60, compile)[0]
    return Failure(
        "A wrong learning rate: a millionth, and four",
        "The same network is trained by SGD with two rates that somebody has guessed.",
        "gradient_report(model, data, loss, optimizer), and then optim.range_test",
        "\n".join([*told, str(found)]),
        "the more cautious of the two rates that the range test suggests",
        losses,
    )


def wrong_gradient(compile: bool = False) -> Failure:
    """A derivative of one's own with a sign that is wrong: `gradcheck` finds it."""
    wrong = Primitive("bell", _bell, lambda out, x: (2.0 * x * out,))
    right = Primitive("mended_bell", _bell, lambda out, x: (-2.0 * x * out,))
    data = _corners()
    network, mended = (MLP(2, [8, 1], bell, seed=0) for bell in (wrong, right))
    healthy = gradient_report(network, data, mse).advice
    report = gradcheck(lambda a, b: network([a, b])[0], *data[0][0], raise_exception=False)
    return Failure(
        "A wrong gradient: a minus that was forgotten",
        "The network has an activation of its own, exp(-x²), with the derivative 2x·exp(-x²). "
        f"gradient_report finds it {healthy}.",
        "gradcheck(lambda a, b: model([a, b])[0], …)",
        _without_places(str(report.blame)),
        "the minus: -2x·exp(-x²)",
        {
            "as it was": _with_momentum(network, data, compile),
            "with a minus": _with_momentum(mended, data, compile),
        },
    )


FAILURES: dict[str, Callable[[bool], Failure]] = {
    "exploding": exploding,
    "vanishing": vanishing,
    "dead": dead,
    "rate": wrong_rate,
    "gradient": wrong_gradient,
}
"""All failures by name: each trains some small networks, in about a second."""


def _bell(x: float) -> float:
    return math.exp(-x * x)


def _corners() -> Data:
    """Return forty points of a square, and whether their coordinates have the same sign."""
    rng = Random(0)
    X = [[rng.uniform(-1.5, 1.5), rng.uniform(-1.5, 1.5)] for _ in range(40)]
    return X, [1.0 if a * b > 0.0 else -1.0 for a, b in X]


def _wave() -> tuple[list[list[float]], list[float]]:
    years = [[float(year)] for year in range(1984, 2025)]
    return years, [math.sin((year - 1984.0) / 6.0) for (year,) in years]


def _with_momentum(model: Module, data: Data, compile: bool) -> list[float]:
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return _fitted(model, data, optimizer, 100, compile)[0]


def _fitted(
    model: Module, data: Data, optimizer: Any, epochs: int, compile: bool, **options: Any
) -> tuple[list[float], str]:
    """Train; return the losses and, if they were not finite in the end, what was told of it."""
    try:
        found = fit(model, data, mse, optimizer, epochs=epochs, compile=compile, seed=0, **options)
    except DivergedError as error:
        return [*error.history.loss, math.inf], _without_places(str(error))
    return found.loss, ""


def _is_hopeless(history: History) -> bool:
    return history.loss[-1] > 1e6


def _range_of_rates(model: Module, data: Data) -> RangeTest:
    X, y = data
    optimizer = optim.SGD(model.parameters(), lr=1.0)

    def step() -> Value:
        optimizer.zero_grad()
        loss: Value = mse([model(x)[0] for x in X], y)
        loss.backward()
        optimizer.step()
        return loss

    return optim.lr_range_test(step, optimizer, 1e-4, 10.0, num_steps=40)


def _without_places(message: str) -> str:
    """Leave out which of our own lines called: readers have lines of their own."""
    lines = [line for line in message.splitlines() if not line.strip().startswith("made at")]
    return re.sub(r" \([^()]*, line \d+: .*\)\); ", "); ", "\n".join(lines))


# The picture ----------------------------------------------------------------------------------


def draw_failures(failures: Sequence[Failure]) -> Any:
    """Return a figure of how the losses went, side by side: as it was, and mended.

    A cross marks where a loss was nan or inf.

    >>> failure = Failure("None", "", "", "", "", {"bad": [2.0, math.inf], "good": [1.0, 0.1]})
    >>> draw_failures([failure]).axes[0].get_title(loc="left")
    'None'
    """
    columns = min(3, len(failures))
    rows = -(-len(failures) // columns)
    figure = new_figure(5.2 * columns, 3.6 * rows + 0.4, "Trainings that fail, and mended")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for failure, axes in zip(failures, panels, strict=False):
        _draw_losses(axes, failure)
    for axes in panels[len(failures) :]:
        axes.remove()
    freeze_layout(figure)
    for axes in figure.axes:
        label_ends(axes)
    return figure


def _draw_losses(axes: Any, failure: Failure) -> None:
    set_axes(axes, failure.title, "epoch", "loss")
    *_, mended = failure.losses
    broken = iter((LIGHT.orange, LIGHT.purple))
    for name, losses in failure.losses.items():
        color = LIGHT.blue if name == mended else next(broken)
        finite = losses[:-1] if math.isinf(losses[-1]) else losses
        axes.plot(range(1, len(finite) + 1), finite, color=color, linewidth=2, label=name)
        if len(finite) < len(losses):
            axes.scatter(len(finite), finite[-1], s=110, marker="X", color=color, zorder=3)
    axes.set_yscale("log")
    longest = max(map(len, failure.losses.values()))
    axes.set_xlim(1 - 0.03 * longest, 1.55 * longest)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= longest])


# The command ----------------------------------------------------------------------------------


def tell(
    names: Sequence[str] = (), *, compile: bool = False, folder: str | Path | None = None
) -> Iterator[str]:
    """Yield one paragraph per failure, as the command `stepgrad failures` prints them.

    Args:
        names: which of `FAILURES`; all if there are none.
        compile: whether the trainings are compiled.
        folder: where to write the picture, which must be there; None for no picture.

    Raises:
        ValueError: if there is no such failure.
        ImportError: if matplotlib is not installed and a picture is wanted, or llvmlite and it
            is to be compiled.

    >>> next(tell(["exploding"])).splitlines()[0]
    'Exploding: an echo that grows'
    """
    for name in names:
        if name not in FAILURES:
            raise ValueError(f"there is no failure {name!r}: choose from {', '.join(FAILURES)}")
    if folder is not None:
        needed("matplotlib", "a plot")  # before the trainings, not after them
    if compile:
        needed("llvmlite", "compiled training", extra="compile")
    shown = []
    for name in dict.fromkeys(names or FAILURES):
        shown.append(FAILURES[name](compile))
        yield str(shown[-1])
    if folder is not None:
        path = write_whole(Path(folder) / "failures.png", as_png(draw_failures(shown)))
        yield f"The losses are drawn in {path}"
