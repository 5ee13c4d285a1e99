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
    spread: float = math.nan  # standard deviation of an output over samples, mean over classes
    guesses: Array | None = None  # how often each class was predicted
    labels: Array | None = None  # and how often it was true
    ratios: dict[str, float] = field(default_factory=dict)  # norm(change)/norm(weights), when the step is done
    lr: float = math.nan
    again: bool | None = None  # whether gradients of an earlier step were added to


def look(step: int, model: Module, loss: Var, outputs: Any, targets: Any) -> Look:
    """Read a step's graph, outputs and targets."""
    seen = Look(step, float(loss.array.reshape(-1)[0]) if loss.array.size == 1 else float(loss.array.mean()))
    nodes = reachable([loss.node]) if loss.node is not None else []
    read_graph(seen, nodes, model)
    read_classes(seen, outputs, targets, {node.name for node in nodes})
    if not math.isfinite(seen.loss):
        seen.bad = first_bad(nodes, model)
    return seen


def read_graph(seen: Look, nodes: list[Node], model: Module) -> None:
    """Walk from the loss to the inputs: activations, what is normalized twice, what is not reached."""
    reached: set[int] = set()
    first: Node | None = None  # the earliest call with parameters, as far as the walk has come
    for node in nodes:
        name = node.name
        if name == "relu" and node.out.ndim > 1:
            seen.active[label(node, seen.active)] = node.out.max(axis=samples_axes(node.out)) > 0
        elif first is not None and name in BOUNDED:
            low, high = BOUNDED[name]
            inside = np.count_nonzero((node.out >= low) & (node.out <= high))
            seen.saturated[label(node, seen.saturated)] = 1 - inside / max(node.out.size, 1)
        elif first is None and name in NORMALIZING:
            if (source := through_views(node)) is not None and source.name in NORMALIZED:
                seen.twice = f"{source.where()} gives its result to {node.where()}, which normalizes it again"
        parameters = [p for p in node.parents if isinstance(p, Var)]
        if parameters:
            reached.update(map(id, parameters))
            first = node
    if seen.step == 1 and first is not None and "norm" not in first.name:
        given = [a for a, p in zip(first.args, first.parents, strict=True) if not isinstance(p, Var)]
        numbers = [a for a in given if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.size]
        seen.reach = max((max(float(a.max()), -float(a.min())) for a in numbers), default=None)
    seen.unreached = [n for n, p in model.named_parameters() if p.differentiable and id(p) not in reached]
    if not model.training:
        seen.evaluating = [f"{path} {type(m).__name__}".strip() for path, m in model.named_modules() if modal(m)]


def modal(module: Module) -> bool:
    """Tell whether a layer differs between training and evaluation."""
    return any(word in type(module).__name__ for word in MODAL) or (isinstance(module, Layer) and module.trains)


def samples_axes(out: Array) -> tuple[int, ...]:
    """Name the axes that are no units: of images all but the channels, else all but the last."""
    return (0, 2, 3) if out.ndim == 4 else tuple(range(out.ndim - 1))


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


def read_classes(seen: Look, outputs: Any, targets: Any, names: set[str]) -> None:
    """Count predicted and true classes, where the outputs are raw ones of classes and the targets class numbers."""
    if not isinstance(outputs, Var) or outputs.ndim < 1:
        return
    scores, true = outputs.array, as_array(targets) if hasattr(targets, "shape") else None
    seen.size = len(scores)
    if true is None or scores.ndim != 2 or scores.shape[1] < 2 or not scores.size or scores.dtype.kind != "f":
        return
    if true.shape == scores.shape and true.dtype.kind == "f":
        true = true.argmax(1)
    if true.shape != scores.shape[:1] or true.dtype.kind not in "iu" or not {"cross_entropy", "log_softmax"} & names:
        return
    seen.classes = scores.shape[1]
    seen.surprise = surprise(scores, true)
    if math.isfinite(seen.surprise):
        centred = scores - scores.mean(axis=0)
        seen.spread = float(np.sqrt(np.square(centred).mean(axis=0)).mean()) if len(scores) > 1 else math.nan
        seen.guesses = np.bincount(scores.argmax(1), minlength=seen.classes)
        seen.labels = np.bincount(true[(true >= 0) & (true < seen.classes)], minlength=seen.classes)


def surprise(scores: Array, true: Array) -> float:
    """Compute the mean cross-entropy of raw outputs, whatever loss is trained with (weights, smoothing, a sum)."""
    with np.errstate(all="ignore"):
        shifted = scores - scores.max(axis=1, keepdims=True)
        chosen = shifted[np.arange(len(true)), np.clip(true, 0, scores.shape[1] - 1)]
        return float((np.log(np.exp(shifted).sum(axis=1)) - chosen).mean())


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


def update_ratios(weights: list[tuple[str, Any]], before: dict[str, Array]) -> dict[str, float]:
    """Compute norm(change)/norm(weights before) of each layer's weights; of those that were 0 nothing."""
    found = {}
    for name, p in weights:
        old = before.get(name)
        if old is None or old.shape != p.array.shape:
            continue
        change, size = np.subtract(p.array, old).reshape(-1), old.reshape(-1)
        norm = math.sqrt(float(np.dot(size, size)))
        if norm > 0:
            moved = float(np.dot(change, change))
            found[name] = math.sqrt(moved) / norm if moved >= 0 else math.nan
    return found
