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
import nn
import optim
from autograd.sweep import topological_order

FOLDER = Path(__file__).parents[1] / "benchmarks"
MODULES = (
    "batches", "cases", "compiling", "engines", "environments", "growth", "machine", "picture",
    "report", "run", "trainers", "training", "worker", "workloads",
)  # fmt: skip


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
    worker = bench.worker.Worker("floor: C tape", Path(sys.executable), {"PYTHONPATH": ""})
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
    "training": [
        {"network": "2-16-16-1", "batch": 1, "engine": "stepgrad", "microseconds": 2.0},
        {"network": "2-16-16-1", "batch": 100, "engine": "stepgrad", "microseconds": 8.0},
        {"network": "2-16-16-1", "batch": 100, "engine": "C by hand", "microseconds": 4.0},
        {"network": "2-16-16-1", "batch": 1, "engine": "JAX", "microseconds": 25.25},
        {"network": "2-16-16-1", "batch": 100, "engine": "JAX", "microseconds": 1234.5},
        {"network": "64-32-10", "batch": 32, "engine": "stepgrad", "microseconds": 30.0},
    ],
    "compiling": [
        {"engine": "stepgrad", "family": "chain", "operations": 99, "seconds": 0.125,
         "nanoseconds": 1.5},
        {"engine": "stepgrad", "family": "chain", "operations": 9999, "seconds": 0.5,
         "nanoseconds": 1.25},
        {"engine": "JAX", "family": "chain", "operations": 99, "seconds": 0.25,
         "nanoseconds": 4.5},
    ],
    "left_out": {"XAD": "xad==1.5.2 can't be installed: no network"},
}  # fmt: skip
NOTHING: dict[str, Any] = FIGURES | {
    "engines": {}, "training": [], "compiling": [], "left_out": {},
}  # fmt: skip


def test_the_report_says_everything_a_person_asks(bench: Parts) -> None:
    text = bench.report.text(FIGURES)
    assert text.startswith("A fast one, 2 cores, pinned to one core; load 0.5")
    assert text.count("RecursionError") == 1
    assert "150.00 x as fast" in text
    assert "300.0 x" in text
    assert "0.10 + 0.05 s, 120 MB" in text
    assert "Left out: XAD: xad==1.5.2 can't be installed: no network" in text


def test_the_report_compares_training_steps_with_ours(bench: Parts) -> None:
    lines = bench.report.text(FIGURES).splitlines()
    first = next(k for k, line in enumerate(lines) if "the 2-16-16-1 network" in line)
    assert [line.split() for line in lines[first + 1 : first + 5]] == [
        ["1", "100"],
        ["C", "by", "hand", "4.00", "0.50x"],
        ["stepgrad", "2.00", "1.00x", "8.00", "1.00x"],
        ["JAX", "25.2", "12.6x", "1234", "154x"],
    ]
    one_sample, hundred = lines[first + 3].index("2.00"), lines[first + 3].index("8.00")
    assert lines[first + 2].index("4.00") == hundred  # nothing for one sample
    assert lines[first + 4].index("25.2") == one_sample
    assert any("the 64-32-10 network" in line for line in lines)


def test_the_report_tells_what_compiling_costs(bench: Parts) -> None:
    lines = bench.report.text(FIGURES).splitlines()
    assert ["stepgrad,", "chain", "9,999", "0.50", "1.250"] in [line.split() for line in lines]


def test_the_report_is_silent_about_what_was_not_measured(bench: Parts) -> None:
    assert len(bench.report.text(NOTHING).splitlines()) == 2  # the machine


def test_the_pictures_are_drawn_from_what_there_is(bench: Parts, tmp_path: Path) -> None:
    bench.picture.save_all(FIGURES, tmp_path)
    pictures = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert pictures.keys() == {"cost.svg", "training.svg", "compiling.svg"}
    assert all(picture.startswith("<?xml") for picture in pictures.values())


def test_no_picture_is_drawn_of_what_was_not_measured(bench: Parts, tmp_path: Path) -> None:
    bench.picture.save_all(NOTHING, tmp_path)
    assert list(tmp_path.iterdir()) == []


# Compiled, and whole batches ------------------------------------------------------------------


def eagerly(case: Any, steps: int, rate: float) -> list[float]:
    """Train node by node and return the parameters."""
    model = nn.MLP(case.sizes[0], case.sizes[1:], "relu")
    parameters = model.parameters()
    for parameter, number in zip(parameters, case.numbers(), strict=True):
        parameter.data = number
    inputs, labels = case.samples()
    optimizer = optim.SGD(parameters, lr=rate)
    for _ in range(steps):
        outputs = [model(x) for x in inputs]
        if case.has_classes:
            loss = nn.losses.cross_entropy(outputs, labels)
        else:
            loss = nn.losses.hinge([score for (score,) in outputs], labels)
        optimizer.zero_grad()
        (loss + nn.l2_penalty(parameters, case.penalty)).backward()
        optimizer.step()
    return [parameter.data for parameter in parameters]


def trained(bench: Parts, name: str, case: Any, steps: int) -> Any:
    return bench.training.after(bench.trainers.TRAINERS[name](), case.sizes, case.batch, steps)


@pytest.mark.parametrize("name", ["stepgrad, NumPy alone", "NumPy by hand"])
@pytest.mark.parametrize("sizes", [(2, 5, 4, 1), (3, 5, 4)])
def test_trainers_come_to_the_parameters_of_the_eager_engine(
    bench: Parts, name: str, sizes: tuple[int, ...]
) -> None:
    case = bench.cases.Case(sizes, 6)
    expected = eagerly(case, 3, bench.cases.RATE)
    assert max(abs(x - y) for x, y in zip(case.numbers(), expected, strict=True)) > 1e-3
    assert bench.batches.difference(trained(bench, name, case, 3), expected) < 1e-14


