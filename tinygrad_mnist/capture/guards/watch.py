"""What a step calls while it is captured: pure functions pass, whatever a replay would leave out is refused.

Python tells a profiler of every call. Functions of the user's are reported to the guard, which finds out what they
read; calls of Python's and NumPy's own are looked up in pure.py. Knows no tensor. Look next at capture.py.
"""

from __future__ import annotations

import dis
import gc
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from ...core.backend import Generator, T
from ...core.calls import ANSWERING
from ...core.errors import CaptureError
from .bytecode import start_of
from .pure import OF_LIBRARIES, PYTHON, is_pure

ROOM = __name__.partition(".")[0]
PACKAGE = f"{ROOM}."
LAYERS = f"{PACKAGE}nn."
MACHINE = (f"{PACKAGE}kernels.", f"{PACKAGE}fast.")  # may look for processors, and keep machine code
STANDARD = sys.stdlib_module_names - {"__main__"}
LIBRARY = STANDARD | {"numpy", ROOM}
FILES = {"open", "write", "read"}  # what not even this package may do inside a step
DRAW_INSTEAD = "draw with tg.rand, tg.randn or dropout, or pass the number in"
OR_BESIDE = f"{DRAW_INSTEAD}; if another thread drew meanwhile, give that thread a generator of its own"
SEEDS = Generator.manual_seed.__code__
OUTSIDE = "do it outside the step, and pass in what it gives"
# what depends on settings, on who calls, or on a module's name: functions of Python and NumPy that only these may call
ASKING = {
    "numpy": {
        "seterr", "geterr", "seterrcall", "geterrcall", "setbufsize", "set_printoptions", "get_printoptions",
        "array_str", "array_repr", "array2string", "_array_str_implementation", "_array_repr_implementation",
    },
    ROOM: {"get_num_threads"},
    "inspect": {"currentframe", "stack", "getouterframes"},
    "importlib": {"import_module", "reload"},
}  # fmt: skip
RESUMED = 0x20 | 0x80 | 0x200  # flags of generators, coroutines, asynchronous generators
RETURNS = {dis.opmap.get(name) for name in ("RETURN_VALUE", "RETURN_CONST")}


def refused(what: str, hint: str = "", place: str = "") -> CaptureError:
    """Explain what cannot be compiled, naming the user's line."""
    return CaptureError(
        f"compile: {what} at {place or line_of(sys._getframe(1))} cannot be captured.",
        expected="a step whose course does not depend on the values of its tensors",
        hint=hint or "return the tensor from the step and look at it outside, or leave this step uncompiled",
    )


