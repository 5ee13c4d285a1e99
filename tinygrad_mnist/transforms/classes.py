"""Transforms as objects that do the same every time: Compose, ToTensor, Normalize, Resize ...

Each has torchvision's arguments. `batch` transforms many images at once, for datasets that hold them in one array; it
is there where `takes_batches` says so. Look next at random.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import DTypeError
from ..core.graph import Var
from ..core.scope import state
from ..tensors.creation import from_numpy
from . import functional as F
from .interpolation import InterpolationMode


class Transform:
    """Base of the transforms: called with an image, it gives another."""

    takes_batches = True

    def __call__(self, img: Any) -> Any:
        if (recorder := state.recorder) is not None:
            recorder.depends(self._settings, f"the settings of {type(self).__name__}")
        return self.transform(img)

    def _settings(self) -> str:
        return repr(vars(self))

    def transform(self, img: Any) -> Any:
        """Give the transformed image; a subclass writes this."""
        raise NotImplementedError(f"{type(self).__name__} has no transform")

    def batch(self, images: Any) -> Any:
        """Transform many images (N, ..., H, W) at once."""
        return self(images)

    def __repr__(self) -> str:
        shown = {k: getattr(v, "value", v) for k, v in vars(self).items() if k not in ("inplace", "lambd")}
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in shown.items())})"


@dataclass(repr=False, eq=False)
class Compose(Transform):
    """Do several transforms, one after the other."""

    transforms: Sequence[Callable[[Any], Any]]

    def transform(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    @property
    def takes_batches(self) -> bool:  # type: ignore[override]
        """Whether every one of them can."""
        return all(getattr(t, "takes_batches", False) for t in self.transforms)

    def batch(self, images: Any) -> Any:
        """Transform many images at once."""
        steps: Any = self.transforms
        for step in steps:
            images = step.batch(images)
        return images

    def __repr__(self) -> str:
        return "\n".join(["Compose(", *(f"    {t}" for t in self.transforms), ")"])


class ToTensor(Transform):
    """Make a tensor (C, H, W) of an array (H, W, C) or (H, W); bytes become floats in [0, 1]."""

    def transform(self, img: Any) -> Any:
        return F.to_tensor(img)

    def batch(self, images: Any) -> Any:
        """Make a tensor (N, 1, H, W) of grey images (N, H, W)."""
        return from_numpy(F.unit(images[:, None]) if images.dtype == np.uint8 else images[:, None])


class ToImage(Transform):
    """Make a tensor (C, H, W) of an array (H, W, C) or (H, W), of the same dtype."""

    def transform(self, img: Any) -> Any:
        return F.to_image(img)

    def batch(self, images: Any) -> Any:
        """Make a tensor (N, 1, H, W) of grey images (N, H, W)."""
        return from_numpy(images[:, None]) if isinstance(images, np.ndarray) else images


@dataclass(repr=False, eq=False)
class Normalize(Transform):
    """Subtract a mean and divide by a deviation, channel by channel."""

    mean: Sequence[float]
    std: Sequence[float]
    inplace: bool = False

    def transform(self, img: Any) -> Any:
        return F.normalize(img, self.mean, self.std, self.inplace)


@dataclass(repr=False, eq=False)
class Resize(Transform):
    """Resize to (height, width), or the shorter edge to a number and the other in proportion, at most max_size."""

    size: Any
    interpolation: Any = InterpolationMode.BILINEAR
    max_size: int | None = None
    antialias: bool | None = True

    def transform(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


@dataclass(repr=False, eq=False)
class CenterCrop(Transform):
    """Cut out the middle, (height, width) or a square."""

    size: Any

    def transform(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


@dataclass(repr=False, eq=False)
class Pad(Transform):
    """Add pixels around an image: `padding` on all sides, or (left and right, top and bottom), or each side."""

    padding: Any
    fill: Any = 0
    padding_mode: str = "constant"

    def transform(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)


@dataclass(repr=False, eq=False)
class Lambda(Transform):
    """Call a function of one's own."""

    lambd: Callable[[Any], Any]
    takes_batches = False

    def __post_init__(self) -> None:
        if not callable(self.lambd):
            raise DTypeError("Lambda: expected a function.", got=f"{type(self.lambd).__name__} {self.lambd!r:.60}")

    def transform(self, img: Any) -> Any:
        return self.lambd(img)


@dataclass(repr=False, eq=False)
class ConvertImageDtype(Transform):
    """Convert to a dtype and its range: [0, 1] for floats, 0 up to the largest number for integers."""

    dtype: Any

    def transform(self, img: Any) -> Any:
        return F.convert_image_dtype(img, self.dtype)


@dataclass(repr=False, eq=False)
class ToDtype(Transform):
    """Convert to a dtype; with scale also the range, as ConvertImageDtype."""

    dtype: Any
    scale: bool = False

    def transform(self, img: Any) -> Any:
        if not isinstance(img, Var | np.ndarray):
            raise DTypeError("ToDtype: expected a tensor.", got=type(img).__name__, hint="ToImage() before it")
        return F.to_dtype(img, self.dtype, self.scale)
