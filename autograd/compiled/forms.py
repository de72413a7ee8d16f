"""Primitives as compositions of simpler ones: what a backend need not know.

Each form computes what the primitive's own value function does, at special points too, but
without branches; the tests compare the two over their whole domains.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from autograd import primitives, real
from autograd.compiled.code import Builder, Code, primitive_named
from autograd.compiled.templates import Templates
from autograd.primitives import absolute, erfc, exp, expm1, log1p, maximum, minimum, tanh, where
from autograd.real import inf


def _sigmoid(x: Any) -> Any:
    small = exp(-absolute(x))
    return where(x >= 0.0, 1.0, small) / (1.0 + small)


def _softplus(x: Any) -> Any:
    return where(x > 0.0, x, 0.0) + log1p(exp(-absolute(x)))


def _leaky_relu(x: Any, negative_slope: Any) -> Any:
    return where(x > 0.0, x, negative_slope * x)


def _elu(x: Any, alpha: Any) -> Any:
    return where(x > 0.0, x, alpha * expm1(x))


def _with_limit(x: Any, y: Any) -> Any:
    """y, with its limit 0 where x is -inf."""
    return where(x <= -inf, 0.0, y)


def _gelu_tanh(x: Any) -> Any:
    return _with_limit(x, x * _sigmoid(real.gelu_tanh_argument(x)))


def _clamp(x: Any, low: Any, high: Any) -> Any:
    return minimum(maximum(x, low), high)


def _sign(x: Any) -> Any:
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, x))


def _softsign(x: Any) -> Any:
    return where(absolute(x) >= inf, _sign(x), x / (1.0 + absolute(x)))


def _heaviside(x: Any, values: Any) -> Any:
    beside = where(x > 0.0, 1.0, where(x < 0.0, 0.0, x))
    return where((x >= 0.0) & (x <= 0.0), values, beside)


def _power(x: Any, y: Any) -> Any:
    if isinstance(y, float) and y == 3.0:
        return x * x * x
    if isinstance(y, float) and y == -1.0:
        return primitives.divide(1.0, x)
    return primitives.power(x, y)


def _mean(*xs: Any) -> Any:
    count = float(len(xs))
    plain = primitives.sum(xs) / count
    if len(xs) == 1:
        return plain
    return where(absolute(plain) < inf, plain, primitives.sum([x / count for x in xs]))


def _logsumexp(*xs: Any) -> Any:
    peak = functools.reduce(maximum, xs)
    terms = []
    found: Any = False
    for x in xs:  # all but the first of the largest, whose exponential is 1
        is_peak = x >= peak
        terms.append(where(_and_not(is_peak, found), 0.0, exp(x - peak)))
        found = is_peak | found
    return where(absolute(peak) < inf, peak + log1p(primitives.sum(terms)), peak)


def _and_not(x: Any, y: Any) -> Any:
    return x if y is False else x & ~y


def _pick(index: Any, *xs: Any) -> Any:
    *others, result = xs
    for number, x in reversed(list(enumerate(others))):
        result = where((index >= number) & (index <= number), x, result)
    return result


def _is_gathered(builder: Builder, name: str, operands: Sequence[int]) -> bool:
    """Return whether one of the call's numbers is picked, which is read from where it lies."""
    return name == "pick" and all(builder.instructions[x][0] == "number" for x in operands[1:])


FORMS: dict[str, Callable[..., Any]] = {
    "relu": lambda x: where(x <= 0.0, 0.0, x),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": lambda x: real.SELU_SCALE * _elu(x, real.SELU_ALPHA),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "gelu": lambda x: _with_limit(x, x * (0.5 * erfc(-x * math.sqrt(0.5)))),
    "gelu_tanh": _gelu_tanh,
    "silu": lambda x: _with_limit(x, x * _sigmoid(x)),
    "mish": lambda x: _with_limit(x, x * tanh(_softplus(x))),
    "clamp": _clamp,
    "hardtanh": _clamp,
    "softsign": _softsign,
    "sign": _sign,
    "heaviside": _heaviside,
    "trunc": lambda x: where(x < 0.0, primitives.ceil(x), primitives.floor(x)),
    "power": _power,
    "mean": _mean,
    "logsumexp": _logsumexp,
    "pick": _pick,
    "detach": lambda x: x,
}


def lowered(code: Code) -> Code:
    """Return code that does the same with simpler operations.

    A primitive of the user's own is replaced by what its value function does, if that is made
    of operations that can be traced; else it stays.
    """
    if not any(_has_form(name) for name, _ in code.instructions):
        return code
    builder, templates = Builder(), Templates()
    places: list[int] = []
    for instruction in code.instructions:
        name, arguments = instruction
        if _has_form(name):
            places.append(_lowered(builder, templates, name, [places[x] for x in arguments]))
        else:
            places.append(builder.copy(instruction, places))
    code = Code(
        tuple(builder.instructions),
        tuple(places[place] for place in code.outputs),
        tuple(places[place] for place in code.totals),
    )
    return code.without_dead_code()


def _has_form(name: str) -> bool:
    return name in FORMS or name.startswith("user.")


def _lowered(builder: Builder, templates: Templates, name: str, operands: Sequence[int]) -> int:
    is_known = all(builder.known[place] is not None for place in operands)
    if is_known or _is_gathered(builder, name, operands):
        return builder.emit(name, *operands)
    form = FORMS.get(name) or primitive_named(name).value
    try:
        return templates.apply(builder, name, lambda *xs: [form(*xs)], operands)[0]
    except (TypeError, ValueError, ArithmeticError):
        if name in FORMS:
            raise
        return builder.emit(name, *operands)
