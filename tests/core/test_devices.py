"""The lines that scripts begin with: devices, dtypes and new tensors, as PyTorch answers them on a CPU.

Each line is evaluated with both libraries as `m`; what raises there raises here, and the rest gives the same.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import DeviceError, DTypeError

torch = pytest.importorskip("torch")

USUAL = [
    "m.device('cuda' if m.cuda.is_available() else 'cpu')", "m.device('cuda:0' if m.cuda.is_available() else 'cpu')",
    "m.accelerator.current_accelerator().type if m.accelerator.is_available() else 'cpu'", "m.cuda.device_count()",
    "m.backends.mps.is_available()", "m.backends.mps.is_built()", "m.accelerator.device_count()",
    "m.accelerator.current_accelerator()", "m.cuda.manual_seed(1)", "m.cuda.manual_seed_all(1)", "m.cuda.empty_cache()",
    "m.cuda.is_initialized()", "m.cuda.synchronize()", "m.cuda.current_device()", "m.cuda.get_device_name()",
    "m.get_default_dtype()", "m.get_default_device()", "m.set_default_device('cpu')", "m.Generator('cpu').device",
    "m.Generator(device='cpu').manual_seed(3).device", "m.Generator(device='cuda')",
    "setattr(m.backends.cudnn, 'benchmark', True)", "setattr(m.backends.cuda.matmul, 'allow_tf32', True)",
]  # fmt: skip
DEVICES = [
    "m.device('cpu')", "m.device('cpu', 0)", "m.device('cpu:0')", "m.device('cuda:1').index", "m.device('cuda').type",
    "m.device('cuda')", "m.device(type='cpu', index=1)", "m.device('foo')", "m.device('cpu:')", "m.device('cpu:x')",
    "m.device('cpu', 'x')", "m.device('cpu:0', 1)", "m.device(0)", "m.device(1.5)", "m.device(m.device('cpu', 2))",
    "m.device('cpu') == m.device('cpu')", "m.device('cpu') == 'cpu'", "m.device('cpu') == m.device('cpu:0')",
    "m.device('cpu') in {m.device('cpu'): 1}", "repr(m.device('cpu', 1))", "repr(m.device('cpu'))", "x.device",
    "x.is_cuda", "x.get_device()", "x.cuda()", "x.cpu() is x", "x.to('cuda')", "x.to('foo')", "x.to('cpu') is x",
    "x.to(m.device('cpu'))", "x.to('cpu', m.float64)", "x.to(m.device('cpu'), m.int64, True)", "x.to(m.int32)",
    "x.to(dtype=m.float16)", "x.to(device='cpu', dtype=m.float64)", "x.to(i)", "x.to(i, True, True)", "x.to(0)",
    "x.to(x, copy=True) is x", "x.to(m.float32, False, True) is x", "x.to(m.float32) is x", "x.to(non_blocking=True)",
    "x.type()", "i.type()", "x.bool().type()", "x.half().type()", "x.type(m.float64)", "x.type('torch.LongTensor')",
    "x.type('foo')", "x.type_as(i)", "x.byte()", "x.char()", "x.short()", "x.int()", "x.long()", "x.float() is x",
    "x.double()", "i.float()", "x.element_size()", "x.itemsize", "x.nbytes", "x.numel()", "x.nelement()", "m.numel(x)",
    "x.is_floating_point()", "m.is_floating_point(i)", "m.is_tensor(x)", "m.is_tensor([1])", "m.short", "m.long",
    "m.iinfo(m.int8).bits", "m.finfo(m.float32).dtype", "m.finfo(m.float32).max", "m.finfo(m.float64).eps",
    "m.finfo(m.float16).tiny", "m.finfo().bits", "m.iinfo(m.int64).min", "m.iinfo(m.uint8).max", "m.finfo(m.int8)",
    "m.iinfo(m.float32)", "m.finfo(m.float32).resolution", "m.finfo(m.float32).smallest_normal",
]  # fmt: skip
LIKE = [f"m.{name}_like(x, {more})" for name in ("zeros", "ones") for more in (
    "device='cpu'", "dtype=m.int64, device=m.device('cpu')", "device='cuda'", "requires_grad=True",
    "dtype=m.int64, requires_grad=True",
)]  # fmt: skip
NEW = [f"x.new_{name}({more})" for name in ("zeros", "ones") for more in (
    "2, 3", "(2, 3)", "[4]", "()", "(2,), dtype=m.int32", "2, device='cpu'", "(2,), device='cuda'", "-1",
    "(2,), requires_grad=True",
)]  # fmt: skip
CREATION = LIKE + NEW + [
    "m.zeros(2, 3, device='cpu')", "m.ones((2,), device=m.device('cpu'))", "m.zeros(2, device='cuda')",
    "m.zeros(2, device='cpu:1')", "m.zeros(2, device=0)", "m.zeros(2, device='foo')", "m.tensor([1.5], device='cpu')",
    "m.tensor([1], device='cuda')", "m.full((2,), 3, device='cpu')", "m.arange(3, device='cpu')",
    "m.eye(2, device='x')",
    "m.linspace(0, 1, 3, device='cpu')", "m.full_like(x, 2, device='cpu')", "m.arange(3., device='cuda')",
    "m.randn(2, device='cuda')", "m.randint(0, 2, (3,), device='cuda')", "m.randperm(3, device='cuda')",
    "tuple(m.empty(2, 3).shape)", "m.empty((2, 3), dtype=m.int64, device='cpu').dtype", "m.empty(-1)",
    "m.empty_like(x).dtype",
    "m.empty_like(i, dtype=m.float64, requires_grad=True).requires_grad", "x.new_empty((2, 3)).dtype",
    "m.randn(2, device='cpu', requires_grad=True).requires_grad", "m.rand_like(x, device='cpu').dtype",
    "m.randint(0, 2, (3,), dtype=m.float32, requires_grad=True).requires_grad", "m.randn_like(x, device='cuda')",
    "m.randint(0, 2, (3,), requires_grad=True)", "m.randperm(4, dtype=m.int32).dtype", "m.randint_like(x, 1)",
    "m.randint_like(i, 0, 9, dtype=m.float64).dtype", "m.randint_like(i, 9, device='cuda')",
    "x.new_full((2,), 3)", "x.new_full((2,), 3, dtype=m.int64)", "i.new_full((2,), 2.5)", "x.new_full(2, 3)",
    "x.new_tensor([1, 2])", "i.new_tensor([1.5, 2])", "x.new_tensor([1.5], dtype=m.float64, requires_grad=True)",
    "m.as_tensor(x) is x", "m.as_tensor(x, dtype=m.float32) is x", "m.as_tensor(x, dtype=m.float64)",
    "m.as_tensor([1.5, 2])", "m.as_tensor(3)", "m.as_tensor(2.5, dtype=m.float64)", "m.as_tensor(x, device='cpu') is x",
    "m.as_tensor(x, device='cuda')", "m.as_tensor(np.ones(2))", "m.as_tensor(np.ones(2, np.int8), dtype=m.float32)",
    "m.logspace(0, 2, 3)", "m.logspace(-1, 1, 5, 2)", "m.logspace(0, 3, 4, base=2, dtype=m.int64)",
    "m.logspace(0, 1, 0)", "m.logspace(0, 1, -1)", "m.logspace(2, -2, 9, dtype=m.float64)", "m.logspace(0, 1, 1)",
    "m.logspace(0, 400, 3)", "m.logspace(0, 2, 3, -2.0)", "m.logspace(0, 5, 4, dtype=m.int64)",
]  # fmt: skip
DEFAULT = [
    "m.tensor(1.5)", "m.tensor([1, 2])", "m.zeros(2)", "m.ones(2)", "m.full((2,), 1.5)", "m.full((2,), 1)", "m.eye(2)",
    "m.arange(3)", "m.arange(3.0)", "m.linspace(0, 1, 3)", "m.rand(2).dtype", "m.randn(2).dtype", "i / 2", "i * 2.5",
    "m.exp(i)", "m.sqrt(i)", "m.sigmoid(i)", "m.tanh(i)", "m.softmax(i.double(), 0)", "x * 2.5", "x + i", "i / i",
    "i.double() + x", "m.finfo().eps", "m.empty(2).dtype", "m.Tensor([1, 2.5]).dtype", "2.5 ** i", "m.reciprocal(i)",
    "m.nn.Linear(2, 3).weight.dtype", "m.nn.Conv2d(1, 2, 3, device='cpu').bias.dtype", "m.get_default_dtype()",
    "m.nn.Parameter(m.zeros(2)).dtype", "m.nn.functional.mse_loss(m.ones(2), m.zeros(2))", "m.zeros_like(x)",
    "x.new_tensor(1.5)", "m.as_tensor(1.5)", "m.add(i, 1, alpha=2)", "m.maximum(i, m.tensor(0.5))",
    "m.where(i > 0, i, 0.5)",
    "m.nn.Linear(2, 3, dtype=m.float16).weight.dtype", "(x * 1.5 + i * 0.5).sum()", "m.tensor([True]) * 0.5",
]  # fmt: skip


def answer(m, text):
    """Evaluate a line: what it gives, in plain words, and whether it raised."""
    make = {"x": m.tensor([[1.5, -2.0, 0.0]]), "i": m.tensor([3, 1, 2])}
    try:
        found = eval(text, {"m": m, "np": np, **make})
    except Exception as error:
        return error
    if isinstance(found, torch.Tensor | tg.Tensor):
        kind = str(found.dtype).removeprefix("torch.")
        return tuple(found.shape), kind, found.requires_grad, found.detach().numpy().tolist()
    if isinstance(found, str | int | float | None):
        return found
    return str(found).removeprefix("torch.")


def same(text):
    theirs, ours = answer(torch, text), answer(tg, text)
    if isinstance(theirs, Exception):
        assert isinstance(ours, tg.TinygradError), f"{text}: {ours!r}, PyTorch: {theirs!r}"
    elif isinstance(theirs, tuple):
        assert isinstance(ours, tuple) and ours[:3] == theirs[:3], f"{text}: {ours!r}, PyTorch: {theirs!r}"
        np.testing.assert_allclose(ours[3], theirs[3], rtol=1e-6)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-6)
    else:
        assert str(ours) == str(theirs), text


@pytest.mark.parametrize("text", [*USUAL, *DEVICES, *CREATION])
def test_a_line_answers_as_in_pytorch(text):
    before = torch.backends.cudnn.benchmark, torch.backends.cuda.matmul.allow_tf32
    same(text)
    torch.backends.cudnn.benchmark, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.fixture
def default():
    """Give a function that chooses the default dtype in both libraries, for the duration of a test."""
    def choose(name):
        for m in (torch, tg):
            m.set_default_dtype(getattr(m, name))

    yield choose
    choose("float32")


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("text", DEFAULT)
def test_the_default_dtype_is_that_of_new_floats(text, kind, default):
    default(kind)
    same(text)


def test_only_floats_are_a_default_dtype():
    for wrong in (tg.int64, None, "float64"):
        with pytest.raises(DTypeError):
            tg.set_default_dtype(wrong)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_compiled_step_makes_its_constants_in_the_default_dtype_of_each_call(backend, default):
    if backend == "numba":
        pytest.importorskip("numba")

    @tg.compile(backend=backend)
    def step(i):
        return i * 1.5 + tg.ones(3), tg.exp(i)

    @tg.compile(backend=backend)
    def mixed(i):
        return i / 2 + tg.sigmoid(i)

    i = tg.tensor([1, 2, 3])
    for kind in ("float32", "float64", "float32", "float64"):
        default(kind)
        for _ in range(3):
            made, converted = step(i)
            assert made.dtype == converted.dtype == getattr(tg, kind) and made.tolist() == [2.5, 4.0, 5.5]
            assert converted.tolist() == tg.exp(i).tolist()
            assert mixed(i).dtype == getattr(tg, kind)
            np.testing.assert_allclose(mixed(i).numpy(), (i / 2 + tg.sigmoid(i)).numpy(), rtol=1e-6)

    @tg.compile
    def wrong(x):
        tg.set_default_dtype(tg.float16)
        return x * 2

    with pytest.raises(tg.errors.CaptureError, match="set_default_dtype"):
        wrong(i)
    assert tg.get_default_dtype() == tg.float64


def net(m):
    return m.nn.Sequential(m.nn.Linear(3, 4), m.nn.Tanh(), m.nn.Linear(4, 2))


MOVES = [
    ".double()", ".half()", ".float()", ".to(m.float64)", ".to('cpu')", ".to('cpu', m.float64)", ".cpu()",
    ".to(m.zeros(1, dtype=m.float64))", ".to(device=m.device('cpu'), dtype=m.float16)", ".type(m.float64)",
    ".type('torch.DoubleTensor')", ".double().float()", ".to(m.int64)", ".cuda()", ".to('cuda')", ".type(m.int64)",
    ".to(non_blocking=True)", ".to('foo')",
]  # fmt: skip


@pytest.mark.parametrize("move", MOVES)
def test_a_module_is_converted_in_its_place(move):
    kinds = []
    for m in (torch, tg):
        model = net(m)
        model.register_buffer("count", m.tensor([1, 2]))
        model.register_buffer("mean", m.zeros(2))
        model(m.ones(1, 3)).sum().backward()
        before = [*model.parameters()]
        try:
            found = eval(f"model{move}", {"m": m, "model": model})
        except Exception as error:
            kinds.append(type(error) if m is torch else isinstance(error, tg.TinygradError))
            continue
        assert found is model and all(a is b for a, b in zip(before, model.parameters(), strict=True))
        tensors = [*model.parameters(), *[p.grad for p in model.parameters()], *model.buffers()]
        kinds.append([str(t.dtype).removeprefix("torch.") for t in tensors])
        assert all(p.requires_grad and p.is_leaf for p in model.parameters())
    assert kinds[0] == kinds[1] or kinds[1] is True


@pytest.mark.parametrize("compiled", [False, True])
def test_training_goes_on_after_a_conversion(compiled):
    losses = []
    for m in (torch, tg):
        model = net(m)
        start = [np.linspace(-0.5, 0.5, p.numel(), dtype=np.float32).reshape(p.shape) for p in model.parameters()]
        with m.no_grad():
            for p, value in zip(model.parameters(), start, strict=True):
                p.copy_(m.tensor(value))
        optimizer = m.optim.SGD(model.parameters(), lr=0.1)

        def step(x, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        step = tg.compile(step) if compiled and m is tg else step
        found = [step(m.ones(2, 3)).item() for _ in range(3)]
        model.double()
        for _ in range(4):
            loss = step(m.ones(2, 3, dtype=m.float64))
            assert str(loss.dtype).endswith("float64")
            found.append(loss.item())
        losses.append(found)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    np.testing.assert_allclose(losses[1][3:], losses[0][3:], rtol=1e-5)


def test_a_conversion_leaves_alone_who_looks_at_the_old_memory():
    model = nn.Linear(2, 2)
    seen = model.weight.detach()
    model.double()
    with tg.no_grad():
        model.weight.zero_()
    assert seen.dtype == tg.float32 and seen.abs().sum().item() > 0 and model.weight.abs().sum().item() == 0


def test_a_device_is_a_value():
    d = tg.device("cpu", 1)
    assert pickle.loads(pickle.dumps(d)) == copy.deepcopy(d) == d != tg.device("cpu")
    with tg.device("cpu"):
        assert tg.zeros(1).device == tg.device("cpu")
    with pytest.raises(DeviceError, match="with device"), tg.device("cuda"):
        pass


def test_the_error_for_another_device_says_what_to_do():
    for call in (lambda: tg.zeros(2, device="cuda"), lambda: tg.ones(1).to("cuda"), lambda: nn.Linear(1, 1).cuda(),
                 lambda: tg.set_default_device("mps")):  # fmt: skip
        with pytest.raises(DeviceError, match="is_available") as caught:
            call()
        assert isinstance(caught.value, RuntimeError) and "CPU alone" in str(caught.value)
