"""The journal of a search: a line for each trial that is finished, so that a crash loses none."""

import json
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograd.explanation import plain
from autograd.files import write_whole

Settings = dict[str, Any]

HEAD = {"format": "stepgrad search", "version": 1}


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        settings: its settings by name.
        loss: what it reached.
        error: the error that ended it, if one did.
        measures: what else the experiment told, such as an accuracy.
    """

    settings: Settings
    loss: float
    error: str = ""
    measures: dict[str, float] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether it reached a loss that is a finite number."""
        return math.isfinite(self.loss)


class JournalError(ValueError):
    """A file is not the journal of this search, or it is damaged."""


class Journal:
    """A file with a line of JSON for each trial that is finished.

    Args:
        path: the file. It is made if it is not there.
        experiment: what all trials do, as text.
        settings: those of all trials, in order.

    Attributes:
        finished: the trials that are finished, by their number.

    A line is written at once and is on the disk before anything else is done. A last line that a
    crash has left unfinished is dropped with a warning: that trial is not finished.

    Raises:
        JournalError: if the file is damaged, or the journal of another search. It is left as it is.
        OSError: if it can't be read or written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(f"{folder}/search.jsonl", "descend", [{"lr": 0.1}, {"lr": 0.2}])
    ...     journal.add(1, Trial({"lr": 0.2}, 0.5))
    ...     Journal(f"{folder}/search.jsonl", "descend", [{"lr": 0.1}, {"lr": 0.2}]).finished
    {1: Trial(settings={'lr': 0.2}, loss=0.5, error='', measures={})}
    """

    def __init__(
        self, path: str | os.PathLike[str], experiment: str, settings: Sequence[Settings]
    ) -> None:
        self.path = Path(path)
        self.settings = settings
        self.finished: dict[int, Trial] = {}
        head = {**HEAD, "experiment": experiment}
        if not self.path.exists():
            write_whole(self.path, _line(head))
            return
        whole, end, torn = self.path.read_bytes().rpartition(b"\n")
        first, *lines = [self._parsed(line, n) for n, line in enumerate(whole.split(b"\n"), 1)]
        self._check_head(first, head)
        for number, line in enumerate(lines, 2):
            self._read(line, f"line {number}")
        if torn:
            write_whole(self.path, whole + end)
            warnings.warn(
                f"the last line of {self.path.name} was torn by a crash: its trial is run again",
                stacklevel=4,
            )

    def add(self, number: int, trial: Trial) -> None:
        """Write down that a trial is finished.

        Raises:
            OSError: if that can't be written.
        """
        entry = {
            "trial": number,
            "settings": _written(trial.settings),
            "loss": plain(trial.loss),
            "measures": {name: plain(measure) for name, measure in trial.measures.items()},
            "error": trial.error,
        }
        with self.path.open("ab") as file:
            file.write(_line(entry))
            file.flush()
            os.fsync(file.fileno())
        self.finished[number] = trial

    def _parsed(self, line: bytes, number: int) -> Any:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            return entry
        if number == 1:
            raise JournalError(f"{self.path.name} is not the journal of a search")
        raise self._damaged(f"line {number}")

    def _check_head(self, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
        if there.get("format") != here["format"]:
            raise JournalError(f"{self.path.name} is not the journal of a search")
        if there.get("version") != here["version"]:
            raise JournalError(
                f"{self.path.name} is of version {there.get('version')!r}: "
                f"this stepgrad reads {here['version']}"
            )
        if there != here:
            raise self._of_another(f"of {there.get('experiment')}, and not {here['experiment']}")

    def _read(self, entry: Mapping[str, Any], place: str) -> None:
        try:
            number, there = entry["trial"], entry["settings"]
            loss = float(entry["loss"])
            measures = {name: float(measure) for name, measure in entry["measures"].items()}
            error = entry["error"]
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            raise self._damaged(place) from None
        if type(number) is not int or number < 0 or not isinstance(error, str):
            raise self._damaged(place)
        if number >= len(self.settings):  # of the same search with more trials
            return
        settings = self.settings[number]
        if there != _written(settings):
            raise self._of_another(
                f"whose trial {number + 1} had {_told(there)}, and not {_told(settings)}"
            )
        self.finished.setdefault(number, Trial(settings, loss, error, measures))

    def _of_another(self, difference: str) -> JournalError:
        return JournalError(
            f"{self.path.name} is the journal of another search, {difference}: "
            "give another file or folder, or delete it"
        )

    def _damaged(self, place: str) -> JournalError:
        return JournalError(
            f"{self.path.name} is damaged in {place}: delete that line, and its trial is run again"
        )


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(entry, allow_nan=False) + "\n").encode()


def _written(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON has them: what is neither number nor text, such as a class, by name.

    >>> _written({"lr": 0.1, "decay": math.inf, "optimizer": Journal})
    {'lr': 0.1, 'decay': 'inf', 'optimizer': 'Journal'}
    """
    return {name: _setting(choice) for name, choice in settings.items()}


def _setting(choice: Any) -> Any:
    if isinstance(choice, float):
        return plain(choice)
    if choice is None or isinstance(choice, (bool, int, str)):
        return choice
    return name_of(choice)


def name_of(thing: Any) -> str:
    """Return how to call a function, a class or whatever else in a file.

    >>> name_of(math.exp), name_of([1, 2])
    ('exp', '[1, 2]')
    """
    return getattr(thing, "__qualname__", None) or repr(thing)


def _told(settings: Any) -> str:
    if not isinstance(settings, Mapping):
        return repr(settings)
    return ", ".join(f"{name}={_setting(choice)}" for name, choice in settings.items())
