"""How this copy is installed: compiled or not, and whether another hides it."""

import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, version
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

_FOLDER = Path(__file__).parent
_ENGINE = ("autograd.grouping", "autograd.modes", "autograd.sweep", "autograd.value")
_TOGETHER = 5.0  # seconds within which the files of one installation are written


class _SourceFinder:
    """Finds the engine's source where the compiled form of it stands in the same folder."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_file_location(name, _source(name)) if name in _ENGINE else None


def _choose_backend() -> str:
    """Return which form of the engine runs, and see to it that it is the one imported.

    A source that is newer than what was compiled from it is being worked on: it runs itself.
    """
    wanted = os.environ.get("STEPGRAD_PURE", "0") in ("", "0")
    if wanted and is_compiled():
        return "compiled"
    if any(_compiled(name) for name in _ENGINE):
        sys.meta_path.insert(0, _SourceFinder)
    return "python"


def is_compiled() -> bool:
    """Return whether the compiled form is there, and of the present source.

    >>> is_compiled() or backend == "python"
    True
    """
    return all(_is_current(name, _compiled(name)) for name in _ENGINE)


def _source(name: str) -> Path:
    return _FOLDER / f"{name.rpartition('.')[2]}.py"


def _compiled(name: str) -> Path | None:
    """Return the extension module that importing would find, if there is one."""
    spec = PathFinder.find_spec(name, [str(_FOLDER)])
    found = "" if spec is None or spec.origin is None else spec.origin
    return Path(found) if found.endswith(tuple(EXTENSION_SUFFIXES)) else None


def _is_current(name: str, compiled: Path | None) -> bool:
    if compiled is None:
        return False
    source = _source(name)
    return not source.exists() or source.stat().st_mtime < compiled.stat().st_mtime + _TOGETHER


backend = _choose_backend()
"""Which form of the engine runs: "compiled", or "python", the source that it is compiled from."""


def warn_of_name_clash() -> None:
    """Warn in one sentence if a distribution named "autograd" is installed too."""
    try:
        other = version("autograd")
    except PackageNotFoundError:
        return
    warnings.warn(
        f"stepgrad and the distribution autograd {other} are both installed and both are "
        "imported as `autograd`, so one hides or damages the other: run `pip uninstall autograd` "
        "and then reinstall stepgrad, or keep them in separate environments.",
        stacklevel=3,
    )
