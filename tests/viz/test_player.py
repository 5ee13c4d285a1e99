"""The player: its numbers are the engine's at every step, its formulas are true, and the graph stays as it was."""

import json
import re

import numpy as np
import pytest
from lessons import Both, attention, convolutional, expression, leaf, mlp, several

import tinygrad_mnist as tg
from tinygrad_mnist.core import engine
from tinygrad_mnist.core.graph import Node
from tinygrad_mnist.core.primitive import primitive, registry
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.viz.backprop import arrays as player_arrays
from tinygrad_mnist.viz.backprop import backward as player_pass
from tinygrad_mnist.viz.backprop import formulas as player_formulas
from tinygrad_mnist.viz.backprop import lesson as player_lesson

LESSONS = [expression, mlp, convolutional, attention, several]


def engine_says(loss):
    """Give the engine's cotangents of every Node and leaf, by a backward pass of its own."""
    nodes = player_pass.reachable([loss.node])
    targets = {p for node in nodes for p in (node, *node.parents) if isinstance(p, Node | tg.Tensor)}
    return engine.differentiate([loss], [np.ones(loss.shape, loss.dtype)], [*targets], True, False)


def equal(a, b):
    return type(b) is not np.ndarray and not isinstance(b, np.generic) or np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("make", LESSONS)
def test_what_is_watched_is_the_engines_bit_for_bit(make):
    loss, _ = make()
    run, expected = player_pass.watch(loss), engine_says(loss)
    assert len(run.pulled) == len(run.nodes) > 2
    for pulled in run.pulled:
        assert equal(expected[pulled.node], pulled.g)
        for share in pulled.shares:
            if isinstance(share.gx, np.ndarray) and share.before is not None:
                assert np.array_equal(share.before + share.gx, share.after)
    assert run.gradients and all(np.array_equal(expected[x], g) for x, g in run.gradients.items())


@pytest.mark.parametrize("make", LESSONS)
def test_the_graph_and_every_grad_stay_as_they_were(make, tmp_path):
    loss, names = make()
    leaves = [p for node in player_pass.reachable([loss.node]) for p in node.parents if isinstance(p, tg.Tensor)]
    kept = names.get("s", names.get("logits"))
    if kept is not None:
        kept.retain_grad()
    leaves[0].grad = tg.ones_like(leaves[0])
    path = tg.viz.player(loss, tmp_path / "new" / "a.html", names=names)
    assert path == tmp_path / "new" / "a.html" and path.stat().st_size < 1e6
    assert leaves[0].grad.tolist() == tg.ones_like(leaves[0]).tolist() and (kept is None or kept.grad is None)
    assert all(x.grad is None for x in leaves if x is not leaves[0])
    leaves[0].grad = None
    loss.backward()
    expected = {x: g for x, g in engine_says(make()[0]).items() if isinstance(x, tg.Tensor)}
    assert sorted(g.sum() for g in expected.values()) == sorted({id(x): x.grad.numpy().sum() for x in leaves}.values())


def test_a_value_used_thrice_sums_up():
    loss, names = expression()
    trace, arrays = player_lesson.Trace([loss], names, repeats=False), player_arrays.Arrays(100)
    lesson = player_lesson.Lesson(player_pass.watch(loss), trace, arrays)
    w = next(i for i, value in enumerate(lesson.values) if value["name"] == "w")
    shares = [s for step in lesson.steps for s in step.get("shares", ()) if s["value"] == w]
    number = [None if a is None else lesson.arrays.kept[a]["x"] for s in shares for a in (s["before"], s["after"])]
    loss.backward()
    assert [s["use"] for s in shares] == [1, 2, 3] and {s["uses"] for s in shares} == {3}
    assert number[0] is None and number[1:-1:2] == number[2::2] and number[-1] == names["w"].grad.item()


# ---------------------------------------------------------------- formulas

ARITHMETIC = {"−": "-", "·": "*", "^": "**", "²": "**2", "ᵀ": ".T", "exp(": "np.exp(", "log(": "np.log(",
              "sin(": "np.sin(", "cos(": "np.cos(", "tanh(": "np.tanh(", "max(": "np.maximum(", "min(": "np.minimum("}
ONE_ARGUMENT = {"sqrt", "log", "log1p"}  # of positive numbers


