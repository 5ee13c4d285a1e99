"""Optimizers that are a formula: SGD, Adam and AdamW; adaptive.py has more.

A class says what it keeps of a parameter and by which formula (the language is that of kernels/update.py) it changes
both; everything else, the loop for numba too, follows from that. Read after optimizer.py.
"""

from __future__ import annotations

import textwrap
from operator import itemgetter
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array
from ..kernels import update as kernel
from ..tensors.tensor import Tensor
from .optimizer import UNUSED, Group, Optimizer, Params, State, check_at_least, settings

OTHERS = {*UNUSED, "maximize", "nesterov", "amsgrad", "centered", "decoupled_weight_decay", "betas", "etas",
          "step_sizes"}  # fmt: skip
# what p is changed by, before a formula
DIRECTION = """
if weight_decay: d = p * weight_decay - g if maximize else g + p * weight_decay
else: d = -g if maximize else g"""
DECOUPLED = "if weight_decay: p = p * (1 - lr * weight_decay)\nd = -g if maximize else g"
Betas: TypeAlias = tuple[float, float]
Flag: TypeAlias = bool | None
BETAS = (0.9, 0.999)
MOST = 64  # formulas kept for a class


class ByFormula(Optimizer):
    """Base of optimizers whose step is a formula for every number of a parameter."""

    formula: ClassVar[str]  # of p and the letters, given d: the gradient, with weight decay
    kept: ClassVar[dict[str, str]]  # letters of the formula, and what they are called in the state
    starts: ClassVar[dict[str, str]] = {}  # what begins as a setting, not as 0
    free: ClassVar[set[str]] = set()  # settings that may be any number
    _rules: ClassVar[dict[Any, tuple[kernel.Rule, list[str]]]]
    _last: ClassVar[Any]  # settings that were asked for last, and the formula for them
    _derived: ClassVar[Any] = None  # may compute what the formula wants beside settings, at step t
    in_loops = False  # whether numba may do it, in another rounding, and NumPy warns of infinities

    def __init__(self, params: Params, defaults: Group) -> None:
        self._names = ["decoupled_weight_decay"] if "decoupled_weight_decay" in defaults else []
        self._names += kernel.asked(f"{DIRECTION}\n{textwrap.dedent(self.formula)}")
        self.asked = itemgetter(*self._names)  # what a formula depends on
        super().__init__(params, defaults)

    def _extra(self, group: Group) -> State:
        """Make numbers in the state of a parameter."""
        return {}

    def check(self, group: Group) -> None:
        """Refuse settings out of range."""
        for name in (name for name in self.defaults if name not in OTHERS | self.free):
            check_at_least(self._name, 0, np.nextafter(1, 2) if name == "rho" else np.inf, **{name: group[name]})
        for i, beta in enumerate(group.get("betas", ())):
            check_at_least(self._name, 0, 1, **{f"beta{i + 1}": beta})

    def init_state(self, p: Tensor, group: Group) -> State:
        """Count the steps, and make the arrays."""
        names = [k for k in self.kept.values() if k not in self.optional or group[self.optional[k]]]
        first = {k: group.get(self.starts.get(k, ""), 0) for k in names}
        return {"step": 0, **self._extra(group)} | {k: np.full(p.shape, v, p.dtype) for k, v in first.items()}

    def adopted(self, saved: State) -> State:
        """Take PyTorch's state, which may count no steps or hold None."""
        kept = {k: v for k, v in saved.items() if v is not None}
        return kept if "step" in kept else {"step": len(kept), **kept}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._rules, cls._last = {}, (None, None)

    def rule(self, o: Group) -> tuple[kernel.Rule, list[str]]:
        """Give the formula for these settings, compiled, and the names of its arrays in the state."""
        asked, known = self.asked(o), self._last
        try:
            if asked == known[0]:  # a comparison costs less than a look-up
                return known[1]  # type: ignore[no-any-return]
            found = self._rules.get(asked) or self._written(o)
            if len(self._rules) > MOST:
                self._rules.clear()
            self._rules[asked], type(self)._last = found, (asked, found)
            return found
        except (TypeError, ValueError):  # a setting that is an array is no key
            return self._written(o)

    def settled(self, o: Group) -> Any:
        """Give what the formula depends on, to be compared with `asked` later; None if an array is part of it."""
        asked = self.asked(o)
        try:
            hash(asked)
        except TypeError:  # it may change in place
            return None
        return asked

    def _written(self, o: Group) -> tuple[kernel.Rule, list[str]]:
        kept = {k: v for k, v in self.kept.items() if v not in self.optional or o[self.optional[v]]}
        first = DECOUPLED if o.get("decoupled_weight_decay") else DIRECTION
        true, kind = frozenset(name for name in self._names if o[name]), type(self).__name__.lower()
        whole = f"{first}\n{textwrap.dedent(self.formula)}"
        return kernel.compiled(kind, whole, "".join(kept), true, self.in_loops), list(kept.values())

    def next_step(self, p: Any, state: State, group: Group) -> tuple[kernel.Rule, list[Array], tuple[float, ...]]:
        """Count a step, and give what it changes a parameter by: a formula, its arrays and its numbers."""
        state["step"] = t = state["step"] + 1
        if self._derived is not None and (derived := self._derived(group, t, state)):
            group = group | derived
        rule, names = self.rule(group)
        return rule, self._arrays(names, p, state) if names else [], rule.numbers(group, t)

    def next_steps(self, params: list[Any], group: Group, found: tuple[kernel.Rule, list[str]]) -> list[Any]:
        """Count a step of each of a group's parameters, whose formula is known; give each one's arrays and numbers.

        Where parameters have taken as many steps, and nothing else is asked for, they share the numbers.
        """
        (rule, names), derive, derived, last, steps = found, self._derived, None, -1, []
        for p in params:
            state = self.state.get(p) or self.state_of(p, group)
            state["step"] = t = state["step"] + 1
            if derive is not None:
                derived = derive(group, t, state)
                derive = derive if derived else None  # what asks for nothing does so for all of a group
            if derived or t != last:
                numbers, last = rule.numbers(group | derived if derived else group, t), t
            steps.append((self._arrays(names, p, state) if names else (), numbers))
        return steps

    def _arrays(self, names: list[str], p: Any, state: State) -> list[Array]:
        try:
            return [state[name] for name in names]
        except KeyError:  # one that was turned on after the first step
            return [state.setdefault(name, np.zeros(p.shape, p.dtype)) for name in names]

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Take one step."""
        rule, arrays, numbers = self.next_step(p, state, group)
        if p.size <= kernel.BLOCK:
            rule.change(p, g, *arrays, *numbers)
        else:
            kernel.by_blocks(lambda *blocks: rule.change(*blocks, *numbers), p, g, *arrays)

    def loop_name(self, group: Group) -> str:
        """Name the loop that does the next step of a group's parameters, if one may."""
        return self.rule(group)[0].name if self.in_loops else ""


