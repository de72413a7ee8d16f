"""Training in one array: the same numbers as the optimizer's own steps, whatever happens."""

from __future__ import annotations

import gc
import math
import tracemalloc
from itertools import pairwise
from typing import Any

import numpy
import pytest

import autograd
import nn
import optim
from autograd import Value

BACKENDS = ("numpy", "llvm")
each_backend = pytest.mark.parametrize("backend", BACKENDS)

OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, maximize=False),
    "Adam": lambda p: optim.Adam(p, lr=0.02, weight_decay=0.1),
    "amsgrad": lambda p: optim.Adam(p, lr=0.02, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.02),
    **{
        name: (lambda p, name=name: getattr(optim, name)(p))
        for name in ("Adagrad", "Adadelta", "RMSprop", "Adamax", "NAdam", "RAdam", "Rprop", "Lion")
        if hasattr(optim, name)
    },
}


def made(seed: int = 1) -> tuple[nn.MLP, Any]:
    model = nn.MLP(2, [9, 1], activation="tanh", seed=seed)
    return model, lambda x, y: (model(x)[0] - y) ** 2 + nn.l2_penalty(model, 1e-3)


def data(count: int = 12) -> tuple[list[list[float]], list[float]]:
    rng = numpy.random.default_rng(0)
    return rng.normal(size=(count, 2)).tolist(), rng.normal(size=count).tolist()


def step_eagerly(optimizer: Any, loss: Any, rows: Any, targets: Any) -> float:
    optimizer.zero_grad()
    mean = autograd.mean([loss(x, y) for x, y in zip(rows, targets, strict=True)])
    mean.backward()
    optimizer.step()
    return float(mean.data)


def numbers(model: Any, optimizer: Any) -> list[float]:
    values = model.parameters()
    memory = [x for v in values for x in optimizer.state.get(v, {}).values()]
    return [*(v.data for v in values), *(v.grad for v in values), *memory]


def same(xs: list[float], ys: list[float]) -> bool:
    return len(xs) == len(ys) and all(
        abs(x - y) <= 1e-9 * max(abs(x), abs(y)) + 1e-12 for x, y in zip(xs, ys, strict=True)
    )


@each_backend
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_steps_as_it_does_on_values(name: str, backend: str) -> None:
    rows, targets = data()
    model, loss = made()
    optimizer = OPTIMIZERS[name](model.parameters())
    wanted = [step_eagerly(optimizer, loss, rows, targets) for _ in range(6)]
    other, other_loss = made()
    compiled = OPTIMIZERS[name](other.parameters())
    program = autograd.compile(other_loss, backend=backend)
    with program.training(compiled) as step:
        found = [step(rows, targets) for _ in range(6)]
    assert same(found, wanted)
    assert same(numbers(other, compiled), numbers(model, optimizer))
    kinds = [type(x) for v in other.parameters() for x in compiled.state.get(v, {}).values()]
    assert kinds == [type(x) for v in model.parameters() for x in optimizer.state[v].values()]
    step_eagerly(optimizer, loss, rows, targets)  # both go on from there
    step_eagerly(compiled, other_loss, rows, targets)
    assert same(numbers(other, compiled), numbers(model, optimizer))


@each_backend
def test_options_changed_on_the_way_count_from_then_on(backend: str) -> None:
    rows, targets = data()
    results = []
    for compiled in (False, True):
        model, loss = made()
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
        schedule = optim.schedules.ExponentialLR(optimizer, gamma=0.8)

        def run(step: Any) -> None:
            for k in range(9):
                step(rows, targets)
                schedule.step()  # noqa: B023
                if k == 3:
                    optimizer.param_groups[0]["momentum"] = 0.0  # noqa: B023
                if k == 6:
                    optimizer.param_groups[0]["weight_decay"] = 0.1  # noqa: B023

        if compiled:
            with autograd.compile(loss, backend=backend).training(optimizer) as step:
                run(step)
        else:
            run(lambda *batch: step_eagerly(optimizer, loss, *batch))  # noqa: B023
        results.append([p.data for p in model.parameters()])
    assert same(*results)


@each_backend
def test_groups_frozen_and_foreign_parameters(backend: str) -> None:
    rows, targets = data()
    results = []
    for compiled in (False, True):
        model, loss = made()
        foreign = Value(4.0)
        values = model.parameters()
        values[3].requires_grad = False
        optimizer = optim.SGD(
            [{"params": values[:5], "lr": 0.2}, {"params": [foreign, *values[8:]]}],
            lr=0.1,
            weight_decay=0.5,
        )
        if compiled:
            with autograd.compile(loss, backend=backend).training(optimizer) as step:
                for _ in range(4):
                    step(rows, targets)
        else:
            for _ in range(4):
                model.zero_grad()
                step_eagerly(optimizer, loss, rows, targets)
        results.append([p.data for p in [*values, foreign]])
    assert same(*results)
    assert results[1][-1] < 4.0


