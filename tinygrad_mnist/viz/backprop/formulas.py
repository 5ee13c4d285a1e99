"""What an operation computes and how its derivative goes, in a line each: symbols, the user's names, or numbers.

A table says it for the usual ones. For any other primitive, a user's own too, the line comes from its card: the Math of
its docstring, the loop of an elementwise one, or name(arguments); its rule as it is written in its source. Knows Nodes
and no page. Look next at player.py.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...core.faults import argument
from ...core.graph import Node
from ...core.syntax import parsed
from ..label import setting


class Lines(NamedTuple):
    """The result, and per argument: its slope, if the operation works element by element, else what it gets of g."""

    result: str
    rules: dict[str, str]


def lines(result: str, **rules: str) -> Lines:
    """Write one row of the table."""
    return Lines(result, rules)


LONG = 90  # characters of a rule that anybody reads
PASSES = "1 (passes through)"
TABLE = {
    "add": lines("{a} + {b}", a="1", b="1"),
    "subtract": lines("{a} − {b}", a="1", b="−1"),
    "multiply": lines("{a} · {b}", a="{b}", b="{a}"),
    "divide": lines("{a} / {b}", a="1 / {b}", b="−{out} / {b}"),
    "power": lines("{a} ^ {b}", a="{b} · {a} ^ ({b} − 1)", b="{out} · log({a})"),
    "power_scalar": lines("{x} ^ {exponent}", x="{exponent} · {x} ^ ({exponent} − 1)"),
    "negative": lines("−{x}", x="−1"),
    "absolute": lines("|{x}|", x="the sign of {x}"),
    "square": lines("{x}²", x="2 · {x}"),
    "sqrt": lines("√{x}", x="1 / (2 · {out})"),
    "reciprocal": lines("1 / {x}", x="−{out}²"),
    "exp": lines("exp({x})", x="{out}"),
    "log": lines("log({x})", x="1 / {x}"),
    "log1p": lines("log(1 + {x})", x="1 / (1 + {x})"),
    "sin": lines("sin({x})", x="cos({x})"),
    "cos": lines("cos({x})", x="−sin({x})"),
    "tanh": lines("tanh({x})", x="1 − {out}²"),
    "sigmoid": lines("1 / (1 + exp(−{x}))", x="{out} · (1 − {out})"),
    "relu": lines("max({x}, 0)", x="1 where {x} > 0, else 0"),
    "leaky": lines("{x} where {x} > 0, else {slope} · {x}", x="1 where {x} > 0, else {slope}"),
    "silu": lines("{x} · sigmoid({x})", x="sigmoid({x}) · (1 + {x} · (1 − sigmoid({x})))"),
    "gelu": lines("{x} · Φ({x})", x="Φ({x}) + {x} · φ({x})"),
    "maximum": lines("max({a}, {b})", a="1 where {a} is the larger", b="1 where {b} is the larger"),
    "minimum": lines("min({a}, {b})", a="1 where {a} is the smaller", b="1 where {b} is the smaller"),
    "where": lines("{a} where {condition}, else {b}", a="1 where {condition}, else 0", b="0 where {condition}, else 1"),
    "clamp": lines("{x} limited to [{low}, {high}]", x="1 within the limits, else 0"),
    "dropout": lines("{x} · {mask}", x="{mask}"),
    "clone": lines("{x}", x=PASSES),
    "contiguous": lines("{x}", x=PASSES),
    "cast": lines("{x} as {dtype}", x=PASSES),
    "sum": lines("Σ {x}", x="g for every element that was added"),
    "mean": lines("Σ {x} / {n}", x="g / {n} for every element"),
    "amax": lines("the largest of {x}", x="g where {x} is the largest, else 0"),
    "amin": lines("the smallest of {x}", x="g where {x} is the smallest, else 0"),
    "reshape": lines("{x} in another shape", x="g in the shape of {x}"),
    "transpose": lines("{x} with its axes in another order", x="g with its axes put back"),
    "broadcast_to": lines("{x} repeated", x="g summed over the copies"),
    "getitem": lines("{x}[{index}]", x="g at the places that were read, else 0"),
    "cat": lines("", xs="the piece of g that stands where this argument went"),
    "matmul": lines("{a} @ {b}", a="g @ {b}ᵀ", b="{a}ᵀ @ g"),
    "linear": lines("{x} @ {w}ᵀ + {b}", x="g @ {w}", w="gᵀ @ {x}", b="g summed over the rows"),
    "conv2d": lines(
        "{x} ∗ {w} + {b}", x="every g times the filters {w}, spread over the pixels that it saw",
        w="each window of {x} times its g, summed over images and places", b="g summed over images and places",
    ),
    "max_pool2d": lines("the largest of each window of {x}", x="g to the pixel that won its window, else 0"),
    "cross_entropy": lines(
        "−log softmax({x})[{target}]  (softmax-cross-entropy)", x="g · (softmax({x}) − one-hot({target}))"
    ),
    "norm": lines("√ Σ {x}²", x="g · {x} / {out}"),
    "var": lines("Σ ({x} − mean)² / ({n} − {correction})", x="g · 2 · ({x} − mean) / ({n} − {correction})"),
    "standardize": lines("({x} − mean) / √(variance + {eps})"),
    "batch_norm": lines(
        "({x} − mean) / √(variance + {eps}) · {weight} + {bias}",
        weight="g · ({x} − mean) / √(variance + {eps}), summed over all but the channels",
        bias="g summed over all but the channels",
    ),
    "softmax": lines("exp({x}) / Σ exp({x})", x="{out} · (g − Σ g · {out})"),
    "log_softmax": lines("{x} − log Σ exp({x})", x="g − exp({out}) · Σ g"),
    "logsumexp": lines("log Σ exp({x})", x="g · softmax({x})"),
}  # fmt: skip


class Words(dict[str, str]):
    """What the fields of a line stand for; a field that nothing is known of stays its own name."""

    def __missing__(self, key: str) -> str:
        return key


def arguments_of(node: Node) -> list[str]:
    """Name the arguments of a call; those of a variadic one are numbered."""
    fixed = len(node.primitive.arguments)
    names = [str(argument(node.primitive, i)) for i in range(len(node.args))]
    return [name if i < fixed else f"{name}[{i - fixed}]" for i, name in enumerate(names)]


def words_of(node: Node, spelled: Mapping[str, str]) -> Words:
    """Give the fields of a Node's lines: arguments and `out` as spelled, settings as they are."""
    size = getattr(node.args[0], "size", 1) if node.args else 1
    statics = {k: setting(v) for k, v in node.static.items()}
    if isinstance(index := node.static.get("index"), tuple):
        statics["index"] = ", ".join(map(setting, index))
    return Words(statics | {"n": str(size // max(node.out.size, 1))} | dict(spelled))


def result_line(node: Node, spelled: Mapping[str, str]) -> str:
    """Write what an operation computes, its arguments spelled in one way or another."""
    words, name = words_of(node, spelled), node.name
    if name in TABLE and TABLE[name].result:
        text = TABLE[name].result
        if any(x is None for x in node.args):  # a bias that is not there
            text = text.replace(" + {b}", "")
        return text.format_map(words)
    maths = re.search(r"^\s*Math:\s*(?:out\S*\s*=\s*)?(.+)$", str(getattr(node.primitive, "__doc__", "")), re.MULTILINE)
    loop = getattr(node.primitive, "loop", None)
    text = loop if isinstance(loop, str) else maths[1].strip() if maths else ""
    if text:
        return re.sub(r"\b[a-z]\w*\b", lambda m: words.get(m[0], m[0]), re.sub(r"\b(math|loops)\.", "", text))
    given = [words[x] for x, value in zip(arguments_of(node), node.args, strict=True) if value is not None]
    settings = [f"{k}={v}" for k, v in words.items() if k in node.static and len(v) < 30]
    return f"{name}({', '.join(given + settings)})"


def rule_line(node: Node, position: int, spelled: Mapping[str, str]) -> tuple[str, str]:
    """Say how a derivative goes: what kind of text it is, and the text.

    Kinds: "slope" of the result, "gradient", what an argument gets of g, "written", the same as the source has it, and
    "" where only the numbers tell.
    """
    name = str(argument(node.primitive, position))
    known = TABLE.get(node.name)
    if known is not None and name in known.rules:
        if node.name == "power_scalar" and node.static["exponent"] == 2:
            return "slope", f"2 · {spelled['x']}"
        kind = "gradient" if getattr(node.primitive, "loop", None) is None else "slope"
        return kind, known.rules[name].format_map(words_of(node, spelled))
    rule, _ = node.primitive.rule_at(position)
    text = "" if rule is None else written(rule, name)
    return ("written", text) if text else ("", "")


def describe(node: Node) -> str:
    """Give the first sentence of a primitive's docstring."""
    doc = getattr(node.primitive, "__doc__", None) if hasattr(node.primitive, "rules") else None
    return doc.strip().splitlines()[0] if doc else ""


@functools.lru_cache(maxsize=256)
def written(rule: Callable[..., Any], name: str) -> str:
    """Read the one expression that a rule returns in its source, if there is one and a source."""
    try:
        code, path = rule.__code__, inspect.getsourcefile(rule)
        tree = _parsed("".join(inspect.findsource(rule)[0])) if path else None
    except (OSError, TypeError, AttributeError, SyntaxError):
        return ""
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.keyword) and node.arg == name and isinstance(node.value, ast.Lambda):
            if node.value.lineno == code.co_firstlineno:
                return ast.unparse(node.value.body)
        elif isinstance(node, ast.FunctionDef) and node.name == rule.__name__:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            last = node.body[-1]
            if first == code.co_firstlineno and len(node.body) == 1 and isinstance(last, ast.Return) and last.value:
                text = ast.unparse(last.value)
                return text if "saved" not in text and len(text) <= LONG else ""  # what it reads says nothing here
    return ""


_parsed = functools.lru_cache(maxsize=16)(parsed)


def spelled_number(x: Any) -> str:
    """Write one number as it stands in a formula: four digits, in parentheses if it is negative."""
    value = np.asarray(x).item()
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"({text})" if text.startswith("-") else text
