"""Whole trainings, from data to pictures: what the command `stepgrad train` does."""

from pathlib import Path
from typing import Any

from nn.recipes.choices import OPTIMIZERS, SCHEDULES
from nn.recipes.digits import Digits, DigitsConv
from nn.recipes.digits_small import DigitsSmall
from nn.recipes.domains import TurnedMoons
from nn.recipes.iris import Iris
from nn.recipes.linear import Linear
from nn.recipes.moons import Moons
from nn.recipes.names import Names
from nn.recipes.names_lstm import NamesLSTM
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.recipes.xor import Xor

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Linear(),
        Xor(),
        Moons(),
        Iris(),
        Digits(),
        DigitsConv(),
        DigitsSmall(),
        TurnedMoons(),
        Names(),
        NamesLSTM(),
    )
}
"""All recipes by name."""


def train(
    name: str,
    *,
    folder: str | Path | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
    **wanted: Any,
) -> Result:
    """Train what a recipe says.

    Args:
        name: which recipe: linear, xor, moons, iris, digits, digits-conv, digits-small,
            domains, names or names-lstm.
        folder: where to write the pictures; it is made if need be. None for no pictures.
        checkpoint: a file to go on from, if it is there, and to write: see `nn.fit`.
        progress: whether to show a progress bar.
        wanted: settings that differ from the recipe's: optimizer, lr, schedule, batch_size,
            epochs, seed, compile, and truncation for names-lstm; see `Settings`. The same
            settings give the same result to the bit.

    Raises:
        ValueError: if there is no such recipe, optimizer or schedule, or a number is out of its
            range.
        TypeError: if there is no such setting.
        ImportError: if a package is not installed: scikit-learn for the data of moons, iris,
            digits and domains, pycountry for that of names, tqdm for the progress bar, matplotlib
            for the pictures, llvmlite for compile.
        DivergedError: if the loss becomes nan or infinite.
        LoadError: if the checkpoint is damaged, or of another training.

    >>> result = train("iris", epochs=2, schedule="cosine", progress=False)
    >>> len(result.history.validation_loss)
    2
    """
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name].train(folder=folder, checkpoint=checkpoint, progress=progress, **wanted)


__all__ = [
    "train",
    "RECIPES",
    "OPTIMIZERS",
    "SCHEDULES",
    "Recipe",
    "Settings",
    "Data",
    "Result",
]
