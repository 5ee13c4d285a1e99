"""What the arrays of a step stand for while it is captured, and how the program names them.

Arrays are told apart by identity. Look next at capture.py.
"""

from __future__ import annotations

import builtins
import keyword
import weakref
from typing import Any

from ..core import draws
from ..core.explain import caller
from ..core.graph import Node, Var
from ..core.primitive import registry
from ..core.scope import Scope, state
from .guards.guard import Guard
from .program import EFFECTS, Array, Instruction, Value

# names that the source uses itself
TAKEN = {"np", "step", "result", "saved", *EFFECTS, *dir(builtins), *dir(draws), *keyword.kwlist, *registry}


class Values:
    """The values and instructions of a step, written down one by one."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.instructions: list[Instruction] = []
        self.values: dict[int, Value] = {}  # by id of the array
        self.alive: list[Array] = []  # so that no id is used twice
        self.count = 0
        self.taken: set[str] = set(TAKEN)
        self.paths: dict[int, dict[int, str]] = {}  # of the modules inside each outermost one, by id
        self.node: Node | None = None  # whose rules are running
        # What comes from outside is held weakly: an array that NumPy makes inside is found out by its death.
        # tensor, array, requires_grad, who used it first
        self.states: dict[Value, tuple[weakref.ref[Var], weakref.ref[Array], bool, str]] = {}

    def new(self, array: Array, origin: str, source: Any = None, base: Value | None = None, name: str = "") -> Value:
        """Make a value for an array and remember that the array holds it."""
        if name:
            name = "".join(c if c.isalnum() else "_" for c in name).strip("_") or "tensor"
            name = stem = f"_{name}" if name[0].isdigit() else name
            while name in self.taken:
                name = f"{stem}_{len(self.taken)}"
            self.taken.add(name)
        value = self.values[id(array)] = Value.of(self.count, array, origin, base, name)
        value.source = source
        self.count += 1
        self.alive.append(array)
        return value

    def value(self, x: Var | Array, array: Array) -> Value:
        """Find the value that an argument stands for; an unknown one comes from outside the step."""
        known = self.values.get(id(array))
        if known is not None:
            return known
        value = self.new(array, "state", name=self.name_of(x))
        x = x if isinstance(x, Var) else Var.wrap(array)
        self.states[value] = weakref.ref(x), weakref.ref(array), x.differentiable, caller()
        return value

    def name_of(self, x: object) -> str:
        """Name a tensor from outside: by the module that uses it, else by where the step's code finds it."""
        scope: Scope | None = state.scope if self.node is None else self.node.scope
        for key, member in vars(scope.module).items() if scope is not None else ():
            if member is x and scope is not None:
                path = self.path(scope) or type(scope.module).__name__.lower()
                return f"{path}.{key}" if not path[0].isdigit() else f"layer_{path}.{key}"
        return self.guard.labels.get(id(x), "tensor")

    def path(self, scope: Scope) -> str:
        """Name a module as seen from the outermost one."""
        outermost: Any = scope.outermost
        paths = self.paths.get(id(outermost))
        if paths is None:
            found = outermost.named_modules() if hasattr(outermost, "named_modules") else ()
            paths = self.paths[id(outermost)] = {id(module): path for path, module in found}
        return paths.get(id(scope.module), "")

    def append(self, step: Instruction) -> None:
        """Write down an instruction, with the module that called."""
        step.number = len(self.instructions)
        step.backward = self.node is not None
        step.scope = state.scope if self.node is None else self.node.scope
        if step.scope is not None and not hasattr(step.scope.module, "is_backward"):
            step.where = f"{self.path(step.scope)} {type(step.scope.module).__name__}".strip()
        self.instructions.append(step)

    def constant(self, array: Array) -> Value:
        """Note an array that is the same at every call."""
        return self.new(array, "constant", array.copy())