def computed(text, names):
    """Evaluate a formula of the table as Python."""
    text = re.sub(r"√(\w+)", r"np.sqrt(\1)", re.sub(r"\|(\w+)\|", r"np.abs(\1)", text)).replace(" (passes through)", "")
    for word, python in ARITHMETIC.items():
        text = text.replace(word, python)
    if given := re.fullmatch(r"(.+) where (.+), else (.+)", text):
        text = "np.where({1}, {0}, {2})".format(*given.groups())
    words = {"the sign of x": "np.sign(x)", "1 where a is the larger": "a > b", "1 where b is the larger": "b > a",
             "1 where a is the smaller": "a < b", "1 where b is the smaller": "b < a",
             "1 within the limits": "(x >= low) & (x <= high)", "x limited to [low, high]": "np.clip(x, low, high)"}
    for phrase, python in words.items():
        text = text.replace(f"{phrase}, else 0", python).replace(phrase, python)
    functions = {
        "np": np, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "φ": lambda x: np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5,
        "Φ": lambda x: (1 + tg.erf(tg.tensor(x / 2**0.5)).numpy()) / 2,
    }  # fmt: skip
    return eval(text, {**functions, **names})


ELEMENTWISE = [name for name in player_formulas.TABLE if registry[name].loop is not None]
STATIC = {"power_scalar": {"exponent": 3}, "clamp": {"low": -0.5, "high": 0.4}, "cast": {"dtype": np.dtype("float64")},
          "gelu": {"approximate": False}}  # fmt: skip


def test_the_table_speaks_of_primitives_and_their_arguments():
    for name, lines in player_formulas.TABLE.items():
        p = registry[name]
        assert {*lines.rules} <= {*p.arguments, p.variadic}, name
        fields = set(re.findall(r"\{(\w+)\}", " ".join([lines.result, *lines.rules.values()])))
        assert fields <= {*p.arguments, *p.static, "out", "n"}, name
    assert len(ELEMENTWISE) > 20


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_formulas_of_the_table_are_true(name):
    p, rng, static = registry[name], np.random.default_rng(7), STATIC.get(name, {})
    arrays = {n: rng.uniform(0.2, 2, 9) * (1 if name in (*ONE_ARGUMENT, "power") else rng.choice([-1, 1], 9))
              for n in p.arguments}  # fmt: skip
    if "condition" in arrays:
        arrays["condition"] = arrays["condition"] > 0
    out = p(*(tg.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays.values()), **static)
    words, node = {n: n for n in (*p.arguments, *static, "out")}, out.node
    known = {**arrays, "out": out.array, **static}
    if name != "cast":  # whose formula is no arithmetic
        np.testing.assert_allclose(computed(player_formulas.result_line(node, words), known), out.array, rtol=1e-7)
    for position, argument in enumerate(p.arguments):
        if argument not in p.rules:
            continue
        (kind, text), h = player_formulas.rule_line(node, position, words), 1e-6
        moved = [p(*(x + s * h if n == argument else x for n, x in arrays.items()), **static) for s in (1, -1)]
        numeric = np.broadcast_to((np.asarray(moved[0]) - np.asarray(moved[1])) / (2 * h), out.shape)
        np.testing.assert_allclose(player_pass.slope(node, position), numeric, rtol=1e-6, atol=1e-8)
        if argument in player_formulas.TABLE[name].rules:
            assert kind == "slope"
            assert np.allclose(computed(text, known), numeric, rtol=1e-6), text
            assert not np.allclose(1.01 * computed(text, known) + 0.02, numeric, rtol=1e-6), "a mistake is seen"


def test_rules_of_products_are_true():
    rng = np.random.default_rng(8)
    for p, shapes in ((registry["linear"], [(5, 4), (3, 4), (3,)]), (registry["matmul"], [(5, 4), (4, 3)])):
        arrays = dict(zip(p.arguments, (rng.normal(size=s) for s in shapes), strict=True))
        leaves = [tg.tensor(x, requires_grad=True) for x in arrays.values()]
        out = p(*leaves)
        g = rng.normal(size=out.shape)
        out.backward(tg.tensor(g), retain_graph=True)
        words = {n: n for n in p.arguments}
        assert np.allclose(computed(player_formulas.result_line(out.node, words), arrays), out.array)
        for position, x in enumerate(leaves[:2]):
            kind, text = player_formulas.rule_line(out.node, position, words)
            assert kind == "gradient"
            assert np.allclose(computed(text, {**arrays, "g": g}), x.grad.numpy()), text
    assert player_formulas.result_line(F.linear(leaves[0], tg.rand(2, 4).double()).node, words | {"x": "x"}) == "x @ wᵀ"


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


