"""As PyTorch's autograd.forward_ad: tensors that carry a tangent, and what the operations between made of it.

A dual tensor is tracked from `make_dual` on; `unpack_dual` carries the tangents along what was recorded. Look next at
forward.py.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from ..core.absent import absent as _absent
from ..core.errors import GradientError, ShapeError
from ..core.graph import Var, reachable
from ..tensors.tensor import Tensor
from .forward import push
from .transforms import tracked


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent, None where it has none."""

    primal: Tensor
    tangent: Tensor | None


class _Levels(threading.local):
    def __init__(self) -> None:
        self.tangents: list[dict[Any, Any]] = []


_levels = _Levels()


class dual_level:
    """Have dual tensors inside; they end with it."""

    def __enter__(self) -> int:
        if _levels.tangents:
            raise GradientError("dual_level: levels cannot be nested.", hint="tg.func.jvp nests")
        _levels.tangents.append({})
        return 0

    def __exit__(self, *exception: Any) -> None:
        _levels.tangents.pop()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """Give a tensor of the same values that carries a tangent."""
    if not _levels.tangents:
        raise GradientError("make_dual: there is no dual_level here.", hint="with dual_level():")
    if not isinstance(tensor, Var) or tensor.dtype.kind != "f":
        raise GradientError("make_dual: only floating-point tensors carry tangents.", got=f"{tensor!r:.60}")
    if tensor.shape != tangent.shape or tensor.dtype != tangent.dtype:
        got = f"{tangent.shape} {tangent.dtype}"
        raise ShapeError("make_dual: the tangent does not fit.", got=got, expected=f"{tensor.shape} {tensor.dtype}")
    dual: Tensor = tracked(tensor)
    _levels.tangents[-1][dual.node or dual] = tangent
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """Give the values of a tensor and its tangent."""
    known = _levels.tangents[-1] if _levels.tangents else {}
    nodes = reachable([tensor.node] if tensor.node is not None else [])
    others = any(isinstance(p, Var) and p not in known for n in nodes if n not in known for p in n.parents)
    recorded = others or any(t.differentiable for t in known.values())
    (t,) = push([tensor], {o: t if recorded else t.array for o, t in known.items()})
    t = t if t is None or isinstance(t, Tensor) else Tensor.wrap(t)
    return UnpackedDualTensor(tensor if recorded else tensor.detach(), t)


__getattr__ = _absent(__name__)
