"""Random steps, eager and compiled: chains of views and operations between leaves and loss, then a change of leaves.

Every call is compared, result, leaves and `.grad`; the plan's own check at the second call is not what is relied on.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tinygrad_mnist.capture.verify import differing
from tinygrad_mnist.core.errors import CaptureError
from tinygrad_mnist.core.primitive import Primitive, registry


class Table:
    """An object among the static arguments."""

    def __init__(self, factor):
        self.factor = factor


def scaled_forward(x, *, table, function, where):
    return function(x) * table.factor * where["share"][1]


def scaled_rule(g, out, x, *, table, function, where):
    return g * table.factor * where["share"][1]


@pytest.fixture(scope="module", autouse=True)
def scaled():
    """A user's primitive whose static arguments are an object, a function and a dict with NumPy numbers."""
    primitive = Primitive(scaled_forward, residuals=False, view=False, unbroadcast=None)
    primitive.vjp("x")(scaled_rule)
    yield primitive
    registry.pop("scaled_forward", None)


def same(x):
    return x


TABLE, SHARE = Table(1.5), {"share": (0, np.float32(0.5))}
VIEWS = {
    "transposed": lambda v: v.permute(*reversed(range(v.ndim))) if v.ndim else v,
    "rolled": lambda v: v.permute(*range(1, v.ndim), 0) if v.ndim else v, "flip": lambda v: v.flip(0) if v.ndim else v,
    "unsqueeze": lambda v: v.unsqueeze(0), "unsqueeze last": lambda v: v.unsqueeze(-1),
    "squeeze": lambda v: v.squeeze(), "flat": lambda v: v.reshape(-1), "expand": lambda v: v.expand(2, *v.shape),
    "()": lambda v: v[()], "...": lambda v: v[...], "None": lambda v: v[None],
    "every other": lambda v: v[..., ::2] if v.ndim else v, "np.int64": lambda v: v[np.int64(0)] if v.ndim > 1 else v,
    "backwards": lambda v: v[[-1, 0]] if v.ndim else v,
}  # fmt: skip
OPERATIONS = {
    "square": lambda v: v * v, "tanh": lambda v: v.tanh(), "stack": lambda v: tg.stack([v, v * 2], 0).sum(0),
    "stack itself": lambda v: tg.stack([v, v], -1).sum(-1),
    "cat": lambda v: tg.cat([v.unsqueeze(0), (v * 2).unsqueeze(0)], 0).mean(0), "centred": lambda v: v - v.mean(),
    "relu": lambda v: v.relu(), "where": lambda v: tg.where(v > 0, v, v * 0.5),
    "scaled": lambda v: registry["scaled_forward"](v, table=TABLE, function=same, where=SHARE),
    "softmax": lambda v: v.softmax(-1) if v.ndim else v,
    "normalized": lambda v: (v - v.mean(0)) / (v.var(0, correction=0) + 0.1).sqrt() if v.ndim else v,
    "clamped": lambda v: v.clamp(-0.5, np.float32(0.8)), "clamped root": lambda v: (v.clamp(min=0) + 0.01).sqrt(),
    "parts": lambda v: tg.cat([part.square() for part in v.split(2, -1)][::-1], -1) if v.ndim else v,
    "padded": lambda v: tg.nn.functional.pad(v, [1, 0], value=0.5) if v.ndim else v,
    "largest": lambda v: v.max(0)[0] + v if v.ndim else v, "masked": lambda v: v * (v > v.detach().mean()),
    "gathered": lambda v: v.gather(-1, (v > 0).long() * (v.shape[-1] - 1)) if v.ndim else v,
    "other dtype": lambda v: v.double().exp().clamp(max=3).to(v.dtype),
    "in place": lambda v: (v * 2).clone().add_(1).mul_(v.detach()), "powers": lambda v: v.abs() ** 1.5 - 1 / (v**2 + 1),
    "dropped": lambda v: tg.nn.functional.dropout(v, 0.3),
}  # fmt: skip
LAYOUTS = {
    "C": np.ascontiguousarray, "F": np.asfortranarray, "gaps": lambda a: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a,
    "backwards": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
}  # fmt: skip
ALL = VIEWS | OPERATIONS
CHANGES = {
    "none": lambda ws: None, "by hand": lambda ws: None, "sgd": lambda ws: tg.optim.SGD(ws, lr=0.01),
    "momentum": lambda ws: tg.optim.SGD(ws, lr=0.01, momentum=0.9), "adam": lambda ws: tg.optim.Adam(ws, lr=0.01),
}  # fmt: skip
names = st.sampled_from(sorted(ALL))
chains = st.lists(st.one_of(st.sampled_from(sorted(VIEWS)), names), max_size=5)
shapes = st.sampled_from([(3, 4), (4,), (2, 3, 2), (1, 4), (4, 1), ()])
settings = st.fixed_dictionaries({
    "leaves": st.lists(st.tuples(shapes, chains), min_size=1, max_size=3), "x": st.tuples(shapes, chains),
    "change": st.sampled_from(sorted(CHANGES)),
    "zero": st.sampled_from([True, False, None]),  # set_to_none; None: gradients add up
    "clip": st.booleans(),
    "dtype": st.sampled_from(["float32", "float64"]),
    "layouts": st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 2),  # of leaves, and of `.grad` before the first call
    "warm": st.integers(0, 2),  # uncompiled calls first
    "halved": st.booleans(),  # leaves change between a view of them and its use
})  # fmt: skip


