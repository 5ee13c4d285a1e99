"""What a Case is: how to call one operation and what must come out. The families' files beside this one fill CASES.

A Case gives an operation the whole matrix of tests (matrix.py). The oracle is plain NumPy, in float64, and never the
package. Examples are written by hand: a checker and a rule can share a mistake, hand numbers do not.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from strategies import Array, Call, Draw

from tinygrad_mnist.core.primitive import Primitive, registry


@dataclass(frozen=True)
class Example:
    """Numbers written by hand: arguments, result, and per argument the gradient for a cotangent of ones (or `g`).

    gradients may be an exception instead, where there is none.
    """

    args: tuple[Any, ...]
    out: Any
    gradients: tuple[Any, ...] | type[Exception] = ()
    static: dict[str, Any] | None = None
    g: Any = None
    warns: bool = False  # NumPy says that the result is not a number


@dataclass(frozen=True)
class Case:
    """How to test one operation. order: highest order that is compared with numeric derivatives; 0: constant.

    constant: positions of floating arguments that have no derivative. torch: the twin, a name under which PyTorch has
    the same, or a function of (torch, *arguments, **static).
    """

    name: str
    call: Callable[..., Any]
    build: Callable[[Draw], Call]
    oracle: Callable[..., Any]
    order: int = 3
    constant: tuple[int, ...] = ()
    examples: tuple[Example, ...] = ()
    raw: bool = True  # the function takes raw arrays too
    torch: str | Callable[..., Any] | None = None
    alone: str = ""  # why PyTorch has no twin

    @property
    def primitive(self) -> Primitive | None:
        return self.call if isinstance(self.call, Primitive) else None

    def wrt(self, args: Sequence[Any]) -> list[int]:
        """List the positions of the arguments that are differentiated."""
        if not self.order:
            return []
        floating = [i for i, x in enumerate(args) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        return [i for i in floating if i not in self.constant]


CASES: dict[str, Case] = {}


def case(name: str | Primitive, build: Callable[[Draw], Call], oracle: Callable[..., Any], **options: Any) -> None:
    """Add a Case; a primitive is its own name and call. Composed functions give `call`."""
    call = options.pop("call", name)
    name = name.name if isinstance(name, Primitive) else name
    if isinstance(call, str):
        call = registry[call.partition(":")[0]]
    assert name not in CASES, name
    CASES[name] = Case(name, call, build, oracle, **options)


def a(*values: Any) -> Array:
    """Write a float64 vector."""
    return np.array(values, dtype=np.float64)


INF = math.inf
INFINITE = a(INF, INF)  # a cotangent of which what was not chosen gets 0 all the same
