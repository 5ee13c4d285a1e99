"""Reverse-mode differentiation: walk the recorded calls from last to first and apply their rules.

The type of the seed is the switch. Seeded with an array, every rule gets raw arrays and runs as plain NumPy. Seeded
with a Var, the same rules get Vars and record, so that the gradient can be differentiated again.

Knows no operation and no Tensor: it adds cotangents with `+` and asks a recorded one for `clone()` and `to(dtype)`.
Read after primitive.py; autograd/ and tensor.py are what people call.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any
from weakref import getweakrefcount

import numpy as np

from .errors import GradientError, GraphFreedError, InPlaceError, ShapeError
from .graph import Array, Node, Var, enable_grad, reachable
from .primitive import Primitive
from .scope import BackwardPass, Recorder, Scope, state
from .stale import check_unchanged
from .versions import Version, changes


def _count() -> int:
    """Count the references to an array that two local names hold, which differ between versions of Python."""
    gx = np.empty(0)
    array = gx
    return getrefcount(gx) if array is gx else 0


OURS_ALONE = _count()
RECORDING = enable_grad()
METADATA = frozenset({"shape", "ndim", "dtype"})

Origin = Any  # Node or leaf Var: where a cotangent belongs


def backward(root: Var, seed: Any, *, retain_graph: bool = False, create_graph: bool = False) -> None:
    """Add the gradient of root to `.grad` of every leaf that it depends on and of every Var that retains one.

    Args:    seed: cotangent of root, an array, or a Var where create_graph.
    """
    origin = root.node or root
    # A graph has no cycles; while it grows or shrinks, the collector would go over all of it, and over the model, again
    # and again: 40 % of the time of a step of 10 000 layers. It is stopped inside the try: Ctrl-C may follow a call.
    collecting = gc.isenabled()
    try:
        gc.disable()
        for leaf, g in differentiate([origin], [seed], None, retain_graph, create_graph).items():
            if isinstance(leaf, Var) and leaf.requires_grad:  # not if frozen since the forward pass
                deposit(leaf, g)
    finally:
        if collecting:
            gc.enable()


def deposit(leaf: Var, g: Any) -> None:
    """Add a cotangent to a leaf's `.grad`. A raw one is owned by then; a Var is copied, and keeps its graph."""
    if state.recorder is not None:
        deposit_captured(state.recorder, leaf, g)
    elif type(g) is not np.ndarray:
        with RECORDING:
            leaf.gradient = g.clone() if leaf.gradient is None else leaf.gradient + g
    elif leaf.gradient is None:
        leaf.gradient = leaf.result_type.wrap(g)
    else:
        leaf.gradient.array += g
        leaf.gradient.version.bump()


def deposit_captured(recorder: Recorder, leaf: Var, g: Any) -> None:
    """Add a cotangent to a leaf's `.grad`, with Vars, so that compiler/ is told."""
    recorder.reads_gradient(leaf)
    if leaf.gradient is None or g.node is not None:  # a gradient with history is a new tensor, not a change of the old
        leaf.gradient = g.clone() if leaf.gradient is None else leaf.gradient + g
        recorder.sets_gradient(leaf)
        return
    recorder.changes(leaf.gradient, "backward")
    total = leaf.gradient + g
    leaf.gradient.array[...] = total.array
    leaf.gradient.version.bump()
    recorder.write(leaf.gradient, total)


def differentiate(
    origins: Sequence[Origin],
    seeds: Sequence[Any],
    targets: Sequence[Origin] | None,
    retain_graph: bool,
    create_graph: bool,
) -> dict[Origin, Any]:
    """Find the cotangent of every target (None: of every leaf reached) from the seeds of the origins.

    Returns: cotangents by origin; raw arrays are fresh, so that whoever stores one owns it. A target that nothing
             reaches is absent.
    """
    nodes = reachable([o for o in origins if isinstance(o, Node)])
    wanted: set[Origin] | None = None
    if targets is not None:
        wanted = set(targets)
        between = []  # a target that leads to no other one is not pulled back, nor freed: its own backward may follow
        for node in reversed(nodes):  # first calls first: a Node is wanted where one of its inputs is
            if not wanted.isdisjoint([p for p in node.parents if not isinstance(p, Version)]):
                wanted.add(node)
                between.append(node)
        nodes = between[::-1]
    apply = recorded_rule if create_graph else raw_rule if state.recorder is None else captured_rule
    sums = Cotangents()
    for origin, seed in zip(origins, seeds, strict=True):
        sums.add(origin, seed, fresh=False)
    place = "" if retain_graph else caller()
    outer = state.scope
    collecting = gc.isenabled()
    try:
        gc.disable()
        if create_graph:
            state.scope = Scope(BackwardPass(), None)
        with RECORDING:
            for node in nodes:
                pull_back(node, sums, wanted, apply)
                if not retain_graph:
                    node.free(place)  # at once, so that its memory serves the rest of the walk
    finally:
        state.scope = outer
        if collecting:
            gc.enable()
        if state.recorder is not None:
            state.recorder.pulls_back(None)
    keep = targets if targets is not None else [o for o in sums.values if isinstance(o, Var)]
    return {origin: sums.owned(origin) for origin in keep if origin in sums.values}