@each_backend
def test_batches_of_different_sizes_from_nn_batches(backend: str) -> None:
    rows, targets = data(30)
    results = []
    for compiled in (False, True):
        model, loss = made()
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        order = nn.batches(rows, targets, 8, shuffle=True, seed=3)
        if compiled:
            with autograd.compile(loss, backend=backend).training(optimizer) as step:
                losses = [step(xs, ys) for xs, ys in order]
        else:
            losses = [step_eagerly(optimizer, loss, xs, ys) for xs, ys in order]
        results.append([*losses, *(p.data for p in model.parameters())])
    assert same(*results)


@each_backend
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_leaving_by_an_exception_writes_back_what_was_reached(backend: str, steps: int) -> None:
    rows, targets = data()
    model, loss = made()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    for _ in range(steps):
        step_eagerly(optimizer, loss, rows, targets)
    other, other_loss = made()
    compiled = optim.Adam(other.parameters(), lr=0.1)
    program = autograd.compile(other_loss, backend=backend)

    def interrupted() -> None:
        with program.training(compiled) as step:
            for _ in range(steps):
                step(rows, targets)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert same(numbers(other, compiled), numbers(model, optimizer))


@each_backend
def test_a_batch_that_is_refused_changes_nothing(backend: str) -> None:
    rows, targets = data()
    model, loss = made()
    program = autograd.compile(loss, backend=backend)
    with program.training(optim.SGD(model.parameters(), lr=0.1)) as step:
        for _ in range(3):
            step(rows, targets)
        before = program(rows, targets).tolist()
        with pytest.raises(ValueError, match="x has 12 rows, y 11"):
            step(rows, targets[:-1])
        assert program(rows, targets).tolist() == before  # it sees the numbers in the array


@each_backend
def test_while_it_is_open_the_values_keep_the_old_numbers(backend: str) -> None:
    rows, targets = data()
    model, loss = made()
    before = [p.data for p in model.parameters()]
    with autograd.compile(loss, backend=backend).training(optim.SGD(model.parameters())) as step:
        step(rows, targets)
        assert [p.data for p in model.parameters()] == before
    assert [p.data for p in model.parameters()] != before


def test_one_training_at_a_time_and_again_after_it() -> None:
    model, loss = made()
    program = autograd.compile(loss, backend="numpy")
    optimizer = optim.SGD(model.parameters())
    with (
        program.training(optimizer),
        pytest.raises(RuntimeError, match="another training of this program is going on"),
        program.training(optimizer),
    ):
        pass
    with program.training(optimizer) as step:
        step(*data())


@pytest.mark.parametrize("wrong", [None, 3, optim.SGD, "Adam"])
def test_anything_but_an_optimizer_is_refused(wrong: Any) -> None:
    _, loss = made()
    program = autograd.compile(loss)
    message = "training takes an optimizer whose rule is elementwise, such as optim.SGD"
    with pytest.raises(TypeError, match=message), program.training(wrong):
        pass


@each_backend
def test_diverged_numbers_come_back_as_they_are(backend: str) -> None:
    w = Value(1.0)
    program = autograd.compile(lambda x: (w * x) ** 2, backend=backend)
    with program.training(optim.SGD([w], lr=1e300)) as step:
        for _ in range(4):
            step([1e10])
    assert not math.isfinite(w.data)


# What else the function returns.


def with_outputs(seed: int = 1) -> tuple[nn.MLP, Any]:
    model = nn.MLP(2, [5, 2], activation="tanh", seed=seed)

    def loss_and_outputs(x: Any, y: Any) -> list[Any]:
        outputs = model(x)
        return [(outputs[0] - y) ** 2, *outputs, outputs[0] * 0.0 + model.parameters()[0]]

    return model, loss_and_outputs


@each_backend
def test_other_results_come_along_with_the_loss(backend: str) -> None:
    rows, targets = data()
    model, both = with_outputs()
    other, other_both = with_outputs()
    wanted = autograd.compile(lambda x, y: other_both(x, y)[0], backend=backend)
    program = autograd.compile(both, backend=backend)
    first = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    second = optim.SGD(other.parameters(), lr=0.1, momentum=0.5)
    with program.training(first, has_aux=True) as step, wanted.training(second) as plain:
        for count in (12, 12, 12, 1, 7):
            before = program(rows[:count], targets[:count])
            mean, outputs = step(rows[:count], targets[:count])
            assert mean == pytest.approx(plain(rows[:count], targets[:count]), rel=1e-12)
            assert outputs.tolist() == before[:, 1:].tolist()
    assert same(numbers(model, first), numbers(other, second))


def test_outputs_of_a_step_are_nobody_elses() -> None:
    rows, targets = data()
    model, both = with_outputs()
    program = autograd.compile(both, backend="llvm")
    with program.training(optim.SGD(model.parameters(), lr=0.1), has_aux=True) as step:
        found = [step(rows, targets)[1] for _ in range(4)]
        copies = [outputs.copy() for outputs in found]
        step(rows[::-1], targets)
    assert all((x == y).all() for x, y in zip(found, copies, strict=True))
    assert not (found[2] == found[3]).all()


