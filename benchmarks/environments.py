"""An environment of its own for each peer, because some share an import name; and the C tape."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = {
    "micrograd": ["micrograd==0.1.0"],
    "XAD": ["xad==1.5.2"],
    "PyTorch": ["torch==2.13.0", "numpy==2.4.6"],
    "HIPS autograd": ["autograd==1.9.1", "numpy==2.4.6"],
    "MyGrad": ["mygrad==2.5.0", "numpy==2.4.6"],
}


class NotThereError(Exception):
    """What an engine needs can't be had here."""


def peer(name: str) -> Path:
    """Return the Python of a peer's environment, made if it isn't there yet."""
    requirements = REQUIREMENTS[name]
    library = requirements[0].split("==")[0]
    folder = HERE / f".venv-{library}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == " ".join(requirements):
        return python
    say(f"installing {requirements[0]} into benchmarks/{folder.name}")
    try:
        venv.create(folder, clear=True, with_pip=True)
        pip = ["-m", "pip", "--disable-pip-version-check", "install", "-qq"]
        run([python, *pip, *requirements])
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotThereError(f"{requirements[0]} can't be installed: {last_line(error)}") from None
    stamp.write_text(" ".join(requirements))
    return python


def floor(folder: Path = HERE / ".venv-floor") -> Path:
    """Return the folder with the C tape, compiled for this Python if it isn't yet."""
    source = HERE / "floor_tape.c"
    module = folder / f"floor_tape{sysconfig.get_config_var('EXT_SUFFIX')}"
    if module.exists() and module.stat().st_mtime > source.stat().st_mtime:
        return folder
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        compiler = ["cc"]
    if shutil.which(compiler[0]) is None:
        raise NotThereError("there is no C compiler to build floor_tape.c with")
    say("compiling floor_tape.c")
    undefined = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    include = f"-I{sysconfig.get_path('include')}"
    folder.mkdir(exist_ok=True)
    try:
        run([*compiler, "-O2", "-fPIC", "-shared", *undefined, include, source, "-o", module])
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotThereError(f"floor_tape.c can't be compiled: {last_line(error)}") from None
    return folder


def run(command: list[str | Path]) -> None:
    """Run a command, quiet unless it fails."""
    subprocess.run(command, check=True, capture_output=True, text=True)


def last_line(error: Exception) -> str:
    """Return the last line of what went wrong."""
    text = getattr(error, "stderr", None) or str(error)
    return text.strip().splitlines()[-1]


def say(line: str) -> None:
    """Say what is going on, apart from the results."""
    print(f"  {line} ...", file=sys.stderr, flush=True)
