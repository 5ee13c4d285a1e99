"""`detect_anomaly`: stop at the first operation, or rule, that makes a value that is not finite.

While it is on, every call on tensors and every gradient is looked at, and Nodes keep the line that made them; while it
is off nothing is asked. Look next at core/through.py and core/engine.py (Checks).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.engine import RAW, Checks, Way
from ..core.errors import AnomalyError
from ..core.explain import caller
from ..core.failure import note
from ..core.faults import argument
from ..core.graph import Node, Var
from ..core.lines import Lines, record_lines
from ..core.primitive import Primitive
from ..core.scope import state
from ..core.through import calls_through


def described(x: Any) -> str:
    """Tell shape, dtype and the range of the values."""
    if not isinstance(x, np.ndarray):
        return repr(x)
    text = f"{x.shape} {x.dtype}"
    if not x.size:
        return text
    finite = x[np.isfinite(x)] if x.dtype.kind == "f" else x
    text += f" from {finite.min():.4g} to {finite.max():.4g}" if finite.size else ""
    bad = [f"{count} {what}" for what, count in (("NaN", np.isnan(x).sum()), ("infinite", np.isinf(x).sum())) if count]
    return f"{text}, {' and '.join(bad)} of {x.size}" if bad else text


def bad(x: Any, sources: Any) -> str:
    """Name what is wrong with a value: NaN, or infinity out of finite numbers alone."""
    if not isinstance(x, np.ndarray | float | np.floating) or np.asarray(x).dtype.kind != "f" or np.isfinite(x).all():
        return ""
    if np.isnan(x).any():
        return "NaN"
    numbers = (s for s in sources if isinstance(s, np.ndarray | float | int | np.generic))
    return "infinity" if all(np.isfinite(s).all() for s in numbers) else ""


def bare(x: Any) -> Any:
    """Give the array of a tensor; of a batch, whose values stay hidden, the tensor."""
    return x.array if isinstance(x, Var) and not hasattr(x, "value") else x


def checked(plain: Callable[..., Any], p: Primitive, args: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """Compute, and look at the result."""
    out = plain(p, args, static)
    value = getattr(out, "value", out)
    arrays = [*map(bare, args)]
    what = "" if hasattr(value, "value") else bad(value.array, [*arrays, *static.values()])
    if what:
        error = AnomalyError(
            f"{p.name}: the result has {what}, at {caller()}.",
            got="; ".join(f"{n} {described(x)}" for n, x in zip(_names(p, len(arrays)), arrays, strict=True)),
            expected="finite values",
            hint="a value that is not finite was given in" if what == "NaN" and _given(arrays) else "",
        )
        error.where = "" if state.scope is None else state.scope.within()
        note(error, p.name, args)
        raise error
    return out


def _given(arrays: list[Any]) -> bool:
    return any(isinstance(x, np.ndarray) and x.dtype.kind == "f" and not np.isfinite(x).all() for x in arrays)


def _names(p: Any, count: int) -> list[str]:
    return [str(argument(p, i)) for i in range(count)]


@dataclass
class Place:
    """Which recorded call it was."""

    name: str
    index: int


class Checked(Way):
    """A way whose gradients are looked at."""

    def __init__(self, way: Way) -> None:
        self.way, self.create_graph = way, way.create_graph
        self.begins, self.add, self.deposit, self.ends = way.begins, way.add, way.deposit, way.ends  # type: ignore[method-assign]

    def is_new(self, node: Node, position: int, g: Any, gx: Any) -> bool:
        """Look at what a rule gave."""
        raw, got = bare(gx), bare(g)
        what = bad(np.asarray(raw) if isinstance(raw, np.generic) else raw, [got, *node.args])
        if what:
            name = argument(node.primitive, position)
            names = _names(node.primitive, len(node.args))
            values = [f"{n} {described(x)}" for n, x in zip(names, node.args, strict=True)]
            error = AnomalyError(
                f"{node.where()}: the gradient of {name} has {what}; it was computed at "
                f"{Lines.of.get(node.index, 'a line that was not noted: turn detection on before the forward pass')}.",
                got="; ".join([f"cotangent {described(got)}", f"out {described(node.out)}", *values]),
                expected="finite values",
            )
            error.node = Place(node.name, node.index)
            raise error
        return False if self.way is RAW else self.way.is_new(node, position, g, gx)


class set_detect_anomaly:
    """Look for values that are not finite from now on, or not; as a context, inside it alone."""

    running: ExitStack | None = None

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = is_anomaly_enabled()
        _turn(bool(mode) and check_nan)

    def __enter__(self) -> None:
        """It is on, or off, already."""

    def __exit__(self, *exception: Any) -> None:
        _turn(self.before)


class detect_anomaly(set_detect_anomaly):
    """Raise AnomalyError at the first operation or gradient that is not finite: which, where, and out of what.

    Slow: for looking for a mistake. Compiled functions run as they are meanwhile.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        super().__init__(True, self.check_nan)


def _turn(on: bool) -> None:
    running = set_detect_anomaly.running
    if on == is_anomaly_enabled():
        return
    if running is not None:
        running.close()
        return
    stack, plainly = ExitStack(), state.plainly

    def restore() -> None:
        state.plainly, Checks.around, set_detect_anomaly.running = plainly, None, None

    stack.callback(restore)
    stack.enter_context(record_lines())
    stack.enter_context(calls_through(checked))
    state.plainly, Checks.around, set_detect_anomaly.running = True, Checked, stack


def is_anomaly_enabled() -> bool:
    """Tell whether values are looked at now."""
    return set_detect_anomaly.running is not None
