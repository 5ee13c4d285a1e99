"""Borders around sequences, images and volumes as layers; one line each, as layer.py makes them.

All call `functional.pad`. Read after layer.py.
"""

from __future__ import annotations

from typing import Any

from ..functions import pad
from ..functions.types import Tensor
from .functional.arguments import numbers
from .layer import REQUIRED, Layer, layer


class Border(Layer):
    """Base of layers that pad: by one width, or (before, after) of the last dimension, then of the one before it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.padding = numbers(self.padding, f"{type(self).__name__}: padding", 2 * self.count)

    count: int
    padding: Any


def around(mode: str, what: str) -> Any:
    """Make the function of a mode of padding."""

    def padded(input: Tensor, padding: Any, value: float | None = None) -> Tensor:
        return pad(input, padding, mode, value)

    padded.__doc__ = f"Surround with {what}."
    return padded


def borders(name: str, function: Any, shown: str = "{padding}", **settings: Any) -> Any:
    """Make a layer for one, two and three dimensions."""
    return (layer(f"{name}{n}d", function, shown, Border, padding=REQUIRED, **settings) for n in (1, 2, 3))


ZeroPad1d, ZeroPad2d, ZeroPad3d = borders("ZeroPad", around("constant", "zeros"))
ConstantPad1d, ConstantPad2d, ConstantPad3d = borders(
    "ConstantPad", around("constant", "one value"), "padding={padding}, value={value}", value=REQUIRED
)
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = borders(
    "ReflectionPad", around("reflect", "what is inside, mirrored at the border")
)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = borders(
    "ReplicationPad", around("replicate", "what stands at the border")
)
CircularPad1d, CircularPad2d, CircularPad3d = borders("CircularPad", around("circular", "what is at the other side"))
