"""The schedules: closed forms, groups, resuming, errors."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from optim import SGD, Adagrad, Adam, Optimizer
from optim.schedules import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from tests.optim.interrupting import left_by_ctrl_c

BASE = [0.5, 0.02]
STEPS = 120
Maker = Callable[[Optimizer], LRScheduler]


def two_groups(kind: type[Optimizer] = SGD) -> Optimizer:
    groups = [{"params": [Value(1.0)], "lr": lr} for lr in BASE]
    return kind(groups)  # type: ignore[call-arg]


def rates(optimizer: Optimizer) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


def annealed(share: float) -> float:
    return (1.0 + math.cos(math.pi * share)) / 2.0


# Every schedule as a function of the epoch, written independently of the recursions.

CLOSED_FORMS: list[tuple[Maker, Callable[[int, float], float]]] = [
    (lambda o: ConstantLR(o, 0.25, 9), lambda t, base: base * (0.25 if t < 9 else 1.0)),
    (lambda o: LinearLR(o, 0.1, 0.7, 30), lambda t, base: base * (0.1 + 0.6 * min(t / 30, 1.0))),
    (lambda o: StepLR(o, 7, 0.8), lambda t, base: base * 0.8 ** (t // 7)),
    (
        lambda o: MultiStepLR(o, [60, 3, 60], 0.5),
        lambda t, base: base * 0.5 ** ((t >= 3) + 2 * (t >= 60)),
    ),
    (lambda o: ExponentialLR(o, 0.97), lambda t, base: base * 0.97**t),
    (
        lambda o: CosineAnnealingLR(o, 25, 0.01),
        lambda t, base: 0.01 + (base - 0.01) * annealed(t / 25),
    ),
    (
        lambda o: CosineAnnealingWarmRestarts(o, 13, 1, 0.01),
        lambda t, base: 0.01 + (base - 0.01) * annealed(t % 13 / 13),
    ),
    (
        lambda o: CosineAnnealingWarmRestarts(o, 8, 2),
        # The runs are of 8, 16, 32, ... epochs: they begin at 0, 8, 24, 56.
        lambda t, base: (
            base
            * annealed(
                next(((t - b) / n for b, n in ((56, 64), (24, 32), (8, 16), (0, 8)) if t >= b))
            )
        ),
    ),
    (lambda o: LambdaLR(o, lambda t: 1.0 / (1 + t)), lambda t, base: base / (1 + t)),
    (
        lambda o: SequentialLR(o, [LinearLR(o, 0.2, 1.0, 10), ExponentialLR(o, 0.9)], [10]),
        lambda t, base: base * (0.2 + 0.08 * t if t < 10 else 0.9 ** (t - 10)),
    ),
    (
        lambda o: ChainedScheduler([StepLR(o, 10, 0.5), CosineAnnealingLR(o, 200)]),
        lambda t, base: base * 0.5 ** (t // 10) * annealed(t / 200),
    ),
    (
        lambda o: SequentialLR(
            o, [ConstantLR(o, 0.5, 99), ChainedScheduler([StepLR(o, 5), LinearLR(o, 0.5)])], [20]
        ),
        lambda t, base: (
            base * (0.5 if t < 20 else 0.1 ** ((t - 20) // 5) * min(0.5 + (t - 20) / 10, 1.0))
        ),
    ),
]


@pytest.mark.parametrize(("make", "expected"), CLOSED_FORMS)
def test_closed_form(make: Maker, expected: Callable[[int, float], float]) -> None:
    optimizer = two_groups()
    schedule = make(optimizer)
    for t in range(STEPS):
        wanted = [expected(t, base) for base in BASE]
        assert rates(optimizer) == pytest.approx(wanted, rel=1e-9, abs=1e-12), t
        assert schedule.get_last_lr() == rates(optimizer)
        assert schedule.last_epoch == t
        schedule.step()


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_one_cycle(kind: type[Optimizer]) -> None:
    """Linear, on 21 steps, half of them up: everything is a straight line between corners."""
    optimizer = two_groups(kind)
    schedule = OneCycleLR(
        optimizer, [1.0, 0.1], 20, pct_start=0.55, anneal_strategy="linear",
        base_momentum=0.8, max_momentum=0.9, div_factor=10, final_div_factor=2,
    )  # fmt: skip
    for t in range(20):
        share = t / 10 if t <= 10 else (t - 10) / 9
        lr = 0.1 + 0.9 * share if t <= 10 else 1.0 + (0.05 - 1.0) * share
        momentum = 0.9 - 0.1 * share if t <= 10 else 0.8 + 0.1 * share
        assert rates(optimizer) == pytest.approx([lr, lr / 10])
        for group in optimizer.param_groups:
            set_to = group["betas"][0] if kind is Adam else group["momentum"]
            assert set_to == pytest.approx(momentum)
        schedule.step()
    if kind is Adam:
        assert optimizer.param_groups[0]["betas"][1] == 0.999
    before = rates(optimizer)
    with pytest.raises(ValueError, match=r"made for 20 steps"):
        schedule.step()
    assert rates(optimizer) == before


def test_one_cycle_whose_way_up_is_one_step_begins_at_the_top() -> None:
    optimizer = two_groups()
    OneCycleLR(optimizer, 1.0, total_steps=10, pct_start=0.1)
    assert rates(optimizer) == [1.0, 1.0]


@given(st.lists(st.sampled_from([0.5, 1.0, 2.0, math.nan]), max_size=40), st.integers(0, 4))
def test_a_plateau_is_patience_plus_one_bad_epochs(losses: list[float], patience: int) -> None:
    optimizer = two_groups()
    schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=patience)
    best, bad, reductions = math.inf, 0, 0
    for loss in losses:
        schedule.step(Value(loss))
        bad = 0 if loss < best else bad + 1
        best = loss if loss < best else best
        if bad == patience + 1:
            bad, reductions = 0, reductions + 1
    expected = list(BASE)
    for _ in range(reductions):
        expected = [lr * 0.5 if lr * 0.5 > 1e-8 else lr for lr in expected]
    assert rates(optimizer) == pytest.approx(expected, abs=1e-8)


def test_a_second_schedule_starts_from_the_rate_before_the_first() -> None:
    optimizer = two_groups()
    ConstantLR(optimizer, 0.1)
    assert LambdaLR(optimizer, lambda epoch: 1.0).base_lrs == BASE
    assert rates(optimizer) == BASE


def test_a_group_added_before_the_schedule_takes_part() -> None:
    optimizer = two_groups()
    ConstantLR(optimizer, 0.5)
    optimizer.add_param_group({"params": [Value(3.0)], "lr": 0.8})
    assert ExponentialLR(optimizer, 0.5).base_lrs == [*BASE, 0.8]


def test_a_group_added_afterwards_is_an_error() -> None:
    optimizer = two_groups()
    schedule = StepLR(optimizer, 1)
    optimizer.add_param_group({"params": [Value(3.0)]})
    with pytest.raises(ValueError, match=r"made for 2 groups .* now has 3: add groups before"):
        schedule.step()
    assert schedule.last_epoch == 0


def test_lambdas_one_for_each_group() -> None:
    optimizer = two_groups()
    LambdaLR(optimizer, [lambda epoch: 2.0, lambda epoch: 3.0]).step()
    assert rates(optimizer) == [1.0, 0.06]


# Resuming.

RESUMABLE: list[Maker] = [
    *(make for make, _ in CLOSED_FORMS),
    lambda o: OneCycleLR(o, 0.3, 100),
    lambda o: SequentialLR(o, [LinearLR(o), OneCycleLR(o, 0.3, 100, three_phase=True)], [9]),
]


def loaded(state: Any) -> Any:
    return json.loads(json.dumps(state))


@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("make", RESUMABLE)
def test_resumed_bit_identically(make: Maker, optimizer_first: bool) -> None:
    """From JSON, in whatever order the optimizer, the schedule and their states come."""
    optimizer = two_groups(Adam)
    schedule = make(optimizer)
    for _ in range(23):
        schedule.step()
    states = loaded(optimizer.state_dict()), loaded(schedule.state_dict())
    again = two_groups(Adam)
    if optimizer_first:
        again.load_state_dict(states[0])
    resumed = make(again)
    resumed.load_state_dict(states[1])
    if not optimizer_first:
        again.load_state_dict(states[0])
    for _ in range(60):
        schedule.step()
        resumed.step()
        for group, other in zip(optimizer.param_groups, again.param_groups, strict=True):
            assert (group["lr"], *group["betas"]) == (other["lr"], *other["betas"])
        assert resumed.get_last_lr() == schedule.get_last_lr()


def test_plateau_resumed_bit_identically() -> None:
    losses = [1.0 / (1 + t % 17) for t in range(80)]
    optimizer, again = two_groups(), two_groups()
    schedule = ReduceLROnPlateau(optimizer, patience=2, cooldown=3, factor=0.7)
    for loss in losses[:29]:
        schedule.step(loss)
    resumed = ReduceLROnPlateau(again)
    resumed.load_state_dict(loaded(schedule.state_dict()))
    for loss in losses[29:]:
        schedule.step(loss)
        resumed.step(loss)
        assert rates(again) == rates(optimizer)


def test_the_arguments_are_loaded_too() -> None:
    optimizer, again = two_groups(), two_groups()
    schedule = StepLR(optimizer, 2, 0.5)
    resumed = StepLR(again, 30)
    resumed.load_state_dict(schedule.state_dict())
    for _ in range(5):
        schedule.step()
        resumed.step()
    assert rates(again) == rates(optimizer) == [lr / 4 for lr in BASE]


def test_a_saved_state_is_a_copy() -> None:
    schedule = MultiStepLR(two_groups(), [3])
    saved = schedule.state_dict()
    kept = copy.deepcopy(saved)
    schedule.step()
    schedule.milestones.append(9)
    assert saved == kept
    schedule.load_state_dict(saved)
    schedule.milestones.append(9)
    assert saved == kept


def test_schedule_and_optimizer_are_pickled_and_copied_together() -> None:
    optimizer = two_groups()
    schedule = ExponentialLR(optimizer, 0.5)
    for other in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        other.step()
        assert rates(other.optimizer) == [lr * 0.5 for lr in BASE]
    assert rates(optimizer) == BASE


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"gamma": -1.0}, ValueError, "gamma is a number from 0 on, got -1.0"),
        ({"gamma": "0.1"}, TypeError, "gamma is a number, got '0.1'"),
        ({"step_size": 0}, ValueError, "step_size is a whole number from 1 on, got 0"),
        ({"last_epoch": -3}, ValueError, "saved last_epoch is a number from 0 on"),
        ({"lrs": [0.1]}, ValueError, "saved lrs has a rate for each of 2 groups"),
        ({"base_lrs": 0.1}, ValueError, "saved base_lrs has a rate for each of 2 groups"),
        ({"_last_lr": [0.1, None]}, TypeError, "a rate of the saved _last_lr is a number"),
        ({"speed": 1}, ValueError, "a saved StepLR is a dict with"),
    ],
)
def test_a_wrong_state_changes_nothing(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    def make() -> tuple[Optimizer, SequentialLR]:
        optimizer = two_groups()
        steps = StepLR(optimizer, 2)
        return optimizer, SequentialLR(optimizer, [LinearLR(optimizer), steps], [4])

    optimizer, schedule = make()
    other_optimizer, other = make()
    for _ in range(5):
        other.step()
    before = schedule.state_dict(), optimizer.state_dict()
    saved = other.state_dict()
    saved["schedulers"][1].update(change)
    with pytest.raises(error, match=message):
        schedule.load_state_dict(saved)
    assert (schedule.state_dict(), optimizer.state_dict()) == before
    with pytest.raises(error, match=message):
        schedule.schedulers[1].load_state_dict(saved["schedulers"][1])
    assert (schedule.state_dict(), optimizer.state_dict()) == before
    assert rates(other_optimizer) != rates(optimizer)


HUGE = 10**400  # which JSON can hold and a float can't


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        (lambda o: StepLR(o, 2), {"gamma": HUGE}, "gamma is a number of up to"),
        (lambda o: StepLR(o, 2), {"step_size": HUGE}, "step_size is a number of up to"),
        (lambda o: StepLR(o, 2), {"lrs": [0.1, HUGE]}, "of the saved lrs is a number of up to"),
        (lambda o: StepLR(o, 2), {"last_epoch": math.inf}, "last_epoch is finite, got inf"),
        (lambda o: MultiStepLR(o, [2]), {"milestones": None}, "milestones are a list, got None"),
        (lambda o: MultiStepLR(o, [2]), {"milestones": {}}, "milestones are a list, got {}"),
        (lambda o: OneCycleLR(o, 1.0, 9), {"max_lrs": {}}, "max_lrs are a list, got {}"),
        (lambda o: OneCycleLR(o, 1.0, 9), {"max_lrs": [1.0]}, "max_lrs are 2 in number"),
        (lambda o: OneCycleLR(o, 1.0, 9), {"base_momentums": [0.9]}, "momentums are 2 in number"),
        (lambda o: ReduceLROnPlateau(o), {"min_lrs": None}, "min_lrs are a list, got None"),
    ],
)
def test_a_hostile_state_changes_nothing(
    make: Callable[[Optimizer], Any], change: dict[str, Any], message: str
) -> None:
    optimizer = two_groups()
    schedule = make(optimizer)
    before = schedule.state_dict(), optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        schedule.load_state_dict(schedule.state_dict() | {"last_epoch": 5} | change)
    assert (schedule.state_dict(), optimizer.state_dict()) == before


@pytest.mark.parametrize("saved", [None, {}, {"last_epoch": 3}, []])
def test_a_state_of_something_else(saved: Any) -> None:
    with pytest.raises(ValueError, match="a saved StepLR is a dict with"):
        StepLR(two_groups(), 2).load_state_dict(saved)


# Errors.


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: StepLR([Value(1.0)], 3), TypeError, "for an optimizer of optim, got a list"),
        (lambda o: LambdaLR(None, len), TypeError, "for an optimizer of optim, got a NoneType"),
        (lambda o: OneCycleLR("SGD", 1.0, 9), TypeError, "for an optimizer of optim, got a str"),
        (lambda o: ReduceLROnPlateau(3), TypeError, "for an optimizer of optim, got a int"),
        (lambda o: StepLR(o, -3), ValueError, "step_size is a whole number from 1 on, got -3"),
        (lambda o: StepLR(o, 2.5), TypeError, "step_size is a whole number, got 2.5"),
        (lambda o: StepLR(o, True), TypeError, "step_size is a whole number, got True"),
        (lambda o: StepLR(o, 3, math.nan), ValueError, "gamma is a number from 0 on, got nan"),
        (lambda o: StepLR(o, 3, last_epoch=-2), ValueError, "last_epoch is a whole number from -1"),
        (lambda o: StepLR(o, 3, last_epoch=5), ValueError, "this optimizer has had none"),
        (lambda o: MultiStepLR(o, [3, -1]), ValueError, "a milestone of MultiStepLR is a whole"),
        (lambda o: ExponentialLR(o, -0.9), ValueError, "ExponentialLR's gamma is a number from 0"),
        (lambda o: ConstantLR(o, 0.0), ValueError, "ConstantLR's factor is above 0, up to 1"),
        (lambda o: ConstantLR(o, 0.5, 0), ValueError, "total_iters is a whole number from 1 on"),
        (lambda o: LinearLR(o, 1.5), ValueError, "start_factor is above 0, up to 1, got 1.5"),
        (lambda o: LinearLR(o, 0.5, 1.5), ValueError, "end_factor is up to 1, got 1.5"),
        (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max is a whole number from 1 on"),
        (lambda o: CosineAnnealingLR(o, 5, -1.0), ValueError, "eta_min is a number from 0 on"),
        (lambda o: CosineAnnealingWarmRestarts(o, 5, 0), ValueError, "T_mult is a whole number"),
        (lambda o: CosineAnnealingWarmRestarts(o, 5).step(-1), ValueError, "epoch to go to is a"),
        (lambda o: LambdaLR(o, 0.5), TypeError, "lr_lambda is a function, got 0.5"),
        (lambda o: LambdaLR(o, [abs]), ValueError, "lr_lambda has an entry for each of 2 groups"),
        (lambda o: LambdaLR(o, str), TypeError, "what LambdaLR's lr_lambda returns is a number"),
        (lambda o: OneCycleLR(o, 1.0), ValueError, "needs total_steps, or epochs and"),
        (lambda o: OneCycleLR(o, 1.0, 0), ValueError, "total_steps is a whole number from 1 on"),
        (lambda o: OneCycleLR(o, 1.0, epochs=3, steps_per_epoch=-1), ValueError, "steps_per_epoch"),
        (lambda o: OneCycleLR(o, [1.0], 9), ValueError, "max_lr has an entry for each of 2"),
        (lambda o: OneCycleLR(o, 1.0, 9, pct_start=1.5), ValueError, "pct_start is up to 1"),
        (lambda o: OneCycleLR(o, 1.0, 9, anneal_strategy="sin"), ValueError, "'cos' or 'linear'"),
        (lambda o: OneCycleLR(o, 1.0, 9, div_factor=0), ValueError, "div_factor is above 0"),
        (lambda o: OneCycleLR(two_groups(Adagrad), 1.0, 9), ValueError, "Adagrad has no momentum"),
        (lambda o: ReduceLROnPlateau(o, "least"), ValueError, "mode is 'min' or 'max'"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor is below 1, got 1.0"),
        (lambda o: ReduceLROnPlateau(o, patience=-1), ValueError, "patience is a whole number"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1]), ValueError, "min_lr has an entry for each"),
        (lambda o: SequentialLR(o, [], []), ValueError, "combines one schedule or more"),
        (lambda o: ChainedScheduler([]), ValueError, "combines one schedule or more"),
        (lambda o: ChainedScheduler([3]), TypeError, "step without a measure, got a int"),
        (lambda o: SequentialLR(o, [StepLR(o, 2)], [3]), ValueError, "1 schedules and one mile"),
        (
            lambda o: SequentialLR(o, [StepLR(o, 2), StepLR(o, 3), StepLR(o, 4)], [5, 3]),
            ValueError,
            "milestones are in order",
        ),
        (
            lambda o: ChainedScheduler([StepLR(o, 2), ReduceLROnPlateau(o)]),
            TypeError,
            "step without a measure, got a ReduceLROnPlateau",
        ),
        (
            lambda o: ChainedScheduler([StepLR(o, 2), StepLR(two_groups(), 2)]),
            ValueError,
            "of the same optimizer, and the StepLR is of another",
        ),
    ],
)
def test_a_wrong_argument_is_one_clear_sentence(
    make: Callable[[Optimizer], Any], error: type[Exception], message: str
) -> None:
    optimizer = two_groups()
    with pytest.raises(error, match=message) as raised:
        make(optimizer)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("measure", [None, "1.0"])
def test_a_measure_that_is_no_number_is_told(measure: Any) -> None:
    schedule = ReduceLROnPlateau(two_groups())
    with pytest.raises(TypeError, match="a measure is a number or a Value, got "):
        schedule.step(measure)


# Ctrl-C.

INTERRUPTED: dict[str, Callable[[Optimizer], Any]] = {
    "factor": lambda o: ExponentialLR(o, 0.5),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, 4),
    "one cycle": lambda o: OneCycleLR(o, [0.9, 0.8], 10),
    "plateau": lambda o: ReduceLROnPlateau(o, patience=0, factor=0.5),
    "sequence": lambda o: SequentialLR(o, [LinearLR(o, 0.1), ExponentialLR(o, 0.5)], [3]),
    "restart in a sequence": lambda o: SequentialLR(o, [LinearLR(o), ExponentialLR(o, 0.5)], [2]),
    "chain": lambda o: ChainedScheduler([LinearLR(o, 0.1), ExponentialLR(o, 0.5)]),
}


def stepped(name: str, steps: int) -> tuple[Any, list[Any]]:
    """A schedule after these steps, and the arguments of the next."""
    optimizer = Adam([{"params": [Value(1.0)], "lr": lr} for lr in BASE])
    schedule = INTERRUPTED[name](optimizer)
    arguments = [1.0] if name == "plateau" else []
    for _ in range(steps):
        schedule.step(*arguments)
    return schedule, arguments


def all_of(schedule: Any) -> Any:
    options = schedule.optimizer.state_dict()["param_groups"]
    return schedule.state_dict(), options


@pytest.mark.parametrize("name", INTERRUPTED)
def test_ctrl_c_in_a_step_leaves_all_or_nothing(name: str) -> None:
    old, new = all_of(stepped(name, 1)[0]), all_of(stepped(name, 2)[0])

    def make() -> tuple[Any, Any]:
        schedule, arguments = stepped(name, 1)
        return lambda: schedule.step(*arguments), lambda: all_of(schedule)

    left = left_by_ctrl_c(make)
    assert old != new
    assert len(left) > 5
    assert all(state in (old, new) for state in left)


@pytest.mark.parametrize("name", INTERRUPTED)
def test_ctrl_c_while_a_state_is_loaded_leaves_all_or_nothing(name: str) -> None:
    saved = stepped(name, 2)[0].state_dict()

    def make() -> tuple[Any, Any]:
        schedule, _ = stepped(name, 1)
        return lambda: schedule.load_state_dict(saved), lambda: all_of(schedule)

    schedule, _ = stepped(name, 1)
    old = all_of(schedule)
    schedule.load_state_dict(saved)
    left = left_by_ctrl_c(make)
    assert len(left) > 10
    assert all(state in (old, all_of(schedule)) for state in left)
