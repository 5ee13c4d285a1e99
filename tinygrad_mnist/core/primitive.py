"""The decorator that makes a differentiable operation out of a NumPy function and one rule per argument.

A primitive called on raw arrays is just its function. Called on a Var it computes on the raw arrays, wraps the result
and, where a gradient may be asked for, records a Node. A rule (vector-Jacobian product) has the signature

    rule(g, out, *arguments, *, static arguments) -> cotangent of one argument

and is written with operators and other primitives only. Given arrays it computes; given Vars it records, so the same
text serves every order of derivative. Knows no operation. Look next at ops/elementwise.py for rules, engine.py for
their use.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from .errors import ArgumentError, DTypeError, IndexRangeError, ShapeError, TinygradError
from .graph import Array, Node, Var
from .scope import state
from .versions import Version

Rule = Callable[..., Any]
Promote = Callable[[Any, Any], list[Any] | None]

NDARRAY = np.ndarray  # one look-up less where calls are counted
FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)
PLAIN = frozenset({np.ndarray, float, int, bool, type(None)})  # argument types that NumPy may see as they are

CO_VARARGS = 4  # the flag of a function with *args; the inspect module has the name, at a cost at import

NOTHING: dict[str, Any] = {}  # never changed

registry: dict[str, Primitive] = {}


class Primitive:
    """A differentiable operation; make one with `@primitive`.

    Args:    residuals: the forward returns (out, saved) and rules take saved=None: a shortcut, never needed.
             view: the result may share memory with the first argument.
             fit: sums a cotangent back to the argument's shape (elementwise operations, which broadcast).
             promote: converts the last two arguments, where they are arrays of two dtypes, or returns None.
             differentiable: False for what is constant to differentiation, whose result needs no gradient.
             modular: Python's integers count modulo 2ⁿ of the integer arrays that they meet.
             registered: False for what is no operation of its own, and may share a name.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        *,
        residuals: bool = False,
        view: bool = False,
        fit: Rule | None = None,
        differentiable: bool = True,
        promote: Promote | None = None,
        modular: bool = False,
        registered: bool = True,
    ) -> None:
        code = forward.__code__
        count = code.co_argcount
        self.name = forward.__name__
        self.forward = forward
        self.residuals = residuals
        self.view = view
        self.fit = fit
        self.differentiable = differentiable
        self.promote = promote
        self.modular = modular
        self.arguments = code.co_varnames[:count]
        self.static = code.co_varnames[count : count + code.co_kwonlyargcount]
        # *xs: every further argument is of the last, variadic kind and shares one rule, which is told `which`.
        self.variadic = code.co_varnames[count + len(self.static)] if code.co_flags & CO_VARARGS else None
        self.rules: dict[str, Rule] = {}
        self.unrecorded: Callable[..., Any] | None = None  # forward without residuals, for calls that nobody records
        self.__doc__ = forward.__doc__
        self.__name__ = self.__qualname__ = forward.__name__
        self.__module__ = forward.__module__
        if not registered:
            return
        if self.name in registry and self.__module__ != "__main__":  # a notebook may run a cell twice
            raise TypeError(f"two primitives are called {self.name}")
        registry[self.name] = self

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join(self.arguments)})>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)  # so that a primitive can serve as a method

    def vjp(self, argument: str) -> Callable[[Rule], Rule]:
        """Register the rule for one argument; its signature is checked here, at import."""

        def register(rule: Rule) -> Rule:
            code = rule.__code__
            positional = ("g", "out", *self.arguments)
            keywords = {*self.static} | ({"saved"} if self.residuals else set())
            keywords |= {"which"} if argument == self.variadic else set()
            known = (*self.arguments, self.variadic)
            got = code.co_varnames[: code.co_argcount]
            named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
            if argument not in known or got != positional or set(named) != keywords:
                raise TypeError(
                    f"{rule.__name__}: a rule of {self.name} takes {positional} and, keyword-only, {sorted(keywords)}"
                )
            self.rules[argument] = rule
            return rule

        return register

    def without_residuals(self, forward: Rule) -> Rule:
        """Register a quicker forward that gives the result alone; it serves calls that are not recorded."""
        self.unrecorded = forward
        return forward

    def rule_at(self, position: int) -> tuple[Rule | None, dict[str, Any]]:
        """Find the rule for the argument at a position, and what it must be told besides."""
        if position < len(self.arguments):
            return self.rules.get(self.arguments[position]), NOTHING
        return self.rules.get(str(self.variadic)), {"which": position - len(self.arguments)}

    def __call__(self, *args: Any, **static: Any) -> Any:
        for x in args:
            if isinstance(x, Var):
                return self.on_variables(args, static)
        return self.on_arrays(args, static)

    def on_arrays(self, args: tuple[Any, ...], static: dict[str, Any]) -> Any:
        """Compute on raw arrays, as rules do in a plain backward pass."""
        if self.promote is not None:
            a, b = args[-2:]
            if type(b) is NDARRAY and type(a) is NDARRAY and a.dtype is not b.dtype:
                args = (*args[:-2], *(self.promote((a, b), (a, b)) or (a, b)))
        try:
            if self.unrecorded is not None:
                return self.unrecorded(*args, **static)
            out = self.forward(*args, **static)
        except OverflowError as error:
            return self.on_arrays(within(self, error, args, list(args), static), static)
        except Exception as error:
            explained = self.explain(error, list(args))
            if explained is error:
                raise
            raise explained from error
        return out[0] if self.residuals else out

    def on_variables(self, args: tuple[Any, ...], static: dict[str, Any]) -> Any:
        """Compute on the arrays of the Vars among the arguments, wrap the result and record the call."""
        arrays: list[Any] = []
        parents: list[Any] = []
        kind: type[Any] = Var
        differentiable, plain = False, True
        for x in args:
            if isinstance(x, Var):
                kind = x.result_type
                arrays.append(x.array)
                if x.differentiable:
                    differentiable = True
                    node = x.node
                    parents.append(x if node is None else node)
                else:
                    parents.append(x.version)
            else:
                arrays.append(x)
                parents.append(None)
                plain = plain and type(x) in PLAIN
        if not plain:
            arrays = [x if type(x) in PLAIN else constant(x, self.name) for x in arrays]
        if self.promote is not None:
            a, b = arrays[-2], arrays[-1]
            if type(b) is NDARRAY and type(a) is NDARRAY and a.dtype is not b.dtype:
                converted = self.promote(args[-2:], (a, b))
                if converted is not None:
                    return self.on_variables((*args[:-2], *converted), static)
        record = differentiable and self.differentiable and state.recording
        residuals = self.residuals and (record or self.unrecorded is None)
        forward = self.forward if residuals or self.unrecorded is None else self.unrecorded
        try:
            out = forward(*arrays, **static)
        except OverflowError as error:  # a Python number beyond the dtype: again with what it is there
            return self.on_variables(within(self, error, args, arrays, static), static)
        except Exception as error:
            explained = self.explain(error, arrays)
            if explained is error:
                raise
            raise explained from error
        saved = None
        if residuals:
            out, saved = out
        if type(out) is not NDARRAY:
            out = np.asarray(out)  # NumPy returns scalars where it could return 0-d arrays
        if out.dtype is FLOAT64 and "dtype" not in static:  # a cast that asks for float64 means it
            out = narrow(out, arrays)
        if record and (self.rules or out.dtype.kind == "f"):  # without a rule too: backward says which one is missing
            version = Version()
            node = Node(self, arrays, static, out, saved, parents, version)
            result = kind.wrap(out, True, node)
        else:
            result = kind.wrap(out)
        if self.view and np.may_share_memory(out, arrays[0]):
            share(result, args[0])
        if (recorder := state.recorder) is not None:
            recorder.call(self, args, arrays, static, result, saved)
        return result

    def explain(self, error: Exception, arrays: list[Any]) -> Exception:
        """Turn a failure of the forward function into an error that names the operation, shapes and module."""
        where = "" if state.scope is None else state.scope.within()
        if isinstance(error, TinygradError):
            error.where = error.where or where
            return error
        if not isinstance(error, ValueError | TypeError | IndexError):
            return error
        names = [*self.arguments, *(f"{self.variadic}[{i}]" for i in range(len(arrays) - len(self.arguments)))]
        got = ", ".join(f"{n} {describe(x)}" for n, x in zip(names, arrays, strict=False) if x is not None)
        better: TinygradError
        if "broadcast" in str(error):
            shapes = [np.shape(x) for x in arrays if x is not None]
            better = ShapeError(
                f"{self.name}: shapes {' and '.join(map(str, shapes))} do not broadcast.",
                got=got,
                expected="sizes equal, or 1, axis by axis from the last one",
                hint=broadcast_hint(shapes),
            )
        elif isinstance(error, IndexError):
            better = IndexRangeError(f"{self.name}: {error}", got=got)
        elif isinstance(error, TypeError):
            better = DTypeError(f"{self.name}: {error}", got=got)
        else:
            better = ShapeError(f"{self.name}: {error}", got=got)
        better.where = where
        return better


