"""`export_onnx`: run a model once under capture, and write what it computes as an ONNX file.

What a model does is a Program of primitives' calls, as `compile` sees it; graph.py and operators.py say them in ONNX,
vary.py what changes with the sizes of inputs. The onnx package is loaded when needed. Read last.
"""

from __future__ import annotations

import importlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..capture import forms
from ..capture.program import Value
from ..capture.step import captured
from ..compiler.compiled import Compiled
from ..core.calls import answer
from ..core.errors import ArgumentError, CaptureError, ExportError, MissingDependencyError
from ..core.files import write_whole
from ..core.graph import Var, no_grad
from ..core.scope import refuse_captured
from .graph import OPSET
from .operators import TABLE, Operators
from .vary import dims, resized, tried, vary


def export_onnx(
    model: Any, args: Any, path: str | os.PathLike[str], *, kwargs: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None, output_names: Sequence[str] | None = None,
    dynamic_axes: Mapping[str, Any] | None = None,
) -> Any:  # fmt: skip
    """Write a model, as it is in evaluation, to an ONNX file (operator set 20); give what the onnx package has of it.

    Weights have their names in the state dict. Sizes that are not among `dynamic_axes` are those of `args` for good.

    Args:
        args: a tensor, or a tuple of arguments to call the model with
        kwargs: those given by name
        input_names, output_names: in order; else inputs are named after the arguments of `forward`
        dynamic_axes: of each input the axes whose size may vary: {"input": {0: "batch"}} or {"input": [0]}
    Raises:
        MissingDependencyError: without the onnx package
        ExportError: naming the operation, for what ONNX has no operator for
        CaptureError: for what depends on values
    """
    try:
        onnx: Any = importlib.import_module("onnx")
    except ImportError as error:
        hint = "pip install 'tinygrad_mnist[onnx]'"
        raise MissingDependencyError(f"export_onnx needs the onnx package ({error}).", hint=hint) from None
    refuse_captured("export_onnx")
    call = args if isinstance(args, tuple) else (args,), dict(kwargs or {})
    own = Compiled(model, "numpy").prepared(*call)[1]
    weights = model.state_dict(keep_vars=True) if hasattr(model, "state_dict") else {}
    known = {id(t): name for name, t in weights.items()}
    by_name: list[Any] = []
    forms.signature(call[1], by_name, [])  # which are prepared before the others, and come after them in the graph
    count, found = len(own) - len(by_name), [*own]
    given = _given("input_names", input_names, found[-count:] + found[:-count], {*weights})
    names = given[count:] + given[:count]
    places: dict[str, list[tuple[str, int]]] = defaultdict(list)
    shapes = {name: x.shape for name, x in zip(names, own.values(), strict=True)}
    for name, axes in (dynamic_axes or {}).items():
        if any(axis not in range(len(shapes.get(name, ()))) for axis in axes):
            raise ArgumentError("export_onnx: dynamic_axes names what is not there.", got=f"{name!r}: {axes}",
                                expected=f"axes, counted from 0, of {', '.join(names)}")  # fmt: skip
        for axis in axes:
            places[axes[axis] if isinstance(axes, Mapping) else f"{name}_{axis}"].append((name, axis))
    sizes = tried(places, shapes)
    modes = [(m, m.training) for m in model.modules()] if hasattr(model, "modules") else []
    try:
        for m, _ in modes:
            m.training = False
        runs = [_written(onnx, model, resized(call, names, places, size), names, known) for size in sizes]
    finally:
        for m, mode in modes:
            m.training = mode
    (g, found), helper = runs[0], onnx.helper
    vary([run for run, _ in runs], sizes, places)
    ends = ["output", *(f"output_{i}" for i in range(1, len(found)))]
    ends = _given("output_names", output_names, ends, {*weights, *names})
    needed, nodes = {x for x, _ in found}, []
    for node in reversed(g.nodes):
        if needed & {*node.output}:
            nodes.append(node)
            needed |= {*node.input}
    nodes = nodes[::-1] + [helper.make_node("Identity", [x], [name]) for name, (x, _) in zip(ends, found, strict=True)]

    def info(name: str, tensor: str, shapes: Any) -> Any:
        return helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(g.dtypes[tensor]), dims([*shapes], sizes))  # fmt: skip

    whole = helper.make_graph(
        nodes, "model", [info(name, name, (run.shapes[name] for run, _ in runs)) for name in given],
        [info(name, x, (of[i][1] for _, of in runs)) for i, (name, (x, _)) in enumerate(zip(ends, found, strict=True))],
        [onnx.numpy_helper.from_array(np.array(a, order="C"), x) for x, a in g.arrays.items() if x in needed],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(whole, opset_imports=opsets, ir_version=9, producer_name="tinygrad_mnist")
    try:
        onnx.checker.check_model(proto, full_check=True)
        data = proto.SerializeToString()
    except Exception as error:  # types that an operator does not take; a name that is there twice; more than 2 GB
        raise ExportError("export_onnx: the onnx package refuses the model.", got=f"{error!s:.400}") from error
    write_whole(path, data, "export_onnx")
    return proto


def _given(what: str, given: Sequence[str] | None, names: list[str], taken: set[str]) -> list[str]:
    chosen = names if given is None else [*given]
    if len(chosen) != len(names) or len({*chosen}) < len(chosen) or taken & {*chosen}:
        raise ArgumentError(f"export_onnx: {what} must name each once, and not as weights or inputs are named.",
                            got=f"{chosen}", expected=f"names for {names}")  # fmt: skip
    return chosen


def _written(onnx: Any, model: Any, call: Any, names: list[str], known: dict[int, str]) -> Any:
    """Run a model, and translate its program; give the graph, and the tensors and shapes of its results."""
    guard, inputs, _, args, kwargs = Compiled(model, "numpy").prepared(*call)
    try:
        with no_grad():
            run = captured(lambda: model(*args, **kwargs), inputs, [*inputs.values()], guard)
    except CaptureError as error:
        error.problem = error.problem.replace("compile:", "export_onnx:", 1)
        raise
    g, program, tensors = Operators(onnx), run.program, {}
    for v, name in zip(program.inputs, names, strict=True):
        tensors[v.index], g.dtypes[name], g.shapes[name] = name, v.dtype, v.shape

    def tensor(x: Any) -> Any:
        if isinstance(x, Value) and x.index in tensors:
            return tensors[x.index]
        if isinstance(x, Value) and x.origin == "constant":
            return g.constant(x.source)
        if isinstance(x, Value):
            return g.constant(x.source.array, name=known.get(id(x.source), f"/{x.name}"))
        return g.constant(x.array, name=known.get(id(x), "")) if isinstance(x, Var) else x

    uses: dict[int, list[Any]] = defaultdict(list)
    for v, index in [(v, s.static.get("index")) for s in program.instructions for v in s.values()]:
        uses[v.index].append(index)
    for v in program.results:
        uses[v.index].append(None)
    for step in program.instructions:
        g.where = f"{step.name} in {step.where}" if step.where else step.name
        if step.primitive is None:
            raise ExportError(f"export_onnx: an ONNX graph computes and does nothing else: no {g.where}.",
                              hint="draw random numbers and change tensors only while self.training")  # fmt: skip
        g.out, g.uses = step.outputs[0], uses[step.outputs[0].index]
        given, direct = [tensor(x) for x in step.inputs], TABLE.get(step.name)
        if direct is not None:
            made = direct(g, *given, **step.static)
        else:
            kinds = [x.dtype if isinstance(x, Value) else x for x in step.inputs]
            kind = np.result_type(*kinds) if g.out.dtype == bool else g.out.dtype
            loop = step.primitive.element(step.static) if step.primitive.loop else g.add(step.name)
            made = g.formula(loop, kind, **dict(zip(step.primitive.arguments, given, strict=False)), **step.static)
        tensors[g.out.index] = made = g.cast(made, g.out.dtype)
        g.shapes[made] = g.out.shape
    computed = iter(program.results)
    found = [program.inputs[p] if isinstance(p, int) else next(computed) if p is None else p for p in run.places]
    return g, [(tensor(x), x.shape) for x in found]


answer(globals(), ["export_onnx"])
