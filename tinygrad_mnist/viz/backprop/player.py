"""`player`: a page that plays a real run of backpropagation, operation by operation, forward and then backward.

Here are its signature and what it refuses; lesson.py, loaded at the first call, makes the page. Changes nothing
in the graph. Look next at backward.py.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, GradientError, shown
from ...core.graph import Array, Var, reachable
from ...core.scope import refuse_captured

OPERATIONS = 1000  # more than anybody steps through


def player(
    loss: Var, path: str | os.PathLike[str], *, names: Mapping[str, Var | Array] | None = None,
    title: str = "Backpropagation, step by step",
) -> Path:  # fmt: skip
    """Write a page that steps through how a loss was computed, and through its backward pass.

    One HTML file that needs no network. Each operation shows its formula, what went in, the local derivative and what
    it adds to the gradient of each argument; where a value is used twice the sum is seen to grow. All numbers are the
    engine's own; of large arrays the beginning is kept, as much as makes a page of about 1 MB. The graph stays as it
    is, and so does `.grad` of every tensor; hooks of gradients run, as in backward.

    Args:
        loss: a result of one element, before backward or after backward(retain_graph=True)
        path: the file, NAME.html; its folder is made if need be
        names: {"x": x} for tensors or arrays; parameters of modules are named without
        title: what stands above
    Returns:
        the path; a notebook shows it as the page, in a frame
    Raises:
        DTypeError, GradientError: for what is no such loss
        ArgumentError: for more than 1,000 operations, or another ending
        GraphFreedError: after a backward that freed the values
        OutputError: if the file cannot be written
    Example:
        >>> w = tg.tensor(3.0, requires_grad=True)
        >>> path = tg.viz.player(w * w, "backprop.html", names={"w": w})
        >>> path.exists(), w.grad
        (True, None)
    """
    refuse_captured("viz.player", "call it outside the compiled step")
    names = {} if names is None else names
    check(loss, names, title)
    # importlib, so that importing the package does not load what writes pages (templates, sources, JSON) before then
    written: Path = importlib.import_module(".lesson", __package__).write(loss, path, names, title)
    return written


def check(loss: Any, names: Any, title: Any) -> None:
    """Raise for what cannot be played."""
    if not isinstance(loss, Var):
        raise DTypeError("player: expected a tensor.", got=shown(loss), hint="viz.player(loss, 'backprop.html')")
    if not isinstance(title, str):
        raise DTypeError("player: the title must be text.", got=shown(title))
    for name, thing in names.items() if isinstance(names, Mapping) else [(names, None)]:
        if not isinstance(name, str) or not isinstance(thing, Var | np.ndarray):
            what = "player: names must give a tensor or an array for each name."
            raise DTypeError(what, got=f"{name!r}: {type(thing).__name__}", expected="names={'x': x, 'target': y}")
    if loss.array.size != 1:
        what = f"player: a tensor with {loss.array.size} elements has no single gradient."
        wanted, hint = "a tensor with one element", "loss.mean() or loss.sum()"
        raise GradientError(what, got=f"tensor {loss.shape}", expected=wanted, hint=hint)
    if not loss.differentiable or loss.node is None:
        raise GradientError(
            "player: nothing was recorded that led to this tensor.",
            got=f"a leaf {loss.shape}" if loss.differentiable else f"tensor {loss.shape}, requires_grad=False",
            expected="a result computed, outside no_grad, from a leaf with requires_grad=True",
            hint="requires_grad_() on the inputs before the forward pass",
        )
    count = len(reachable([loss.node]))
    if count > OPERATIONS:
        what = f"player: {count:,} operations are more than anybody steps through."
        hint = "play a smaller model, or fewer steps of a sequence; viz.graph draws large ones"
        raise ArgumentError(what, got=f"{count:,}", expected=f"at most {OPERATIONS:,}", hint=hint)
