"""Gives every pytest suite a fixture named gradcheck."""

import functools
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def gradcheck() -> Callable[..., Any]:
    """Check the gradient of a function: `autograd.gradcheck`, whose failures end at your line.

    For example, in a test module::

        def test_gradient(gradcheck):
            gradcheck(lambda x, y: x * tanh(y), 2.0, 0.5)
    """
    import autograd

    @functools.wraps(autograd.gradcheck)
    def check(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        try:
            return autograd.gradcheck(*arguments, **options)
        except autograd.GradcheckError as error:
            raise error.with_traceback(None) from None  # the report says all, our frames nothing

    return check
