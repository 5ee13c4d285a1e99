"""What of PyTorch's `nn.utils.parametrize` weights with a norm need. The mechanism is in norms.py.

Parametrizations of one's own are not here.
"""

from __future__ import annotations

from typing import Any

from ...core.absent import absent as _absent
from ...core.errors import ArgumentError
from .norms import removed


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Tell whether a weight of a module is computed by a parametrization, this one or any."""
    found = {k for k, norm in vars(module).get("_computed", {}).items() if norm.kind.startswith("parametrizations")}
    return bool(found) if tensor_name is None else tensor_name in found


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Make a computed weight a parameter again: with the value that it has, or the one that it is computed from."""
    if not leave_parametrized and is_parametrized(module, tensor_name) and not module._computed[tensor_name].count:
        problem = "remove_parametrizations: a weight made from several parameters has no original."
        raise ArgumentError(problem, hint="leave_parametrized=True")
    return removed("parametrizations", module, tensor_name, leave_parametrized)


__getattr__ = _absent(__name__)