class SGD(ByFormula):
    """Stochastic gradient descent.

    Math:
        d = g + weight_decay · p, with maximize -g;  v = momentum · v + (1 - dampening) · d  (v = d at first);
        p = p - lr · v, with Nesterov p - lr · (d + momentum · v), without momentum p - lr · d

    Source:
        Sutskever et al. 2013 for Nesterov's form; velocity in units of the gradient, as in PyTorch

    Example:
        >>> w = nn.Parameter(tg.tensor([1.0, 2.0]))
        >>> optimizer = tg.optim.SGD([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()  # w - lr · 2 w
        >>> w.tolist()
        [0.0, 0.0]
    """

    kept, optional = {"v": "momentum_buffer"}, {"momentum_buffer": "momentum"}
    free, in_loops = {"dampening"}, True
    formula = """
        if momentum:
            v = v * momentum + (d * share if dampening else d)
            p = p - d * lr - v * (lr * momentum) if nesterov else p - v * lr
        else:
            p = p - d * lr
    """

    def __init__(self, params: Params, lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
                 weight_decay: float = 0.0, nesterov: bool = False, *, maximize: bool = False, foreach: Flag = None,
                 differentiable: bool = False, fused: Flag = None) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse negative settings, and Nesterov without plain momentum."""
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError("SGD: nesterov needs momentum and no dampening.",
                                got=f"momentum = {group['momentum']}, dampening = {group['dampening']}",
                                expected="momentum > 0 and dampening = 0")  # fmt: skip

    def _derived(self, o: Group, t: int, state: State) -> Group:
        first = t == 1 or "momentum_buffer" not in state
        return {"share": 1 if first else 1 - o["dampening"]} if o["dampening"] else {}


class Adam(ByFormula):
    """Adam: every number gets a step of about lr, whatever the scale of its gradient.

    Math:
        m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)

    Args:
        weight_decay: added to the gradient as weight_decay · p
        amsgrad: the largest v so far in the place of v

    Source:
        Kingma & Ba 2015, Algorithm 1 (arXiv:1412.6980)

    Example:
        >>> model = nn.Linear(3, 1)
        >>> optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)
        >>> loss = model(tg.ones(8, 3)).square().mean()
        >>> optimizer.zero_grad()
        >>> loss.backward()
        >>> optimizer.step()
    """

    kept, optional = {"m": "exp_avg", "v": "exp_avg_sq", "w": "max_exp_avg_sq"}, {"max_exp_avg_sq": "amsgrad"}
    in_loops = True  # m / (√(v / r²) + ε) = r · m / (√v + r ε): one pass less
    formula = """
        m = m * beta1 + d * (1 - beta1)
        v = v * beta2 + d * d * (1 - beta2)
        if amsgrad: w = maximum(w, v)
        root = sqrt(1 - beta2**t)
        p = p - m / (sqrt(w if amsgrad else v) + eps * root) * (lr / (1 - beta1**t) * root)
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: Betas = BETAS, eps: float = 1e-8,
                 weight_decay: float = 0.0, amsgrad: bool = False, *, foreach: Flag = None, maximize: bool = False,
                 capturable: bool = False, differentiable: bool = False, fused: Flag = None,
                 decoupled_weight_decay: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))


class AdamW(Adam):
    """Adam with decoupled weight decay: in a step p shrinks by lr · weight_decay times itself, whatever its gradient.

    Math:
        p = p (1 - lr · weight_decay), then Adam's step: m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;
        p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)
    Args:
        lr: about the step that every number takes
        betas: β₁ and β₂, what is kept of the mean gradient and of the mean square
        eps: ε, which keeps the denominator from 0
        weight_decay: the share of p, times lr, that goes in each step; Adam's goes into the gradient instead
        amsgrad: the largest v so far in the place of v
        maximize: go up the gradient
    Source:
        Loshchilov & Hutter 2019, Algorithm 2 (arXiv:1711.05101)

    Example:
        >>> w = nn.Parameter(tg.tensor([1.0, -2.0]))
        >>> optimizer = tg.optim.AdamW([w], lr=0.1, weight_decay=0.5)
        >>> w.sum().backward()
        >>> optimizer.step()  # w (1 - 0.05), then 0.1 down
        >>> w.detach()
        tensor([ 0.85, -2.  ])
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: Betas = BETAS, eps: float = 1e-8,
                 weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: Flag = None,
                 capturable: bool = False, differentiable: bool = False, fused: Flag = None) -> None:  # fmt: skip
        super().__init__(decoupled_weight_decay=True, **settings(locals(), "params"))
