"""XOR: the smallest problem that a single neuron can't solve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from autograd import no_grad
from autograd.plotting import LIGHT, as_png, halo, new_figure, set_axes
from nn import losses
from nn.boundary import draw_points, draw_regions
from nn.checks import positive_count
from nn.neuron import MLP, Layer
from nn.recipes.choices import make_optimizer, make_schedule
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.recipes.seeds import for_each_seed
from nn.training import DivergedError, Loss, fit

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
Y = [0.0, 1.0, 1.0, 0.0]
UNITS = 3
SHOWN = (-0.4, 1.4)

LEARNED = 0.01
"""The mean squared error from which on XOR counts as learned: no output is off by more than 0.2."""

NETWORKS = (("tanh", 3), ("relu", 3), ("relu", 4))
"""The activations and numbers of hidden units that `Xor.over_seeds` compares."""


class Xor(Recipe):
    """Learn XOR from its four points: a 2-3-1 MLP with tanh and a linear output.

    >>> result = Xor().train(progress=False)
    >>> [round(abs(result.model(x)[0].data)) for x in X]
    [0, 1, 1, 0]
    """

    name = "xor"
    summary = "XOR, the smallest problem that one neuron can't solve"
    defaults = Settings(lr=0.05, epochs=2000)
    enough = 1e-4

    def data(self, seed: int) -> Data:
        """Return the four points; there is no chance in them."""
        return Data(training=(X, Y), inputs=["a", "b"])

    def model(self, seed: int) -> MLP:
        """Return a network with three hidden neurons."""
        return MLP(2, [UNITS, 1], seed=seed)

    @property
    def loss(self) -> Loss:
        """The mean squared error."""
        return losses.mse

    def findings(self, result: Result) -> str:
        """Tell the four outputs."""
        found = _outputs(result.model)
        error = losses.mse(found, Y)
        outputs = ", ".join(
            f"{a:.0f} xor {b:.0f} = {_short(y)}" for (a, b), y in zip(X, found, strict=True)
        )
        return f"{_verdict(error)}: {outputs}; mean squared error {error:.2g}"

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the output over the plane, and the loss."""
        verdict = _verdict(losses.mse(_outputs(result.model), Y))
        title = f"XOR, {verdict} by a 2-{UNITS}-1 network with tanh"
        return {
            "xor-surface.png": _draw_plane(result.model, title),
            "xor-training.png": result.history.plot(title=title).png,
        }

    def over_seeds(self, count: int, *, progress: bool = True, **wanted: Any) -> str:
        """Compare networks with tanh and with ReLU from many seeds, and count dead units."""
        settings = self.settings(**wanted)
        positive_count("the number of seeds", count)
        try_all = partial(_try_networks, settings)
        trials = for_each_seed(try_all, settings.seed, count, progress)
        return Comparison(settings, [trial for tried in trials for trial in tried]).table()


@dataclass(frozen=True)
class Trial:
    """What came of one network from one seed.

    Attributes:
        activation: of the hidden units.
        units: how many there are.
        learned: whether the mean squared error fell to `LEARNED`.
        dead_at_start: how many hidden units were dead before training.
        dead: how many were at the end.
    """

    activation: str
    units: int
    learned: bool
    dead_at_start: int
    dead: int


