"""The index of errors: reference/errors.rst, made from every place in the package that makes one of its errors.

Messages are read from the source: text as it stands, what is put in by its name. Under each stand what was expected and
what to do, where the source says so, and the file. Must not know: what the checks are about. Look next at
errors_met.py, whose section opens the page.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import docstrings
import errors_met
import reference
from sphinx.application import Sphinx

import tinygrad_mnist as tg
from tinygrad_mnist.core import errors

PACKAGE = Path(tg.__file__).parent
CLASSES = {n: k for n, k in vars(errors).items() if isinstance(k, type) and issubclass(k, errors.TinygradError)}
CURES = {  # what helps where a message has no line `try`
    "TinygradError": "Read the lines `in`, `got`, `expected` and `try`. Catch this to catch all of them.",
    "ShapeError": "Print the shapes of what you pass, and compare them with the line `expected`; `tg.summary` lists "
    "those of a model, and `tg.viz.failed()` draws the call that failed.",
    "DTypeError": "Convert: `x.float()`, `x.long()`, or `tg.tensor(x)` for what is no tensor.",
    "IndexRangeError": "Count from 0 to one less than the size; labels are 0 to classes - 1.",
    "ArgumentError": "Pass a value that the line `expected` allows; `help()` of the function lists its arguments.",
    "CallError": "Look at the names and the number of the arguments: `help()` of the function lists them.",
    "LinAlgError": "Look at the matrix: is it square, not singular, positive definite? Adding a small multiple of the "
    "identity often helps.",
    "DeviceError": "Leave the device out, or say \"cpu\".",
    "GradientError": "Set `requires_grad=True` before the computation, compute outside `tg.no_grad()`, and begin "
    "backward at a scalar.",
    "GraphFreedError": "Compute the loss again before each backward, or keep the graph: "
    "`loss.backward(retain_graph=True)`.",
    "InPlaceError": "Write `x = x + 1` for `x += 1`, or change the tensor under `tg.no_grad()`.",
    "AnomalyError": "The message names the call and its line: look there for a division by 0, a log or a square root "
    "of 0, or a learning rate that is too high.",
    "GradcheckError": "Correct the rule that the message names; check in float64, away from kinks.",
    "CaptureError": "Take the line that the message names out of the compiled step, or run it without `tg.compile`.",
    "ExportError": "Write the model with operations that ONNX has, or leave the axis fixed.",
    "TrainingError": "Lower the learning rate, look at the data for NaN, and ask `tg.training.Doctor`.",
    "StateDictError": "Make the model as it was when its state was saved; `load_state_dict(..., strict=False)` takes "
    "what fits.",
    "AbsentError": "The message says what is there instead; the page Coming from PyTorch lists what is absent.",
    "AbsentImportError": "The message says what is there instead; the page Coming from PyTorch lists what is absent.",
    "SharingError": "Copy: `np.array(x.detach())`, or `tg.from_dlpack(x, copy=True)`.",
    "DataError": "Remove the file and let it be fetched again, or give a folder that has it; the message lists "
    "where was looked.",
    "OutputError": "Choose a folder that you may write to and that has space.",
    "UnsavableError": "Save a state dict, or tensors, numbers and text in dicts and lists.",
    "MissingDependencyError": "Install what the message names, into the environment that runs the program.",
}  # fmt: skip


OPEN = """<script>
function shown() {  // a message that a link leads to is folded away
  const at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = at && at.closest("details");
  if (folded) { folded.open = true; at.scrollIntoView(); }
}
addEventListener("hashchange", shown);
addEventListener("DOMContentLoaded", shown);
</script>"""


class Message(NamedTuple):
    """A message of a class: its text, and the lines that go with it, each in all the ways that it can be said."""

    kind: str
    text: str
    expected: tuple[str, ...]
    hint: tuple[str, ...]


def texts(node: ast.expr | None, names: dict[str, list[ast.expr]], depth: int = 2) -> list[str]:
    """Give the texts that an expression can be, with what is only known later in braces; [] for none that is known."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        parts = [texts(part, names, depth) for part in node.values]
        return ["".join(found) for found in itertools.islice(itertools.product(*parts), 24)]
    if isinstance(node, ast.FormattedValue):
        known = texts(node.value, names, depth - 1) if isinstance(node.value, ast.Name) else []
        last = re.findall(r"[A-Za-z]\w*", ast.unparse(node.value).replace("self.", "")) or ["..."]
        return known if known and node.conversion == -1 else [f"{{{last[0] if len(last) == 1 else '...'}}}"]
    if isinstance(node, ast.IfExp):
        return texts(node.body, names, depth) + texts(node.orelse, names, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [texts(side, names, depth) or ["{...}"] for side in (node.left, node.right)]
        return ["".join(found) for found in itertools.product(*sides)] if sides != [["{...}"]] * 2 else []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return texts(node.left, names, depth)
    if isinstance(node, ast.Name) and depth:
        return [text for value in names.get(node.id, []) for text in texts(value, names, depth - 1)]
    return []


def bindings(function: ast.AST) -> dict[str, list[ast.expr]]:
    """List what names are bound to in a function, in tuples and loops over tuples, too."""
    found: dict[str, list[ast.expr]] = {}

    def bind(target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            found.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, its in zip(target.elts, value.elts, strict=True):
                bind(one, its)

    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            bind(node.targets[0], node.value)
        elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple | ast.List):
            for value in node.iter.elts:
                bind(node.target, value)
    return found


def made(path: Path) -> Iterator[tuple[ast.Call, str, dict[str, list[ast.expr]]]]:
    """Yield the calls in a file that make an error, with its class and what names mean there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    around: dict[ast.AST, ast.AST] = {}
    for node in ast.walk(tree):  # outer functions come first
        if isinstance(node, ast.FunctionDef):
            around |= dict.fromkeys(ast.walk(node), node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in CLASSES:
                yield node, name, bindings(around.get(node, tree))


def messages() -> dict[Message, list[str]]:
    """Give every message whose text is known, and the files that it comes from."""
    result: dict[Message, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for call, kind, names in made(path):
            every = {k.arg: [*dict.fromkeys(filter(None, texts(k.value, names)))] for k in call.keywords}
            said = {name: tuple(found) for name, found in every.items() if len(found) < 4}
            for text in filter(str.strip, texts(call.args[0] if call.args else None, names)):
                message = Message(kind, text, said.get("expected", ()), said.get("hint", ()))
                files = result.setdefault(message, [])
                files += [name for name in [str(path.relative_to(PACKAGE))] if name not in files]
    return result


def shown(text: str) -> str:
    """Write a template: what is put in, in italics and between brackets that nobody writes."""
    parts = re.split(r"\{(\.\.\.|[\w]+)\}", " ".join(text.split()))
    return "".join(
        f"\\ *⟨{part.strip('_').replace('...', '…')}⟩*\\ " if i % 2 else docstrings.prose(part)
        for i, part in enumerate(parts)
    ).strip().removeprefix("\\ ").removesuffix("\\")  # fmt: skip


def place(message: Message, taken: set[str]) -> str:
    """Name the place of a message on the page, for links: its class and its first words."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"\{[^}]*\}", " ", message.text.lower()))
    name = "-".join([message.kind.lower(), *(words[:9] or ["other"])])
    name = next(x for i in itertools.count(1) if (x := f"{name}-{i}" if i > 1 else name) not in taken)
    taken.add(name)
    return name


