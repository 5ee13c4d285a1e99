"""Which results look at the memory of their argument, and what a change in place through one of them does.

Random programs of views and changes are held against PyTorch: equal values and gradients, or an error of ours.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    "unsqueeze": lambda x, t: x.unsqueeze(0), "squeeze": lambda x, t: x.squeeze(),
    "split": lambda x, t: x.split(1)[0], "iteration": lambda x, t: list(x)[-1], "detach": lambda x, t: x.detach(),
    "data": lambda x, t: x.data, "same dtype": lambda x, t: x.to(x.dtype),
    "numpy": lambda x, t: t.from_numpy(x.detach().numpy()),
}  # fmt: skip
COPIES = {  # what PyTorch gives in memory of its own, whatever the sizes
    "flip": lambda x, t: x.flip(0), "flip nothing": lambda x, t: x.flip(()), "prod": lambda x, t: x.prod(),
    **{f"{name} {dim} {keep}": (lambda x, t, name=name, dim=dim, keep=keep: getattr(x, name)(dim, keep))
       for name in ("sum", "mean", "amax", "amin", "prod", "logsumexp") for dim in (0, -1) for keep in (False, True)},
    **{f"{name} {dim}": (lambda x, t, name=name, dim=dim: getattr(x, name)(dim)[0])
       for name in ("max", "min") for dim in (0, -1)},
    "x[[0]]": lambda x, t: x[[0]], "mask": lambda x, t: x[x > -100], "clone": lambda x, t: x.clone(),
    **{f"pad by nothing, {mode}": lambda x, t, mode=mode: t.nn.functional.pad(x, (0, 0), mode)
       for mode in ("constant", "reflect", "replicate", "circular")},
    "cat": lambda x, t: t.cat([x]),
    "stack": lambda x, t: t.stack([x]),
    "clamp": lambda x, t: x.clamp(-1e9, 1e9),
    "where": lambda x, t: t.where(x > -100, x, x),
    "+ 0": lambda x, t: x + 0,
    "** 1": lambda x, t: x**1,
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


def test_an_array_of_its_own_memory_is_read_before_the_change():
    leaf = tg.tensor([2.0, 3.0], requires_grad=True)
    x = leaf * 1
    x.mul_(x.detach().numpy())
    x.sum().backward()
    assert leaf.grad.tolist() == [2, 3]


@pytest.mark.parametrize("change", [
    lambda x: x.__setitem__(0, 1.0), lambda x: x.zero_(), lambda x: x.add_(1), lambda x: x[0].zero_(),
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


def run(t, seed, errors):
    """Run the program of a seed; give every tensor's values and the leaves' gradients, or where it was refused."""
    draw = random.Random(seed)
    shape = draw.choice([(1,), (2,), (3,), (1, 3), (2, 2), (2, 3), (2, 1, 2)])
    leaf = t.tensor(values(shape)).requires_grad_()
    other = t.tensor(values(shape) + 1).requires_grad_(draw.random() < 0.5)
    constant = t.tensor(values(shape) + 2)
    tensors = [leaf, other, constant, leaf * other]
    where = "the program"
    try:
        for _ in range(draw.randint(2, 9)):
            kind, x = draw.random(), draw.choice(tensors)
            if kind < 0.4:
                name = draw.choice([n for n in VIEWS if n not in ("reshape", "numpy", "x[0, 0, ...]", "x[()]")]
                                   + ["x[0, 0, ...]"] * 2)  # fmt: skip
                # views that PyTorch makes several at a time are never changed there: spelled singly
                view = {"split": lambda x, t: x[0:1], "iteration": lambda x, t: x[-1]}.get(name, VIEWS[name])
                tensors.append((VIEWS[name] if t is tg else view)(x, t) if x.ndim else x)
            elif kind < 0.5:
                tensors.append(draw.choice([lambda x: x.flip(()), lambda x: x.prod(), lambda x: x * x,
                                            lambda x: x + 1, lambda x: x.clone()])(x))  # fmt: skip
            elif kind < 0.6:
                y = draw.choice([y for y in tensors if tuple(y.shape) == tuple(x.shape)])
                tensors.append(x * y)
            else:
                y = draw.choice([y for y in tensors if tuple(y.shape) == tuple(x.shape)])
                change = draw.choice([
                    lambda x, y: x.add_(y), lambda x, y: x.mul_(2), lambda x, y: x.mul_(y), lambda x, y: x.zero_(),
                    lambda x, y: x.copy_(y), lambda x, y: x.__setitem__(..., y), lambda x, y: x.fill_(3),
                    lambda x, y: x[0].add_(5) if x.ndim else x.sub_(1),
                    lambda x, y: x.__setitem__(0, 4.0) if x.ndim else x.div_(2), lambda x, y: x.pow_(2),
                ])  # fmt: skip
                if draw.random() < 0.6:
                    with t.no_grad():
                        change(x, y)
                else:
                    change(x, y)
        found = [np.array(v.detach().numpy()) for v in tensors]
        where = "backward"
        total = sum(((v * v).sum() for v in tensors[1:]), leaf.sum())
        total.backward()
    except errors as error:
        return where, error
    return None, [*found, *(np.array(v.grad.numpy()) for v in (leaf, other) if v.grad is not None)]


def agrees(torch, seed):
    """Tell whether a program was equal to PyTorch's or refused by us."""
    refused, ours = run(tg, seed, tg.TinygradError)
    if refused is not None:
        return "refused"
    # PyTorch refuses by what it saves, we by what a rule reads: with copies saved it refuses no more than is wrong
    with torch.autograd.graph.saved_tensors_hooks(lambda saved: saved.clone(), lambda saved: saved):
        failed, theirs = run(torch, seed, RuntimeError)
    assert failed is None, f"seed {seed}: PyTorch refused at {failed}: {theirs}"
    assert len(ours) == len(theirs), seed
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, err_msg=f"seed {seed}")
    return "equal"


@given(seed=st.integers(0, 2**32))
def test_random_programs_are_pytorch_s_or_refused(seed):
    agrees(pytest.importorskip("torch"), seed)


def test_unbound_parts_that_are_not_recorded_are_views():
    x = tg.zeros(3, 4)
    rows, columns = x.unbind(), x.unbind(1)
    rows[1].add_(2)
    assert x.numpy()[1].tolist() == [2] * 4 and [c.numpy().tolist() for c in columns] == [[0, 2, 0]] * 4
    w = tg.ones(4, requires_grad=True)
    y = (w * rows[0]).sum()
    columns[0].add_(1)
    with pytest.raises(InPlaceError):
        y.backward()
    assert all(part.requires_grad for part in w.reshape(2, 2).unbind(1))


COMPILED = {  # a step on a state x of 3 elements, at index i (0-d), and whether it can be captured
    "reads elements": (lambda x, i, k: x[0] * k + x[2], True),
    "an element, then the base": (lambda x, i, k: (x[0], x.add_(1))[0] * 2, True),
    "gives an element": (lambda x, i, k: (x[0], x.add_(1))[0], True),
    "x[()]": (lambda x, i, k: x.sum()[()] * 2, True),
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
    if backend == "numba":
        pytest.importorskip("numba")
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
