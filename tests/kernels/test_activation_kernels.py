"""Activations, sums and updates of parameters against their definitions."""

import numpy as np
import pytest
from loops_by_hand import LAYOUTS, layouts

from tinygrad_mnist.kernels import parallel, update
from tinygrad_mnist.kernels.activation import keep, relu
from tinygrad_mnist.kernels.elementary import lerp, same
from tinygrad_mnist.kernels.straight import leaky
from tinygrad_mnist.kernels.sums import multiply_up, sum_axes, sum_rows

SHAPES = [(), (0,), (5,), (3, 0), (64, 10), (70_000,), (3, 5, 80, 90)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_relu_and_keep_match_their_definitions(shape, dtype):
    x = np.asarray(np.random.default_rng(0).normal(size=shape)).astype(dtype)
    flat = x.reshape(-1)
    flat[::7], flat[1::7], flat[2::7], flat[3::7] = np.nan, np.inf, -np.inf, -0.0
    for name in LAYOUTS if x.ndim == 4 else ["C"]:
        y = layouts(x)[name] if x.ndim == 4 else x
        np.testing.assert_array_equal(relu(y), np.where(y <= 0, 0, y))
        mask = np.random.default_rng(1).random(shape) < 0.5
        for chosen in (mask, mask.astype(np.int64)):
            kept = keep(y, chosen)
            assert kept.dtype == dtype and relu(y).dtype == dtype
            np.testing.assert_array_equal(kept, np.where(mask, y, 0))
        assert not np.signbit(keep(y, np.zeros(shape, bool))).any()


def test_relu_of_integers_and_of_stretched_arrays():
    np.testing.assert_array_equal(relu(np.array([-2, 0, 3])), [0, 0, 3])
    stretched = np.broadcast_to(np.float32([-1, 2]), (400, 300, 2))
    np.testing.assert_array_equal(relu(stretched), np.maximum(stretched, 0))
    np.testing.assert_array_equal(keep(stretched, stretched > 0), np.maximum(stretched, 0))


@pytest.mark.parametrize("shape", [
    (0, 3), (3, 0), (64, 10), (64, 128), (999, 6), (30_011, 3), (20, 4000), (5, 7, 9, 11), (9, 8, 40, 41),
], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8, bool])
def test_sums_match_numpy(shape, dtype):
    values = (np.random.default_rng(0).normal(size=shape) * 3).astype(dtype)
    exact = values.astype(np.int64 if values.dtype.kind in "iub" else np.float64)
    tolerance = {"f": 1e-3, "d": 1e-11}.get(values.dtype.char, 0)
    for x in layouts(values).values() if values.ndim == 4 else [values]:
        for axes in [(0,), (0, 1), (1,), (0, 2, 3), (1, 3)]:
            if axes[-1] < x.ndim:
                for keepdims in (False, True):
                    wide = None if values.dtype.kind == "f" else np.int64
                    got = sum_axes(x, axes, keepdims=keepdims, dtype=wide)
                    want = exact.sum(axis=axes, keepdims=keepdims)
                    assert got.shape == want.shape and got.dtype == (wide or dtype)
                    np.testing.assert_allclose(got, want, atol=tolerance, rtol=1e-6)


def test_half_precision_sums_are_those_of_numpy():
    x = np.random.default_rng(0).normal(size=(999, 6)).astype(np.float16)
    np.testing.assert_array_equal(sum_rows(x), np.add.reduce(x, axis=0))


def test_folded_sums_lose_less_than_numpy():
    x = np.random.default_rng(0).random((40_000, 32), np.float32)
    exact = x.sum(axis=0, dtype=np.float64)
    assert np.abs(sum_rows(x) - exact).max() < np.abs(np.add.reduce(x, axis=0) - exact).max()


SIZES = [0, 1, 10, update.BLOCK + 3, 3 * update.BLOCK + 5]
FORMULAS = ["v = v * 0.9 + g * share\np = p - g * lr - v * (lr * 0.9)",
            "d = p * decay - g\nv = v * beta2 + d * d * (1 - beta2)\n"
            "p = p - d / (sqrt(v) + 1e-8) * (lr / t)"]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_formula_is_followed_in_any_number_of_pieces(formula, size, dtype, threads, monkeypatch):
    random = np.random.default_rng(0)
    start = [random.normal(size=size).astype(dtype) for _ in range(2)] + [random.random(size).astype(dtype)]
    numbers = {"lr": 0.1, "share": 0.5, "decay": 0.2, "betas": (0.9, 0.99)}

    def reference(p, g, v):
        known = {"p": p, "g": g, "v": v, "t": 3, "beta2": 0.99, "sqrt": np.sqrt, **numbers}
        exec(formula, known)
        return known["p"], known["v"]

    rule = update.compiled("rule", formula, "v")
    found = rule.numbers(numbers, 3)
    changed = lambda *arrays: update.by_blocks(lambda *x: rule.change(*x, *found), *arrays)  # noqa: E731
    check_update(changed, reference, start, [0, 2], {}, threads, monkeypatch)


