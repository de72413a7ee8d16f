"""An environment of its own for each peer, because some share an import name; and what is in C."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE / ".venv-floor"
FAST = ["-O3", "-march=native"]
REQUIREMENTS = {
    "micrograd": ["micrograd==0.1.0"],
    "XAD": ["xad==1.5.2"],
    "PyTorch": ["torch==2.13.0", "numpy==2.4.6"],
    "HIPS autograd": ["autograd==1.9.1", "numpy==2.4.6"],
    "MyGrad": ["mygrad==2.5.0", "numpy==2.4.6"],
    "JAX": ["jax==0.10.2", "numpy==2.4.6"],
    "CasADi": ["casadi==3.8.2", "numpy==2.4.6"],
    "PyTensor": ["pytensor==3.0.7", "numba==0.65.1", "numpy==2.4.6"],
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


def floor(folder: Path = BUILT) -> Path:
    """Return the folder with the C tape, compiled for this Python if it isn't yet."""
    undefined = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    include = f"-I{sysconfig.get_path('include')}"
    module = folder / f"floor_tape{sysconfig.get_config_var('EXT_SUFFIX')}"
    build(HERE / "floor_tape.c", module, ["-O2", *undefined, include])
    return folder


def training_step(folder: Path = BUILT) -> Path:
    """Return the training step by hand as a library, compiled for this processor."""
    library = folder / "training_step.so"
    build(HERE / "training_step.c", library, FAST)
    return library


def build(source: Path, library: Path, options: list[str]) -> None:
    """Compile C to a library, if that isn't done yet."""
    if library.exists() and library.stat().st_mtime > source.stat().st_mtime:
        return
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        compiler = ["cc"]
    if shutil.which(compiler[0]) is None:
        raise NotThereError(f"there is no C compiler to build {source.name} with")
    say(f"compiling {source.name}")
    library.parent.mkdir(exist_ok=True)
    try:
        run([*compiler, *options, "-fPIC", "-shared", source, "-o", library])
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotThereError(f"{source.name} can't be compiled: {last_line(error)}") from None


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
