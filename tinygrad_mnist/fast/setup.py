"""What numba needs around it: SciPy's BLAS with one thread, threads that sleep when they wait long, a cache on disk.

Nothing here is loaded unless backend="numba" is asked for. Read with plan.py.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib
import importlib.util
import inspect
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import MissingDependencyError
from ..core.files import write_whole
from ..core.locks import locked
from ..kernels.parallel import get_num_threads


@contextmanager
def watched() -> Iterator[None]:
    """Show how long numba takes to compile, or to load what it compiled."""
    start = time.perf_counter()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.2):
            spent = time.perf_counter() - start
            print(f"\rtg.compile: numba compiles the step ... {spent:.0f} s ", end="", file=sys.stderr)

    ticker = threading.Thread(target=tick, daemon=True)
    show = sys.stderr.isatty()
    if show:
        ticker.start()
    try:
        yield
    finally:
        done.set()
        if show:
            ticker.join()
            print(f"\rtg.compile: the step was ready after {time.perf_counter() - start:.1f} s   ", file=sys.stderr)


def check_installed() -> None:
    """Load SciPy's BLAS and numba's threads, or say how to install them."""
    try:
        importlib.import_module("scipy.linalg.cython_blas")
        numba = importlib.import_module("numba")
    except ImportError as error:
        hint = "pip install 'tinygrad_mnist[fast]', or leave the backend out to replay with NumPy"
        raise MissingDependencyError(f"compile: backend 'numba' needs numba and SciPy ({error}).", hint=hint) from None
    # A thread that waits for the others spins a while before it sleeps: a quarter of a millisecond is enough for the
    # next phase to come, and does not stall for long when another program has taken the core.
    chosen = "GOMP_SPINCOUNT" in os.environ  # by the user; it is read once, now
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        numba.set_num_threads(min(get_num_threads(), numba.config.NUMBA_NUM_THREADS))
    finally:
        if not chosen:
            os.environ.pop("GOMP_SPINCOUNT", None)  # another thread may have been here


def cache_folder() -> Path:
    """Give the folder of generated sources and machine code: this process's own if the usual cannot be written."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinygrad_mnist" / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return own_folder()


@functools.cache
def own_folder() -> Path:
    """Make a folder that goes when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="tinygrad_mnist"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def compiled_module(source: str) -> ModuleType:
    """Import the generated source from the cache, so that numba finds there what it compiled before."""
    calls = inspect.getsource(importlib.import_module("..calls", __name__))  # compiled into it
    name = "step_" + hashlib.sha256((source + calls).encode()).hexdigest()[:24]
    path = cache_folder() / f"{name}.py"
    if not path.exists() or path.read_bytes() != source.encode():
        write_whole(path, source.encode())
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with watched(), locked(path.parent, 120.0):  # what two processes compile may round in two ways
        spec.loader.exec_module(module)  # compiles the phases
        module.run(np.empty(0, np.int64), 0, 1)  # and what calls them
    return module
