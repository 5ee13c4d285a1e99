"""Transforms as objects: a function of images and all its arguments but the image, under torchvision's names.

All take many images at once, a tensor (N, C, H, W), too; where one draw would change all of them alike,
`takes_batches` is False. Draws come from the default generator, which `manual_seed` seeds. Read after functional.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Signature, signature
from typing import Any, ClassVar

from ..core.backend import default_generator
from ..core.errors import ArgumentError, DTypeError
from ..core.scope import refuse_captured
from ..functions.dims import need
from . import functional as F


class Transform:
    """A function of an image, with the arguments after the image given."""

    takes_batches = True
    function: ClassVar[Any]
    check: ClassVar[Any] = None  # called once the arguments are there

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = signature(type(self)).bind(*args, **kwargs)
        given.apply_defaults()
        self.__dict__.update(given.arguments)
        if self.check is not None:
            self.check()

    def __call__(self, img: Any) -> Any:
        return self.function(img, **vars(self))

    def __repr__(self) -> str:
        shown = {k: getattr(v, "value", v) for k, v in vars(self).items() if k not in ("inplace", "lambd")}
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in shown.items())})"


def _of(name: str, function: Callable[..., Any], takes_batches: bool = True, check: Any = None) -> type[Transform]:
    """Make a class of a function."""
    body = {
        "__doc__": function.__doc__, "__module__": __name__, "function": staticmethod(function), "check": check,
        "__signature__": Signature([*signature(function).parameters.values()][1:]), "takes_batches": takes_batches,
    }  # fmt: skip
    return type(name, (Transform,), body)


def _compose(img: Any, transforms: Sequence[Callable[[Any], Any]]) -> Any:
    """Do several transforms, one after the other."""
    for transform in transforms:
        img = transform(img)
    return img


def _applied(img: Any, lambd: Callable[[Any], Any]) -> Any:
    """Call a function of one's own."""
    return lambd(img)


def _check_callable(self: Any) -> None:
    need(callable(self.lambd), "Lambda: expected a function.", self.lambd, kind=DTypeError)


def _draw(low: float = 0.0, high: float = 1.0) -> float:
    refuse_captured("a random transform", "transform the images outside the step")
    return float(default_generator.numpy.uniform(low, high))


def _flip(name: str, flip: Callable[[Any], Any], turns: str) -> type[Transform]:
    def at_random(img: Any, p: float = 0.5) -> Any:
        return flip(img) if _draw() < p else img

    at_random.__doc__ = f"{turns} with probability p."
    return _of(name, at_random, False)


def _crop(
    img: Any, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant"
) -> Any:
    """Cut out a part of a size anywhere, after a padding.

    Args:
        pad_if_needed: add pixels to an image that is too small, else refused
    """
    img = img if padding is None else F.pad(img, padding, fill, padding_mode)
    oh, ow = F._pair(size)
    if pad_if_needed:
        img = F.pad(img, (max(ow - img.shape[-1], 0), max(oh - img.shape[-2], 0)), fill, padding_mode)
    h, w = img.shape[-2:]
    need(oh <= h and ow <= w, f"RandomCrop: the image is too small for {(oh, ow)}.", img, hint="pad_if_needed=True")
    return F.crop(img, int(_draw(0, h - oh + 1)), int(_draw(0, w - ow + 1)), oh, ow)


def _rotation(
    img: Any, degrees: Any, interpolation: Any = F.InterpolationMode.NEAREST, expand: bool = False, center: Any = None,
    fill: Any = 0,
) -> Any:  # fmt: skip
    """Turn by an angle drawn from a range in degrees: (low, high), or d for (-d, d).

    Args:
        expand: not here: the size stays
        center: (x, y); the middle if not given
    """
    return F.rotate(img, _draw(*degrees), interpolation, center, fill)


def _affine(
    img: Any, degrees: Any, translate: Any = None, scale: Any = None, shear: Any = None,
    interpolation: Any = F.InterpolationMode.NEAREST, fill: Any = 0, center: Any = None,
) -> Any:  # fmt: skip
    """Turn, move, scale and shear by amounts drawn from ranges.

    Args:
        degrees: (low, high), or d for (-d, d)
        translate: the largest moves as fractions of width and height
        scale: the smallest and the largest factor
        shear: degrees, of x as degrees; four numbers are ranges of x and y
        center: (x, y); the middle if not given
    """
    angle = _draw(*degrees)
    moves = [round(_draw(-f * n, f * n)) for f, n in zip(translate or (0, 0), img.shape[:-3:-1], strict=True)]
    factor, limits = _draw(*(scale or (1, 1))), (*(shear or (0, 0)), 0, 0)
    return F.affine(img, angle, moves, factor, [_draw(*limits[i : i + 2]) for i in (0, 2)], interpolation, fill, center)


def _check_ranges(self: Any) -> None:
    """Read the ranges of degrees and shears, of which a number stands for both ends, and check the others."""

    def check(holds: bool, what: str) -> None:
        need(holds, f"{type(self).__name__}: {what}.", vars(self), kind=ArgumentError)

    for what, lengths in (("degrees", (2,)), ("shear", (2, 4))):
        if isinstance(value := vars(self).get(what), int | float):
            check(value >= 0, f"{what} must be a number of at least 0, or a range")
            setattr(self, what, (-value, value))
        else:
            check(value is None or len(value) in lengths, f"{what} must be a number of at least 0, or a range")
    translate, scale = (vars(self).get(what) or default for what, default in (("translate", (0, 0)), ("scale", (1, 1))))
    check(len(translate) == 2 and all(0 <= t <= 1 for t in translate), "translate must be two fractions from 0 to 1")
    check(len(scale) == 2 and all(s > 0 for s in scale), "scale must be two numbers above 0")
    check(not vars(self).get("expand"), "expand=True is not here; the size stays: transforms.Pad before it makes room")


ToTensor, ToImage = _of("ToTensor", F.to_tensor), _of("ToImage", F.to_image)
Normalize, Resize = _of("Normalize", F.normalize), _of("Resize", F.resize)
CenterCrop, Pad = _of("CenterCrop", F.center_crop), _of("Pad", F.pad)
ConvertImageDtype, ToDtype = _of("ConvertImageDtype", F.convert_image_dtype), _of("ToDtype", F.to_dtype)
Lambda = _of("Lambda", _applied, False, _check_callable)
RandomHorizontalFlip = _flip("RandomHorizontalFlip", F.hflip, "Turn left and right")
RandomVerticalFlip = _flip("RandomVerticalFlip", F.vflip, "Turn upside down")
RandomCrop = _of("RandomCrop", _crop, False)
RandomRotation = _of("RandomRotation", _rotation, False, _check_ranges)
RandomAffine = _of("RandomAffine", _affine, False, _check_ranges)


class Compose(_of("Compose", _compose)):  # type: ignore[misc]
    """Do several transforms, one after the other."""

    def __repr__(self) -> str:
        return "\n".join(["Compose(", *(f"    {t}" for t in self.transforms), ")"])
