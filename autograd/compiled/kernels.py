"""Choosing what runs compiled code."""

import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

from autograd.compiled.code import Code
from autograd.compiled.llvm.backend import LlvmKernel
from autograd.compiled.numpy_backend import NumpyKernel

BACKENDS = ("auto", "llvm", "numpy")


class Kernel(Protocol):
    """Code that is ready to run."""

    name: str

    def __call__(self, tables: Sequence[Any], numbers: Any) -> tuple[Any, Any]:
        """Return the outputs, a row per sample, and the totals.

        Args:
            tables: an array for each argument, with a row of numbers per sample.
            numbers: an array of the numbers of the call.
        """


def is_installed(package: str) -> bool:
    """Return whether a package can be imported.

    >>> is_installed("no_such_package")
    False
    """
    return importlib.util.find_spec(package) is not None


def checked_backend(backend: str) -> str:
    """Return the name of a backend.

    Raises:
        ValueError: if there is no such backend.

    >>> checked_backend("numpy")
    'numpy'
    """
    if backend not in BACKENDS:
        raise ValueError(f"a backend is one of {', '.join(BACKENDS)}, got {backend!r}")
    return backend


def make_kernel(code: Code, widths: Sequence[int], backend: str) -> Kernel:
    """Return code made ready to run.

    Args:
        code: the code.
        widths: of how many numbers each argument of a sample consists.
        backend: "llvm", "numpy", or "auto" for LLVM where it is installed and knows all that the
            code does.

    Raises:
        ImportError: if the backend is not installed.
        NotImplementedError: if LLVM is wanted and doesn't know a primitive.
    """
    if backend == "numpy" or (backend == "auto" and not is_installed("llvmlite")):
        return NumpyKernel(code, widths)
    try:
        return LlvmKernel(code, widths)
    except NotImplementedError:
        if backend == "llvm":
            raise
        return NumpyKernel(code, widths)
