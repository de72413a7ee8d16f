"""How wrong a prediction is, as one number to be made small.

A loss takes the predictions and the targets of any number of samples, nested in lists, and
reduces the losses of all to their mean, to their sum, or not at all. Names of arguments and
defaults are those of torch.nn.functional; all but the first two are given by name.
"""

from nn.losses.binary import binary_cross_entropy, binary_cross_entropy_with_logits, hinge
from nn.losses.classes import cross_entropy, nll
from nn.losses.distillation import distillation
from nn.losses.distributions import kl_div
from nn.losses.regression import half_squared_error, huber, mae, mse, smooth_l1

__all__ = [
    "mse",
    "half_squared_error",
    "mae",
    "huber",
    "smooth_l1",
    "hinge",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "nll",
    "kl_div",
    "distillation",
]
