"""Every Case compiled: with the NumPy backend bit for bit as eager, with the numba backend, run as Python, to rounding.

The Cases are those of the primitives' matrix (cases/), so that a new operation is tried here, too.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from cases import CASES
from strategies import seeded

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.core.errors import CaptureError

OWN_GENERATOR = {"dropout (composed)"}  # made inside the call, which a step must not do
# refused, since a shape or a count depends on values
BY_VALUES = {"nonzero", "spread", "masked_select", "masked_scatter", "nonzero as tuple", "argwhere", "repeats"}
REFUSED = {name for name in CASES if name.removesuffix(" (composed)") in BY_VALUES}


def outcome(case, call, dtype, backend):
    """Call three times with other values; give results and gradients of each time, and the compiled step."""
    beside_it = not case.order and case.primitive is not None  # numbers that numba computes, beside what are none
    args = [x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in call.args]
    wrt, function, static = case.wrt(args), case.call, call.static  # a step walks over all that it can reach

    def step(*arrays):
        rest = iter(arrays)
        out = function(*[next(rest) if isinstance(x, np.ndarray) else x for x in args], **static)
        outs = out if isinstance(out, tuple) else (out,)
        if outs[0].requires_grad:
            (outs[0] * outs[0]).sum().backward()
        beside = [arrays[0].detach().float() * 2.0] if beside_it else []
        return [t.detach() for t in outs if isinstance(t, Tensor)] + beside

    run = tg.compile(step, backend=backend) if backend else step
    found = []
    for times in (1, 1, 0.5):
        tensors = [
            Tensor.wrap(np.asarray(x * times if x.dtype.kind == "f" else x.copy(), x.dtype), i in wrt)
            for i, x in enumerate(args) if isinstance(x, np.ndarray)
        ]  # fmt: skip
        results = [t.array.copy() for t in run(*tensors)]
        found.append(results + [t.grad.array.copy() for t in tensors if t.grad is not None])
    return found, run


def compare(name, backend, close):
    """Compare with eager calls; give the compiled steps."""
    case, steps = CASES[name], []
    for seed in range(4):
        for dtype in (np.float32, np.float64):
            call = case.build(seeded(seed))
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                (eager, _), (compiled, step) = outcome(case, call, dtype, None), outcome(case, call, dtype, backend)
            for mine, its in zip(eager, compiled, strict=True):
                assert [(x.shape, x.dtype) for x in mine] == [(x.shape, x.dtype) for x in its]
                for a, b in zip(mine, its, strict=True):
                    close(b, a, dtype)
            steps.append(step)
    return steps


@pytest.mark.parametrize("name", sorted(CASES.keys() - OWN_GENERATOR - REFUSED))
def test_replayed_with_numpy(name):
    compare(name, "numpy", lambda b, a, dtype: np.testing.assert_array_equal(b, a))


@pytest.mark.parametrize("name", sorted(CASES.keys() - OWN_GENERATOR - REFUSED))
def test_written_for_numba(name, as_python):
    def close(b, a, dtype):
        tolerance = 1e-4 if dtype is np.float32 else 1e-9
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)

    steps, primitive = compare(name, "numba", close), CASES[name].primitive
    if primitive and (primitive.loop or primitive.rows) and name != "clone":  # left to numba, in one draw at least
        plans = [[task.rows for task in s.latest.replay.tasks if task.step.name == primitive.name] for s in steps]
        assert any(rows and all(rows) for rows in plans)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_shape_that_depends_on_values_is_refused(name):
    with pytest.raises(CaptureError, match="that depends on values"):
        compare(name, "numpy", None)
