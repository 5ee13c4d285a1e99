"""Write what follows from declarations: the one-line functions, the lists of exports, the methods that are functions.

    python tests/public_names.py    after a primitive or a function came, went or got another name; a second

A primitive of ops/ that takes arrays alone, element by element, gets its function in functions/elementwise.py; where
PyTorch calls it otherwise, or by a second name too, TORCH and ALIASES say so. Of what is written by hand in functions/,
public is what names its first argument as PyTorch does. test_public_names.py holds what is checked in against this;
nothing of it runs in the package.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

PACKAGE = next(p for p in Path(__file__).resolve().parents if (p / "tinygrad_mnist").is_dir()) / "tinygrad_mnist"
FAMILIES = ("activation", "compare", "elementwise")  # the files of ops/ whose primitives work element by element
INTERNAL = {"dropout", "keep", "logical_and", "logical_not", "logical_or"}  # bricks of rules and operators
TORCH = {
    "absolute": "abs", "equal": "eq", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le",
    "not_equal": "ne", "power": "pow",
}  # fmt: skip
ARGUMENTS = {"x": "input", "a": "input", "b": "other"}
ALIASES = {"sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "clip": "clamp", "view": "reshape"}
ALIASES |= {"concat": "cat", "row_stack": "vstack", "moveaxis": "movedim", "ger": "outer"}
FIRST = {  # PyTorch's names of a first argument
    "a", "condition", "equation", "input", "matrices", "shapes", "sorted_sequence", "tensor", "tensors", "x1",
}  # fmt: skip
METHODS = {"input", "tensor"}  # of what is a method, too
NO_METHODS = {"bucketize", "combinations", "pad"}  # in PyTorch too


def functions_of(file: str) -> list[ast.FunctionDef]:
    """Parse the functions that a file defines for others."""
    nodes = ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body
    return [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]


def first_of(f: ast.FunctionDef) -> str:
    """Name the first argument of a function, which may stand for any number."""
    return f.args.args[0].arg if f.args.args else f.args.vararg.arg if f.args.vararg else ""


def by_hand() -> dict[str, list[ast.FunctionDef]]:
    """Find the public functions that are written by hand, file by file."""
    files = sorted({path.stem for path in (PACKAGE / "functions").glob("*.py")} - {"__init__", "elementwise", "linalg"})
    found = {
        file: [f for f in functions_of(f"functions/{file}.py") if first_of(f) in FIRST]
        for file in files
    }
    return {file: functions for file, functions in found.items() if functions}


def primitives() -> dict[str, tuple[str, ast.FunctionDef]]:
    """Find the primitives that take arrays alone: PyTorch's name -> family and forward."""
    found = {}
    for family in FAMILIES:
        for f in functions_of(f"ops/{family}.py"):
            made = [d.func if isinstance(d, ast.Call) else d for d in f.decorator_list]  # a rule: @exp.vjp, no name
            static = {a.arg for a in f.args.kwonlyargs} - {"out"}
            if made and isinstance(made[0], ast.Name) and not static and f.name not in INTERNAL:
                found[TORCH.get(f.name, f.name)] = family, f
    return dict(sorted(found.items()))


def definition(name: str, family: str, f: ast.FunctionDef) -> str:
    """Spell the function of a primitive; its docstring is the primitive's, less the shapes, in PyTorch's names."""
    first, *sections = re.split(r"\n+(?=[A-Z]\w+:(?:  |\n))", ast.get_docstring(f) or "")
    own = [a.arg for a in f.args.args]
    names = [ARGUMENTS.get(a, a) for a in own]
    for a, public in zip(own, names, strict=True):
        first = re.sub(rf"\b{a}\b", public, first, count=1)
    kept = [re.sub(r"^(\w+):\s+", r"\1:\n    ", s) for s in sections if not s.startswith("Shapes:")]
    text = "\n\n".join([first, *kept])
    doc = textwrap.indent(f'"""{text}\n"""' if "\n" in text else f'"""{text}"""', "    ", lambda line: line.strip())
    arguments, call = ", ".join(f"{n}: TensorLike" for n in names), f"{family}.{f.name}({', '.join(names)})"
    return f"\n\ndef {name}({arguments}) -> Tensor:\n{doc}\n    return {call}\n"


def packed(before: str, names: list[str], brackets: str = "()") -> str:
    """List names in one line or, in brackets, in as few as they fill."""
    if len(before + ", ".join(names)) <= 120 and brackets == "()":
        return f"{before}{', '.join(names)}\n"
    lines = textwrap.fill(", ".join(names) + ",", 120, initial_indent="    ", subsequent_indent="    ")
    return f"{before}{brackets[0]}\n{lines}\n{brackets[1]}  # fmt: skip\n"


def exports(names: Iterable[str]) -> str:
    return packed("__all__ = ", [f'"{n}"' for n in sorted(names)], "[]")


def class_body(names: Iterable[str]) -> str:
    """Hang functions on a class, as many a line as fit."""
    lines: list[list[str]] = [[]]
    for name in sorted(names):
        if len(", ".join([*lines[-1], name])) * 2 + 2 * len(lines[-1]) + 9 > 120:
            lines.append([])
        lines[-1].append(name)
    return "".join(f"    {', '.join(line)} = {', '.join(f'F.{n}' for n in line)}\n" for line in lines)


def imported(text: str) -> set[str]:
    """List the public names that a module imports from its package."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.level]
    return {n for node in nodes for alias in node.names if (n := alias.asname or alias.name)[0] != "_"}


def texts() -> dict[Path, str]:
    """Give the text of every file of which something is written here."""
    hand = by_hand()
    first = {f.name: first_of(f) for functions in hand.values() for f in functions}
    thin = {name: found for name, found in primitives().items() if name not in first}
    first |= {name: ARGUMENTS.get(a := f.args.args[0].arg, a) for name, (_, f) in thin.items()}
    first |= {alias: first[name] for alias, name in ALIASES.items()}
    files = {file: sorted(f.name for f in functions) for file, functions in hand.items()} | {"elementwise": [*thin]}
    lists = "".join(packed(f"from .{file} import ", names) for file, names in sorted(files.items()))
    pairs = list(ALIASES.items())
    for some in (pairs[:6], pairs[6:]):
        lists += f"\n{', '.join(n for n, _ in some)} = {', '.join(n for _, n in some)}"
    lists += f"\n\n{exports(first)}"
    hung = class_body(n for n, argument in first.items() if argument in METHODS and n not in NO_METHODS)
    imports = packed("from .functions import ", sorted(first))
    imports += packed("from .tensors.creation import ", sorted(f.name for f in functions_of("tensors/creation.py")))
    parts = {
        "functions/elementwise.py": ("(?<=TensorLike\n).*", "".join(definition(n, *x) for n, x in thin.items())),
        "functions/__init__.py": ("(?<=# isort: off\n).*", lists),
        "tensors/methods.py": ("(?<=# written by tests/public_names.py\n).*", hung),
        "__init__.py": (r"from .functions import \(.*?(?=# isort: on)", imports),
    }
    result = {}
    for file, (pattern, new) in parts.items():
        text = (PACKAGE / file).read_text(encoding="utf-8")
        text = re.sub(pattern, lambda match, new=new: new, text, count=1, flags=re.DOTALL)
        if file == "__init__.py":
            text = text.partition("__all__ = ")[0] + exports(imported(text))
        result[PACKAGE / file] = text
    return result


if __name__ == "__main__":
    for path, text in texts().items():
        if path.read_text(encoding="utf-8") != text:
            print(f"written: {path.relative_to(PACKAGE.parent)}")
            path.write_text(text, encoding="utf-8")