def entry(message: Message, files: list[str], name: str) -> list[str]:
    """Write a message, with a link to itself, and below it what goes with it, a line for each way to say it."""
    rows = []
    for label, said in (("expected", message.expected), ("try", message.hint)):
        rows += [f"   | {label if i == 0 else 'or'}: {shown(text)}" for i, text in enumerate(said)]
    rows.append(f"   | {' · '.join(f'``{file}``' for file in files)}")
    return [f".. _{name}:", "", f"{shown(message.text)} `# <#{name}>`__", "", *rows, ""]


def page() -> str:
    """Write the index."""
    found, taken = messages(), set[str]()
    counts = {kind: sum(message.kind == kind for message in found) for kind in CLASSES}
    lines = [
        "Index of errors", "===============", "",
        "A message has up to five lines: the problem, ``in`` (the module that called), ``got``, ``expected`` and "
        "``try``, which says what to do. Read all of them, the last one first.", "",
        ":ref:`The errors that beginners meet <errors-met>` come first, each with a program that has it. Behind them "
        f"are :ref:`all {len(found)} messages <errors-all>`, by class:", "",
        " · ".join(f":ref:`{kind} <error-{kind.lower()}>` ({count})" for kind, count in counts.items()), "",
        ".. _errors-met:", "", *errors_met.lines(),
        ".. _errors-all:", "", "All messages", "------------", "",
        f"{len(found)} messages, made from the source. What changes from case to case stands in brackets, as "
        "*⟨features⟩*: search for the words between.", "",
    ]  # fmt: skip
    for kind, what in CLASSES.items():
        python = [b.__name__ for b in what.__bases__ if b.__module__ == "builtins" and b is not Exception]
        lines += [f".. _error-{kind.lower()}:", "", kind, "~" * len(kind), ""]
        lines += [docstrings.prose(docstrings.summary(what.__doc__))]
        lines += [f"It is a {' and a '.join(f'``{name}``' for name in python)}, too." if python else "", ""]
        lines += [f"**Cure:** {docstrings.prose(CURES[kind], reference.link)}", ""]
        if counts[kind]:
            lines += [f".. dropdown:: {counts[kind]} message{'s' * (counts[kind] > 1)}", ""]
        for message, files in sorted(found.items()):
            if message.kind == kind:
                lines += [f"   {line}".rstrip() for line in entry(message, files, place(message, taken))]
    return "\n".join([*lines, "", ".. raw:: html", "", *(f"   {line}" for line in OPEN.splitlines()), ""])


def write(app: Sphinx) -> None:
    """Write the page, if it has changed."""
    path, text = Path(app.srcdir) / "reference" / "errors.rst", page()
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the build."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
