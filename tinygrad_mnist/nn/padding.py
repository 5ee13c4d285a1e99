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

    padding: Any
    mode: str

    def forward(self, input: Tensor) -> Any:
        return pad(input, self.padding, self.mode, vars(self).get("value"))


def borders(name: str, mode: str, what: str, shown: str = "{padding}", **settings: Any) -> Any:
    """Make a layer for one, two and three dimensions that surrounds with something."""
    made = [layer(f"{name}{n}d", pad, shown, Border, padding=REQUIRED, **settings) for n in (1, 2, 3)]
    for kind in made:
        kind.mode, kind.__doc__ = mode, f"Surround with {what}."
    return made


ZeroPad1d, ZeroPad2d, ZeroPad3d = borders("ZeroPad", "constant", "zeros")
ConstantPad1d, ConstantPad2d, ConstantPad3d = borders(
    "ConstantPad", "constant", "one value", "padding={padding}, value={value}", value=REQUIRED
)
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = borders(
    "ReflectionPad", "reflect", "what is inside, mirrored at the border"
)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = borders(
    "ReplicationPad", "replicate", "what stands at the border"
)
CircularPad1d, CircularPad2d, CircularPad3d = borders("CircularPad", "circular", "what is at the other side")