@dataclass(frozen=True)
class Comparison:
    """The trials of all networks, and how they were trained."""

    settings: Settings
    trials: Sequence[Trial]

    def table(self) -> str:
        """Tell how many learned, and how that goes with dead units."""
        counts = range(max(units for _, units in NETWORKS) + 1)
        head = ["network", "learned", *(f"{dead} dead" for dead in counts)]
        rows = [head, *(self._row(*network, counts) for network in NETWORKS)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        seeds = len(self.trials) // len(NETWORKS)
        settings = self.settings
        return "\n".join(
            [
                f"{seeds} seeds each, {settings.optimizer}, learning rate {settings.lr:g} "
                f"({settings.schedule}), at most {settings.epochs} epochs.",
                f"Learned: a mean squared error of at most {LEARNED:g}. The last columns say how "
                "many learned",
                "of the networks that ended with so many dead hidden units.",
                "",
                *lines,
                "",
                "A hidden unit is dead if its activation has the derivative 0 at all four points: "
                "no gradient",
                "reaches its weights then, and it stays as it is. XOR needs two living ones.",
                f"Dead before the first step, on average: {self._dead_at_start()}.",
            ]
        )

    def _of(self, activation: str, units: int) -> list[Trial]:
        return [
            trial for trial in self.trials if (trial.activation, trial.units) == (activation, units)
        ]

    def _row(self, activation: str, units: int, counts: Sequence[int]) -> list[str]:
        trials = self._of(activation, units)
        by_dead = [[trial for trial in trials if trial.dead == dead] for dead in counts]
        return [f"2-{units}-1 {activation}", _share(trials), *map(_share, by_dead)]

    def _dead_at_start(self) -> str:
        return ", ".join(
            f"{sum(trial.dead_at_start for trial in self._of(*network)) / len(self.trials) * 3:.2f}"
            f" of {network[1]} ({network[0]})"
            for network in NETWORKS
        )


def _try_networks(settings: Settings, seed: int) -> list[Trial]:
    return [_try(settings, activation, units, seed) for activation, units in NETWORKS]


def _try(settings: Settings, activation: str, units: int, seed: int) -> Trial:
    model = MLP(2, [units, 1], activation, seed=seed)
    dead_at_start = dead_units(model.layers[0])
    optimizer = make_optimizer(settings.optimizer, model.parameters(), settings.lr)
    try:
        history = fit(
            model,
            (X, Y),
            losses.mse,
            optimizer,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            compile=settings.compile,
            schedule=make_schedule(settings.schedule, optimizer, settings.epochs),
            stop_at_loss=LEARNED,
            seed=seed,
        )
        learned = history.stopped == "loss"
    except DivergedError:
        learned = False
    return Trial(activation, units, learned, dead_at_start, dead_units(model.layers[0]))


def dead_units(layer: Layer) -> int:
    """Return how many neurons of the hidden layer have the derivative 0 at all four points.

    >>> layer = Layer(2, 1, "relu")
    >>> layer.load_state_dict({"neurons.0.w[0]": -1.0, "neurons.0.w[1]": -1.0, "neurons.0.b": 0.0})
    >>> dead_units(layer)
    1
    """
    outputs = [layer(x) for x in X]
    return sum(
        all(output.partials == (0.0,) for output in of_neuron)
        for of_neuron in zip(*outputs, strict=True)
    )


def _verdict(error: float) -> str:
    return "learned" if error <= LEARNED else "not learned"


def _share(trials: Sequence[Trial]) -> str:
    return f"{sum(trial.learned for trial in trials)} of {len(trials)}" if trials else "–"


def _short(number: float) -> str:
    return f"{number:.2f}".replace("-0.00", "0.00")


def _outputs(model: MLP) -> list[float]:
    with no_grad():
        return [float(model(x)[0]) for x in X]


def _draw_plane(model: MLP, title: str) -> bytes:
    figure = new_figure(7.2, 7.2, title)
    axes = figure.subplots()
    explanation = (
        "The paler, the closer the output is to one half, the thick line\n"
        "Dashed lines: a hidden unit's weighted sum is 0"
    )
    set_axes(axes, explanation, "a", "b", grid=False)
    draw_regions(axes, lambda points: _shares(model, points), SHOWN, SHOWN)
    for neuron in model.layers[0].neurons:
        _draw_zero(axes, neuron)
    for (a, b), wanted, found in zip(X, Y, _outputs(model), strict=True):
        draw_points(axes, [(a, b)], int(wanted), size=130, edge="white")
        axes.annotate(
            f"{a:.0f} xor {b:.0f} = {_short(found)}",
            (a, b),
            xytext=(0, 12 if b else -12),
            textcoords="offset points",
            ha="center",
            va="bottom" if b else "top",
            color=LIGHT.ink,
            fontweight="bold",
            path_effects=halo(),
            zorder=4,
        )
    return as_png(figure)


def _shares(model: MLP, points: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return how far the outputs are from 1 and from 0."""
    with no_grad():
        outputs = [min(1.0, max(0.0, float(model(point)[0]))) for point in points]
    return [[1.0 - output, output] for output in outputs]


def _draw_zero(axes: Any, neuron: Any) -> None:
    """Draw the line on which a hidden unit's weighted sum is 0, unless it has no weights left."""
    (v, w), bias = [weight.data for weight in neuron.w], neuron.b.data
    length = v * v + w * w
    if length > 0.0:
        nearest = (-bias * v / length, -bias * w / length)
        beyond = (nearest[0] - w, nearest[1] + v)
        axes.axline(nearest, beyond, color=LIGHT.green, linewidth=1.4, linestyle="--")
