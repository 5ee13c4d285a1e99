"""The decorator that makes a differentiable operation out of a NumPy function and one rule per argument.

A primitive called on raw arrays is just its function. Called on a Var it computes on the raw arrays, wraps the result
and, where a gradient may be asked for, records a Node. A rule (vector-Jacobian product) has the signature
    rule(g, out, *arguments, *, static arguments) -> cotangent of one argument
and is written with operators and other primitives only. Given arrays it computes; given Vars it records, so the same
text serves every order of derivative. Knows no operation. Look next at ops/elementwise.py, and engine.py for its use.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from .card import CO_VARARGS, MEMORY, check_card, check_function, check_loop, check_rule, has_argument
from .explain import explained
from .failure import note
from .graph import Node, Var, share
from .numbers import FLOAT64, constant, narrow, within
from .scope import state
from .versions import Version

Rule = Callable[..., Any]
Promote = Callable[[Any, Any], list[Any] | None]
NDARRAY = np.ndarray  # one look-up less where calls are counted
PLAIN = frozenset({np.ndarray, float, int, bool, type(None)})  # argument types that NumPy may see as they are

NOTHING: dict[str, Any] = {}  # never changed

registry: dict[str, Primitive] = {}
answering: dict[Any, Primitive] = {}  # NumPy's ufunc -> the primitive that stands for it on tensors


class Primitive:
    """A differentiable operation; make one with `@primitive`. What is declared here serves every way to run it.

    Args:
        declared: a function with the operation's name, arguments and docstring; without `computes`, it computes. Given
            memory by a compiled step if it takes `out` (and `saved`, with residuals); else its result is copied there
        computes: a ufunc or a kernel of the same arguments
        residuals: the forward returns (out, saved) and rules take saved=None: a shortcut, never needed
        unrecorded: a quicker forward without residuals, which gives the result alone, for calls not recorded
        unchecked: a quicker forward into `out` for compiled steps: one float dtype, shapes that fit
        view: the result may share memory with the first argument
        unbroadcast: sums a cotangent back to the argument's shape (elementwise operations, which broadcast)
        promote: converts the last two arguments, where they are arrays of two dtypes, or returns None
        convert: converts the argument of a ufunc, where that would take another dtype than PyTorch
        answers: the ufunc that this is on tensors, where another function computes; None: `computes`
        differentiable: False for what is constant to differentiation, whose result needs no gradient
        modular: Python's integers count modulo 2ⁿ of the integer arrays that they meet
        over: positions of the arguments in whose memory the result may be computed; None: of all of a ufunc's
        loop: for numba: one element as Python (math.f, loops.f), or a function of the static ones that gives it
        saves: of residuals with a loop: the primitive of the same arguments whose loop gives the saved ones
        rows: for numba: a loop over the rows of a matrix, of the arguments (matrices alike, vectors of a number per
            row), numbers among the static ones, `out` and `saved`, as in kernels/loops.py; an axis is the last
        check: raises on arguments that the rows must not be given, as class numbers that there are not
        slow: why a compiled step calls NumPy for it between two kernels, or copies what it gives ("" if neither)
        linear: True, or the names of arguments: linear in each whose rule reads neither it nor the result, and in those
            at once whose rules read none of each other; forward mode calls it on tangents
        batch: how vmap computes a batch, its axes in front: "elements" (of all with a loop), "matrices" (the last two
            axes), "leading" (any in front of the first argument), "axis" and "shape" (so named; if it has keepdims, it
            is a reduction), a number (of arguments, in rows), a function(batch, *arguments, *, static), of a tuple
            the first without NotImplemented; (): one after the other
        registered: False for what is no operation of its own, and may share a name
    """

    optional = False  # a rule gives a cotangent, never None

    def __init__(
        self, declared: Callable[..., Any], *, computes: Callable[..., Any] | None = None, residuals: bool = False,
        unrecorded: Rule | None = None, unchecked: Rule | None = None, view: bool = False,
        unbroadcast: Rule | None = None, differentiable: bool = True, promote: Promote | None = None,
        convert: Rule | None = None, answers: Any = None, modular: bool = False, over: tuple[int, ...] | None = (),
        loop: str | Callable[..., str] | None = None, rows: Callable[..., None] | None = None,
        check: Rule | None = None, slow: str = "", registered: bool = True, saves: Primitive | None = None,
        linear: bool | tuple[str, ...] = False, batch: Any = (),
    ) -> None:  # fmt: skip
        check_function(declared)
        code = declared.__code__
        count = code.co_argcount
        defaults = dict(zip(code.co_varnames[:count][::-1], (declared.__defaults__ or ())[::-1], strict=False))
        self.name = declared.__name__.replace("<lambda>", "lambda_")
        self.ufunc = computes if isinstance(computes, np.ufunc) else None  # computes all, or all but what is converted
        self.convert = convert
        forward = declared if computes is None else computes
        self.forward: Callable[..., Any] = forward
        if convert is not None:
            self.forward = lambda x, out=None: forward(convert(x)) if out is None else forward(convert(x), out)
        replayed = has_argument(forward, "out") and residuals <= has_argument(forward, "saved")
        self.takes_out = self.ufunc is not None or replayed
        self.arguments = tuple(x for x in code.co_varnames[:count] if x not in MEMORY or x not in defaults)
        named = count + code.co_kwonlyargcount
        self.static = tuple(x for x in code.co_varnames[count:named] if x not in MEMORY)
        # *xs: every further argument is of the last, variadic kind and shares one rule, which is told `which`.
        self.variadic = code.co_varnames[named] if code.co_flags & CO_VARARGS else None
        defaults |= declared.__kwdefaults__ or {}
        self.defaults = {k: v for k, v in defaults.items() if k in (*self.arguments, *self.static)}
        # a ufunc or kernel would take more, as `out`; defaults are put in at every call, for rules and loops
        size = len(self.arguments)
        self.strict = (computes is not None and self.variadic is None) or size < count or bool(self.defaults)
        self.count = -1 if self.defaults else size
        # a ufunc reads an element before it writes it; a function may write all of `out` and then read an argument
        over = over if over is not None else () if self.ufunc is None else tuple(range(size))
        self.over, self.loop, self.rows, self.check, self.slow, self.saves = over, loop, rows, check, slow, saves
        self.residuals, self.view, self.unbroadcast = residuals, view, unbroadcast if size > 1 else None
        self.differentiable, self.promote, self.modular = differentiable, promote if size > 1 else None, modular
        self.rules, self.tangents = dict[str, Rule](), dict[str, Rule]()
        ways = batch if isinstance(batch, tuple) else (batch,)
        self.linear, self.batch = linear, ways if loop is None else (*ways, "elements")
        self.unrecorded, self.unchecked = unrecorded, unchecked
        self.__doc__ = declared.__doc__
        self.__name__ = self.__qualname__ = declared.__name__
        self.__module__ = declared.__module__
        check_card(self)
        if not registered:
            return
        name, module = self.name, self.__module__
        if name in registry and module != "__main__":  # a notebook may run a cell twice
            known = registry[name].__module__
            raise TypeError(f"{known} has a primitive called {name}: give that of {module} another name")
        answers = answers or self.ufunc
        first = answering.get(answers, self)
        if registry.get(first.name) is first and (first.name, first.__module__) != (name, module):
            raise TypeError(f"{name}: np.{answers.__name__} is {first.name} already; a ufunc is one primitive")
        registry[name] = self
        if answers is not None:
            answering[answers] = self

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join(self.arguments)})>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)  # so that a primitive can serve as a method

    def element(self, static: dict[str, Any]) -> str:
        """Give the loop for these settings."""
        loop = self.loop(**static) if callable(self.loop) else self.loop or ""
        check_loop(self.name, loop, (*self.arguments, *self.static))
        return loop

    def vjp(self, argument: str) -> Callable[[Rule], Rule]:
        """Register the rule for one argument; its signature is checked here, at import."""
        return self.register(argument, "g", self.rules)

    def jvp(self, argument: str) -> Callable[[Rule], Rule]:
        """Register what the tangent t of one argument does to the result: in place of the vjp rule transposed."""
        return self.register(argument, "t", self.tangents)

    def register(self, argument: str, first: str, rules: dict[str, Rule]) -> Callable[[Rule], Rule]:
        """Make the decorator that checks a rule and keeps it."""

        def register(rule: Rule) -> Rule:
            more = ({"saved"} if self.residuals else set()) | ({"which"} if argument == self.variadic else set())
            if argument not in (*self.arguments, self.variadic):
                raise TypeError(f"{self.name}: there is no argument {argument} for which a rule could be")
            name = "g" if rule in self.rules.values() else first  # one rule for both if it is its own transpose
            check_rule(rule, self.name, (name, "out", *self.arguments), {*self.static}, more)
            rules[argument] = rule
            return rule

        return register

    def rule_at(self, position: int) -> tuple[Rule | None, dict[str, Any]]:
        """Find the rule for the argument at a position, and what it must be told besides."""
        if position < len(self.arguments):
            return self.rules.get(self.arguments[position]), NOTHING
        return self.rules.get(str(self.variadic)), {"which": position - len(self.arguments)}

    def __call__(self, *args: Any, **static: Any) -> Any:
        if self.strict and (len(args) != self.count or static and (not self.static or "out" in static)):
            args, static = self.completed(args, static)
        for x in args:
            if isinstance(x, Var):
                return self.on_variables(args, static)
        return self.on_arrays(args, static)

    def completed(self, args: tuple[Any, ...], static: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Put arguments that were given by name, or have a default, into their places, or say which there are."""
        given, rest = self.arguments[: len(args)], self.arguments[len(args) :]
        static = {k: v for k, v in self.defaults.items() if k not in given} | static
        other = static.keys() - {*self.static}
        if other == {*rest} and (len(args) <= len(self.arguments) or self.variadic):
            return (*args, *map(static.pop, rest)), static
        got = ", ".join([f"{len(args)} arguments", *sorted(other - self.defaults.keys())])
        expected = ", ".join([*self.arguments, *(f"{name}=" for name in self.static)])
        arrays = [x.array if isinstance(x, Var) else x for x in args[: len(self.arguments)]]
        raise self.explain(TypeError(f"takes ({expected}), got {got}."), arrays)

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
            return self.on_arrays(within(self.name, self.modular, error, args, list(args), static), static)
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
        residuals, forward = self.residuals, self.forward
        if residuals and not record and self.unrecorded is not None:
            residuals, forward = False, self.unrecorded
        try:
            out = forward(*arrays, **static)
        except OverflowError as error:  # a Python number beyond the dtype: again with what it is there
            return self.on_variables(within(self.name, self.modular, error, args, arrays, static), static)
        except Exception as error:
            explained = self.explain(error, arrays)
            note(explained, self.name, args)
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

    @classmethod
    def route(cls, call: Callable[..., Any]) -> None:
        """Have every call on Vars go another way, see through.py."""
        cls.on_variables = call  # type: ignore[method-assign]

    def explain(self, error: Exception, arrays: list[Any]) -> Exception:
        """Turn a failure of the forward function into an error that names the operation, shapes and module."""
        more = (f"{self.variadic}[{i}]" for i in range(len(arrays) - len(self.arguments)))
        return explained(self.name, error, dict(zip((*self.arguments, *more), arrays, strict=False)))


class Declaration:
    """What makes a function a primitive: the decorator, with a card."""

    def __init__(self, computes: Any, card: dict[str, Any]) -> None:
        self.computes, self.card = computes, card

    def __call__(self, declared: Rule) -> Primitive:
        return Primitive(declared, computes=self.computes, **self.card)

    def vjp(self, argument: str) -> Any:
        """Say what is missing: without parentheses the function itself was taken for what computes."""
        name = getattr(self.computes, "__name__", self.computes)
        raise TypeError(f"{name} has no declaration yet: write @primitive() or @elementwise() with parentheses")


def primitive(computes: Callable[..., Any] | None = None, **card: Any) -> Declaration:
    """Make a function of arrays a primitive. Array data is positional, metadata keyword-only; card: see Primitive."""
    return Declaration(computes, card)
