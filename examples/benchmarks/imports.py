"""What `import X` costs over `import numpy`: fresh processes, in turns, with bytecode caches as users have them."""

from __future__ import annotations

import subprocess

from .race import PYTHON, environment, hint
from .ratios import median

MODULES = {
    "numpy": "numpy", "tinygrad_mnist": "tinygrad_mnist", "torch": "torch", "jax": "jax",
    "sklearn": "sklearn.neural_network", "mygrad": "mygrad",
}  # fmt: skip
RUNS = 5
PROGRAM = "import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"


def measure_imports(against: list[str], threads: int, bar_of) -> dict[str, dict]:
    """Give {name: {"seconds": over NumPy, "runs": of the whole import}} or {name: {"failed": reason}}."""
    names = ["numpy", "tinygrad_mnist", *(peer for peer in against if peer in MODULES)]
    runs: dict[str, list[float]] = {name: [] for name in names}
    failed: dict[str, str] = {}
    with bar_of(len(names) * (RUNS + 1), "import") as bar:
        for number in range(RUNS + 1):
            for name in names:
                bar.update()
                if name in failed:
                    continue
                command = [*PYTHON, "-c", PROGRAM.format(module=MODULES[name])]
                done = subprocess.run(command, capture_output=True, text=True, env=environment(threads))
                if done.returncode:
                    failed[name] = hint(done.stderr.strip().splitlines()[-1])
                elif number:  # the first run fills the caches of bytecode and of the disk
                    runs[name].append(float(done.stdout))
    numpy = median(runs["numpy"])
    found: dict[str, dict] = {name: {"failed": reason} for name, reason in failed.items()}
    for name in names:
        if name not in failed:
            found[name] = {"seconds": median(runs[name]) - (0 if name == "numpy" else numpy), "runs": runs[name]}
    return found
