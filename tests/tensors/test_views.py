"""Which results look at the memory of their argument, and what a change in place through one of them does.

Look next at test_random_changes.py for random programs of views and changes.
"""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import CaptureError, InPlaceError

SHAPES = [(), (1,), (3,), (1, 1), (1, 3), (3, 1), (2, 3), (1, 2, 1), (2, 1, 3), (0,), (0, 3), (2, 2, 2)]


def turned(x):
    return x.permute(tuple(reversed(range(len(x.shape)))))


LAYOUTS = {"C": lambda x: x, "T": turned, "step": lambda x: x[..., ::2]}

VIEWS = {  # what PyTorch gives as a view; some are refused for some shapes
    "x[0]": lambda x, t: x[0], "x[0, 0, ...]": lambda x, t: x[(0,) * len(x.shape)], "x[()]": lambda x, t: x[()],
    "x[-1:]": lambda x, t: x[-1:], "x[..., 0]": lambda x, t: x[..., 0], "x[0-d tensor]": lambda x, t: x[t.tensor(0)],
    "T": lambda x, t: turned(x),
    "reshape": lambda x, t: x.reshape(-1) if t is tg and x.array.flags.c_contiguous else x.unsqueeze(-1),
    "unsqueeze": lambda x, t: x.unsqueeze(0), "squeeze": lambda x, t: x.squeeze(), "split": lambda x, t: x.split(1)[0],
    "iteration": lambda x, t: list(x)[-1], "detach": lambda x, t: x.detach(), "data": lambda x, t: x.data,
    "same dtype": lambda x, t: x.to(x.dtype), "numpy": lambda x, t: t.from_numpy(x.detach().numpy()),
}
COPIES = {  # what PyTorch gives in memory of its own, whatever the sizes
    "flip": lambda x, t: x.flip(0), "flip nothing": lambda x, t: x.flip(()), "prod": lambda x, t: x.prod(),
    **{f"{name} {dim} {keep}": (lambda x, t, name=name, dim=dim, keep=keep: getattr(x, name)(dim, keep))
       for name in ("sum", "mean", "amax", "amin", "prod", "logsumexp") for dim in (0, -1) for keep in (False, True)},
    **{f"{name} {dim}": (lambda x, t, name=name, dim=dim: getattr(x, name)(dim)[0])
       for name in ("max", "min") for dim in (0, -1)},
    "x[[0]]": lambda x, t: x[[0]], "mask": lambda x, t: x[x > -100], "clone": lambda x, t: x.clone(),
    **{f"pad by nothing, {mode}": lambda x, t, mode=mode: t.nn.functional.pad(x, (0, 0), mode)
       for mode in ("constant", "reflect", "replicate", "circular")},
    "cat": lambda x, t: t.cat([x]), "stack": lambda x, t: t.stack([x]), "clamp": lambda x, t: x.clamp(-1e9, 1e9),
    "where": lambda x, t: t.where(x > -100, x, x), "+ 0": lambda x, t: x + 0, "** 1": lambda x, t: x**1,
}  # fmt: skip


def values(shape):
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [*VIEWS, *COPIES])
def test_a_result_shares_memory_exactly_where_pytorch_s_does(name, layout):
    compared = 0
    for shape in SHAPES:
        if layout == "step" and not shape:
            continue
        base = tg.from_numpy(values(shape))
        if not base.array.size:
            continue
        try:
            result = (VIEWS | COPIES)[name](LAYOUTS[layout](base), tg)
        except (tg.TinygradError, IndexError, TypeError):
            continue  # no such element or dimension
        assert np.shares_memory(result.array, base.array) is (name in VIEWS), shape
        before = base.array.copy()
        with tg.no_grad():
            result.add_(5)
        assert np.array_equal(before, base.array) is (name in COPIES), shape
        compared += 1
    assert compared


def test_the_table_of_views_is_pytorch_s():
    torch = pytest.importorskip("torch")
    for name, view in (VIEWS | COPIES).items():
        if name == "reshape":  # asks NumPy where it can be one
            continue
        for shape in SHAPES:
            base = torch.from_numpy(values(shape))
            try:
                result = view(base, torch)
            except (IndexError, TypeError, RuntimeError, ValueError):
                continue
            if result.numel() and base.numel():
                shared = np.shares_memory(result.detach().numpy(), base.numpy())
                assert shared is (name in VIEWS), (name, shape)


# ---------------------------------------------------------------- single cases


def test_an_array_of_its_own_memory_is_read_before_the_change():
    leaf = tg.tensor([2.0, 3.0], requires_grad=True)
    x = leaf * 1
    x.mul_(x.detach().numpy())
    x.sum().backward()
    assert leaf.grad.tolist() == [2, 3]


@pytest.mark.parametrize("change", [
    lambda x: x.__setitem__(0, 1.0), lambda x: x.zero_(), lambda x: x.add_(1), lambda x: x[0].zero_(),
    lambda x: x.__setitem__((0, 0), 1.0), lambda x: x.__iadd__(1),
])  # fmt: skip
def test_a_write_to_expanded_memory_is_our_error(change):
    with pytest.raises(InPlaceError, match="read-only"):
        change(tg.zeros(1, 3).expand(2, 3))


def test_overlapping_copies_read_before_they_write():
    x = tg.from_numpy(np.arange(9.0).reshape(3, 3))
    x[1:] = x[:-1]
    assert x[:, 0].tolist() == [0, 0, 3]
    x.copy_(x.T)
    x += x.T
    assert np.array_equal(x.array, x.array.T)


# ---------------------------------------------------------------- compiled


COMPILED = {  # a step on a state x of 3 elements, at index i (0-d), and whether it can be captured
    "reads elements": (lambda x, i, k: x[0] * k + x[2], True),
    "an element, then the base": (lambda x, i, k: (x[0], x.add_(1))[0] * 2, True),
    "gives an element": (lambda x, i, k: (x[0], x.add_(1))[0], True), "x[()]": (lambda x, i, k: x.sum()[()] * 2, True),
    "flip, then the base": (lambda x, i, k: (x.flip(0), x.add_(1))[0] * 1, True),
    "writes to flip": (lambda x, i, k: ((y := x * 2).flip(0).zero_(), y)[1], True),
    "reads at a tensor": (lambda x, i, k: x[i] * k, True),
    "at a tensor, copied": (lambda x, i, k: (x[i].clone(), x.add_(1))[0] * 1, True),
    "at a tensor, then the base": (lambda x, i, k: (x[i], x.add_(1))[0] * 1, False),
    "a view at a tensor, then the base": (lambda x, i, k: (x[i][None], x.add_(1))[0] * 1, False),
    "writes at a tensor": (lambda x, i, k: x[i].zero_(), False),
    "writes to an element": (lambda x, i, k: x[0].add_(k), False),
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_step_sees_what_eager_mode_sees_or_is_refused(name, backend):
    step, possible = COMPILED[name]
    states, index = [tg.tensor([1.0, 2.0, 3.0]) for _ in range(2)], tg.tensor(1)

    def plain(k):
        with tg.no_grad():
            return step(states[0], index, k)

    @tg.compile(backend=backend)
    def compiled(k):
        with tg.no_grad():
            return step(states[1], index, k)

    if not possible:
        with pytest.raises(CaptureError, match="looks at"):
            compiled(1.0)
        return
    for k in range(5):
        want, got = plain(float(k)), compiled(float(k))
        assert want.tolist() == got.tolist() and states[0].tolist() == states[1].tolist(), k
