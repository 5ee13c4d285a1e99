"""How a training is judged: when it is looked at, how figures are held against rules, and what is said once.

Knows neither `fit` nor loops: doctor.py tells it of steps and epochs. Read after symptom.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ...core.graph import Array, Var
from ...nn import Module
from ...optim import Optimizer
from .checkup import Checkup, deaf, joined, learns_but_knows_nothing
from .look import Look, look, norm, update_ratios
from .of_data import WrongStart
from .of_epochs import SYMPTOMS
from .rules import Rule
from .symptom import Course, Symptom, Verdict

EARLY, OFTEN, SELDOM = 80, 2, 100  # looks: every second one of the first 80 steps, then every 100th; half of them whole
CONSEQUENCES = "dead_relu", "vanishing", "rate_too_low", "constant_predictor"  # of a wrong start, among others
LONGEST = 32  # steps that may go by until an update, of gradients summed over batches
ALARMING, ALARMS = 3.0, 300  # a loss of so many times the first one is watched at every step, this many times


class Judge:
    """Looks at steps of one training and judges them.

    verdicts, hints: what was said; worst: the most alarming figure of each symptom; steps: how many are done
    """

    def __init__(self, rules: Mapping[str, Rule], off: Iterable[str], say: Callable[[str], Any]) -> None:
        self.rules, self.off, self.say = rules, frozenset(off), say
        self.symptoms: list[Symptom] = [kind(rules[kind.name]) for kind in SYMPTOMS if kind.name not in off]
        self.verdicts: list[Verdict] = []
        self.hints: list[Verdict] = []
        self.worst: dict[str, float] = {}
        self.steps = 0
        self.course: Course = Course()
        self.pending: Look | None = None  # of a step that is not done yet
        self.before: dict[str, Array] = {}  # weights before it, and their norms
        self.sizes: dict[str, float] = {}
        self.judged: dict[str, int] = {}  # the step of each symptom's latest figure
        self.streaks: dict[str, int] = {}
        self.alarmed, self.alarms, self.calm = False, 0, math.inf  # by a loss that is beyond what is calm
        self.sparing = False  # at compiled steps, which run as Python to be looked at, there are fewer looks, all whole

    def watch(self, model: Module, optimizer: Optimizer) -> None:
        """Begin with a model and its optimizer. Weights that start as zeros have no relative change to judge."""
        self.course.model, self.course.optimizer = model, optimizer  # beside what a checkpoint gave back
        self.parameters = [*model.named_parameters()]
        self.weights = [(n, p) for n, p in self.parameters if p.ndim > 1 and p.differentiable and p.array.any()]
        self.before = {name: np.empty_like(p.array) for name, p in self.weights}

    def due(self) -> bool:
        """Say whether the next step is looked at."""
        step = self.steps + 1
        often, seldom = (2 * OFTEN, 4 * SELDOM) if self.sparing else (OFTEN, SELDOM)
        usual = step % often == 1 if step <= EARLY else step % seldom == 0
        return self.pending is None and (self.alarmed or usual)

    def begin(self, loss: Var, outputs: Any, targets: Any, inputs: Any) -> Look:
        """Look at a step whose loss is there, and remember the weights."""
        step = self.steps + 1
        whole = self.alarmed or (step % (2 * OFTEN) == 1 if step <= EARLY else step % (2 * SELDOM) == 0)
        seen = self.pending = look(step, self.course.model, loss, outputs, targets, self.parameters, whole)
        seen.lr = self.course.lr
        if whole:
            for name, p in self.weights:
                np.copyto(self.before[name], p.array)
            self.sizes = {name: norm(p.array) for name, p in self.weights}
        self.whole = whole
        self.ticks = [p.version.tick for _, p in self.parameters]
        if inputs is not None and seen.labels is not None:
            self.course.batches.append((inputs, targets))
        return seen

    def finish(self, loss: float | None = None) -> None:
        """Judge the step that was looked at, now that it is done. loss: of the latest step."""
        course, seen = self.course, self.pending
        if seen is not None and (self.updated() or self.steps - seen.step >= LONGEST or seen.bad):
            self.pending = None
            if self.whole:
                seen.ratios = update_ratios(self.weights, self.before, self.sizes)
            course.first = course.first or seen
            course.looks.append(seen)
            course.epoch.append(seen)
            self.judge(seen, lambda symptom: symptom.take(seen, course))
            self.calm = ALARMING * abs(course.first.loss) or math.inf
        if loss is not None:  # at every step, so with few words
            self.alarmed = not -self.calm <= loss <= self.calm and self.alarms < ALARMS
            self.alarms += self.alarmed

    def updated(self) -> bool:
        """Tell whether weights have changed since the pending look."""
        return self.ticks != [p.version.tick for _, p in self.parameters]

    def end_epoch(self, train_loss: float, valid_loss: float | None) -> None:
        """Judge an epoch."""
        course = self.course
        course.rows.append((train_loss, valid_loss))
        last = course.looks[-1] if course.looks else Look(self.steps, train_loss)
        self.judge(last, lambda symptom: self.confirmed(symptom, symptom.epoch(course), course))
        course.epoch.clear()

    def judge(self, seen: Look, figure_of: Callable[[Symptom], float | None], only: str = "") -> None:
        """Ask each symptom for its figure; say the verdict of the first one whose figures were beyond long enough."""
        for symptom in self.symptoms:
            name, rule = symptom.name, symptom.rule
            if only not in ("", name) or seen.step <= rule.warm_up:
                continue
            if seen.step - self.judged.get(name, -rule.period) < rule.period:
                continue
            figure = figure_of(symptom)
            if figure is None:
                continue
            self.judged[name] = seen.step
            worst = self.worst.get(name, figure)
            self.worst[name] = max(worst, figure) if rule.above else min(worst, figure)
            beyond = figure > rule.limit if rule.above else figure < rule.limit
            self.streaks[name] = self.streaks.get(name, 0) + 1 if beyond else 0
            if self.streaks[name] >= rule.patience:
                if name in CONSEQUENCES:
                    self.blame_the_start(seen)
                self.speak(self.verdicts, symptom, figure, rule.limit, seen.step)
            elif symptom.hint is not None and figure > symptom.hint and not beyond:
                self.speak(self.hints, symptom, figure, symptom.hint, seen.step)

    def blame_the_start(self, seen: Look) -> None:
        """Say that the start was wrong before one of its consequences, if it was and nothing else was found."""
        start = next((s for s in self.symptoms if isinstance(s, WrongStart)), None)
        figure = start.figure(self.course) if start is not None and not self.verdicts else None
        if start is not None and figure is not None and figure > start.rule.limit:
            self.worst[start.name] = figure
            self.speak(self.verdicts, start, figure, start.rule.limit, seen.step)

    def speak(self, said: list[Verdict], symptom: Symptom, figure: float, limit: float, step: int) -> None:
        """Say a verdict, or a hint, unless it was said."""
        if any(v.name == symptom.name for v in (*said, *self.verdicts)):
            return
        seen, advice = symptom.told(self.course)
        rule, hint = symptom.rule, said is self.hints
        verdict = Verdict(symptom.name, step, seen, float(figure), limit, rule.above, advice, hint)
        said.append(verdict)
        self.say(str(verdict))

    def confirmed(self, symptom: Symptom, figure: float | None, course: Course) -> float | None:
        """Hold a suspicion of meaningless labels against trials, which cost time: zeroed inputs, a few samples."""
        if symptom.name != "shuffled_labels" or figure is None or figure >= symptom.rule.limit:
            return figure
        if any(v.name == symptom.name for v in self.verdicts):
            return None
        samples = joined([*course.batches])
        if not deaf(course.model, *samples):
            return None
        stuck = self.rules["stuck"]
        return figure if learns_but_knows_nothing(course.model, *samples, stuck.window, stuck.limit) else None

    def exact(self, model: Module, seen: Look, found: Checkup) -> list[Verdict]:
        """Judge a look at a model alone: what needs no steps, and whether a few samples were learned by heart."""
        self.course, rule = Course(model, first=seen), self.rules["stuck"]
        for symptom in self.symptoms:
            if symptom.rule.unit == "look" and (figure := symptom.take(seen, self.course)) is not None:
                self.worst[symptom.name] = figure
                if figure > symptom.rule.limit:
                    self.speak(self.verdicts, symptom, figure, symptom.rule.limit, 0)
        if "stuck" not in self.off and not found.wrong <= rule.limit:
            text = (f"after {found.steps} steps on {found.samples} samples {100 * found.wrong:.3g} % are wrong, with a "
                    f"loss of {found.last:.4g}")  # fmt: skip
            advice = "look for a layer without gradient, a loss that does not fit the outputs, labels out of order"
            self.verdicts.append(Verdict("stuck", 0, text, found.wrong, rule.limit, True, advice))
        return self.verdicts

    # ------------------------------------------------------------ what a checkpoint keeps

    def state_dict(self) -> dict[str, Any]:
        """Give what was said, and what a resumed training cannot see again; windows begin anew."""
        first = self.course.first
        start = None if first is None else [first.loss, first.classes, first.surprise]
        rows = [[t, math.nan if v is None else v] for t, v in self.course.rows]
        said = [v.state() for v in (*self.verdicts, *self.hints)]
        return {"steps": self.steps, "said": said, "worst": dict(self.worst), "start": start, "rows": rows,
                "judged": dict(self.judged)}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.steps, self.worst, self.judged = state["steps"], dict(state["worst"]), dict(state["judged"])
        said = [Verdict(**v) for v in state["said"]]
        self.verdicts = [v for v in said if not v.hint]
        self.hints = [v for v in said if v.hint]
        if (start := state["start"]) is not None:
            self.course.first = Look(1, start[0], classes=start[1], surprise=start[2])
            self.calm = ALARMING * abs(start[0]) or math.inf
        self.course.rows = [(t, None if math.isnan(v) else v) for t, v in state["rows"]]
