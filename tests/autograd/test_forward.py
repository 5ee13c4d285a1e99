"""Forward mode and vmap of every Case: against the derivative of the gradient, and against a loop over examples."""

import numpy as np
import pytest
from cases import CASES
from strategies import seeded

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import TinygradError

NEAR = {"rtol": 1e-10, "atol": 1e-11}
SEEDS = range(6)
REFUSED = {  # by vmap: what looks at values, changes them in place or draws numbers
    *"bernoulli bernoulli_ multinomial masked_fill_ scatter_ scatter_add_ index_add_ index_copy_ index_fill_".split(),
    *"index_put_ tril_ triu_ addmm_ gaussian_nll_loss".split(), "in place", "many in place", "dropout (composed)",
}


def arguments(case, seed, kind="any"):
    """Give a call's arrays as tensors, and the function of those that are differentiated."""
    call = case.build(seeded(seed, kind=kind))
    args = [Tensor(x) if isinstance(x, np.ndarray) else x for x in call.args]
    wrt = [i for i in case.wrt(call.args) if isinstance(call.args[i], np.ndarray)]

    def f(*xs):
        given = list(args)
        for i, x in zip(wrt, xs, strict=True):
            given[i] = x
        return case.call(*given, **call.static)

    return f, [args[i] for i in wrt]


def cases(order):
    return [pytest.param(c, id=n) for n, c in CASES.items() if c.order >= order]


@pytest.mark.parametrize("case", cases(1))
def test_tangents_are_those_of_the_gradient_differentiated(case):
    for seed in SEEDS:
        f, xs = arguments(case, seed, "scalar" if seed == 5 else "any")
        if not xs:
            continue
        rng = np.random.default_rng(seed)
        ts = [Tensor(rng.normal(size=x.shape)) for x in xs]
        out, t = tg.func.jvp(f, tuple(xs), tuple(ts))
        tracked = [x.detach().requires_grad_() for x in xs]
        y = f(*tracked)
        assert np.array_equal(y.array, out.array, equal_nan=True) and t.dtype == out.dtype and t.shape == out.shape
        u = tg.zeros_like(y.detach()).requires_grad_()
        gs = grad(y, tracked, u, create_graph=True, materialize_grads=True)
        total = sum((g * d).sum() for g, d in zip(gs, ts, strict=True))
        (want,) = grad(total, u, materialize_grads=True) if total.requires_grad else (tg.zeros_like(u),)
        np.testing.assert_allclose(t.array, want.array, **NEAR)
        if case.order > 1:  # recorded, too
            sizes = [int(np.prod(x.shape)) for x in xs]
            if sum(sizes) <= 12:
                first = lambda *z: tg.func.jvp(f, z, tuple(ts))[1].sum()  # noqa: B023, E731
                second = tg.func.jvp(first, tuple(xs), tuple(ts))[1]
                again = tg.func.grad(first, tuple(range(len(xs))))(*xs)
                want = sum((g * d).sum() for g, d in zip(again, ts, strict=True))
                np.testing.assert_allclose(second.array, want.array, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("case", cases(0))
def test_a_batch_is_as_its_examples(case):
    for seed in SEEDS:
        call = case.build(seeded(seed, kind="scalar" if seed == 5 else "any"))
        places = [i for i, x in enumerate(call.args) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        for chosen in (places, places[:1], places[1:]):
            if not chosen:
                continue
            more = [case.build(seeded(seed, kind="scalar" if seed == 5 else "any")) for _ in range(3)]
            batch = [np.stack([m.args[i] * (1 + n * 1e-3) for n, m in enumerate(more)]) for i in chosen]
            args = [Tensor(x) if isinstance(x, np.ndarray) else x for x in call.args]

            def f(*xs, args=args, chosen=chosen, static=call.static):
                given = list(args)
                for i, x in zip(chosen, xs, strict=True):
                    given[i] = x
                return case.call(*given, **static)

            try:
                want = [f(*(Tensor(b[n]) for b in batch)) for n in range(3)]
            except TinygradError:
                continue
            try:
                got = tg.func.vmap(f)(*map(Tensor, batch))
            except TinygradError as error:
                assert str(error).startswith("vmap: ") and {case.name, case.name.removesuffix(" (composed)")} & REFUSED
                return
            assert got.dtype == want[0].dtype
            np.testing.assert_allclose(got.array, np.stack([w.array for w in want]), **NEAR)
    assert not {case.name, case.name.removesuffix(" (composed)")} & REFUSED
