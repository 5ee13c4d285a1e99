"""Module: a model is an object whose attributes hold parameters, buffers and other modules.

They are found by walking the attributes in the order of assignment, through lists, tuples and dicts (buffers by the
names that were registered); no assignment is intercepted, so `super().__init__()` may be forgotten. Calling a module
notes in the graph who calls, for errors and pictures. Knows no layer. Look next at linear.py and functional/.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..core.errors import DTypeError, StateDictError, shown
from ..core.failure import note
from ..core.graph import no_grad
from ..core.scope import DEEP, Scope, call_depth, state
from ..tensors.creation import from_numpy
from ..tensors.in_place import clear_gradient
from ..tensors.tensor import Tensor
from .conversion import Conversion
from .hooks import hooked
from .nesting import copied, described, join, members
from .parameter import Parameter
from .parts import Incompatible, Parts

M = TypeVar("M", bound="Module")
T = TypeVar("T")
Named: TypeAlias = Iterator[tuple[str, T]]  # with their paths


class Module(Parts, Conversion):
    """Base of all layers and models: write `forward`, assign layers and Parameters as attributes.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layer = nn.Linear(784, 10)
        ...     def forward(self, x):
        ...         return self.layer(x.flatten(1))
        >>> [name for name, _ in Net().named_parameters()]
        ['layer.weight', 'layer.bias']
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; a subclass writes this."""
        raise TypeError(f"{type(self).__name__} has no forward method: define forward(self, x)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outer = state.scope
        if outer is None:  # arrays become tensors once, at the door, so that forward may use tensor methods
            args, kwargs = as_tensors(args), as_tensors(kwargs)
        collecting, deep = outer is None and gc.isenabled(), False
        try:  # all that is put back is changed in here: Ctrl-C may come after any call, also that of gc.disable
            if collecting:
                gc.disable()  # as engine.backward does
            scope = state.scope = Scope(self, outer)
            if scope.depth >= DEEP and not scope.depth & 31:
                deep = scope.depth == DEEP
                call_depth.allow(scope.depth)
            if self._hooks is not None:
                return hooked(self, self.forward, args, kwargs)
            if state.around is not None:
                return state.around(scope, self.forward, args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            note(error, type(self).__name__, [*args, *kwargs.values()], scope=state.scope)
            raise
        finally:
            state.scope = outer
            if collecting:
                gc.enable()
            if deep:
                try:
                    call_depth.restore()
                finally:  # Ctrl-C may have come before its first line
                    call_depth.restore()

    # ------------------------------------------------------------ what is inside

    # PyTorch's own dicts, which programs read: here views, since the attributes hold the parts
    _modules = property(lambda self: MappingProxyType(dict(self.named_children())))
    _parameters = property(lambda self: MappingProxyType(dict(self.named_parameters(recurse=False))))
    _buffers = property(lambda self: MappingProxyType(dict(self.named_buffers(recurse=False))))

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Named[Module]:
        """Yield this module and every one inside it, with its path; a shared one once, or under each of its paths."""
        seen: set[int] = set()  # or, where duplicates count, those around: a module inside itself has no end
        stack: list[tuple[str | None, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if path is None:
                seen.discard(id(module))
            elif id(module) not in seen:
                seen.add(id(module))
                yield path, module
                stack += [] if remove_duplicate else [(None, module)]
                stack += [(join(path, name), m) for name, m in members(vars(module), (Module,))][::-1]

    def named_children(self) -> Named[Module]:
        """Yield the modules directly inside this one, with their names."""
        seen: set[int] = set()
        for name, member in members(vars(self), (Module,)):
            if id(member) not in seen:
                seen.add(id(member))
                yield name, member

    def modules(self) -> Iterator[Module]:
        """Yield this module and every one inside it, each once."""
        return (m for _, m in self.named_modules())

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside this one."""
        return (m for _, m in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Named[Parameter]:
        """Yield every Parameter with its path, in the order of assignment; a shared one once, under its first name.

        With recurse=False only those not in a module inside, with remove_duplicate=False under each of their names.
        """
        return self._found(_parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield every Parameter, each once; with recurse=False only this module's own."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Named[Tensor]:
        """Yield every buffer with its path, module by module; arguments as of `named_parameters`."""
        return self._found(_buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield every buffer, each once; with recurse=False only this module's own."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def _found(self, of: Callable[[Module], Any], prefix: str, recurse: bool, once: bool) -> Named[Any]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, once) if recurse else [(prefix, self)]:
            for name, member in of(module):
                if not once or id(member) not in seen:
                    seen.add(id(member))
                    yield join(path, name), member

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make a tensor an attribute that belongs to the module but is not learned: a running mean, a count, a mask.

        What is assigned to that name later is the buffer then; None is none yet, and `del` ends it. `state_dict` has it
        if it is persistent.
        """
        who, names = f"register_buffer of {type(self).__name__}", registered(self)
        self._check_name("register_buffer", name, lambda x: name in names and not isinstance(x, Parameter | Module))
        if isinstance(tensor, Parameter) or not (tensor is None or isinstance(tensor, Tensor)):
            hint = "assign a Parameter as an attribute" if isinstance(tensor, Parameter) else "tg.tensor(...) of it"
            raise DTypeError(f"{who}: {name!r} must be a tensor or None.", got=type(tensor).__name__, hint=hint)
        setattr(self, name, tensor)
        self._buffer_names = {**names, name: bool(persistent)}  # anew: a shallow copy has the same dict

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in registered(self):
            self._buffer_names = {k: v for k, v in registered(self).items() if k != name}

    def name_of(self, module: object) -> str | None:
        """Find the path of a module inside this one."""
        return next((name for name, m in self.named_modules() if m is module), None)

    # ------------------------------------------------------------ modes

    def train(self: M, mode: bool = True) -> M:
        """Switch this module and all inside it to training (dropout on) or, with False, to evaluation."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Switch this module and all inside it to evaluation (dropout off)."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Ask for gradients of all parameters, or (False) freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters (or, with set_to_none=False, set them to 0)."""
        for p in self.parameters():
            clear_gradient(p, set_to_none)

    # ------------------------------------------------------------ saving

    def _saved(self) -> dict[str, Tensor]:
        """Give what a state dict has: each module's parameters, then its lasting buffers, under each of their names."""
        return dict(self._found(lambda m: _parameters(m) + _buffers(m, persistent=True), "", True, False))

    def state_dict(
        self, *, destination: dict[str, Tensor] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """Give parameters and persistent buffers by path, in the model's memory: clone() what must not change.

        Args:
            destination: a dict to add them to, and give
            prefix: what their names begin with
            keep_vars: give them themselves, with their place in the graph
        """
        destination = {} if destination is None else destination
        destination.update({prefix + name: x if keep_vars else x.detach() for name, x in self._saved().items()})
        return destination

    def load_state_dict(self, state_dict: dict[str, Any], strict: bool = True, assign: bool = False) -> Incompatible:
        """Copy values into the parameters and buffers; give the names without a value, and without a place.

        Args:
            state_dict: tensors or arrays by path, as `state_dict` gives
            strict: names must match exactly
            assign: take the tensors over instead of their values, with their dtypes
        Raises:
            StateDictError: listing every missing, unexpected and misshaped key; then nothing has been changed
        """
        if not isinstance(state_dict, dict):
            what, hint = "load_state_dict: not a state dict.", "model.load_state_dict(tg.load(path))"
            raise StateDictError(what, got=shown(state_dict), expected="tensors or arrays by path", hint=hint)
        own = self._saved()
        given = {k: np.asarray(v) for k, v in state_dict.items()}
        missing = [k for k in own if k not in given]
        unexpected = [k for k in given if k not in own]
        both = [(k, x, given[k]) for k, x in own.items() if k in given]
        misshaped = [f"{k} {v.shape} instead of {x.shape}" for k, x, v in both if v.shape != x.shape]
        bad_kind = [f"{k} holds {v.dtype}" for k, _, v in both if v.dtype.kind not in "fiub"]
        problems = [("misshaped", misshaped), ("not numbers", bad_kind)]
        if strict:
            problems += [("missing", missing), ("unexpected", unexpected)]
        if any(rows for _, rows in problems):
            what = f"load_state_dict: these values are not of this {type(self).__name__}; nothing was loaded."
            got = "; ".join(f"{label}: {', '.join(rows)}" for label, rows in problems if rows)
            hint = "build the model as it was when saved, or strict=False to skip missing and unexpected keys"
            raise StateDictError(what, got=got, expected=", ".join(f"{k} {p.shape}" for k, p in own.items()), hint=hint)
        with no_grad():
            for k, x, v in both:
                owner, _, name = k.rpartition(".")
                if assign and vars(self.get_submodule(owner)).get(name) is x:
                    new = state_dict[k] if isinstance(state_dict[k], Tensor) else from_numpy(v)
                    kept = Parameter(new, x.requires_grad) if isinstance(x, Parameter) else new
                    setattr(self.get_submodule(owner), name, kept)
                else:
                    x.copy_(v)
        return Incompatible(missing, unexpected)

    # ------------------------------------------------------------ a readable face

    def extra_repr(self) -> str:
        """Describe the module's settings inside its parentheses; a subclass may write this."""
        return ""

    def __repr__(self) -> str:
        return described(self, Module.__repr__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copied(self, memo)


def as_tensors(x: Any) -> Any:
    """Wrap the arrays among arguments, in lists, tuples and dicts too."""
    if isinstance(x, np.ndarray):
        return from_numpy(x)
    if type(x) is dict:
        return {k: as_tensors(v) for k, v in x.items()}
    return type(x)(map(as_tensors, x)) if type(x) in (list, tuple) else x


def registered(module: Module) -> dict[str, bool]:
    """Give the names that are a module's buffers, and whether each is saved."""
    names: dict[str, bool] = vars(module).get("_buffer_names", {})
    return names


def _parameters(module: Module) -> list[tuple[str, Parameter]]:
    """List a module's own Parameters."""
    return [(name, x) for name, x in members(vars(module), (Parameter, Module)) if isinstance(x, Parameter)]


def _buffers(module: Module, persistent: bool = False) -> list[tuple[str, Tensor]]:
    """List a module's own buffers, all or the persistent ones; a Parameter or Module in the place of one is none."""
    found = []
    for name, lasting in registered(module).items():
        x = vars(module).get(name)
        if x is not None and not isinstance(x, Tensor | Module):
            what = f"{type(module).__name__}: the buffer {name!r} is no tensor any more."
            hint = f"self.{name}.fill_(value), or self.{name} = tg.tensor(value)"
            raise DTypeError(what, got=shown(x), expected="a tensor or None", hint=hint)
        if isinstance(x, Tensor) and not isinstance(x, Parameter) and lasting >= persistent:
            found.append((name, x))
    return found
