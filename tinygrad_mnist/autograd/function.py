"""`Function`: an operation of one's own, whose forward and backward are written with tensors.

A call is one Node, whose rule calls `backward` once; several outputs are Nodes of their own in front of it, and their
cotangents travel back together. What the forward and backward call is captured like anything else. Look next at
core/engine.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import GradientError, InPlaceError, ShapeError
from ..core.failure import note
from ..core.graph import Node, Var, enable_grad, no_grad, share
from ..core.scope import state
from ..core.versions import Version, tick
from ..ops.broadcast import sum_to
from ..tensors.creation import zeros_like
from ..tensors.tensor import Tensor

PLACE = np.empty(0, np.float32)  # stands for the result of a call that has several


class Several(Tensor):
    """The cotangents of several outputs, on their way to the one backward."""

    __slots__ = ("parts",)
    parts: dict[int, Any]

    def __add__(self, other: Any) -> Several:
        parts = dict(self.parts)
        for i, g in other.parts.items():
            parts[i] = parts[i] + g if i in parts else g
        return several(parts)


def several(parts: dict[int, Any]) -> Several:
    """Make one of parts."""
    result = Several.wrap(PLACE)
    result.parts = parts
    return result


class Operation:
    """What the graph asks of a primitive: a name, and a rule that knows its call by the static `ctx`."""

    arguments: tuple[str, ...] = ()
    variadic: str | None = "inputs"
    residuals, view, optional = False, False, True

    def __init__(self, name: str, rule: Callable[..., Any] | None) -> None:
        self.name, self.rule = name, rule
        self.unbroadcast: Callable[..., Any] | None = self.fitted

    def fitted(self, gx: Any, shape: tuple[int, ...]) -> Any:
        """Sum a gradient over what it has been stretched by."""
        wide = gx.shape[len(gx.shape) - len(shape) :]
        if len(gx.shape) < len(shape) or any(n not in (1, size) for n, size in zip(shape, wide, strict=True)):
            got = f"a gradient {gx.shape} for an input {shape}"
            raise ShapeError(f"{self.name}: backward returned a gradient of the wrong shape.", got=got)
        return sum_to(gx, shape=shape)

    def rule_at(self, position: int) -> tuple[Any, dict[str, Any]]:
        """Give the rule, which is told which argument it is asked for."""
        return self.rule, {"which": position}


class Saved(NamedTuple):
    """A tensor that was saved, or the number of the output that it is, with its memory and when that was."""

    tensor: Any
    output: int
    version: Version
    since: int


class Context:
    """What `forward` leaves for `backward`: any attributes, and tensors by `save_for_backward`."""

    def __init__(self, name: str, inputs: tuple[Any, ...]) -> None:
        self._name, self._count = name, len(inputs)
        self.needs_input_grad = tuple(isinstance(x, Var) and x.differentiable and state.recording for x in inputs)
        self.materialize_grads = True
        self._constant: tuple[Any, ...] = ()
        self._to_save: tuple[Any, ...] = ()
        self._saved: list[Saved | None] = []
        self._arrays: list[Any] = []
        self._backward: Callable[..., Any]
        self._now: Any = None  # the Node while its rule runs, None where that is not recorded
        self._given: Any = None  # the last cotangent, the gradients that it gave, and which were asked for

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors, inputs or outputs above all, for `saved_tensors`."""
        self._to_save = tensors

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say which outputs are constant to differentiation."""
        self._constant = outputs

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Refuse: a Function changes none of its inputs."""
        raise InPlaceError(
            f"{self._name}: mark_dirty: a Function cannot change its inputs in place here.",
            expected="a new tensor as the result",
            hint="compute x + 1 instead of x.add_(1), and return that",
        )

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether backward gets zeros for outputs that nothing depends on (the default), or None."""
        self.materialize_grads = bool(value)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that were saved."""
        return self._to_save or tuple(None if s is None else self._kept(s) for s in self._saved)

    def _kept(self, saved: Saved) -> Any:
        if saved.version.tick > saved.since:
            raise InPlaceError(
                f"{self._name}: a tensor that was saved for backward was changed in place since.",
                got="an output" if saved.tensor is None else f"a tensor {saved.tensor.shape}",
                expected="values that stay as they were until backward",
                hint="save a clone()",
            )
        if saved.output < 0:
            return saved.tensor
        array, node = self._arrays[saved.output], self._now
        if node is None:
            return Tensor.wrap(array)
        return Tensor.wrap(array, True, node if len(self._arrays) == 1 else part(node, saved.output, array))


def part(call: Node, i: int, array: Any) -> Node:
    """Make the Node of one of several outputs."""
    return Node(PART, [PLACE], {"i": i}, array, None, [call], call.version)


def pulled_part(g: Any, out: Any, *inputs: Any, i: int, which: int) -> Several:
    """Send a cotangent on to the call."""
    return several({i: g})


def pulled(g: Any, out: Any, *inputs: Any, ctx: Context, which: int) -> Any:
    """Give the gradient of one input: `backward` is called once for all of them."""
    if ctx._given is None or ctx._given[0] is not g or which in ctx._given[2]:
        ctx._given = g, gradients(g, out, ctx), set()
    _, found, asked = ctx._given
    asked.add(which)
    result = found.pop(which, None)
    if not found:
        ctx._given = None
    return result


