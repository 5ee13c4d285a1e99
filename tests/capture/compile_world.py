"""What a scenario of a compiled step is, and how it is judged: against the same function, run eagerly.

A scenario is source text, run afresh for each twin (so that both have state of their own), once at the level of a
module and once inside a function (closures). `change(k)` brings what the step reads to version k before a call; a
schedule says which version each call sees. The scenarios themselves are tables in compile_scenarios*.py.
"""

from __future__ import annotations

import itertools
import linecache
import random
import re
import sys
import textwrap
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import CaptureError

# Which version each call sees. The second call is the one that compares the plan with the function.
MOMENTS = {
    "never": (0, 0, 0, 0, 0, 0), "after call 1": (0, 1, 1, 1, 1, 1), "after call 2": (0, 0, 1, 1, 1, 1),
    "after call 3": (0, 0, 0, 1, 1, 1), "from call 3 on": (0, 0, 1, 2, 3, 4), "and back": (0, 0, 0, 1, 0, 1, 0),
}  # fmt: skip
PRELUDE = """
import array, builtins, collections, contextlib, contextvars, copy, dataclasses, enum, functools, io, itertools, json
import logging, math, operator, os, queue, random, string, sys, tempfile, threading, time, types, typing, uuid, warnings
import datetime, heapq, bisect, inspect, weakref
import numpy as np
import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
F = nn.functional
results = []  # of the calls so far: what a caller keeps, and may change
def val(k): return (2.0, 3.0, 5.0, 7.0, 11.0)[k]
"""


@dataclass(frozen=True)
class Scenario:
    """One step and what changes between its calls.

    `read` is a number that the step multiplies x by, or `body` is the whole step. A line `outer c` in the source
    stands for global or nonlocal. `look` is what both twins must agree on after each call besides the result. `must`:
    the step may not be refused; `refuse`: it has to be, since no second run gives the same. `plans` is how many plans
    the step keeps in the end; 0: one for each version that it saw. `undo` restores what both twins share.
    """

    name: str
    setup: str = ""
    read: str = "2.0"
    change: str = "pass"
    body: str = ""
    look: str = "None"
    args: str = "(x0,)"
    takes: str = "x"
    undo: str = "pass"
    must: bool = False
    refuse: bool = False
    plans: int | None = None

    def source(self, place: str) -> str:
        """Write the scenario's module."""
        body = self.body or f"return x * ({self.read})"
        parts = [
            "x0 = tg.tensor([1.0, 2.0, 3.0])", textwrap.dedent(self.setup).strip(),
            f"def step({self.takes}):\n" + indented(body), "def change(k):\n" + indented(self.change),
            f"def args(k):\n    return {self.args}", f"def look():\n    return {self.look}",
            "def undo():\n" + indented(self.undo),
        ]  # fmt: skip
        text = "\n".join(parts)
        if place == "closure":
            text = "def make():\n" + indented(text) + "\n    return step, change, args, look, undo\n"
            text += "step, change, args, look, undo = make()\n"
        word = "global" if place == "global" else "nonlocal"
        return PRELUDE + re.sub(r"^(\s*)outer ", rf"\1{word} ", text, flags=re.MULTILINE)


def indented(text: str) -> str:
    """Indent by one level."""
    return textwrap.indent(textwrap.dedent(text).strip("\n"), "    ")


class Twin:
    """A scenario's module of its own."""

    def __init__(self, scenario: Scenario, place: str, file: str) -> None:
        source = scenario.source(place)
        linecache.cache[file] = len(source), None, source.splitlines(True), file
        self.module = types.ModuleType("scenario")
        self.module.__file__ = file
        sys.modules["scenario"] = self.module  # where dataclasses and pickle look
        tg.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        exec(compile(source, file, "exec"), vars(self.module))

    def run(self, versions: tuple[int, ...], wrap: Any) -> list[Any]:
        """Call the step once per version; give what each call showed, and at a refusal its text as the last."""
        m: Any = self.module
        step, shown, now = wrap(m.step), [], 0
        try:
            for k in versions:
                if k != now:
                    m.change(k)
                now = k
                try:
                    m.results.append(step(*m.args(k)))
                    result = plain(m.results[-1])
                except CaptureError as error:
                    return [*shown, f"refused: {error}"]
                except Exception as error:
                    result = f"raised {type(error).__name__}: {error}"
                shown.append((result, plain(m.look())))
            self.plans = len(getattr(step, "order", ()))
        finally:
            m.undo()
            del sys.modules["scenario"]
        return shown


def plain(x: Any) -> Any:
    """Copy a result into something that compares bit by bit and by type."""
    if isinstance(x, tg.Tensor):
        return "tensor", plain(x.detach().numpy())
    if isinstance(x, np.ndarray | np.generic) and x.dtype != object:
        return x.dtype.str, x.shape, np.asarray(x).tobytes()
    if isinstance(x, Mapping):
        return type(x).__name__, [(plain(k), plain(v)) for k, v in x.items()]
    if isinstance(x, list | tuple):
        return type(x).__name__, [plain(v) for v in x]
    if isinstance(x, set | frozenset):
        return type(x).__name__, sorted(map(repr, x))
    return type(x).__name__, repr(x)


files = itertools.count()


def judge(scenario: Scenario, place: str, moment: str | tuple[int, ...]) -> str:
    """Run both twins. Gives "right", "refused", or what is wrong: "stale ...", "dropped ...", "crash ...", ..."""
    file = f"/scenarios/{next(files)}.py"
    versions = MOMENTS[moment] if isinstance(moment, str) else moment
    wanted = Twin(scenario, place, file).run(versions, lambda step: step) if not scenario.refuse else []
    twin = Twin(scenario, place, file)
    found = twin.run(versions, tg.compile)
    last = found[-1]
    for call, (want, got) in enumerate(zip(wanted, found, strict=False), 1):
        if isinstance(got, str):
            break
        if str(got[0]).startswith("raised") and not str(want[0]).startswith("raised"):
            return f"crash in call {call}: {got[0]}"
        if got[0] != want[0] and not (str(want[0]).startswith("raised") and str(got[0]).startswith("raised")):
            return f"stale in call {call}"
        if got[1] != want[1]:
            return f"dropped in call {call}"
    if not isinstance(last, str):
        if scenario.plans is not None and twin.plans != (scenario.plans or len(set(versions))):
            return f"{twin.plans} plans"
        return "right" if not scenario.refuse else "stale for good"
    if scenario.must:
        return f"refused in call {len(found)}, though it must not be: {last}"
    return "refused" if re.search(re.escape(file) + r":\d+", last) else f"refused without a line: {last}"
