"""NumPy's names of arguments, where PyTorch takes them too: `axis` for dim, `keepdims` for keepdim.

Also the answer to `out=`, which nothing here has. Look next at reductions.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..core.errors import ArgumentError

F = TypeVar("F", bound=Callable[..., Any])

NAMES = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(function: F) -> F:
    """Let a function be called with NumPy's names of its arguments, too."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = translated(function.__name__, kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def translated(name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Give PyTorch's names to keyword arguments; refuse `out`."""
    for numpys, torchs in NAMES.items():
        if numpys in kwargs:
            if torchs in kwargs:
                raise ArgumentError(f"{name}: {torchs} and {numpys} say the same.", expected="one of them")
            kwargs[torchs] = kwargs.pop(numpys)
    if kwargs.pop("out", None) is not None:
        raise ArgumentError(f"{name}: results are new tensors, never out=.", hint=f"out.copy_(tg.{name}(...))")
    return kwargs