def through(chain, v):
    for name in chain:
        if v.numel() < 200 or name not in ("expand",):
            v = ALL[name](v)
    return v


def run(plan, backend=None, calls=4):
    """Run a step some times; list what each call gives and leaves."""
    rng = np.random.default_rng(0)
    tg.manual_seed(0)
    layouts = [LAYOUTS[name] for name in plan.get("layouts", ("C", "C"))]

    def made(shape, layout):
        return tg.from_numpy(layout(rng.standard_normal(shape).astype(plan["dtype"])).reshape(shape))

    ws = [made(shape, layouts[0]).requires_grad_() for shape, _ in plan["leaves"]]
    for w in ws if plan["zero"] is None else ():
        w.grad = made(w.shape, layouts[1])
    optimizer = CHANGES[plan["change"]](ws)

    def step(x):
        if plan["zero"] is not None:
            for w in ws:
                if plan["zero"] or w.grad is None:
                    w.grad = None
                else:
                    w.grad.zero_()
        h = through(plan["x"][1], x)
        loss, seen = (h * h).mean(), [h]
        if plan.get("halved"):
            rows = [w.detach().reshape(-1) for w in ws]
            with tg.no_grad():
                for w in ws:
                    w.mul_(0.5)
            seen += [row * 1 for row in rows]
        for w, (_, chain) in zip(ws, plan["leaves"], strict=True):
            v = through(chain, w)
            loss = loss + (h.reshape(-1, 1) @ v.reshape(1, -1)).tanh().mean() + (v * v).mean()
            seen.append(v)
        loss.backward()
        if plan["clip"]:
            tg.nn.utils.clip_grad_norm_(ws, 0.5)
        if optimizer is not None:
            optimizer.step()
        elif plan["change"] == "by hand":
            with tg.no_grad():
                for w in ws:
                    w.sub_(w.grad * 0.01)
        return [loss.detach(), *(v.detach() for v in seen)]

    compiled = step if backend is None else tg.compile(step, backend=backend)
    found = []
    for i in range(calls):
        x = made(plan["x"][0], layouts[1])
        result = [t.numpy().copy() for t in (step if i < plan.get("warm", 0) else compiled)(x)]
        found.append(result + [a.copy() for w in ws for a in (w.detach().numpy(), w.grad.numpy())])
    return found


def check(plan, backend, rtol):
    expected, found = run(plan), run(plan, backend)
    for a, b in zip(expected, found, strict=True):
        for one, other in zip(a, b, strict=True):
            assert one.shape == other.shape and one.dtype == other.dtype
            np.testing.assert_allclose(other, one, rtol=rtol, atol=rtol)


BASE = {"x": ((3, 4), []), "change": "by hand", "zero": True, "clip": False, "dtype": "float32"}


@given(plan=settings)
@example(plan={**BASE, "leaves": [((3, 4), ["transposed"])]})
@example(plan={**BASE, "leaves": [((3, 4), ["unsqueeze", "rolled", "squeeze"])], "change": "momentum", "clip": True})
@example(plan={**BASE, "leaves": [((3, 4), ["expand", "transposed"])], "zero": None})
@example(plan={**BASE, "leaves": [((), ["()", "scaled"]), ((1, 4), ["stack"])]})
def test_a_replay_is_the_step(plan):
    check(plan, "numpy", 1e-4 if plan["dtype"] == "float32" else 1e-10)


