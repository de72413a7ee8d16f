"""Notebook servers that run beside a test, with nothing of the reader's own settings."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TOKEN = "a-token-for-the-tests"
SECONDS = 60  # to start
SECONDS_TO_STOP = 10


@contextlib.contextmanager
def jupyter(folder: Path) -> Iterator[str]:
    """Serve a folder with JupyterLab and Notebook 7, and yield the server's address."""
    port = free_port()
    command = [
        *("-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"),
        *("--LabApp.news_url=None", "--LabApp.extension_manager=readonly"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    address = f"http://127.0.0.1:{port}"
    with running(command, folder, f"{address}/api/status?token={TOKEN}"):
        yield address


def wait_for_kernel(address: str, notebook: str) -> None:
    """Wait until a notebook that is open in a page has a kernel that is ready."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{address}/api/sessions?token={TOKEN}") as answer:
            sessions = json.load(answer)
        kernels = [session["kernel"] for session in sessions if session["path"] == notebook]
        if any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels):
            return
        time.sleep(0.1)
    raise RuntimeError(f"no kernel for {notebook}: {sessions}")


@contextlib.contextmanager
def marimo(app: Path) -> Iterator[str]:
    """Run a marimo notebook as an app, and yield its address."""
    port = free_port()
    command = [
        *("-m", "marimo", "--yes", "--quiet", "run", str(app)),
        *("--headless", "--no-token", "--host=127.0.0.1", f"--port={port}"),
    ]
    address = f"http://127.0.0.1:{port}"
    with running(command, app.parent, f"{address}/health"):
        yield address


@contextlib.contextmanager
def running(arguments: Sequence[str], folder: Path, question: str) -> Iterator[None]:
    """Run Python with these arguments, from the time it answers the question on."""
    home = folder / ".home"
    home.mkdir()
    log = home / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(question, process, log)
        yield
    finally:
        stop(process)


def environment(home: Path) -> dict[str, str]:
    """The environment of a server that has a home of its own, and finds this checkout."""
    own = ("JUPYTER", "IPYTHON", "XDG", "MARIMO", "PYTHONWARNINGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {
        **kept,
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def wait_for(question: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(question, timeout=SECONDS).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to end itself and its kernels; end whatever is left of its group."""
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_STOP)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
