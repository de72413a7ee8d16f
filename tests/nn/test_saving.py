"""Saving and loading: exact to the bit, whole or not at all, and no file does harm."""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd import Value, files
from nn import MLP, BatchNorm1d, Linear, LoadError, Module, Neuron, Sequential, load, save


class Parameters(Module):
    """Numbers in places of every kind."""

    def __init__(self, numbers: list[float]) -> None:
        self.a = Value(numbers[0])
        self.rows = [[Value(x), Value(-x)] for x in numbers]
        self.gaps = [None, Value(numbers[-1]), [], [Value(1.0)]]
        self.named = {"x[0]": Value(2.0), "ü\n": Value(3.0), "01": Value(4.0)}
        self.constant = Value(numbers[0], requires_grad=False)


def bits(model: Module) -> dict[str, bytes]:
    return {name: struct.pack(">d", number) for name, number in model.state_dict().items()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=4))
def test_every_bit_comes_back(tmp_path: Path, numbers: list[float]) -> None:
    model, other = Parameters(numbers), Parameters([0.0] * len(numbers))
    load(other, save(model, tmp_path / "model.json"))
    assert bits(other) == bits(model)


def test_nan_and_inf_come_back_from_strict_json(tmp_path: Path) -> None:
    model, other = Neuron(3), Neuron(3)
    model.load_state_dict({"w[0]": math.nan, "w[1]": math.inf, "w[2]": -math.inf, "b": -0.0})
    path = save(model, tmp_path / "model.json")
    json.loads(path.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))
    load(other, path)
    numbers = [parameter.data for parameter in other.parameters()]
    assert math.isnan(numbers[0])
    assert numbers[1:3] == [math.inf, -math.inf]
    assert math.copysign(1.0, numbers[3]) == -1.0


def test_running_statistics_are_saved_too(tmp_path: Path) -> None:
    model, other = (Sequential(Linear(2, 2, seed=k), BatchNorm1d(2)) for k in (0, 1))
    model([[1.0, 2.0], [3.0, -1.0]])
    load(other, save(model, tmp_path / "model.json"))
    assert bits(other) == bits(model)
    assert other.state_dict()["layers.1.num_batches_tracked"] == 1.0


