"""The machine that is measured on."""

import os
import platform
from pathlib import Path


def one_core() -> str:
    """Keep this process and those it starts on one core, where the system allows it."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned to a core"
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return "pinned to one core"


def processor() -> str:
    """Name the processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def load() -> float | None:
    """How many processes wanted a core in the last minute; None where that isn't known."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def free_memory() -> float:
    """The bytes that may be taken; 4 GB where that isn't known."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable"):
                return float(line.split()[1]) * 1024
    return 4e9


def description() -> dict[str, object]:
    """Describe the machine and this Python."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "pinned": one_core(),
        "load": load(),
        "memory": free_memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "python_compiler": platform.python_compiler(),
    }
