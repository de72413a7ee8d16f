"""The README's tour is run: its Python as a doctest, its commands through the command itself."""

import re
import shlex
import subprocess
import sys
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


TOUR = """
import doctest, sys
flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
done = doctest.testfile(sys.argv[1], module_relative=False, optionflags=flags, encoding="utf-8")
sys.exit(0 if done.failed == 0 and done.attempted > 20 else 1)
"""


def test_python_of_the_tour() -> None:
    """In a Python of its own: the tour's property test draws every primitive that is alive."""
    command = [sys.executable, "-c", TOUR, str(ROOT / "README.md")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


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
