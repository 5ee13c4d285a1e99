"""The older form of weight and spectral norm: parameters weight_g, weight_v or weight_orig beside the weight.

PyTorch computes the weight before every forward; here it is computed whenever it is read, from the same parameters,
under the same names. Read after parametrizations.py.
"""

from __future__ import annotations

from typing import Any

from ...core.errors import ArgumentError
from ...core.graph import no_grad
from ..parameter import Parameter
from .parametrizations import WeightNorm, as_matrix, default_dim, directions, norm_but, power, stretched
from .parametrize import dress, put, taken


class _Norm:
    """How one weight is computed: with `count` steps of power iteration, or, for 0, from length and direction."""

    def __init__(self, name: str, dim: int, count: int = 0, eps: float = 0.0) -> None:
        self.name, self.dim, self.count, self.eps = name, dim, count, eps
        self.added = ("orig", "u", "v") if count else ("g", "v")

    def parts(self, module: Any) -> list[Any]:
        """List what it is computed from."""
        return [getattr(module, f"{self.name}_{ending}") for ending in self.added]

    def before(self, module: Any) -> None:
        """Improve the singular vectors, in training, before a forward: v first, in PyTorch's older order."""
        if self.count and module.training:
            weight, u, v = self.parts(module)
            power(as_matrix(weight.detach(), self.dim).T, v, u, self.count, self.eps)

    def weight(self, module: Any) -> Any:
        """Compute it."""
        weight, *others = self.parts(module)
        if self.count:
            return weight / stretched(as_matrix(weight, self.dim), *others)
        return WeightNorm(self.dim).forward(weight, *others)


def _added(module: Any, norm: _Norm, what: str) -> Any:
    norms = vars(module).get("_normed", {})
    if norm.name in norms:
        raise ArgumentError(f"{what}: {type(module).__name__}.{norm.name} has a norm already.")
    weight = taken(module, norm.name, what)
    if norm.count:
        values = [weight, *directions(as_matrix(weight.detach(), norm.dim), norm.eps)]
    else:
        values = [Parameter(norm_but(weight.detach(), norm.dim)), Parameter(weight.detach())]
    for ending, value in zip(norm.added, values, strict=True):
        put(module, f"{norm.name}_{ending}", value)
    module._normed = {**norms, norm.name: norm}
    delattr(module, norm.name)
    dress(module)
    return module


def _removed(module: Any, name: str, what: str, spectral: bool) -> Any:
    norm = vars(module).get("_normed", {}).get(name)
    if norm is None or bool(norm.count) != spectral:
        raise ArgumentError(f"remove_{what}: {type(module).__name__}.{name} has no {what}.")
    with no_grad():
        value = getattr(module, name).detach()
    for ending in norm.added:
        delattr(module, f"{name}_{ending}")
    module._normed = {k: v for k, v in module._normed.items() if k != name}
    dress(module)
    setattr(module, name, Parameter(value))
    return module


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Learn the length (weight_g) and the direction (weight_v) of a weight apart: see parametrizations.weight_norm."""
    return _added(module, _Norm(name, -1 if dim is None else dim), "weight_norm")


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Any:  # fmt: skip
    """Divide a weight (weight_orig) by its largest singular value: see parametrizations.spectral_norm."""
    if n_power_iterations <= 0:
        raise ArgumentError("spectral_norm: n_power_iterations must be positive.", got=f"{n_power_iterations}")
    norm = _Norm(name, default_dim(module) if dim is None else dim, n_power_iterations, eps)
    return _added(module, norm, "spectral_norm")


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make the weight a parameter again, with the value that it has."""
    return _removed(module, name, "weight_norm", False)


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Make the weight a parameter again, with the value that it has."""
    return _removed(module, name, "spectral_norm", True)
