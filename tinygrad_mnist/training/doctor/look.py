"""One look at a step, between its loss and its backward pass: what the graph and the outputs tell, as plain numbers.

Every activation is read where the graph keeps it, so that nothing is computed twice. Knows no threshold and no verdict.
Look next at symptom.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.graph import Array, Node, Var, reachable
from ...nn import Module
from ...nn.layer import Layer
from ..metrics import as_array

BOUNDED = {"tanh": (-0.97, 0.97), "sigmoid": (0.01, 0.99)}  # beyond these a unit hardly passes a gradient
NORMALIZED = {"softmax", "sigmoid"}
NORMALIZING = {"cross_entropy", "log_softmax", "softplus"}  # what a loss begins with that takes raw outputs
MODAL = ("Dropout", "BatchNorm")  # in the names of layers that differ between training and evaluation

Named = list[tuple[str, Any]]  # parameters with their paths


@dataclass
class Look:
    """What was seen at one step."""

    step: int
    loss: float
    size: int = 0  # samples of the batch
    bad: str = ""  # where numbers stopped being finite
    reach: float | None = None  # largest absolute value that the first layer with weights was given
    twice: str = ""  # what was normalized before a loss that does it, too
    evaluating: list[str] = field(default_factory=list)  # layers in evaluation mode
    unreached: list[str] = field(default_factory=list)  # parameters that the loss does not depend on
    active: dict[str, Array] = field(default_factory=dict)  # of each relu, which units were above 0
    saturated: dict[str, float] = field(default_factory=dict)  # of each hidden tanh and sigmoid, the share of values
    classes: int = 0  # of a classification by raw outputs; else 0
    surprise: float = math.nan  # mean of -log of the share that the outputs give to the true class
    scores: Array | None = None  # the outputs themselves
    guesses: Array | None = None  # how often each class was predicted
    labels: Array | None = None  # and how often it was true
    ratios: dict[str, float] = field(default_factory=dict)  # norm(change)/norm(weights), when the step is done
    lr: float = math.nan
    again: bool | None = None  # whether gradients of an earlier step were added to

    @property
    def spread(self) -> float:
        """Standard deviation of an output over the samples, mean over classes."""
        return math.nan if self.scores is None else float(self.scores.std(axis=0).mean())


def look(
    step: int, model: Module, loss: Var, outputs: Any, targets: Any, parameters: Named | None = None,
    whole: bool = True,
) -> Look:  # fmt: skip
    """Read a step's graph, and if it is a whole look outputs and targets. parameters: of the model, if at hand."""
    parameters = [*model.named_parameters()] if parameters is None else parameters
    seen = Look(step, float(loss.array.reshape(-1)[0]) if loss.array.size == 1 else float(loss.array.mean()))
    nodes = reachable([loss.node]) if loss.node is not None else []
    read_graph(seen, nodes, model, parameters)
    seen.size = len(outputs.array) if isinstance(outputs, Var) and outputs.ndim else 0
    if whole and hasattr(targets, "shape") and seen.size:
        read_classes(seen, outputs.array, as_array(targets), {node.name for node in nodes})
    if not math.isfinite(seen.loss):
        seen.bad = first_bad(nodes, model)
    return seen


def read_graph(seen: Look, nodes: list[Node], model: Module, parameters: Named) -> None:
    """Walk from the loss to the inputs: activations, what is normalized twice, what is not reached."""
    reached: set[int] = set()
    first: Node | None = None  # the earliest call with parameters, as far as the walk has come
    for node in nodes:
        name = node.name
        if name == "relu" and node.out.ndim > 1:
            seen.active[label(node, seen.active)] = active(node.out)
        elif first is not None and name in BOUNDED:
            low, high = BOUNDED[name]
            inside = np.count_nonzero((node.out >= low) & (node.out <= high))
            seen.saturated[label(node, seen.saturated)] = 1 - inside / max(node.out.size, 1)
        elif first is None and name in NORMALIZING:
            if (source := through_views(node)) is not None and source.name in NORMALIZED:
                seen.twice = f"{source.where()} gives its result to {node.where()}, which normalizes it again"
        leaves = [p for p in node.parents if isinstance(p, Var)]
        if leaves:
            reached.update(map(id, leaves))
            first = node
    if seen.step == 1 and first is not None and "norm" not in first.name:
        given = [a for a, p in zip(first.args, first.parents, strict=True) if not isinstance(p, Var)]
        numbers = [a for a in given if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.size]
        seen.reach = max((max(float(a.max()), -float(a.min())) for a in numbers), default=None)
    seen.unreached = [n for n, p in parameters if p.differentiable and id(p) not in reached]
    if not model.training:
        modes = [(path, type(m).__name__) for path, m in model.named_modules() if modal(m)]
        seen.evaluating = [f"layer {path} ({kind})" if path else kind for path, kind in modes]


