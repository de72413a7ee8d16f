"""Two interleaved half moons, and the boundary that a network draws between them."""

from collections.abc import Mapping

from autograd.optional import needed
from nn import losses
from nn.neuron import MLP
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.recipes.splitting import held_out_accuracy, split
from nn.training import Loss

POINTS, NOISE = 300, 0.2


class Moons(Recipe):
    """Tell the points of two half moons apart: a 2-16-2 MLP with ReLU.

    Data: scikit-learn's make_moons, 300 points, normal noise with deviation 0.2.

    >>> rows, targets = Moons().data(seed=0).held_out
    >>> len(rows), sum(targets)
    (75, 37)
    """

    name = "moons"
    summary = "two half moons, with the boundary between them"
    defaults = Settings(lr=0.03, schedule="cosine", batch_size=16, epochs=40)
    classifies = True

    def data(self, seed: int) -> Data:
        """Return 300 points, a quarter of them held out."""
        datasets = needed("sklearn.datasets", "the moons", package="scikit-learn")
        X, y = datasets.make_moons(POINTS, noise=NOISE, random_state=seed)
        X, X_held_out, y, y_held_out = split(X, y, seed)
        return Data(
            training=(X.tolist(), y.tolist()),
            held_out=(X_held_out.tolist(), y_held_out.tolist()),
            inputs=["x1", "x2"],
            classes=["upper moon", "lower moon"],
        )

    def model(self, seed: int) -> MLP:
        """Return a network with 16 hidden neurons."""
        return MLP(2, [16, 2], "relu", seed=seed)

    @property
    def loss(self) -> Loss:
        """Cross-entropy."""
        return losses.cross_entropy

    def findings(self, result: Result) -> str:
        """Tell the accuracy."""
        return held_out_accuracy(result)

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the boundary with the points, the training, and how the weights moved."""
        title = f"Moons: {result.accuracy:.1%} of the held-out points are on the right side"
        return {
            "moons-boundary.png": result.history.plot_boundary(
                title=title, classes=result.data.classes
            ).png,
            "moons-training.png": result.history.plot(title=title).png,
            "moons-histograms.png": result.history.plot_histograms().png,
        }
