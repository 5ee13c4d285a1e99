"""An ONNX graph under construction: its nodes and constants, and formulas of single elements in nodes.

A tensor is its name. An elementwise operation is written as its card's `loop` says, a node for each function in it, so
that one of the user's own needs nothing else; FORMULAS has what ONNX has no operator for. Look next at operators.py.
"""

from __future__ import annotations

import ast
import functools
import math
from itertools import pairwise
from typing import Any

import numpy as np

from ..core.errors import ExportError
from ..core.syntax import parsed

OPSET = 20
FORMULAS = {  # of the functions in loops, of x or of a and b
    "expm1": "2 * math.tanh(x / 2) / (1 - math.tanh(x / 2)) if abs(x) < 1 else math.exp(x) - 1",
    "log1p": "x if 1 + x == 1 or x == math.inf else math.log(1 + x) * x / (1 + x - 1)",
    "log2": f"math.log(x) * {1 / math.log(2)}", "log10": f"math.log(x) * {1 / math.log(10)}",
    "erfc": "1 - math.erf(x)", "normal": f"0.5 + 0.5 * math.erf(x * {math.sqrt(0.5)})",
    "trunc": "loops.floor(x) if x > 0 else loops.ceil(x)",
    "variance": "mean((x - mean(x)) * (x - mean(x)))",
}  # fmt: skip
OPERATORS = {"rint": "Round", "mean": "ReduceMean"}  # where it has not the function's name
SYMBOLS: dict[type, str] = {
    ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.Div: "Div", ast.Pow: "Pow", ast.Eq: "Equal", ast.Lt: "Less",
    ast.LtE: "LessOrEqual", ast.Gt: "Greater", ast.GtE: "GreaterOrEqual", ast.And: "And", ast.Or: "Or",
}  # fmt: skip
LOGICAL = {"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Not", "Xor"}


class Graph:
    """Nodes and arrays. where, out: what is being written, its result; uses: at which indices that is read, or None.

    linear: the arguments that affine maps were made of, by result.
    """

    def __init__(self, onnx: Any) -> None:
        self.onnx, self.where = onnx, ""
        self.nodes: list[Any] = []
        self.arrays: dict[str, Any] = {}
        self.dtypes: dict[str, Any] = {}
        self.shapes: dict[str, Any] = {}
        self.linear: dict[str, Any] = {}
        self.out: Any = None
        self.uses: list[Any] = []
        self.known: dict[Any, Any] = {}  # the nodes that there are already, by what they say

    def constant(self, x: Any, dtype: Any = None, name: str = "") -> str:
        """Give an array or number a name; numbers that are equal have one."""
        array = np.asarray(x, dtype)
        key = name or array.ndim or f"{array} {array.dtype}"
        if key not in self.known or key == array.ndim:
            name = self.known[key] = name or f"/constant_{len(self.dtypes)}"
            self.arrays[name], self.dtypes[name], self.shapes[name] = array, array.dtype, array.shape
        return str(self.known[key])

    def add(self, op: str, *inputs: Any, dtype: Any = None, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node, unless there is one like it; give its result, or results. Lists are tensors of integers, too."""
        if not self.onnx.defs.has(op, OPSET):
            raise ExportError(f"export_onnx: {self.where} has no ONNX operator.", got=op,
                              hint="compute it with other operations, or end the model before it")  # fmt: skip
        tensors = [self.constant(x, np.int64) if isinstance(x, list) else x or "" for x in inputs]
        key = op, *tensors, outputs, dtype, repr(attributes)
        if key not in self.known:
            kind = dtype or (bool if op in LOGICAL else self.dtypes.get(tensors[op == "Where"]))
            names = [f"/{op}_{len(self.dtypes)}" + f"_{i}" * (i > 0) for i in range(outputs)]
            self.dtypes.update(dict.fromkeys(names, np.dtype(kind)))
            self.nodes.append(self.onnx.helper.make_node(op, tensors, names, name=self.where + names[0], **attributes))
            self.known[key] = names[0] if outputs == 1 else names
        return self.known[key]

    def cast(self, x: Any, dtype: Any) -> str:
        """Give a tensor or number in a dtype."""
        if not isinstance(x, str) or self.dtypes[x] == dtype:
            return x if isinstance(x, str) else self.constant(x, dtype)
        return str(self.add("Cast", x, dtype=dtype, to=self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))))

    def formula(self, text: str, dtype: Any, axes: Any = "", **values: Any) -> Any:
        """Write a formula of tensors and numbers in nodes that compute in a dtype; its means are over the axes."""
        tensors = {k: v for k, v in values.items() if isinstance(v, str)}
        numbers = {"math": math, **{k: v for k, v in values.items() if k not in tensors}}
        axes = axes if isinstance(axes, str) else self.constant(axes, np.int64)

        def number(node: Any) -> str:
            return self.cast(of(node), dtype)

        def truth(node: Any) -> str:
            return self.cast(of(node), bool)

        def join(op: str, parts: Any) -> Any:
            return functools.reduce(functools.partial(self.add, op), parts)

        def compare(op: ast.cmpop, sides: Any) -> Any:
            found = self.add(SYMBOLS.get(type(op), "Equal"), *map(number, sides))
            return self.add("Not", found) if isinstance(op, ast.NotEq) else found

        def of(node: Any) -> Any:
            if not any(isinstance(part, ast.Name) and part.id in tensors for part in ast.walk(node)):
                return eval(compile(ast.Expression(node), text, "eval"), numbers)
            match node:
                case ast.Name(id=name):
                    return tensors[name]
                case ast.BinOp(left=a, op=op, right=b):
                    return self.add(SYMBOLS[type(op)], number(a), number(b))
                case ast.UnaryOp(op=op, operand=a):
                    return self.add("Not", truth(a)) if isinstance(op, ast.Not) else self.add("Neg", number(a))
                case ast.BoolOp(op=op, values=parts):
                    return join(SYMBOLS[type(op)], map(truth, parts))
                case ast.Compare(left=a, ops=ops, comparators=rest):
                    return join("And", map(compare, ops, pairwise([a, *rest])))
                case ast.IfExp(test=test, body=a, orelse=b):
                    return self.add("Where", truth(test), number(a), number(b))
            name, args = getattr(node.func, "attr", "") or node.func.id, [*map(number, node.args)]
            if name in FORMULAS:
                return self.formula(FORMULAS[name], dtype, axes, **named(args))
            return self.add(OPERATORS.get(name, name.capitalize()), *args, *[axes] * (name == "mean"))

        return of(parsed(text, "eval").body)


def named(args: Any) -> dict[str, Any]:
    """Call arguments as formulas do: x, or a and b."""
    return dict(zip("x" if len(args) == 1 else "ab", args, strict=True))