def gradients(g: Any, out: Any, ctx: Context) -> dict[int, Any]:
    """Call `backward`: recorded where the pass is, on tensors of its own where it is on arrays."""
    parts = g.parts if isinstance(g, Several) else {0: g}
    node = out.node if isinstance(out, Var) else None
    given: list[Any] = []
    for i, array in enumerate(ctx._arrays):
        x = parts.get(i)
        if array is None:
            given.append(None)
        elif x is None:
            given.append(zeros_like(Tensor.wrap(array)) if ctx.materialize_grads else None)
        else:
            given.append(x if isinstance(x, Var) else Tensor.wrap(np.asarray(x)))
    ctx._now = node
    try:
        with (no_grad if node is None else enable_grad)():
            found = ctx._backward(ctx, *given)
    finally:
        ctx._now = None
    results = list(found) if isinstance(found, tuple | list) else [found]
    count, raw = ctx._count, not any(isinstance(x, Var) for x in parts.values())
    if len(results) < count or any(x is not None for x in results[count:]):
        raise GradientError(
            f"{ctx._name}: backward returned {len(results)} gradients for {count} inputs.",
            expected="one for each input of forward, None for what needs none",
        )
    for i, (x, needed) in enumerate(zip(results, ctx.needs_input_grad, strict=False)):
        if needed and x is not None and not isinstance(x, Var):
            raise GradientError(
                f"{ctx._name}: backward returned no tensor for input {i}.", got=f"{type(x).__name__} {x!r:.60}"
            )
    return {i: x.array if raw else x for i, x in enumerate(results[:count]) if isinstance(x, Var)}


PART, CONSTANT = Operation("output", pulled_part), Operation("once_differentiable", None)


class Function:
    """An operation with a backward of its own: subclass it, and call `apply`.

    `forward(ctx, *inputs)`, or `forward(*inputs)` beside `setup_context(ctx, inputs, output)`, computes with tensors
    and is not recorded; `backward(ctx, *cotangents)` gives a gradient for each input. Written in tensor operations, it
    can be differentiated again.

    Example:
        >>> class Cube(tg.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x ** 3
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return 3 * ctx.saved_tensors[0] ** 2 * g
        >>> Cube.apply(tg.tensor(2.0, requires_grad=True)).item()
        8.0
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; a subclass writes this."""
        raise NotImplementedError("a Function needs a static method forward(ctx, *inputs)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what backward needs; a subclass whose forward takes no ctx writes this."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Give the gradient of each input; a subclass writes this."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *cotangents)")

    @classmethod
    def apply(cls, *inputs: Any) -> Any:
        """Call forward, and note in the graph how to go back."""
        ctx = Context(cls.__name__, inputs)
        ctx._backward = cls.backward
        try:
            with no_grad():
                if cls.setup_context is Function.setup_context:
                    result = cls.forward(ctx, *inputs)
                else:
                    result = cls.forward(*inputs)
                    cls.setup_context(ctx, inputs, result)
        except Exception as error:
            note(error, cls.__name__, inputs)
            raise
        outputs = list(result) if isinstance(result, tuple) else [result]
        if not any(ctx.needs_input_grad):
            return result
        ctx._saved = [None if x is None else Saved(x, -1, x.version, tick()) for x in ctx._to_save]
        at = [
            i for i, y in enumerate(outputs)
            if isinstance(y, Var) and y.dtype.kind == "f" and not any(y is c for c in ctx._constant)
        ]  # fmt: skip
        ctx._arrays = [y.array if isinstance(y, Var) else None for y in outputs]
        arrays = [x.array if isinstance(x, Var) else x for x in inputs]
        parents: list[Any] = [
            (x if x.node is None else x.node) if needed else x.version if isinstance(x, Var) else None
            for x, needed in zip(inputs, ctx.needs_input_grad, strict=True)
        ]
        out = ctx._arrays[0] if len(outputs) == 1 else PLACE
        call = Node(Operation(cls.__name__, pulled), arrays, {"ctx": ctx}, out, None, parents, Version())
        for i in at:
            array = ctx._arrays[i]
            y = Tensor.wrap(array, True, call if len(outputs) == 1 else part(call, i, array))
            y.version = Version()  # backward may need no output: what it saved is looked at alone
            for x in inputs:
                if isinstance(x, Var) and np.may_share_memory(x.array, array):
                    share(y, x)
            for k, x in enumerate(ctx._to_save):
                if x is outputs[i] and not any(x is z for z in inputs):
                    ctx._saved[k] = Saved(None, i, y.version, tick())
            outputs[i] = y
        ctx._to_save = ctx._constant = ()
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` that cannot be differentiated again: it may leave tensors, and to try so is an error."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *cotangents: Any) -> Any:
        with no_grad():
            found = backward(ctx, *cotangents)
        if not state.recording:
            return found
        tracked = [x for x in (*cotangents, *ctx.saved_tensors) if isinstance(x, Var) and x.differentiable]
        parents: list[Any] = [x if x.node is None else x.node for x in tracked]
        results = list(found) if isinstance(found, tuple) else [found]
        for i, x in enumerate(results):
            if isinstance(x, Var) and tracked:
                node = Node(CONSTANT, [y.array for y in tracked], {}, x.array, None, parents, Version())
                results[i] = Tensor.wrap(x.array, True, node)
        return tuple(results) if isinstance(found, tuple) else results[0]

    return wrapper
