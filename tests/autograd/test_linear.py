"""What cards say for forward mode and vmap (`linear`, `jvp`, `batch`), held against numbers; a user's own, too."""

import numpy as np
import pytest
from cases import CASES
from strategies import seeded

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd.forward import grouped, linear_in
from tinygrad_mnist.core.faults import argument
from tinygrad_mnist.core.primitive import Primitive, registry
from tinygrad_mnist.core.stale import reads
from tinygrad_mnist.primitive import elementwise, primitive

# whose rule reads neither the argument nor the result, and that are not declared linear in it
CHANNELS = "a number for each channel: the rule reads of x no more than the shape, which would be taken for its values"
OTHERWISE = {
    ("rescale", "offset"): CHANNELS, ("rescale", "share"): CHANNELS,
    ("channel_sums", "x"): "affine: the first sum has no x", ("batch_norm", "bias"): "no weight is 1, not 0",
}  # fmt: skip


def places(p):
    names = [*p.arguments, *filter(None, [p.variadic])]
    return [i for i, n in enumerate(names) if n in p.rules]


LINEAR = [(p, i) for p in [*registry.values()] for i in places(p) if linear_in(p, i) is not None]


@pytest.mark.parametrize("p, i", LINEAR, ids=[f"{p.name} {argument(p, i)}" for p, i in LINEAR])
def test_what_is_declared_linear_is(p, i):
    """p(x + t) - p(x) is what forward mode makes of t, and twice as much of 2 t."""
    found = 0
    for case in [c for c in CASES.values() if c.primitive is p]:
        for seed in range(8):
            call = case.build(seeded(seed))
            if i >= len(call.args) or not isinstance(call.args[i], np.ndarray) or call.args[i].dtype.kind != "f":
                continue
            rng, x = np.random.default_rng(seed), call.args[i].astype(np.float64)

            def f(y, args=call.args, static=call.static):
                return p(*args[:i], y, *args[i + 1 :], **static)

            t = rng.normal(size=x.shape)
            _, got = tg.func.jvp(f, (Tensor(x),), (Tensor(t),))
            for scale in (1, 2):
                want = np.asarray(f(x + scale * t)) - np.asarray(f(x))
                np.testing.assert_allclose(scale * got.array, want, rtol=1e-9, atol=1e-9)
            found += bool(x.size)
    assert found


def test_what_looks_linear_is_declared():
    missing = set()
    for name, p in registry.items():
        for i in places(p):
            own = argument(p, i)
            looks = not {own, "out"} & reads(p.rule_at(i)[0])
            said = own in p.tangents or "elements" in p.batch or linear_in(p, i) is not None
            missing |= {(name, own)} if looks and not said else set()
    assert missing == {*OTHERWISE}


def test_what_goes_together():
    assert grouped(registry["linear"], (0, 1, 2))[0][0] == [0, 2] and len(grouped(registry["linear"], (0, 1, 2))) == 2
    assert [g for g, _ in grouped(registry["cat"], (0, 1, 2))] == [[0, 1, 2]]
    assert [g for g, _ in grouped(registry["matmul"], (0, 1))] == [[0], [1]]


@pytest.mark.thread_unsafe(reason="there is one primitive of a name")
def test_a_primitive_of_ones_own():
    calls = []

    @primitive(linear=True, batch="axis")
    def second_difference(x, *, axis):
        calls.append(x.shape)
        return np.diff(x, 2, axis)

    @second_difference.vjp("x")
    def second_difference_vjp_x(g, out, x, *, axis):
        raise AssertionError("forward mode needs no rule")

    @primitive(batch=lambda sizes, x: flat(x))
    def flat(x):
        return x.copy()

    @flat.jvp("x")
    def flat_jvp_x(t, out, x):
        return 3 * t

    @flat.vjp("x")
    def flat_vjp_x(g, out, x):
        return 3 * g

    @elementwise()
    def cube(x):
        return x**3

    @cube.vjp("x")
    def cube_vjp_x(g, out, x):
        return g * (3 * x * x)

    x, t = Tensor(np.arange(12.0).reshape(3, 4)), Tensor(np.ones((3, 4)))
    assert tg.func.jvp(lambda x: second_difference(x, axis=1), (x * x,), (x * x,))[1].tolist() == [[2.0, 2.0]] * 3
    calls.clear()
    assert tg.func.vmap(lambda x: second_difference(x, axis=0))(x).shape == (3, 2) and calls == [(3, 4)]
    assert tg.func.jvp(flat, (x,), (t,))[1].tolist() == [[3.0] * 4] * 3
    assert np.array_equal(tg.func.vmap(flat)(x), x) and isinstance(cube, Primitive)
    assert tg.func.vmap(tg.func.grad(lambda x: cube(x).sum()))(x).tolist() == (3 * x * x).tolist()
