"""NumPy, which compiled functions run with."""

import functools
from typing import Any

from autograd.optional import needed


@functools.cache
def find_numpy() -> Any:
    """Return NumPy.

    Raises:
        ImportError: if it is not installed.

    >>> find_numpy().__name__
    'numpy'
    """
    return needed("numpy", "compiling", package="NumPy", extra="compile")
