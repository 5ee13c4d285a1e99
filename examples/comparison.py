"""Compare this package with PyTorch, JAX, tinygrad and micrograd: what is installed, what is read, how fast a step is.

    python examples/comparison.py            # everything that is installed; about a minute
    python examples/comparison.py --peers torch micrograd

Expected: the processor, and a table of megabytes that an installation brings, lines of Python in the package,
milliseconds of importing, and microseconds of one training step (784-128-10, 64 images, SGD, one thread; medians),
plain and compiled. JAX and tinygrad are meant to be compiled; micrograd's step is one image's, times 64. Peers that
are not installed are named and left out: pip install torch jax tinygrad micrograd (the first and third compile with
clang). The times mean something on an otherwise idle machine only, and with OPENBLAS_CORETYPE unset.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.machine import processor

HEAD = """
import time, statistics
import numpy as np
rng = np.random.default_rng(0)
x, y = rng.random((64, 784), dtype=np.float32), rng.integers(0, 10, 64)
w1, w2 = (rng.normal(0, (2 / n) ** 0.5, (n, m)).astype(np.float32) for n, m in ((784, 128), (128, 10)))
def measure(step, least=200):
    for _ in range(3): step()
    times = []
    while len(times) < 20 or sum(times) < 1 and len(times) < least:
        start = time.perf_counter(); step(); times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6
"""
TORCH_LIKE = """
import {package} as torch
from {package} import nn
torch.set_num_threads(1)
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer, loss_function = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
images, labels = torch.tensor(x), torch.tensor(y)
def step(images=images, labels=labels):
    optimizer.zero_grad()
    loss = loss_function(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss
"""
# what is imported, and a program that prints the microseconds of a step, plain and compiled
PROGRAMS = {
    "tinygrad_mnist": ("tinygrad_mnist", TORCH_LIKE.format(package="tinygrad_mnist") + """
try:
    compiled = torch.compile(step, backend="numba"); compiled(images, labels)
except torch.errors.MissingDependencyError:
    compiled = torch.compile(step)
print(measure(step), measure(lambda: compiled(images, labels)))
"""),
    "PyTorch": ("torch", TORCH_LIKE.format(package="torch") + """
plain = measure(step)
eager, model = model, torch.compile(model)
try:
    print(plain, measure(step))
except Exception:  # no compiler of C++
    print(plain, "nan")
"""),
    "JAX": ("jax", """
import jax, jax.numpy as jnp
def loss(p, x, y):
    h = jax.nn.relu(x @ p[0] + p[1])
    return -jnp.mean(jax.nn.log_softmax(h @ p[2] + p[3])[jnp.arange(64), y])
def update(p, x, y): return [a - 0.1 * g for a, g in zip(p, jax.grad(loss)(p, x, y))]
p = [jnp.asarray(a) for a in (w1, np.zeros(128, "f"), w2, np.zeros(10, "f"))]
images, labels = jnp.asarray(x), jnp.asarray(y)
fast = jax.jit(update)
def compiled():
    global p
    p = jax.block_until_ready(fast(p, images, labels))
print('nan', measure(compiled))
"""),
    "tinygrad": ("tinygrad", """
from tinygrad import Tensor, TinyJit, nn
from tinygrad.helpers import Context
class Net:
    def __init__(self): self.l1, self.l2 = nn.Linear(784, 128), nn.Linear(128, 10)
    def __call__(self, x): return self.l2(self.l1(x).relu())
model = Net()
optimizer = nn.optim.SGD(nn.state.get_parameters(model), lr=0.1)
images, labels = Tensor(x).realize(), Tensor(y.astype(np.int32)).realize()
def step(images=images, labels=labels):
    with Context(TRAINING=1):
        optimizer.zero_grad()
        loss = model(images).sparse_categorical_crossentropy(labels).backward()
        optimizer.step()
        return loss.realize()
compiled = TinyJit(step)
print('nan', measure(lambda: compiled(images, labels).item()))
"""),
    "micrograd": ("micrograd", """
from micrograd.engine import Value
from micrograd.nn import MLP
model = MLP(784, [128, 10])
def step():  # one image: it has no arrays
    model.zero_grad()
    scores = model([float(v) for v in x[0]])
    loss = sum(((s - float(i == y[0])) ** 2 for i, s in enumerate(scores)), Value(0))
    loss.backward()
    for p in model.parameters(): p.data -= 0.1 * p.grad
import sys
sys.setrecursionlimit(10 ** 6)
start = time.perf_counter(); step()
print((time.perf_counter() - start) * 64e6, 'nan')
"""),
}  # fmt: skip


def files_of(distribution: str, seen: set[str]) -> list[Path]:
    """List the files that an installation brings, those of what it requires included."""
    name = re.sub(r"[-_.]+", "-", distribution).lower()
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return []
    if name in seen:
        return []
    seen.add(name)
    files = [Path(str(found.locate_file(f))) for f in found.files or ()]
    for line in found.requires or ():
        if "extra ==" not in line:
            files += files_of(re.split(r"[^\w.-]", line, maxsplit=1)[0], seen)
    return files


def measure(name: str) -> list[str] | None:
    """Give a framework's row of the table; None if it is not installed."""
    package, program = PROGRAMS[name]
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment |= {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "DEV": "CPU"}
    where = f"import {package}; print({package}.__path__[0])"

    def python(code: str) -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              env=environment, timeout=900).stdout  # fmt: skip

    try:
        folder = Path(python(where).strip().splitlines()[-1])
    except subprocess.CalledProcessError:
        return None
    sources = [f for f in folder.rglob("*.py")]
    lines = sum(len(f.read_text("utf-8", "replace").splitlines()) for f in sources)
    files = {f.resolve() for f in files_of(package, set()) if f.suffix != ".pyc"} | {f.resolve() for f in sources}
    megabytes = sum(f.stat().st_size for f in files if f.exists()) / 1e6
    clock = f"import time; t = time.perf_counter(); import {package}; print(time.perf_counter() - t)"
    importing = statistics.median(float(python(clock).splitlines()[-1]) for _ in range(5)) * 1e3
    try:
        plain, compiled = map(float, python(HEAD + program).split()[-2:])
    except subprocess.CalledProcessError as error:
        print(f"{name}: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        plain = compiled = float("nan")
    times = ["-" if t != t else f"{t:,.0f}" if t < 1e7 else f"{t / 6e7:.0f} min" for t in (plain, compiled)]
    row = [f"{megabytes:,.0f}", f"{lines / 1000:,.1f}", f"{importing:,.0f}", *times]
    return [name, importlib.metadata.version(package), *row]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="*", choices=list(PROGRAMS)[1:], default=list(PROGRAMS)[1:])
    settings = parser.parse_args(argv)
    print(f"{processor()}, one thread\n")
    print("| | version | MB installed | thousand lines of Python | import, ms | step, µs | compiled, µs |")
    print("|---|---|---|---|---|---|---|")
    for name in ("tinygrad_mnist", *settings.peers):
        row = measure(name)
        print("| " + " | ".join(row) + " |" if row else f"{name} is not installed", flush=True)


if __name__ == "__main__":
    main()
