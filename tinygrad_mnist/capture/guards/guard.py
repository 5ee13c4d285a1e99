"""What a plan takes for granted, told of every function that runs while its step is captured.

Look next at watch.py, which tells.
"""

from __future__ import annotations

import gc
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from .bytecode import line_naming, line_of_attribute, line_of_value, names_in
from .things import progress
from .walk import Walk
from .watch import refused

SCOPES = frozenset({"f_globals", "f_locals", "f_builtins", "__globals__"})  # through which every variable is reached


class Guard(Walk):
    """The facts of one plan."""

    def runs(self, code: CodeType, outside: dict[str, Any]) -> None:
        """Note that a function of the user's is about to run."""
        self.ran.add(code)
        for name in SCOPES & frozenset.union(*names_in(code)):
            raise refused(f"the use of {name}", "name the variable itself", line_naming(code, name, True))
        if code in self.codes:
            return
        if not any(code in outer.co_consts for outer in self.ran):  # reached in a way that was not foreseen
            for function in gc.get_referrers(code):
                if isinstance(function, FunctionType):
                    self.reach(function, code.co_name)
        self.reach_code(code, outside)
        self.explore()

    def layer_runs(self, code: CodeType, outside: dict[str, Any]) -> None:
        """Note that a layer of this package is about to run: the functions that it calls may be replaced, too."""
        read, words, _ = names_in(code)
        for name in read & outside.keys():
            functional = vars(outside[name]) if isinstance(outside[name], ModuleType) else {}
            if str(functional.get("__name__")).endswith(".functional"):
                for word in words & functional.keys() - {"__name__"}:
                    self.expect(f"{self.refer(functional)}[{word!r}]", functional[word], f"{name}.{word}")

    def not_to_be_compared(self) -> tuple[str, str] | None:
        """Name something that the code which ran names, and of which nobody can tell whether it has changed; and where.

        What no code names is an argument, or inside one.
        """
        for thing, label in self.unsafe:
            if thing is np.random and label == "np.random":
                alias = self.labels.get(id(np), "np")
                lines = [line_of_attribute(code, alias, "random") for code in self.ran]
                if any(lines):
                    return label, max(lines)
                continue
            named, elsewhere = (
                any(line_naming(code, word_of(label), self.dynamic) for code in codes)
                for codes in (self.ran, self.codes)
            )
            moved = self.progress.get(id(thing)) != progress(thing)
            watched = self.guessed_at(label) or (not elsewhere and id(thing) in self.progress)
            if named or (moved if watched else not elsewhere):
                return f"{label}, a {type(thing).__name__}", self.place_of(label)
        for label in self.impure:  # a call from code written in C is told to no profiler
            line = next(filter(None, (line_of_value(code, word_of(label)) for code in self.ran)), "")
            if line and "[" not in label:
                return f"{label} as a value", line
        return None

    def guessed_at(self, label: str) -> bool:
        """Tell whether a thing is, or is inside, an attribute that no code names: it may be read, but hardly is."""
        parts = [i for i, c in enumerate(label) if c in ".["]
        return any(label[:i] in self.guessed for i in [*parts, len(label)])

    def place_of(self, label: str) -> str:
        """Find the line, of those that ran, which names a thing reached."""
        lines = (line_naming(code, word_of(label), self.dynamic) for code in self.ran)
        return next(filter(None, lines), self.home)


def word_of(label: str) -> str:
    """Give the last name in a label: `config.layers[0]` is read where code says `layers`."""
    return label.removeprefix("an item of ").partition("[")[0].rpartition(".")[2]
