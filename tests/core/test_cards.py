"""What a card declares (core/primitive.py) serves eager mode, replay, numba and NumPy's protocol; a user's own, too."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from cards import BACKENDS, agree, by_numpy, numbers

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import CaptureError, DTypeError
from tinygrad_mnist.core.primitive import answering, registry
from tinygrad_mnist.ops import elementwise as E
from tinygrad_mnist.primitive import elementwise, primitive

pytestmark = pytest.mark.usefixtures("as_python")

# ---------------------------------------------------------------- the package's own


def test_every_primitive_is_fast_everywhere_or_says_why_not():
    lowering = pytest.importorskip("tinygrad_mnist.fast.lowering", reason="numba is not installed").Lowering
    for name, p in registry.items():
        replayed = p.takes_out or p.view
        machine_code = p.loop or p.rows or p.view or hasattr(lowering, f"lower_{name}")
        assert bool(replayed and machine_code) != bool(p.slow), f"{name}: {p.slow or 'gives no reason'}"


def test_a_ufunc_is_one_primitive_and_is_it_on_tensors():
    x = tg.tensor(numbers(3), requires_grad=True)
    ufuncs = [p.ufunc for p in registry.values() if p.ufunc is not None]
    assert len(set(ufuncs)) == len(ufuncs) > 25
    for ufunc in (np.exp, np.sign, np.reciprocal, np.multiply):
        assert ufunc(*[x] * ufunc.nin).node.name == registry[ufunc.__name__].name
    with pytest.raises(TypeError, match=r"twice: np\.multiply is multiply already"):
        @elementwise(np.multiply)
        def twice(a, b):
            """Multiply again."""
    assert "twice" not in registry and (numbers(3) * x).node.name == "multiply"


def test_a_primitive_takes_its_own_arguments_only():
    x, y = tg.tensor(numbers(3)), tg.tensor(numbers(3, seed=1))
    before = y.array.copy()
    exp, relu = registry["exp"], registry["relu"]
    for call in (lambda: exp(x, y), lambda: exp(x, out=y), lambda: relu(x, where=y)):
        with pytest.raises(DTypeError, match=r"takes \(x\), got"):
            call()
    np.testing.assert_array_equal(y.array, before)
    np.testing.assert_array_equal(registry["maximum"](b=y, a=x).array, np.maximum(x.array, y.array))


# ---------------------------------------------------------------- a user's own, declared in every way


def plain(x):
    return x * x + 1


def memory(x, *, out=None):
    return np.add(np.square(x), 1, out=out)


def first_rows(x, out):
    for i in range(len(x)):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] * x[i, j] + 1


def wrong_rows(x, out):
    for i in range(len(x)):
        out[i] = x[i]


FORWARDS, LOOPS, OVER = [plain, memory], [None, "x * x + 1", lambda: "x * x + 1"], [(), (0,)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("forward", "loop", "over", "rows"), [
    *itertools.product(FORWARDS, LOOPS, OVER, [None]), (plain, None, (), first_rows), (memory, None, (0,), first_rows),
])  # fmt: skip
def test_own_primitives_agree_in_every_way_to_run_them(forward, loop, over, rows, backend):
    def parabola(x, *, out=None): ...  # noqa: E704

    p = primitive(forward, loop=loop, over=over, rows=rows)(parabola)

    @p.vjp("x")
    def parabola_vjp_x(g, out, x):
        return g * (2 * x)

    def step(x):
        y = p(p(x * 0.5) * 0.25)
        (y * y).sum().backward()
        return y.detach()

    plan = agree(step, backend, (4, 3), requires_grad=True)
    if backend == "numba":
        assert ("parabola" in by_numpy(plan)) == (loop is None and rows is None)
    else:
        assert ("parabola" in step_copies(plan)) == (forward is plain)


def pair(x):
    return np.tanh(x) ** 2, np.tanh(x)


def pair_in_memory(x, *, out=None, saved=None):
    saved = np.tanh(x, out=saved)
    return np.square(saved, out=out), saved


@pytest.mark.parametrize("alone", [None, lambda x: np.tanh(x) ** 2, lambda x, out=None: np.square(np.tanh(x), out=out)])
@pytest.mark.parametrize("forward", [pair, pair_in_memory])
@pytest.mark.parametrize("backend", BACKENDS)
def test_own_residuals_agree_in_every_way_to_run_them(forward, alone, backend):
    def squared(x): ...  # noqa: E704

    p = primitive(forward, residuals=True, unrecorded=alone)(squared)

    @p.vjp("x")
    def squared_vjp_x(g, out, x, *, saved=None):
        saved = tg.tanh(x) if saved is None else saved
        return g * (2 * saved * (1 - saved * saved))

    def step(x):
        y = p(x * 2.0) * 3.0
        y.sum().backward()
        with tg.no_grad():
            return p(x * 0.5) + y

    agree(step, backend, (4, 3), requires_grad=True)


LOG_OF_SUM = np.logaddexp  # which the package has: for the test it has not


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loop", [None, "math.log(math.exp(a) + math.exp(b))"])
@pytest.mark.parametrize("shapes", [((4, 3), (4, 3)), ((4, 3), (3,)), ((4, 1), (1, 3)), ((3,), ()), ((4, 3), (1,))])
def test_own_ufuncs_broadcast_and_serve_numpy(shapes, loop, backend, monkeypatch):
    monkeypatch.delitem(answering, LOG_OF_SUM)

    @elementwise(LOG_OF_SUM, loop=loop)
    def log_of_sum(a, b):
        """log(eᵃ + eᵇ)."""

    @log_of_sum.vjp("a")
    def log_of_sum_vjp_a(g, out, a, b):
        return g * tg.exp(a - out)

    @log_of_sum.vjp("b")
    def log_of_sum_vjp_b(g, out, a, b):
        return g * tg.exp(b - out)

    x = tg.tensor(numbers(*shapes[0]), requires_grad=True)
    assert LOG_OF_SUM(x, x).node.name == "log_of_sum"
    double = tg.tensor(x.array.astype(np.float64), requires_grad=True)
    assert tg.autograd.gradcheck(log_of_sum, (double, 0.5 * double.detach()))

    def step(a, b):
        y = LOG_OF_SUM(a * 1.5, b * 0.5)
        (y * y).sum().backward()
        return y.detach()

    agree(step, backend, *shapes, requires_grad=True)


def step_copies(plan):
    """Name the operations whose results are copied."""
    lines = zip(plan.writer.lines, plan.writer.owners, strict=True)
    return {owner.name for line, owner in lines if "np.copyto(" in line}


def halves(x, out):
    for i in range(len(x)):
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            total += math.sqrt(abs(x[i, j]))
        out[i] = total


def test_own_loops_are_one_kernel_for_real(monkeypatch, tmp_path):
    pytest.importorskip("numba", reason="numba is not installed")
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    @elementwise(loop="1.5 * x if x > 0 and math.isfinite(x) else 0")
    def positive(x):
        return np.where((x > 0) & np.isfinite(x), 1.5 * x, 0).astype(x.dtype)

    @primitive(rows=halves)
    def roots(x):
        return np.sqrt(np.abs(x)).sum(1)

    run = tg.compile(lambda x: (positive(x * 2.0) + E.erf(x), roots(x * 1.0)), backend="numba")
    x = tg.tensor(np.concatenate([numbers(4, 3), [[np.inf, -0.0, np.nan]]]).astype(np.float32))
    for _ in range(3):
        found = run(x)
    np.testing.assert_allclose(found[0].array, positive(x * 2.0).array + E.erf(x).array, rtol=1e-6)
    np.testing.assert_allclose(found[1].array, roots(x).array, rtol=1e-6)
    assert all(task.rows for task in run.latest.replay.tasks) and len(run.latest.replay.kernels) == 1


# ---------------------------------------------------------------- planted mistakes


@pytest.mark.parametrize(("backend", "card"), [
    ("numba", {"loop": "x * x + 2"}), ("numba", {"rows": wrong_rows}),
    ("numpy", {"computes": lambda x, *, out=None: x * x + 1}),
])  # fmt: skip
def test_a_card_that_computes_something_else_is_noticed(backend, card):
    @primitive(card.pop("computes", plain), **card)
    def p(x):
        """Square and add one."""

    step = tg.compile(lambda x: p(x * 2.0) * 3.0, backend=backend)
    with pytest.raises(CaptureError, match=r"(?s)the result differs.*own loop= and out="):
        for seed in range(3):
            step(tg.tensor(numbers(4, 3, seed=seed)))


@pytest.mark.parametrize(("loop", "error"), [
    ("y + 1", r"its loop knows x, math, loops and abs, not y"), ("np.exp(x)", "not np"), ("x +", "invalid syntax"),
])  # fmt: skip
def test_a_loop_that_cannot_be_is_refused_where_it_stands(loop, error):
    with pytest.raises((TypeError, SyntaxError), match=error):
        @primitive(loop=loop)
        def strange(x):
            """Be strange."""
    assert "strange" not in registry


def test_a_loop_of_a_function_that_there_is_not_is_refused_when_it_is_compiled():
    p = primitive(plain, loop="loops.sigmoids(x)")(memory)
    with pytest.raises(TypeError, match=r"memory: its loop calls loops\.sigmoids, which there is not"):
        tg.compile(lambda x: p(x * 2.0), backend="numba")(tg.tensor(numbers(4, 3)))
