"""Hooks of modules: functions called before and after forward, and with the gradients of a module's inputs and outputs.

A module without hooks pays one comparison a call. Gradients are seen by an operation that gives its argument and calls
the hook on the way back; so a hooked module cannot be part of a compiled step. Look next at module.py, which calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import hooks as gradients
from ..core.graph import Var
from ..core.primitive import Primitive
from ..core.scope import refuse_captured
from ..tensors.tensor import Tensor

KINDS = "pre", "forward", "backward_pre", "backward"


def hang(module: Any, kind: str, hook: Callable[..., Any], prepend: bool, **flags: bool) -> gradients.RemovableHandle:
    """Add a hook of a kind to a module."""
    if module._hooks is None:
        module._hooks = {name: {} for name in KINDS}
    hooks = module._hooks[kind]
    before = dict(hooks)
    if prepend:
        hooks.clear()
    handle = gradients.hang(hooks, (hook, flags))
    hooks.update(before)
    return handle


def hooked(module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call forward with the hooks of a module around it."""
    hooks = module._hooks
    refuse_captured("a module with hooks", "handle.remove() before compiling")
    for hook, flags in [*hooks["pre"].values()]:
        given = hook(module, args, kwargs) if flags["with_kwargs"] else hook(module, args)
        if given is not None and flags["with_kwargs"]:
            args, kwargs = given
        elif given is not None:
            args = given if isinstance(given, tuple) else (given,)
    backward = Backward(module, hooks) if hooks["backward"] or hooks["backward_pre"] else None
    if backward is not None:
        args = backward.inputs(args)
    try:
        out = forward(*args, **kwargs)
    except BaseException:
        for hook, flags in [*hooks["forward"].values()]:
            if flags["always_call"]:
                hook(module, args, kwargs, None) if flags["with_kwargs"] else hook(module, args, None)
        raise
    for hook, flags in [*hooks["forward"].values()]:
        given = hook(module, args, kwargs, out) if flags["with_kwargs"] else hook(module, args, out)
        out = out if given is None else given
    return out if backward is None else backward.outputs(out)


class Backward:
    """One call of a module whose gradients are to be seen: those of the outputs first, then those of the inputs."""

    def __init__(self, module: Any, hooks: dict[str, dict[int, Any]]) -> None:
        self.module, self.hooks = module, hooks
        self.given: dict[str, list[Any]] = {"inputs": [], "outputs": []}
        self.wanted = {"inputs": 0, "outputs": 0}

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Put a watch on the arguments that are differentiable."""
        return tuple(self.watched("inputs", args))

    def outputs(self, out: Any) -> Any:
        """Put a watch on the results that are differentiable."""
        if not isinstance(out, tuple | list):
            return self.watched("outputs", (out,))[0]
        return type(out)(self.watched("outputs", tuple(out)))

    def watched(self, side: str, values: tuple[Any, ...]) -> list[Any]:
        """Give the values, the differentiable ones through an operation that tells of their gradients."""
        self.given[side] = [None] * len(values)
        seen = [isinstance(x, Var) and x.differentiable for x in values]
        self.wanted[side] = sum(seen)
        return [self.watch(side, i, x) if s else x for i, (x, s) in enumerate(zip(values, seen, strict=True))]

    def watch(self, side: str, i: int, x: Any) -> Any:
        """Pass a value on, and its gradient back through `arrived`."""

        def watched(x: Any) -> Any:
            """The value, whose gradient a hook sees."""
            return x

        through = Primitive(watched, view=True, registered=False)

        @through.vjp("x")
        def watched_vjp_x(g: Any, out: Any, x: Any) -> Any:
            return self.arrived(side, i, g)

        return through(x)

    def arrived(self, side: str, i: int, g: Any) -> Any:
        """Take in a gradient; with the last of a side call the hooks, which may replace that one."""
        raw = not isinstance(g, Var)
        self.given[side][i] = Tensor.wrap(np.asarray(g)) if raw else g
        if sum(x is not None for x in self.given[side]) < self.wanted[side]:
            return g
        if side == "outputs":
            self.call("backward_pre", side)
            if not self.wanted["inputs"]:
                self.call("backward", "inputs", tuple(self.given["outputs"]))
        else:
            self.call("backward", side, tuple(self.given["outputs"]))
        result = self.given[side][i]
        return result.array if raw else result

    def call(self, kind: str, side: str, *after: Any) -> None:
        """Call the hooks of a kind with the gradients of a side."""
        for hook, _ in [*self.hooks[kind].values()]:
            replaced = hook(self.module, tuple(self.given[side]), *after)
            if replaced is not None:
                self.given[side] = list(replaced) if isinstance(replaced, tuple | list) else [replaced]
