"""What the tests draw: shapes, memory layouts and values.

Structure (shapes, axes, layouts, options) goes through one function, `choose`, so that hypothesis can shrink it and
mutate_rules.py can do without hypothesis. Values come from a seed, mapped into a domain at a stated distance from its
kinks; that keeps drawing fast. Look next at cases/case.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]

# How an array may lie in memory. "permuted": the last axis runs slowest but one (channels-last for an image batch).
LAYOUTS = ("C", "F", "strided", "negative", "permuted")
# "any" shapes the case allows; "scalar": 0-d wherever the case allows it; "empty": an axis of size 0 likewise.
KINDS = ("any", "scalar", "empty")


def lay_out(x: Array, layout: str) -> Array:
    """Give an array of the same values in another memory layout, read-only, so that changing it raises."""
    x = np.asarray(x)
    if layout == "F":
        x = x.copy(order="F")
    elif layout == "strided":
        wide = np.zeros(tuple(2 * size + 1 for size in x.shape), x.dtype)
        inside = wide[(*(slice(1, 2 * size + 1, 2) for size in x.shape), ...)]
        inside[...] = x
        x = inside
    elif layout == "negative":
        backwards = (slice(None, None, -1),) * x.ndim
        x = x[backwards].copy()[backwards]
    elif layout == "permuted" and x.ndim > 1:
        x = np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)
    else:
        x = x.copy()
    x = np.asarray(x).view()
    x.flags.writeable = False
    return x


@dataclass(frozen=True)
class Domain:
    """Where values come from: an interval, less a distance around each kink."""

    low: float = -2.0
    high: float = 2.0
    kinks: tuple[float, ...] = ()
    distance: float = 0.1

    def values(self, rng: np.random.Generator, shape: Shape) -> Array:
        """Draw values, moving those too near a kink away from it."""
        x = np.asarray(rng.uniform(self.low, self.high, shape))
        for kink in self.kinks:
            moved = kink + np.where(x < kink, -1, 1) * self.distance * rng.uniform(1, 2, shape)
            x = np.where(np.abs(x - kink) < self.distance, moved, x)
        return x


ANYWHERE = Domain()
POSITIVE = Domain(0.4, 2.5)
NOT_ZERO = Domain(kinks=(0.0,), distance=0.4)


@dataclass
class Call:
    """Arguments for one call: arrays (or None, or numbers) and static options, with the seed that made the values."""

    args: list[Any]
    static: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __repr__(self) -> str:
        def show(x: Any) -> str:
            return f"{x.dtype}{x.shape} strides {x.strides}" if isinstance(x, np.ndarray) else repr(x)

        return f"Call({', '.join(map(show, self.args))}, {self.static}, seed {self.seed})"


class Draw:
    """What a Case builds its arguments with. exact: the values will be differentiated numerically, in float64."""

    def __init__(self, choose: Callable[[Sequence[Any]], Any], seed: int, dtype: Any, kind: str, exact: bool) -> None:
        self.choose, self.seed, self.dtype, self.kind, self.exact = choose, seed, np.dtype(dtype), kind, exact
        self.rng = np.random.default_rng(seed)

    def shape(self, least: int = 0, most: int = 3, empty: bool = True) -> Shape:
        """Draw a shape of `least` to `most` axes; empty: whether an axis may have size 0."""
        if self.kind == "scalar" and least == 0:
            return ()
        ndim = self.choose(range(max(least, min(1, most)) if self.kind == "empty" else least, most + 1))
        shape = [self.choose((2, 3, 1)) for _ in range(ndim)]
        if self.kind == "empty" and empty and ndim:
            shape[self.choose(range(ndim))] = 0
        return tuple(shape)

    def broadcasting(self, count: int, least: int = 0, most: int = 3) -> list[Shape]:
        """Draw shapes that broadcast with each other."""
        full = self.shape(least, most)
        shapes = []
        for _ in range(count):
            kept = full[self.choose(range(len(full) + 1)) :]
            shapes.append(tuple(1 if self.choose((False, False, True)) else size for size in kept))
        return shapes

    def axis(self, ndim: int) -> int:
        """Draw one axis, counted from either end."""
        return int(self.choose(range(-ndim, ndim)))

    def axes(self, ndim: int) -> Any:
        """Draw what a reduction takes: None, one axis, or a tuple of them."""
        if ndim == 0:
            return self.choose((None, 0, -1))  # as in PyTorch, a 0-d array may be reduced over its axis 0
        options: list[Any] = [None, *range(-ndim, ndim)]
        options += [(0, -1), (-1, 0)] if ndim > 1 else [(0,)]
        return self.choose([*options, (-2, 0)] if ndim > 2 else options)

    def boolean(self) -> bool:
        """Draw True or False."""
        return bool(self.choose((False, True)))

    def array(self, x: Any) -> Array:
        """Put values into a drawn layout; floats become the dtype of this draw."""
        x = np.asarray(x)
        return lay_out(x.astype(self.dtype) if x.dtype.kind == "f" else x, self.choose(LAYOUTS))

    def values(self, shape: Shape, domain: Domain = ANYWHERE) -> Array:
        """Draw values from a domain."""
        return self.array(domain.values(self.rng, shape))

    def distinct(self, shape: Shape, offset: float = 0.0) -> Array:
        """Draw values of which any two differ by 0.14 or more (by 0.04 or more from those of offset 0.1)."""
        size = int(np.prod(shape))
        steps = self.rng.permutation(size) - size // 2
        return self.array((0.2 * steps + self.rng.uniform(-0.03, 0.03, size) + offset).reshape(shape))

    def integers(self, low: int, high: int, shape: Shape) -> Array:
        """Draw whole numbers from low to high - 1."""
        return self.array(self.rng.integers(low, high, shape))


def seeded(seed: int, dtype: Any = np.float64, kind: str = "any", exact: bool = True) -> Draw:
    """Draw structure, too, from a seed: for scripts and for tests without hypothesis."""
    chooser = np.random.default_rng([seed, 1])
    return Draw(lambda options: options[int(chooser.integers(len(options)))], seed, dtype, kind, exact)


@st.composite
def calls(draw: Any, build: Callable[[Draw], Call], dtype: Any, exact: bool = False) -> Call:
    """Draw arguments for a Case. exact: no empty arrays, which have nothing to differentiate."""
    kind = draw(st.sampled_from(("any", "any", "any", "scalar") if exact else ("any", "any", *KINDS)))
    seed = draw(st.integers(0, 2**16))
    return build(Draw(lambda options: draw(st.sampled_from(options)), seed, dtype, kind, exact))
