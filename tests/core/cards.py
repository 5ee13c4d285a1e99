"""Primitives of a test's own, in every way to run them: eagerly, replayed, and as machine code run as Python."""

import numpy as np

import tinygrad_mnist as tg

BACKENDS, SMALL = ["numpy", "numba"], (4, 3)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def agree(step, backend, *shapes, requires_grad=False):
    """Compare four compiled calls with eager ones, the gradients of leaves too; give the plan."""
    run = tg.compile(step, backend=backend)
    for seed in range(4):
        found = []
        for call in (step, run):
            shaped = enumerate(shapes or [SMALL])
            xs = [tg.tensor(numbers(*shape, seed=seed + i), requires_grad=requires_grad) for i, shape in shaped]
            results = call(*xs)
            results = results if isinstance(results, list) else [results]
            found.append([t.array.copy() for t in (*results, *(x.grad for x in xs if requires_grad))])
        for mine, its in zip(*found, strict=True):
            assert its.dtype == mine.dtype
            exact = backend == "numpy"
            np.testing.assert_allclose(its, mine, rtol=0 if exact else 1e-5, atol=1e-6 * (requires_grad and not exact))
    return run.latest.replay


def by_numpy(plan):
    return {task.step.name for task in plan.tasks if task.rows is None}
