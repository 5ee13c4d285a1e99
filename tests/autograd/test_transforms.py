"""tg.func and autograd.functional against torch.func and torch.autograd, each program from one source, in float64."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, GradientError, ShapeError, StateDictError

torch = pytest.importorskip("torch")

rng = np.random.default_rng(0)
X, W, B, T, TW = (rng.normal(size=s) for s in ((4, 3), (5, 3), (5,), (4, 3), (5, 3)))


def several(t):
    """A function of two tensors that gives a matrix of most kinds of operations."""
    F = t.nn.functional

    def f(x, w):
        h = F.linear(x, w).tanh().exp() / (1 + x.sum(1, keepdim=True) ** 2)
        both = t.cat([h, h.amax(1, keepdim=True) * h[:, 1:3]], 1)
        return F.log_softmax(both, 1).sum(0) + h.var() + h[[0, 2, 0], 1].sum()

    return f


def scalar(t):
    F = t.nn.functional
    return lambda x, w: (F.linear(x, w).tanh() * F.softmax(x @ w.T, 1)).square().mean() + (x.sin() * x).sum()


def pair(t):
    return lambda x, w: ((x @ w.T).exp(), (w * w).sum(0))


def net(t, x, c, w):
    F = t.nn.functional
    h = F.max_pool2d(F.relu(F.conv2d(x, c, padding=1)), 2)
    return F.cross_entropy(F.linear(h.flatten(1), w), t.tensor([1, 0]))


def images(t, a):
    r = np.random.default_rng(5)
    return [a(r.normal(size=s)) for s in ((2, 1, 4, 4), (3, 1, 3, 3), (4, 12))]


def forward_ad(t, a):
    with t.autograd.forward_ad.dual_level():
        x = t.autograd.forward_ad.make_dual(a(X), a(T))
        y = (x @ a(W).T).tanh().softmax(1)
        assert t.autograd.forward_ad.unpack_dual(a(X)).tangent is None
        return *t.autograd.forward_ad.unpack_dual(y), t.autograd.forward_ad.unpack_dual(x).tangent


def outer(t, x, f):
    """Differentiate what a transform gave once more, by backward."""
    x = x.requires_grad_()
    return t.autograd.grad((f(x) ** 2).sum(), x)


PROGRAMS = {
    "grad": lambda t, a: t.func.grad(scalar(t), (0, 1))(a(X), a(W)),
    "grad with aux": lambda t, a: t.func.grad(lambda x: (x.exp().sum(), x * 2), has_aux=True)(a(X)),
    "grad_and_value": lambda t, a: t.func.grad_and_value(scalar(t), 1)(a(X), a(W)),
    "grad of grad": lambda t, a: t.func.grad(t.func.grad(t.func.grad(lambda x: x**5)))(a(np.array(1.5))),
    "grad of a dict": lambda t, a: t.func.grad(
        lambda p, x: (p["w"] @ x.T + p["b"][0].reshape(-1, 1)).square().sum()
    )({"w": a(W), "b": [a(B)]}, a(X)),
    "grad, kept": lambda t, a: outer(t, a(X), t.func.grad(lambda x: (x**3).sum())),
    "vjp": lambda t, a: (lambda o: (o[0], o[1](o[0])))(t.func.vjp(several(t), a(X), a(W))),
    "vjp of several": lambda t, a: t.func.vjp(pair(t), a(X), a(W))[1]((a(X @ W.T), a(B[:3]))),
    "jvp": lambda t, a: t.func.jvp(several(t), (a(X), a(W)), (a(T), a(TW))),
    "jvp, kept": lambda t, a: outer(t, a(X), lambda x: t.func.jvp(lambda y: (y**3).sum(1), (x,), (a(T),))[1]),
    "jvp of several": lambda t, a: t.func.jvp(pair(t), (a(X), a(W)), (a(T), a(TW))),
    "jvp of images": lambda t, a: t.func.jvp(
        lambda *xs: net(t, *xs), tuple(images(t, a)), tuple(x * 0.3 + 0.1 for x in images(t, a))
    ),
    "jvp of grad": lambda t, a: t.func.jvp(t.func.grad(scalar(t), (0, 1)), (a(X), a(W)), (a(T), a(TW))),
    "linearize": lambda t, a: (lambda o: (o[0], o[1](a(T), a(TW)), o[1](a(X), a(W))))(
        t.func.linearize(several(t), a(X), a(W))
    ),
    "jacrev": lambda t, a: t.func.jacrev(several(t), (0, 1))(a(X), a(W)),
    "jacrev of several": lambda t, a: t.func.jacrev(pair(t))(a(X), a(W)),
    "jacrev in chunks": lambda t, a: t.func.jacrev(several(t), 1, chunk_size=2)(a(X), a(W)),
    "jacfwd": lambda t, a: t.func.jacfwd(several(t), (0, 1))(a(X), a(W)),
    "jacfwd of several": lambda t, a: t.func.jacfwd(pair(t), 1, has_aux=False)(a(X), a(W)),
    "hessian": lambda t, a: t.func.hessian(scalar(t), (0, 1))(a(X), a(W)),
    "hessian of images": lambda t, a: t.func.hessian(lambda *xs: net(t, *xs), 1)(*images(t, a)),
    "jacrev of jacrev": lambda t, a: t.func.jacrev(t.func.jacrev(scalar(t)))(a(X), a(W)),
    "jacfwd of jacfwd": lambda t, a: t.func.jacfwd(t.func.jacfwd(scalar(t)))(a(X), a(W)),
    "vmap": lambda t, a: t.func.vmap(lambda x, w: (w @ x).tanh().sum(), (0, None))(a(X), a(W)),
    "vmap of vmap": lambda t, a: t.func.vmap(
        t.func.vmap(lambda x, w: (x * w).sum() - w.max() + x.softmax(0)[1], (None, 0)), (0, None)
    )(a(X), a(W)),
    "vmap in and out": lambda t, a: t.func.vmap(
        lambda x, y: (x.reshape(-1, 1) * x, y["k"][0] * x, y["k"].sum()), in_dims=(1, {"k": -1}), out_dims=(1, 0, 0)
    )(a(X), {"k": a(W)}),
    "vmap in chunks": lambda t, a: t.func.vmap(lambda x: (x * x).cumsum(0) if t is torch else t.stack(
        [(x[0] ** 2), x[0] ** 2 + x[1] ** 2, (x**2).sum()]), chunk_size=3)(a(X)),
    "vmap of grad": lambda t, a: t.func.vmap(t.func.grad(lambda w, x: (w @ x).tanh().sum()), (None, 0))(a(W), a(X)),
    "vmap of jvp": lambda t, a: t.func.vmap(
        lambda x, d: t.func.jvp(lambda y: (a(W) @ y).sin(), (x,), (d,))
    )(a(X), a(T)),
    "vmap of hessian": lambda t, a: t.func.vmap(t.func.hessian(lambda x: (a(W) @ x).sin().sum()))(a(X)),
    "vmap of jacrev": lambda t, a: t.func.vmap(t.func.jacrev(lambda x: (a(W) @ x).sin()))(a(X)),
    "grad of vmap": lambda t, a: t.func.grad(
        lambda w: t.func.vmap(lambda x: (w @ x).exp().sum())(a(X)).mean()
    )(a(W)),
    "vmap, kept": lambda t, a: outer(t, a(X), t.func.vmap(lambda x: x.sin().sum() * x)),
    "vmap of images": lambda t, a: t.func.vmap(
        t.func.grad(lambda c, x, w: net(t, x, c, w)), (None, 0, None)
    )(images(t, a)[1], t.stack([images(t, a)[0], images(t, a)[0] * 2]), images(t, a)[2]),
    "functional.vjp": lambda t, a: t.autograd.functional.vjp(pair(t), (a(X), a(W)), (a(X @ W.T), a(B[:3]))),
    "functional.vjp of one": lambda t, a: t.autograd.functional.vjp(lambda x: (x * x).sum(), a(X)),
    "functional.jvp": lambda t, a: t.autograd.functional.jvp(pair(t), (a(X), a(W)), (a(T), a(TW))),
    "functional.hvp": lambda t, a: t.autograd.functional.hvp(scalar(t), (a(X), a(W)), (a(T), a(TW))),
    "functional.vhp": lambda t, a: t.autograd.functional.vhp(scalar(t), (a(X), a(W)), (a(T), a(TW))),
    "functional.jacobian": lambda t, a: t.autograd.functional.jacobian(pair(t), (a(X), a(W))),
    "functional.jacobian forward": lambda t, a: t.autograd.functional.jacobian(
        pair(t), (a(X), a(W)), vectorize=True, strategy="forward-mode"
    ),
    "functional.jacobian strict": lambda t, a: t.autograd.functional.jacobian(
        lambda x: x.exp().sum(1), a(X), strict=True
    ),
    "functional.jacobian, kept": lambda t, a: outer(
        t, a(X), lambda x: t.autograd.functional.jacobian(lambda y: (y**3).sum(1), x, create_graph=True)
    ),
    "functional.hvp, kept": lambda t, a: outer(
        t, a(X), lambda x: t.autograd.functional.hvp(lambda y: (y**4).sum(), x, a(T), create_graph=True)[1]
    ),
    "functional.hessian": lambda t, a: t.autograd.functional.hessian(scalar(t), (a(X), a(W))),
    "functional.hessian forward": lambda t, a: t.autograd.functional.hessian(
        lambda x: (x**3).sum(), a(X), vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "forward_ad": forward_ad,
}  # fmt: skip


def arrays(result):
    if isinstance(result, dict):
        result = tuple(result.values())
    return sum(map(arrays, result), []) if isinstance(result, tuple | list) else [result.detach().numpy()]


@pytest.mark.thread_unsafe(reason="PyTorch counts the levels of its forward mode for all threads")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch(name):
    ours, theirs = (arrays(PROGRAMS[name](t, lambda x, t=t: t.tensor(x))) for t in (tg, torch))
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)


def test_what_needs_no_graph_leaves_none():
    x = tg.tensor(X)
    for result in (tg.func.grad(lambda x: x.exp().sum())(x), *tg.func.jvp(tg.exp, (x,), (x,)), tg.func.vmap(tg.exp)(x)):
        assert not result.requires_grad and result.grad_fn is None
    w = tg.tensor(W, requires_grad=True)
    assert tg.func.grad(lambda x: (w @ x.T).exp().sum())(x).requires_grad and w.grad is None


def ensembles():
    models = [nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).requires_grad_() for _ in range(3)]
    return models, tg.from_numpy(X.astype(np.float32))


def test_models_as_functions():
    models, x = ensembles()
    model = models[0]
    weights = {k: p.detach() * 2 for k, p in model.named_parameters()}
    before = [*model.parameters()]
    out = tg.func.functional_call(model, weights, x)
    assert all(a is b for a, b in zip(model.parameters(), before, strict=True))
    assert not np.allclose(out, model(x).detach())
    with tg.no_grad():
        for p in model.parameters():
            p.mul_(2)
    assert np.array_equal(out, model(x).detach())
    loss = lambda p: (tg.func.functional_call(model, (p,), (x,)) ** 2).mean()  # noqa: E731
    found = tg.func.grad(loss)(dict(model.named_parameters()))
    (model(x) ** 2).mean().backward()
    for name, p in model.named_parameters():
        assert np.allclose(found[name].detach(), p.grad)
    parameters, buffers = tg.func.stack_module_state(models)
    stacked = tg.func.vmap(lambda p, b, x: tg.func.functional_call(model, (p, b), (x,)), (0, 0, None))(
        parameters, buffers, x
    )
    np.testing.assert_allclose(stacked.detach(), np.stack([m(x).detach() for m in models]), rtol=1e-5, atol=1e-6)
    model.listed = [nn.Parameter(tg.ones(2)), {"deep": nn.Parameter(tg.ones(2))}]
    model.forward = lambda x: model.listed[0] * x + model.listed[1]["deep"]
    names = [n for n, _ in model.named_parameters() if n.startswith("listed")]
    out = tg.func.functional_call(model, dict(zip(names, (tg.zeros(2), tg.ones(2) * 5), strict=True)), tg.ones(2))
    assert out.tolist() == [5.0, 5.0] and model(tg.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(StateDictError, match="functional_call"):
        tg.func.functional_call(model, {"other": x}, x)


def test_transforms_are_part_of_compiled_steps():
    def step(x, w):
        per_example = tg.func.vmap(tg.func.grad(lambda w, x: (w @ x).tanh().sum()), (None, 0))(w, x)
        affine = lambda x: nn.functional.linear(x, w, w[:, 0]).amax(1)  # noqa: E731
        pushed = tg.func.jvp(affine, (x,), (x * 2,))[1].sum() + tg.func.jacfwd(affine)(x).square().sum()
        return per_example.sum() + tg.func.jvp(lambda x: (x @ w.T).exp(), (x,), (x * 2,))[1].sum() + pushed

    compiled = tg.compile(step)
    for i in (1.0, 2.0, 3.0):
        x, w = tg.tensor(X * i), tg.tensor(W / i)
        assert compiled(x, w).item() == pytest.approx(step(x, w).item(), rel=1e-12)


def test_random_numbers_in_a_batch():
    x = tg.ones(4, 50)
    noisy = lambda x: x * tg.rand(50)  # noqa: E731
    for f in (noisy, tg.compile(noisy), lambda x: x * tg.compile(tg.rand_like)(tg.ones(50))):
        with pytest.raises(GradientError, match="random"):
            tg.func.vmap(f)(x)
        tg.func.vmap(f, randomness="same")(x)
    plain = tg.compile(lambda x: x * 2)
    for _ in range(3):  # inside it is as it was written
        assert tg.equal(tg.func.vmap(plain)(x), x * 2)
        assert tg.equal(plain(x), x * 2)
    same, different = (tg.func.vmap(noisy, randomness=r)(x) for r in ("same", "different"))
    assert np.array_equal(same[0], same[1]) and not np.array_equal(different[0], different[1])


@pytest.mark.parametrize("call, error, match", [
    (lambda x: tg.func.vmap(lambda x: x if x.sum() > 0 else -x)(x), GradientError, "cannot be looked at"),
    (lambda x: tg.func.vmap(lambda x: x.item())(x), GradientError, "cannot be looked at"),
    (lambda x: tg.func.vmap(lambda x: x.add_(1))(x), GradientError, "cannot be looked at"),
    (lambda x: tg.func.vmap(tg.add)(x, tg.ones(3)), ShapeError, "no batch in common"),
    (lambda x: tg.func.vmap(tg.exp, in_dims=3)(x), ShapeError, "dimension 3"),
    (lambda x: tg.func.vmap(tg.exp, out_dims=None)(x), ArgumentError, "out_dims is None"),
    (lambda x: tg.func.vmap(lambda x: 3)(x), GradientError, "must return tensors"),
    (lambda x: tg.func.grad(tg.exp)(x), GradientError, "one scalar"),
    (lambda x: tg.func.grad(tg.sum, 1)(x), ArgumentError, "argnums"),
    (lambda x: tg.func.grad(tg.sum)(x.long()), GradientError, "only floating-point"),
    (lambda x: tg.func.jvp(tg.exp, (x,), (tg.ones(3),)), ShapeError, "do not fit"),
    (lambda x: tg.func.jvp(tg.exp, x, x), ArgumentError, "tuples"),
    (lambda x: tg.func.jvp(lambda x: tg.ones(2), (x,), (x,), strict=True), GradientError, "strict"),
    (lambda x: tg.autograd.functional.jacobian(lambda x: tg.ones(2), x, strict=True), GradientError, "strict"),
    (lambda x: tg.autograd.functional.hvp(tg.exp, x, x), GradientError, "one scalar"),
    (lambda x: tg.autograd.functional.vjp(tg.exp, x), ArgumentError, "left out"),
    (lambda x: tg.autograd.forward_ad.make_dual(x, x), GradientError, "no dual_level"),
])  # fmt: skip
def test_what_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call(tg.ones(4, 2))


@pytest.mark.thread_unsafe(reason="the search for anomalies is on in all threads")
def test_anomalies_are_found_where_they_begin():
    x = tg.tensor([1.0, -2.0, 0.0], requires_grad=True)
    for call, match in [
        (lambda: (x.sqrt() * 2).sum(), r"sqrt: the result has NaN, at .*test_transforms.py:\d+.*\n.*from -2 to 1"),
        (lambda: (1 / x).sum(), "divide: the result has infinity"),
        (lambda: (x.relu().sqrt() * 0).sum().backward(), r"sqrt: the gradient of x has NaN; .* at .*test_transforms"),
        (lambda: tg.tensor([float("nan")]) * 2, "a value that is not finite was given in"),
    ]:
        with tg.autograd.detect_anomaly(), np.errstate(all="ignore"):
            with pytest.raises(tg.errors.AnomalyError, match=match):
                call()
        assert not tg.autograd.is_anomaly_enabled()
    with tg.autograd.detect_anomaly():
        mask = tg.tensor([0.0, -float("inf")])
        assert tg.softmax(mask + 1, 0).tolist() == [1.0, 0.0]  # infinities that are given are meant
        (x * x).sum().backward(create_graph=True)
    tg.autograd.set_detect_anomaly(True)
    with pytest.raises(RuntimeError), np.errstate(all="ignore"):
        x.log()
    tg.autograd.set_detect_anomaly(False)
    with np.errstate(all="ignore"):
        x.log()
    x.grad = None
