"""Measure this engine side by side with its peers, in one run, on one core: make bench.

Each peer is installed from the package registry into an environment of its own beside this
file, because some share an import name. The figures are medians of CPU time.
"""

import json
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
PEERS = {"micrograd": "micrograd==0.1.0"}


def environment(name: str, requirement: str) -> Path:
    """Return the Python of a peer's environment, made if it isn't there yet."""
    folder = HERE / f".venv-{name}"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = folder / f".installed-{requirement}"
    if not stamp.exists():
        venv.create(folder, clear=True, with_pip=True)
        install = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*install, requirement], check=True)
        stamp.touch()
    return python


def measure(engine: str, python: Path) -> dict[str, float]:
    """Run the workloads in an engine's own environment."""
    command = [python, HERE / "workloads.py", engine]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def one_core() -> str:
    """Keep this process and those it starts on one core, where the system allows it."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned to a core"
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return "one core"


def processor() -> str:
    """Name the processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Measure and print the table."""
    pinned = one_core()
    results = {name: measure(name, Path(sys.executable)) for name in ("stepgrad", "slots")}
    for name, requirement in PEERS.items():
        results[name] = measure(name, environment(name, requirement))
    print(f"{processor()}, {pinned}; Python {platform.python_version()}; medians of CPU time")
    print("step: one training step of a 2-16-16-1 ReLU network on 100 points")
    print("forward, backward: per operation, on a chain of 6,000 operations")
    print("slots: the barest node there can be, of slots_value.py, without checks or features\n")
    ours = results["stepgrad"]["step_ms"]
    print(f"{'engine':<12}{'step ms':>10}{'forward ns':>12}{'backward ns':>13}{'stepgrad is':>18}")
    for name, r in results.items():
        ratio = f"{r['step_ms'] / ours:.2f} x as fast"
        print(
            f"{name:<12}{r['step_ms']:>10.1f}{r['forward_ns']:>12.0f}"
            f"{r['backward_ns']:>13.0f}{ratio:>18}"
        )


if __name__ == "__main__":
    main()
