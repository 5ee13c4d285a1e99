"""The page of the player and what it holds: values, operations and steps; arrays by their numbers in arrays.py.

Steps are, in order: the start, every operation forward, the seed, every operation backward, the end. Computes nothing:
the numbers come from backward.py. Look next at formulas.py for the words, then at assets/player.js.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core.graph import Array, Node, Var
from ...core.stale import changed_since
from ..graphs.trace import Trace, Value
from ..label import number as digits
from ..page import Page, as_json, page, save_page
from .arrays import LEAST, Arrays, elements_for, image_shaped
from .backward import Pass, Pulled, Share, watch
from .formulas import arguments_of, describe, result_line, rule_line, spelled_number
from .strip import Box, strip

LETTERS = {"parameter": "w", "input": "x", "constant": "c"}  # of values without a name; results are v and a number
SIZE = 850_000  # characters of data, to which the drawing and the scripts come
ASSETS = ("player.css", "player_cards.js", "player_steps.js", "player.js")


def write(loss: Var, path: str | os.PathLike[str], names: Mapping[str, Var | Array], title: str) -> Page:
    """Write the page of a loss that can be played."""
    run, trace = watch(loss), Trace([loss], names, repeats=False)
    lesson = Lesson(run, trace, Arrays(LEAST))
    most = elements_for(lesson.arrays.kept, SIZE - len(as_json(lesson.data())))
    if most > LEAST:
        lesson = Lesson(run, trace, Arrays(most))
    head = f'<header><h1>{html.escape(title)}</h1></header>\n<div id="controls"></div>'
    body = f'{head}\n<div id="strip">{strip(lesson.boxes)}</div>\n<main id="player"></main>'
    return save_page(path, page(title, body, assets=ASSETS, data=lesson.data()), "player")


class Lesson:
    """Puts together what is played. `values` and `operations` are entries of the page, found by their number."""

    def __init__(self, run: Pass, trace: Trace, arrays: Arrays) -> None:
        self.run, self.trace, self.arrays = run, trace, arrays
        self.values: list[dict[str, Any]] = []
        self.number: dict[Any, int] = {}  # of a value: by its Node, or by the id of a leaf or of a constant's array
        self.taken = {value.name for value in trace.values.values()}
        self.operations = [self.operation(i, node) for i, node in enumerate(run.nodes)]
        self.sums: dict[int, Any] = {}  # the gradient so far, by value
        self.texts: dict[int, list[str]] = {}  # how that is written in a box, over time
        self.seen: dict[int, int] = {}  # contributions so far
        self.uses: dict[int, int] = {}
        for pulled in run.pulled:
            for share in pulled.shares:
                value = self.parent(pulled.node, share.position)
                self.uses[value] = self.uses.get(value, 0) + 1
        self.steps = self.all_steps()
        self.boxes = self.all_boxes()

    def data(self) -> dict[str, Any]:
        """Give what the page holds."""
        return {
            "values": self.values, "operations": self.operations, "steps": self.steps, "arrays": self.arrays.kept,
            "boxes": [box.places() for box in self.boxes],
        }  # fmt: skip

    # ---------------------------------------------------------------- forward

    def operation(self, index: int, node: Node) -> dict[str, Any]:
        """Describe one operation; its values come into being here."""
        names = arguments_of(node)
        arguments: list[dict[str, Any]] = [
            {"argument": name, "value": self.argument(node, position)}
            for position, name in enumerate(names)
            if node.args[position] is not None
        ]
        first = self.values[arguments[0]["value"]] if arguments else None  # images in another shape are images still
        pixels = node.primitive.view and first is not None and first["pixels"]
        out = self.add(node, self.trace.values[node], node.out, pixels, index)
        plain = {name: name for name in names}
        formula = [f"out = {result_line(node, plain)}"]
        formula.append(f"{self.values[out]['name']} = {result_line(node, self.spelled(node, names))}")
        if is_single(node):
            given = {n: spelled_number(x) for n, x in zip(names, node.args, strict=True) if x is not None}
            formula.append(f"{digits(node.out)} = {result_line(node, given)}")
        return {
            "name": node.name, "where": self.where(node), "out": out, "formula": formula,
            "words": describe(node), "arguments": arguments, "changed": changed_since(node),
        }  # fmt: skip

    def where(self, node: Node) -> str:
        """Name the module that called: `net.3 Linear`."""
        scope = node.scope
        return "" if scope is None else f"{self.trace.paths.of(scope)} {type(scope.module).__name__}".strip()

    def argument(self, node: Node, position: int) -> int:
        """Give the number of the value that went in at a position."""
        array, parent = node.args[position], node.parents[position]
        if isinstance(parent, Node):
            return self.number[parent]
        known = self.trace.values.get(id(parent) if isinstance(parent, Var) else ("array", id(array)))
        key = id(parent) if isinstance(parent, Var) else ("array", id(array))
        if key in self.number:
            return self.number[key]
        if known is None and np.size(array) == 1:  # a number in the formula, and no value of its own
            known = Value("number", spelled_number(array), array)
        known = known or Value("constant", "", array)
        pixels = known.kind in ("input", "constant") and image_shaped(np.shape(array))
        return self.add(key, known, array, pixels)

    def add(self, key: Any, value: Value, array: Any, pixels: bool, by: int | None = None) -> int:
        """Add a value, under the name that it has, or under one made up that nothing else has."""
        name = "loss" if value.kind == "output" and value.name == "output" else value.name
        if not name or (value.kind == "constant" and not value.named):  # argument names tell nothing of user's values
            letter, count = LETTERS.get(value.kind, "v"), 1 if by is None else by + 1
            while (name := f"{letter}{count}") in self.taken:
                count += 1
            self.taken.add(name)
        self.number[key] = len(self.values)
        held = self.arrays.put(array, pixels)
        self.values.append({"name": name, "kind": value.kind, "by": by, "pixels": pixels, "array": held})
        return self.number[key]

    def spelled(self, node: Node, names: list[str]) -> dict[str, str]:
        """Name the values that went in."""
        given = [(i, name) for i, name in enumerate(names) if node.args[i] is not None]
        return {name: self.values[self.argument(node, i)]["name"] for i, name in given}

    # ---------------------------------------------------------------- backward

    def all_steps(self) -> list[dict[str, Any]]:
        """List the steps."""
        steps: list[dict[str, Any]] = [{"kind": "start"}]
        steps += [{"kind": "forward", "operation": i} for i in range(len(self.operations))]
        last = self.number[self.run.nodes[-1]]
        steps.append({"kind": "seed", "value": last, "after": self.grown(last, self.run.seed)})
        steps += [self.backward(pulled) for pulled in self.run.pulled]
        found = []
        for leaf, g in self.run.gradients.items():
            value = self.number[id(leaf)]
            same = np.array_equal(g, self.sums[value], equal_nan=g.dtype.kind == "f")
            found.append({"value": value, "gradient": self.arrays.put(self.sums[value] if same else g)})
        steps.append({"kind": "end", "gradients": sorted(found, key=lambda x: x["value"])})
        return steps

    def grown(self, value: int, total: Any) -> int:
        """Note a sum of gradients, and give the number of its array."""
        self.sums[value] = total
        held = self.arrays.put(total)
        self.texts.setdefault(value, []).append(gradient_text(self.arrays.kept[held]))
        return held

    def parent(self, node: Node, position: int) -> int:
        """Give the number of a value that a gradient goes to."""
        origin = node.parents[position]
        return self.number[origin if isinstance(origin, Node) else id(origin)]

    def backward(self, pulled: Pulled) -> dict[str, Any]:
        """Describe one operation on the way back: what arrives, and what each argument gets of it."""
        value = self.number[pulled.node]
        return {
            "kind": "backward", "operation": self.values[value]["by"], "hooked": pulled.hooked,
            "g": self.arrays.put(pulled.g) if is_array(pulled.g) else None,
            "shares": [self.share(pulled.node, share) for share in pulled.shares],
        }  # fmt: skip

    def share(self, node: Node, share: Share) -> dict[str, Any]:
        """Describe what one argument gets."""
        names, position = arguments_of(node), share.position
        value = self.parent(node, position)
        self.seen[value] = self.seen.get(value, 0) + 1
        plain = {name: name for name in [*names, "out"]}
        named = plain | self.spelled(node, names) | {"out": self.values[self.number[node]]["name"]}
        kind, rule = rule_line(node, position, plain)
        found: dict[str, Any] = {
            "argument": names[position], "value": value, "slope": None,
            "kind": kind, "rule": rule, "named": rule_line(node, position, named)[1],
            "use": self.seen[value], "uses": self.uses[value], "adds": None, "before": None, "after": None,
        }  # fmt: skip
        if is_array(share.gx):
            before = self.sums.get(value)
            found["before"] = None if before is None else self.arrays.put(before)
            found["adds"], found["after"] = self.arrays.put(share.gx), self.grown(value, share.after)
        if share.slope is not None:
            found["slope"] = self.arrays.put(share.slope)
            found["stretched"] = np.shape(share.slope) != np.shape(node.args[position])
        return found

    # ---------------------------------------------------------------- the small graph

    def all_boxes(self) -> list[Box]:
        """List the boxes of the small graph: leaves stand before the first operation that uses them."""
        boxes: dict[int, Box] = {}
        for operation in self.operations:
            used = [x["value"] for x in operation["arguments"] if self.values[x["value"]]["kind"] != "number"]
            for value in used:
                if value not in boxes:
                    boxes[value] = self.box(f"v{value}", value, [])
            sources = tuple(boxes[value].name for value in used)
            out = operation["out"]
            boxes[out] = self.box(f"o{self.values[out]['by']}", out, [operation["name"]], sources)
        return list(boxes.values())

    def box(self, name: str, value: int, more: list[str], sources: tuple[str, ...] = ()) -> Box:
        """Make the box of a value, wide enough for all that it will show."""
        known = self.values[value]
        array = self.arrays.kept[known["array"]]
        single = array["form"] == "number"
        words = [known["name"] if len(known["name"]) <= 24 else f"…{known['name'][-23:]}", *more]
        words += [] if single else [" × ".join(map(str, array["shape"]))]
        kind = "operation" if more else known["kind"]
        widest = max(self.texts.get(value, [""]), key=len)
        return Box(name, value, kind, words, digits(array["x"]) if single else "", widest, sources)


def gradient_text(array: dict[str, Any]) -> str:
    """Write a gradient in a box: the number, or the largest size of many."""
    if array["form"] == "number":
        return f"∇ {digits(array['x'])}"
    return f"|∇| ≤ {digits(max(abs(array['low']), abs(array['high'])))}" if "low" in array else "∇ not finite"


def is_array(x: Any) -> bool:
    """Tell a gradient that is numbers from one that is more, as that of a Function with several outputs."""
    return isinstance(x, np.ndarray | np.generic)


def is_single(node: Node) -> bool:
    """Tell whether an operation takes and gives single numbers."""
    return all(np.size(x) == 1 for x in (node.out, *node.args))
