"""Schedules: how the learning rate changes while training.

A schedule is made for an optimizer and stepped once per epoch, or per batch, after the
optimizer. Names, arguments, defaults and sequences are those of torch.optim.lr_scheduler.

>>> from autograd import Value
>>> from optim import SGD
>>> from optim.schedules import StepLR
>>> optimizer = SGD([Value(1.0)], lr=0.1)
>>> schedule = StepLR(optimizer, step_size=2, gamma=0.5)
>>> for epoch in range(4):
...     optimizer.step()
...     print(epoch, optimizer.param_groups[0]["lr"])
...     schedule.step()
0 0.1
1 0.1
2 0.05
3 0.05
"""

from optim.schedules.combined import ChainedScheduler, SequentialLR
from optim.schedules.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from optim.schedules.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    StepLR,
)
from optim.schedules.one_cycle import OneCycleLR
from optim.schedules.plateau import ReduceLROnPlateau
from optim.schedules.scheduler import LRScheduler

__all__ = [
    "LRScheduler",
    "ConstantLR",
    "StepLR",
    "MultiStepLR",
    "ExponentialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "LinearLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "LambdaLR",
    "SequentialLR",
    "ChainedScheduler",
]