class Watch:
    """Follows one run of a step. runs, layer_runs: are told of the user's functions and of the layers that run."""

    def __init__(self, runs: Callable[..., None], layer_runs: Callable[..., None]) -> None:
        self.runs, self.layer_runs = runs, layer_runs
        self.seen: set[CodeType] = set()
        self.begun: dict[int, FrameType] = {}  # of the user's generators that the step began and that go on, by id
        self.refusal: CaptureError | None = None  # the step may have caught it

    def __call__(self, frame: FrameType, event: str, function: Any) -> None:
        """Look at one call, before it is made; a profiler's interface."""
        if self.refusal is not None:
            return
        try:
            if event == "c_call":
                self.calls(frame, function)
            elif event == "call":
                self.enters(frame)
            elif event == "return" and id(frame) in self.begun and frame.f_code.co_code[frame.f_lasti] in RETURNS:
                del self.begun[id(frame)]  # which would keep alive what its variables hold
        except CaptureError as error:
            if not is_importing(frame):
                self.refusal = error
                raise

    def enters(self, frame: FrameType) -> None:
        """Look at a function written in Python that is about to run, or a generator that goes on."""
        code = frame.f_code
        room = room_of(frame)
        if code.co_flags & RESUMED and room != ROOM and id(frame) not in self.begun:
            if frame.f_lasti > start_of(code):
                raise refused(f"an iterator that began before the step ({code.co_name})", OUTSIDE, line_of(frame))
            self.begun[id(frame)] = frame
        if code.co_name in ASKING.get(room, ()) and room_of(caller_of(frame)) not in LIBRARY:
            raise refused(f"{room}.{code.co_name.strip('_')}", OUTSIDE, line_of(frame))
        if code is SEEDS:
            raise refused("a new seed", "seed before the step", line_of(frame))
        if room in STANDARD:
            module = str(frame.f_globals.get("__name__"))
            trusted = room in PYTHON or module in PYTHON
            if not trusted and not maker_of(frame).startswith(PACKAGE):
                if module == "random":
                    raise refused("a draw from Python's random", DRAW_INSTEAD, line_of(frame))
                raise refused(f"a call of {module}.{code.co_qualname}", OUTSIDE, line_of(frame))
            return
        if code in self.seen:
            return
        self.seen.add(code)
        if room == ROOM:
            if str(frame.f_globals.get("__name__")).startswith(LAYERS):
                self.layer_runs(code, frame.f_globals)
        elif room != "numpy" and not is_importing(frame):
            self.runs(code, frame.f_globals)

    def calls(self, frame: FrameType, function: Any) -> None:
        """Look at a call of a function written in C."""
        if is_pure(function) and (function.__name__ not in OF_LIBRARIES or room_of(frame) in LIBRARY):
            return
        module = function.__module__ or type(getattr(function, "__self__", None)).__module__
        own = maker_of(frame)
        in_files = module in ("io", "_io", "posix", "nt") and function.__name__ in FILES
        if own.startswith(MACHINE) or (own.startswith(PACKAGE) and not in_files):
            return
        if room_of(frame) == "numpy" and module not in ("io", "_io", "posix", "nt", "time", "builtins"):
            return
        owner = getattr(function, "__self__", None)
        if room_of(frame) == "functools" and type(owner).__module__ == "_thread":  # its own locks
            return
        if "random" in str(module) or "random" in type(owner).__module__:
            whose = "NumPy's" if "numpy" in str(module) + type(owner).__module__ else "Python's"
            raise refused(f"a draw from {whose} random", DRAW_INSTEAD, line_of(frame))
        if owner is not None and function.__name__ == "write" and (owner is sys.stdout or owner is sys.stderr):
            hint = "return the tensor from the step and show it outside"
            raise refused("a message on the screen", hint, line_of(frame))
        hint = "do it outside the step" if function.__name__ in ("print", "open", "input") else OUTSIDE
        raise refused(f"{getattr(function, '__qualname__', function.__name__)}()", hint, line_of(frame))


def watched(function: Callable[[], T], watch: Watch) -> T:
    """Call a function and have all calls that it makes looked at; a profiler that is running waits.

    Garbage is not collected meanwhile: what that calls back is not the step's.
    """
    profiler: Any = sys.getprofile()
    collecting = gc.isenabled()
    try:
        gc.disable()
        if hasattr(profiler, "disable"):  # one of C's own kind
            profiler.disable()
        sys.setprofile(watch)
        result = function()
    except Exception as error:
        if watch.refusal is None or error is watch.refusal:
            raise
        raise watch.refusal from error  # which the step took for a failure
    finally:
        try:
            sys.setprofile(None)
            if hasattr(profiler, "enable"):
                profiler.enable()
            else:
                sys.setprofile(profiler)
        finally:  # whatever comes after a call
            if collecting:
                gc.enable()
    if watch.refusal is not None:
        raise watch.refusal
    return result


def is_importing(frame: FrameType | None) -> bool:
    """Tell whether a call is part of an import, which is done once: of finders of modules, or a module's own."""
    while frame is not None and frame.f_code is not watched.__code__:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def room_of(frame: Any) -> str:
    """Name the outermost package whose code runs in a frame; what Python writes for a named tuple is its own."""
    room = str(frame.f_globals.get("__name__")).partition(".")[0]
    return "collections" if room.startswith("namedtuple_") else room


def caller_of(frame: FrameType) -> FrameType | None:
    """Give the frame that called, and not the one that answers for arguments that do not fit."""
    back = frame.f_back
    return back.f_back if back is not None and back.f_code is ANSWERING else back


def maker_of(frame: FrameType | None) -> str:
    """Name the module that made a call, be it through the standard library."""
    while frame is not None and room_of(frame) in STANDARD:
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_globals.get('__name__')}."


def line_of(frame: Any) -> str:
    """Name the user's line: the first one that is neither Python's own nor NumPy's."""
    own = frame
    # rooms without a name, and code made of a text, are nobody's
    while own is not None and (room_of(own) in LIBRARY | {"None"} or own.f_code.co_filename == "<string>"):
        own = own.f_back
    found = own or frame
    return f"{found.f_code.co_filename}:{found.f_lineno}"
