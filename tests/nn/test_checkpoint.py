"""Checkpoints: a training that was killed ends with the same bits as one that was not."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import numpy
import pytest

from autograd import files
from nn import (
    MLP,
    Checkpoint,
    DivergedError,
    Dropout,
    Linear,
    LoadError,
    Module,
    Sequential,
    fit,
    losses,
)
from optim import SGD, Adam
from optim.schedules import CosineAnnealingLR, ExponentialLR, LinearLR, SequentialLR
from tests.nn.killed_training import EPOCHS, STEPS, Training, data

ROOT = Path(__file__).parent.parent.parent
KILLS = 4


class Killed(BaseException):
    """Stands for kill -9 in the same process: nothing catches it."""


@pytest.fixture(autouse=True)
def _nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "fsync", lambda file: None)


@pytest.fixture(scope="module")
def uninterrupted() -> Callable[[bool], dict[str, Any]]:
    """What comes out when nothing happens."""

    @cache
    def outcome(compile: bool) -> dict[str, Any]:
        training = Training(compile=compile)
        return training.outcome(training.run())

    return outcome


# Killed, and gone on.


def in_a_process(*arguments: str) -> subprocess.Popen[bytes]:
    program = [sys.executable, str(Path(__file__).with_name("killed_training.py")), *arguments]
    return subprocess.Popen(program, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def written(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def test_after_kill_9_at_random_moments_all_ends_the_same_to_the_bit(
    tmp_path: Path, uninterrupted: Any
) -> None:
    """Each process writes at least once, so that all come to the end together."""
    checkpoint, outcome = tmp_path / "run.json", tmp_path / "outcome.json"
    for _ in range(KILLS):
        before = written(checkpoint)
        process = in_a_process(str(checkpoint), str(outcome))
        while process.poll() is None and written(checkpoint) == before:
            time.sleep(0.001)
        time.sleep(random.uniform(0.0, 0.04))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert in_a_process(str(checkpoint), str(outcome)).wait() == 0
    assert json.loads(outcome.read_text()) == uninterrupted(False)


@contextmanager
def killed_at_writing(number: int, moment: str) -> Iterator[None]:
    """End everything at the so-manieth writing: before the new file takes its place, or after."""
    replace, numbers = os.replace, count()

    def killing(draft: Any, target: Path) -> None:
        is_last = target.suffix == ".json" and next(numbers) == number
        if is_last and moment == "before":
            raise Killed
        replace(draft, target)
        if is_last:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.os, "replace", killing)
        yield


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_writing(
    tmp_path: Path, uninterrupted: Any, compile: bool, moment: str
) -> None:
    """The first writing, in the middle of an epoch, at its end, and at the end of all."""
    path = tmp_path / "run.json"
    for number in (0, 3, 5, STEPS - 10):
        with killed_at_writing(number, moment), pytest.raises(Killed):
            Training(compile=compile).run(path)
    training = Training(compile=compile)
    assert training.outcome(training.run(path)) == uninterrupted(compile)
    assert sorted(os.listdir(tmp_path)) == ["run.json"]


@pytest.mark.parametrize("every", [None, 1, 3, 7, 1000])
def test_how_often_it_is_written_changes_nothing(
    tmp_path: Path, every: int | None, uninterrupted: Any
) -> None:
    training = Training()
    assert training.outcome(training.run(tmp_path / "run.json", every)) == uninterrupted(False)


@pytest.mark.parametrize(
    ("epoch", "writing", "times"),
    [(0.01, 0.0, 2), (2.0, 0.01, EPOCHS + 2), (0.6, 0.01, EPOCHS // 2 + 2), (2.0, 1.0, 2)],
)
def test_by_default_writing_takes_a_small_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: float, writing: float, times: int
) -> None:
    """Seconds for an epoch, and for writing: at the beginning and the end in any case."""
    clock, written = [100.0], []

    def save(checkpoint: Checkpoint) -> None:
        written.append(clock[0])
        clock[0] += writing

    def pass_time(history: Any) -> None:
        clock[0] += epoch

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Checkpoint, "save", save)
    Training().run(tmp_path / "run.json", None, callbacks=[pass_time])
    assert len(written) == times


def kill_in_epoch(number: int) -> Callable[[Any], None]:
    def kill(history: Any) -> None:
        if len(history.loss) == number:
            raise Killed

    return kill


@pytest.mark.parametrize(
    "options",
    [
        {"schedule_per": "batch"},
        {"patience": 2, "min_delta": 0.05},
        {"stop_at_loss": 0.06},
        {"restore_best": False, "shuffle": False, "drop_last": True, "clip_norm": 0.5},
        {"batch_size": None, "record_every": None, "validation": None, "accuracy": None},
    ],
)
def test_every_kind_of_training_goes_on(tmp_path: Path, options: dict[str, Any]) -> None:
    path, training, other = tmp_path / "run.json", Training(), Training()
    for epoch in (2, 4):
        with pytest.raises(Killed):
            Training().run(path, 3, callbacks=[kill_in_epoch(epoch)], **options)
    assert training.outcome(training.run(path, 3, **options)) == other.outcome(other.run(**options))


def test_generators_that_are_given_or_shared_by_all_go_on(tmp_path: Path) -> None:
    def is_right(output: Any, target: Any) -> bool:
        return random.random() < 0.5

    def outcome(path: Any = None, **options: Any) -> Any:
        random.seed(5)
        training = Training()
        history = training.run(path, 3, seed=Random(4), accuracy=is_right, **options)
        return training.outcome(history), random.random()

    with pytest.raises(Killed):
        outcome(tmp_path / "run.json", callbacks=[kill_in_epoch(3)])
    assert outcome(tmp_path / "run.json") == outcome()


def test_ctrl_c_and_the_same_call_again_in_the_same_program(
    tmp_path: Path, uninterrupted: Any
) -> None:
    """As in a notebook: the model, the optimizer and its rate are somewhere in the middle."""
    training, path = Training(), tmp_path / "run.json"

    def interrupt(history: Any) -> None:
        if len(history.loss) == 5:
            raise KeyboardInterrupt

    assert training.run(path, 2, callbacks=[interrupt]).stopped == "interrupted"
    training.optimizer.param_groups[0]["lr"] = 0.05
    assert training.outcome(training.run(path, 2)) == uninterrupted(False)


def test_what_has_ended_is_not_repeated(tmp_path: Path, uninterrupted: Any) -> None:
    path, asked = tmp_path / "run.json", []
    Training().run(path)
    training = Training()
    history = training.run(path, callbacks=[asked.append])
    assert training.outcome(history) == uninterrupted(False)
    assert asked == []


def test_more_epochs_go_on_from_the_end(tmp_path: Path, uninterrupted: Any) -> None:
    path = tmp_path / "run.json"
    Training().run(path, epochs=5)
    training = Training()
    assert training.outcome(training.run(path)) == uninterrupted(False)
    with pytest.raises(
        LoadError,
        match=r"run\.json can't be gone on from: 8 epochs are done already, and 5 ",
    ):
        Training().run(path, epochs=5)


def test_one_that_has_stopped_early_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    first = Training().run(path, stop_at_loss=0.07)
    assert first.stopped == "loss"
    assert Training().run(path, stop_at_loss=0.07, epochs=2 * EPOCHS) == first


def test_a_divergence_is_met_again(tmp_path: Path) -> None:
    def train() -> Any:
        model = MLP(1, [1], seed=0)
        optimizer = SGD(model.parameters(), lr=1e200)
        return fit(
            model, ([[1.0], [2.0]], [1.0, 9.0]), losses.mse, optimizer, checkpoint=tmp_path / "a"
        )

    messages = []
    for _ in range(2):
        with pytest.raises(DivergedError) as caught:
            train()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_the_progress_bar_begins_where_training_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Training().run(tmp_path / "run.json", epochs=5)
    Training().run(tmp_path / "run.json", progress=True)
    assert "5/8" in (shown := capsys.readouterr().err)
    assert "8/8" in shown


# What is refused.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 5}, "batch_size is 6 and not 5"),
        ({"seed": 4}, "seed is 3 and not 4"),
        ({"clip_norm": 1.0}, "clip_norm is nothing and not 1.0"),
        ({"accuracy": None}, "accuracy is Training.run.<locals>.<lambda> and not nothing"),
        ({"validation": data(9)}, r"validation is 8 samples \(\w+\) and not 9 samples \("),
        ({"schedule": None}, "schedule is ReduceLROnPlateau and not nothing"),
    ],
)
def test_another_training(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    path = tmp_path / "run.json"
    Training().run(path, epochs=3)
    content = path.read_bytes()
    training = Training()
    before = training.model.state_dict()
    with pytest.raises(LoadError, match=rf"^run\.json belongs to another training, whose {words}"):
        training.run(path, **options)
    assert path.read_bytes() == content
    assert training.model.state_dict() == before


def parts(activation: str = "tanh", lr: float = 0.1, epochs: int = 9) -> Any:
    model = Sequential(Linear(1, 2, seed=0), activation, Linear(2, 1, seed=1))
    optimizer = SGD(model.parameters(), lr=lr)
    return model, optimizer, CosineAnnealingLR(optimizer, T_max=epochs)


def checkpoint_of(path: Path, model: Any, optimizer: Any, schedule: Any) -> Checkpoint:
    return Checkpoint(path, model=model, optimizer=optimizer, schedule=schedule)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"activation": "relu"},
            r"layers.1 is Elementwise\(tanh\) and not Elementwise\(relu\)",
        ),
        (
            {"lr": 0.2},
            r"schedule.base_lrs is \[0.1\] and not \[0.2\]: give another file, or delete it",
        ),
        ({"epochs": 8}, "schedule.T_max is 9 and not 8"),
    ],
)
def test_other_parts(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    model, optimizer, schedule = parts()
    checkpoint = checkpoint_of(tmp_path / "a", model, optimizer, schedule)
    schedule.step()
    checkpoint.save()
    with pytest.raises(LoadError, match=words):
        checkpoint_of(tmp_path / "a", *parts(**options)).load()


def test_another_rate_without_a_schedule(tmp_path: Path) -> None:
    _, optimizer, _ = parts()
    Checkpoint(tmp_path / "a", optimizer=optimizer).save()
    optimizer.param_groups[0]["lr"] = 0.2
    with pytest.raises(LoadError, match=r"optimizer\.0\.lr is 0.1 and not 0.2"):
        Checkpoint(tmp_path / "a", optimizer=optimizer).load()


def test_a_damaged_file_is_refused_wherever_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    model, *others = parts()
    checkpoint_of(path, model, *others).save()
    content = path.read_bytes()
    for place in range(0, len(content), 97):
        for damaged in (content[:place], content[:place] + b"7" + content[place + 1 :]):
            if damaged == content:
                continue
            path.write_bytes(damaged)
            with pytest.raises(LoadError, match=r"^run\.json is (damaged|not a checkpoint|of ver)"):
                checkpoint_of(path, *parts()).load()
            assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    "body", ["}", "[]", "1e999}", '"training": []}', '"training": {}}', "[" * 9999]
)
def test_a_forged_file(tmp_path: Path, body: str) -> None:
    digest = hashlib.sha256(body.encode()).hexdigest()
    head = f'{{"format": "stepgrad training", "version": 1, "sha256": "{digest}",\n'
    (tmp_path / "a").write_text(head + body)
    with pytest.raises(LoadError, match=r"^a does not hold a training"):
        checkpoint_of(tmp_path / "a", *parts()).load()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"numbers": {', '"numbers": {"z": 1.0, '),
        ('"generators": []', '"generators": [{}]'),
        ('"state of optimizer"', '"state of nothing"'),
        ('"last_epoch": 1', '"last_epoch": "often"'),
        ('"last_epoch": 1, ', ""),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "a"
    model, optimizer, schedule = parts()
    checkpoint = checkpoint_of(path, model, optimizer, schedule)
    schedule.step()
    checkpoint.save()
    head, body = path.read_text().split("\n", 1)
    changed = body.replace(old, new)
    assert changed != body
    digest = hashlib.sha256(changed.encode()).hexdigest()
    path.write_text(head[: head.index("sha256")] + f'sha256": "{digest}",\n' + changed)
    model.load_state_dict(dict.fromkeys(model.state_dict(), 7.0))
    schedule.step()
    before = [part.state_dict() for part in (model, optimizer, schedule)]
    with pytest.raises(LoadError, match=r"^a can't be gone on from: "):
        checkpoint.load()
    assert [part.state_dict() for part in (model, optimizer, schedule)] == before


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_state_that_no_generator_has_changes_nothing(tmp_path: Path, number: int) -> None:
    generator = random.Random(3)
    before = generator.getstate()
    checkpoint = Checkpoint(tmp_path / "a", generator=generator)
    head, body = checkpoint.save().read_text().split("\n", 1)
    changed = body.replace(str(before[1][5]), str(number))
    digest = hashlib.sha256(changed.encode()).hexdigest()
    checkpoint.path.write_text(head[: head.index("sha256")] + f'sha256": "{digest}",\n' + changed)
    with pytest.raises(LoadError, match=r"^a can't be gone on from: "):
        checkpoint.load()
    assert generator.getstate() == before


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (3, "a checkpoint can't keep the part, int '3': it needs the methods state_dict and load"),
        (random.SystemRandom(), "can't keep a random.SystemRandom"),
    ],
)
def test_what_has_no_state(part: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Checkpoint("a", part=part)


def test_a_place_that_cannot_be_written_is_told_before_training(tmp_path: Path) -> None:
    training = Training()
    before = training.model.state_dict()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        training.run(tmp_path / "nowhere" / "run.json")
    assert training.model.state_dict() == before
    with pytest.raises(ValueError, match="fit's checkpoint_every is a whole number above 0, got 0"):
        training.run(tmp_path / "run.json", 0)
    assert os.listdir(tmp_path) == []


# Loops of one's own.


class Noisy(Module):
    """Has generators of all kinds, one of them twice, and deep inside."""

    def __init__(self) -> None:
        rng = Random(1)
        self.inner = [Dropout(0.5, seed=rng), {"again": rng}]
        self.other = numpy.random.default_rng(2)
        self.old = numpy.random.Generator(numpy.random.MT19937(3))

    def forward(self, x: Any) -> list[float]:
        rng = self.inner[1]["again"]
        return [rng.random(), rng.gauss(0.0, 1.0), self.other.normal(), self.old.random()]


def test_generators_in_a_model_go_on(tmp_path: Path) -> None:
    model, other = Noisy(), Noisy()
    model(0.0)
    Checkpoint(tmp_path / "a", model=model).save()
    Checkpoint(tmp_path / "a", model=other).load()
    assert [other(0.0) for _ in range(3)] == [model(0.0) for _ in range(3)]


class Odd:
    """Has a state of whatever there can be."""

    def __init__(self, **state: Any) -> None:
        self.state = state

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.state = saved


def test_every_kind_of_number_comes_back(tmp_path: Path) -> None:
    special = [float("inf"), float("-inf"), -0.0, 5e-324, 0.1, 1.0, 1]
    part = Odd(text="inf", pair=(0.9, (1, None)), special=special, deep={"a": [{"b": True}]})
    other = Odd(text="", pair=(0.0, (0, 0)), special=[], deep={})
    place = {"epoch": 3, "best": float("inf"), "seen": numpy.arange(2)}
    saved = Checkpoint(tmp_path / "a", part=part).save(**place)
    position = Checkpoint(saved, part=other).load()
    assert repr(other.state) == repr(part.state)
    assert position == {"epoch": 3, "best": float("inf"), "seen": [0, 1]}
    json.loads(saved.read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize("thing", [object(), {1: 2}, {"a": {3}}, b"x"])
def test_a_state_that_json_does_not_have(tmp_path: Path, thing: Any) -> None:
    with pytest.raises(TypeError, match="a checkpoint holds numbers, texts, lists and dicts"):
        Checkpoint(tmp_path / "a", part=Odd(thing=thing)).save()


def test_schedules_of_schedules_go_on(tmp_path: Path) -> None:
    def made(gamma: float = 0.5) -> Any:
        optimizer = Adam(Linear(1, 1, seed=0).parameters(), lr=1.0)
        warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
        decay = ExponentialLR(optimizer, gamma=gamma)
        return optimizer, SequentialLR(optimizer, [warm_up, decay], milestones=[2])

    path, (optimizer, schedule) = tmp_path / "a", made()
    checkpoint = Checkpoint(path, optimizer=optimizer, schedule=schedule)
    for _ in range(3):
        schedule.step()
    checkpoint.save()
    again, other = made()
    Checkpoint(path, optimizer=again, schedule=other).load()
    assert other.state_dict() == schedule.state_dict()
    assert again.param_groups[0]["betas"] == (0.9, 0.999)
    again, other = made(gamma=0.4)
    with pytest.raises(LoadError, match=r"schedule\.schedulers\.1.gamma is 0.5 and not 0.4"):
        Checkpoint(path, optimizer=again, schedule=other).load()
