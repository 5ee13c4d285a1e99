"""Memory shared with NumPy and PyTorch by DLPack, both ways: one memory, the right versions, our errors."""

from contextlib import nullcontext

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import ArgumentError, CaptureError, DTypeError, InPlaceError, SharingError

OLD = np.lib.NumpyVersion(np.__version__) < "2.1.0"  # DLPack said nothing of memory that may only be read
DTYPES = "float64 float32 float16 int64 int32 int16 int8 uint8 bool".split()
LAYOUTS = {
    "plain": lambda a: a, "turned": lambda a: a.T, "part": lambda a: a[1:, ::2], "empty": lambda a: a[:0],
    "one": lambda a: a[1, 2], "backwards": lambda a: a[::-1, ::-1],
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("library", ["numpy", "torch", "ours"])
def test_one_memory_both_ways(library, dtype, layout):
    other = tg if library == "ours" else pytest.importorskip(library)
    array = np.asarray(LAYOUTS[layout](np.arange(12).reshape(3, 4).astype(dtype)))
    ours = tg.from_numpy(array)
    if layout == "backwards":
        with pytest.raises(SharingError, match="strides"):
            other.from_dlpack(ours)
        ours = ours.clone()
        array = ours.numpy()
    out = other.from_dlpack(ours)
    back = tg.from_dlpack(out)
    assert str(out.dtype).removeprefix("torch.") == dtype and tuple(out.shape) == array.shape == back.shape
    for side in (ours, back):
        assert np.array_equal(np.asarray(out.numpy() if library == "torch" else out), side.numpy())
    assert np.may_share_memory(back.numpy(), array) or not array.size
    if array.size and (library == "ours" or not OLD):
        back.fill_(0)
        assert not array.any() and not np.asarray(out.numpy() if library == "torch" else out).any()
        out[...] = 1
        assert array.all() and ours.numpy().all() and back.numpy().all()
    assert tg.from_dlpack(out, copy=True).numpy().ctypes.data != array.ctypes.data or not array.size


def test_versions_are_shared_among_ours():
    x = tg.ones(3)
    twin = tg.from_dlpack(x)
    loss = (x.requires_grad_() ** 2).sum()
    twin.add_(1)
    assert x._version == twin._version > 0
    with pytest.raises(InPlaceError):
        loss.backward()
    apart = tg.from_dlpack(x.detach(), copy=True)
    apart.add_(1)
    assert apart._version != x._version and x.tolist() == [2, 2, 2]


def test_what_cannot_be_shared_is_told():
    torch = pytest.importorskip("torch")
    leaf = tg.ones(2, requires_grad=True)
    for taker in (np.from_dlpack, torch.from_dlpack, tg.from_dlpack):
        for x in (leaf, leaf * 2):
            with pytest.raises(BufferError, match="requires a gradient"):
                taker(x)
    assert np.from_dlpack(leaf.detach()).tolist() == [1, 1]
    assert leaf.__dlpack_device__() == torch.ones(1).__dlpack_device__()
    theirs = torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16)
    for x in (*theirs, np.array(["a"]), np.array([object()])):
        with pytest.raises(SharingError, match="cannot be shared"):
            tg.from_dlpack(x)
    for x in (5, [1.0], np.float32, None):
        with pytest.raises(DTypeError, match="no array"):
            tg.from_dlpack(x)
    with pytest.raises(DTypeError, match="complex64"):
        tg.from_dlpack(torch.ones(2, dtype=torch.complex64))
    with pytest.raises(ArgumentError, match="CPU"):
        tg.from_dlpack(np.ones(2), device="cuda")
    assert tg.from_dlpack(np.ones(2), device="cpu").shape == (2,)


def test_memory_that_may_only_be_read_stays_so():
    array = np.ones(2, "f4")
    array.flags.writeable = False
    x = tg.from_numpy(array)
    assert not tg.from_dlpack(array).numpy().flags.writeable
    with pytest.raises(SharingError) if OLD else nullcontext():
        assert not np.from_dlpack(x).flags.writeable
    with pytest.raises(SharingError, match="cannot be shared"):
        x.__dlpack__()  # the older form cannot say so


def test_a_captured_step_does_not_share():
    step = tg.compile(lambda x: np.from_dlpack(x).sum())
    with pytest.raises(CaptureError, match="DLPack"):
        step(tg.ones(2))


@pytest.mark.parametrize("array", [
    np.arange(3.0).astype(">f4"), np.arange(3.0).astype(np.longdouble), np.ma.array([1.0, 2.0], mask=[0, 1]),
])  # fmt: skip
def test_what_numpy_refuses_or_would_change_is_as_numpy_has_it(array):
    try:
        wanted = np.from_dlpack(array)
    except Exception:
        with pytest.raises(tg.errors.TinygradError):
            tg.from_dlpack(array)
    else:
        assert type(tg.from_dlpack(array).array) is np.ndarray and tg.from_dlpack(array).tolist() == wanted.tolist()