class Cotangents:
    """A running sum per origin: the first contribution is borrowed, the second allocates, later ones add in place."""

    def __init__(self) -> None:
        self.values: dict[Origin, Any] = {}
        self.fresh: set[int] = set()  # ids of origins whose sum nobody else holds

    def add(self, origin: Origin, g: Any, fresh: bool) -> None:
        """Add one contribution. fresh: no one else holds the array g."""
        before = self.values.get(origin)
        if before is None:
            self.values[origin] = g
            if fresh:
                self.fresh.add(id(origin))
        elif id(origin) in self.fresh and type(before) is np.ndarray and not getweakrefcount(before):
            before += g
        elif id(origin) in self.fresh and state.recorder is not None and before.node is None and g.node is None:
            self.values[origin] = state.recorder.adds(before, g)
        else:
            self.values[origin] = before + g
            self.fresh.add(id(origin))

    def owned(self, origin: Origin) -> Any:
        """Give the sum of an origin, copied if anyone else may hold it."""
        g = self.values[origin]
        if isinstance(g, Var):
            return g
        if type(g) is not np.ndarray:
            return np.array(g)
        ours = id(origin) in self.fresh and g.flags.writeable and not getweakrefcount(g)
        return g if ours else g.copy()


def pull_back(node: Node, sums: Cotangents, wanted: set[Origin] | None, apply: Callable[..., Any]) -> None:
    """Pass the cotangent of one Node's result on to the inputs of that Node. apply: one of the three ..._rule below."""
    values = sums.values
    g = values.get(node)
    if g is None:
        return
    if node.freed_by is not None:
        raise freed(node)
    if changes.latest > node.index:
        check_unchanged(node, wanted)
    if node.retained is not None:
        retain(node.retained, sums.owned(node))
    if apply is not raw_rule and state.recorder is not None:
        state.recorder.pulls_back(node)
    args, position = node.args, -1
    for parent in node.parents:
        position += 1
        if parent is None or type(parent) is Version or (wanted is not None and parent not in wanted):
            continue
        gx, x = apply(node, position, g), args[position]
        try:
            fits = gx.shape == x.shape
        except AttributeError:
            raise no_cotangent(node.primitive, position, gx) from None
        if not fits:
            gx = fit(node, gx, x)
        if gx.dtype is not x.dtype:
            gx = np.asarray(gx, x.dtype) if isinstance(gx, np.ndarray | np.generic) else gx.to(x.dtype)
        # A result that views nothing and that only we hold is new; what a rule keeps for itself someone else holds too.
        array = gx.array if apply is captured_rule else gx
        fresh = type(array) is np.ndarray and array.base is None
        if apply is captured_rule:
            fresh = fresh and not any(known is gx or known is array for known in (g, node.out, node.saved, *args))
        elif fresh:
            fresh = getrefcount(gx) <= OURS_ALONE
        if parent in values:
            sums.add(parent, gx, fresh)
        else:
            values[parent] = gx
            if fresh:
                sums.fresh.add(id(parent))
    if wanted is None:
        del values[node]
        sums.fresh.discard(id(node))


def raw_rule(node: Node, position: int, g: Any) -> Any:
    """Apply a rule to raw arrays: plain NumPy, nothing recorded."""
    primitive = node.primitive
    rule, extra = primitive.rule_at(position)
    if rule is None:
        raise no_rule(primitive, position)
    if primitive.residuals:
        extra = {**extra, "saved": node.saved}
    return rule(g, node.out, *node.args, **node.static, **extra)


