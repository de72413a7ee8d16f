"""Fisher's iris: three kinds of flowers told apart by the sizes of their leaves."""

from collections.abc import Mapping
from typing import Any

from autograd import Value, draw
from autograd.optional import needed
from nn import losses
from nn.neuron import MLP
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.recipes.splitting import held_out_accuracy, split
from nn.training import Loss, evaluate


class Iris(Recipe):
    """Tell three kinds of iris from the sizes of their leaves: a 4-8-3 MLP with tanh.

    Data: Fisher (1936), "The use of multiple measurements in taxonomic problems", in
    scikit-learn's copy.

    >>> [len(rows) for rows, _ in (Iris().data(seed=0).training, Iris().data(seed=0).held_out)]
    [112, 38]
    """

    name = "iris"
    summary = "three kinds of iris, by the sizes of their leaves"
    defaults = Settings(lr=0.01, batch_size=16, epochs=60)
    classifies = True

    def data(self, seed: int) -> Data:
        """Return 150 flowers, standardized by the mean and deviation of those to train on."""
        datasets = needed("sklearn.datasets", "the Iris data", package="scikit-learn")
        preprocessing = needed("sklearn.preprocessing", "the Iris data", package="scikit-learn")
        flowers = datasets.load_iris()
        X, X_held_out, y, y_held_out = split(flowers.data, flowers.target, seed)
        scaler = preprocessing.StandardScaler().fit(X)
        return Data(
            training=(scaler.transform(X).tolist(), y.tolist()),
            held_out=(scaler.transform(X_held_out).tolist(), y_held_out.tolist()),
            inputs=[name.removesuffix(" (cm)") for name in flowers.feature_names],
            classes=[str(name) for name in flowers.target_names],
        )

    def model(self, seed: int) -> MLP:
        """Return a network with 8 hidden neurons."""
        return MLP(4, [8, 3], seed=seed)

    @property
    def loss(self) -> Loss:
        """Cross-entropy."""
        return losses.cross_entropy

    def findings(self, result: Result) -> str:
        """Tell the accuracy."""
        return held_out_accuracy(result)

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the training and a neuron.

        The neuron is the first, with the gradients of the loss at the held-out flower that the
        model finds hardest.
        """
        title = f"Iris: {result.accuracy:.1%} of the held-out flowers are classified correctly"
        return {
            "iris-training.png": result.history.plot(title=title).png,
            "iris-neuron.svg": draw(_neuron_at_hardest(result.model, result.data)).svg.encode(),
        }


def _neuron_at_hardest(model: MLP, data: Data) -> Value:
    """Return the first neuron's output for the flower with the largest loss, after a sweep."""
    assert data.held_out is not None
    row, target = max(zip(*data.held_out, strict=True), key=lambda flower: _loss(model, *flower))
    inputs = [
        Value(number, label=name, requires_grad=False)
        for number, name in zip(row, data.inputs, strict=True)
    ]
    first, *others = model.layers
    hidden: Any = first(inputs)
    neuron: Value = hidden[0]
    neuron.label = "layers.0.neurons.0"
    for layer in others:
        hidden = layer(hidden)
    model.zero_grad()
    losses.cross_entropy(hidden, target).backward()
    return neuron


def _loss(model: MLP, row: list[float], target: int) -> float:
    return evaluate(model, ([row], [target]), losses.cross_entropy)[0]
