"""Arguments of every form: PyTorch's result, or an error of our kind; never silently something else.

A call is drawn as text and run by both packages. Where PyTorch refuses, ours may give what `MORE` lists.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import ArgumentError, TinygradError
from tinygrad_mnist.nn import functional as F

torch = pytest.importorskip("torch")

DIMS = [
    "()", "[]", "None", "True", "False", "0", "1", "-1", "-3", "5", "1.0", "'a'", "np.int64(1)", "T(1)", "T([0, 1])",
    "(0, 1)", "(0, -1)", "(0, 0)", "(True,)", "[1.0]", "[0]",
]  # fmt: skip
REST = ["", ", True", ", 1", ", None", ", keepdim=True", ", keepdim=1", ", keepdim=None", ", keepdim='a'"]
SPREAD = ["", ", False, True", ", unbiased=False", ", correction=None", ", correction=0.5", ", correction='a'"]
SHRINK = ["sum", "mean", "prod", "var", "std", "amax", "amin", "logsumexp", "all", "any", "argmax", "argmin", "max"]
MOVE = ["softmax", "log_softmax", "squeeze", "unsqueeze", "flatten", "flip", "permute", "split", "size"]
SHAPES = [(2, 3), (), (0,), (2, 0), (4,), (1, 3)]
MORE = ("(None", "(keepdim", "logsumexp((", "logsumexp([", "split(np.int64", "squeeze(None", "flip(", "permute(")


def outcome(text, module, functional, x, make):
    """Run a call: its result as (shape, dtype, values), or the error."""
    names = {"m": module, "F": functional, "x": x, "np": np, "T": make}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return plain(eval(text, names))
    except Exception as error:
        return error


def plain(result):
    if isinstance(result, tuple | list):
        return [plain(r) for r in result]
    if isinstance(result, torch.Tensor | tg.Tensor):
        return tuple(result.shape), str(result.dtype).removeprefix("torch."), result.detach().numpy()
    return result


def agree(a, b):
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(agree, a, b))
    if isinstance(a, tuple):
        return a[:2] == b[:2] and np.allclose(a[2], b[2], rtol=1e-5, atol=1e-6, equal_nan=True)
    return a == b


def check(text, array, lenient=False):
    theirs = outcome(text, torch, torch.nn.functional, torch.tensor(array), torch.tensor)
    ours = outcome(text, tg, F, tg.tensor(array.copy()), tg.tensor)
    if isinstance(ours, Exception):
        counted = isinstance(ours, TypeError) and "argument" in str(ours)  # Python's words
        assert isinstance(ours, TinygradError) or counted, f"{text} on {array.shape}: {ours!r}"
        assert isinstance(theirs, Exception), f"{text} on {array.shape} {array.dtype}: {ours}, PyTorch {theirs}"
    elif isinstance(theirs, Exception):
        assert lenient or any(m in text for m in MORE), f"{text} on {array.shape}: {ours}, PyTorch: {theirs}"
    else:
        assert agree(theirs, ours), f"{text} on {array.shape} {array.dtype}: {ours}, PyTorch {theirs}"


def values(shape, dtype=np.float32):
    return (np.arange(np.prod(shape, dtype=int)) * 1.5 - 2).astype(dtype).reshape(shape)


@given(st.sampled_from(SHRINK), st.sampled_from(DIMS), st.sampled_from(REST), st.sampled_from(SHAPES))
def test_reductions_take_torchs_arguments_or_refuse(name, dim, rest, shape):
    check(f"x.{name}({dim}{rest})", values(shape), lenient=f"{dim}{rest}" in ("None", "True, True", "False, True"))


@given(st.sampled_from(["var", "std"]), st.sampled_from(DIMS), st.sampled_from(SPREAD), st.sampled_from(SHAPES))
def test_spread_takes_torchs_overloads_or_refuses(name, dim, rest, shape):
    check(f"x.{name}({dim}{rest})", values(shape), lenient=dim in ("True", "False", "None"))


@given(st.sampled_from(MOVE), st.sampled_from(DIMS), st.sampled_from(SHAPES))
def test_shape_functions_take_torchs_arguments_or_refuse(name, dim, shape):
    check(f"x.{name}({dim})", values(shape))


WIDTHS = st.lists(st.integers(-2, 3), max_size=6)


@given(
    st.sampled_from([(4,), (1, 4), (2, 3, 4), (1, 2, 3, 4), (1, 2, 2, 3, 4), ()]), WIDTHS,
    st.sampled_from(["constant", "reflect", "replicate", "circular", "mirror"]), st.sampled_from([None, 0, 1.5]),
)  # fmt: skip
def test_pad_is_torchs_in_every_mode(shape, widths, mode, value):
    text = f"F.pad(x, {tuple(widths)}, {mode!r}, {value})"
    theirs = outcome(text, torch, torch.nn.functional, torch.tensor(values(shape)), torch.tensor)
    n = len(widths) // 2
    # after a cut PyTorch wraps what its buffer holds, several times over where the border is wider than what is left
    cut = mode == "circular" and not isinstance(theirs, Exception) and any(w < 0 for w in widths)
    left = [s + min(a, 0) + min(b, 0) for s, a, b in zip(shape[::-1], widths[::2], widths[1::2], strict=False)]
    if not (cut and any(max(widths[2 * i : 2 * i + 2]) > left[i] for i in range(n))):
        check(text, values(shape))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("widths", [(1, 2), (-1, 2), (2, 1, 1, 2), (1, -1, -1, 2)])
def test_pad_has_torchs_gradients_to_second_order(mode, widths):
    shape = (2, 3, 4)
    array = values(shape, np.float64) / 3

    def gradients(pad, x, grad):
        (g,) = grad((pad(x, widths, mode) ** 3).sum(), x, create_graph=True)
        (gg,) = grad((g**2).sum(), x)
        return g.detach().numpy(), gg.detach().numpy()

    ours = gradients(F.pad, tg.tensor(array, requires_grad=True), tg.autograd.grad)
    theirs = gradients(torch.nn.functional.pad, torch.tensor(array, requires_grad=True), torch.autograd.grad)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_pad_refuses_a_value_in_the_place_of_the_mode():
    with pytest.raises(TinygradError, match="third argument is the mode"):
        F.pad(tg.zeros(2, 3), (1, 1), 2.0)


INTEGERS = [
    "x - 300", "x + 300", "x * 300", "300 - x", "x & 300", "x | 300", "x + 2**40", "x + 2**70", "x == 300", "x < 300",
    "x.clamp(max=300)", "x.clamp(min=-300)", "x.clone().fill_(300)", "x.clone().fill_(-1)", "x.clone().fill_(1.5)",
    "x.clone().fill_(float('nan'))", "x.clone().add_(300)", "x.clone().mul_(300)", "x ** 300", "x ** -1", "2 ** x",
    "2 ** (-x)", "1 ** (-x)", "(-1) ** (-x)", "0 ** (-x)", "x ** (-x)", "300 ** x", "m.where(x > 0, x, 300)",
    "m.full((2,), 300, dtype=x.dtype)", "m.full((2,), -1, dtype=x.dtype)", "m.full((2,), 2**70, dtype=x.dtype)",
    "m.add(x, 300, alpha=2)", "m.sub(x, -300, alpha=3)", "m.add(x, 'a', alpha=2)", "'a' ** x", "None ** x",
    "x.clone().pow_('a')", "m.where(x > 0, x, None)", "m.where(x > 0, None, x)", "m.maximum(x, m.tensor(2**63))",
    "x == None", "x != None", "m.tensor([300], dtype=x.dtype)", "m.tensor(-1, dtype=x.dtype)", "m.full_like(x, 300)",
    "F.pad(x, (1, 1), value=300)", "F.pad(x, (1, 1), value=-1)",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("text", INTEGERS)
def test_numbers_beyond_an_integer_dtype(text, kind):
    check(text, np.array([1, 0, 1, 2], kind))


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32"])
def test_numbers_that_no_tensor_holds_are_refused(kind):
    x = tg.tensor(np.array([1, 0, 1], kind))
    for call in (lambda: 1j**x, lambda: x**1j, lambda: tg.add(x, 1j, alpha=2), lambda: tg.tensor(2**64)):
        with pytest.raises(TinygradError):
            call()
    for call in (lambda: tg.add(x, 2**63, alpha=2), lambda: tg.sub(x, -(2**63), alpha=3)):  # never a wrapped product
        if kind == "float32":
            assert abs(call().tolist()[0]) > 1e19
            continue
        with pytest.raises(TinygradError):
            call()


CREATION = [
    "m.arange(0, 3, 0)", "m.arange(3, 0)", "m.arange(0, 3, -1)", "m.arange(3, 0, -1)", "m.arange(-1)", "m.arange(0)",
    "m.arange(0, 3, float('nan'))", "m.arange(0, float('inf'))", "m.arange(0, 1, 0.3)", "m.arange(2.5, dtype=m.int64)",
    "m.arange(0, 3, 0.5, dtype=m.int64)", "m.arange(True)", "m.arange('a')", "m.arange(None)", "m.arange(T(3))",
    "m.arange(-3, 3, dtype=m.uint8)", "m.arange(2**70)", "m.linspace(0, 10, 5, dtype=m.int64)",
    "m.linspace(-3, 3, 5, dtype=m.int64)", "m.linspace(10, 0, 7, dtype=m.int64)",
    "m.linspace(0, 300, 4, dtype=m.uint8)", "m.arange(-128, 1000, 0.1)", "m.arange(-3, 0, 0.1)", "m.arange(1, 0, -0.1)",
    "m.arange(0.1, 2, 0.3, dtype=m.float64)", "m.arange(0, 2.5, dtype=m.uint8)", "m.arange(0, 2.5, dtype=m.int64)",
    "m.arange(-0.5, 300, dtype=m.int8)", "m.arange(0, 9, 1.5, dtype=m.int16)", "m.arange(0, 9, 0.5, dtype=m.int32)",
    "m.arange(2**62)", "m.linspace(0, 1, 2**62)", "m.zeros(2**62)", "m.zeros(2**40, 2**40)", "m.eye(2**70)",
    "m.full((2**61,), 1)", "m.tensor(2**63)", "m.tensor([2**63])", "m.zeros(2, dtype=None)", "m.ones(2, dtype=None)",
    "m.eye(2, dtype=None)", "m.linspace(0, 1, 3, dtype=None)", "m.arange(3, dtype=None)", "m.full((2,), 1, dtype=None)",
    "m.zeros_like(m.rand(2, dtype=None))", "m.zeros_like(m.randint(0, 5, (2,), dtype=None))",
    "m.linspace(0, 1, -1)", "m.linspace(0, 1, 0)", "m.linspace(0, 1, 1)", "m.linspace(0, 1, 2.0)",
    "m.linspace(0, 1, True)", "m.linspace('a', 1, 3)", "m.eye(-1)", "m.eye(2, -1)", "m.eye(2.0)", "m.eye(True)",
    "m.eye(0)", "m.zeros(-1)", "m.zeros(2.0)", "m.ones('a')", "m.ones(None)", "m.zeros((2, 3), 4)", "m.zeros(True)",
    "m.zeros(T(2))", "m.zeros([2, T(3)])", "m.zeros((2, (3,)))", "m.zeros(np.array([2, 3]))", "m.full(2, 1)",
    "m.full((2,), 'a')", "m.full((-2,), 1)", "m.full((2,), T([1, 2]))", "m.full((), 7)", "m.rand(-1)", "m.rand(2.0)",
    "m.rand(2, dtype=m.int64)", "m.randn(2, dtype=m.int64)", "m.randint(0, 0, (2,))", "m.randint(3, 1, (2,))",
    "m.randint(0, 5, 2)", "m.randint(0, 300, (2,), dtype=m.uint8)", "m.randint(0, 5, (-2,))", "m.randint(0.5, 5, (2,))",
    "m.randint(0, 2**70, (2,))", "m.randperm(-1)", "m.randperm(2.0)", "m.randperm(True)", "m.randperm(0)",
    "m.randint_like(x, 0)", "m.rand_like(T([1, 2]))", "m.arange(end=3)", "m.arange()",
    "m.arange(start=1, end=3)", "m.zeros(size=(2, 3))", "m.ones(size=(2,))", "m.full(size=(2,), fill_value=1)",
    "m.zeros_like(m.rand(size=(2, 3)))", "m.zeros_like(m.randint_like(x, high=5))",
]  # fmt: skip
SHAPING = [
    "x.reshape(shape=(3, 2))", "m.reshape(x, shape=(3, 2))", "x.permute(dims=(1, 0))", "x.flip(dims=(0, 1))",
    "x.expand(size=(4, 2, 3))", "m.max(x, other=x * 2)", "x.min(other=x * 2)", "m.max(x, 0, other=x)",
    "m.max(x, keepdim=True, other=x)", "m.max(x, other=1)", "m.max(x, other='a')", "m.exp()",
    "m.exp(x, x)", "m.exp(input=x)", "m.maximum(x, other=x)", "m.maximum(a=x, b=x)", "m.eq(input=x, other=x * x)",
    "x.expand(3, 3)", "x.expand(-1, -1)", "x.expand(-1, 2, 3)", "x.expand(3)", "x.expand(2, -2)", "x.reshape(-2, 3)",
    "x.reshape(2.0, 3)", "x.reshape(True, 6)", "x.reshape('a')", "x.reshape(None)", "x.reshape(T(6))",
    "x.transpose(0, True)", "x.transpose(0, 1.0)", "x.flatten(1, 0)", "x.flip(0, 0)", "m.cat([])", "m.cat(x)",
    "m.cat([x, 1])", "m.cat([x, x], True)", "m.cat([x, x], None)", "m.cat([x, m.zeros(0)])", "m.cat([x, x.flatten()])",
    "m.cat([x, None])", "m.cat([T(1.0)])", "m.stack(x)", "m.stack([])", "m.stack([x, 1])", "m.stack([x, x], True)",
    "m.stack(None)", "x.split(0)", "x.split(-1)", "x.split(2.0)", "x.split([3, -1])", "x.split([1.0, 1])", "x.size(3)",
    "x.gather(1, T([[0]]))", "x.gather(1, T([[-1]]))", "x.gather(1, T([[3]]))", "x.gather(1, T([[0], [1], [2]]))",
    "x.gather(1, T([[0.0]]))", "x.gather(1, T([[True]]))", "x.gather(0, T([0]))", "T(3.0).gather(0, T(0))",
    "T(3.0).gather(0, T([0, 0]))", "T([3.0]).gather(0, T(0))", "T(3.0).softmax(0)", "T(3.0).log_softmax(-1)",
    "T(3.0).max(5)", "m.zeros(2, 0).logsumexp(1)", "m.zeros(2, 0).logsumexp(0)", "F.linear(x, m.ones(3))",
    "F.linear(x, m.ones(3), T(1.0))", "F.linear(x, m.ones(3), m.ones(2))", "F.linear(x[0], m.ones(3))",
    "F.linear(x[0], m.ones(3), T(1.0))", "F.linear(m.ones(4, 2, 3), m.ones(3))", "F.linear(x, T(1.0))",
    "F.linear(x, m.ones(2, 2, 3))", "F.linear(x, m.ones(4))", "F.cross_entropy(T(1.0), T(0))",
    "F.cross_entropy(x[0], T(1))", "F.cross_entropy(x[0], x[0].softmax(0))", "F.nll_loss(T(1.0), T(0))",
]  # fmt: skip


@pytest.mark.parametrize("text", CREATION + SHAPING)
def test_calls_as_people_get_them_wrong(text):
    check(text, values((2, 3)))


def test_linear_with_a_vector_has_gradients():
    x, w = tg.tensor(values((2, 3)), requires_grad=True), tg.tensor(values((3,)), requires_grad=True)
    F.linear(x, w).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), values((2, 3)).sum(0))
    np.testing.assert_allclose(x.grad.numpy(), np.tile(values((3,)), (2, 1)))


OUT_OF_RANGE = [
    (order, bad)
    for order in ("<i8", ">i8", "<u8", ">u8")
    for bad in (2**32, 2**56, 2**62, -1, 4, -(2**63), 2**63, 2**64 - 1)
    if np.iinfo(order).min <= bad <= np.iinfo(order).max
]
ORDERS = ["<i2", ">i2", "<i4", ">i4", "<i8", ">i8", ">u8", "<u8", "u1", ">u4"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_labels_in_any_byte_order(order, loss):
    x, target = tg.tensor(values((3, 4))), np.array([0, 3, 1])
    for given_ in (target.astype(order), tg.from_numpy(target.astype(order))):
        assert loss(x, given_).item() == loss(x, target).item()


@pytest.mark.parametrize("backend", [None, "numpy", "numba"])
@pytest.mark.parametrize(("order", "bad"), OUT_OF_RANGE)
def test_labels_out_of_range_are_refused(order, bad, backend):
    def step(x, t):
        return F.cross_entropy(x, t)

    if backend:
        step = tg.compile(step, backend=backend)
    x = tg.tensor(values((2, 4)))
    good = np.array([1, 2], order)
    for _ in range(3 if backend else 1):
        step(x, tg.from_numpy(good))
    with pytest.raises(ArgumentError, match="classes"):
        step(x, tg.from_numpy(np.array([1, bad], order)))
    if backend:
        eager = F.cross_entropy(x, good).item()
        assert step(x, tg.from_numpy(good)).item() == pytest.approx(eager, rel=1e-6)


@pytest.mark.parametrize("order", ["<u8", ">u8"])
def test_an_index_beyond_the_signed_ones_does_not_wrap(order):
    far = np.array([2**64 - 1], order)
    x = tg.arange(3.0)
    for read in (lambda: x[tg.from_numpy(far)], lambda: x[far], lambda: x.gather(0, tg.from_numpy(far)),
                 lambda: x.__setitem__(far, 1.0)):  # fmt: skip
        with pytest.raises(IndexError) as caught:
            read()
        assert isinstance(caught.value, TinygradError)
