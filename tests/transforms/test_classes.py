"""Transforms as objects: arguments as torchvision's, their draws repeatable and within the ranges asked for."""

from __future__ import annotations

import importlib
import inspect
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import transforms as T
from tinygrad_mnist.core.errors import ArgumentError, CaptureError, DTypeError, ShapeError
from tinygrad_mnist.transforms import v2

X = np.arange(48, dtype=np.float32).reshape(1, 6, 8)


def test_compose_does_one_after_the_other_and_shows_it():
    both = T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.25,)), T.Lambda(lambda t: t * 2)])
    out = both(np.full((4, 5), 255, np.uint8))
    assert out.shape == (1, 4, 5) and out.numpy().min() == out.numpy().max() == 4.0
    assert repr(both) == "Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.25,))\n    Lambda()\n)"
    assert list(inspect.signature(T.RandomCrop).parameters) == [
        "size", "padding", "pad_if_needed", "fill", "padding_mode"]  # fmt: skip
    assert pickle.loads(pickle.dumps(T.Normalize((0.5,), (0.25,)))).std == (0.25,)


def test_the_second_editions_path_has_the_same():
    assert importlib.import_module("tinygrad_mnist.transforms.v2") is v2 and v2.Compose is T.Compose
    image = v2.Compose([v2.ToImage(), v2.ToDtype(tg.float32, scale=True)])(np.full((4, 5, 3), 51, np.uint8))
    assert image.shape == (3, 4, 5) and image.numpy()[0, 0, 0] == np.float32(0.2)


DRAWN = {
    "crop": T.RandomCrop((3, 4)), "padded crop": T.RandomCrop(6, padding=2), "flip": T.RandomHorizontalFlip(),
    "vertical flip": T.RandomVerticalFlip(), "turn": T.RandomRotation(40),
    "affine": T.RandomAffine(20, (0.2, 0.1), (0.8, 1.2), 10),
    "affine of four": T.RandomAffine((0, 5), shear=(0, 5, 5, 10), interpolation=T.InterpolationMode.BILINEAR, fill=3),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_draws_repeat_by_the_seed_and_differ_and_a_compiled_step_keeps_none(name):
    outs = []
    for seed in (1, 1, 2):
        tg.manual_seed(seed)
        outs.append([DRAWN[name](tg.tensor(X)).tolist() for _ in range(8)])
    assert outs[0] == outs[1] != outs[2] and any(o != outs[0][0] for o in outs[0])
    with pytest.raises(CaptureError, match="outside the step"):
        tg.compile(lambda x: DRAWN[name](x) * 2)(tg.tensor(X))


def test_crops_are_parts_and_every_place_is_reached():
    tg.manual_seed(0)
    corners = {tuple(T.RandomCrop((5, 6))(tg.tensor(X)).numpy()[0, 0, :1].astype(int)) for _ in range(100)}
    assert corners == {(i * 8 + j,) for i in range(2) for j in range(3)}
    assert T.RandomCrop(20, pad_if_needed=True)(tg.tensor(X)).shape == (1, 20, 20)
    with pytest.raises(ShapeError, match="too small"):
        T.RandomCrop(7)(tg.tensor(X))


def test_amounts_are_drawn_from_the_ranges(monkeypatch):
    drawn = []
    monkeypatch.setattr(T.functional, "affine", lambda img, *amounts: drawn.append(amounts) or img)
    tg.manual_seed(0)
    for transform in (T.RandomRotation((-30, 10)), T.RandomAffine(2, (0.25, 0.5), (0.5, 2.0), (1, 2, 3, 4))):
        drawn.clear()
        for _ in range(300):
            transform(tg.tensor(X))
        angles, moves, factors, shears = zip(*(d[:4] for d in drawn), strict=True)
        if isinstance(transform, T.RandomRotation):  # whose angle is counter-clockwise
            assert -10 <= min(angles) < -5 and 25 < max(angles) <= 30
            continue
        assert -2 <= min(angles) < -1.5 and 1.5 < max(angles) <= 2
        assert {x for x, _ in moves} == set(range(-2, 3)) and {y for _, y in moves} == set(range(-3, 4))
        assert all(0.5 <= s <= 2 for s in factors) and all(1 <= a <= 2 and 3 <= b <= 4 for a, b in shears)
    flips = sum(T.RandomHorizontalFlip(0.25)(tg.tensor(X)).numpy()[0, 0, 0] > 0 for _ in range(1000))
    assert 180 < flips < 320


@pytest.mark.parametrize(("make", "kind"), [
    (lambda: T.RandomRotation(-1), ArgumentError), (lambda: T.RandomRotation((1, 2, 3)), ArgumentError),
    (lambda: T.RandomAffine(10, translate=(2, 0)), ArgumentError),
    (lambda: T.RandomAffine(10, scale=(0, 1)), ArgumentError),
    (lambda: T.RandomRotation(3, expand=True), ArgumentError),
    (lambda: T.RandomAffine(10, shear=(1, 2, 3)), ArgumentError), (lambda: T.Lambda(3), DTypeError),
    (lambda: T.ToDtype(tg.float32)([1]), DTypeError), (lambda: T.Resize(), TypeError),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(make, kind):
    with pytest.raises(kind):
        make()
