"""An engine at work in a process of its own, asked and answering in lines of JSON."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from environments import NotThereError

HERE = Path(__file__).parent


class Worker:
    """A process with an engine.

    Args:
        engine: its name.
        python: what runs it.
        environment: variables to set for it.
        script: which answers the requests.
    """

    def __init__(
        self, engine: str, python: Path, environment: dict[str, str], script: str = "workloads.py"
    ) -> None:
        self._command: list[str | Path] = [python, HERE / script, engine]
        self._environment = os.environ | environment
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *request: Any) -> Any:
        """Send a request and return the answer."""
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            answer = ""
        else:
            answer = self._process.stdout.readline()
        if not answer:
            raise NotThereError(self._last_words())
        return json.loads(answer)

    def ask_afresh(self, *request: Any, seconds: float) -> Any:
        """Ask a new process, which has so long to answer."""
        process = self._start()
        try:
            answer, errors = process.communicate(json.dumps(request), timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {"error": f"not in {seconds:.0f} s"}
        if process.returncode != 0:
            return {"error": last_line(errors) or "crashes"}
        return json.loads(answer)

    def _start(self) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=self._environment
        )

    def _last_words(self) -> str:
        assert self._process is not None
        _, errors = self._process.communicate()
        return last_line(errors) or f"its process ended with {self._process.returncode}"

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def last_line(text: str) -> str:
    """Return the last line of a text, empty if there is none."""
    return (text.strip().splitlines() or [""])[-1]
