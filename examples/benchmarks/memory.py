"""The most memory that a process held, asked by itself at its end."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def peak_megabytes() -> float | None:
    """Give the most memory that this process held at once; None where the system does not tell (Windows)."""
    try:
        # not getrusage: on Linux its maximum begins with that of the process which started this one
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        pass
    try:
        resource = importlib.import_module("resource")
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
