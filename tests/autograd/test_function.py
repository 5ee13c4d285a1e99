"""autograd.Function against PyTorch, from one source: gradients of every order, and what is refused."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import GradientError, InPlaceError, ShapeError

torch = pytest.importorskip("torch")


def programs(t):
    """Make the same Functions of either library."""
    once = t.autograd.function.once_differentiable

    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    class Exp(t.autograd.Function):
        @staticmethod
        def forward(x):
            return x.exp()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    class Both(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, n):
            ctx.n, out = n, x * y
            ctx.save_for_backward(x, y, out)
            where = x > y
            ctx.mark_non_differentiable(where)
            return out, x.sin() * n, where

        @staticmethod
        def backward(ctx, g, h, _):
            x, y, out = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            return g * y + h * x.cos() * ctx.n + 0 * out, (g * x if ctx.needs_input_grad[1] else None), None

    class Lazy(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            seen.append((g is None, h is None))
            return 2 * g if h is None else 3 * h

    class Once(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once
        def backward(ctx, g):
            return t.from_numpy(2 * ctx.saved_tensors[0].detach().numpy()) * g

    class Stretch(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g, g

    class NoGradient(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g, None

    seen = []
    return Cube, Exp, Both, Lazy, Once, Stretch, NoGradient, seen


def results(t):
    Cube, Exp, Both, Lazy, Once, Stretch, NoGradient, seen = programs(t)
    x = t.tensor([0.5, -1.0, 2.0], dtype=t.float64, requires_grad=True)
    y = t.tensor([1.5, -2.0, 1.0], dtype=t.float64, requires_grad=True)
    log = []

    def orders(out, *inputs):
        for _ in range(3):
            gs = t.autograd.grad(out.sum(), inputs, create_graph=True, materialize_grads=True)
            log.extend(g.tolist() for g in gs)
            out = sum((g * g).sum() for g in gs)
            if not out.requires_grad:
                return

    orders(Cube.apply(x), x)
    orders(Exp.apply(x * 2) * Exp.apply(Cube.apply(x)), x)
    a, b, c = Both.apply(x, y, 4)
    assert a.requires_grad and b.requires_grad and not c.requires_grad
    orders(a * b + a, x, y)
    orders(Both.apply(x, y.detach(), 4)[1] * Both.apply(x, y, 2)[0], x, y)
    a, b = Lazy.apply(x)
    log += [t.autograd.grad(a.sum(), x)[0].tolist(), t.autograd.grad(Lazy.apply(x)[1].sum(), x)[0].tolist()]
    log.append(t.autograd.grad(Once.apply(x).sum(), x)[0].tolist())
    (g,) = t.autograd.grad(Once.apply(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError):
        g.sum().backward()
    z = t.tensor(2.0, dtype=t.float64, requires_grad=True)
    Stretch.apply(x, z).sum().backward()
    log += [x.grad.tolist(), z.grad.tolist()]
    w = t.tensor(2.0, dtype=t.float64, requires_grad=True)
    NoGradient.apply(x, w).sum().backward()
    log += [x.grad.tolist(), w.grad]
    with t.no_grad():
        assert not Cube.apply(x).requires_grad
    (g,) = t.autograd.grad(Both.apply(x, y, 1)[0].sum(), y)
    out = Cube.apply(x)
    out += 1  # its result was not saved
    (h,) = t.autograd.grad(out.sum(), x)
    first, u = Cube.apply(x), t.ones(3, dtype=t.float64)
    for _ in range(2):  # the very same cotangent again
        log.append(t.autograd.grad(first, x, u, create_graph=True)[0].tolist())
    return [*log, g.tolist(), h.tolist(), *map(tuple, seen)]


def test_functions_give_pytorchs_gradients_at_every_order():
    for ours, theirs in zip(results(tg), results(torch), strict=True):
        if isinstance(theirs, list | float):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        else:
            assert ours == theirs


def test_what_a_function_refuses():
    cube = programs(tg)[0]
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    out = cube.apply(y)
    with tg.no_grad():
        y.add_(1)
    with pytest.raises(InPlaceError, match="saved for backward was changed"):
        out.sum().backward()

    class Dirty(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)

        @staticmethod
        def backward(ctx, g):
            return g, g

    with pytest.raises(InPlaceError, match="mark_dirty"):
        Dirty.apply(x)
    Dirty.forward = staticmethod(lambda ctx, x, y: x + y)
    Dirty.backward = staticmethod(lambda ctx, g: g)
    with pytest.raises(GradientError, match="1 gradients for 2 inputs"):
        Dirty.apply(x, x).sum().backward()
    Dirty.backward = staticmethod(lambda ctx, g: (tg.ones(3), None))
    with pytest.raises(ShapeError, match=r"Dirty: backward returned a gradient of the wrong shape"):
        Dirty.apply(x, x).sum().backward()


def test_functions_and_hooks_are_part_of_compiled_steps():
    Cube, _, Both, *_ = programs(tg)

    def train(wrap):
        p = tg.tensor([0.5, -1.0, 2.0], requires_grad=True)
        optimizer = tg.optim.SGD([p], lr=0.05)

        @wrap
        def step(x):
            optimizer.zero_grad()
            a, b, _ = Both.apply(Cube.apply(p), x, 2)
            a.register_hook(lambda g: g * 2)
            loss = (a * b).sum()
            loss.backward()
            optimizer.step()
            return loss

        x = tg.tensor([0.1, 0.2, 0.3])
        losses = [step(x * i).item() for i in range(4)]
        handle = p.register_hook(lambda g: g * 0)  # after the step was compiled
        stays = p.tolist()
        step(x)
        assert p.tolist() == stays
        handle.remove()
        return [*losses, step(x).item(), step(x).item()]

    assert train(tg.compile) == train(lambda step: step)