@pytest.mark.parametrize("chain", [["transposed"], ["unsqueeze", "rolled", "squeeze"], ["flat", "scaled"], ["stack"]])
def test_numba_does_the_same(chain):
    pytest.importorskip("numba")
    for change in ("by hand", "momentum"):
        check({**BASE, "leaves": [((3, 4), chain)], "change": change}, "numba", 1e-4)


def test_zero_warm_up_calls_take_the_gradient_as_it_is():
    """The plan's own check turned off: what it used to notice at the second call must not be there."""
    w = tg.tensor(np.arange(12.0, dtype=np.float32).reshape(3, 4), requires_grad=True)

    @tg.compile
    def step(x):
        w.grad = None
        ((x @ w.T) ** 2).sum().backward()

    x = tg.tensor(np.arange(8.0, dtype=np.float32).reshape(2, 4))
    step(x)
    step.latest.verified = True
    expected = w.grad.numpy().copy()
    step(x)
    assert np.array_equal(w.grad.numpy(), expected)


def test_an_outside_tensor_of_several_elements_comes_back_itself():
    c = tg.randn(3, 4)
    step = tg.compile(lambda x: c)
    assert all(step(tg.zeros(2)) is c for _ in range(3))


def test_static_objects_with_one_repr_are_not_taken_for_each_other():
    large = [np.zeros(5000, np.float32), np.zeros(5000, np.float32)]
    large[1][2500] = 1  # repr leaves out the middle

    def forward(x, *, table):
        return x * table.sum()

    primitive = Primitive(forward, residuals=False, view=False, unbroadcast=None)
    step = tg.compile(lambda x: (primitive(x, table=large[0]), primitive(x, table=large[1])))
    for value in (1.0, 2.0, 3.0):
        first, second = step(tg.tensor([value]))
        assert (first.item(), second.item()) == (0.0, value)


def normalized(optimizer, zero):
    """A step with a bias before a normalization, whose gradient is mathematically 0."""
    tg.manual_seed(0)
    first, last = tg.nn.Linear(8, 16), tg.nn.Linear(16, 3)
    change = optimizer([*first.parameters(), *last.parameters()])

    def step(x, y):
        h = first(x)
        m = h.mean(0)
        h = ((h - m) / (((h - m) ** 2).mean(0) + 1e-5).sqrt()).relu()
        if zero:
            change.zero_grad()
        loss = tg.nn.functional.cross_entropy(last(h), y)
        loss.backward()
        change.step()
        return loss.detach()

    return step


@pytest.mark.parametrize(
    ("optimizer", "zero"),
    [(lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9), True), (lambda p: tg.optim.Adam(p), False)],
)
def test_a_gradient_that_is_rounding_alone_is_no_difference(optimizer, zero):
    pytest.importorskip("numba")
    eager, step = normalized(optimizer, zero), tg.compile(normalized(optimizer, zero), backend="numba")
    rng = np.random.default_rng(0)
    for _ in range(5):
        x, y = tg.tensor(rng.standard_normal((32, 8)).astype(np.float32)), tg.tensor(rng.integers(0, 3, 32))
        assert abs(eager(x, y).item() - step(x, y).item()) < 1e-4


def leaves(w, g):
    found = []
    for values, gradient in zip(w, g, strict=True):
        t = tg.tensor(np.array(values, np.float32), requires_grad=True)
        t.grad = tg.tensor(np.array(gradient, np.float32))
        found.append(t)
    return found


def test_a_planted_mistake_is_a_difference_still():
    one = leaves([[1, 2], [0.5, 0]], [[3, 4], [1e-7, -2e-7]])

    def refused(w, g):
        other = leaves(w, g)
        error = differing("step", {"the leaves": (one, other)}, 1e-2)
        return isinstance(error, CaptureError)

    assert not refused([[1, 2], [0.5, 0]], [[3, 4], [-3e-7, 1e-7]])  # rounding
    assert refused([[1, 2], [0.5, 0]], [[4, 3], [1e-7, -2e-7]])  # in another order
    assert refused([[1, 2], [0.5, 0]], [[3, 4], [1e-3, 1e-3]])  # small, but no rounding
    assert refused([[1, 2], [0.5, 0.1]], [[3, 4], [1e-7, -2e-7]])  # a change of a leaf whose gradient is right
    assert refused([[1, 2.1], [0.5, 0]], [[3, 4], [-3e-7, 1e-7]])


