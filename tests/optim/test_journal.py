"""Journals: a search that was killed goes on, and ends with the same table."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import joblib
import pytest

from optim import SGD, Adam, grid_search, random_search
from optim.journal import Journal, JournalError, Trial
from tests.optim.searching import TRIALS, experiment, search

ROOT = Path(__file__).parent.parent.parent
SETTINGS = [{"lr": 0.1, "kind": "a"}, {"lr": 0.2, "kind": "b"}, {"lr": 0.3, "kind": "c"}]


class Killed(BaseException):
    """Stands for kill -9 in the same process."""


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def same(found: Any, other: Any) -> bool:
    return str(found) == str(other) and repr(found.rows()) == repr(other.rows())


def test_killed_in_the_middle_and_gone_on(tmp_path: Path) -> None:
    path = tmp_path / "search.jsonl"
    program = [sys.executable, str(Path(__file__).with_name("searching.py")), str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(program, cwd=ROOT, env=environment)
    while process.poll() is None and (not path.exists() or path.read_bytes().count(b"\n") < 3):
        time.sleep(0.001)
    time.sleep(random.uniform(0.0, 0.03))
    process.kill()
    process.wait()
    finished = len(lines(path)) - 1
    assert 2 <= finished < TRIALS
    assert same(search(path), search(None))
    assert [entry["trial"] for entry in lines(path)[1:]] == list(range(TRIALS))


@pytest.mark.parametrize("number", [0, 1, TRIALS - 1])
def test_no_trial_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    path, tried = tmp_path / "search.jsonl", []

    def trial(lr: float) -> float:
        if len(tried) == number and not killed:
            raise Killed
        tried.append(lr)
        return lr

    grid: Any = {"lr": [k / 10 for k in range(TRIALS)]}
    killed: list[bool] = []
    with pytest.raises(Killed):
        grid_search(trial, grid, journal=path)
    killed.append(True)
    grid_search(trial, grid, journal=path)
    assert tried == grid["lr"]


def test_a_torn_line_is_dropped_with_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "search.jsonl"
    found = search(path)
    content = path.read_bytes()
    *whole, last = content.splitlines(keepends=True)
    for length in (1, len(last) // 2, len(last) - 1):
        path.write_bytes(b"".join(whole) + last[:length])
        with pytest.warns(
            UserWarning, match=r"^the last line of search\.jsonl was torn by a crash"
        ):
            assert same(search(path), found)
        assert path.read_bytes() == content


def test_more_trials_of_the_same_search(tmp_path: Path) -> None:
    path = tmp_path / "search.jsonl"
    grid_search(experiment, {"lr": [0.3, 0.4], "kind": ["a"]}, journal=path)
    more = {"lr": [0.3, 0.4, 0.5], "kind": ["a"]}
    assert same(grid_search(experiment, more, journal=path), grid_search(experiment, more))
    assert len(lines(path)) == 4
    few = {"lr": [0.3], "kind": ["a"]}
    assert same(grid_search(experiment, few, journal=path), grid_search(experiment, few))


def test_trials_of_the_same_loss_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    path, grid = tmp_path / "search.jsonl", {"lr": [0.3, 0.1, 0.2]}
    found = grid_search(lambda lr: 1.0, grid, journal=path)
    head, *trials = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + b"".join(reversed(trials)))
    assert same(grid_search(lambda lr: 1.0, grid, journal=path), found)


def test_every_outcome_comes_back(tmp_path: Path) -> None:
    outcomes = [
        Trial(SETTINGS[0], math.nan, "Error: ü\n", {}),
        Trial(SETTINGS[1], -math.inf, "", {"accuracy": math.inf}),
        Trial(SETTINGS[2], 5e-324, "", {"a": 0.1, "b": -0.0}),
    ]
    path = tmp_path / "a"
    journal = Journal(path, "e", SETTINGS)
    for number, trial in enumerate(outcomes):
        journal.add(number, trial)
    assert repr(list(Journal(path, "e", SETTINGS).finished.values())) == repr(outcomes)
    json.loads(path.read_text().splitlines()[1], parse_constant=pytest.fail)


def test_settings_that_are_no_numbers(tmp_path: Path) -> None:
    def trial(kind: Any, betas: Any) -> float:
        return float(kind is Adam)

    grid = {"kind": [SGD, Adam], "betas": [(0.9, 0.99), None]}
    first = grid_search(trial, grid, journal=tmp_path / "a")
    assert grid_search(trial, grid, journal=tmp_path / "a").best == first.best
    assert first.best == {"kind": SGD, "betas": (0.9, 0.99)}


# What is refused.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 5}, r"whose trial 1 had lr=[\d.]+, kind=\w+, and not lr=[\d.]+, kind=\w+: give"),
    ],
)
def test_another_search(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    path = tmp_path / "search.jsonl"
    search(path)
    content = path.read_bytes()[:-7]  # torn besides
    path.write_bytes(content)
    with pytest.raises(
        JournalError, match=rf"^search\.jsonl is the journal of another search, {words}"
    ):
        search(path, **options)
    assert path.read_bytes() == content


def test_another_experiment(tmp_path: Path) -> None:
    search(tmp_path / "a")
    with pytest.raises(JournalError, match="of another search, of experiment, and not exp: give"):
        random_search(math.exp, {"x": [1.0]}, 1, seed=4, journal=tmp_path / "a")


@pytest.mark.parametrize("content", [b"", b"\n", b"7\n", b"{", b"[" * 9999 + b"\n", b"\xff\n{}\n"])
def test_what_is_no_journal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(JournalError, match=r"^a is not the journal of a search"):
        search(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"trial": 1', '"trial": "x"'),
        ('"trial": 1', '"trial": -1'),
        ('"trial": 1', '"trial": true'),
        ('"loss": ', f'"loss": {10**400}, "x": '),
        ('"loss"', '"gain"'),
        ('"measures": {', '"measures": [{'),
        ('"error": "', '"error": 3, "x": "'),
        ('{"trial"', '["trial"'),
    ],
)
def test_a_damaged_line(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "search.jsonl"
    search(path)
    head, first, second, *others = path.read_text().splitlines(keepends=True)
    changed = second.replace(old, new)
    assert changed != second
    path.write_text("".join([head, first, changed, *others]))
    with pytest.raises(
        JournalError, match=r"^search\.jsonl is damaged in line 3: delete that line"
    ):
        search(path)
    path.write_text("".join([head, first, *others]))
    assert same(search(path), search(None))


def test_a_journal_of_another_version(tmp_path: Path) -> None:
    search(tmp_path / "a")
    content = (tmp_path / "a").read_text()
    (tmp_path / "a").write_text(content.replace('"version": 1', '"version": 2', 1))
    with pytest.raises(JournalError, match="of version 2: this stepgrad reads 1"):
        search(tmp_path / "a")


def test_a_random_search_without_a_seed_can_not_go_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="that is to go on after a crash needs a seed"):
        random_search(experiment, {"lr": [0.1]}, 1, journal=tmp_path / "a")


@pytest.mark.parametrize("name", ["lr", "error"])
def test_a_measure_of_a_columns_name(name: str) -> None:
    found = grid_search(lambda lr: {"loss": lr, name: 0.0}, {"lr": [1.0]})
    assert found[0].error.endswith(f"can't have the name of another column, {name!r}")


# On other machines.


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield cluster


def test_the_same_on_dask_and_gone_on_there(tmp_path: Path, cluster: Any) -> None:
    path = tmp_path / "search.jsonl"
    search(path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:5]))
    with joblib.parallel_config(backend="dask"):
        found = search(path)
    assert same(found, search(None))
    assert sorted(entry["trial"] for entry in lines(path)[1:]) == list(range(TRIALS))


def lines_so_far(lr: float, path: str) -> int:
    return len(lines(Path(path)))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python's, of any fork
def test_a_backend_that_returns_all_at_the_end_is_given_a_few_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "search.jsonl"
    grid = {"lr": [0.5, 0.6, 0.7, 0.8, 0.9], "path": [str(path)]}
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        grid_search(lines_so_far, grid, journal=path)
    assert [entry["loss"] for entry in lines(path)[1:]] == [1.0, 1.0, 3.0, 3.0, 5.0]
