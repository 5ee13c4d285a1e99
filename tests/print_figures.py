"""Print figures that are measured, not tested: size, planted mistakes, import time, cost of recording an operation.

    python tests/print_figures.py

Expected: some twenty seconds; the times mean something on an otherwise idle machine only.
"""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path

import mutate_rules
from cases import CASES

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.ops.elementwise import negative

PACKAGE = Path(tg.__file__).parent
IMPORT = """
import time
start = time.perf_counter(); import numpy
middle = time.perf_counter(); import tinygrad_mnist
print(time.perf_counter() - middle, middle - start)
"""


class Chain(nn.Module):
    """A thousand operations in one module call."""

    def forward(self, x):
        for _ in range(1000):
            x = negative(x)
        return x


def microseconds_per_operation(module, runs=30):
    """Time forward and backward of the chain, called as a module (its path is recorded) or as a plain function."""
    x = tg.ones((), requires_grad=True)
    forward, backward = [], []
    for _ in range(runs):
        start = time.perf_counter()
        y = module(x) if module is not None else Chain.forward(None, x)
        middle = time.perf_counter()
        y.backward()
        forward.append((middle - start) * 1e3)
        backward.append((time.perf_counter() - middle) * 1e3)
    return statistics.median(forward), statistics.median(backward)


def main():
    files = list(PACKAGE.rglob("*.py"))
    lines = sum(len(f.read_text(encoding="utf-8").splitlines()) for f in files)
    rules = sum(len(p.rules) for p in registry.values())
    print(f"package: {lines:,} lines in {len(files)} files; {len(registry)} primitives with {rules} rules")
    compared = sum(case.torch is not None for case in CASES.values())
    mistakes = len(mutate_rules.all_mutants())
    harmless = len(mutate_rules.EQUIVALENT)
    print(f"{len(CASES)} cases, {compared} with PyTorch's twin")
    print(f"{mistakes:,} mistakes to be planted; {harmless} changes that make no difference, each with the reason")

    compileall.compile_dir(PACKAGE, quiet=1)  # as after an installation
    command = [sys.executable, "-c", IMPORT]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(9)]
    ours, numpys = zip(*(map(float, run.stdout.split()) for run in runs), strict=True)
    print(
        f"import: {statistics.median(ours) * 1e3:.0f} ms over NumPy's {statistics.median(numpys) * 1e3:.0f} ms "
        "(medians of 9)"
    )

    plain, recorded = microseconds_per_operation(None), microseconds_per_operation(Chain())
    print(
        f"one recorded operation on a scalar: forward {plain[0]:.2f} us, backward {plain[1]:.2f} us; "
        f"inside a module, whose path it keeps: {recorded[0]:.2f} us, {recorded[1]:.2f} us"
    )


if __name__ == "__main__":
    main()
