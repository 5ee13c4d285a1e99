"""What every test file shares: hypothesis profiles, a fixture that fails a test which leaves global state behind, and
skipping what needs a package that is not installed.

Choose a profile with HYPOTHESIS_PROFILE: dev (default, a minute), ci, deep (hundreds of fresh examples per test).
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tinygrad_mnist.core import backend
from tinygrad_mnist.core.errors import MissingDependencyError
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.core.scope import state
from tinygrad_mnist.kernels import parallel

# dev and ci draw the same examples every time: a red run is a change in the code. deep looks for new ones.
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=6, derandomize=True, database=None, **COMMON)
settings.register_profile("ci", max_examples=25, derandomize=True, database=None, **COMMON)
settings.register_profile("deep", max_examples=300, print_blob=True, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # started in the background of a script, which children inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)

# what a test may need and an installation may lack: all but NumPy, pytest and hypothesis
OPTIONAL = {
    "IPython", "distributed", "graphviz", "matplotlib", "numba", "onnx", "onnxruntime", "pandas", "pygraphviz",
    "safetensors", "scipy", "selenium", "sklearn", "tensorboardX", "torch", "tqdm", "treescope",
}  # fmt: skip
with suppress(ImportError):
    if getattr(importlib.util.find_spec("sklearn"), "origin", "") is None:  # the folder beside this file
        sys.modules["sklearn"] = None


def lacking(error: BaseException | None) -> str:
    """Name the optional package or program whose absence an error comes from ('' for any other error)."""
    while error is not None:
        name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
        if name in OPTIONAL and not installed(name):
            return f"{name} is not installed"
        if isinstance(error, MissingDependencyError) and "`dot`" in str(error) and shutil.which("dot") is None:
            return "the program `dot` of graphviz is not installed"
        error = error.__cause__ or error.__context__
    return ""


def installed(name: str) -> bool:
    """Tell whether a package can be imported."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Skip, rather than fail, where a fixture ends for want of an optional package; and a test of the backend numba."""
    chosen = getattr(getattr(item, "callspec", None), "params", {})
    if any(isinstance(value, str) and value == "numba" for value in chosen.values()):
        pytest.importorskip("numba", reason="numba is not installed")
    return (yield from skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip, rather than fail, where a test ends for want of an optional package."""
    return (yield from skipping())


def skipping():
    """Run the rest of a hook; what the package, or an example by sys.exit, says is missing becomes a skip."""
    try:
        return (yield)
    except (ImportError, SystemExit) as error:
        reason = lacking(error)
        if not reason:
            raise
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def leaves_no_trace() -> Iterator[None]:
    """Fail a test that leaks grad mode, a module scope, a replaced default generator or NumPy's error handling.

    The default generator starts each test from the same seed and gets its former state back, so that no test's result
    depends on which others ran before it; primitives that a test makes are forgotten.
    """
    generator, numpy_errors, primitives = backend.default_generator, np.geterr(), dict(registry)
    parallel.fall_asleep()  # whether products are shared among threads depends on what was computed before
    before = generator._seed, generator._numpy
    generator.manual_seed(0)
    yield
    leaks = []
    if not state.recording:
        leaks.append("grad mode was left off")
    if state.scope is not None:
        leaks.append(f"the module scope {state.scope} was left open")
    if backend.default_generator is not generator:
        leaks.append("backend.default_generator was replaced")
    if np.geterr() != numpy_errors:
        leaks.append(f"np.seterr was changed to {np.geterr()}")
    state.recording, state.scope, backend.default_generator = True, None, generator
    generator._seed, generator._numpy = before
    registry.clear()
    registry.update(primitives)
    np.seterr(**numpy_errors)
    if leaks:
        pytest.fail("; ".join(leaks))


@pytest.fixture(autouse=True)
def draws_beside(request) -> Iterator[None]:
    """Draw from the default generator all the time where tests run in threads (--parallel-threads): what relies on its
    state shows at once, not one time in fifty."""
    alone = str(request.config.getoption("parallel_threads", 1)) in ("0", "1")
    if alone or request.node.get_closest_marker("thread_unsafe"):
        yield
        return
    done = threading.Event()

    def draws() -> None:
        while not done.wait(3e-4):
            backend.default_generator.numpy.random()

    thread = threading.Thread(target=draws)
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.fixture(scope="session")
def browser():
    """Start one browser for all tests, see browser.py."""
    started = importlib.import_module("browser").Browser()
    yield started
    started.driver.quit()


@pytest.fixture
def threads():
    """The function that chooses the number of the kernels' threads; what it was before is restored."""
    before = parallel.get_num_threads()
    yield parallel.set_num_threads
    parallel.set_num_threads(before)


@pytest.fixture
def as_python(monkeypatch):
    """Run what is written for numba, where it is installed, as the Python that it is."""
    if installed("numba"):
        importlib.import_module("numba_as_python").in_place_of_numba(monkeypatch)


@pytest.fixture
def no_collector():
    """Switch the garbage collector off, so that what is freed is freed by reference counting alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def pytest_collection_finish(session):
    """Have the collector pass over what was collected: tests that call it would look at 17 000 of them each time."""
    gc.collect()
    gc.freeze()