def primitive(
    *, residuals: bool = False, view: bool = False, fit: Rule | None = None, differentiable: bool = True
) -> Callable[[Rule], Primitive]:
    """Make a function of arrays a primitive. Array data is positional, metadata keyword-only."""

    def decorate(forward: Rule) -> Primitive:
        return Primitive(forward, residuals=residuals, view=view, fit=fit, differentiable=differentiable)

    return decorate


def share(result: Var, source: Any) -> None:
    """Note that a result looks at the memory of its source, so that a change of either is seen by both."""
    if isinstance(source, Var):
        result.version = source.version
        if result.node is not None:
            result.node.version = source.version
        source.version.share(source, result)


def constant(x: Any, name: str) -> Any:
    """Make an argument that is neither Var, array nor Python number into one that NumPy will not widen."""
    if isinstance(x, np.generic):
        return x.item()
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"{name}: cannot compute with {type(x).__name__} {x!r:.60}.",
            expected="a tensor, an array, a number, or nested lists of numbers",
        )
    return array.astype(np.float32) if array.dtype is FLOAT64 and not isinstance(x, np.ndarray) else array


def within(
    primitive: Primitive, error: OverflowError, args: tuple[Any, ...], arrays: list[Any], static: dict[str, Any]
) -> tuple[Any, ...]:
    """Bring Python's integers into the range of the integer arrays they meet, as PyTorch does, or refuse them."""
    kind = np.result_type(*(x for x in arrays if isinstance(x, np.ndarray | np.generic)))
    range_ = np.iinfo(kind if kind.kind in "iu" else np.int64)
    low, high = int(range_.min), int(range_.max)
    numbers = [x for x in (*arrays, *static.values()) if isinstance(x, int)]
    if all(low <= x <= high for x in numbers):
        raise error  # of the forward's own
    if not primitive.modular or kind.kind not in "iu" or not all(-(2**63) <= x < 2**63 for x in numbers):
        raise ArgumentError(
            f"{primitive.name}: a number does not fit into {kind}.",
            got=", ".join(describe(x) for x in arrays if x is not None),
            expected=f"from {low} to {high}",
            hint="a wider dtype: x.long(), or x.float()",
        )
    size = high - low + 1
    return tuple((int(x) - low) % size + low if type(x) is int or isinstance(x, np.integer) else x for x in args)


def narrow(out: Array, arrays: list[Any]) -> Array:
    """Undo NumPy's habit of answering integers with float64: only a float64 input gives a float64 result."""
    # by kind, not identity: an array from a pickle or of the other byte order has a float64 of its own
    if any(type(x) is np.ndarray and x.dtype.char == "d" for x in arrays):
        return out
    return out.astype(FLOAT32)


def describe(x: Any) -> str:
    """Name shape and dtype of an argument for an error message."""
    return f"{x.shape} {x.dtype}" if isinstance(x, np.ndarray) else repr(x)


def broadcast_hint(shapes: list[tuple[int, ...]]) -> str:
    """Guess the fix for two shapes that do not broadcast."""
    if len(shapes) == 2:
        for small, large in (shapes, shapes[::-1]):
            if len(small) == 1 and len(large) == 2 and small[0] == large[0]:
                return f"unsqueeze(1): {small} -> {(small[0], 1)} lines up with axis 0 of {large}"
            if small == large[::-1] and len(small) == 2:
                return "one of the two is transposed: use .T"
    return "reshape, unsqueeze or expand one of them"
