"""Reverse-mode differentiation: walk the recorded calls from last to first and apply their rules.

The type of the seed is the switch. Seeded with an array, every rule gets raw arrays and runs as plain NumPy. Seeded
with a Var, the same rules get Vars and record, so that the gradient can be differentiated again.

Knows no operation and no Tensor: it adds cotangents with `+` and asks a recorded one for `clone()` and `to(dtype)`.
Read after primitive.py; autograd/ and tensor.py are what people call. capture/way.py has one more Way.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any
from weakref import getweakrefcount

import numpy as np

from . import hooks
from .errors import InPlaceError, ShapeError
from .explain import caller
from .failure import note_backward
from .faults import freed, no_cotangent, no_rule
from .graph import Array, Node, Var, enable_grad, reachable
from .scope import BackwardPass, Scope, state
from .stale import check_unchanged
from .versions import Version, changes


def _count() -> int:
    """Count the references to an array that one local name holds, which differ between versions of Python."""
    gx = np.empty(0)
    return getrefcount(gx)


OURS_ALONE = _count()
RECORDING = enable_grad()

Origin = Node | Var  # the Node or the leaf where a cotangent belongs


class Way:
    """How a backward pass goes: what rules get, and what becomes of what they give. Here raw arrays, plain NumPy."""

    create_graph = False

    def begins(self, node: Node, g: Any) -> tuple[tuple[Any, ...], Any]:
        """Give what the rules of a Node are called with: cotangent, result and arguments, and apart the residuals."""
        return (g, node.out, *node.args), node.saved

    def is_new(self, node: Node, position: int, g: Any, gx: Any) -> bool:
        """Tell whether nobody else holds what a rule gave; raw arrays tell it themselves."""
        return False

    def add(self, total: Any, g: Any, fresh: bool) -> Any:
        """Add to a sum of cotangents, where that cannot be done in place. fresh: the sum is ours, and nobody else's."""
        return total + g

    def deposit(self, leaf: Var, g: Any) -> None:
        """Add a cotangent to a leaf's `.grad`. A raw one is owned by then; a Var is copied, and keeps its graph."""
        if type(g) is not np.ndarray:
            with RECORDING:
                leaf.gradient = g.clone() if leaf.gradient is None else leaf.gradient + g
        elif leaf.gradient is None:
            leaf.gradient = leaf.result_type.wrap(g)
        else:
            leaf.gradient.array += g
            leaf.gradient.version.bump()

    def ends(self) -> None:
        """Hear that no further rule runs."""


class Recorded(Way):
    """Rules get Vars that stand where the arrays stood, and record."""

    create_graph = True

    def begins(self, node: Node, g: Any) -> tuple[tuple[Any, ...], Any]:
        """Give Vars with the history that the arrays have; residuals are computed again, so as to be recorded."""
        wrap = type(g).result_type.wrap
        seen = [g, wrap(node.out, True, node)]
        for array, parent in zip(node.args, node.parents, strict=True):
            if type(parent) is Node:
                seen.append(wrap(array, True, parent))
            elif isinstance(parent, Var) and parent.array is array:
                seen.append(parent)
            elif isinstance(parent, Var):
                raise InPlaceError(
                    f"{node.where()}: the data of a leaf was replaced after it was used.",
                    got=f"a leaf {parent.shape} whose .data is another array than the one the operation saw",
                    expected="the same array until the gradient has been taken",
                    hint="differentiate first, then assign; or change the data under no_grad before the forward pass",
                )
            elif isinstance(parent, Version):  # a constant, of which a later change in place must be noticed still
                seen.append(wrap(array))
                seen[-1].version = parent
            else:
                seen.append(array)
        return tuple(seen), None


RAW, RECORDED = Way(), Recorded()


class Checks:
    """What looks at the gradients of every backward pass, if anything does."""

    around: Callable[[Way], Way] | None = None


def way_for(create_graph: bool) -> Way:
    """Give the way of a backward pass, which may be recorded, and is another one while a step is captured."""
    recorder = state.recorder
    way: Way = (RECORDED if create_graph else RAW) if recorder is None else recorder.way(create_graph)
    return way if Checks.around is None else Checks.around(way)


def backward(
    roots: Sequence[Var], seeds: Sequence[Any], retain_graph: bool = False, create_graph: bool = False,
    inputs: Sequence[Var] | None = None,
) -> None:  # fmt: skip
    """Add the gradient of roots to `.grad` of every leaf that they depend on and of every Var that retains one.

    Args:
        seeds: cotangents of roots, arrays, or Vars where create_graph; inputs: the only ones that get any
    """
    # A graph has no cycles; while it grows or shrinks, the collector would go over all of it, and over the model, again
    # and again: 40 % of the time of a step of 10 000 layers. It is stopped inside the try: Ctrl-C may follow a call.
    collecting, state.failed = gc.isenabled(), None
    try:
        gc.disable()
        way = way_for(create_graph)
        owners = None if inputs is None else {x.node or x: x for x in inputs}
        found = differentiate(roots, seeds, None if owners is None else [*owners], retain_graph, create_graph)
        for origin, g in found.items():
            _arrives(origin if owners is None else owners[origin], g, way)
    except Exception as error:
        note_backward(error, roots)
        raise
    finally:
        if collecting:
            gc.enable()


def _arrives(leaf: Origin, g: Any, way: Way) -> None:
    if isinstance(leaf, Var) and leaf.differentiable:  # not if frozen since the forward pass
        way.deposit(leaf, g)
        if hooks.leaves and id(leaf) in hooks.leaves:
            hooks.leaves[id(leaf)].added(leaf, way.create_graph)


