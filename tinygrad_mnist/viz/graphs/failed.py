"""`failed`: draw a forward or backward pass that raised: everything that ran, and in red what did not, and why.

What failed has no Node, since nothing came out: one is made here that ends the graph. Read after graph.py and
core/failure.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import ArgumentError
from ...core.failure import Failure
from ...core.graph import Array, Node, Var, reachable
from ...core.scope import state
from ...core.versions import Version
from .graph import draw

if TYPE_CHECKING:
    from ..picture import Picture


class Failed:
    """Stands for the primitive of a call that raised."""

    variadic, residuals, view, optional = "", False, False, False

    def __init__(self, failure: Failure, count: int) -> None:
        self.name, self.__doc__ = failure.name, failure.problem
        self.arguments = tuple(f"argument {i}" for i in range(count))


def failed(
    error: BaseException | None = None, names: Mapping[str, Var | Array] | None = None, **options: Any
) -> Picture:
    """Draw what ran before an error was raised, and the call that failed in red, with what it got and expected.

    Args:
        error: what was raised; the last failure of this thread unless given, until the next backward pass
        names: as in `viz.graph`, and so are the options

    Raises:
        ArgumentError where nothing has failed

    Example:
        >>> import tinygrad_mnist as tg
        >>> try:
        ...     tg.ones(2, 3) @ tg.ones(2, 3)
        ... except tg.errors.ShapeError:
        ...     picture = tg.viz.failed()
        >>> "matmul" in picture.source
        True
    """
    failure = state.failed if error is None else getattr(error, "failure", None)
    if failure is None:
        what = "failed: nothing has failed yet." if error is None else "failed: the error comes from no operation."
        got = "" if error is None else f"{type(error).__name__}: {error!s:.60}"
        hint = "viz.failed() behind what failed, before the next backward()"
        raise ArgumentError(what, got=got, expected="a call of this package that raised", hint=hint)
    if failure.roots:
        given = [x for x in (root() for root in failure.roots) if x is not None]
        nodes = reachable([x.node for x in given if x.node is not None])
        culprit = next((node for node in nodes if node.index == failure.index), None)
        if not given:
            raise ArgumentError("failed: what was differentiated is gone.", expected="the loss, kept by a variable")
    else:
        culprit = ended(failure)
        given = [Var.wrap(culprit.out, True, culprit)]
    return draw(given, {**failure.local, **(names or {})}, culprit=culprit, failure=failure, **options)


def flat(args: Any) -> list[Any]:
    """List what is in lists, tuples and dicts, too."""
    found = []
    for x in args:
        inside = x.values() if isinstance(x, Mapping) else x if isinstance(x, list | tuple) else None
        found += [x] if inside is None else flat(inside)
    return found


def ended(failure: Failure) -> Node:
    """Make the Node of a call that gave nothing."""
    kept = [x for x in flat(failure.args) if isinstance(x, Var | np.ndarray)]
    arrays: list[Any] = [x.array if isinstance(x, Var) else x for x in kept]
    parents = [(x.node or (x if x.differentiable else x.version)) if isinstance(x, Var) else None for x in kept]
    stand_in: Any = Failed(failure, len(kept))
    node = Node(stand_in, arrays, {}, np.empty(0, np.float32), None, parents, Version())
    node.scope = failure.scope
    return node
