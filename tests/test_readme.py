"""The README's tour is run: its Python as a doctest, its commands through the command itself."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from autograd.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    (command, output.rstrip("\n"))
    for block in CONSOLE
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


def test_python_of_the_tour() -> None:
    results = doctest.testfile(
        str(ROOT / "README.md"),
        module_relative=False,
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
        encoding="utf-8",
    )
    assert results.attempted > 20
    assert results.failed == 0


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[c for c, _ in COMMANDS])
def test_commands_of_the_tour(
    command: str,
    output: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command)
    assert program == "stepgrad"
    assert main(arguments) == 0
    printed = capsys.readouterr().out.rstrip("\n")
    pattern = re.escape(output).replace(r"\.\.\.", ".*")
    assert re.fullmatch(pattern, printed, re.DOTALL), printed


def test_the_tour_has_commands() -> None:
    assert len(COMMANDS) >= 1


def test_pictures_and_links_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if "://" not in target]
    assert local
    assert [target for target in local if not (ROOT / target).exists()] == []
