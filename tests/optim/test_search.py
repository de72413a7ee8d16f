"""Grid and random search: the table, failures, and the same results on several processors."""

from __future__ import annotations

import math
import os
import sys
from typing import Any

import joblib
import pytest
from scipy.stats import loguniform

from autograd import Value
from optim import SGD, grid_search, random_search
from optim.search import SearchResult, Trial


def descend(lr: float, steps: int = 20) -> Value:
    """Return the loss after gradient descent on a parabola: diverges above a rate of 1."""
    x = Value(1.0)
    optimizer = SGD([x], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        (x * x).backward()
        optimizer.step()
    return x * x


def troubled(lr: float) -> float:
    if lr == 0.2:
        raise RuntimeError("two\nlines")
    return {0.1: 5.0, 0.3: math.nan, 0.4: -3.0, 0.5: math.inf, 0.6: 4.0, 0.7: -math.inf}[lr]


GRID = {"lr": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]}


def test_the_best_comes_first_and_the_failed_last() -> None:
    found = grid_search(troubled, GRID)
    assert [trial.settings["lr"] for trial in found] == [0.4, 0.6, 0.1, 0.2, 0.3, 0.5, 0.7]
    assert [trial.succeeded for trial in found] == [True] * 3 + [False] * 4
    assert found.best == {"lr": 0.4}
    assert found[3].error == "RuntimeError: two\nlines"
    assert repr(found) == "SearchResult(7 trials, 4 failed)"


def test_maximize() -> None:
    assert grid_search(troubled, GRID, maximize=True).best == {"lr": 0.1}


def test_rows_are_dicts() -> None:
    rows = grid_search(troubled, GRID).rows()
    assert rows[0] == {"lr": 0.4, "loss": -3.0, "error": ""}
    assert rows[3]["lr"] == 0.2
    assert math.isnan(rows[3]["loss"])


def test_the_table_has_one_line_for_each_trial() -> None:
    lines = str(grid_search(troubled, [GRID, {"lr": [0.6]}])).splitlines()
    assert lines[0].split() == ["lr", "loss", "error"]
    assert lines[5] == "0.2   nan  RuntimeError: two lines"
    assert len(lines) == 9


def test_grids_of_different_settings() -> None:
    def experiment(lr: float, momentum: float = 0.0) -> float:
        return lr + momentum

    found = grid_search(experiment, [{"lr": [1.0]}, {"lr": [0.5], "momentum": [0.9]}])
    assert str(found).splitlines()[1:] == ["  1               1", "0.5       0.9   1.4"]
    assert found.best == {"lr": 1.0}


def test_real_training() -> None:
    found = grid_search(descend, {"lr": [0.01, 0.3, 3.0], "steps": [5, 20]})
    assert found.best == {"lr": 0.3, "steps": 20}
    assert found[0].loss == pytest.approx(0.4**40)


def test_no_trial_succeeded() -> None:
    found = grid_search(lambda lr: 1 / 0, {"lr": [1.0, 2.0]})
    with pytest.raises(
        ValueError, match="none of 2 trials succeeded: the first ended with ZeroDivisionError: div"
    ):
        _ = found.best
    with pytest.raises(ValueError, match="1 trials succeeded: the first reached a loss of nan"):
        _ = SearchResult([Trial({}, math.nan)]).best


def test_interruption_is_no_failed_trial() -> None:
    def interrupted(lr: float) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid_search(interrupted, {"lr": [1.0]})


def test_a_seed_repeats_a_random_search() -> None:
    rates = {"lr": loguniform(1e-4, 1.0), "steps": [5, 10, 20]}
    first = random_search(descend, rates, 12, seed=3)
    assert first.rows() == random_search(descend, rates, 12, seed=3).rows()
    assert first.rows() != random_search(descend, rates, 12, seed=4).rows()
    assert len(first) == 12
    assert all(type(row["lr"]) is float and type(row["steps"]) is int for row in first.rows())


def worker(lr: float) -> float:
    return float(os.getpid()) if lr == 0.0 else descend(lr).data


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python's, of any fork
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_the_same_on_several_processors(backend: str) -> None:
    """Of the backends, multiprocessing is the base of Ray's, and can't hand out results early."""
    grid = {"lr": [0.01, 0.5, 0.3, 3.0]}
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert grid_search(worker, grid).rows() == grid_search(worker, grid, n_jobs=1).rows()
        elsewhere = grid_search(worker, {"lr": [0.0]})[0].loss != os.getpid()
    assert elsewhere == (backend != "threading")


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    grid_search(descend, {"lr": [0.1, 0.2, 0.3]}, progress=True)
    assert "3/3" in capsys.readouterr().err
    grid_search(descend, {"lr": [0.1]})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["loss", "error"])
