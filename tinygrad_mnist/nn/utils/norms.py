"""Weights of a given norm, computed from other parameters whenever they are read; in both of PyTorch's forms.

A module gets a class of its own, between it and its class, with a property in the place of the weight; classes are
made for a set of names and never changed, so that copies and pickles keep theirs. The forms differ in where the
parameters are: weight_g, weight_v, weight_orig in the module, or below parametrizations.weight.
"""

from __future__ import annotations

from functools import cache, reduce
from typing import Any

from ...core.draws import draw, normal
from ...core.errors import ArgumentError
from ...core.graph import no_grad
from ...functions import clamp, flatten, matmul, permute, square
from ...functions import sum as _sum
from ...tensors.in_place import replace
from ...tensors.tensor import Tensor
from ..module import Module, registered
from ..parameter import Parameter

PATHS = {  # of what a weight is computed from: {} is its name
    "weight_norm": ("{}_g", "{}_v"), "spectral_norm": ("{}_orig", "{}_u", "{}_v"),
    "parametrizations.weight_norm": tuple(f"parametrizations.{{}}.original{i}" for i in range(2)),
    "parametrizations.spectral_norm": tuple(f"parametrizations.{{}}.{x}" for x in ("original", "0._u", "0._v")),
}  # fmt: skip


class Norm:
    """How one weight is computed: over its largest singular value, or from lengths and directions (count 0)."""

    def __init__(self, kind: str, module: Any, name: str, dim: int | None, count: int = 0, eps: float = 0.0) -> None:
        x, what = vars(module).get(name), f"{type(module).__name__}.{name}"
        if name in vars(module).get("_computed", {}):
            raise ArgumentError(f"{kind}: {what} is computed already.")
        if not isinstance(x, Parameter) and not (isinstance(x, Tensor) and name in registered(module)):
            raise ArgumentError(f"{kind}: there is no parameter or buffer {what}.")
        if kind.endswith("spectral_norm"):
            if count <= 0:
                raise ArgumentError(f"{kind}: n_power_iterations must be positive.", got=f"{count}")
            turned = any(c.__name__.startswith("ConvTranspose") for c in type(module).__mro__)
            dim = int(turned) if dim is None else dim
        if dim not in (None, *range(-x.ndim, x.ndim)):
            raise ArgumentError(f"{kind}: the weight has no such dim.", got=f"dim {dim} of {x.shape}")
        self.dim = None if dim is None or dim == -1 and not count else dim % x.ndim  # PyTorch takes -1 for None here
        self.kind, self.name, self.count, self.eps = kind, name, count, eps
        self.paths = [path.format(name) for path in PATHS[kind]]

    def add(self, module: Any) -> Any:
        """Take the weight apart into parameters and buffers, and have it computed."""
        weight = vars(module)[self.name]
        if self.count:
            w = as_matrix(weight.detach(), self.dim)
            u, v = (normalized(Tensor.wrap(draw(normal, (n,), w.dtype, None)), self.eps) for n in w.shape)
            power(w, u, v, 15 if "." in self.kind else 0, self.eps)
            parts = [weight, u, v]
        else:
            parts = [Parameter(x, weight.requires_grad) for x in (norm_but(weight.detach(), self.dim), weight.detach())]
        delattr(module, self.name)
        for path, x in zip(self.paths, parts, strict=True):
            *way, last = path.split(".")
            owner: Any = reduce(lambda m, key: m.__dict__.setdefault(key, Module()), way, module)
            setattr(owner, last, x) if isinstance(x, Parameter) else owner.register_buffer(last, x)
        return dress(module, {**vars(module).get("_computed", {}), self.name: self})

    def parts(self, module: Any) -> list[Any]:
        """List what the weight is computed from."""
        return [reduce(lambda m, key: vars(m)[key], path.split("."), module) for path in self.paths]

    def weight(self, module: Any) -> Any:
        """Compute the weight."""
        first, *others = self.parts(module)
        if not self.count:
            return others[0] * (first / norm_but(others[0], self.dim))
        w, (u, v) = as_matrix(first, self.dim), others
        if module.training and "." in self.kind:
            power(w.detach(), u, v, self.count, self.eps)
        elif module.training:  # PyTorch's older form improves v first
            power(w.detach().T, v, u, self.count, self.eps)
        return first / matmul(u.clone(), matmul(w, v.clone()))

    def remove(self, module: Any, computed: bool = True) -> Any:
        """Make the weight a parameter again: with its value, or the one that it was computed from."""
        with no_grad():
            first, value = self.parts(module)[0], self.weight(module).detach()
        if not self.count:
            first = Parameter(value, first.requires_grad)
        elif computed:
            replace(first, value)
        for path in self.paths if "." not in self.kind else ():
            delattr(module, path)
        if "." in self.kind:
            delattr(module.parametrizations, self.name)
            if not list(module.parametrizations.children()):
                delattr(module, "parametrizations")
        dress(module, {k: v for k, v in module._computed.items() if k != self.name})
        setattr(module, self.name, first) if isinstance(first, Parameter) else module.register_buffer(self.name, first)
        return module


