"""The benchmark's own parts, on small workloads and without any peer."""

import importlib
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace as Parts
from typing import Any

import pytest

import autograd
from autograd.sweep import topological_order

FOLDER = Path(__file__).parents[1] / "benchmarks"
MODULES = ("engines", "environments", "machine", "picture", "report", "run", "workloads")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """The benchmark's modules, which import each other as scripts do."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield Parts(**{name: importlib.import_module(name) for name in MODULES})
    for name in (*MODULES, "slots_value", "stepgrad_modules", "floor_tape"):
        sys.modules.pop(name, None)


OURS = "stepgrad" if autograd.backend == "compiled" else "stepgrad, plain Python"


def operations_of(result: Any) -> int:
    return sum(not node.is_leaf for node in topological_order([result]))


def test_the_demo_is_micrograds(bench: Parts) -> None:
    engine = bench.engines.ENGINES[OURS]()
    demo = bench.workloads.Demo(engine)
    assert len(demo.leaves) == 337
    assert operations_of(demo.loss(demo.leaves)) == 65_077


@pytest.mark.parametrize("operations", [100, 1_000, 30_000])
def test_a_graph_has_about_as_many_operations_as_asked(bench: Parts, operations: int) -> None:
    engine = bench.engines.ENGINES[OURS]()
    leaves = engine.leaves([0.5, 0.9])
    made = operations_of(bench.workloads.graph(engine, leaves, operations))
    assert operations - 1 <= made <= operations


def test_the_engines_that_need_no_environment_descend_alike(
    bench: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.workloads, "POINTS", 3)
    descents = [
        bench.workloads.steps(bench.workloads.Demo(bench.engines.ENGINES[name]()), 0.05)["losses"]
        for name in (OURS, "slots node")
    ]
    for ours, theirs in zip(*descents, strict=False):
        assert math.isclose(ours, theirs, rel_tol=1e-12)
    assert descents[0][0] > descents[0][-1]


def test_the_c_tape_descends_as_we_do(
    bench: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if shutil.which("cc") is None:
        with pytest.raises(bench.environments.NotThereError, match="no C compiler"):
            bench.environments.floor(tmp_path)
        return
    monkeypatch.setattr(bench.workloads, "POINTS", 3)
    monkeypatch.syspath_prepend(str(bench.environments.floor(tmp_path)))
    ours, floor = (
        bench.workloads.Demo(bench.engines.ENGINES[name]()) for name in (OURS, "floor: C tape")
    )
    for _ in range(3):
        assert math.isclose(ours.step(), floor.step(), rel_tol=1e-12)


def test_the_modules_take_the_same_step_in_fewer_nodes(bench: Parts) -> None:
    demo = importlib.import_module("stepgrad_modules").ModulesDemo()
    losses = [demo.step() for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
    assert [(layer["inputs"], layer["outputs"]) for layer in demo.layers()] == [
        (2, 16),
        (16, 16),
        (16, 1),
    ]


def test_a_worker_answers_line_by_line() -> None:
    requests = '["steps", 0]\n["size", 100, 0]\n["deep", 5000]\n'
    done = subprocess.run(
        [sys.executable, FOLDER / "workloads.py", "slots node"],
        input=requests, capture_output=True, text=True, check=True,
    )  # fmt: skip
    steps, size, deep = map(json.loads, done.stdout.splitlines())
    assert len(steps["losses"]) == 1
    assert size.keys() == {"forward", "backward"}
    assert deep["error"] == "RecursionError"


def test_a_worker_whose_engine_is_missing_says_what_is(bench: Parts) -> None:
    worker = bench.run.Worker("floor: C tape", Path(sys.executable), {"PYTHONPATH": ""})
    with pytest.raises(bench.environments.NotThereError, match="No module named 'floor_tape'"):
        worker.ask("steps", 0.0)


def test_a_peer_that_cannot_be_installed_is_left_out_in_one_line(
    bench: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(command: Any) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="Looking ...\nno network\n")

    monkeypatch.setattr(bench.environments, "HERE", tmp_path)
    monkeypatch.setattr(bench.environments.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(bench.environments, "run", fails)
    with pytest.raises(bench.environments.NotThereError) as caught:
        bench.environments.peer("XAD")
    assert str(caught.value) == "xad==1.5.2 can't be installed: no network"


def test_the_other_form_is_not_measured_by_mistake(bench: Parts) -> None:
    other = "python" if autograd.backend == "compiled" else "compiled"
    with pytest.raises(ImportError, match=f"is {autograd.backend} here, not {other}"):
        bench.engines.Stepgrad(other)


def test_engines_that_compute_something_else_are_found_out(bench: Parts) -> None:
    with pytest.raises(SystemExit, match="the same loss"):
        bench.run.check_losses({"a": {"steps_first_loss": 1.0}, "b": {"steps_first_loss": 1.1}})


def test_graphs_that_would_take_too_long_or_too_much_memory_are_left_out(
    bench: Parts,
) -> None:
    slow = {"sizes": [{"operations": 100, "forward": 800.0, "backward": 200.0}]}
    assert bench.run.bearable(slow, 10**6)
    assert not bench.run.bearable(slow, 10**7)
    assert not bench.run.bearable(slow | {"deep": {"bytes": 1e12}}, 10**6)


FIGURES = {
    "machine": {
        "processor": "A fast one", "cores": 2, "pinned": "pinned to one core", "load": 0.5,
        "system": "Linux", "python": "CPython 3.13", "python_compiler": "GCC",
    },
    "engines": {
        "floor: C tape": {"step_ms": 3.0},
        "stepgrad": {
            "step_ms": 6.0,
            "modules_ms": 9.0,
            "layers": [{"inputs": 2, "outputs": 16, "microseconds": 32.0}],
            "sizes": [{"operations": 10**k, "forward": 40.0, "backward": 30.0} for k in (2, 5)],
            "deep": {"bytes": 96.0, "forward": 0.1, "backward": 0.05, "megabytes": 120.0},
        },
        "micrograd": {"step_ms": 900.0, "deep": {"error": "RecursionError", "bytes": 700.0}},
    },
    "left_out": {"XAD": "xad==1.5.2 can't be installed: no network"},
}  # fmt: skip


def test_the_report_says_everything_a_person_asks(bench: Parts) -> None:
    text = bench.report.text(FIGURES)
    assert text.startswith("A fast one, 2 cores, pinned to one core; load 0.5")
    assert text.count("RecursionError") == 1
    assert "150.00 x as fast" in text
    assert "300.0 x" in text
    assert "0.10 + 0.05 s, 120 MB" in text
    assert "Left out: XAD: xad==1.5.2 can't be installed: no network" in text


def test_the_picture_is_drawn_from_what_there_is(bench: Parts, tmp_path: Path) -> None:
    bench.picture.save(FIGURES, tmp_path / "cost.svg")
    assert (tmp_path / "cost.svg").read_text().lstrip().startswith("<?xml")
