"""What a step must not do besides computing, because a replay would leave it out: print, ask the time, roll dice.

Knows no tensor. Look next at capture.py.
"""

from __future__ import annotations

import builtins
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import caller
from ..errors import CaptureError

PACKAGE = __name__.partition(".")[0] + "."
OUTSIDE = frozenset({print, input, open, time.time, time.time_ns, time.perf_counter, time.monotonic, time.process_time})
FILES = getattr(open, "__self__", None)
MAIN = {"__main__"}
DRAW_INSTEAD = "draw with tg.rand, tg.randn or dropout, or pass the number in"


def refused(what: str, hint: str = "", place: str = "") -> CaptureError:
    """Explain what cannot be compiled, naming the user's line."""
    return CaptureError(
        f"compile: {what} at {place or caller()} cannot be captured.",
        expected="a step whose course does not depend on the values of its tensors",
        hint=hint or "return the tensor from the step and look at it outside, or leave this step uncompiled",
    )


def watched(function: Callable[[], Any]) -> Any:
    """Call a function and refuse what it does and a replay would not.

    Garbage is not collected meanwhile: what that calls back is not the step's.
    """
    collecting, profiler = gc.isenabled(), sys.getprofile()
    try:
        gc.disable()
        if profiler is None:  # one that is running goes first
            sys.setprofile(refuse_calls)
        return function()
    finally:
        try:
            if profiler is None:
                sys.setprofile(None)
        finally:  # whatever comes after a call
            if collecting:
                gc.enable()


def refuse_calls(frame: Any, event: str, function: Any) -> None:
    """Refuse a call of one of Python's own functions; called before each, as a profiler is."""
    if event != "c_call" or str(frame.f_globals.get("__name__")).startswith(PACKAGE):
        return
    owner = getattr(function, "__self__", None)
    if owner is builtins or owner is time or owner is FILES:
        if function in OUTSIDE:
            raise refused(f"{function.__name__}()", "do it outside the step", line_of(frame))
    elif owner is not None and "random" in sys.modules and isinstance(owner, sys.modules["random"].Random):
        raise refused("a draw from Python's random", DRAW_INSTEAD, line_of(frame))
    elif owner is not None and function.__name__ == "write" and (owner is sys.stdout or owner is sys.stderr):
        raise refused("a message on the screen", "return the tensor from the step and show it outside", line_of(frame))


def line_of(frame: Any) -> str:
    """Name the user's line: the first one that is not Python's own."""
    own = frame
    while own is not None and str(own.f_globals.get("__name__")).partition(".")[0] in sys.stdlib_module_names - MAIN:
        own = own.f_back
    found = own or frame
    return f"{found.f_code.co_filename}:{found.f_lineno}"


def numpy_dice() -> tuple[bytes, int]:
    """Give the state of NumPy's global generator."""
    now = np.random.get_state(legacy=False)["state"]
    return now["key"].tobytes(), now["pos"]
