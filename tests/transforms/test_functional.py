"""Transforms beside what PyTorch computes (interpolate, affine grids, grid_sample) and torchvision's pinned numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_mnist.transforms import functional as F

torch = pytest.importorskip("torch")

SIDE = st.integers(1, 24)
SHAPES = st.tuples(st.sampled_from([(), (1,), (3,), (2, 3)]), SIDE, SIDE)
KINDS = st.sampled_from(["float32", "float64", "uint8"])


def image(shape, kind, seed=0):
    lead, h, w = shape
    values = np.random.default_rng(seed).random((*lead, h, w))
    return (values * 255).astype(kind) if kind == "uint8" else values.astype(kind)


def agree(ours, theirs, kind):
    """Equal up to rounding: bytes are the floats rounded, either way where one lies between two."""
    ours, theirs = np.asarray(ours), theirs.numpy()
    assert ours.shape == theirs.shape and ours.dtype == kind
    difference = np.abs(ours.astype(float) - theirs.astype(float))
    assert difference.max(initial=0) < {"uint8": 0.5 + 1e-3, "float32": 1e-5, "float64": 1e-12}[kind]


def in_floats(x, compute):
    """Compute with PyTorch as torchvision does, with four axes, and bytes as floats, which it then rounds."""
    t = torch.from_numpy(x.copy())
    t = t.reshape(-1, 1, *x.shape[-2:])
    out = compute(t if t.is_floating_point() else t.float())
    return out.reshape(*x.shape[:-2], *out.shape[-2:])


@given(SHAPES, KINDS, st.sampled_from(["nearest", "nearest-exact", "bilinear"]), st.booleans(),
       st.integers(2, 30), st.integers(2, 30))  # fmt: skip
def test_resize_is_pytorchs_interpolate(shape, kind, mode, antialias, oh, ow):
    x = image(shape, kind)
    smooth = mode.startswith("bi")
    more = {"antialias": antialias, "align_corners": False} if smooth else {}
    if kind == "float64" and not smooth:
        return  # there PyTorch decides between neighbours at a boundary now in float32, now in float64
    ours = F.resize(tg.tensor(x), (oh, ow), mode, antialias=antialias)
    interpolate = torch.nn.functional.interpolate
    agree(ours, in_floats(x, lambda t: interpolate(t, (oh, ow), mode=mode, **more)), kind)


@given(SHAPES, KINDS, st.sampled_from(["nearest", "bilinear"]), st.floats(-180, 180), st.integers(-5, 5),
       st.integers(-5, 5), st.floats(0.5, 1.5), st.floats(-30, 30), st.floats(-30, 30), st.booleans(),
       st.sampled_from([None, 0.0, 0.75]))  # fmt: skip
def test_affine_is_pytorchs_grid_sample_of_the_inverse_map(
    shape, kind, mode, angle, dx, dy, scale, shear_x, shear_y, centered, fill
):
    x, (h, w) = image(shape, kind), shape[1:]
    center = None if centered else (w * 0.25, h * 0.3)
    cx, cy = (0.0, 0.0) if center is None else (center[0] - w / 2, center[1] - h / 2)
    a, p, q = (math.radians(v) for v in (angle, shear_x, shear_y))
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    forward = scale * turn @ np.array([[1, 0], [-math.tan(q), 1]]) @ np.array([[1, -math.tan(p)], [0, 1]])
    inverse = np.linalg.inv(forward)
    offset = np.array([cx, cy]) - inverse @ np.array([cx + dx, cy + dy])
    ys, xs = np.mgrid[:h, :w] + 0.5
    places = np.stack([xs - w / 2, ys - h / 2], -1) @ inverse.T + offset
    near = (places + np.array([w, h]) / 2 - 0.5) % 1
    if mode == "nearest" and (np.abs(near - 0.5) < 1e-3).any():
        return  # between two pixels: rounding decides
    if mode == "nearest" or fill is None or not (np.abs(near - 0.5) > 0.499).any():
        grid = torch.tensor(places / np.array([w / 2, h / 2]))[None]

        def compute(t):
            g = grid.to(t.dtype).expand(len(t), h, w, 2)
            sample = torch.nn.functional.grid_sample
            out = sample(t, g, mode=mode, padding_mode="zeros", align_corners=False)
            mask = sample(torch.ones_like(t), g, mode=mode, padding_mode="zeros", align_corners=False)
            if fill is None:
                return out
            return torch.where(mask < 0.5, torch.full_like(out, fill), out) if mode == "nearest" else (
                out * mask + (1 - mask) * fill)  # fmt: skip

        ours = F.affine(tg.tensor(x), angle, (dx, dy), scale, [shear_x, shear_y], mode, fill, center)
        difference = np.abs(ours.numpy().astype(float) - in_floats(x, compute).numpy().astype(float))
        assert difference.max() <= {"uint8": 1, "float32": 1e-3, "float64": 1e-9}[kind]


PIXELS = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
# what torchvision 0.28 gives for PIXELS
PINNED = [
    ("F.rotate(x, 30)", "0 2 2 7 / 0 5 6 11 / 4 9 9 0"),
    ("F.rotate(x, 30, 'bilinear', fill=0)",
     "0.10335 1.22446 3.96891 3.2114 / 1.20096 4.06699 6.93301 9.79904 / 2.19343 7.03109 7.37106 1.51846"),
    ("F.rotate(x, -20, center=(0, 1), fill=5)", "0 1 5 5 / 4 1 2 3 / 8 5 6 7"),
    ("F.affine(x, 10, (1, 0), 1.2, 5.0, 'bilinear')",
     "0.57023 1.65702 1.88621 2.11539 / 2.61442 5.15622 5.38541 5.61459 / 4.55528 8.18358 8.88461 9.11379"),
    ("F.affine(x, -15, (0, 1), 0.8, [5.0, 10.0], fill=2)", "2 2 2 2 / 2 1 2 2 / 0 5 6 11"),
    ("F.resize(x, 2)", "2.21429 3.78571 / 7.21429 8.78571"),
    ("F.resize(x, (4, 5), antialias=False)",
     "0 0.7 1.5 2.3 3 / 2.5 3.2 4 4.8 5.5 / 5.5 6.2 7 7.8 8.5 / 8 8.7 9.5 10.3 11"),
    ("F.center_crop(x, (2, 5))", "0 1 2 3 0 / 4 5 6 7 0"),
    ("F.crop(x, 1, 2, 3, 3)", "6 7 0 / 10 11 0 / 0 0 0"),
    ("F.pad(x, (1, 0), padding_mode='reflect')", "1 0 1 2 3 2 / 5 4 5 6 7 6 / 9 8 9 10 11 10"),
    ("F.normalize(x, [5.0], [2.0])", "-2.5 -2 -1.5 -1 / -0.5 0 0.5 1 / 1.5 2 2.5 3"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), PINNED)
def test_numbers_are_torchvisions(call, expected):
    rows = [[float(v) for v in row.split()] for row in expected.split("/")]
    np.testing.assert_allclose(eval(call, {"F": F, "x": tg.tensor(PIXELS)}).numpy()[0], rows, atol=1e-5)


@pytest.mark.parametrize("mode", ["edge", "reflect", "constant"])
def test_pad_is_numpys(mode):
    x = image(((2,), 5, 6), "uint8")
    more = {"constant_values": 7} if mode == "constant" else {}
    ours = F.pad(tg.tensor(x), (1, 2, 3, 4), 7, mode)
    np.testing.assert_array_equal(ours.numpy(), np.pad(x, ((0, 0), (2, 4), (1, 3)), mode=mode, **more))


def test_an_array_stays_an_array_and_a_tensor_keeps_its_gradient():
    x = image(((1,), 6, 7), "float64")
    for change in (lambda t: F.resize(t, 4), lambda t: F.rotate(t, 20.0, "bilinear"), F.hflip, F.vflip,
                   lambda t: F.pad(t, 2, padding_mode="reflect"), lambda t: F.center_crop(t, 9),
                   lambda t: F.affine(t, 5.0, (1, 0), 1.1, 3.0, "bilinear", 0.5)):  # fmt: skip
        assert type(change(x)) is np.ndarray and type(change(tg.tensor(x))) is tg.Tensor
        np.testing.assert_allclose(change(x), change(tg.tensor(x)).numpy())
        assert tg.autograd.gradcheck(change, tg.tensor(x, requires_grad=True))
    assert tg.autograd.gradcheck(lambda t: F.normalize(t, [0.5], [0.25]), tg.tensor(x, requires_grad=True))


def test_a_batch_is_its_images():
    x = image(((4, 3), 9, 8), "float32")
    for change in (lambda t: F.resize(t, 5), lambda t: F.rotate(t, 33.0), lambda t: F.center_crop(t, 4),
                   lambda t: F.normalize(t, [0.1, 0.2, 0.3], [1, 2, 3]), lambda t: F.crop(t, -1, 2, 5, 9)):  # fmt: skip
        whole = change(tg.tensor(x)).numpy()
        np.testing.assert_allclose(whole, np.stack([change(tg.tensor(i)).numpy() for i in x]), rtol=1e-6)


def test_to_tensor_takes_arrays_of_two_and_three_axes():
    for x in (image(((), 4, 5), "uint8"), image(((4,), 5, 3), "uint8"), image(((4,), 5, 3), "float64")):
        out = F.to_tensor(x)
        moved = (x[..., None] if x.ndim == 2 else x).transpose(2, 0, 1)
        assert out.numpy().tolist() == (moved / np.float32(255) if x.dtype == np.uint8 else moved).tolist()
        assert out.dtype == (np.float32 if x.dtype == np.uint8 else x.dtype)


@pytest.mark.parametrize("have", ["float32", "float64", "uint8", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("want", ["float32", "float64"])
def test_scaling_brings_integers_to_floats_up_to_1(have, want):
    top = 1 if have[0] == "f" else np.iinfo(have).max
    out = F.convert_image_dtype(tg.tensor(np.array([[0, top // 2, top]], have)), getattr(tg, want))
    assert out.dtype == getattr(tg, want)
    np.testing.assert_allclose(out.numpy()[0], [0, top // 2 / top, 1], atol=1e-3)
    with pytest.raises(DTypeError, match="scaled to floats"):
        F.to_dtype(out, tg.int16, scale=True)


@pytest.mark.parametrize(("call", "kind"), [
    ("F.normalize(x, [0.5], [0.0])", ArgumentError), ("F.normalize(x, [0.5, 0.5], [1, 1])", ShapeError),
    ("F.normalize(x.long(), [0.5], [1])", DTypeError), ("F.normalize(x[0], [0.5], [1])", DTypeError),
    ("F.resize(x, 3, 'cubic')", ArgumentError), ("F.resize(x, 3, max_size=2)", ArgumentError),
    ("F.resize(x[0, 0], 3)", DTypeError), ("F.to_tensor([1])", DTypeError),
    ("F.rotate([1], 5, center=(0, 0))", DTypeError), ("F.center_crop([1], 5)", DTypeError),
    ("F.pad(x, 9, padding_mode='reflect')", ShapeError), ("F.pad(x, 1, padding_mode='symmetric')", ArgumentError),
    ("F.pad(x, (1, 2, 3))", ArgumentError), ("F.rotate(x, 5, 'bicubic')", ArgumentError),
    ("F.affine(x, 0, (0, 0), 0.0, 0.0)", ArgumentError),
])  # fmt: skip
def test_what_cannot_be_is_refused(call, kind):
    with pytest.raises(kind):
        eval(call, {"F": F, "x": tg.tensor(PIXELS)})
