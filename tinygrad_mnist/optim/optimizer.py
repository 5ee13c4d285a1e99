"""What all optimizers share: groups of parameters with their settings, state by parameter, saving.

A subclass writes `init_state` and `update`, nothing else. Knows no module. Look next at formula.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..core.errors import ArgumentError, DTypeError, StateDictError
from ..core.graph import Array, Var, enable_grad
from ..core.scope import refuse_captured, state
from ..tensors.in_place import clear_gradient
from ..tensors.tensor import Tensor

State = dict[str, Any]
Group = dict[str, Any]
Params: TypeAlias = Iterable[Tensor | tuple[str, Tensor] | Group]
# what schedules keep in groups
SCHEDULED = "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr"
# of PyTorch's loops over parameters, of which there is one here, and of graphs that go through a step
UNUSED = "foreach", "fused", "capturable", "differentiable"
NO_SETTINGS = "params", "param_names", *UNUSED


def check_at_least(name: str, low: float, below: float = float("inf"), **values: float) -> None:
    """Raise unless every hyper-parameter lies in [low, below)."""
    for label, value in values.items():
        if isinstance(value, np.ndarray) and value.size == 1:  # whoever shares it may change it
            value = value.item()
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise DTypeError(f"{name}: {label} must be a number.", got=f"{label} = {value!r:.60}")
        if not low <= value < below:
            above = " <= 1" if below == np.nextafter(1, 2) else f" < {below}" if below != float("inf") else ""
            limit = f"{low} <= {label}{above}"
            raise ArgumentError(f"{name}: {label} is out of range.", got=f"{label} = {value}", expected=limit)


def settings(given: dict[str, Any], *also: str) -> Group:
    """Take an `__init__`'s settings from its local names."""
    return {k: v for k, v in given.items() if k not in ("self", "__class__", "params") or k in also}