@np.errstate(all="ignore")
def test_expressions_are_computed_in_any_order_of_operands():
    """Every tree of three operations, where the target stands in any place, as Python computes it."""
    shapes = ["({} {} {}) {} ({} {} {})", "{} {} ({} {} ({} {} {}))", "(({} {} {}) {} {}) {} {}"]
    random = np.random.default_rng(0)
    for i in range(300):
        a, b, c, d = random.choice(["p", "g", "v", "sqrt(v)", "n", "-p", "maximum(p, g * v)"], 4)
        x, y, z = random.choice(list("+-*/"), 3)
        formula = f"s = {shapes[i % 3].format(a, x, b, y, c, z, d)} + v * g\nv = {a} {x} ({b} {y} s)\np = s - p * v"
        arrays = [random.random(5) + 0.5 for _ in range(3)]
        known = dict(zip("pgv", arrays, strict=True)) | {"n": 3.0, "sqrt": np.sqrt, "maximum": np.maximum}
        exec(formula, known)
        rule = update.compiled("rule", formula, "v")
        found = [x.copy() for x in arrays]
        rule.change(*found, *rule.numbers({"n": 3.0}, 1))
        for mine, name in zip(found, "pgv", strict=True):
            np.testing.assert_array_equal(mine, known[name], err_msg=formula)
    with pytest.raises(ValueError, match="d is another name's memory"):
        update.compiled("rule", "d = g\nd = d * 2\np = p - d", "")


def check_update(change, reference, start, written, numbers, threads, monkeypatch):
    """An update equals its reference to rounding, and itself to the bit however it is cut."""
    want = reference(*start, **numbers)
    results = []
    for n, block in ((1, 1 << 40), (1, 1000), (2, update.BLOCK)):
        threads(n)
        monkeypatch.setattr(update, "BLOCK", block)
        monkeypatch.setattr(update, "_SHARE", block)
        parallel.for_each(lambda i: None, range(2))
        arrays = [x.copy() for x in start]
        change(*arrays, **numbers)
        np.testing.assert_array_equal(arrays[1], start[1])
        results.append([arrays[i] for i in written])
    for got, expected in zip(results[0], want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5 if got.dtype == np.float32 else 1e-12, atol=1e-6)
    np.testing.assert_equal(results[1:], results[:1] * 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arrays_of_slopes_weights_and_factors_match_their_definitions(dtype):
    rng = np.random.default_rng(0)
    x, y, w = (rng.normal(size=(300, 400)).astype(dtype) for _ in range(3))
    x[0, :4], w[1, :4] = (np.nan, np.inf, -np.inf, -0.0), (0.5, -0.5, np.nan, 1)
    for slopes in (rng.random(400), rng.normal(size=400), np.arange(400) % 3 - 1, np.full(400, 0.25)):
        slopes = slopes.astype(dtype)
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(leaky(x, slopes), np.where(x > 0, x, x * slopes))
    for a, b, c in ((x, y, w), (x.T, y.T, w.T), (x, y[0], w), (x[0], y, w), (x, y, w[0])):
        far = np.abs(c) >= 0.5
        with np.errstate(invalid="ignore"):
            expected = np.where(far, b, a) + (b - a) * (c - far)
        np.testing.assert_array_equal(lerp(a, b, c), expected)
        np.testing.assert_array_equal(lerp(a, b, c, out=np.empty(expected.shape, dtype)), expected)
    near = 1 + x[1:] / 1000
    for axis in (None, 0, 1, -1):
        found = multiply_up(near, axis, False)
        np.testing.assert_allclose(found, np.prod(near.astype(np.float64), axis), rtol=1e-3)
    assert same(x[1:], x[1:].copy()) and not same(x, x) and not same(y, np.where(y == y[-1, -1], 0, y))
    long = np.array([2**60 + 1, 3])
    assert same(long, long.astype(np.float64)) and not same(long, long - 1)  # as np.equal compares two dtypes
