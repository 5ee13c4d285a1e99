"""Write what follows from declarations: the one-line functions, the lists of exports, the methods that are functions.

    python tests/public_names.py    after a primitive or a function came, went or got another name; a second

A primitive of ops/ that takes arrays alone, element by element, gets its function in functions/elementwise.py; where
PyTorch calls it otherwise, TORCH says so there, and by which other names ALIASES here.
Of what is written by hand in functions/,
public is what names its first argument as PyTorch does. test_public_names.py holds what is checked in against this;
nothing of it runs in the package.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

import numpy as np

PACKAGE = next(p for p in Path(__file__).resolve().parents if (p / "tinygrad_mnist").is_dir()) / "tinygrad_mnist"
# the files of ops/ whose primitives work element by element
FAMILIES = ("activation", "compare", "elementary", "elementwise")
INTERNAL = {"dropout", "keep", "trunc_divide"}  # bricks of rules and functions
MATRICES = {"det": "det", "inverse": "inv"}  # functions of one tensor in ops/decompositions.py
ARGUMENTS = {"x": "input", "a": "input", "b": "other"}
ALIASES = {
    "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "clip": "clamp", "view": "reshape",
    "fix": "trunc", "sgn": "sign", "absolute": "abs", "arctan2": "atan2", "greater": "gt",
    "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "concat": "cat", "row_stack": "vstack", "moveaxis": "movedim", "ger": "outer",
}  # fmt: skip
FIRST = {  # PyTorch's names of a first argument
    "a", "condition", "equation", "input", "matrices", "n", "shapes", "sorted_sequence", "tensor",
    "tensors", "x1",
}  # fmt: skip
METHODS = {"input", "tensor"}  # of what is a method, too
NO_METHODS = {"bucketize", "pad", "std_mean", "var_mean"}  # in PyTorch neither
# whose functions have a method that changes its tensor in place, too, but for those that PyTorch does not have or that
# tensors/in_place.py has by hand; and the functions of other files that have one
CHANGING = {"arithmetic", "elementwise", "formulas"}
NOT_IN_PLACE = set("""
    add allclose clone det div equal inverse isclose isfinite isinf isnan isneginf isposinf logaddexp
    maximum minimum mul pow sub where
""".split())
IN_PLACE = set("""
    addmm addmv baddbmm cumprod cumsum index_add index_copy index_fill masked_fill masked_scatter
    scatter scatter_add scatter_reduce tril triu
""".split())


def torchs() -> dict[str, str]:
    """Read how PyTorch calls primitives that have another name."""
    text = (PACKAGE / "functions" / "elementwise.py").read_text(encoding="utf-8")
    return dict(ast.literal_eval(re.search(r"^TORCH = (\{.*?\n\})", text, re.DOTALL | re.MULTILINE)[1]))


def functions_of(file: str) -> list[ast.FunctionDef]:
    """Parse the functions that a file defines for others, those too that its own of_... make of primitives."""
    nodes = ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body
    found = [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
    makers = {f.name for f in found if f.name.startswith("of_")}
    for node in nodes if file != "functions/elementwise.py" else []:
        called = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if isinstance(node, ast.Assign) else set()
        names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        found += [ast.parse(f"def {n}(input): ...").body[0] for n in names if called & makers]
    return found


def made(file: str) -> set[str]:
    """List the functions of a file, those too that a factory makes."""
    nodes = ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body
    targets = [t for node in nodes if isinstance(node, ast.Assign) for t in ast.walk(node.targets[0])]
    names = {t.id for t in targets if isinstance(t, ast.Name) and t.id.islower()}
    return names | {f.name for f in functions_of(file)}


def first_of(f: ast.FunctionDef) -> str:
    """Name the first argument of a function, which may stand for any number."""
    return f.args.args[0].arg if f.args.args else f.args.vararg.arg if f.args.vararg else ""


def own_list(file: str) -> str:
    """Read what a module of functions/ lists as its own: those of tg.linalg are not tg's."""
    text = (PACKAGE / "functions" / f"{file}.py").read_text(encoding="utf-8")
    return found[0] if (found := re.search(r"^__all__ = \[.*?\]", text, re.DOTALL | re.MULTILINE)) else ""


def by_hand() -> dict[str, list[ast.FunctionDef]]:
    """Find the public functions that are written by hand, file by file."""
    files = sorted({path.stem for path in (PACKAGE / "functions").glob("*.py")} - {"__init__", "elementwise"})
    found = {
        file: [f for f in functions_of(f"functions/{file}.py")
               if first_of(f) in FIRST and f'"{f.name}"' not in own_list(file)]
        for file in files
    }
    return {file: functions for file, functions in found.items() if functions}


def table(file: str) -> list[ast.FunctionDef]:
    """Read the rows of a table of primitives as the functions that they stand for."""
    found = []
    for node in ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and ast.unparse(getattr(value, "func", value)) == "row":
            name, computes, doc, _, arguments, *_ = [*map(ast.unparse, value.args), "''", "''"]
            two = getattr(np, computes.partition("np.")[2], None)
            signature = ast.literal_eval(arguments) or ("a, b" if getattr(two, "nin", 1) == 2 else "x")
            text = f"@row\ndef {ast.literal_eval(name)}({signature}):\n    {doc}"
            found += [f for f in ast.parse(text).body if isinstance(f, ast.FunctionDef)]
    return found