class Optimizer:
    """Changes parameters in place along their gradients.

    Args:
        params: tensors, pairs of name and tensor, or dicts {"params": tensors or pairs, "lr": ..., ...} with settings
            of their own; a setting may be a tensor of one number, which is then read at every step

    Raises:
        ArgumentError: for an empty list, a parameter given twice or a setting out of range
    """

    optional: ClassVar[dict[str, str]] = {}  # arrays in the state of a parameter that only a setting needs, and which

    def __init__(self, params: Params, defaults: Group) -> None:
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = defaultdict(dict)  # a step of the user's own reads what is not there yet
        if isinstance(params, Var):
            raise DTypeError(f"{self._name}: params is a single tensor.", hint=f"{self._name}([tensor], ...)")
        if not isinstance(params, Iterable):
            raise DTypeError(f"{self._name}: params holds no tensors.", got=f"{type(params).__name__} {params!r:.60}",
                             hint="model.parameters(), with its parentheses")  # fmt: skip
        given: list[Any] = list(params)
        if not given:
            hint = "model.parameters(); a generator can be used only once; layers must be attributes of the model"
            raise ArgumentError(f"{self._name}: got no parameters.", expected="at least one tensor", hint=hint)
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with settings of their own; what is not set takes the defaults."""
        if hasattr(self, "state"):
            refuse_captured("add_param_group()", "add the group before the step")
        if "params" not in param_group:
            raise ArgumentError(f"{self._name}: a group without 'params'.", got=", ".join(map(str, param_group)))
        listed = param_group["params"]
        if isinstance(listed, set):
            raise DTypeError(f"{self._name}: params is a set, which has no order.", hint="a list")
        params = [listed] if isinstance(listed, Var) else list(listed)
        names = [p[0] for p in params if isinstance(p, tuple) and len(p) == 2]  # of named_parameters()
        named = "param_names" in param_group or bool(names)
        if 0 < len(names) < len(params) or any(named != ("param_names" in g) for g in self.param_groups):
            raise ArgumentError(f"{self._name}: some parameters have names and some none.", hint="name all or none")
        params = [p[1] for p in params] if names else params  # type: ignore[index]
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for i, p in enumerate(params):
            if not isinstance(p, Tensor) or not p.is_leaf or p.dtype.kind != "f":
                facts = f", grad_fn {p.grad_fn}, {p.dtype}" if isinstance(p, Tensor) else ""
                what, wanted = f"{self._name}: params[{i}] cannot be optimized.", "a floating-point leaf tensor"
                raise DTypeError(what, got=f"{type(p).__name__}{facts}", expected=wanted, hint="model.parameters()")
            if id(p) in known:
                raise ArgumentError(f"{self._name}: params[{i}] {p.shape} was given twice.", expected="each once")
            known.add(id(p))
        unknown = sorted(set(param_group) - {*NO_SETTINGS, *self.defaults, *SCHEDULED})
        if unknown:
            raise ArgumentError(f"{self._name}: unknown setting {unknown[0]!r}.", expected=", ".join(self.defaults))
        made = {**self.defaults, **param_group, "params": params, **({"param_names": names} if names else {})}
        for name, x in made.items():
            if isinstance(x, Var):  # a number that a schedule, or whoever holds the tensor, may change
                if x.array.size != 1 or x.differentiable:
                    raise ArgumentError(f"{self._name}: {name} must be one number, no gradient.", got=f"{x.shape}")
                made[name] = x.array.reshape(())
        for name in (name for name in UNUSED if made.get(name)):
            raise ArgumentError(f"{self._name}: {name}={made[name]} is PyTorch's alone.", hint=f"leave {name} out")
        self.param_groups.append(made)
        try:
            self.check(made)
        except Exception:
            self.param_groups.pop()
            raise

    def check(self, group: Group) -> None:
        """Raise ArgumentError unless the settings of a group make sense; a subclass may write this."""

    def init_state(self, p: Tensor, group: Group) -> State:
        """Make what is remembered of a parameter from step to step."""
        raise TypeError(f"{self._name} must define init_state(p, group)")

    def state_like(self, saved: State, p: Tensor, group: Group) -> State:
        """Make what a saved state must be like: settings may have been turned on or off since the last step."""
        if type(self).init_state is Optimizer.init_state:  # a step of the user's own, which fills `state` itself
            return saved
        wanted = {k: v for k, v in self.init_state(p, group).items() if k not in self.optional}
        return wanted | {k: np.zeros(p.shape, p.dtype) for k in self.optional if k in saved}

    def adopted(self, saved: State) -> State:
        """Bring a saved state, which may be PyTorch's, to the form of this optimizer's."""
        return saved

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Change the array p in place, given the array g of its gradient."""
        raise TypeError(f"{self._name} must define update(p, g, state, group)")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients (or, with set_to_none=False, set them to 0)."""
        for group in self.param_groups:
            for p in group["params"]:
                clear_gradient(p, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. closure: computes the loss again and is called first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        recorder = state.recorder
        for group in self.param_groups:
            for p in group["params"]:
                if p.gradient is None:
                    continue
                if recorder is not None:
                    recorder.update(self, p, group)
                self.apply(p, p.gradient.array, group)
        return loss

    def state_of(self, p: Tensor, group: Group) -> State:
        """Give what is remembered of a parameter, made at its first step."""
        found = self.state.get(p)
        if found is None:
            found = self.state[p] = self.init_state(p, group)
        return found

    def apply(self, p: Tensor, g: Array, group: Group) -> None:
        """Change one parameter along the array g of its gradient."""
        state = self.state_of(p, group)
        if p.array.flags.c_contiguous and p.array.flags.writeable:
            self.update(p.array, g, state, group)
        else:  # a parameter with memory in another order: update a copy, then take it over
            data = np.ascontiguousarray(p.array).copy()
            self.update(data, g, state, group)
            if p.array.flags.writeable:
                p.array[...] = data
            else:
                p.array = data
        p.version.bump()

    # ------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """Give settings and state, parameters named by their position. Arrays are shared, not copied."""
        order = [p for g in self.param_groups for p in g["params"]]
        number = {id(p): i for i, p in enumerate(order)}
        groups = [
            {k: [number[id(p)] for p in v] if k == "params" else v for k, v in g.items()} for g in self.param_groups
        ]
        return {"state": {number[id(p)]: dict(s) for p, s in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from settings and state that `state_dict` gave, or PyTorch's; arrays are copied.

        Raises:
            StateDictError: unless groups, their sizes and the shapes of arrays match; then nothing has changed
        """
        groups, order = state_dict.get("param_groups"), [p for g in self.param_groups for p in g["params"]]
        sizes = [len(g["params"]) for g in self.param_groups]
        if groups is None or "state" not in state_dict or [len(g["params"]) for g in groups] != sizes:
            what = f"{self._name}.load_state_dict: the groups are not those of this optimizer; nothing was loaded."
            got = "no groups" if groups is None else f"groups of {[len(g['params']) for g in groups]} parameters"
            raise StateDictError(what, got=got, expected=f"groups of {sizes} parameters")
        problems, loaded = [], {}
        settings = [{**own, **g} for own, g in zip(self.param_groups, groups, strict=True) for _ in own["params"]]
        place = {str(k): i for i, k in enumerate(k for g in groups for k in g["params"])}
        for key, saved in ((place.get(str(k), len(order)), self.adopted(s)) for k, s in state_dict["state"].items()):
            wanted = self.state_like(saved, order[key], settings[key]) if key < len(order) else {}
            shapes = [{k: np.shape(v) for k, v in x.items()} for x in (saved, wanted)]
            if shapes[0].keys() != shapes[1].keys() or key >= len(order):
                problems.append(f"parameter {key}: {sorted(saved)}")
                continue
            problems += [f"parameter {key}: {name} {shape} instead of {shapes[1][name]}"
                         for name, shape in shapes[0].items() if shape != shapes[1][name]]  # fmt: skip
            loaded[order[key]] = {
                k: np.array(np.asarray(v), wanted[k].dtype) if isinstance(wanted[k], np.ndarray) else
                v.detach().clone() if isinstance(wanted[k], Tensor) else type(wanted[k])(v) for k, v in saved.items()
            }
        if problems:
            what = f"{self._name}.load_state_dict: the state does not fit; nothing was loaded."
            raise StateDictError(what, got="; ".join(problems))
        self.state = defaultdict(dict, loaded)
        for own, saved in zip(self.param_groups, groups, strict=True):
            for k, v in ((k, v) for k, v in saved.items() if k not in NO_SETTINGS):
                array = hasattr(v, "__array__") and not isinstance(v, np.generic)
                own[k] = tuple(v) if isinstance(v, list) else np.array(np.asarray(v)).reshape(()) if array else v

    def __repr__(self) -> str:
        rows = []
        for i, group in enumerate(self.param_groups):
            count = sum(p.numel() for p in group["params"])
            settings = ", ".join(f"{k}={v}" for k, v in group.items() if k not in NO_SETTINGS)
            rows.append(f"  group {i}: {len(group['params'])} tensors, {count} numbers, {settings}")
        return f"{self._name}(\n" + "\n".join(rows) + "\n)"
