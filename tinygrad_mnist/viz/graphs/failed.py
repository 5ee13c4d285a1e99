"""`failed`: draw a forward or backward pass that raised: everything that ran, and in red what did not, and why.

What failed has no Node, since nothing came out: one is made here that ends the graph. Read after graph.py and
core/failure.py.
"""

from __future__ import annotations

import sys
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
        ArgumentError: where nothing has failed

    Example:
        >>> import tinygrad_mnist as tg
        >>> try:
        ...     tg.ones(2, 3) @ tg.ones(2, 3)
        ... except tg.errors.ShapeError:
        ...     picture = tg.viz.failed()
        >>> "matmul" in picture.source
        True
    """
    if options.get("gradients"):
        raise ArgumentError("failed: of what failed there are no gradients.", got="gradients=True", hint="leave it out")
    error = sys.exception() if error is None else error  # an older failure is not what is being handled
    failure = state.failed if error is None else noted(error)
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
    failure.local = {name: shown(x) for name, x in failure.local.items()}
    return draw(given, {**failure.local, **(names or {})}, culprit=culprit, failure=failure, **options)


def noted(error: BaseException | None) -> Failure | None:
    """Find the failure of an error, or of the one that it was raised from."""
    while error is not None and not hasattr(error, "failure"):
        error = error.__cause__ or error.__context__
    return getattr(error, "failure", None)


def flat(args: Any) -> list[Any]:
    """List what is in lists, tuples and dicts, too."""
    found = []
    for x in args:
        inside = x.values() if isinstance(x, Mapping) else x if isinstance(x, list | tuple) else None
        found += [shown(x)] if inside is None else flat(inside)
    return found


def shown(x: Any) -> Any:
    """Give what can be drawn: of an example inside vmap all of its batch."""
    while hasattr(type(x), "levels"):
        x = x.value
    return x


def ended(failure: Failure) -> Node:
    """Make the Node of a call that gave nothing."""
    kept = [x for x in flat(failure.args) if isinstance(x, Var | np.ndarray)]
    arrays: list[Any] = [x.array if isinstance(x, Var) else x for x in kept]
    parents = [(x.node or (x if x.differentiable else x.version)) if isinstance(x, Var) else None for x in kept]
    stand_in: Any = Failed(failure, len(kept))
    node = Node(stand_in, arrays, {}, np.empty(0, np.float32), None, parents, Version())
    node.scope = failure.scope
    return node