def viewed_then_changed():
    """A view made before a change of its memory, and read after it."""
    c = tg.ones(8)

    def step(x):
        row = c[2:]
        with tg.no_grad():
            c.mul_(2)
        return row * x, c + 1

    return step, [c]


def strided_and_changed():
    """A parameter whose rows have gaps between them, changed before it is used."""
    w = tg.from_numpy(np.arange(24, dtype=np.float32).reshape(2, 1, 3, 4)[..., ::2]).requires_grad_()

    def step(x):
        w.grad = None
        with tg.no_grad():
            w.div_(2)
        loss = (w * 0.1).tanh().sum() * x.sum()
        loss.backward()
        return loss.detach()

    return step, [w]


def changed_beside_what_is_gone():
    """A change of memory that tensors looked at which nothing keeps: temporary ones, and those of a generator."""
    p = tg.ones(6, requires_grad=True)

    def step(x):
        v = p * x
        v.detach().mul_(2)
        total = sum(part.detach().sum() for part in v.split(2))
        v.sub_(p, alpha=0.5)
        return v.detach(), total

    return step, []


def array_without_axes():
    """A NumPy array without axes, of another dtype, from outside; it changes."""
    c = np.array(1.5)

    def step(x):
        return x * c, c - x, tg.tensor(2.0).double() * [1.0, 2.0]

    return step, []


def integer_powers():
    """Integers to negative powers, which NumPy refuses."""
    return lambda x: ((x * 0 + 2).long() ** -(x * 0 + 1).long(), 2 ** (x.long() - 3)), []


def beyond_the_range():
    """What overflows, or is too small, in the order in which it is written."""

    def step(x):
        x = x.reshape(3, 2)
        return x * 1e30 * 1e30 * 1e-40, 1 / (x * 1e-30) / (x * 1e-30), (x + 1e8) - 1e8, x * 1e-30 * 1e-30 * 1e38

    return step, []


STEPS = [viewed_then_changed, strided_and_changed, changed_beside_what_is_gone, array_without_axes, integer_powers,
         beyond_the_range]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "backend"), [*((make, "numpy") for make in STEPS), *((STEPS[i], "numba") for i in (0, 1, 5))],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_a_step_is_what_it_is_uncompiled(make, backend):
    (eager, mine), (step, its) = make(), make()
    step = tg.compile(step, backend=backend)
    with np.errstate(all="ignore"):
        for i in range(4):
            x = tg.tensor(np.arange(6, dtype=np.float32) + i)
            for a, b in zip(tree(eager(x), mine), tree(step(x), its), strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_allclose(b, a, rtol=0 if backend == "numpy" else 1e-5)
            step.latest.verified = True  # what the plan's own check would notice must not be there


def tree(result, state):
    found = list(result) if isinstance(result, tuple) else [result]
    return [t.detach().numpy().copy() for t in (*found, *state)]


RANGE = [0.0, -0.0, 1.0, 0.3, 2.0, 8.9, 9.03, -17.0, 50.0, -50.0, -88.0, 1e10, -1e10,
         1e-30, 1e-42, np.inf, -np.inf, np.nan]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "sqrt", "reciprocal", "square", "abs"])
def test_numba_is_eager_over_the_whole_range(name, dtype):
    pytest.importorskip("numba")
    values = np.array(RANGE, dtype)
    x = tg.tensor(np.abs(values) if name in ("sqrt", "reciprocal") else values, requires_grad=True)

    def step(x):
        x.grad = None
        y = getattr(x, name)()
        y.sum().backward()
        return y.detach()

    compiled = tg.compile(step, backend="numba")
    with np.errstate(all="ignore"):
        expected = step(x).numpy(), x.grad.numpy().copy()
        compiled(x)
        found = compiled(x).numpy(), x.grad.numpy()
    eps = np.finfo(dtype).eps
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=8 * eps, atol=4 * eps if name in ("tanh", "sigmoid") else 0)
    if name in ("tanh", "sigmoid"):
        far = np.abs(values) >= 50 if name == "tanh" else values >= 50
        assert (found[1][far] == 0).all()
