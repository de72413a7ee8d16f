"""Networks made of Values, each of whose numbers can be opened."""

import autograd

if not hasattr(autograd, "Value"):
    raise ImportError(
        f"nn needs stepgrad's autograd but found another at "
        f"{autograd.__file__ or autograd.__path__}: run `pip uninstall autograd` and then "
        "reinstall stepgrad, or keep them in separate environments."
    )

from nn import losses
from nn.data import batches
from nn.module import Module
from nn.neuron import MLP, Layer, Neuron
from nn.training import History, evaluate, fit, is_correct

__all__ = [
    "Module",
    "Neuron",
    "Layer",
    "MLP",
    "losses",
    "batches",
    "fit",
    "evaluate",
    "is_correct",
    "History",
]
