"""`info`: versions, BLAS, threads, where data is found, and which optional packages are here and can be imported.

Whatever is broken is told and not raised: optional packages are imported in another process, which may even die of
one. Nothing is fetched. Knows the package by its public names, and its places of data.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import reason
from ..data.catalogue import MNIST
from ..data.sources import OFFLINE_VARIABLE, is_offline, local_sources
from ..kernels.blas import Blas
from ..kernels.parallel import get_num_threads

# what is imported, what is installed, what it is for, the extra that brings it
PACKAGES = (
    ("graphviz", "graphviz", "the text of graphs (required)", ""),
    ("pygraphviz", "pygraphviz", "pictures of graphs without the program dot", "draw"),
    ("matplotlib", "matplotlib", "curves, confusion matrices, pictures of training", "examples"),
    ("tqdm", "tqdm", "bars of progress", "examples"),
    ("sklearn", "scikit-learn", "tg.sklearn, and digits where MNIST is not", "sklearn"),
    ("numba", "numba", 'tg.compile(backend="numba")', "fast"),
    ("scipy", "scipy", 'tg.compile(backend="numba")', "fast"),
    ("safetensors", "safetensors", ".safetensors files", "safetensors"),
    ("onnx", "onnx", "tg.export_onnx", "onnx"),
    ("tensorboardX", "tensorboardX", "logs for TensorBoard", "tensorboard"),
    ("pandas", "pandas", "History.to_pandas", ""),
    ("treescope", "treescope", "arrays to look into, in notebooks", ""),
    ("IPython", "ipython", "notebooks", ""),
    ("ipywidgets", "ipywidgets", "bars of progress as widgets, in notebooks", ""),
)
VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE", "NUMBA_NUM_THREADS",
    "TINYGRAD_MNIST_DATA", "TINYGRAD_MNIST_OFFLINE", "XDG_CACHE_HOME",
)  # fmt: skip
PATIENCE = 120.0
CHILD = """
import importlib, json, os, sys
ours = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        fault = ""
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"
    print(json.dumps([name, fault]), file=ours, flush=True)
os._exit(0)
"""


def run(settings: argparse.Namespace) -> int:
    """Print all of it."""
    for title, section in (
        ("Versions", versions), ("Arithmetic", arithmetic), ("Data", sources), ("Programs", programs),
    ):  # fmt: skip
        table(title, section)
    table("Optional packages", lambda: packages(settings.quick))
    return 0


def table(title: str, section: Any) -> None:
    """Print a section as columns; what it fails on is its last row."""
    rows: list[tuple[str, ...]] = []
    try:
        rows.extend(section())
    except Exception as error:
        rows.append(("?", f"{type(error).__name__}: {reason(error)}"))
    print(title, flush=True)
    widths = [max((len(row[i]) for row in rows if i < len(row) - 1), default=0) for i in range(3)]
    for row in rows:
        print("  " + "  ".join([*(f"{x:{w}}" for x, w in zip(row[:-1], widths, strict=False)), row[-1]]), flush=True)


def versions() -> Iterator[tuple[str, ...]]:
    """Say what is running."""
    here = Path(__file__).resolve().parents[1]
    yield "tinygrad_mnist", f"{sys.modules[here.name].__version__} in {here}"
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()}) in {sys.executable}"
    yield "NumPy", np.__version__
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"


def arithmetic() -> Iterator[tuple[str, ...]]:
    """Say what computes, and with how many threads."""
    config: Any = np.show_config(mode="dicts")
    built = config.get("Build Dependencies", {}).get("blas", {})
    threads = Blas(sys.modules.get("numpy._core._multiarray_umath")).get()
    said = f"{threads} thread{'s' * (threads != 1)}" if threads else "number of threads unknown"
    yield "BLAS", f"{built.get('name', 'unknown')} {built.get('version', '')}, {said}"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = get_num_threads()
    yield "kernels", f"{count} thread{'s' * (count != 1)}; another number: tg.set_num_threads(n)"
    yield "cores", f"{usable} usable of {os.cpu_count()}"
    for name in VARIABLES:
        if name in os.environ:
            yield f"${name}", os.environ[name]


def sources() -> Iterator[tuple[str, ...]]:
    """Say where MNIST is: the first place that has it is used."""
    for label, text, is_there in local_sources():
        yield label, "yes" if is_there else "no", text
    hosts = ", ".join(mirror.split("/")[2] for mirror in MNIST.mirrors)
    asked = f"forbidden by ${OFFLINE_VARIABLE}" if is_offline() else f"if nothing is found here: {hosts}"
    yield "download", "no" if is_offline() else "may be", asked


def programs() -> Iterator[tuple[str, ...]]:
    """Say which programs are there."""
    path = shutil.which("dot")
    if path is None:
        yield "dot", "no", "lays graphs out: apt install graphviz, or pip install pygraphviz"
        return
    try:
        done = subprocess.run([path, "-V"], capture_output=True, text=True, timeout=20)
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        yield "dot", "yes" if done.returncode == 0 else "broken", f"{lines[0]} ({path})"
    except (OSError, subprocess.SubprocessError) as error:
        yield "dot", "broken", f"{path}: {reason(error)}"


def packages(quick: bool) -> Iterator[tuple[str, ...]]:
    """Say which optional packages are there, in which version, and what for."""
    here = {name: installed(package) for name, package, *_ in PACKAGES}
    faults = {} if quick else imported([name for name, version in here.items() if version])
    for name, package, purpose, extra in PACKAGES:
        how = "" if here[name] else f': pip install "tinygrad_mnist[{extra}]"' if extra else f": pip install {package}"
        state = f"broken {here[name]}" if faults.get(name) else here[name] or "-"
        yield package, state, f"{purpose}{how}" + (f" ({faults[name]})" if faults.get(name) else "")


def installed(package: str) -> str:
    """Give the version of an installed package, or nothing."""
    try:
        return metadata.version(package) or "?"
    except Exception:  # not there, or with damaged records
        return ""


def imported(names: list[str]) -> dict[str, str]:
    """Import packages in another process; give what is wrong with each ("" for nothing)."""
    faults: dict[str, str] = {}
    while (waiting := [name for name in names if name not in faults]) and sys.executable:
        command = [sys.executable, "-c", CHILD, *waiting]
        end = ""
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE)
            output, end = done.stdout, f"ends Python with status {done.returncode}"
        except subprocess.TimeoutExpired as error:
            output, end = error.stdout or b"", f"takes longer than {PATIENCE:.0f} s"
        except OSError as error:
            return dict.fromkeys(waiting, f"not tried: {reason(error)}")
        for line in output.decode("utf-8", "replace").splitlines():
            name, fault = json.loads(line)
            faults[name] = " ".join(fault.split())[:200]
        for name in [name for name in waiting if name not in faults][:1]:  # which it did not come back from
            faults[name] = end
    return faults
