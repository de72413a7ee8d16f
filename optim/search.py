"""Search for good settings: a grid of them, or samples, side by side on several processors."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from autograd.optional import needed
from autograd.plotting import Plot, plotted
from optim.checks import require_whole
from optim.journal import Journal, Settings, Trial, name_of
from optim.optimizer import amount, require

Experiment = Callable[..., Any]


_LONGEST_CELL = 70


class SearchResult(Sequence[Trial]):
    """The trials of a search, the best first and those that failed last.

    Args:
        trials: the trials.
        maximize: whether the largest number is the best.
        by: which number that is: "loss", or the name of another measure.

    >>> found = grid_search(lambda lr: (lr - 0.2) ** 2, {"lr": [0.1, 0.2, 0.4]})
    >>> found.best
    {'lr': 0.2}
    >>> print(found)
     lr  loss
    0.2     0
    0.1  0.01
    0.4  0.04
    """

    def __init__(self, trials: Iterable[Trial], maximize: bool = False, by: str = "loss") -> None:
        sign = -1.0 if maximize else 1.0

        def rank(trial: Trial) -> tuple[bool, float]:
            measure = trial.loss if by == "loss" else trial.measures.get(by, math.nan)
            failed = not (trial.succeeded and math.isfinite(measure))
            return failed, 0.0 if failed else sign * measure

        self._trials = sorted(trials, key=rank)

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
            {**trial.settings, "loss": trial.loss, **trial.measures, "error": trial.error}
            for trial in self._trials
        ]

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str = "Search",
        theme: str = "light",
    ) -> Plot:
        """Return a plot of the loss against each setting that was varied.

        A setting that is no number, such as the optimizer, gives the points their colours. Trials
        that failed are crosses above the others; the best one has a ring.

        Args:
            path: where to save it: a file name that ends in .png, .svg or .pdf.
            title: what stands above.
            theme: "light" or "dark".

        Raises:
            ValueError: if there is no trial, or for another suffix or theme.
            ImportError: if matplotlib is not installed.
            OSError: if the file can't be written.

        >>> grid_search(lambda lr: (lr - 0.2) ** 2, {"lr": [0.1, 0.2, 0.4]}).plot()
        <Plot: the losses of 3 trials>
        """
        from optim.search_picture import draw_search

        what = f"the losses of {amount(len(self), 'trial')}"
        return plotted(path, theme, what, lambda colors: draw_search(self, title, colors))

    def __str__(self) -> str:
        """Show the table."""
        rows = self.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        measures = list(dict.fromkeys(name for trial in self._trials for name in trial.measures))
        last = ["loss", *measures]
        columns = [name for name in names if name not in (*last, "error")] + last
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
    journal: str | os.PathLike[str] | None = None,
) -> SearchResult:
    """Run an experiment with every combination of settings.

    To average out chance, give seeds as a setting: ``{"lr": [0.1, 0.01], "seed": range(5)}``.

    Args:
        experiment: called with the settings by name, it trains and returns a loss: a number or
            a Value; or a dict with a "loss" and other measures, for the table.
        grid: the choices for each setting, or a list of such grids, as scikit-learn's
            ParameterGrid takes them.
        maximize: whether the largest number is the best, as for an accuracy.
        n_jobs: how many processors to use, as joblib counts them: -1 for all. By default one,
            or what a ``joblib.parallel_config`` around the search says, which may name Dask or
            Ray as well.
        progress: whether to show a progress bar.
        journal: a file in which each trial is written down when it is finished. The same search,
            run again after a crash or Ctrl-C, goes on with those that are not in it; one with
            more trials adds them. Lines of JSON.

    Returns:
        The trials, sorted. One that raised an error, or whose loss is not a finite number, is
        among them. They are the same for any number of processors.

    Raises:
        ValueError: if a setting is named "loss" or "error".
        JournalError: if the journal is damaged, or that of another search. It is left as it is.
        ImportError: if scikit-learn is not installed, or tqdm is not and progress is wanted.

    >>> def experiment(lr, momentum):
    ...     return (lr - 0.1) ** 2 + (momentum - 0.9) ** 2
    >>> grid_search(experiment, {"lr": [0.1, 0.3], "momentum": [0.0, 0.9]}).best
    {'lr': 0.1, 'momentum': 0.9}
    """
    choices = needed("sklearn.model_selection", "a search", package="scikit-learn")
    settings = list(choices.ParameterGrid(grid))
    return _search(experiment, settings, maximize, n_jobs, progress, journal)


def random_search(
    experiment: Experiment,
    distributions: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    n_iter: int = 10,
    seed: int | None = None,
    *,
    maximize: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
    journal: str | os.PathLike[str] | None = None,
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
        journal: as for `grid_search`; a seed is needed, or it would be another search next time.

    Returns:
        As `grid_search`.

    Raises:
        TypeError: if n_iter is not a whole number.
        ValueError: as `grid_search`, if n_iter is below 1, or there is a journal and no seed.
        ImportError: as `grid_search`.

    >>> from scipy.stats import loguniform
    >>> found = random_search(lambda lr: (lr - 0.1) ** 2, {"lr": loguniform(1e-3, 1.0)}, 30, seed=0)
    >>> print(f"{found.best['lr']:.2f}")
    0.09
    """
    require_whole("random_search's n_iter", n_iter)
    if journal is not None and seed is None:
        raise ValueError("a random search that is to go on after a crash needs a seed")
    choices = needed("sklearn.model_selection", "a search", package="scikit-learn")
    sampler = choices.ParameterSampler(distributions, n_iter, random_state=seed)
    return _search(experiment, list(sampler), maximize, n_jobs, progress, journal)


