"""What Tensor alone has: numbers drawn in place (`x.normal_()`), transposes by one letter, and what asks about memory.

Methods only, hung on the class beside those of methods.py. Must not know: Tensor. Look next at tensor.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .. import functions as F
from ..core import draws
from ..core.backend import Generator
from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..functions import moving
from ..functions.dims import integer, need
from ..functions.numbers import number, storable
from ..ops import compare, contract, promotion
from ..ops import index as indexing
from . import in_place

V = TypeVar("V", bound=Var)


def _drawn(self: V, name: str, fill: Callable[..., None], generator: Any, kinds: str = "f", **settings: Any) -> V:
    """Overwrite with random numbers."""
    need(self.dtype.kind in kinds, f"{name}: cannot draw such numbers.", self, kind=DTypeError, hint="x.float()")
    numbers = draws.draw(fill, self.shape, self.dtype, generator, **settings)
    return in_place.change(self, indexing.setitem, numbers, index=(Ellipsis,))


def uniform_(self: V, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> V:
    """Draw from the uniform distribution on [from_, to) in place."""
    low, high = number("uniform_", from_), number("uniform_", to)
    need(low <= high, "uniform_: from is larger than to.", low, high, kind=ArgumentError)
    return _drawn(self, "uniform_", draws.uniform, generator, low=float(low), high=float(high))


def normal_(self: V, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> V:
    """Draw from the normal distribution N(mean, std²) in place."""
    centre, width = float(number("normal_", mean)), float(number("normal_", std))
    need(width >= 0, "normal_: std is negative.", width, kind=ArgumentError)
    return _drawn(self, "normal_", draws.normal, generator, mean=centre, std=width)


def bernoulli_(self: V, p: Any = 0.5, *, generator: Generator | None = None) -> V:
    """Draw 1 with probability p, a number or a tensor that broadcasts, else 0, in place."""
    if isinstance(p, Var | np.ndarray):
        drawn = compare.less(draws.draw(draws.uniform, self.shape, np.dtype(np.float64), generator), p)
        return in_place.change(self, indexing.setitem, promotion.cast(drawn, dtype=self.dtype), index=(Ellipsis,))
    need(0 <= (chance := number("bernoulli_", p)) <= 1, "bernoulli_: p is no probability.", p, kind=ArgumentError)
    return _drawn(self, "bernoulli_", draws.happens, generator, "fiub", p=float(chance))


def random_(self: V, from_: int = 0, to: int | None = None, *, generator: Generator | None = None) -> V:
    """Draw whole numbers from from_ up to, but not including, `to` in place.

    Args:
        from_: alone, it is `to`, and from_ is 0
        to: unless given, what the dtype holds: of floats, without gaps
    """
    low, high = integer("random_", "from", from_), None if to is None else integer("random_", "to", to)
    if high is None and low:
        low, high = 0, low
    if high is None:
        kind = self.dtype
        most = 1 if kind.kind == "b" else np.iinfo(kind).max if kind.kind != "f" else 2 ** (np.finfo(kind).nmant + 1)
        high = int(most) + 1
    need(low < high, "random_: from must be less than to.", low, high, kind=ArgumentError)
    storable("random_", high - 1, self.dtype, wraps=False)
    return _drawn(self, "random_", draws.integers, generator, "fiub", low=low, high=high)


def exponential_(self: V, lambd: float = 1, *, generator: Generator | None = None) -> V:
    """Draw from the exponential distribution λ e^(-λx) in place."""
    need(
        (rate := float(number("exponential_", lambd))) > 0, "exponential_: lambd must be positive.", kind=ArgumentError
    )
    return _drawn(self, "exponential_", draws.sampled, generator, method="exponential", parameters=(1 / rate,))


def index_put_(self: V, indices: Any, values: Any, accumulate: bool = False) -> V:
    """Write (or add) values at the positions that a tuple of index tensors names, in place."""
    index, arrays = in_place.split_index(tuple(indices))
    if not accumulate:
        return in_place.change(self, indexing.setitem, values, *arrays, index=index)
    picked = indexing.getitem(self, *arrays, index=index)
    rows = F.expand(values, tuple(picked.shape))
    return in_place.add_(self, indexing.put(rows, *arrays, index=index, shape=self.shape))


class Forms:
    """What a tensor can do besides its Methods."""

    __slots__ = ()

    contiguous, is_contiguous, stride, unfold, repeat = (
        moving.contiguous, moving.is_contiguous, moving.stride, moving.unfold, moving.repeat,
    )  # fmt: skip
    view_as, reshape_as, expand_as = moving.reshape_as, moving.reshape_as, moving.expand_as
    uniform_, normal_, bernoulli_, random_, exponential_ = uniform_, normal_, bernoulli_, random_, exponential_
    index_put_ = index_put_

    @property
    def T(self: Any) -> Any:
        """The tensor with its dimensions in reverse order."""
        return F.permute(self, tuple(reversed(range(self.ndim))))

    @property
    def mT(self: Any) -> Any:
        """The tensor with its last two dimensions exchanged."""
        need(self.ndim > 1, "mT: expected at least 2 dimensions.", self)
        return contract.swap(self)
