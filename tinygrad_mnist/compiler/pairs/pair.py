"""A forward pass and its backward, captured together: the plan of a compiled model.

Look next at pending.py.
"""

from __future__ import annotations

from typing import Any

from ...capture.guards.guard import Guard
from ...capture.step import Captured
from ...core.graph import Var
from ...tensors.tensor import Tensor
from ..compiled import Compiled, Plan
from .halves import Halves
from .trial import Layouts, Trial

MOST_WAYS = 8  # backward halves of a pair; the layouts that were asked for longest ago go first
MOST_CAPTURES = 16  # of one signature for the sake of layouts; what comes in yet another way runs the model once more


class Pair(Plan):
    """Plans of all halves, and what must hold for them. replay: of the forward half; None: run the model itself.

    asked: the layouts of cotangents that backwards came with; is_lacking: whether there is no half for one of them.
    """

    def __init__(self, model: Compiled, key: Any, guard: Guard, trial: Trial, step: Captured, halves: Any) -> None:
        super().__init__(step, guard, None if halves is None else halves.forward, [])
        self.model, self.key, self.trial, self.sample = model, key, trial, None
        self.asked: list[Layouts] = []
        self.is_lacking = False
        self.halves: Halves = halves
        self.modes = [(m, m.training) for m in model.function.modules()]  # type: ignore[attr-defined]
        if halves is None:
            return
        self.form, self.places = step.form[0], step.places[: len(trial.computed)]
        steps = self.replay.program.instructions
        self.written = [s.inputs[0].root.source for s in steps if s.name == "write"]
        self.generators = list({id(s.action[1]): s.action[1] for s in steps if s.name == "draw"}.values())
        states = [v.root.source for s in steps for v in s.values() if v.root.origin == "state"]
        self.states: list[Var] = list(dict.fromkeys([*states, *halves.states]))
        number = {t: i for i, t in enumerate(self.states)}
        for half in halves.backward.values():
            half.sources = [(kind, number[x] if kind == "state" else x) for kind, x in half.sources]
        self.reach = [[trial.targets[number] for number in reach] for reach in trial.reach]
        self.flags = [flag for place, flag in zip(self.places, trial.computed, strict=True) if place is None]

    def placed(self, computed: list[Var], tensors: list[Any]) -> list[Var]:
        """List the tensors of the result: those computed, arguments, and tensors from outside."""
        rest, given = iter(computed), [t if isinstance(t, Var) else Tensor.wrap(t) for t in tensors]
        return [next(rest) if p is None else given[p] if isinstance(p, int) else p for p in self.places]

    def asks(self, layouts: Layouts) -> None:
        """Note the layouts that a backward came with: the next call must know them."""
        if layouts not in self.asked:
            self.asked = [*self.asked, layouts][-MOST_WAYS:]
            captures = self.model.captures.get(self.key, 0)
            self.is_lacking |= layouts not in self.halves.backward and captures < MOST_CAPTURES

    def unlike(self, other: Plan) -> str:
        """Name what made another pair necessary."""
        return super().unlike(other) or "which outputs a backward starts from, or how their cotangents lie in memory,"

    def source(self) -> str:
        """Give the generated Python of all halves."""
        return "\n\n".join(half.source() for half in [self.replay, *(h.replay for h in self.halves.backward.values())])