def test_the_training_step_in_c_comes_to_the_parameters_of_numpy_by_hand(
    bench: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if shutil.which("cc") is None:
        with pytest.raises(bench.environments.NotThereError, match="no C compiler"):
            bench.environments.training_step(tmp_path)
        return
    library = bench.environments.training_step(tmp_path)
    monkeypatch.setattr(bench.environments, "training_step", lambda: library)
    for batch in (1, 8, 37):  # one block; a full one; four together and one that isn't full
        case = bench.cases.Case((2, 16, 16, 1), batch)
        expected = trained(bench, "NumPy by hand", case, 5)
        for name in ("C by hand", "C by hand, loop of 1000"):
            assert bench.batches.difference(trained(bench, name, case, 5), expected) < 1e-14


def test_the_time_of_a_step_is_that_of_many_divided(
    bench: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0

    class Sundial(bench.trainers.Trainer):  # type: ignore[misc, name-defined]
        def begin(self, case: Any) -> None:
            pass

        def step(self) -> None:
            nonlocal clock
            clock += 0.001

    monkeypatch.setattr(bench.training.time, "process_time", lambda: clock)
    samples = bench.training.timed(Sundial(), [2, 1], 1, 0.1)
    assert len(samples) == pytest.approx(7, abs=1)  # 16 steps at once take 0.016 s
    assert samples == pytest.approx([1000.0] * len(samples))


class Answers:
    """A worker that gives the same answers again and again."""

    def __init__(self, parameters: list[float] | Exception, microseconds: float) -> None:
        self.answers = {"after": parameters, "timed": [microseconds]}
        self.stopped = False

    def ask(self, request: str, *arguments: Any) -> Any:
        answer = self.answers[request]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        self.stopped = True


def test_who_computes_something_else_is_reported_and_not_timed(bench: Parts) -> None:
    field = bench.batches.Field()
    breaks = bench.environments.NotThereError("no memory")
    field.workers = {
        "stepgrad": Answers([1.0, 2.0], 3.0),
        "JAX": Answers([1.0, 2.0 + 1e-12], 5.0),
        "PyTorch": Answers([1.0, 2.1], 1.0),
        "NumPy by hand": Answers(breaks, 1.0),
        "C by hand": Answers([math.nan, 2.0], 1.0),
        "CasADi, generated C": Answers([1.0], 1.0),
    }
    entered = list(field.workers)
    workers = list(field.workers.values())
    rows = bench.batches.measure(field, [bench.cases.Case((2, 1), 7)], entered)
    assert [(row["engine"], row["microseconds"]) for row in rows] == [
        ("stepgrad", 3.0),
        ("JAX", 5.0),
    ]
    assert field.left_out["PyTorch"] == (
        "its parameters are 1.0e-01 away from ours after 10 steps of 2-1 with batches of 7"
    )
    assert field.left_out["NumPy by hand"] == "no memory"
    assert field.left_out.keys() == set(entered) - {"stepgrad", "JAX"}
    assert [worker.stopped for worker in workers] == [False, False, True, True, True, True]


def test_without_a_cpp_compiler_compiled_torch_is_left_out(
    bench: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.batches.shutil, "which", lambda name: None)
    with pytest.raises(bench.environments.NotThereError, match=r"no C\+\+ compiler"):
        bench.batches.PLACES["PyTorch, compiled"]()


def test_who_cannot_be_had_is_left_out_of_the_field(
    bench: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find() -> Any:
        raise bench.environments.NotThereError("no network")

    monkeypatch.setitem(bench.batches.PLACES, "JAX", find)
    field = bench.batches.Field()
    field.enter(["JAX"])
    assert field.left_out == {"JAX": "no network"}
    assert field.workers == {}


def test_the_operations_of_a_program_are_counted_as_scalars(bench: Parts) -> None:
    for make in (bench.compiling.stepgrad_chain, bench.compiling.stepgrad_network):
        task = make(300)
        with task.training as step:
            step(task.batch)
        assert task.operations == pytest.approx(300, rel=0.25)
    weights, bias = [autograd.Value(0.5), autograd.Value(0.6)], autograd.Value(0.1)
    end = bench.compiling.chain(autograd.Value(1.0), weights, bias, autograd.tanh, 7)
    assert operations_of(end) == 3 * 7
    model = nn.MLP(8, [3, 3, 1], "relu")
    code = autograd.compile(lambda x: model(x)[0]).trace([0.0] * 8).code
    assert bench.compiling.count(3) == sum(
        len(terms) - 1 if name == "dot" else 1  # so many * and +
        for name, terms in code.instructions
        if name not in ("input", "number")
    )


def test_programs_that_take_too_long_to_compile_are_left_out(
    bench: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask_afresh(self: Any, family: str, size: int, seconds: float) -> Any:
        if size > 1000:
            return {"error": "not in 40 s"}
        return {"operations": size, "seconds": 1.0, "nanoseconds": 2.0}

    monkeypatch.setattr(bench.worker.Worker, "ask_afresh", ask_afresh)
    monkeypatch.setattr(bench.growth, "FAMILIES", (("stepgrad", "chain"),))
    left_out: dict[str, str] = {}
    rows = bench.growth.measure(left_out)
    assert [row["operations"] for row in rows] == [100, 300, 1000]
    assert left_out == {"stepgrad, a chain of 3,000 operations": "not in 40 s"}