def modal(module: Module) -> bool:
    """Tell whether a layer differs between training and evaluation."""
    return any(word in type(module).__name__ for word in MODAL) or (isinstance(module, Layer) and module.trains)


def active(out: Array) -> Array:
    """Tell which units are above 0 for some sample; of images a unit is a channel, else what the last axis numbers."""
    if out.ndim != 4:
        return np.asarray(out.max(axis=tuple(range(out.ndim - 1))) > 0)
    found: Array = out[:4].max(axis=(0, 2, 3)) > 0  # nearly all are, so that few are looked for among all samples
    found[~found] = out[:, ~found].max(axis=(0, 2, 3)) > 0
    return found


def label(node: Node, known: dict[str, Any]) -> str:
    """Name a call, apart from others in the same module."""
    name = where = node.where()
    count = 1
    while name in known:
        count += 1
        name = f"{where} (call {count} from the end)"
    return name


def through_views(node: Node) -> Node | None:
    """Find the call whose values a call's first argument holds, perhaps in another shape."""
    parent = node.parents[0]
    while isinstance(parent, Node) and parent.primitive.view:
        parent = parent.parents[0]
    return parent if isinstance(parent, Node) else None


def read_classes(seen: Look, scores: Array, true: Array, names: set[str]) -> None:
    """Count predicted and true classes, where the outputs are raw ones of classes and the targets class numbers."""
    if scores.ndim != 2 or scores.shape[1] < 2 or scores.dtype.kind != "f":
        return
    if true.shape == scores.shape and true.dtype.kind == "f":
        true = true.argmax(1)
    if true.shape != scores.shape[:1] or true.dtype.kind not in "iu" or not {"cross_entropy", "log_softmax"} & names:
        return
    seen.classes = scores.shape[1]
    seen.surprise = surprise(scores, true)
    if math.isfinite(seen.surprise):
        seen.scores = scores
        seen.guesses = np.bincount(scores.argmax(1), minlength=seen.classes)
        seen.labels = np.bincount(true if true.min() >= 0 else true[true >= 0], minlength=seen.classes)


def surprise(scores: Array, true: Array) -> float:
    """Compute the mean cross-entropy of raw outputs, whatever loss is trained with (weights, smoothing, a sum)."""
    with np.errstate(all="ignore"):
        shifted = scores - scores.max(axis=1, keepdims=True)
        chosen = shifted[np.arange(len(true)), true]
        return float((np.log(np.add.reduce(np.exp(shifted), axis=1)) - chosen).sum()) / len(true)


def finite(x: Any) -> bool:
    """Tell whether an argument holds only finite numbers."""
    return not isinstance(x, np.ndarray) or x.dtype.kind != "f" or bool(np.isfinite(x).all())


def first_bad(nodes: list[Node], model: Module) -> str:
    """Name the first call that made numbers that are not finite, or what was not finite before."""
    bad = [name for name, p in model.named_parameters() if not finite(p.array)]
    if bad:
        return f"{bad[0]} holds numbers that are not finite: the gradient of an earlier step, or its update, overflowed"
    for node in reversed(nodes):
        if finite(node.out):
            continue
        if all(finite(x) for x in node.args):
            return f"{node.where()} is the first operation whose result is not finite; all that it was given is"
        return f"{node.where()} was given numbers that are not finite, by the batch"
    return "no operation of this step"


def update_ratios(weights: Named, before: dict[str, Array], sizes: dict[str, float]) -> dict[str, float]:
    """Compute norm(change)/norm(weights before); what was before is lost. sizes: the norms."""
    found = {}
    for name, p in weights:
        old, size = before[name], sizes[name]
        if old.shape == p.array.shape and size > 0:
            change = np.subtract(p.array, old, out=old)
            found[name] = norm(change) / size
    return found


def norm(x: Array) -> float:
    """Compute the root of the sum of squares; infinite if it overflows."""
    flat = x.reshape(-1)
    return float(np.sqrt(np.dot(flat, flat)))
