"""What stands between primitives and their calls on Vars while it is needed: vmap's batches, the search for NaN.

The way of all calls is exchanged, so that nothing is asked while nobody stands there. Look next at primitive.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .graph import Var
from .primitive import Primitive
from .scope import state

Handler = Callable[[Callable[..., Any], Primitive, Any, Any], Any]
PLAIN = Primitive.on_variables
_handlers: dict[object, Handler] = {}
_changing = threading.Lock()


def views(source: Var, axis: int) -> tuple[Any, ...] | None:
    """Make a Var of every position of an axis without a call for each, or None where calls are seen or recorded."""
    recorded = state.recorder is not None or (source.differentiable and state.recording)
    if recorded or Primitive.on_variables is not PLAIN:
        return None
    made = tuple(source.result_type.wrap(array) for array in np.moveaxis(source.array, axis, 0))
    for var in made:
        var.version = source.version
    source.version.share(source, *made)
    return made


@contextmanager
def calls_through(handler: Handler) -> Iterator[None]:
    """Have calls go through handler(what computes otherwise, primitive, args, static), in every thread."""
    key = object()
    try:
        _install(key, handler)
        yield
    finally:
        _install(key, None)


def _install(key: object, handler: Handler | None) -> None:
    with _changing:
        _handlers.pop(key, None)
        if handler is not None:
            _handlers[key] = handler
        call: Callable[..., Any] = PLAIN
        for each in dict.fromkeys(_handlers.values()):
            call = _through(each, call)
        Primitive.route(call)


def _through(handler: Handler, call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, args, static: handler(call, self, args, static)
