"""Transforms that draw: crops, flips, turns, sheared and moved images; a batch in one call is changed alike.

Draws come from the default generator, which `manual_seed` seeds. Look next at functional.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.backend import default_generator
from ..core.errors import ArgumentError, ShapeError
from ..core.scope import refuse_captured
from . import functional as F
from .classes import Compose, Transform
from .interpolation import InterpolationMode

Range = tuple[float, float]


def _draw(low: float = 0.0, high: float = 1.0) -> float:
    refuse_captured("a random transform", "transform the images outside the step")
    return float(default_generator.numpy.uniform(low, high))


def _integer(most: int) -> int:
    refuse_captured("a random transform", "transform the images outside the step")
    return int(default_generator.numpy.integers(0, most + 1))


def _range(name: str, what: str, value: Any, *lengths: int) -> tuple[float, ...]:
    """Read a range: (-value, value) of a number of at least 0, or as many numbers as allowed."""
    if isinstance(value, int | float):
        if value < 0:
            raise ArgumentError(f"{name}: {what} must be at least 0, or a range.", got=f"{what}={value}")
        return -float(value), float(value)
    given = tuple(map(float, value))
    if len(given) not in lengths:
        raise ArgumentError(f"{name}: {what} must be a number or {lengths[0]} of them.", got=f"{what}={value!r:.60}")
    return given


class Drawing(Transform):
    """Base of those that draw: many images at once would all be changed alike."""

    takes_batches = False


@dataclass(repr=False, eq=False)
class RandomHorizontalFlip(Drawing):
    """Turn left and right with probability p."""

    p: float = 0.5
    flip = staticmethod(F.hflip)

    def transform(self, img: Any) -> Any:
        return self.flip(img) if _draw() < self.p else img


class RandomVerticalFlip(RandomHorizontalFlip):
    """Turn upside down with probability p."""

    flip = staticmethod(F.vflip)


@dataclass(repr=False, eq=False)
class RandomApply(Drawing):
    """Do several transforms, or with probability 1 - p none of them."""

    transforms: Sequence[Any]
    p: float = 0.5

    def transform(self, img: Any) -> Any:
        return Compose(self.transforms)(img) if _draw() < self.p else img


@dataclass(repr=False, eq=False)
class RandomCrop(Drawing):
    """Cut out a part of a size anywhere, after a padding.

    Args:
        pad_if_needed: add pixels to an image that is too small, else refused
    """

    size: Any
    padding: Any = None
    pad_if_needed: bool = False
    fill: Any = 0
    padding_mode: str = "constant"

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Draw where to cut: top, left, height, width."""
        (h, w), (oh, ow) = img.shape[-2:], output_size
        if oh > h or ow > w:
            raise ShapeError("RandomCrop: the image is too small.", got=f"{(h, w)}", expected=f"{(oh, ow)} at least")
        return _integer(h - oh), _integer(w - ow), oh, ow

    def transform(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        size = F.pair(self.size)
        if self.pad_if_needed:
            for axis, lack in enumerate(o - n for o, n in zip(size, img.shape[-2:], strict=True)):
                if lack > 0:
                    img = F.pad(img, (0, lack) if axis == 0 else (lack, 0), self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, size))


@dataclass(repr=False, eq=False)
class RandomRotation(Drawing):
    """Turn by an angle drawn from a range in degrees.

    Args:
        degrees: (low, high), or d for (-d, d)
        expand: make the result large enough for the whole image
        center: (x, y); the middle if not given
    """

    degrees: Any
    interpolation: Any = InterpolationMode.NEAREST
    expand: bool = False
    center: Any = None
    fill: Any = 0

    def __post_init__(self) -> None:
        self.degrees = _range("RandomRotation", "degrees", self.degrees, 2)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """Draw an angle."""
        return _draw(degrees[0], degrees[1])

    def transform(self, img: Any) -> Any:
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)


@dataclass(repr=False, eq=False)
class RandomAffine(Drawing):
    """Turn, move, scale and shear by amounts drawn from ranges.

    Args:
        degrees: (low, high), or d for (-d, d)
        translate: the largest moves as fractions of width and height
        scale: the smallest and the largest factor
        shear: degrees, of x as degrees; four numbers are ranges of x and y
        center: (x, y); the middle if not given
    """

    degrees: Any
    translate: Any = None
    scale: Any = None
    shear: Any = None
    interpolation: Any = InterpolationMode.NEAREST
    fill: Any = 0
    center: Any = None

    def __post_init__(self) -> None:
        self.degrees = _range("RandomAffine", "degrees", self.degrees, 2)
        self.shear = None if self.shear is None else _range("RandomAffine", "shear", self.shear, 2, 4)
        translate, scale = self.translate, self.scale
        if translate is not None and (len(translate) != 2 or not all(0 <= t <= 1 for t in translate)):
            raise ArgumentError("RandomAffine: translate must be two fractions from 0 to 1.", got=f"{translate!r:.60}")
        if scale is not None and (len(scale) != 2 or not all(s > 0 for s in scale)):
            raise ArgumentError("RandomAffine: scale must be two numbers above 0.", got=f"{scale!r:.60}")

    @staticmethod
    def get_params(
        degrees: Sequence[float], translate: Any, scale_ranges: Any, shears: Any, img_size: Sequence[int]
    ) -> tuple[float, tuple[int, int], float, Range]:
        """Draw angle, moves in pixels, factor and shears. img_size: (width, height)."""
        angle = _draw(degrees[0], degrees[1])
        most = [f * s for f, s in zip(translate or (0, 0), img_size, strict=True)]
        x, y = (round(_draw(-m, m)) if translate is not None else 0 for m in most)
        scale = 1.0 if scale_ranges is None else _draw(*scale_ranges)
        shear_x = 0.0 if shears is None else _draw(shears[0], shears[1])
        shear_y = _draw(shears[2], shears[3]) if shears is not None and len(shears) == 4 else 0.0
        return angle, (x, y), scale, (shear_x, shear_y)

    def transform(self, img: Any) -> Any:
        h, w = img.shape[-2:]
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, (w, h))
        return F.affine(img, *drawn, self.interpolation, self.fill, self.center)
