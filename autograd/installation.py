"""Whether another distribution, with the same import name, is installed beside this one."""

import warnings
from importlib.metadata import PackageNotFoundError, version


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
