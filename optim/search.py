"""Search for good settings: a grid of them, or samples, side by side on several processors."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograd.optional import needed
from optim.checks import require_whole
from optim.optimizer import require

Settings = dict[str, Any]
Experiment = Callable[..., Any]


@dataclass(frozen=True)
class Trial:
    """One trial: its settings, the loss it reached, and the error that ended it, if one did."""

    settings: Settings
    loss: float
    error: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it reached a loss that is a finite number."""
        return math.isfinite(self.loss)


class SearchResult(Sequence[Trial]):
    """The trials of a search, the best first and those that failed last.

    >>> found = grid_search(lambda lr: (lr - 0.2) ** 2, {"lr": [0.1, 0.2, 0.4]})
    >>> found.best
    {'lr': 0.2}
    >>> print(found)
     lr  loss
    0.2     0
    0.1  0.01
    0.4  0.04
    """

    def __init__(self, trials: Iterable[Trial], maximize: bool = False) -> None:
        sign = -1.0 if maximize else 1.0
        self._trials = sorted(
            trials, key=lambda t: (not t.succeeded, sign * t.loss if t.succeeded else 0.0)
        )

    @property
    def best(self) -> Settings:
        """The settings of the best trial.

        Raises:
            ValueError: if no trial succeeded, with the first one's reason.
        """
        if not self._trials or not self._trials[0].succeeded:
            reasons = [f": the first {_reason(trial)}" for trial in self._trials[:1]]
            raise ValueError(f"none of {len(self)} trials succeeded{''.join(reasons)}")
        return dict(self._trials[0].settings)

    def rows(self) -> list[dict[str, Any]]:
        """Return the table as a list of dicts, as a pandas frame takes them.

        >>> grid_search(lambda lr: 1 / lr, {"lr": [2.0, 0]}).rows()
        [{'lr': 2.0, 'loss': 0.5, 'error': ''},
         {'lr': 0, 'loss': nan, 'error': 'ZeroDivisionError: division by zero'}]
        """
        return [
            {**trial.settings, "loss": trial.loss, "error": trial.error} for trial in self._trials
        ]

    def __str__(self) -> str:
        """Show the table."""
        rows = self.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = [name for name in names if name not in ("loss", "error")] + ["loss"]
        if any(row["error"] for row in rows):
            columns.append("error")
        cells = [columns, *([_cell(row.get(name, "")) for name in columns] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if name == "error" else cell.rjust(width)
                for name, cell, width in zip(columns, line, widths, strict=True)
            ).rstrip()
            for line in cells
        )

    def __repr__(self) -> str:
        """Tell how many trials there are."""
        failed = sum(not trial.succeeded for trial in self._trials)
        return f"SearchResult({len(self)} trials, {failed} failed)"

    def __getitem__(self, index: Any) -> Any:
        return self._trials[index]

    def __len__(self) -> int:
        return len(self._trials)


def grid_search(
    experiment: Experiment,
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
    *,
    maximize: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
) -> SearchResult:
    """Run an experiment with every combination of settings.

    To average out chance, give seeds as a setting: ``{"lr": [0.1, 0.01], "seed": range(5)}``.

    Args:
        experiment: called with the settings by name, it trains and returns a loss: a number or
            a Value.
        grid: the choices for each setting, or a list of such grids, as scikit-learn's
            ParameterGrid takes them.
        maximize: whether the largest number is the best, as for an accuracy.
        n_jobs: how many processors to use, as joblib counts them: -1 for all. By default one,
            or what a ``joblib.parallel_config`` around the search says, which may name Dask or
            Ray as well.
        progress: whether to show a progress bar.

    Returns:
        The trials, sorted. One that raised an error, or whose loss is not a finite number, is
        among them. They are the same for any number of processors.

    Raises:
        ValueError: if a setting is named "loss" or "error".
        ImportError: if scikit-learn is not installed, or tqdm is not and progress is wanted.

    >>> def experiment(lr, momentum):
    ...     return (lr - 0.1) ** 2 + (momentum - 0.9) ** 2
    >>> grid_search(experiment, {"lr": [0.1, 0.3], "momentum": [0.0, 0.9]}).best
    {'lr': 0.1, 'momentum': 0.9}
    """
    choices = needed("sklearn.model_selection", "a search", package="scikit-learn")
    settings = list(choices.ParameterGrid(grid))
    return _search(experiment, settings, maximize, n_jobs, progress)


