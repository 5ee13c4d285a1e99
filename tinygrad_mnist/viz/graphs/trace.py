"""What is drawn, before it is drawn: the values and operations behind some tensors, their names and modules.

Reads graph.Node only: what went in, what came out, who called. Of what repeats itself the first round is kept. Knows no
layer (modules are asked for names by duck typing), no folding and no DOT. Look next at fold.py, then graph.py.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.errors import DTypeError
from ...core.graph import Array, Freed, Node, Var, reachable
from ...core.scope import Scope
from ...core.versions import Version
from ..modules import Paths, shared_scope, with_callers
from .repeat import Repeats


class Value:
    """One tensor or array of the picture.

    kind is "parameter", "input" (a leaf that requires a gradient or that the user named), "constant", "result" or
    "output"; var the Var that can tell of a gradient, if one is known; array what its values are read from; made_by the
    Node whose result it is; scope the module call whose frame it stands in; gradient what was computed for the picture.
    """

    gradient: Array | None = None

    def __init__(self, kind: str, name: str, array: Any, var: Var | None = None, made_by: Node | None = None) -> None:
        self.kind, self.name, self.array, self.var, self.made_by = kind, name, array, var, made_by
        self.named = bool(name)  # by the user or as a parameter: never folded away as a detail
        self.scope: Scope | None = made_by.scope if made_by is not None else None
        self.users: list[Node] = []


class Trace:
    """Values and operations behind the roots, first call first.

    inputs holds, for each Node, the values that become edges; inline, by position, the arguments small enough for the
    label; again what a later round of a repeat takes from the one before it: a result, and who takes it; many how
    many rounds one operation takes a result of.
    """

    def __init__(
        self, roots: Sequence[Var], names: Mapping[str, Var | Array], repeats: bool = True,
        culprit: Node | None = None, failure: Any = None,
    ) -> None:  # fmt: skip
        also = failure.local.values() if failure is not None else ()  # what ran beside
        self.nodes = reachable([r.node for r in (*roots, *also) if r.node is not None])[::-1]
        self.repeats = Repeats(self.nodes, repeats, culprit)
        self.culprit, self.failure = culprit, failure
        self.values: dict[Hashable, Value] = {}
        self.inputs: dict[Node, list[Value]] = {}
        self.inline: dict[Node, dict[int, Any]] = {}
        self.again: dict[tuple[Value, Node], None] = {}
        self.many: dict[tuple[Value, Node], int] = {}
        self.paths = Paths()
        self._numbers: dict[Hashable, int] = {}
        self._names = Names(self.nodes, names)
        alive = {r.node: r for r in roots if r.node is not None}
        for node in self.nodes:
            self._take_arguments(node)
            self._add_result(node, alive.get(node))
        for i, root in enumerate(roots):
            value = self.values.get(root.node or id(root)) or self._add_leaf(root)
            value.kind = "output"
            value.name = value.name or ("output" if len(roots) == 1 else f"output {i}")
        if self.repeats.first:
            self._keep_first_rounds()
        for value in self.values.values():
            if value.kind == "parameter":
                value.scope = shared_scope([node.scope for node in value.users])
        for thing in (*self.nodes, *self.values.values()):
            self.id_of(thing)

    def id_of(self, thing: Any, kind: str = "") -> str:
        """Number values, operations and module calls, each for itself and the same in every picture of them."""
        kind = kind or ("v" if isinstance(thing, Value) else "o" if isinstance(thing, Node) else "c")
        return f"{kind}{self._numbers.setdefault(thing, len(self._numbers))}"

    def _keep_first_rounds(self) -> None:
        """Let the first round of every repeat stand for the others."""
        first, drawn = self.repeats.first, self.repeats.drawn
        whole, self.nodes = self.nodes, self.repeats.nodes
        for node in whole:
            taken: dict[tuple[Value, int], int] = {}  # of several rounds one result, and how many
            rounds = {drawn(v.made_by) for v in self.inputs[node] if v.made_by is not None and v.made_by in first}
            for i, value in enumerate(self.inputs[node]):
                kept = value if value.made_by is None else self.values[drawn(value.made_by)]
                place = kept, -1 if kept.made_by in rounds else i
                taken[place] = taken.get(place, 0) + 1
                if node in first and value.made_by is not None and kept not in self.inputs[drawn(node)]:
                    self.again[kept, drawn(node)] = None
            self.inputs[node] = [value for value, _ in taken]
            self.many |= {(value, node): n for (value, _), n in taken.items() if n > 1}
        for value in self.values.values():
            value.users = [node for node in value.users if node not in first]
        for node in first:
            last, kept = self.values[node], self.values[drawn(node)]
            if last.named or last.kind == "output":
                kept.kind, kept.name, kept.named = last.kind, kept.name or last.name, True
        for node in self.nodes:  # what a later round gives to what follows
            for value in self.inputs[node]:
                if node not in value.users:
                    value.users.append(node)
        gone = [key for key, value in self.values.items()
                if value.made_by in first or not (value.users or value.made_by or value.kind == "output")]  # fmt: skip
        for key in gone:
            del self.values[key]

    def _take_arguments(self, node: Node) -> None:
        self.inputs[node], self.inline[node] = [], {}
        for position, (array, parent) in enumerate(zip(node.args, node.parents, strict=True)):
            if type(parent) is Node:
                value: Value | None = self.values[parent]
            elif isinstance(parent, Var):
                value = self.values.get(id(parent)) or self._add_leaf(parent)
            else:
                value = self._constant(node, position, array, parent)
            if value is not None:
                value.users.append(node)
                self.inputs[node].append(value)

    def _add_leaf(self, var: Var) -> Value:
        name = self._names.found.get(id(var)) or self._names.found.get(id(var.array)) or ""
        parameter = type(var).__name__ == "Parameter" or self._names.is_parameter(var)
        kind = "parameter" if parameter else "input" if var.differentiable else "constant"
        return self.values.setdefault(id(var), Value(kind, name, var.array, var))

    def _constant(self, node: Node, position: int, array: Any, parent: Any) -> Value | None:
        name = self._names.of_constant(array, parent)
        if not name and math.prod(getattr(array, "shape", ())) == 1:
            if array is not None and getattr(array, "dtype", None) != "NoneType":
                self.inline[node][position] = array
            return None
        key: Hashable = ("array", array.key if isinstance(array, Freed) else id(array))
        value = self.values.get(key)
        if value is None:
            parameter = self._names.is_parameter(array) or self._names.is_parameter((parent, array))
            kind = "parameter" if parameter else "input" if name else "constant"
            known = self._names.arrays.get(name, array) if name and isinstance(array, Freed) else array
            value = self.values[key] = Value(kind, name or "constant", known)
            value.named = bool(name)
        return value

    def _add_result(self, node: Node, root: Var | None) -> None:
        kept = node.retained() if node.retained is not None else None
        kept = kept if kept is not None and kept.node is node else self._names.results.get(node)
        var, name = root if root is not None else kept, self._names.found.get(id(node), "")
        self.values[node] = Value("result", name, node.out if var is None else var.array, var, node)


class Names:
    """Which name belongs to which leaf, array or result: the user's first, then what the outermost modules say."""

    def __init__(self, nodes: Sequence[Node], names: Mapping[str, Var | Array]) -> None:
        self.found: dict[Hashable, str] = {}  # by the id of a leaf, array or Node, and what else keys_of lists
        self._parameters: set[Hashable] = set()
        self.arrays: dict[str, Array] = {}
        self.results: dict[Node, Var] = {}  # the tensors that the user named
        self._held: list[object] = []  # keeps alive what is known by id
        for name, thing in names.items() if isinstance(names, Mapping) else [(names, None)]:
            if not isinstance(name, str) or not isinstance(thing, Var | np.ndarray):
                what = "graph: names must give a tensor or an array for each name."
                raise DTypeError(what, got=f"{name!r}: {type(thing).__name__}", expected="names={'x': x, 'target': y}")
            self._note(name, thing)
        modules: list[Any] = [s.module for s in with_callers(n.scope for n in nodes) if s.parent is None]
        outermost = {id(m): m for m in modules if hasattr(m, "named_parameters") and [*m.named_parameters()]}
        for module in outermost.values():
            prefix = f"{type(module).__name__}." if len(outermost) > 1 else ""
            for path, parameter in module.named_parameters():
                self._note(prefix + path, parameter)
                self._parameters.update(keys_of(parameter))
            for path, buffer in module.named_buffers():
                self._note(prefix + path, buffer)

    def _note(self, name: str, thing: Var | Array) -> None:
        self._held.append(thing)
        self.arrays[name] = thing.array if isinstance(thing, Var) else thing
        if isinstance(thing, Var) and thing.node is not None:
            self.results[thing.node] = thing
        for key in keys_of(thing):
            self.found.setdefault(key, name)

    def of_constant(self, array: Any, parent: Any) -> str | None:
        """Name an array that needed no gradient, or the array it is a view of; a freed one is known by its Version."""
        name, base = self.found.get(array.key) if isinstance(array, Freed) else None, array
        while isinstance(base, np.ndarray) and name is None:
            name, base = self.found.get(id(base)), base.base
        if name is None and isinstance(parent, Version):
            name = self.found.get((id(parent), array.shape)) or self.found.get(id(parent))
        return name if name is None or self.arrays[name].shape == array.shape else f"{name} (view)"

    def is_parameter(self, thing: object) -> bool:
        """Tell whether a Var, an array, or a pair (Version, freed array) is a parameter of a module."""
        if isinstance(thing, tuple):
            return isinstance(thing[0], Version) and (id(thing[0]), thing[1].shape) in self._parameters
        return not isinstance(thing, Freed) and id(thing) in self._parameters


def keys_of(thing: Var | Array) -> list[Hashable]:
    """List the identities under which a tensor or array may be met in a graph."""
    if not isinstance(thing, Var):
        return [id(thing)]
    if thing.node is not None:
        return [id(thing.node)]
    return [id(thing), id(thing.array), (id(thing.version), thing.shape), id(thing.version)]
