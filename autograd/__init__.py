"""Scalar reverse-mode automatic differentiation that you can step through, see and check."""

from autograd.checking import GradcheckError, gradcheck
from autograd.drawing import draw
from autograd.installation import warn_of_name_clash
from autograd.modes import AnomalyError, detect_anomaly, no_grad
from autograd.primitives import (
    Primitive,
    absolute,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    clamp,
    cos,
    cosh,
    digamma,
    dot,
    elu,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    gelu,
    hardtanh,
    heaviside,
    hypot,
    leaky_relu,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    log_softmax,
    logsumexp,
    maximum,
    mean,
    minimum,
    mish,
    polygamma,
    relu,
    round,
    selu,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softmax,
    softplus,
    softsign,
    sqrt,
    sum,
    tan,
    tanh,
    trunc,
    where,
)
from autograd.sweep import Edge, Step, Sweep, backward
from autograd.transforms import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad
from autograd.value import Value

__version__ = "0.1.0"

warn_of_name_clash()
