"""Optimizers: how to move parameters against their gradients."""

import autograd

if not hasattr(autograd, "Value"):
    raise ImportError(
        f"optim needs stepgrad's autograd but found another at "
        f"{autograd.__file__ or autograd.__path__}: run `pip uninstall autograd` and then "
        "reinstall stepgrad, or keep them in separate environments."
    )

from optim import paths, schedules
from optim.adagrad import Adadelta, Adagrad
from optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
from optim.clipping import clip_grad_norm, clip_grad_value
from optim.optimizer import Optimizer
from optim.range_test import lr_range_test
from optim.rmsprop import RMSprop
from optim.scipy_adapter import as_scipy
from optim.search import grid_search, random_search
from optim.sgd import SGD
from optim.signs import Lion, Rprop

__all__ = [
    "Optimizer",
    "SGD",
    "Adagrad",
    "Adadelta",
    "RMSprop",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "RAdam",
    "Rprop",
    "Lion",
    "schedules",
    "paths",
    "clip_grad_norm",
    "clip_grad_value",
    "lr_range_test",
    "grid_search",
    "random_search",
    "as_scipy",
]
