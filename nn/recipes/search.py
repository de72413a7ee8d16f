"""Searching for good settings of a recipe: what the command `stepgrad search` does."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autograd.optional import needed
from nn.checks import positive_count
from nn.recipes import RECIPES
from nn.recipes.recipe import Recipe
from optim.search import SearchResult, grid_search, random_search

_TRIALS = 20
"""How many, where there is a range and no other number is wanted."""


@dataclass(frozen=True)
class Range:
    """A range from which to draw, evenly by the logarithm.

    >>> Range(0.001, 0.1)
    Range(low=0.001, high=0.1)
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0.0 < self.low < self.high < float("inf"):
            raise ValueError(
                "a range goes from a number above 0 to a larger one, got "
                f"{self.low:g}:{self.high:g}"
            )


Choices = Mapping[str, "Sequence[Any] | Range"]


@dataclass(frozen=True)
class Trainer:
    """Trains a recipe with the settings of a trial, and tells how good it is then.

    Args:
        recipe: its name.
        fixed: the settings that all trials share.
    """

    recipe: str
    fixed: Mapping[str, Any]

    def __call__(self, **settings: Any) -> dict[str, float]:
        """Return the held-out loss and accuracy, or those of training if nothing is held out.

        Raises:
            DivergedError: if the loss becomes nan or infinite.
        """
        result = RECIPES[self.recipe].train(progress=False, **{**self.fixed, **settings})
        if result.history.stopped == "interrupted":
            raise KeyboardInterrupt  # it is not finished, and not to be told as if it were
        accuracy = {} if result.accuracy is None else {"accuracy": result.accuracy}
        return {"loss": result.history.watched[-1], **accuracy}

    def __repr__(self) -> str:
        """Say what is trained, as the journal does."""
        settings = ", ".join(f"{name}={setting}" for name, setting in self.fixed.items())
        return f"{self.recipe} with {settings}"


def search(
    name: str,
    choices: Choices,
    *,
    trials: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    by: str = "loss",
    journal: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **fixed: Any,
) -> SearchResult:
    """Train a recipe with many settings, and compare what comes out.

    Args:
        name: which recipe.
        choices: for each setting that is varied a list, or for a number a `Range`.
        trials: how many, drawn by chance; by default 20 if there is a range, or else every
            combination.
        seed: what the drawing depends on, and all trainings.
        jobs: how many processors to use, as for `optim.grid_search`.
        by: what to sort by: "loss" or "accuracy", of the samples that are held out.
        journal: as for `optim.grid_search`.
        progress: whether to show a progress bar.
        fixed: settings that all trials share and that are not the recipe's own.

    Raises:
        ValueError: if a setting is out of its range, or the recipe has no accuracy to sort by.
        JournalError: if the journal is damaged or of another search.
        ImportError: if a package is not installed.

    >>> found = search("xor", {"lr": [0.1, 0.001]}, epochs=50, progress=False)
    >>> found.best
    {'lr': 0.1}
    """
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    if by not in ("loss", "accuracy") or (by == "accuracy" and not recipe.classifies):
        raise ValueError(f"{name} can't be sorted by {by}: sort by loss")
    listed, fixed = _checked(recipe, choices, {**fixed, "seed": seed})
    recipe.data(seed)  # what is not installed is told before the first trial
    if fixed["compile"]:
        needed("llvmlite", "compiled training", extra="compile")
    experiment = Trainer(name, fixed)
    common: dict[str, Any] = {"n_jobs": jobs, "journal": journal, "progress": progress}
    count = _count(listed, trials)
    if count is None:
        found = grid_search(experiment, listed, **common)
    else:
        found = random_search(experiment, _drawn(listed), count, seed, **common)
    return SearchResult(found, maximize=by == "accuracy", by=by)


def _checked(
    recipe: Recipe, choices: Choices, fixed: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the choices as the recipe writes them, and all settings that are not varied."""
    listed: dict[str, Any] = {}
    for name, among in choices.items():
        ends = [among.low, among.high] if isinstance(among, Range) else list(among)
        checked = [getattr(recipe.settings(**fixed, **{name: one}), name) for one in ends]
        listed[name] = among if isinstance(among, Range) else list(dict.fromkeys(checked))
    shared = asdict(recipe.settings(**fixed))
    if "optimizer" in choices and "lr" not in fixed:
        del shared["lr"]  # each optimizer has its own
    return listed, {name: setting for name, setting in shared.items() if name not in choices}


def _count(choices: Choices, trials: int | None) -> int | None:
    """Return how many trials to draw; None for all combinations."""
    if trials is not None:
        positive_count("the number of trials", trials)
    lengths = [len(among) for among in choices.values() if not isinstance(among, Range)]
    if len(lengths) < len(choices):
        return trials or _TRIALS
    return None if trials is None or trials >= math.prod(lengths) else trials


def _drawn(listed: Mapping[str, Any]) -> dict[str, Any]:
    stats = needed("scipy.stats", "drawing settings", package="scikit-learn")
    return {
        name: stats.loguniform(among.low, among.high) if isinstance(among, Range) else among
        for name, among in listed.items()
    }
