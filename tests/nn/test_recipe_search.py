"""stepgrad search, and train --checkpoint: what is stopped goes on, and ends the same."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import distributed
import pytest

from autograd import cli
from nn.recipes import recipe
from nn.recipes.search import Range, search

SEARCH = ("search", "linear", "--lr", "0.001:0.1", "--optimizer", "SGD", "Adam", "--trials", "4")
FAST = ("--epochs", "2", "--jobs", "1")


def stepgrad(*arguments: str) -> tuple[int, str, list[str]]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(arguments)
    return status, out.getvalue(), err.getvalue().splitlines()


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Count trainings."""
    fit, begun = recipe.fit, []

    def counted(*arguments: Any, **options: Any) -> Any:
        begun.append(options["seed"])
        return fit(*arguments, **options)

    monkeypatch.setattr(recipe, "fit", counted)
    return begun


def interrupt_in(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Press Ctrl-C after the first epoch of the so-manieth training."""
    fit, begun = recipe.fit, []

    def interrupt(history: Any) -> None:
        if len(begun) == number:
            raise KeyboardInterrupt

    def interruptible(*arguments: Any, **options: Any) -> Any:
        begun.append(options["seed"])
        return fit(*arguments, **options, callbacks=[interrupt])

    monkeypatch.setattr(recipe, "fit", interruptible)


def test_search_shows_a_table_and_draws_a_plot(trainings: list[Any]) -> None:
    status, out, _ = stepgrad(*SEARCH, *FAST)
    assert status == 0
    head, *rows = out.split("\n\n")[0].splitlines()
    assert head.split() == ["lr", "optimizer", "loss"]
    losses = [float(row.split()[2]) for row in rows]
    assert losses == sorted(losses)
    assert len(losses) == len(trainings) == 4
    assert Path("linear-search.png").read_bytes().startswith(b"\x89PNG")
    assert "  linear-search.jsonl\n" in out


def test_the_best_can_be_trained_again() -> None:
    out = stepgrad(*SEARCH, *FAST)[1]
    command = out.split("the best again: stepgrad ")[1].splitlines()[0].split()
    wanted = {"--epochs", "--seed", "--lr", "--optimizer"}
    assert wanted == {word for word in command if word.startswith("--")}
    assert stepgrad(*command, "--no-plot")[0] == 0


def test_what_is_finished_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, trainings: list[Any]
) -> None:
    whole = stepgrad(*SEARCH, *FAST)[1].replace("linear-", "other/linear-")
    with monkeypatch.context() as patch:
        interrupt_in(patch, 3)
        status, out, err = stepgrad(*SEARCH, *FAST, "--folder", "other")
    assert (status, out) == (130, "")
    assert err[-1] == "stepgrad: interrupted: the same command goes on"
    assert Path("other/linear-search.jsonl").read_text().count("\n") == 1 + 2
    trainings.clear()
    assert stepgrad(*SEARCH, *FAST, "--folder", "other")[:2] == (0, whole)
    assert len(trainings) == 2
    journal = Path("other/linear-search.jsonl")
    journal.write_bytes(journal.read_bytes()[:-5])
    status, out, err = stepgrad(*SEARCH, *FAST, "--folder", "other")
    assert (status, out) == (0, whole)
    assert err[0].startswith("stepgrad: the last line of linear-search.jsonl was torn by a crash")


def test_a_trial_that_diverges_is_a_row(trainings: list[Any]) -> None:
    status, out, _ = stepgrad("search", "linear", "--lr", "1e200", "0.01", *FAST)
    assert status == 0
    good, bad = out.splitlines()[1:3]
    assert good.split()[0] == "0.01"
    assert bad.split()[:2] == ["1e+200", "nan"]
    assert "DivergedError: training diverged in epoch 1" in bad
    assert len(bad) < 100


def test_by_accuracy() -> None:
    found = search("iris", {"lr": [0.1, 0.001]}, by="accuracy", epochs=1, progress=False)
    assert found[0].measures["accuracy"] >= found[1].measures["accuracy"]
    assert "accuracy" in str(found).splitlines()[0]


def test_all_combinations_or_as_many_as_are_wanted() -> None:
    choices = {"lr": [0.1, 0.2], "batch_size": [1, 2, 2]}
    counts = [
        len(search("xor", choices, trials=trials, epochs=1, progress=False))
        for trials in (None, 3, 99)
    ]
    assert counts == [4, 3, 4]
    assert len(search("xor", {"lr": Range(0.1, 0.2)}, epochs=1, progress=False)) == 20


def test_each_optimizer_has_its_own_rate_if_none_is_wanted() -> None:
    found = search("linear", {"optimizer": ["sgd", "Adam"]}, epochs=30, progress=False)
    alone = [recipe_loss(optimizer) for optimizer in ("SGD", "Adam")]
    assert sorted(trial.loss for trial in found) == sorted(alone)
    assert {trial.settings["optimizer"] for trial in found} == {"SGD", "Adam"}


def recipe_loss(optimizer: str) -> float:
    from nn.recipes import train

    return train("linear", optimizer=optimizer, epochs=30, progress=False).history.loss[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--lr", "0.1"], "there is nothing to search: give several values of a setting, or a"),
        (["--lr", "much"], "--lr is a range LOW:HIGH or numbers, not 'much'"),
        (["--lr", "0.1:0.01"], "a range goes from a number above 0 to a larger one, got 0.1:0.01"),
        (["--lr", "0.1", "-1"], "-1"),
        (["--optimizer", "Adam", "Adamm"], "there is no optimizer 'Adamm' (did you mean Adam?)"),
        (["--epochs", "0", "1"], "the number of epochs is a whole number above 0, got 0"),
        (["--lr", "0.1:0.2", "--trials", "0"], "number of trials is a whole number above 0, got 0"),
        (["--lr", "0.1:0.2", "--jobs", "0"], "--jobs is a whole number above 0, got 0"),
        (["--lr", "0.1:0.2", "--by", "accuracy"], "linear can't be sorted by accuracy"),
        (["--lr", "0.1:0.2", "--jobs", "2", "--scheduler", "a"], "leave one out"),
        (["--lr", "0.1:0.2", "--scheduler", "a:b"], "no Dask workers at 'a:b'"),
    ],
)
def test_wrong_use_is_one_line(
    options: list[str], words: str, trainings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_DASK_TIMEOUT", 0.2)
    status, out, err = stepgrad("search", "linear", *options)
    assert (status, out) == (2, "")
    assert len(err) == 1
    assert words in err[0]
    assert trainings == []


def test_the_journal_of_another_search_is_refused(trainings: list[Any]) -> None:
    stepgrad(*SEARCH, *FAST)
    trainings.clear()
    status, _, err = stepgrad(*SEARCH, *FAST, "--seed", "7")
    assert status == 2
    assert err[0].startswith(
        "stepgrad: linear-search.jsonl is the journal of another search, of li"
    )
    assert trainings == []


def test_search_on_dask() -> None:
    whole = stepgrad(*SEARCH, *FAST)[1].replace("linear-", "dask/linear-")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    )
    with cluster:
        address = ["--scheduler", cluster.scheduler_address, "--folder", "dask"]
        assert stepgrad(*SEARCH, "--epochs", "2", *address)[:2] == (0, whole)


# train --checkpoint


TRAIN = ("train", "linear", "--no-plot", "--checkpoint", "run.json")


def test_a_training_that_was_interrupted_goes_on(
    monkeypatch: pytest.MonkeyPatch, trainings: list[Any]
) -> None:
    whole = stepgrad("train", "linear", "--no-plot")[1]
    with monkeypatch.context() as patch:
        interrupt_in(patch, 1)
        status, _, err = stepgrad(*TRAIN)
    assert status == 130
    assert err[-1].endswith("interrupted after 1 of 100 epochs: the same command goes on")
    assert stepgrad(*TRAIN)[:2] == (0, whole)
    assert stepgrad(*TRAIN)[:2] == (0, whole)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--lr", "0.5"], "belongs to another training, whose schedule.base_lrs is [0.01] and not"),
        (
            ["--epochs", "200"],
            "whose schedule.T_max is 100 and not 200: give another file, or dele",
        ),
        (["--seeds", "2"], "--checkpoint is for one training: leave out --seeds"),
    ],
)
def test_another_training_is_refused(options: list[str], words: str) -> None:
    stepgrad(*TRAIN)
    content = Path("run.json").read_bytes()
    status, out, err = stepgrad(*TRAIN, *options)
    assert (status, out) == (2, "")
    assert words in err[-1]
    assert Path("run.json").read_bytes() == content
