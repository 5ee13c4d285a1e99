"""`summary`: run a model once and list its module calls with shapes, parameters and multiply-adds.

The model is watched from outside, through `graph.state.around`: no module is changed, and modules without operations
(Dropout in evaluation) are seen too. Multiply-adds come from the Nodes that the run recorded. Knows no layer. Read
after trace.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.backend import default_generator, isolated
from ..core.errors import ArgumentError, DTypeError, shown
from ..core.graph import Array, Node, Var, enable_grad, no_grad, reachable
from ..core.reprs import in_html
from ..core.scope import Scope, state
from ..tensors.tensor import Tensor
from .modules import Paths, module_title

WIDEST = 60  # characters of a layer's name that the table shows
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")

# multiply-adds of one call, by name of the primitive; what is not here does none worth counting
COUNTS: dict[str, Callable[[Node], int]] = {
    "linear": lambda node: node.out.size * node.args[1].shape[1],
    "matmul": lambda node: node.out.size * node.args[0].shape[-1],
    "conv2d": lambda node: node.out.size * math.prod(node.args[1].shape[1:]),
}


class Row:
    """One module call: what it is, what came out, what it costs by itself (without the modules inside)."""

    def __init__(self, module: Any, path: str, depth: int) -> None:
        self.module, self.path, self.depth = module, path, depth
        self.name = module_title(module, path)
        self.output_shapes: list[tuple[int, ...]] = []
        self.output_bytes = 0
        self.parameters = 0
        self.multiply_adds = 0
        self.failed = False

    @property
    def output_shape(self) -> tuple[int, ...] | None:
        """Shape of the first (mostly the only) tensor that came out."""
        return self.output_shapes[0] if self.output_shapes else None


class Summary:
    """What `summary` found; its text is the table.

    rows are the module calls in order. error is what the forward pass raised, or None; not_called names the modules
    that were not reached. Multiply-adds count linear, conv2d and matmul; activation_bytes every recorded result that
    has memory of its own, which is what training keeps for the backward pass.
    """

    def __init__(self, model: Any, rows: list[Row], error: Exception | None) -> None:
        parameters, buffers = list(model.parameters()), list(model.buffers())
        called = {id(row.module) for row in rows}
        self.rows, self.error = rows, error
        self.total_parameters = sum(p.array.size for p in parameters)
        self.trainable_parameters = sum(p.array.size for p in parameters if p.requires_grad)
        self.parameter_bytes = sum(p.array.nbytes for p in parameters)
        self.total_buffers, self.buffer_bytes = sum(b.array.size for b in buffers), sum(b.array.nbytes for b in buffers)
        self.total_multiply_adds = 0
        self.activation_bytes = 0
        missed = [(path, m) for path, m in model.named_modules() if called.isdisjoint(map(id, m.modules()))]
        self.not_called = [module_title(m, path) for path, m in missed]

    @property
    def failed(self) -> Row | None:
        """The module call that raised, if one did."""
        return next((row for row in self.rows if row.failed), None)

    def __str__(self) -> str:
        table = [("  Layer", "Output shape", "Parameters", "Multiply-adds", "Output")]
        for row in self.rows:
            shapes = ", ".join(map(str, row.output_shapes)) or ("FAILED" if row.failed else "-")
            name = ("✗ " if row.failed else "  ") + "  " * row.depth + row.name
            name = name if len(name) <= WIDEST else name[: WIDEST - 1] + "…"
            size = memory(row.output_bytes) if row.output_shapes else "-"
            table.append((name, shapes, count(row.parameters), count(row.multiply_adds), size))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        form = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<>>>", widths, strict=True))
        lines = [form.format(*line) for line in table]
        rule = "─" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:], rule, *self.totals()])

    __repr__ = __str__
    _repr_html_ = in_html("summary")

    def totals(self) -> Iterator[str]:
        """Sum up, a line for each figure."""
        trainable = "all" if self.trainable_parameters == self.total_parameters else f"{self.trainable_parameters:,}"
        yield f"parameters     {self.total_parameters:,} ({trainable} trainable), {memory(self.parameter_bytes)}"
        if self.total_buffers:
            yield f"buffers        {self.total_buffers:,}, {memory(self.buffer_bytes)}"
        yield f"multiply-adds  {self.total_multiply_adds:,}"
        yield f"activations    {memory(self.activation_bytes)}"
        if self.not_called:
            yield f"not reached    {'; '.join(self.not_called)}"
        if self.error is not None:
            where = f" in {self.failed.name}" if self.failed is not None else ""
            message = str(self.error).replace("\n", "\n  ")
            yield f"\n✗ The forward pass failed{where}:\n  {type(self.error).__name__}: {message}"


def summary(model: Any, input_size: Any) -> Summary:
    """List the layers of a model: output shapes, parameters, multiply-adds, memory.

    Runs one forward pass in evaluation mode on random numbers. Training flags, gradients, buffers and the default
    generator are then as before. A forward pass that fails does not raise: the table ends at the layer that failed.

    Args:
        input_size: shape with the batch, (64, 1, 28, 28); a tensor or array; or a list of these, one per input
    Raises:
        DTypeError: if model is not a module or input_size none of these
        ArgumentError: for a negative size
    Example:
        >>> found = tg.summary(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), (64, 1, 28, 28))
        >>> found.total_parameters, found.total_multiply_adds, found.rows[-1].output_shape
        (7850, 501760, (64, 10))
    """
    if not callable(model) or not hasattr(model, "named_modules"):
        got, hint = shown(model), "summary(model, (64, 784))"
        raise DTypeError("summary: the first argument must be a model.", got=got, hint=hint)
    parameters = list(model.parameters())
    inputs = make_inputs(input_size, next((p.dtype for p in parameters if p.dtype.kind == "f"), np.dtype(np.float32)))
    watch = Watch()
    with undisturbed(model, parameters, watch):
        try:
            model(*inputs)
        except Exception as error:
            watch.note(error, None)
    result = Summary(model, watch.rows, watch.error)
    own_parameters(model, watch.rows)
    for node in reachable(watch.nodes):
        row = watch.row_of.get(node.scope)
        if row is not None and node.name in COUNTS:
            row.multiply_adds += int(COUNTS[node.name](node))
        if not (node.primitive.view and np.may_share_memory(node.out, node.args[0])):
            result.activation_bytes += node.out.nbytes
    result.total_multiply_adds = sum(row.multiply_adds for row in watch.rows)
    return result


class Watch:
    """Notes every module call while it runs; set as `state.around`."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.row_of: dict[Scope | None, Row] = {}
        self.nodes: list[Node] = []
        self.error: Exception | None = None
        self.paths = Paths()

    def __call__(self, scope: Scope, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        row = Row(scope.module, self.paths.of(scope), scope.depth - 1)
        self.rows.append(row)
        self.row_of[scope] = row
        try:
            with enable_grad():  # record even what a model computes under no_grad, for the multiply-adds
                out = forward(*args, **kwargs)
        except Exception as error:
            self.note(error, row)
            raise
        for x in tensors_in(out):
            row.output_shapes.append(x.shape)
            row.output_bytes += x.array.nbytes
            if isinstance(x, Var) and x.node is not None:
                self.nodes.append(x.node)
        return out

    def note(self, error: Exception, row: Row | None) -> None:
        """Remember an exception and mark the innermost call that it came from; outer calls see it again."""
        if error is self.error:
            return
        for before in self.rows:  # an earlier one was caught by the model itself
            before.failed = False
        self.error = error
        if row is not None:
            row.failed = True


@contextmanager
def undisturbed(model: Any, parameters: list[Tensor], watch: Watch) -> Iterator[None]:
    """Evaluate, record and watch inside; put everything back, whatever happens."""
    modules = list(model.modules())
    flags = [vars(m).get("training") for m in modules]
    frozen = [p for p in parameters if not p.requires_grad and p.dtype.kind == "f"]
    held = [(m, name, b, b.array.copy()) for m in modules for name, b in m.named_buffers(recurse=False)]
    draws = default_generator.get_state()
    scope, around = state.scope, state.around
    state.scope, state.around = None, watch
    try:
        for p in frozen:
            p.requires_grad = True  # so that what a frozen layer computes is recorded as well
        model.eval()
        yield
    finally:
        state.scope, state.around = scope, around
        default_generator.set_state(draws)
        for p in frozen:
            p.requires_grad = False
        for m, name, b, array in held:
            setattr(m, name, b)
            if not np.array_equal(b.array, array, equal_nan=True):
                with no_grad():
                    b.copy_(array)
        for module, flag in zip(modules, flags, strict=True):
            if flag is None:
                vars(module).pop("training", None)
            else:
                module.training = flag


def own_parameters(model: Any, rows: list[Row]) -> None:
    """Count in each row the parameters that its module holds itself and none inside it does, each at its first call."""
    modules = {id(m): m for m in [*model.modules(), *(row.module for row in rows)]}
    holders = Counter(id(p) for m in modules.values() for p in m.parameters(recurse=False))
    seen: set[int] = set()
    for row in rows:
        for p in row.module.parameters(recurse=False):
            shared = holders[id(p)] > 1
            if id(p) in seen or shared and any(p is q for child in row.module.children() for q in child.parameters()):
                continue
            seen.add(id(p))
            row.parameters += p.array.size


def make_inputs(input_size: Any, dtype: np.dtype[Any]) -> list[Tensor]:
    """Make the tensors to run on: copies of those given, and random numbers in [0, 1) of the sizes given."""
    several = isinstance(input_size, list | tuple) and not is_size(input_size)
    generator = isolated(np.random.default_rng, 0)  # its own: the default generator must not notice
    result = []
    for item in input_size if several else [input_size]:
        if isinstance(item, Var | np.ndarray):
            array: Array = np.array(item.array if isinstance(item, Var) else item)
        elif not is_size(item):
            wanted = "(64, 1, 28, 28), a tensor or array, or a list of these for several inputs"
            raise DTypeError("summary: input_size is neither a shape nor a tensor.", got=shown(item), expected=wanted)
        elif any(n < 0 for n in item):
            raise ArgumentError("summary: a size cannot be negative.", got=f"{item}")
        else:
            array = generator.random(tuple(item)).astype(dtype)
        result.append(Tensor.wrap(array))
    return result


def is_size(x: object) -> bool:
    """Tell whether x is the shape of one input."""
    return isinstance(x, list | tuple) and bool(x) and all(isinstance(n, int | np.integer) for n in x)


def tensors_in(out: Any) -> Iterator[Any]:
    """Yield the tensors and arrays in what a forward returned: one, or several in lists, tuples and dicts."""
    stack = [out]
    while stack:
        x = stack.pop()
        if isinstance(x, dict):
            stack.extend(reversed(list(x.values())))
        elif isinstance(x, list | tuple):
            stack.extend(reversed(x))
        elif isinstance(x, Var | np.ndarray):
            yield x


def count(n: int) -> str:
    """Write a whole number, nothing as a dash."""
    return f"{n:,}" if n else "-"


def memory(size: float) -> str:
    """Write a number of bytes in the unit that suits it."""
    unit = 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:,.1f} {UNITS[unit]}" if unit else f"{size:,} B"