def differentiate(
    roots: Sequence[Var], seeds: Sequence[Any], targets: Sequence[Origin] | None, retain_graph: bool, create_graph: bool
) -> dict[Origin, Any]:
    """Find the cotangent of every target (None: of every leaf reached) from the seeds of the roots.

    Returns:
        cotangents by origin, none of what nothing reaches; raw arrays are fresh, so that whoever stores one owns it
    """
    nodes = reachable([root.node for root in roots if root.node is not None])
    wanted: set[Origin] | None = None
    if targets is not None:
        wanted = set(targets)
        between = []  # a target that leads to no other one is not pulled back, nor freed: its own backward may follow
        for node in reversed(nodes):  # first calls first: a Node is wanted where one of its inputs is
            if not wanted.isdisjoint([p for p in node.parents if not isinstance(p, Version)]):
                wanted.add(node)
                between.append(node)
        nodes = between[::-1]
    way = way_for(create_graph)
    sums = Cotangents(way, roots[0].result_type if roots else Var)
    for root, seed in zip(roots, seeds, strict=True):
        sums.add(root.node or root, seed, fresh=False)
    place = "" if retain_graph else caller()
    outer, known = state.scope, state.known
    collecting = gc.isenabled()
    goes: Callable[[Node, str], None] = (lambda node, place: None) if retain_graph else Node.free
    try:
        gc.disable()
        state.known = {} if way is RAW else None
        if create_graph:
            state.scope = Scope(BackwardPass(), None)
        with RECORDING:
            for node in nodes:  # its end is no `if`: since Python 3.12 `finally` would miss Ctrl-C at the loop's turn
                pull_back(node, sums, wanted, way)
                goes(node, place)  # at once, so that its memory serves the rest of the walk
    finally:
        state.scope, state.known = outer, known
        if collecting:
            gc.enable()
        way.ends()
    keep = targets if targets is not None else [o for o in sums.values if isinstance(o, Var)]
    found = {origin: sums.owned(origin) for origin in keep if origin in sums.values}
    if hooks.leaves or targets is not None:
        pulled = {*nodes}  # whose hooks have been called
        for origin in found:
            hung = hooks.leaves.get(id(origin)) if isinstance(origin, Var) else origin.retained
            if hung is not None and origin not in pulled:
                g = hung.seen(roots[0].result_type, found[origin], create_graph)
                found[origin] = g.copy() if type(g) is np.ndarray else g
    return found


class Cotangents:
    """A running sum per origin: the first contribution is borrowed, the second allocates, later ones add in place."""

    def __init__(self, way: Way, kind: type[Any]) -> None:
        self.way, self.kind = way, kind
        self.values: dict[Origin, Any] = {}
        self.fresh: set[int] = set()  # ids of origins whose sum nobody else holds

    def add(self, origin: Origin, g: Any, fresh: bool) -> None:
        """Add one contribution. fresh: no one else holds the array g."""
        before, ours = self.values.get(origin), id(origin) in self.fresh
        if ours and type(before) is np.ndarray and not getweakrefcount(before):
            before += g
            return
        if before is not None:
            g, fresh = self.way.add(before, g, ours), True
        self.values[origin] = g
        if fresh:
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


def pull_back(node: Node, sums: Cotangents, wanted: set[Origin] | None, way: Way) -> None:
    """Pass the cotangent of one Node's result on to the inputs of that Node."""
    values = sums.values
    g = values.get(node)
    if g is None:
        return
    if node.freed_by is not None:
        raise freed(node)
    if changes.latest > node.index:
        check_unchanged(node, wanted)
    if node.retained is not None:  # hooks, or an intermediate result that asked for its gradient
        g = values[node] = node.retained.seen(sums.kind, sums.owned(node), way.create_graph)
        if (var := node.retained()) is not None:
            way.deposit(var, g.copy() if type(g) is np.ndarray else g)
    (seen, saved), primitive, position = way.begins(node, g), node.primitive, -1
    for parent in node.parents:
        position += 1
        if parent is None or isinstance(parent, Version) or (wanted is not None and parent not in wanted):
            continue
        rule, extra = primitive.rule_at(position)
        if rule is None:
            raise no_rule(primitive, position)
        if primitive.residuals:
            extra = {**extra, "saved": saved}
        gx, x = rule(*seen, **node.static, **extra), node.args[position]
        try:
            fits = gx.shape == x.shape
        except AttributeError:
            if gx is None and primitive.optional:
                continue
            raise no_cotangent(primitive, position, gx) from None
        if not fits:
            gx = unbroadcast(node, gx, x)
        if gx.dtype is not x.dtype:
            gx = np.asarray(gx, x.dtype) if isinstance(gx, np.ndarray | np.generic) else gx.to(x.dtype)
        # A result that views nothing and that only we hold is new; what a rule keeps for itself someone else holds too.
        if way is RAW and type(gx) is np.ndarray:
            fresh = gx.base is None and getrefcount(gx) <= OURS_ALONE
        else:
            fresh = way.is_new(node, position, g, gx)
        if parent in values:
            sums.add(parent, gx, fresh)
        else:
            values[parent] = gx
            if fresh:
                sums.fresh.add(id(parent))
    if wanted is None:
        del values[node]
        sums.fresh.discard(id(node))


def unbroadcast(node: Node, gx: Any, x: Array) -> Any:
    """Sum a cotangent back to the shape of its argument, which broadcasting had stretched."""
    if node.primitive.unbroadcast is None:
        raise ShapeError(
            f"{node.where()}: a rule returned a cotangent of the wrong shape.",
            got=f"cotangent {gx.shape} for an argument {x.shape}",
            expected="the shape of the argument",
            hint="correct the rule (this is a mistake in the primitive, not in the calling code)",
        )
    return node.primitive.unbroadcast(gx, shape=x.shape)