def test_a_setting_of_a_columns_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"columns of its own for loss and error, got '{name}'"):
        grid_search(lambda **settings: 0.0, {name: [1]})


@pytest.mark.parametrize(("n_iter", "error"), [(0, ValueError), (2.5, TypeError)])
def test_a_wrong_number_of_trials(n_iter: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="n_iter is a whole number"):
        random_search(descend, {"lr": [0.1]}, n_iter)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    missing = ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    class Absent:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name.partition(".")[0] == "sklearn":
                raise missing

    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(ImportError, match=r'a search needs scikit-learn: pip install "stepgrad\['):
        grid_search(descend, {"lr": [0.1]})


# The plot.


def tried(*settings: dict[str, Any]) -> SearchResult:
    """Trials whose losses are 1, 2, ... in this order, and a last one that failed."""
    *reached, failed = settings
    trials = [Trial(one, float(loss)) for loss, one in enumerate(reached, 1)]
    return SearchResult([*trials, Trial(failed, math.nan, "Error: too large")])


def points(axes: Any) -> list[tuple[float, float]]:
    """Where the trials are that reached a loss."""
    dots = [marks for marks in axes.collections if marks.get_sizes()[0] == 44]
    return sorted(tuple(map(float, point)) for marks in dots for point in marks.get_offsets())


def test_every_setting_that_varies_has_a_panel_or_gives_the_colours() -> None:
    settings = [
        {"lr": 10.0 ** -(k % 4), "kind": "ab"[k % 2], "size": k, "epochs": 5} for k in range(8)
    ]
    figure = tried(*settings).plot().figure
    assert [axes.get_xlabel() for axes in figure.axes] == ["size", "lr"]
    legend = figure.legends[0]
    assert legend.get_title().get_text() == "kind"
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "best: 1", "failed: 1"]
    sizes, rates = figure.axes
    assert [label.get_text() for label in rates.get_xticklabels()] == ["0.001", "0.01", "0.1", "1"]
    assert points(sizes) == [(float(k), k + 1.0) for k in range(7)]
    low, high = sizes.get_xlim()
    assert low < 0.0 < 7.0 < high  # the failed one is in sight, too


def test_points_of_the_same_choice_stand_beside_each_other() -> None:
    figure = tried(*({"kind": kind} for kind in "aabba")).plot().figure
    (axes,) = figure.axes
    places = [round(x, 9) for x, _ in points(axes)]
    assert places == [-0.2, 0.0, 0.85, 1.15]


@pytest.mark.parametrize(
    ("rates", "scale"),
    [([0.001, 0.01, 0.1], "log"), ([1.0, 2.0, 3.0], "linear"), ([0.0, 1, 99], "linear")],
)
def test_wide_ranges_are_logarithmic(rates: list[float], scale: str) -> None:
    assert tried(*({"lr": lr} for lr in rates)).plot().figure.axes[0].get_xscale() == scale


def test_a_plot_of_little(tmp_path: Any) -> None:
    only_failed = SearchResult([Trial({"lr": 0.1, "$x": "$y"}, math.nan, "Error")])
    assert only_failed.plot(tmp_path / "a.svg", theme="dark").title == "the losses of 1 trial"
    assert SearchResult([Trial({"a": "$x$"}, 1.0), Trial({"a": "$y_"}, 2.0)]).plot().png
    with pytest.raises(ValueError, match="there is no trial to plot"):
        SearchResult([]).plot()


def test_sorting_by_another_measure() -> None:
    trials = [
        Trial({"lr": lr}, loss, measures=measures)
        for lr, loss, measures in [
            (1, 0.1, {"accuracy": 0.5}),
            (2, 0.3, {"accuracy": 0.9}),
            (3, 0.2, {"accuracy": 0.9}),
            (4, math.nan, {"accuracy": 1.0}),
            (5, 0.0, {}),
        ]
    ]
    found = SearchResult(trials, maximize=True, by="accuracy")
    assert [trial.settings["lr"] for trial in found] == [2, 3, 1, 4, 5]
    assert str(found).splitlines()[:2] == ["lr  loss  accuracy", " 2   0.3       0.9"]


def test_a_long_error_is_cut_in_the_table() -> None:
    table = str(SearchResult([Trial({"lr": 1}, math.nan, "E" * 500)]))
    assert table.splitlines()[1].endswith("E…")
    assert len(table.splitlines()[1]) < 90
