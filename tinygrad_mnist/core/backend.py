"""What the package takes from the machine: dtypes, which of them new floats have, and random numbers.

Every draw comes from a Generator; the default one is seeded by `manual_seed` and otherwise from the system. Knows no
tensor. Look next at graph.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

import numpy as np

from .device import CPU, on_cpu
from .device import device as Device
from .errors import DTypeError

Array = np.ndarray[Any, np.dtype[Any]]  # the one spelling, at the bottom: kernels/ take it from here
T = TypeVar("T")

float16 = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
uint8 = np.dtype(np.uint8)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
bool_ = np.dtype(np.bool_)
half, double, long, short = float16, float64, int64, int16  # those of builtins are given in __init__.py


class Defaults:
    """What new tensors are where nothing says otherwise."""

    dtype = float32  # of Python's floats, of new tensors and of floats computed from integers
    forget: list[Callable[[], None]] = []  # called before it changes: lets go of what was found out for this one


def set_default_dtype(d: Any, /) -> None:
    """Choose the dtype of new floats: float32 at first, float64 for precision, float16."""
    if d is None or isinstance(d, str) or np.dtype(d).kind != "f":
        raise DTypeError("set_default_dtype: expected a floating-point dtype.", got=f"{d!r:.60}", hint="tg.float64")
    if (kind := np.dtype(d)) != Defaults.dtype:
        for forget in Defaults.forget:
            forget()
    Defaults.dtype = kind


def get_default_dtype() -> np.dtype[Any]:
    """Tell the dtype of new floats."""
    return Defaults.dtype


def isolated(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call what uses np.errstate, which an interruption (Ctrl-C) inside its own lines would leave changed."""
    return copy_context().run(function, *args, **kwargs)


class Generator:
    """A stream of random numbers with a seed and a state that can be stored.

    Made at first use, so that importing the package draws nothing from the system. In place of seed PyTorch's has
    the device, which may be given there too.
    """

    def __init__(self, seed: Any = None, device: Any = None) -> None:
        if isinstance(seed, str | Device):
            seed, device = None, seed
        on_cpu("Generator", device)
        self._seed: int | None = seed
        self._numpy: np.random.Generator | None = None

    @property
    def numpy(self) -> np.random.Generator:
        """The NumPy generator that does the drawing."""
        if self._numpy is None:
            self._numpy = isolated(np.random.default_rng, self._seed)
        return self._numpy

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream again from a seed."""
        self._seed, self._numpy = seed, isolated(np.random.default_rng, seed)
        return self

    @property
    def device(self) -> Device:
        """Where the numbers are drawn: the CPU."""
        return CPU

    def get_state(self) -> dict[str, Any]:
        """Give the state of the stream: plain numbers, fit for JSON."""
        return dict(self.numpy.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state that `get_state` gave."""
        self.numpy.bit_generator.state = state


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator: initial weights, dropout masks and shuffles repeat from here.

    Example:
        >>> generator = tg.manual_seed(0)
        >>> first = tg.rand(3)
        >>> generator = tg.manual_seed(0)
        >>> tg.equal(tg.rand(3), first)
        True
    """
    return default_generator.manual_seed(seed)


def generator_or_default(generator: Generator | np.random.Generator | None) -> np.random.Generator:
    """Give the NumPy generator behind an optional argument."""
    if isinstance(generator, np.random.Generator):
        return generator
    return (generator or default_generator).numpy
