"""`vmap`: a function of one example applied to a batch at once.

Look next at batched.py, which computes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError, GradientError, ShapeError
from ..core.graph import Var
from ..core.scope import state
from ..core.through import calls_through
from ..functions import cat
from ..ops.broadcast import broadcast_to
from ..ops.layout import reshape
from .batched import Batched, batched, handle, moved, running
from .trees import flatten, spread


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """Make a function of one example a function of a batch.

    Args:
        in_dims: the dimension of the batch, of all arguments or of each (nested as they are); None: shared
        out_dims: where it goes in the results
        randomness: "error", "same" (drawn once for all) or "different" (for each)
        chunk_size: how many examples at once
    Raises:
        ShapeError: for batches of different sizes
        GradientError: where the function looks at values or draws numbers

    Example:
        >>> tg.func.vmap(lambda x, y: (x * y).sum())(tg.ones(3, 2), tg.ones(3, 2)).tolist()
        [2.0, 2.0, 2.0]
    """
    if randomness not in ("error", "same", "different"):
        raise ArgumentError(f"vmap: randomness {randomness!r} is unknown.", expected="'error', 'same' or 'different'")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, build = flatten((args, kwargs))
        split = [*spread(in_dims, args), *[0 if isinstance(x, Var) else None for x in flatten(kwargs)[0]]]
        dims = [d if d is None or not isinstance(x, Var) else _dim(d, x) for d, x in zip(split, leaves, strict=True)]
        sizes = {x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None and isinstance(x, Var)}
        if any(d is not None and not isinstance(x, Var) for d, x in zip(dims, leaves, strict=True)):
            raise ArgumentError("vmap: an argument with a dimension in in_dims is no tensor.", hint="None in in_dims")
        if len(sizes) != 1:
            raise ShapeError(
                "vmap: the arguments have no batch in common.", got=f"sizes {sorted(sizes)}",
                expected="one size of the dimensions that in_dims names",
            )  # fmt: skip
        size = sizes.pop()
        step = 1 if randomness == "different" else chunk_size or size or 1
        if step >= size and randomness != "different":
            return _run(func, leaves, build, dims, size, out_dims, randomness)
        found = []
        for start in range(0, size, step):
            count = min(step, size - start)
            part = [
                x if d is None else x[(slice(None),) * d + (slice(start, start + count),)]
                for x, d in zip(leaves, dims, strict=True)
            ]
            found.append(_run(func, part, build, dims, count, out_dims, randomness))
        make = flatten(found[0])[1]
        outs = zip(*(flatten(f)[0] for f in found), strict=True)
        places = spread(out_dims, found[0])
        return make([x[0] if d is None else cat(x, d) for x, d in zip(outs, places, strict=True)])

    return mapped


def _dim(d: int, x: Any) -> int:
    if not -x.ndim <= d < x.ndim:
        raise ShapeError(f"vmap: in_dims names dimension {d}.", got=f"an argument {x.shape}")
    return d % int(x.ndim)


def _run(
    func: Callable[..., Any], leaves: list[Any], build: Callable[..., Any], dims: list[Any], size: int, out_dims: Any,
    randomness: str,
) -> Any:  # fmt: skip
    level = max(running.sizes, default=0) + 1
    inside = []
    for x, d in zip(leaves, dims, strict=True):
        if d is None:
            inside.append(x)
            continue
        levels, value = (x.levels, x.value) if isinstance(x, Batched) else ((), x)
        inside.append(batched(moved(value, len(levels) + d, len(levels)), (*levels, level)))
    drawn, plainly = state.draws, state.plainly
    running.sizes[level], state.plainly = size, True
    try:
        with calls_through(handle):
            args, kwargs = build(inside)
            out = func(*args, **kwargs)
            results, make = flatten(out)
            done = [_outside(y, d, level, size) for y, d in zip(results, spread(out_dims, out), strict=True)]
    finally:
        del running.sizes[level]
        state.plainly = plainly
    if randomness == "error" and state.draws != drawn:
        raise GradientError(
            "vmap: the function drew random numbers.", hint="randomness='same' for all examples, or 'different'"
        )
    return make(done)


def _outside(y: Any, d: int | None, level: int, size: int) -> Any:
    """Show the batch of a result, as dimension d."""
    if not isinstance(y, Var):
        raise GradientError("vmap: the function must return tensors.", got=f"{type(y).__name__} {y!r:.60}")
    levels, value = (y.levels, y.value) if isinstance(y, Batched) else ((), y)
    if level in levels:
        if d is None:
            raise ArgumentError("vmap: out_dims is None for a result that differs between the examples.")
        at, levels = levels.index(level), levels[:-1]
        return batched(moved(value, at, len(levels) + d % (int(y.ndim) + 1)), levels)
    if d is None:
        return y
    shape, d = tuple(y.shape), d % (y.ndim + 1)
    wide = (*shape[:d], size, *shape[d:])
    return broadcast_to(reshape(y, shape=(*shape[:d], 1, *shape[d:])), shape=wide)
