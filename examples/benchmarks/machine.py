"""What this is measured on: processor, versions, and how busy others keep it."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata

import numpy as np

import tinygrad_mnist as tg

PACKAGES = ("torch", "jax", "scikit-learn", "mygrad", "numba")
TOO_BUSY = 0.1


def available_cores() -> int:
    """Count the processors that this process may use, which can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "numpy": np.__version__, "tinygrad_mnist": tg.__version__}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            pass
    return found


def blas_settings() -> dict[str, str]:
    """Give the variables that choose OpenBLAS's kernels by hand: NumPy and SciPy obey them, PyTorch and JAX do not."""
    return {k: v for k, v in os.environ.items() if k in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}


def busy_share(seconds: float = 1.0) -> float | None:
    """Give the share of all processors that is in use while this process sleeps: by others. None where unknown."""
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    if before is None or after is None:
        return None
    spent = [b - a for a, b in zip(before, after, strict=True)]
    return 1 - (spent[3] + spent[4]) / max(1, sum(spent))  # the fourth and fifth are idle and waiting for a disk


def warning(share: float | None) -> str:
    """Say that others are at work, where that spoils what is measured."""
    if share is None or share < TOO_BUSY:
        return ""
    return f"NOT ALONE: others use {share:.0%} of the processors. Threads that must wait for each other suffer most."


def _ticks() -> list[int] | None:
    try:
        with open("/proc/stat", encoding="ascii") as lines:
            return [int(n) for n in lines.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
