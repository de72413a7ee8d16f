"""Whole trainings on real data: what the command `stepgrad train` does."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograd import Value, draw
from nn.files import write_whole
from nn.losses import cross_entropy
from nn.neuron import MLP
from nn.optional import needed
from nn.plots import training_curves
from nn.training import History, evaluate, fit, is_correct
from optim import Adam


@dataclass
class Result:
    """What a recipe has come to.

    Attributes:
        accuracy: the share of held-out samples that the model classifies correctly.
        history: the losses and accuracies of every epoch.
        model: the trained model.
        files: the pictures that were written.
    """

    accuracy: float
    history: History
    model: MLP
    files: list[Path] = field(default_factory=list)


def iris(
    *,
    seed: int = 0,
    epochs: int = 60,
    lr: float = 0.01,
    batch_size: int = 16,
    folder: str | Path | None = None,
    progress: bool = True,
) -> Result:
    """Train a small network to tell three kinds of iris from the sizes of their leaves.

    A 4-8-3 MLP with tanh, cross-entropy, Adam. A quarter of the 150 flowers, as many of each
    kind, is held out; the sizes are standardized by the mean and deviation of the others.

    Data: Fisher (1936), "The use of multiple measurements in taxonomic problems", in
    scikit-learn's copy.

    Args:
        seed: what the split, the first weights and the order of the samples depend on; the same
            seed gives the same result to the bit.
        epochs: how often to go through the training data.
        lr: the learning rate.
        batch_size: samples per step.
        folder: where to write ``iris-training.png``, the curves, and ``iris-neuron.svg``, one
            neuron's graph with the gradients of the loss at the held-out flower that the model
            finds hardest; it is made if need be. None for no pictures.
        progress: whether to show a progress bar.

    Raises:
        ImportError: if scikit-learn, or tqdm or matplotlib where wanted, is not installed.
        ValueError: if a number is out of its range.

    >>> result = iris(epochs=2, progress=False)
    >>> len(result.history.validation_loss)
    2
    """
    data = _iris_data(seed)
    model = MLP(len(data.names), [8, 3], seed=seed)
    history = fit(
        model,
        *data.training,
        cross_entropy,
        Adam(model.parameters(), lr=lr),
        epochs=epochs,
        batch_size=batch_size,
        validation=data.held_out,
        accuracy=is_correct,
        seed=seed,
        progress=progress,
    )
    result = Result(history.validation_accuracy[-1], history, model)
    if folder is not None:
        result.files = _write_pictures(Path(folder), result, data)
    return result


@dataclass(frozen=True)
class _Data:
    """Rows and classes to train on and to hold out, and what the numbers of a row are."""

    training: tuple[list[list[float]], list[int]]
    held_out: tuple[list[list[float]], list[int]]
    names: list[str]


def _iris_data(seed: int) -> _Data:
    datasets = needed("sklearn.datasets", "the Iris data", package="scikit-learn")
    selection = needed("sklearn.model_selection", "the Iris data", package="scikit-learn")
    preprocessing = needed("sklearn.preprocessing", "the Iris data", package="scikit-learn")
    flowers = datasets.load_iris()
    X, X_held_out, y, y_held_out = selection.train_test_split(
        flowers.data, flowers.target, test_size=0.25, stratify=flowers.target, random_state=seed
    )
    scaler = preprocessing.StandardScaler().fit(X)
    return _Data(
        training=(scaler.transform(X).tolist(), y.tolist()),
        held_out=(scaler.transform(X_held_out).tolist(), y_held_out.tolist()),
        names=[name.removesuffix(" (cm)") for name in flowers.feature_names],
    )


def _write_pictures(folder: Path, result: Result, data: _Data) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    title = f"Iris: {result.accuracy:.1%} of the held-out flowers are classified correctly"
    curves = write_whole(folder / "iris-training.png", training_curves(result.history, title))
    neuron = draw(_neuron_at_hardest(result.model, data)).save(folder / "iris-neuron.svg")
    return [curves, neuron]


def _neuron_at_hardest(model: MLP, data: _Data) -> Value:
    """Return the first neuron's output for the flower with the largest loss, after a sweep."""
    row, target = max(zip(*data.held_out, strict=True), key=lambda flower: _loss(model, *flower))
    inputs = [
        Value(number, label=name, requires_grad=False)
        for number, name in zip(row, data.names, strict=True)
    ]
    first, *others = model.layers
    hidden: Any = first(inputs)
    neuron: Value = hidden[0]
    neuron.label = "layers.0.neurons.0"
    for layer in others:
        hidden = layer(hidden)
    model.zero_grad()
    cross_entropy(hidden, target).backward()
    return neuron


def _loss(model: MLP, row: list[float], target: int) -> float:
    return evaluate(model, [row], [target], cross_entropy)[0]
