"""Domain adaptation: what is trained on, what comes back reversed, and what is told of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nn.recipes.domains as domains
from nn import Module
from nn.losses import binary_cross_entropy_with_logits
from nn.recipes import Result, train
from nn.recipes.domains import (
    SOURCE,
    TARGET,
    Accuracies,
    Adversarial,
    TurnedMoons,
    adversarial_loss,
    as_domains,
    judge,
    strength,
    table,
    turn,
)

SAMPLES = ([0.3, -0.4], [1.0, SOURCE]), ([-1.2, 0.7], [0.0, SOURCE]), ([0.5, 1.1], [0.0, TARGET])


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "POINTS", 12)
    monkeypatch.setattr(domains, "HIDDEN", 4)


def small(**wanted: Any) -> Result:
    return train("domains", **{"epochs": 3, "batch_size": 8, "progress": False, **wanted})


def test_features_hear_the_domain_with_the_opposite_sign(few: None) -> None:
    network = Adversarial(seed=1)

    targets = [target for _, target in SAMPLES]

    def gradients(part: Module, loss: Any) -> Any:
        network.zero_grad()
        loss.backward()
        return np.array([parameter.grad for parameter in part.parameters()])

    def found(part: Module, lambda_: float) -> Any:
        network.strength.data = lambda_
        return gradients(part, adversarial_loss([network(row) for row, _ in SAMPLES], targets))

    def mean_surprise(logits: Any, wanted: Any) -> Any:
        pairs = zip(logits, wanted, strict=True)
        return sum(binary_cross_entropy_with_logits(x, y) for x, y in pairs) / len(SAMPLES)

    features = [network.features(row) for row, _ in SAMPLES]
    known = mean_surprise([network.label(x)[0] for x in features[:2]], [1.0, 0.0])
    of_label = gradients(network.features, known)
    features = [network.features(row) for row, _ in SAMPLES]
    told = mean_surprise([network.domain(x)[0] for x in features], [SOURCE, SOURCE, TARGET])
    of_domain = gradients(network.features, told)
    assert min(np.abs(of_label).max(), np.abs(of_domain).max()) > 1e-3
    for lambda_ in (0.0, 0.5):
        expected = of_label - lambda_ * of_domain
        np.testing.assert_allclose(found(network.features, lambda_), expected, atol=1e-14)
    assert found(network.domain, 0.0).tolist() == found(network.domain, 0.5).tolist()


def test_the_label_of_the_target_has_no_influence() -> None:
    for label in (0.0, 1.0):
        loss = adversarial_loss([[5.0, 0.0]], [[label, TARGET]])
        assert loss == pytest.approx(math.log(2.0))
    assert adversarial_loss([[5.0, 0.0]], [[0.0, SOURCE]]) > 5.0


def test_nothing_of_the_target_is_trained_on_but_its_points(
    few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = TurnedMoons().data(seed=3)
    assert data.held_out is not None
    (rows, targets), (target, classes) = data.training, data.held_out
    assert (rows[12:], targets[12:]) == (target, [[0.0, TARGET]] * 12)
    assert {domain for _, domain in targets[:12]} == {SOURCE}
    assert sorted(classes) == [0] * 6 + [1] * 6
    turned_back = [turn(point, -domains.ANGLE) for point in target]
    assert np.abs(np.mean(turned_back, axis=0) - domains.CENTER).max() < 0.3
    assert not {tuple(point) for point in turned_back} & {tuple(point) for point in rows[:12]}
    first = small(seed=3).model.state_dict()
    make = TurnedMoons.data

    def mislabelled(self: TurnedMoons, seed: int) -> Any:
        data = make(self, seed)
        assert data.held_out is not None
        flipped = [1 - k for k in data.held_out[1]]
        return type(data)(data.training, (data.held_out[0], flipped), data.inputs, data.classes)

    monkeypatch.setattr(TurnedMoons, "data", mislabelled)
    assert small(seed=3).model.state_dict() == first


def test_the_networks_differ_by_the_reversal_alone(
    few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapted = small().model
    assert adapted.reversed.strength.data == pytest.approx(strength(1.0))
    assert adapted.without.strength.data == 0.0
    assert adapted.reversed.features.state_dict() != adapted.without.features.state_dict()
    monkeypatch.setattr(domains, "STRENGTH", 0.0)
    unadapted = small().model
    assert unadapted.reversed.state_dict() == unadapted.without.state_dict()
    assert unadapted.without.state_dict() == adapted.without.state_dict()


def test_compiled_programs_see_the_reversal_grow(few: None) -> None:
    node_by_node, compiled = small().model.state_dict(), small(compile=True).model.state_dict()
    assert node_by_node == pytest.approx(compiled, rel=1e-9)


def test_the_target_is_adapted_to() -> None:
    result = train("domains", compile=True, progress=False)
    without, reversed_ = judge(result)
    assert without.target < 0.78
    assert reversed_.target > without.target + 0.05
    assert min(without.source, reversed_.source) > 0.98
    assert reversed_.domains < without.domains
    assert result.findings.startswith(
        f"target accuracy {reversed_.target:.4f} with reversed gradients, {without.target:.4f}"
    )
    data = as_domains(result.data)
    right = [
        (float(result.model(point)[2]) > 0.0) == bool(k)
        for point, k in list(zip(data.target, data.target_classes, strict=True))[:40]
    ]
    assert right.count(True) >= 20


def test_the_pictures_show_both_networks(few: None, tmp_path: Any) -> None:
    files = small(folder=tmp_path, epochs=1).files
    assert [path.name for path in files] == ["domains-boundaries.png", "domains-features.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files)


def one_by_one(function: Any, first: int, count: int, progress: bool) -> list[Any]:
    return [function(seed) for seed in range(first, first + count)]


def test_many_seeds_make_a_table(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "for_each_seed", one_by_one)
    lines = TurnedMoons().over_seeds(2, seed=5, epochs=2, progress=False).splitlines()
    without, reversed_ = judge(small(seed=6, epochs=2, batch_size=60))
    expected = [
        getattr(found, what)
        for what in ("target", "source", "domains")
        for found in (without, reversed_)
    ]
    assert [float(x) for x in lines[3].split()] == pytest.approx([6, *expected], abs=1e-4)


def test_the_table_tells_the_means_and_what_diverged() -> None:
    good, bad = Accuracies(1.0, 0.9, 0.5), Accuracies(1.0, 0.6, 0.8)
    lines = table({7: (bad, good), 8: None, 9: (good, bad), 10: (bad, good)}).splitlines()
    assert lines[2].split() == ["7", "0.6000", "0.9000", "1.0000", "1.0000", "0.8000", "0.5000"]
    assert lines[3].split() == ["8", "diverged"]
    assert lines[6].split() == ["mean", "0.7000", "0.8000", "1.0000", "1.0000", "0.7000", "0.6000"]
    assert "lies between 0.6000 and 0.9000" in lines[8]
    assert "from 2 of 3 seeds" in lines[9]
    assert "mean" not in table({8: None})


def test_a_training_that_diverges_is_told_among_others(few: None) -> None:
    assert domains._try(TurnedMoons(), {"lr": 1e200, "optimizer": "SGD", "epochs": 2}, 0) is None