@pytest.mark.parametrize(("call", "text", "rule"), [
    (lambda x: x.softmax(0), "v · (g − Σ g · v)", lambda x, v, g: v * (g - (g * v).sum())),
    (lambda x: x.log_softmax(0), "g − exp(v) · Σ g", lambda x, v, g: g - np.exp(v) * g.sum()),
    (lambda x: x.logsumexp(0), "g · softmax(x)", lambda x, v, g: g * softmax(x)),
    (lambda x: x.norm(), "g · x / v", lambda x, v, g: g * x / v),
    (lambda x: x.var(), "g · 2 · (x − mean) / (5 − 1)", lambda x, v, g: g * 2 * (x - x.mean()) / (5 - 1)),
    (lambda x: x.mean(), "g / 5 for every element", lambda x, v, g: np.full(5, g / 5)),
    (lambda x: x.sum(), "g for every element that was added", lambda x, v, g: np.full(5, g)),
    (lambda x: x.amax(), "g where x is the largest, else 0", lambda x, v, g: np.where(x == x.max(), g, 0)),
    (lambda x: x[1:3], "g at the places that were read, else 0", lambda x, v, g: np.array([0, *g, 0, 0])),
    (lambda x: F.cross_entropy(x[None], tg.tensor([2]), reduction="none"),
     "g · (softmax(x) − one-hot(t))", lambda x, v, g: g * (softmax(x) - np.eye(5)[2])),
])  # fmt: skip
def test_rules_in_words_are_true(call, text, rule):
    rng = np.random.default_rng(10)
    x = tg.tensor(rng.normal(size=5), requires_grad=True)
    out = call(x)
    g = rng.normal(size=out.shape)
    out.backward(tg.tensor(g), retain_graph=True)
    assert player_formulas.rule_line(out.node, 0, {"x": "x", "out": "v", "target": "t"}) == ("gradient", text)
    np.testing.assert_allclose(rule(x.array, out.array, g), x.grad.array, atol=1e-12)


def test_other_operations_speak_from_their_card_and_source():
    x = leaf(0.5, 0.25)
    words = {"x": "x", "out": "out", "inputs[0]": "u"}

    def said(y):
        return player_formulas.result_line(y.node, words), player_formulas.rule_line(y.node, 0, words)

    assert said(x.atanh())[0] == "atanh(x)" and "g / (1 - x * x)" in said(x.atanh())[1][1].replace("x ** 2", "x * x")
    rows = registry["standardize"](tg.rand(2, 3, requires_grad=True), eps=0.1)
    assert said(rows) == ("(x − mean) / √(variance + 0.1)", ("", ""))
    grouped = registry["standardize_grad"](*(tg.rand(2, 3, requires_grad=True) for _ in range(2)), tg.rand(2))
    spelled = player_formulas.result_line(grouped.node, {"y": "v1", "h": "v2", "r": "v3"})
    assert spelled == "v3 (v1 - mean(v1) - v2 mean(v1 v2)), row by row"
    assert said(tg.cat([x, x]))[0] == "cat(xs[0], xs[1], axis=0)"
    assert said(x[[1]])[0] == "x[array]" and said(x[None, 1:])[0] == "x[None, 1:]"
    assert said(tg.cumsum(x, 0)) == ("cumsum(x, axis=0, reverse=False)", said(tg.cumsum(x, 0))[1])
    assert said(Both.apply(x)[0].sum())[0] == "Σ x" and player_formulas.describe(x.exp().node) == "Exponential eˣ."

    @primitive()
    def cubed(x):
        """Cube x³."""
        return x * x * x

    @cubed.vjp("x")
    def cubed_vjp_x(g, out, x):
        return g * 3 * x * x

    try:
        assert said(cubed(x)) == ("cubed(x)", ("written", "g * 3 * x * x"))
    finally:
        del registry["cubed"]


# ---------------------------------------------------------------- arrays


def held(array, pixels=False, most=100):
    arrays = player_arrays.Arrays(most)
    number = arrays.put(array, pixels)
    assert arrays.put(array, pixels) == number
    return json.loads(player_lesson.as_json(arrays.kept[number]))


@pytest.mark.parametrize(("shape", "pixels", "form", "part", "note"), [
    ((), False, "number", None, None), ((1, 1), False, "number", None, None), ((0, 3), False, "empty", None, None),
    ((4, 10), False, "digits", (1, 4, 10), ""), ((3, 11), False, "maps", (1, 3, 11), ""),
    ((64, 20), False, "maps", (1, 5, 20), "first 5 of 64 rows"),
    ((300,), False, "maps", (1, 1, 100), "first 100 of 300 columns"),
    ((2, 3, 5, 5), False, "maps", (4, 5, 5), "first 4 of 6 maps"), ((6, 2, 1, 1), False, "digits", (1, 6, 2), ""),
    ((9, 16), True, "maps", (6, 4, 4), "first 6 of 9 maps"), ((9, 16), False, "maps", (1, 6, 16), "first 6 of 9 rows"),
    ((2, 784), False, "maps", (1, 3, 28), "first 1 of 2 maps, 3 of 28 rows"),
])  # fmt: skip
def test_arrays_are_cut_and_say_so(shape, pixels, form, part, note):
    array = np.random.default_rng(9).normal(size=shape)
    found = held(array, pixels)
    assert found["form"] == form and found.get("note") == note
    if part is not None:
        assert (found["count"], found["rows"], found["columns"]) == part
        k, r, c = part
        assert found["x"] == array.reshape(found["whole"])[:k, :r, :c].ravel().tolist()
        assert (found["low"], found["high"]) == (array.min(), array.max())


