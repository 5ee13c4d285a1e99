"""`TensorBoard`: a training for TensorBoard to show: figures, histograms of the weights, the graph of the model.

tensorboardX (extra `tensorboard`) writes the files, and is loaded when a callback is made. Knows no format. Read after
callbacks.py and watch.py.
"""

from __future__ import annotations

import importlib
import os
import re
from typing import Any

import numpy as np

from ..core.errors import MissingDependencyError
from ..core.files import output_folder, output_path
from ..core.graph import Node, Var, reachable
from ..core.scope import Scope
from ..optim.schedule import check_whole
from .callbacks import Callback, Training
from .watch import watches


class TensorBoard(Callback):
    """Write a training for `tensorboard --logdir <folder of log_dir>`: a folder for each run, which a new one replaces.

    Scalars: loss/batch and lr every few batches; loss/train, loss/valid, accuracy/valid, ... after each epoch.
    Histograms: parameters/... and gradients/... after each epoch. Graph: the operations of the first batch's forward
    pass inside their modules. The step of everything is the number of a batch, from 0 (after an epoch its last); a
    resumed run goes on there, and what was written after its checkpoint is replaced.

    Args:
        log_dir: the folder
        every: batches from one loss to the next
        histograms, graph: False leaves them out
    Raises:
        MissingDependencyError: without tensorboardX
        OutputError: when the training starts, if nothing can be written
    """

    def __init__(
        self, log_dir: str | os.PathLike[str], every: int = 10, histograms: bool = True, graph: bool = True
    ) -> None:
        check_whole("TensorBoard", every=every)
        try:
            importlib.import_module("tensorboardX")  # optional, and slow to import
        except ImportError:
            what = "TensorBoard: its files are written by tensorboardX, which is not installed."
            raise MissingDependencyError(what, hint="pip install tensorboardX") from None
        self.log_dir = output_path(log_dir, "TensorBoard")
        self.every, self.histograms, self.graph = every, histograms, graph
        self.writer: Any = None
        self.reset()

    def reset(self) -> None:
        """Forget an earlier training."""
        self.batches = 0

    def on_start(self, run: Training) -> None:
        """Begin a file."""
        output_folder(self.log_dir)
        kind = importlib.import_module("tensorboardX").SummaryWriter
        suffix = f".{self.batches}"  # two runs in one second have two files, if one goes on from the other
        self.writer = kind(str(self.log_dir), purge_step=self.batches, filename_suffix=suffix)

    def on_batch_start(self, run: Training) -> None:
        """Watch the first batch for its graph."""
        if self.graph and not self.batches:
            watches.begin(self.seen)

    def seen(self, scope: Scope, args: Any, out: Any) -> None:
        """Write the graph of what the model gave."""
        first = out[0] if isinstance(out, tuple | list) and out else out
        if scope.parent is None and isinstance(first, Var) and first.node is not None:
            watches.end(self.seen)
            self.writer.file_writer.add_onnx_graph(graph_of(first.node, scope, args))  # as it calls any GraphDef

    def on_batch_end(self, run: Training) -> None:
        """Write the loss now and then."""
        watches.end(self.seen)
        if self.batches % self.every == 0:
            self.writer.add_scalar("loss/batch", run.loss, self.batches)
            self.writer.add_scalar("lr", float(run.optimizer.param_groups[0]["lr"]), self.batches)
        self.batches += 1

    def on_epoch_end(self, run: Training) -> None:
        """Write the row of the history, and what weights and gradients are like."""
        for column, value in run.history[-1].items():
            part, _, name = column.partition("_")
            tag = f"{name}/{part}" if part in ("train", "valid") and name else column
            self.writer.add_scalar(tag if tag != "lr" else "lr/epoch", value, self.batches - 1)
        for name, p in run.model.named_parameters() if self.histograms else ():
            for kind, x in (("parameters", p), ("gradients", p.gradient)):
                if x is not None and x.array.size and np.isfinite(x.array).all():
                    self.writer.add_histogram(f"{kind}/{name}", x.array.astype(np.float64), self.batches - 1)
        self.writer.flush()

    def on_end(self, run: Training) -> None:
        """Close the file."""
        watches.end(self.seen)
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def state_dict(self) -> dict[str, Any]:
        """Give the number of batches."""
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue."""
        self.batches = int(state_dict["batches"])


def graph_of(root: Node, scope: Scope, given: Any) -> Any:
    """Describe the operations that a result depends on: modules are the folders of their names. given: to the model.

    Source:
        tensorflow/core/framework/graph.proto, in the classes that tensorboardX has of it
    """
    proto = {n: importlib.import_module(f"tensorboardX.proto.{n}_pb2") for n in ("graph", "attr_value", "tensor_shape")}
    graph, names, taken = proto["graph"].GraphDef(), dict[Any, str](), set[str]()
    model: Any = scope.module
    leaves = {id(p): path for path, p in model.named_parameters()}

    def add(key: Any, name: str, op: str, shape: tuple[int, ...], inputs: list[str]) -> None:
        name = re.sub(r"[^A-Za-z0-9_./-]", "_", name)
        while name in taken:
            stem, _, number = name.rpartition("_")
            name = f"{stem}_{int(number) + 1}" if stem and number.isdigit() else f"{name}_1"
        taken.add(name)
        names[key] = name
        node = graph.node.add(name=name, op=op, input=inputs)
        dims = [proto["tensor_shape"].TensorShapeProto.Dim(size=n) for n in shape]
        shapes = proto["attr_value"].AttrValue.ListValue(shape=[proto["tensor_shape"].TensorShapeProto(dim=dims)])
        node.attr["_output_shapes"].CopyFrom(proto["attr_value"].AttrValue(list=shapes))

    for i, x in enumerate(x for x in given if isinstance(x, Var)):
        add(id(x.array), f"input_{i}", "Input", x.shape, [])
    for node in reachable([root])[::-1]:
        inside, inputs = folder(node.scope), []
        for parent, array in zip(node.parents, node.args, strict=True):
            if isinstance(parent, Var) and id(parent) not in names:
                path = leaves.get(id(parent))
                name = path.rpartition(".")[2] if path is not None else "tensor"
                add(id(parent), f"{inside}{name}", "Parameter" if path is not None else "Tensor", parent.shape, [])
            key = parent if isinstance(parent, Node) else id(parent if isinstance(parent, Var) else array)
            inputs += [names[key]] if key in names else []
        add(node, f"{inside}{node.name}", node.name, node.out.shape, inputs)
    return graph


def folder(scope: Scope | None) -> str:
    """Name a module call as a path, that of the model first."""
    parts = []
    for inner in scope.chain() if scope is not None else []:
        name = inner.parent.module.name_of(inner.module) if inner.parent is not None else ""
        parts.append(f"{name or ''} {type(inner.module).__name__}".strip())
    return "".join(f"{part}/" for part in parts)
