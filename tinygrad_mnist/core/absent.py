"""What a room answers when it is asked for a name or an argument that it has not: PyTorch's, or a slip.

Looked up when the error is shown, not when it is raised: hasattr() and pickle ask modules for all sorts of names.
Knows the rooms by name only. The list of names is torch_names.py, written by tests/absent_names.py.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from .calls import answer
from .errors import AbsentError, AbsentImportError

PACKAGE = __name__.partition(".")[0]
ROOMS = {
    "": "", "Tensor": "Tensor", "nn": "nn",
    "nn.functional": "nn.functional", "optim": "optim", "optim.lr_scheduler": "optim.lr_scheduler",
    "data": "utils.data", "autograd": "autograd", "func": "func", "nn.utils": "nn.utils",
    "nn.utils.rnn": "nn.utils.rnn", "nn.init": "nn.init", "linalg": "linalg", "utils": "utils",
    "optim.swa_utils": "optim.swa_utils", "autograd.functional": "autograd.functional",
    "autograd.forward_ad": "autograd.forward_ad",
    "datasets": "vision.datasets", "transforms": "vision.transforms",
}  # fmt: skip  # ours: PyTorch's


def absent(module: str, later: dict[str, str] | None = None) -> Callable[[str], Any]:
    """Make the `__getattr__` of a room, at its end; have its functions and classes explain what they refuse, too.

    Args:
        later: by module, names in it that most programs do not need: it is loaded when the first one is asked for
    """
    room = vars(sys.modules[module])
    answer(room, room.get("__all__") or sorted(own(sys.modules[module])))
    places = {name: place for place, names in (later or {}).items() for name in names.split()}
    if places:
        room["__dir__"] = lambda: sorted({*vars(sys.modules[module]), *places})

    def look_up(name: str) -> Any:
        if name in places:
            room = vars(sys.modules[module])  # not the outer function's: captured steps walk over what a closure holds
            found = importlib.import_module(places[name], module if "__path__" in room else PACKAGE)
            room[name] = found if found.__name__ == f"{module}.{name}" else vars(found)[name]
            answer(room, [name])
            return room[name]
        if not name.startswith("_") and f"{module}.{name}" not in sys.modules and importing():
            problem, hint = explained(module, name)
            raise AbsentImportError(problem, hint=hint)
        error = AbsentError(f"module {module!r} has no attribute {name!r}")
        error.name = name
        if not name.startswith("_"):
            error.explain = lambda: explained(module, name)
        raise error

    return look_up


class Missing:
    """A method of PyTorch's that Tensor has not, for all that ask: a `__getattr__` would slow every attribute down."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, x: Any, owner: type) -> Any:
        error = AbsentError(f"{owner.__name__!r} object has no attribute {self.name!r}")
        error.name, error.obj = self.name, x
        error.explain = lambda: explained("Tensor", self.name)
        raise error


def missing(kind: type) -> None:
    """Have a class answer for the methods that it has not, but not list them."""
    here = set(dir(kind))
    names = [n for n in importlib.import_module(".torch_names", __package__).NAMES["Tensor"].split() if n not in here]
    for name in names:
        setattr(kind, name, Missing(name))
    kind.__dir__ = lambda x: here | {*getattr(x, "__dict__", ())}  # type: ignore[method-assign, assignment, misc]


def importing() -> bool:
    """Tell whether it is a `from ... import` that asks: it would put its own words for an AttributeError's."""
    frame = sys._getframe(2)
    while frame.f_code.co_name == "__getattr__" and frame.f_back is not None:
        frame = frame.f_back
    return bool(frame.f_code.co_code[frame.f_lasti] == importlib.import_module("opcode").opmap["IMPORT_FROM"])


def explained(module: str, name: str) -> tuple[str, str]:
    """Say what is the matter with a name, and what may have been meant."""
    room = module.removeprefix(PACKAGE).removeprefix(".").removeprefix("functions.")
    known = importlib.import_module(".torch_names", __package__)
    whole = spelled(room, name)
    there = {r: names_of(r) for r in {**ROOMS, room: room}}
    wanted, theirs = known.ALTERNATIVES.get(whole, ""), name in known.NAMES.get(room, "").split()
    if not wanted:
        same = [spelled(r, name) for r in ROOMS if name in there[r]]
        alike = {n.lower(): n for n in sorted(there[room])}
        near = 0.85 if theirs else 0.75  # PyTorch's own names are no slips
        close = importlib.import_module("difflib").get_close_matches(name.lower(), alike, 2, near)
        wanted = " or ".join(same or [spelled(room, alike[n]) for n in close])
    if not theirs:
        return f"{room or 'tg'} has no {name!r:.60}.", wanted
    if whole in known.ALTERNATIVES:
        return f"{whole} is not here yet; {wanted} is.", ""
    return f"{whole} is PyTorch's, and not here yet.", wanted


def names_of(room: str) -> set[str]:
    """List the public names of a room."""
    package = sys.modules[PACKAGE]
    if room == "Tensor":
        return {n for n in dir(package.Tensor) if n[0] != "_" and not isinstance(vars(package.Tensor).get(n), Missing)}
    here = sys.modules.get(f"{PACKAGE}.{room}".rstrip("."))
    return {*getattr(here, "__all__", ())} or own(here)


def own(room: Any) -> set[str]:
    """List the public functions and classes that a file defines."""
    name = getattr(room, "__name__", None)
    return {n for n, x in getattr(room, "__dict__", {}).items() if n[0] != "_" and getattr(x, "__module__", "") == name}


def spelled(room: str, name: str) -> str:
    """Write a name as it is used."""
    return f"{room or 'tg'}.{name}".removesuffix(".")
