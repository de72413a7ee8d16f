"""Packages that only some functions need."""

import importlib
from typing import Any


def needed(module: str, purpose: str, *, package: str = "", extra: str = "train") -> Any:
    """Return a module of an optional package.

    Args:
        module: the module to import.
        purpose: what it is needed for.
        package: what to call the package (default: as the module).
        extra: stepgrad's extra that installs it.

    Raises:
        ImportError: if it is not installed, saying how to install it.

    >>> needed("no_such_module", "flying")
    Traceback (most recent call last):
        ...
    ImportError: flying needs no_such_module: pip install "stepgrad[train]"
    """
    top = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != top:
            raise
        raise ImportError(
            f'{purpose} needs {package or top}: pip install "stepgrad[{extra}]"'
        ) from None
