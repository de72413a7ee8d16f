"""The same training from many seeds, on all processors."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from autograd.optional import needed

Found = TypeVar("Found")


def for_each_seed(
    function: Callable[[int], Found], first: int, count: int, progress: bool
) -> list[Found]:
    """Call a function with so many seeds, on all processors; return what it found, in order.

    Args:
        function: of a seed; one that can be pickled.
        first: the first seed.
        count: how many.
        progress: whether to show a progress bar.

    Raises:
        ImportError: if joblib is not installed, or tqdm is not and progress is wanted.

    >>> for_each_seed(abs, first=3, count=2, progress=False)
    [3, 4]
    """
    joblib = needed("joblib", "training from many seeds")
    run = joblib.delayed(function)
    workers = joblib.Parallel(n_jobs=min(count, joblib.cpu_count()), return_as="generator")
    found: Iterable[Found] = workers(run(seed) for seed in range(first, first + count))
    if progress:
        found = needed("tqdm.auto", "a progress bar").tqdm(
            found, total=count, desc="training", unit="seed"
        )
    return list(found)
