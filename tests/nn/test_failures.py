"""The gallery of failures: each is found by its tool, and its remedy mends it."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd.cli import main
from nn.recipes import failures
from nn.recipes.failures import FAILURES, WIDTH, Failure, draw_failures, tell
from nn.training import fit

TOLD = {
    "exploding": ["training diverged in epoch 2", "multiply made", "clip_norm=1.0"],
    "vanishing": ["vanishing in layers.0, layers.1"],
    "dead": ["dead in layers.0"],
    "rate": ["hardly moving in", "too large steps in", "the loss falls fastest at"],
    "gradient": ["the first wrong operation is bell", "it should be -"],
}


@pytest.fixture(autouse=True)
def _forget_wrong_primitives() -> Iterator[None]:
    """Property tests elsewhere draw from all primitives that are alive."""
    yield
    gc.collect()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each training end after three epochs."""

    def fit_shortly(*arguments: Any, epochs: int, **options: Any) -> Any:
        return fit(*arguments, epochs=3, **options)

    monkeypatch.setattr(failures, "fit", fit_shortly)


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_found_and_mended(name: str) -> None:
    failure = FAILURES[name](True)
    for words in TOLD[name]:
        assert words in failure.told
    assert "line " not in failure.told  # of our own code
    *broken, mended = failure.losses.values()
    assert broken
    assert all(losses[-1] > 3.0 * mended[-1] for losses in broken)
    assert mended[-1] < 0.3
    assert all(len(line) <= WIDTH for line in str(failure).splitlines())


@pytest.mark.parametrize("name", FAILURES)
def test_node_by_node_they_fail_likewise(name: str, short: None) -> None:
    plain, compiled = FAILURES[name](False), FAILURES[name](True)
    assert list(plain.losses) == list(compiled.losses)
    for tried, losses in plain.losses.items():
        assert losses == pytest.approx(compiled.losses[tried], rel=1e-6)
    for words in TOLD[name]:
        assert words in plain.told


FAILURE = Failure(
    "A title",
    "Something that takes more words than fit into a single line of the terminal: " + "word " * 9,
    "a tool",
    "what it said",
    "a remedy",
    {"bad": [2.0, 3.0, math.inf], "mended": [2.0, 0.25]},
)


def test_a_failure_tells_itself_in_a_few_lines() -> None:
    assert [line.rstrip() for line in str(FAILURE).splitlines()] == [
        "A title",
        "  done       Something that takes more words than fit into a single line of the terminal: "
        "word word",
        "             word word word word word word word",
        "  found by   a tool:",
        "             what it said",
        "  mended by  a remedy",
        "  losses     bad     2 after one epoch, not finite in epoch 3",
        "             mended  2 after one epoch, 0.25 after 2 epochs",
    ]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_picture_has_a_panel_for_each(count: int) -> None:
    panels = draw_failures([FAILURE] * count).axes
    assert len(panels) == count
    bad, mended = panels[0].lines
    assert list(bad.get_ydata()) == [2.0, 3.0]
    assert list(mended.get_ydata()) == [2.0, 0.25]
    [cross] = panels[0].collections
    assert cross.get_offsets().tolist() == [[2.0, 3.0]]


def test_the_command_tells_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], short: None
) -> None:
    folder = tmp_path / "new"
    assert main(["failures", "exploding", "rate", "--folder", str(folder)]) == 0
    exploding, rate, drawn = capsys.readouterr().out.split("\n\n")
    assert exploding.startswith("Exploding: an echo that grows\n  done ")
    assert rate.startswith("A wrong learning rate")
    assert drawn == f"The losses are drawn in {folder / 'failures.png'}\n"
    assert [path.name for path in folder.iterdir()] == ["failures.png"]


def test_an_unknown_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", "boredom"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "no failure 'boredom': choose from exploding, vanishing, dead" in told.err


def test_all_are_told_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def ask(name: str) -> Any:
        def answer(compile: bool) -> Failure:
            asked.append((name, compile))
            return FAILURE

        return answer

    monkeypatch.setattr(failures, "FAILURES", {name: ask(name) for name in "abc"})
    assert list(tell()) == [str(FAILURE)] * 3
    assert list(tell(["b", "b", "a"], compile=True)) == [str(FAILURE)] * 2
    assert asked == [("a", False), ("b", False), ("c", False), ("b", True), ("a", True)]