def _search(
    experiment: Experiment,
    settings: Sequence[Settings],
    maximize: bool,
    n_jobs: int | None,
    progress: bool,
    path: str | os.PathLike[str] | None,
) -> SearchResult:
    settings = [{name: _plain(choice) for name, choice in one.items()} for one in settings]
    for name in ("loss", "error"):
        taken = any(name in one for one in settings)
        require(not taken, "the table has columns of its own for loss and error", name)
    journal = None if path is None else Journal(path, name_of(experiment), settings)
    finished = {} if journal is None else journal.finished
    missing = [number for number in range(len(settings)) if number not in finished]
    trials = _run_all(experiment, [(number, settings[number]) for number in missing], n_jobs)
    if progress:
        bar = needed("tqdm.auto", "a progress bar").tqdm
        done, total = len(finished), len(settings)
        trials = bar(trials, initial=done, total=total, desc="search", unit="trial")
    for number, trial in trials:
        if journal is not None:
            journal.add(number, trial)
        finished[number] = trial
    return SearchResult([finished[number] for number in range(len(settings))], maximize)


def _run_all(
    experiment: Experiment, numbered: Sequence[tuple[int, Settings]], n_jobs: int | None
) -> Iterable[tuple[int, Trial]]:
    """Run trials; return each with its number when it is done, if joblib's backend can do that.

    Ray's backend, and that of multiprocessing, return all at the end: they are given as many
    trials as there are processors at a time, not to lose many.
    """
    joblib = needed("joblib", "a search")
    tasks = (joblib.delayed(_run)(experiment, number, one) for number, one in numbered)
    if not numbered:
        return []
    try:
        trials: Iterable[Any] = joblib.Parallel(
            n_jobs, return_as="generator_unordered", batch_size=1
        )(tasks)
    except ValueError:
        trials = _by_portions(joblib, tasks, n_jobs)
    return trials


def _by_portions(joblib: Any, tasks: Iterator[Any], n_jobs: int | None) -> Iterator[Any]:
    with joblib.Parallel(n_jobs) as parallel:
        while portion := list(islice(tasks, joblib.effective_n_jobs(n_jobs))):
            yield from parallel(portion)


def _run(experiment: Experiment, number: int, settings: Settings) -> tuple[int, Trial]:
    try:
        outcome = experiment(**settings)
        found = dict(outcome) if isinstance(outcome, Mapping) else {"loss": outcome}
        measures = {name: float(measure) for name, measure in found.items()}
        for name in measures.keys() & settings.keys() | measures.keys() & {"error"}:
            raise ValueError(f"a measure can't have the name of another column, {name!r}")
        return number, Trial(settings, measures.pop("loss"), measures=measures)
    except Exception as error:  # whatever it is, the other trials go on
        return number, Trial(settings, math.nan, f"{type(error).__name__}: {error}")


def _plain(choice: Any) -> Any:
    """Return NumPy's numbers as Python's."""
    return choice.item() if hasattr(choice, "item") else choice


def _reason(trial: Trial) -> str:
    return f"ended with {trial.error}" if trial.error else f"reached a loss of {trial.loss}"


def _cell(entry: Any) -> str:
    if isinstance(entry, float):
        return f"{entry:.6g}"
    text = " ".join(name_of(entry).split()) if callable(entry) else " ".join(str(entry).split())
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
