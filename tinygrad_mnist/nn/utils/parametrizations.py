"""Weights of a given norm, as parametrizations: PyTorch's `nn.utils.parametrizations`.

Each is a module that computes a weight of another tensor. Read after parametrize.py.
"""

from __future__ import annotations

from typing import Any

from ...core.draws import draw, normal
from ...core.errors import ArgumentError
from ...core.graph import no_grad
from ...functions import clamp, flatten, matmul, permute, square
from ...functions import sum as _sum
from ...tensors.tensor import Tensor
from ..module import Module
from .parametrize import register_parametrization


def norm_but(x: Any, dim: int) -> Any:
    """Take the norm over all axes but one, kept; over all for dim = -1, as PyTorch counts here."""
    others = tuple(i for i in range(x.ndim) if i != dim % x.ndim)
    return _sum(square(x)) ** 0.5 if dim == -1 else _sum(square(x), others, keepdim=True) ** 0.5


def as_matrix(x: Any, dim: int) -> Any:
    """Lay a weight out as (length of dim, everything else)."""
    return flatten(permute(x, (dim, *(i for i in range(x.ndim) if i != dim))) if dim else x, 1)


def normalized(x: Any, eps: float) -> Any:
    """Divide by the norm, which is taken to be eps at least."""
    return x / clamp(_sum(square(x)) ** 0.5, min=eps)


def directions(w: Any, eps: float) -> list[Any]:
    """Draw a unit vector for either side of a matrix."""
    return [normalized(Tensor.wrap(draw(normal, (size,), w.dtype, None)), eps) for size in w.shape]


def power(w: Any, u: Any, v: Any, count: int, eps: float) -> None:
    """Turn u and v, in place, towards the first singular vectors of a matrix."""
    with no_grad():
        new_u, new_v = u, v
        for _ in range(count):
            new_u = normalized(matmul(w, new_v), eps)
            new_v = normalized(matmul(w.T, new_u), eps)
        u.copy_(new_u)
        v.copy_(new_v)


def stretched(w: Any, u: Any, v: Any) -> Any:
    """Give the singular value of singular vectors as they are now."""
    return matmul(u.clone(), matmul(w, v.clone()))


class WeightNorm(Module):
    """A weight from its length g and direction v."""

    def __init__(self, dim: int | None = 0) -> None:
        self.dim = -1 if dim is None else dim

    def forward(self, g: Any, v: Any) -> Any:
        return v * (g / norm_but(v, self.dim))

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        """Take a weight apart."""
        return norm_but(weight, self.dim), weight


class SpectralNorm(Module):
    """A weight over its largest singular value, which is estimated by steps of power iteration."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ArgumentError("spectral_norm: n_power_iterations must be positive.", got=f"{n_power_iterations}")
        if not -weight.ndim <= dim < weight.ndim:
            raise ArgumentError("spectral_norm: the weight has no such dim.", got=f"dim {dim} of {weight.shape}")
        self.dim, self.eps, self.n_power_iterations = dim % weight.ndim, eps, n_power_iterations
        if weight.ndim > 1:
            w = as_matrix(weight.detach(), self.dim)
            for name, x in zip(("_u", "_v"), directions(w, eps), strict=True):
                self.register_buffer(name, x)
            power(w, self._u, self._v, 15, eps)

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalized(weight, self.eps)
        w = as_matrix(weight, self.dim)
        if self.training:
            power(w.detach(), self._u, self._v, self.n_power_iterations, self.eps)
        return weight / stretched(w, self._u, self._v)

    def right_inverse(self, value: Any) -> Any:
        """Take any weight of norm 1 for itself."""
        return value


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn the length and the direction of a weight apart.

    Math:
        w = g v / ‖v‖, with a length for every index of dim, or one for all (dim=None)
    Source:
        Salimans & Kingma 2016 (arXiv:1602.07868)
    """
    return register_parametrization(module, name, WeightNorm(dim), unsafe=True)


def spectral_norm(module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Module:  # fmt: skip
    """Divide a weight by its largest singular value, so that the layer lengthens nothing.

    Math:
        w / (uᵀ W v), with u = W v / ‖W v‖, v = Wᵀ u / ‖Wᵀ u‖ improved whenever it is read in training
    Source:
        Miyato et al. 2018 (arXiv:1802.05957)
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"spectral_norm: {type(module).__name__} has no parameter or buffer {name!r}.")
    norm = SpectralNorm(weight, n_power_iterations, default_dim(module) if dim is None else dim, eps)
    return register_parametrization(module, name, norm)


def default_dim(module: Module) -> int:
    """Tell which axis of a layer's weight is that of its outputs."""
    return int(any(c.__name__.startswith("ConvTranspose") for c in type(module).__mro__))