def test_what_is_not_finite_is_counted():
    found = held(np.float32([1, np.nan, np.inf, -2]))
    assert (found["bad"], found["low"], found["high"]) == (2, -2, 1) and "float32" in found["x"]
    assert "low" not in held(np.full(3, np.nan)) and held(np.array([True, False]))["x"] == [True, False]


@pytest.mark.parametrize(("shape", "images"), [
    ((4, 784), True), ((4, 1, 28, 28), True), ((4, 3, 8, 8), True), ((4, 28, 28), True), ((4, 64), False),
    ((2, 5, 8), False), ((16, 8, 3, 3), False), ((7,), False),
])  # fmt: skip
def test_what_is_image_shaped(shape, images):
    assert player_arrays.image_shaped(shape) is images


# ---------------------------------------------------------------- what is refused, hooks, changes


@pytest.mark.parametrize(("make", "error", "words"), [
    (lambda: (leaf(1.0, 2.0) * 2, {}), tg.errors.GradientError, "2 elements has no single gradient"),
    (lambda: (leaf(1.0), {}), tg.errors.GradientError, "nothing was recorded"),
    (lambda: (tg.tensor(1.0) * 2, {}), tg.errors.GradientError, "requires_grad_\\(\\)"),
    (lambda: (3.0, {}), tg.errors.DTypeError, "expected a tensor"),
    (lambda: (leaf(1.0) * 2, {"x": 3}), tg.errors.DTypeError, "names must give"),
    (lambda: (leaf(1.0) * 2, ["x"]), tg.errors.DTypeError, "names must give"),
])
def test_what_cannot_be_played_is_refused(make, error, words, tmp_path):
    loss, names = make()
    with pytest.raises(error, match=words):
        tg.viz.player(loss, tmp_path / "a.html", names=names)
    assert not any(tmp_path.iterdir())


def test_other_refusals(tmp_path):
    loss, _ = expression()
    with pytest.raises(tg.errors.DTypeError, match="title"):
        tg.viz.player(loss, tmp_path / "a.html", title=3)
    with pytest.raises(tg.errors.OutputError, match="player"):
        tg.viz.player(loss, tmp_path)
    with pytest.raises(tg.errors.ArgumentError, match="player: a page's file name tells its form"):
        tg.viz.player(loss, tmp_path / "a.svg")
    long = leaf(1.0)
    for _ in range(1001):
        long = long * 1.0
    with pytest.raises(tg.errors.ArgumentError, match="1,001 operations"):
        tg.viz.player(long, tmp_path / "a.html")
    with pytest.raises(tg.errors.CaptureError, match="viz.player"):
        tg.compile(lambda x: tg.viz.player((x * 2).sum(), tmp_path / "a.html"))(leaf(1.0, 2.0))
    loss.backward()
    with pytest.raises(tg.errors.GraphFreedError, match=r"(?s)test_player.py.*call player before.*retain_graph=True"):
        tg.viz.player(loss, tmp_path / "a.html")
    again, _ = expression()
    again.backward(retain_graph=True)
    assert tg.viz.player(again, tmp_path / "a.html").exists()


def test_a_change_in_place_is_told_or_refused(tmp_path):
    x = leaf(1.0, 2.0)
    y = x * 3
    loss = (y + 1).sum()
    with tg.no_grad():
        y[0] = 9.0  # which no rule reads
    run = player_pass.watch(loss)
    lesson = player_lesson.Lesson(run, player_lesson.Trace([loss], {}, repeats=False), player_arrays.Arrays(100))
    assert [op["changed"] for op in lesson.operations] == [["out"], ["a"], []]
    used = x * 3
    loss = (used * used).sum()
    with tg.no_grad():
        used[0] = 5.0
    with pytest.raises(tg.errors.InPlaceError, match="multiply"):
        tg.viz.player(loss, tmp_path / "a.html")


def test_hooks_replace_gradients_as_in_backward():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    loss = (y * y).sum()
    run = player_pass.watch(loss)
    assert [p.hooked for p in run.pulled] == [False, False, True]
    loss.backward()
    assert run.gradients[x].tolist() == x.grad.tolist() == [181.0, 361.0]
