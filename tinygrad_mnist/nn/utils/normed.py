"""The older form of weight and spectral norm: parameters weight_g, weight_v or weight_orig beside the weight.

PyTorch computes the weight before every forward; here it is computed whenever it is read, from the same parameters,
under the same names. Read after parametrizations.py.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ...core.errors import ArgumentError
from ...core.graph import no_grad
from ...functions import matmul
from ..module import Module
from ..parameter import Parameter
from .parametrizations import as_matrix, default_dim, directions, norm_but, power
from .parametrize import dress, taken

M = TypeVar("M", bound=Module)


class _Norm:
    """How one weight is computed."""

    kind: str
    added: tuple[str, ...]

    def __init__(self, name: str, dim: int, count: int = 0, eps: float = 0.0) -> None:
        self.name, self.dim, self.count, self.eps = name, dim, count, eps

    def parts(self, module: Any) -> list[Any]:
        """List what it is computed from."""
        return [getattr(module, f"{self.name}_{ending}") for ending in self.added]

    def before(self, module: Any) -> None:
        """Do what is to be done before every forward."""

    def weight(self, module: Any) -> Any:
        """Compute it."""
        raise TypeError(f"{type(self).__name__} must define weight(module)")


class _WeightNorm(_Norm):
    kind, added = "weight_norm", ("g", "v")

    def weight(self, module: Any) -> Any:
        """Give the direction its length."""
        g, v = self.parts(module)
        return v * (g / norm_but(v, self.dim))


class _SpectralNorm(_Norm):
    kind, added = "spectral_norm", ("orig", "u", "v")

    def before(self, module: Any) -> None:
        """Improve the singular vectors, in training."""
        if module.training:
            weight, u, v = self.parts(module)
            w = as_matrix(weight.detach(), self.dim)
            with no_grad():  # in PyTorch's older order: v first
                power(w.T, v, u, self.count, self.eps)

    def weight(self, module: Any) -> Any:
        """Divide by the singular value."""
        weight, u, v = self.parts(module)
        return weight / matmul(u.clone(), matmul(as_matrix(weight, self.dim), v.clone()))


def _added(module: M, norm: _Norm, values: dict[str, Any]) -> M:
    for ending, value in values.items():
        name = f"{norm.name}_{ending}"
        setattr(module, name, value) if isinstance(value, Parameter) else module.register_buffer(name, value)
    module._normed = {**vars(module).get("_normed", {}), norm.name: norm}  # type: ignore[attr-defined]
    delattr(module, norm.name)
    dress(module)
    return module


def _removed(module: M, name: str, kind: str) -> M:
    norms = vars(module).get("_normed", {})
    if name not in norms or norms[name].kind != kind:
        raise ArgumentError(f"remove_{kind}: {type(module).__name__}.{name} has no {kind}.")
    with no_grad():
        value = getattr(module, name).detach()
    for ending in norms[name].added:
        delattr(module, f"{name}_{ending}")
    module._normed = {k: v for k, v in norms.items() if k != name}  # type: ignore[attr-defined]
    dress(module)
    setattr(module, name, Parameter(value))
    return module


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Learn the length (weight_g) and the direction (weight_v) of a weight apart.

    Math:
        w = g v / ‖v‖, with a length for every index of dim, or one for all (dim=None)
    Source:
        Salimans & Kingma 2016 (arXiv:1602.07868)
    """
    if name in vars(module).get("_normed", {}):
        raise ArgumentError(f"weight_norm: {type(module).__name__}.{name} has a norm already.")
    weight, norm = taken(module, name, "weight_norm"), _WeightNorm(name, -1 if dim is None else dim)
    return _added(module, norm, {"g": Parameter(norm_but(weight.detach(), norm.dim)), "v": Parameter(weight.detach())})


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight (weight_orig) by its largest singular value, so that the layer lengthens nothing.

    Math:
        w / (uᵀ W v), with v = Wᵀ u / ‖Wᵀ u‖, u = W v / ‖W v‖ improved at every forward in training
    Source:
        Miyato et al. 2018 (arXiv:1802.05957)
    """
    if n_power_iterations <= 0:
        raise ArgumentError("spectral_norm: n_power_iterations must be positive.", got=f"{n_power_iterations}")
    if name in vars(module).get("_normed", {}):
        raise ArgumentError(f"spectral_norm: {type(module).__name__}.{name} has a norm already.")
    weight: Any = taken(module, name, "spectral_norm")
    norm = _SpectralNorm(name, default_dim(module) if dim is None else dim, n_power_iterations, eps)
    with no_grad():
        u, v = directions(as_matrix(weight.detach(), norm.dim), eps)
    return _added(module, norm, {"orig": weight, "u": u, "v": v})


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make the weight a parameter again, with the value that it has."""
    return _removed(module, name, "weight_norm")


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make the weight a parameter again, with the value that it has."""
    return _removed(module, name, "spectral_norm")
