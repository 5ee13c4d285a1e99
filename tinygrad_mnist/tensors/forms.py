"""What Tensor alone has: numbers drawn in place (`x.normal_()`), transposes by one letter, where it is and how large.

Methods beside those of methods.py, and what is asked of dtypes. Must not know: Tensor. Look next at tensor.py.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np

from .. import functions as F
from ..core import draws
from ..core.backend import Defaults, Generator
from ..core.device import CPU
from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..core.reprs import for_treescope, in_html
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


def is_tensor(obj: Any) -> bool:
    """Tell whether something is a tensor."""
    return isinstance(obj, Var)


def is_floating_point(input: Var) -> bool:
    """Tell whether the elements are floating-point numbers."""
    return input.dtype.kind == "f"


def numel(input: Var) -> int:
    """Count the elements."""
    return input.array.size


def element_size(self: Var) -> int:
    """Tell how many bytes an element takes."""
    return self.dtype.itemsize


def get_device(self: Var) -> int:
    """Tell the number of the accelerator that holds the tensor: -1, since the CPU does."""
    return -1


def where(self: Any, condition: Any, y: Any) -> Any:
    """Keep the elements where a condition holds, and take those of y elsewhere."""
    return F.where(condition, self, y)


class Forms(Var):
    """What a tensor can do and tell besides its Methods."""

    __slots__ = ()
    is_cuda, device = False, property(lambda self: CPU, doc="Where the tensor is: on the CPU.")
    itemsize = property(lambda self: self.dtype.itemsize, doc="Bytes of an element.")
    nbytes = property(lambda self: self.array.nbytes, doc="Bytes of all elements.")
    numel, nelement, is_floating_point = numel, numel, is_floating_point
    element_size, get_device = element_size, get_device
    contiguous, is_contiguous, stride, unfold, repeat = (
        moving.contiguous, moving.is_contiguous, moving.stride, moving.unfold, moving.repeat,
    )  # fmt: skip
    view_as, reshape_as, expand_as = moving.reshape_as, moving.reshape_as, moving.expand_as
    uniform_, normal_, bernoulli_, random_, exponential_ = uniform_, normal_, bernoulli_, random_, exponential_
    index_put_, where = index_put_, where
    _repr_html_, __treescope_ndarray_adapter__ = in_html("tensor"), for_treescope

    T = property(lambda self: F.permute(self, tuple(range(self.ndim))[::-1]), doc="Its dimensions in reverse order.")

    @property
    def mT(self: Any) -> Any:
        """The tensor with its last two dimensions exchanged."""
        need(self.ndim > 1, "mT: expected at least 2 dimensions.", self)
        return contract.swap(self)


class finfo(SimpleNamespace):
    """The limits of a floating-point dtype as Python's numbers: min, max, eps, tiny ...; of the default if none."""

    def __init__(self, type: Any = None) -> None:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        super().__init__(**_limits("finfo", np.finfo, "f", Defaults.dtype if type is None else type, names))


class iinfo(SimpleNamespace):
    """The limits of an integer dtype as Python's numbers: min, max, bits."""

    def __init__(self, type: Any) -> None:
        super().__init__(**_limits("iinfo", np.iinfo, "iu", type, ("min", "max")))


def _limits(name: str, read: Any, kinds: str, type: Any, names: tuple[str, ...]) -> dict[str, Any]:
    kind = np.dtype(type)
    if kind.kind not in kinds:
        raise DTypeError(f"{name}: {kind} has other limits.", hint="tg.finfo or tg.iinfo")
    info = read(kind)
    return {n: np.asarray(getattr(info, n)).item() for n in names} | {"bits": info.bits, "dtype": kind.name}