def recorded_rule(node: Node, position: int, g: Any) -> Any:
    """Apply a rule to Vars that stand where the arrays stood; residuals are computed again, so as to be recorded."""
    primitive = node.primitive
    rule, extra = primitive.rule_at(position)
    if rule is None:
        raise no_rule(primitive, position)
    if primitive.residuals:
        extra = {**extra, "saved": None}
    wrap = type(g).result_type.wrap
    args = []
    for array, parent in zip(node.args, node.parents, strict=True):
        if type(parent) is Node:
            args.append(wrap(array, True, parent))
        elif isinstance(parent, Var) and parent.array is array:
            args.append(parent)
        elif isinstance(parent, Var):
            raise InPlaceError(
                f"{node.where()}: the data of a leaf was replaced after it was used.",
                got=f"a leaf {parent.shape} whose .data is another array than the one the operation saw",
                expected="the same array until the gradient has been taken",
                hint="differentiate first, then assign; or change the data under no_grad before the forward pass",
            )
        elif isinstance(parent, Version):  # a constant, of which a later change in place must be noticed still
            var = wrap(array)
            var.version = parent
            args.append(var)
        else:
            args.append(array)
    return rule(g, wrap(node.out, True, node), *args, **node.static, **extra)


def captured_rule(node: Node, position: int, g: Any) -> Any:
    """Apply a rule to Vars without history, residuals at hand: no graph is recorded, compiler/ is told everything."""
    primitive = node.primitive
    rule, extra = primitive.rule_at(position)
    if rule is None:
        raise no_rule(primitive, position)
    wrap = type(g).result_type.wrap
    if primitive.residuals:
        extra = {**extra, "saved": node.saved if node.saved is None else wrap(node.saved)}
    args = [x if parent is None else wrap(x) for x, parent in zip(node.args, node.parents, strict=True)]
    gx = rule(g, wrap(node.out), *args, **node.static, **extra)
    if not isinstance(gx, Var):
        raise no_cotangent(primitive, position, gx)
    return gx


def fit(node: Node, gx: Any, x: Array) -> Any:
    """Sum a cotangent back to the shape of its argument, which broadcasting had stretched."""
    if node.primitive.fit is None:
        raise ShapeError(
            f"{node.where()}: a rule returned a cotangent of the wrong shape.",
            got=f"cotangent {gx.shape} for an argument {x.shape}",
            expected="the shape of the argument",
            hint="correct the rule (this is a mistake in the primitive, not in the calling code)",
        )
    return node.primitive.fit(gx, shape=x.shape)


def retain(reference: weakref.ref[Var], g: Any) -> None:
    """Store the cotangent of an intermediate result whose Var asked for it and still lives."""
    var = reference()
    if var is not None:
        deposit(var, g.copy() if type(g) is np.ndarray else g)


# ---------------------------------------------------------------- what can go wrong


def argument(primitive: Primitive, position: int) -> str | None:
    """Name the argument at a position."""
    return primitive.arguments[position] if position < len(primitive.arguments) else primitive.variadic


def no_cotangent(primitive: Primitive, position: int, gx: Any) -> GradientError:
    """Explain that a rule returned what is no cotangent."""
    return GradientError(
        f"{primitive.name}: the rule for {argument(primitive, position)} returned no cotangent.",
        got=f"{type(gx).__name__} {gx!r:.60}",
        expected="an array of the argument's shape; in a compiled step a tensor, computed from the rule's arguments",
        hint="use operators and primitives in the rule: g * 2, where(x > 0, g, 0.0)",
    )


def no_rule(primitive: Primitive, position: int) -> GradientError:
    """Explain that an argument has no derivative."""
    name = argument(primitive, position)
    return GradientError(
        f"{primitive.name}: no derivative with respect to {name}.",
        expected="a rule, or an argument that needs no gradient",
        hint=f"detach() the argument, or register one with @{primitive.name}.vjp({name!r})",
    )


def freed(node: Node) -> GraphFreedError:
    """Explain a second backward through the same graph."""
    return GraphFreedError(
        f"backward: the graph through {node.where()} was already used by backward at {node.freed_by}, which freed it.",
        got="a second backward through the same graph",
        expected="one backward per forward pass",
        hint="add the losses and call backward once; detach() what is kept across iterations; "
        "or pass retain_graph=True to the first backward",
    )


def outside() -> int:
    """Count the frames from the caller to the first one outside this package, as the stacklevel of a warning does."""
    package = __name__.partition(".")[0] + "."
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(package):
        frame, depth = frame.f_back, depth + 1
    return depth


def caller() -> str:
    """Name the first line outside this package on the call stack."""
    frame = sys._getframe(outside() - 1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