def primitives() -> dict[str, tuple[str, ast.FunctionDef]]:
    """Find the primitives that take arrays alone: PyTorch's name -> family and forward."""
    found, names = {}, torchs()
    for family in FAMILIES:
        for f in [*functions_of(f"ops/{family}.py"), *table(f"ops/{family}.py")]:
            made = [d.func if isinstance(d, ast.Call) else d for d in f.decorator_list]  # a rule: @exp.vjp, no name
            static = {a.arg for a in f.args.kwonlyargs} - {"out"}
            if made and isinstance(made[0], ast.Name) and not static and f.name not in INTERNAL:
                found[names.get(f.name, f.name)] = family, f
    of = {f.name: f for f in functions_of("ops/decompositions.py")}
    found |= {name: ("decompositions", of[own]) for name, own in MATRICES.items()}
    return dict(sorted(found.items()))


def several(names: list[str], values: list[str], before: str = "", after: str = "") -> str:
    """Assign values to names, as many a line as fit."""
    lines: list[tuple[list[str], list[str]]] = [([], [])]
    for name, value in zip(names, values, strict=True):
        if len(", ".join([*lines[-1][0], name, *lines[-1][1], value]) + before + after) > 115:
            lines.append(([], []))
        lines[-1][0].append(name)
        lines[-1][1].append(value)
    lone = "," if before else ""
    return "".join(
        f"{', '.join(n)}{',' if lone and len(n) == 1 else ''} = {before}{', '.join(v)}{lone * (len(v) == 1)}{after}\n"
        for n, v in lines
    )


def thin(found: dict[str, tuple[str, ast.FunctionDef]]) -> str:
    """Spell the functions that call their primitive: those of one tensor and those of two."""
    text = ""
    for count, of in ((1, "of_one"), (2, "of_two")):
        chosen = {name: f"{family}.{f.name}" for name, (family, f) in found.items() if len(f.args.args) == count}
        text += several([*chosen], [*chosen.values()], f"map({of}, (", "))")
    return text


def packed(before: str, names: list[str], brackets: str = "()") -> str:
    """List names in one line or, in brackets, in as few as they fill."""
    if len(before + ", ".join(names)) <= 120 and brackets == "()":
        return f"{before}{', '.join(names)}\n"
    lines = textwrap.fill(", ".join(names) + ",", 120, initial_indent="    ", subsequent_indent="    ")
    return f"{before}{brackets[0]}\n{lines}\n{brackets[1]}  # fmt: skip\n"


def exports(names: Iterable[str]) -> str:
    return packed("__all__ = ", [f'"{n}"' for n in sorted(names)], "[]")


def class_body(names: Iterable[str], underscore: str = "", before: str = "", after: str = "") -> str:
    """Hang functions on a class."""
    chosen = sorted(names)
    text = several([n + underscore for n in chosen], [f"F.{n}" for n in chosen], before, after)
    return textwrap.indent(text, "    ")


def imported(text: str) -> set[str]:
    """List the public names that a module imports from its package."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.level]
    return {n for node in nodes for alias in node.names if (n := alias.asname or alias.name)[0] != "_"}


def texts() -> dict[Path, str]:
    """Give the text of every file of which something is written here."""
    hand = by_hand()
    first = {f.name: first_of(f) for functions in hand.values() for f in functions}
    plain = {name: found for name, found in primitives().items() if name not in first}
    here = {f.name for f in functions_of("functions/elementwise.py")}
    first |= {name: ARGUMENTS.get(a := f.args.args[0].arg, a) for name, (_, f) in plain.items()}
    first |= {alias: first[name] for alias, name in ALIASES.items()}
    files = {file: sorted(f.name for f in functions) for file, functions in hand.items()} | {"elementwise": [*plain]}
    lists = "".join(packed(f"from .{file} import ", names) for file, names in sorted(files.items()))
    lists += f"\n{several([*ALIASES], [*ALIASES.values()])}\n{exports(first)}\n_answer(globals(), __all__)\n"
    methods = [n for n, argument in first.items() if argument in METHODS and n not in NO_METHODS]
    changing = {n for file in CHANGING for n in files[file]} - NOT_IN_PLACE | IN_PLACE
    changes = [n for n in methods if ALIASES.get(n, n) in changing and n not in NOT_IN_PLACE]
    hung = class_body(methods) + class_body(changes, "_", "map(in_place.of, (", "))")
    imports = packed("from .functions import ", sorted(first))
    imports += packed("from .tensors.creation import ", sorted(made("tensors/creation.py")))
    parts = {
        "functions/elementwise.py": ("(?<=# written by tests/public_names.py\n).*",
                                     thin({n: x for n, x in plain.items() if n not in here})),
        "functions/__init__.py": ("(?<=# isort: off\n).*", lists),
        "tensors/methods.py": ("(?<=# written by tests/public_names.py\n).*", hung),
        "__init__.py": (r"from .functions import \(.*?(?=# isort: on)", imports),
    }
    result = {}
    for file, (pattern, new) in parts.items():
        text = (PACKAGE / file).read_text(encoding="utf-8")
        text = re.sub(pattern, lambda match, new=new: new, text, count=1, flags=re.DOTALL)
        if file == "__init__.py":
            text = text.partition("__all__ = ")[0] + exports(imported(text) - {*first, "functions"}).replace(
                "]  # fmt: skip", "]\n__all__ += functions.__all__  # fmt: skip\n_answer(globals(), __all__)")
        result[PACKAGE / file] = text
    return result


if __name__ == "__main__":
    for path, text in texts().items():
        if path.read_text(encoding="utf-8") != text:
            print(f"written: {path.relative_to(PACKAGE.parent)}")
            path.write_text(text, encoding="utf-8")