def test_a_person_can_read_the_file(tmp_path: Path) -> None:
    neuron = Neuron(2)
    neuron.load_state_dict({"w[0]": 0.1, "w[1]": -3.0, "b": 1e-300})
    path = save(neuron, tmp_path / "neuron.json")
    assert path.read_text() == (
        '{"format": "stepgrad network", "version": 1, "state": {\n'
        '  "w": [0.1, -3.0],\n'
        '  "b": 1e-300\n'
        "}}\n"
    )


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(Neuron(2, seed=0), tmp_path / "model.json")
    before = path.read_bytes()

    def full(source: Any, target: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        save(Neuron(2, seed=1), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.json"]


def test_another_network_is_named(tmp_path: Path) -> None:
    path = save(MLP(2, [3, 1]), tmp_path / "model.json")
    for model, words in (
        (MLP(2, [2, 1]), r"layers\.0\.neurons\.2\.w is unexpected"),
        (MLP(2, [2, 1]), r"layers\.1\.neurons\.0\.w has 3 numbers instead of 2"),
        (MLP(2, [4, 1]), r"layers\.0\.neurons\.3\.w is missing"),
        (MLP(3, [3, 1]), r"layers\.0\.neurons\.0\.w has 2 numbers instead of 3"),
        (MLP(2, [30, 10]), r"and \d+ more$"),
        (Linear(2, 2), "weight is missing; bias is missing; layers.0.neurons.0.w is unexpected"),
    ):
        before = bits(model)
        with pytest.raises(LoadError, match=f"^model.json belongs to another network: .*{words}"):
            load(model, path)
        assert bits(model) == before
    linear = save(Linear(2, 3), tmp_path / "linear.json")
    with pytest.raises(LoadError, match="weight has 3 × 2 numbers instead of 3 × 4"):
        load(Linear(4, 3), linear)


STATE = '"w": [1.0, 2.0], "b": 3.0'


def file_of(state: str = STATE, head: str = '"format": "stepgrad network", "version": 1') -> str:
    return f'{{{head}, "state": {{{state}}}}}'


HOSTILE: dict[str, tuple[bytes | str, str]] = {
    "empty": ("", "is damaged or not JSON"),
    "truncated": (file_of()[:-10], "is damaged or not JSON: .* line 1, column"),
    "trailing": (file_of() + "{}", "is damaged or not JSON: Extra data"),
    "not UTF-8": (b"\xff\xfe" + file_of().encode(), "is not a text in UTF-8"),
    "UTF-16": (file_of().encode("utf-16"), "is not a text in UTF-8"),
    "a byte order mark": ("\ufeff" + file_of(), "is damaged or not JSON"),
    "binary": (bytes(range(256)), "is not a text in UTF-8"),
    "a pickle": (b"cos\nsystem\n(S'true'\ntR.", "is damaged or not JSON"),
    "deep lists": ("[" * 200_000, "is nested too deeply"),
    "deep objects": ('{"a":' * 100_000, "is nested too deeply"),
    "deep entries": (file_of(f'"w": {"[" * 400}1.0{"]" * 400}, "b": 3.0'), "another network: w"),
    "huge": (file_of(STATE + " " * 1_100_000), "is larger than any file of this network"),
    "a list": ("[1.0]", "is not a file that nn.save wrote"),
    "a number": ("1", "is not a file that nn.save wrote"),
    "another format": ('{"format": "x", "version": 1, "state": {}}', "not a file that nn.save"),
    "another version": (file_of(head='"format": "stepgrad network", "version": 2'), "of version 2"),
    "a strange version": (
        file_of(head='"format": "stepgrad network", "version": [[1]]'),
        "is of version a list: this one reads 1",
    ),
    "no state": ('{"format": "stepgrad network", "version": 1}', 'does not consist of "format"'),
    "a list for a state": (
        '{"format": "stepgrad network", "version": 1, "state": []}',
        'does not consist of "format"',
    ),
    "more": (
        file_of(head='"x": 1, "format": "stepgrad network", "version": 1'),
        "does not consist",
    ),
    "twice the same": (file_of(f'{STATE}, "b": 4.0'), "two entries of the name b"),
    "twice in another way": (file_of(f'{STATE}, "w[1]": 4.0'), r"two entries of the name w\[1\]"),
    "twice the state": (
        file_of(head='"state": {}, "format": "stepgrad network", "version": 1'),
        "two entries of the name state",
    ),
    "NaN": (file_of('"w": [NaN, 2.0], "b": 3.0'), "has NaN without quotation marks"),
    "-Infinity": (file_of('"w": [-Infinity, 2], "b": 3.0'), "has -Infinity without quotation"),
    "a text": (
        file_of('"w": ["1.0", 2.0], "b": 3.0'),
        r"an entry w\[0\] that is not a number: 1.0",
    ),
    "a strange nan": (file_of('"w": ["NaN", 2.0], "b": 3.0'), r"w\[0\] that is not a number: NaN"),
    "null": (file_of('"w": [null, 2.0], "b": 3.0'), r"w\[0\] that is not a number: null"),
    "true": (file_of('"w": [true, 2.0], "b": 3.0'), r"w\[0\] that is not a number: true"),
    "an object": (file_of('"w": {"0": 1.0}, "b": 3.0'), "w that is not a number: an object"),
    "too large": (file_of('"w": [1e999, 2.0], "b": 3.0'), "a number that is too large: 1e999"),
    "many digits": (file_of(f'"w": [{"9" * 10_000}, 2.0], "b": 3.0'), "too large: 9+…"),
    "missing": (file_of('"w": [1.0, 2.0]'), "another network: b is missing"),
    "unexpected": (file_of(f'{STATE}, "c": 1.0'), "another network: c is unexpected"),
    "too few": (file_of('"w": [1.0], "b": 3.0'), "w has 1 number instead of 2"),
    "none": (file_of('"w": [], "b": 3.0'), "w is missing"),
    "too deep": (file_of('"w": [[1.0, 2.0]], "b": 3.0'), "w has 1 × 2 numbers instead of 2"),
    "uneven in as many": (
        file_of('"w": [[1.0], 2.0], "b": 3.0'),
        "w has 2 unevenly nested numbers",
    ),
    "uneven": (file_of('"w": [[1.0, 2.0], 3.0], "b": 3.0'), "w has 3 unevenly nested numbers"),
    "many of a long name": (
        file_of(f'"{"x" * 300_000}": [{"1," * 100_000}1], {STATE}'),
        "another network: x+… is unexpected",
    ),
    "many brackets": (file_of(f'"{"[1]" * 200_000}x": 1.0, {STATE}'), r"\[1\].*… is unexpected"),
    "control characters": (file_of(f'"\\u001b[2J\\ud800": 1.0, {STATE}'), r"␛\[2J\\ud800 is"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, name: str) -> None:
    content, words = HOSTILE[name]
    path = tmp_path / "model.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    neuron = Neuron(2, seed=0)
    before = bits(neuron)
    with pytest.raises(LoadError, match=words) as caught:
        load(neuron, path)
    message = str(caught.value)
    message.encode()
    assert message.startswith("model.json ")
    assert "\n" not in message
    assert len(message) < 600
    assert caught.value.__cause__ is None
    assert bits(neuron) == before


@pytest.mark.parametrize("cut", range(0, 95, 3))
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = save(Neuron(2, seed=1), tmp_path / "model.json")
    path.write_bytes(path.read_bytes()[:cut])
    neuron = Neuron(2, seed=0)
    before = bits(neuron)
    with pytest.raises(LoadError, match="damaged or not JSON"):
        load(neuron, path)
    assert bits(neuron) == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_bytes_do_harm(tmp_path: Path, content: bytes) -> None:
    neuron = Neuron(2, seed=0)
    before = bits(neuron)
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(LoadError):
        load(neuron, path)
    assert bits(neuron) == before


def test_a_file_written_by_hand_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(file_of(' "w[1]": 2, "w[0]": -0, "b": "nan"'))
    neuron = Neuron(2)
    load(neuron, path)
    assert [parameter.data for parameter in neuron.w] == [0.0, 2.0]
    assert math.isnan(neuron.b.data)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(Neuron(2), tmp_path / "nowhere.json")
    with pytest.raises(FileNotFoundError):
        save(Neuron(2), tmp_path / "no folder" / "model.json")


def test_what_is_no_network_is_told(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="save needs a Module as model, got NoneType"):
        save(None, tmp_path / "none.json")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="load needs a Module as model, got str 'file'"):
        load("file", Neuron(1))  # type: ignore[arg-type]
