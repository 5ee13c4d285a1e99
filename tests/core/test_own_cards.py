"""Primitives as users write them: what cannot be is refused where it stands, everything else is right in every way.

What a card serves when it is right, test_cards.py tells.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from cards import BACKENDS, SMALL, agree, by_numpy

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import DTypeError
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.primitive import elementwise, primitive

pytestmark = pytest.mark.usefixtures("as_python")
SHARE = 0.5


def declared(name, arguments="x"):
    """Make the function that declares a primitive."""
    made = {}
    exec(f"def {name}({arguments}): ...", made)
    return made[name]


def outside(x, out):
    for i in range(len(x)):
        out[i] = x[i, 0] * SHARE


def enclosing(factor):
    def inside(x, out):
        for i in range(len(x)):
            out[i] = x[i, 0] * factor

    return inside


def misnamed(y, out):
    out[0] = y[0, 0]


CARDS = {  # of a primitive p of x
    "over beyond": (dict(over=(1,)), r"p: over is a tuple of positions .* 0 to 0, not \(1,\)"),
    "over from the end": (dict(over=(-1,)), "p: over is a tuple"),
    "over a name": (dict(over=("x",)), "p: over is a tuple"),
    "over a number": (dict(over=0), "p: over is a tuple"),
    "a ufunc of two": (dict(computes=np.hypot), r"p: hypot has 2 arguments and 1 results, for \(x\)"),
    "a ufunc with two": (dict(computes=np.modf), "p: modf has 1 arguments and 2 results"),
    "a ufunc of objects": (dict(computes=np.frompyfunc(abs, 1, 1)), "p: .*Python objects.*vectorize"),
    "a loop of others": (dict(loop=lambda y: "x"), r"a function of \(\) .*not a function of \(y\)"),
    "a loop that is none": (dict(loop=3), "p: its loop is a text, or .*, not 3"),
    "an attribute": (dict(loop="x.real"), r"its loop knows x, math, loops and abs, not x\.real"),
    "no such function": (dict(loop="math.tan2(x)"), r"not math\.tan2"),
    "math alone": (dict(loop="x + math"), "not math$"),
    "a call of a result": (dict(loop="x(1)"), r"not x\(1\)"),
    "a text": (dict(loop="'x'"), "not 'x'"),
    "linear in a number": (dict(linear=1), "p: linear is True, or a tuple of names .*not 1"),
    "linear in another": (dict(linear=("y",)), "p: linear is True"),
    "a batch of none": (dict(batch="rows"), "p: batch is 'elements', .* or a tuple of these, not 'rows'"),
    "a batch of two": (dict(batch=2), "p: batch is .*not 2"),
    "an axis of none": (dict(batch="axis"), "p: batch is .*not 'axis'"),
    "a batch of others": (dict(batch=lambda x: x), r"a rule of p \(a batch\) takes \('sizes', 'x'\)"),
    "rows that are none": (dict(rows="x"), "p: rows is a function, .*not 'x'"),
    "rows of others": (dict(rows=misnamed), "p: its rows may take x, out, not y, out"),
    "a global in rows": (dict(rows=outside), "p: its rows know .*not SHARE: write a constant"),
    "rows inside": (dict(rows=enclosing(2.0)), "p: its rows know .*not factor"),
}  # fmt: skip
MISTAKES = {name: (lambda card=card: primitive(**card)(declared("p")), error) for name, (card, error) in CARDS.items()}
MISTAKES |= {
    "a ufunc declares": (lambda: elementwise()(np.arctan), r"not by a ufunc: write @primitive\(\)"),
    "no parentheses": (lambda: elementwise(declared("p")).vjp("x"), r"p has no declaration yet: write @primitive\(\)"),
    "none, called": (lambda: primitive(declared("p"))(tg.ones(2)), "declared by a function .*, not by a Tensor"),
    "a rule of none": (lambda: primitive()(declared("p")).vjp("y")(declared("r", "g, out, x")), "no argument y"),
    "a rule of others": (lambda: primitive()(declared("p")).vjp("x")(declared("r", "g, x")), "r: a rule of p takes"),
    "a tangent of others": (lambda: primitive()(declared("p")).jvp("x")(declared("r", "g, out, x")), r"r: .*\('t', "),
    "no rule": (lambda: primitive()(declared("p")).vjp("x")(np.exp), "exp: a rule of p takes"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_of_a_card_are_errors_where_they_stand(name):
    make, error = MISTAKES[name]
    with pytest.raises(TypeError, match=error):
        make()


# ---------------------------------------------------------------- every way to write what is right


class Tanh:
    def __call__(self, x):
        return np.tanh(x)

    def method(self, x, out=None):
        return np.tanh(x, out)


CALLABLE = {
    "object": lambda: elementwise(Tanh())(declared("p")), "method": lambda: elementwise(Tanh().method)(declared("p")),
    "partial": lambda: elementwise(functools.partial(np.clip, a_min=-1, a_max=1))(declared("p")),
    "lambda": lambda: elementwise()(lambda x: np.tanh(x)), "builtin": lambda: elementwise(abs)(declared("p")),
    "lambda with out": lambda: elementwise()(lambda x, *, out=None: np.tanh(x, out=out)),
    "vectorize": lambda: elementwise(np.vectorize(lambda x: x + 1, otypes="f"))(declared("p")),
    "function": lambda: elementwise(np.nan_to_num)(declared("p")), "itself": lambda: primitive()(lambda x: x),
    "ufunc": lambda: elementwise(np.cbrt)(declared("p")),
    "view": lambda: primitive(lambda x: x[..., ::2], view=True)(declared("p")),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", CALLABLE.values(), ids=CALLABLE)
def test_anything_callable_computes(make, backend):
    p = make()
    agree(lambda x: [p(p(x * 2.0) * 3.0)], backend)


LOOPS = {
    ".5 * x": lambda x: x * 0.5, "x * 1e+2": lambda x: x * 100, "x * 1E2 / 1_0": lambda x: x * 10,
    "2 * x if x > .5 else -x": lambda x: np.where(x > 0.5, 2 * x, -x), "\n(x +\n1)": lambda x: x + 1,
    "x * math.pi": lambda x: x * np.float32(np.pi), "math.inf if x > 1 else x": lambda x: np.where(x > 1, np.inf, x),
    "(x > 0) * x": lambda x: (x > 0) * x, "not 0 < x < 1": lambda x: ~((x > 0) & (x < 1)),
    "x % 2 // 1": lambda x: x % 2 // 1,
    "math.pow(x, 2) if x and not x > 1 else 0x10": lambda x: np.where((x != 0) & (x <= 1), x * x, 16),
    "False if x > 0 else True": lambda x: x <= 0,
}  # fmt: skip


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_is_any_expression(loop):
    pytest.importorskip("numba", reason="numba is not installed")

    def computes(x):
        found = LOOPS[loop](x)
        return found if found.dtype == bool else found.astype(x.dtype)

    p = elementwise(computes, loop=loop)(declared("p"))
    assert "p" not in by_numpy(agree(lambda x: [p(x * 2.0) * 3.0], "numba"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_out_may_be_positional_and_settings_have_defaults(backend):
    @elementwise(loop="x * k + b")
    def line(x, b, out=None, *, k=2.0):
        return np.add(x * k, b, out=out)

    @line.vjp("x")
    def line_vjp_x(g, out, x, b, *, k):
        return g * k

    @primitive(loop=lambda k: "x" if k else "-x")
    def maybe(x, other=None, *, k=True):
        return x * 1 if k else -x

    def step(x, b):
        return [line(x * 1.0, b), line(x, b=b, k=3.0), line(k=1.0, x=x, b=b), maybe(x * 2.0), maybe(x, k=False)]

    plan = agree(step, backend, SMALL, SMALL)
    assert backend == "numpy" or by_numpy(plan) == {"maybe"}  # whose second argument is no number
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    line(x, x.detach()).sum().backward()
    np.testing.assert_array_equal(x.grad.array, [2.0, 2.0])
    for call in (lambda: line(x), lambda: line(x, x, x), lambda: line(x, x, out=x), lambda: line(x, x, q=1, k=1.0)):
        with pytest.raises(DTypeError, match=r"line: takes \(x, b, k=\), got "):
            call()


def test_a_function_may_read_an_argument_after_it_has_written_out():
    def twice_and(x, y, *, out=None):
        out = np.multiply(x, 2, out=out)
        return np.add(out, y, out=out)

    p = elementwise(twice_and)(declared("p", "x, y"))
    agree(lambda x, y: [p(x * 1.0, y * 1.0), p(x, p(y * 3.0, y)), p(p(x, x), x * 5.0)], "numpy", SMALL, SMALL)
    assert p.over == () and elementwise(np.nextafter)(declared("q", "x, y")).over == (0, 1)


def test_a_notebook_may_run_a_cell_twice_but_not_take_a_ufunc_from_the_package():
    cells = ("q", np.nextafter, False), ("q", np.nextafter, False), ("r", np.nextafter, True), ("add", np.add, True)
    for name, ufunc, taken in cells:
        function = declared(name, "x, y")
        function.__module__ = "__main__"
        before = registry.get(name)
        if not taken:
            assert elementwise(ufunc)(function) is registry[name] is not before
            continue
        with pytest.raises(TypeError, match=rf"{name}: np\.{ufunc.__name__} is .* already"):
            elementwise(ufunc)(function)
        assert registry.get(name) is before


def softmax(x, out):
    for i in range(len(x)):
        out[i] = x[i, 0] * 2


def first():
    def rows(x, out):
        for i in range(len(x)):
            out[i] = x[i, 0] * 3

    return rows


def second():
    def rows(x, out):
        for i in range(len(x)):
            out[i] = x[i, 1] * 5

    return rows


def row_products(x, w, out):
    for i in range(len(x)):
        out[i] = x[i, 0] * w[i, 0] + x[i, 1] * w[i, 1] + x[i, 2] * w[i, 2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_loops_over_rows_may_share_a_name(backend):
    a = primitive(lambda x: x[:, 0] * 2, rows=softmax)(declared("a"))
    b = primitive(lambda x: x[:, 0] * 3, rows=first())(declared("b"))
    c = primitive(lambda x: x[:, 1] * 5, rows=second())(declared("c"))
    plan = agree(lambda x: [p(x * 1.0) for p in (a, b, c, lambda x: tg.softmax(x, 1))], backend)
    assert backend == "numpy" or not by_numpy(plan)


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_go_over_matrices_that_are_alike(backend):
    p = primitive(lambda x, w: (x * w).sum(1), rows=row_products)(declared("p", "x, w"))
    for part, slow in ((slice(None), set()), (slice(1), {"p"})):  # a column, which the loop would read beyond its end
        plan = agree(lambda x, w, part=part: [p(x * 1.0, w[:, part].clone() * 2.0)], backend, SMALL, SMALL)
        assert backend == "numpy" or by_numpy(plan) & {"p"} == slow


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", "update effect write draw step np print clone relu reshape matmul".split())
def test_names_of_the_compilers_own_mean_nothing_to_it(name, backend):
    function = declared(name)
    function.__module__ = "__main__"  # where a name of the package's may be taken again
    p = elementwise(lambda x: x * 3 + 1, loop="x * 3 + 1")(function)
    agree(lambda x: [p(p(x * 2.0) + 1.0) + p(x)], backend)
    agree(lambda x: [p(p(x * 2.0))], backend, (2, 3, 2))


@pytest.mark.parametrize("backend", BACKENDS)
def test_arguments_may_have_the_names_of_what_is_generated(backend):
    p = primitive(lambda x: (x * x, x * 2), residuals=True)(declared("p"))

    @p.vjp("x")
    def p_vjp_x(g, out, x, *, saved=None):
        return g * (x * 2 if saved is None else saved)

    def step(result, saved):
        x = (result * 2.0).detach().requires_grad_()
        (p(x) * saved).sum().backward()
        return [result * 1.0, saved * 1.0, x.grad.detach()]

    agree(step, backend, SMALL, SMALL)