def random_search(
    experiment: Experiment,
    distributions: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    n_iter: int = 10,
    seed: int | None = None,
    *,
    maximize: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
) -> SearchResult:
    """Run an experiment with settings drawn by chance.

    For a learning rate draw the logarithm evenly: ``scipy.stats.loguniform(1e-4, 1.0)``.
    Bergstra and Bengio (2012), "Random search for hyper-parameter optimization", tell why it
    finds better settings than a grid of as many trials.

    Args:
        experiment: as for `grid_search`.
        distributions: for each setting a list of choices or a distribution of scipy.stats, as
            scikit-learn's ParameterSampler takes them.
        n_iter: how many trials.
        seed: what the settings depend on. What the experiment itself draws is its own affair.
        maximize: as for `grid_search`.
        n_jobs: as for `grid_search`.
        progress: as for `grid_search`.

    Returns:
        As `grid_search`.

    Raises:
        TypeError: if n_iter is not a whole number.
        ValueError: as `grid_search`, or if n_iter is below 1.
        ImportError: as `grid_search`.

    >>> from scipy.stats import loguniform
    >>> found = random_search(lambda lr: (lr - 0.1) ** 2, {"lr": loguniform(1e-3, 1.0)}, 30, seed=0)
    >>> print(f"{found.best['lr']:.2f}")
    0.09
    """
    require_whole("random_search's n_iter", n_iter)
    choices = needed("sklearn.model_selection", "a search", package="scikit-learn")
    sampler = choices.ParameterSampler(distributions, n_iter, random_state=seed)
    return _search(experiment, list(sampler), maximize, n_jobs, progress)


def _search(
    experiment: Experiment,
    settings: Sequence[Settings],
    maximize: bool,
    n_jobs: int | None,
    progress: bool,
) -> SearchResult:
    settings = [{name: _plain(choice) for name, choice in one.items()} for one in settings]
    for name in ("loss", "error"):
        taken = any(name in one for one in settings)
        require(not taken, "the table has columns of its own for loss and error", name)
    trials = _run_all(experiment, settings, n_jobs)
    if progress:
        bar = needed("tqdm.auto", "a progress bar").tqdm
        trials = bar(trials, total=len(settings), desc="search", unit="trial")
    return SearchResult(trials, maximize)


def _run_all(
    experiment: Experiment, settings: Sequence[Settings], n_jobs: int | None
) -> Iterable[Trial]:
    """Run the trials; return them in order, one by one as they are done if joblib's backend can."""
    joblib = needed("joblib", "a search")
    tasks: Iterator[Any] = (joblib.delayed(_run)(experiment, one) for one in settings)
    try:
        parallel = joblib.Parallel(n_jobs, return_as="generator")
    except ValueError:  # Ray's backend, and that of multiprocessing, return all at the end
        parallel = joblib.Parallel(n_jobs)
    trials: Iterable[Trial] = parallel(tasks)
    return trials


def _run(experiment: Experiment, settings: Settings) -> Trial:
    try:
        return Trial(settings, float(experiment(**settings)))
    except Exception as error:  # whatever it is, the other trials go on
        return Trial(settings, math.nan, f"{type(error).__name__}: {error}")


def _plain(choice: Any) -> Any:
    """Return NumPy's numbers as Python's."""
    return choice.item() if hasattr(choice, "item") else choice


def _reason(trial: Trial) -> str:
    return f"ended with {trial.error}" if trial.error else f"reached a loss of {trial.loss}"


def _cell(entry: Any) -> str:
    return f"{entry:.6g}" if isinstance(entry, float) else " ".join(str(entry).split())