@pytest.mark.parametrize("result", [lambda y: y, lambda y: [[y, y]], lambda y: [[y], [y]]])
def test_has_aux_needs_a_list(result: Any) -> None:
    w = Value(0.5)
    program = autograd.compile(lambda x: result(w * x), backend="numpy")
    training = program.begin_training(optim.SGD([w]), has_aux=True)
    with pytest.raises(TypeError, match=r"has_aux is for a function that returns \[loss, others"):
        training.step([1.0])


# Looking at the Values on the way.


@each_backend
def test_looking_undoing_and_changing_on_the_way(backend: str) -> None:
    rows, targets = data()
    model, loss = made()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    other, other_loss = made()
    compiled = optim.Adam(other.parameters(), lr=0.1)
    training = autograd.compile(other_loss, backend=backend).begin_training(compiled)
    with pytest.raises(RuntimeError, match="there is no step to undo"):
        training.undo()
    for k in range(8):
        step_eagerly(optimizer, loss, rows, targets)
        training.step(rows, targets)
        if k % 2:
            training.step(rows[:5], targets[:5])
            training.undo()
            with pytest.raises(RuntimeError, match="there is no step to undo"):
                training.undo()
        else:
            training.write_back()
            assert same(numbers(other, compiled), numbers(model, optimizer))
        if k in (2, 5):  # what is changed in the Values counts
            training.write_back()
            for values, state in ((model, optimizer.state), (other, compiled.state)):
                values.parameters()[1].data = 0.25
                state[values.parameters()[2]]["exp_avg"] = 0.125
            training.read_again()
        if k == 4:
            training.write_back()
            for values in (model, other):
                values.parameters()[3].requires_grad = False
            training.read_again()
    training.end()
    wanted, found = ([p.data for p in m.parameters()] for m in (model, other))
    assert same(found, wanted)
    training.end()  # once more does nothing
    with pytest.raises(RuntimeError, match="this training has ended"):
        training.step(rows, targets)


@each_backend
def test_gradients_can_be_changed(backend: str) -> None:
    rows, targets = data()
    model, loss = made()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    other, other_loss = made()
    compiled = optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    training = autograd.compile(other_loss, backend=backend).begin_training(compiled)
    for clipped in (True, False, False, True, False):
        optimizer.zero_grad()
        autograd.mean([loss(x, y) for x, y in zip(rows, targets, strict=True)]).backward()
        if clipped:
            optim.clip_grad_value(model.parameters(), 0.01)
        optimizer.step()

        def cut(gradients: list[float]) -> list[float]:
            assert len(training.values) == len(gradients)
            return [min(max(g, -0.01), 0.01) for g in gradients]

        training.step(rows, targets, change=cut if clipped else None)
    training.end()
    assert same(numbers(other, compiled), numbers(model, optimizer))


def test_a_step_within_a_step_is_refused() -> None:
    rows, targets = data()
    model, loss = made()
    training = autograd.compile(loss, backend="llvm").begin_training(optim.SGD(model.parameters()))
    training.step(rows, targets)

    def disturb(gradients: list[float]) -> list[float]:
        assert training.current_numbers().tolist()[: len(gradients)]
        training.step(rows, targets)
        return gradients

    with pytest.raises(RuntimeError, match="within another one"):
        training.step(rows, targets, change=disturb)
    training.step(rows, targets)
    training.end()


# Memory.


def peak(run: Any) -> int:
    """The most bytes that were in use at once while something ran."""
    run()
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@each_backend
def test_memory_per_call_does_not_depend_on_the_batch(backend: str) -> None:
    model, loss = made()
    program = autograd.compile(loss, backend=backend)
    peaks = {}
    for count in (2_000, 50_000):
        rng = numpy.random.default_rng(0)
        rows, targets = rng.normal(size=(count, 2)), rng.normal(size=count)
        optimizer = optim.SGD(model.parameters())
        with program.training(optimizer) as step:
            step(rows, targets)
            training = peak(lambda: step(rows, targets))  # noqa: B023
        backward = peak(lambda: program.backward(rows, targets))  # noqa: B023
        forward = peak(lambda: program(rows, targets)) - 8 * count  # noqa: B023
        peaks[count] = [training, backward, forward]
    for small, large in zip(*peaks.values(), strict=True):
        assert large <= small + 5_000


def test_memory_is_linear_in_the_graph() -> None:
    sizes = []
    for count in (100, 200, 400):
        w = [Value(0.5) for _ in range(count)]

        def loss(x: Any) -> Any:
            for number in w:  # noqa: B023
                x = autograd.tanh(number * x)
            return x

        program = autograd.compile(loss, backend="llvm")
        program.backward([0.5])
        sizes.append(sum(program._kernel("backward").sizes))  # type: ignore[attr-defined]
    for small, large in pairwise(sizes):
        assert large <= 2.2 * small
