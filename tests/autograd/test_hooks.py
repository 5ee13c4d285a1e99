"""Hooks on gradients, and what `backward` and `grad` may be asked for besides, against PyTorch from one source."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import GradientError

torch = pytest.importorskip("torch")


def hooks(t):
    log = []
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * x
    first = y.register_hook(lambda g: (log.append(("first", g.tolist())), g * 2)[1])
    second = y.register_hook(lambda g: log.append(("second", g.tolist())))
    y.retain_grad()
    leaf = x.register_hook(lambda g: (log.append(("leaf", g.tolist())), g + 1)[1])
    x.register_post_accumulate_grad_hook(lambda p: log.append(("after", p.grad.tolist())))
    z = (y * y + x).sum()
    z.backward(retain_graph=True)
    log.append((y.grad.tolist(), x.grad.tolist()))
    first.remove()
    log.append([g.tolist() for g in t.autograd.grad(z, [x, y], retain_graph=True)])
    log.append([g.tolist() for g in t.autograd.grad(z, [y], retain_graph=True)])
    leaf.remove()
    with second:
        z.backward(create_graph=True)
    log.append(x.grad.tolist())
    x.grad = None
    learned = t.tensor([1.0, 2.0], requires_grad=True)
    learned.register_post_accumulate_grad_hook(lambda p: p.sub_(p.grad))  # an optimizer within backward
    (learned * learned).sum().backward()
    log.append(learned.tolist())
    w = x * 3
    w.register_hook(lambda g: log.append(("before the change", g.tolist())))
    w.mul_(2)
    w.sum().backward()
    log.append(x.grad.tolist())
    return log


def asked(t):
    x, y = (t.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    z, unused = x * y, t.tensor([5.0], requires_grad=True)
    z.sum().backward(inputs=[x], retain_graph=True)
    found = [x.grad.tolist(), y.grad]
    t.autograd.backward([z, (z * z).sum()], [t.tensor([1.0, 10.0]), None], retain_graph=True, inputs=y)
    found += [x.grad.tolist(), y.grad.tolist()]
    t.autograd.backward((z.sum(), z.sum()), retain_graph=True)
    found += [x.grad.tolist(), t.autograd.grad(z.sum(), [x, unused], allow_unused=True, retain_graph=True)[1]]
    found += [g.tolist() for g in t.autograd.grad(z.sum(), [x, unused], materialize_grads=True, retain_graph=True)]
    rows = t.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0]])
    found += [g.tolist() for g in t.autograd.grad(z, [x, y], rows, is_grads_batched=True)]
    with pytest.raises(RuntimeError):
        z.sum().backward()
    return found


def modes(t):
    """List whether gradients are recorded, within each way to say so."""
    found = []
    note = lambda: found.append(t.is_grad_enabled())  # noqa: E731
    with t.set_grad_enabled(False):
        note()
        with t.set_grad_enabled(True):
            note()
            with t.inference_mode():
                note()
                with t.inference_mode(False):
                    note()
            note()
    note()
    t.set_grad_enabled(False)
    note()
    t.set_grad_enabled(True)
    for mode in (t.set_grad_enabled(False), t.set_grad_enabled(True), t.inference_mode(), t.inference_mode):
        mode(note)()
        note()
    t.set_grad_enabled(True)
    return found


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("program", [hooks, asked, modes])
def test_as_in_pytorch(program):
    assert program(tg) == program(torch)


@pytest.mark.thread_unsafe(reason="counts the leaves of all threads")
def test_a_hook_is_freed_with_its_leaf_and_refuses_what_is_no_gradient():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match="requires no gradient"):
        tg.ones(2).register_hook(print)
    with pytest.raises(GradientError, match="must be a leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)
    kept = []
    x.register_hook(kept.append)
    (x * x).sum().backward()
    x.grad.zero_()
    assert kept[0].tolist() == [2.0, 4.0]  # memory of its own
    with x.register_hook(lambda g: np.ones(2)), pytest.raises(GradientError, match="no gradient of its tensor"):
        (x * x).sum().backward()
    assert tg.core.hooks.leaves
    del x
    assert not tg.core.hooks.leaves