def dress(module: Any, computed: dict[str, Norm]) -> Any:
    """Give a module the class that its computed weights need."""
    base: Any = getattr(type(module), "_base", type(module))
    module._computed = computed
    module.__class__ = dressed(base, tuple(computed)) if computed else base
    return module


@cache
def dressed(base: Any, names: tuple[str, ...]) -> Any:
    """Make the class of a module whose weights of these names are computed."""

    def computed(name: str) -> property:
        return property(lambda self: self._computed[name].weight(self), _unchangeable)

    body: dict[str, Any] = {name: computed(name) for name in names} | {"__module__": base.__module__, "_base": base}
    body["__reduce_ex__"] = lambda self, protocol: (_bare, (base, names), vars(self))
    return type(f"Parametrized{base.__name__}", (base,), body)


def _bare(base: Any, names: tuple[str, ...]) -> Any:
    kind = dressed(base, names)
    return kind.__new__(kind)


def _unchangeable(self: Module, value: Any) -> None:
    raise ArgumentError(f"{type(self).__name__}: a weight that is computed cannot be assigned.", hint="remove the norm")


def removed(kind: str, module: Any, name: str, computed: bool = True) -> Any:
    """Make a weight with a norm of this kind, or of any that it begins, a parameter again."""
    norm = vars(module).get("_computed", {}).get(name)
    if norm is None or not norm.kind.startswith(kind):
        raise ArgumentError(f"{type(module).__name__}.{name} has no {kind}, so that nothing can be removed.")
    return norm.remove(module, computed)


# ---------------------------------------------------------------- arithmetic


def norm_but(x: Any, dim: int | None) -> Any:
    """Take the norm over all axes but one, kept, or over all."""
    others = tuple(i for i in range(x.ndim) if i != dim)
    return _sum(square(x)) ** 0.5 if dim is None else _sum(square(x), others, keepdim=True) ** 0.5


def as_matrix(x: Any, dim: Any) -> Any:
    """Lay a weight out as (length of dim, everything else)."""
    return flatten(permute(x, (dim, *(i for i in range(x.ndim) if i != dim))) if dim else x, 1)


def normalized(x: Any, eps: float) -> Any:
    """Divide by the norm, which is taken to be eps at least."""
    return x / clamp(_sum(square(x)) ** 0.5, min=eps)


def power(w: Any, u: Any, v: Any, count: int, eps: float) -> None:
    """Turn u and v, in place, towards the first singular vectors of a matrix."""
    with no_grad():
        new_u, new_v = u, v
        for _ in range(count):
            new_u = normalized(matmul(w, new_v), eps)
            new_v = normalized(matmul(w.T, new_u), eps)
        u.copy_(new_u)
        v.copy_(new_v)


# ---------------------------------------------------------------- both forms


def forms(prefix: str) -> tuple[Any, Any]:
    """Make weight_norm and spectral_norm of the older form, or, with a prefix, of the newer one."""

    def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
        """Learn the length and the direction of a weight apart.

        Math:
            w = g v / ‖v‖, with a length for every index of dim, or one for all (dim=None)
        Source:
            Salimans & Kingma 2016 (arXiv:1602.07868)
        """
        return Norm(f"{prefix}weight_norm", module, name, dim).add(module)

    def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                      dim: int | None = None) -> Any:  # fmt: skip
        """Divide a weight by its largest singular value, so that the layer lengthens nothing.

        Math:
            w / (uᵀ W v), with u = W v / ‖W v‖, v = Wᵀ u / ‖Wᵀ u‖ improved whenever it is read in training
        Source:
            Miyato et al. 2018 (arXiv:1802.05957)
        """
        return Norm(f"{prefix}spectral_norm", module, name, dim, n_power_iterations, eps).add(module)

    return weight_norm, spectral_norm


weight_norm, spectral_norm = forms("")


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make the weight a parameter again, with the value that it has."""
    return removed("weight_norm", module, name)


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Make the weight a parameter again, with the value that it has."""
    return removed("spectral_norm", module, name)
