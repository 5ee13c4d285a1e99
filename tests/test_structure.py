"""The architecture, kept by reading the source: floors, imports, the vocabulary of rules, names, budgets, exports."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tinygrad_mnist
from tinygrad_mnist.core.primitive import Primitive, registry

PACKAGE = Path(tinygrad_mnist.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(f.relative_to(PACKAGE)) for f in FILES]

# Imports only point down, between rooms and inside core/, tensors/, capture/ and compiler/. Folders share a floor;
# data, viz and optim (but for averages of models) do not know nn, nor each other.
FLOORS = {
    "core/errors": 0, "core/examples": 0, "core/device": 0.1, "backends": 0.2, "core/backend": 0.2,
    "core/locks": 0, "core/syntax": 0, "core/bars": 0.1, "core/files": 0.1, "core/archive": 0.3, "kernels": 1,
    "core/torch_names": 0, "core/failure": 2.1, "core/calls": 2.2, "core/absent": 2.3,
    "core/scope": 1, "core/reprs": 1.1, "core/versions": 1, "core/draws": 1.1, "core/alone": 0.3, "core/mode": 1.1,
    "core/explain": 1.1, "core/lines": 1.2, "core/numbers": 1.2, "core/card": 1.3, "core/graph": 2, "core/primitive": 3,
    "core/once": 3.1, "core/stale": 3.1, "core/seeds": 3.1, "core/through": 3.1, "core/hooks": 3.2,
    "core/faults": 3.2, "core/engine": 4, "core/__init__": 4, "ops": 5, "primitive": 5.1,
    "functions": 6, "tensors/fresh": 6.05, "tensors/numpy_protocol": 6.1, "tensors/in_place": 6.1,
    "tensors/hooks": 6.1, "tensors/methods": 6.15, "tensors/forms": 6.15, "tensors/tensor": 6.2,
    "tensors/creation": 6.3, "tensors/dlpack": 6.3, "tensors/safe_files": 6.3, "tensors/torch_files": 6.3,
    "tensors/torch_writing": 6.4, "tensors/typed": 6.4, "tensors/saving": 7, "tensors/__init__": 7, "autograd": 7,
    "func": 7.05, "capture/program": 7.1,
    "capture/guards": 7.3, "capture": 7.4, "compiler": 7.5, "fast": 7.6, "nn/functional": 7.9, "nn": 8,
    "optim": 8, "data": 8, "viz": 8,
    "optim/swa_utils": 8.1, "optim/__init__": 8.2,
    "utils/data": 8.05, "utils": 8.1, "transforms": 8, "datasets": 8.1,
    "export": 8, "compiler/pairs": 8.1, "training": 8.5, "sklearn": 8.7, "commands": 8.8,
    "__init__": 9, "__main__": 9.1,
}  # fmt: skip
# where a module may be loaded when it is first needed: the optional and the slow ones
LAZY = {
    "data/sources.py", "data/workers.py", "core/locks.py", "data/digits.py", "viz/graphs/graph.py",
    "viz/curves/plots.py", "viz/graphs/layout.py", "viz/picture.py", "viz/backprop/player.py",
    "viz/backprop/strip.py", "viz/steps/program.py", "viz/notebooks/notebook.py", "viz/notebooks/trees.py",
    "viz/paths/drawing.py", "viz/predictions/images.py", "__init__.py", "compiler/compiled.py", "fast/plan.py",
    "fast/setup.py", "core/bars.py", "core/reprs.py", "training/history.py", "training/tensorboard.py",
    "commands/line.py", "commands/info.py", "tensors/safe_files.py", "core/absent.py", "core/calls.py",
    "export/export.py",
}  # fmt: skip
# inside ops/ the families stand on each other in reading order
OPS = [
    "promotion", "broadcast", "compare", "elementwise", "elementary", "activation", "gates", "index", "order",
    "layout", "reduce", "cumulate", "norms", "contract", "recurrent", "decompositions", "conv", "pool", "blend",
    "softmax",
]  # fmt: skip


# what can be read in one sitting
SITTINGS = {"capture/guards": 1240, "capture": 1335, "compiler": 1200, "compiler/pairs": 830, "fast": 1440}


def floor_of(parts: tuple[str, ...]) -> str:
    """Name the entry of FLOORS for a file or a name in the package: the longest that fits."""
    whole = "/".join(parts)
    return max((known for known in FLOORS if f"{whole}/".startswith(f"{known}/")), key=len, default=whole)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> list[tuple[int, tuple[str, ...]]]:
    """List (line, parts of what is named) for every import from inside the package, TYPE_CHECKING or not."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*path.parents[node.level - 1].relative_to(PACKAGE).parts, *(node.module or "").split("."))
            found += [(node.lineno, (*filter(None, base), alias.name)) for alias in node.names]
    return found


# the one arrow upward, which type checkers alone see: what functions give is a Tensor
UPWARD = ("functions/types.py", ("tensors", "tensor", "Tensor"))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_only_point_down(path):
    name = str(path.relative_to(PACKAGE))
    here = floor_of(path.relative_to(PACKAGE).with_suffix("").parts)
    for line, parts in imports(path):
        there = floor_of(parts)
        assert there in FLOORS, f"{name}:{line} imports {there}, which is on no floor"
        if there != here and (name, parts) != UPWARD:
            assert FLOORS[there] < FLOORS[here], f"{name}:{line}: {here} must not import {there}"


def test_no_modules_import_each_other_in_a_circle():
    def module_of(parts):
        return next(m for m in (parts, (*parts, "__init__"), parts[:-1], (*parts[:-1], "__init__")) if m in modules)

    modules = {path.relative_to(PACKAGE).with_suffix("").parts: path for path in FILES}
    graph = {module: {module_of(parts) for _, parts in imports(path)} for module, path in modules.items()}
    graph["functions", "types"].remove(module_of(UPWARD[1]))
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(map("/".join, error.args[1])))


@pytest.mark.parametrize("name", OPS)
def test_op_families_stand_on_each_other(name):
    for line, (there, *family) in imports(PACKAGE / "ops" / f"{name}.py"):
        if there == "ops" and family[0] in OPS:
            assert OPS.index(family[0]) < OPS.index(name), f"ops/{name}.py:{line} imports ops/{family[0]}.py"


def test_every_op_family_is_listed():
    assert {f.stem for f in (PACKAGE / "ops").glob("*.py")} == {*OPS, "__init__"}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_hidden_imports(path):
    module = tree(path)
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inner, f"{path.name}:{inner}: import inside a function"
        if isinstance(node, ast.ImportFrom):
            assert all(a.name != "*" for a in node.names), f"{path.name}:{node.lineno}: star import"
            assert node.level or not (node.module or "").startswith("tinygrad_mnist"), f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Attribute) and node.attr == "import_module":  # optional or slow, each with its reason
            assert str(path.relative_to(PACKAGE)) in LAZY, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Import):
            assert all(not a.name.startswith("tinygrad_mnist") for a in node.names), f"{path.name}:{node.lineno}"


def rules() -> list[tuple[str, ast.FunctionDef]]:
    """List every rule with its file."""
    found = []
    for path in sorted((PACKAGE / "ops").glob("*.py")):
        for node in tree(path).body:
            if isinstance(node, ast.FunctionDef) and {"vjp", "jvp"} & {*node.name.split("_")}:
                found.append((path.name, node))
            value: Any = getattr(node, "value", None)  # of a table's row, which has rules for keyword arguments
            if isinstance(value, ast.Call) and ast.unparse(value.func) == "row":
                for keyword in value.keywords:
                    if isinstance(keyword.value, ast.Lambda):
                        name = f"{ast.literal_eval(value.args[0])}_vjp_{keyword.arg}"
                        signature, body = map(ast.unparse, (keyword.value.args, keyword.value.body))
                        text = f"def {name}({signature}): return {body}"
                        found += [(path.name, f) for f in ast.parse(text).body if isinstance(f, ast.FunctionDef)]
    return found


def test_every_rule_is_seen():
    written = {rule.__name__ for p in registry.values() for rule in (*p.rules.values(), *p.tangents.values())}
    assert written == {node.name for _, node in rules()}
    assert len(written) > 70


@pytest.mark.parametrize(("file", "rule"), rules(), ids=lambda x: x if isinstance(x, str) else x.name)
def test_rules_speak_only_operators_shapes_and_primitives(file, rule):
    for node in (inner for statement in rule.body for inner in ast.walk(statement)):
        assert not isinstance(node, ast.AugAssign | ast.Global | ast.Nonlocal | ast.Lambda), f"{file}:{node.lineno}"
        if isinstance(node, ast.Attribute):
            base = node.value.id if isinstance(node.value, ast.Name) else ""
            allowed = node.attr in ("shape", "ndim", "dtype") or base == "math"
            assert allowed, f"{file}:{node.lineno}: .{node.attr} in a rule"
        if isinstance(node, ast.Name):
            assert node.id != "np", f"{file}:{node.lineno}: NumPy in a rule"


def test_rules_are_named_after_primitive_and_argument():
    for p in registry.values():
        for argument, rule in p.rules.items():
            assert rule.__name__ == f"{p.name}_vjp_{argument}"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_files_are_short_named_and_introduced(path):
    text = path.read_text(encoding="utf-8")
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc"}
    assert len(text.splitlines()) <= 300, f"{path.name} has {len(text.splitlines())} lines"
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring and docstring.strip().endswith("."), f"{path.name} must say what it is"
    assert path.name in ("__init__.py", "primitive.py") or 3 <= len(docstring.splitlines()) <= 8, path.name


def test_files_that_are_named_exist():
    root = Path(__file__).parents[1]
    pages = [*FILES, *root.glob("examples/**/*.py")]
    files = [*pages, *root.glob("tests/**/*.py"), *root.glob("docs/*/*.py")]
    for page in [root / "README.md", *root.glob("docs/*.md"), *pages]:
        for name in re.findall(r"(?<![\w./])[a-z_/]+\.py\b", page.read_text(encoding="utf-8")):
            found = any(str(file).endswith(f"/{name}") for file in files)
            assert found or name == "torchvision/datasets/mnist.py", f"{page.name}: {name}"


def test_the_tests_mirror_the_rooms_in_short_files():
    tests = Path(__file__).parent
    rooms, folders = ({f.name for f in of.iterdir() if f.is_dir() and f.name[0] not in "_."} for of in (PACKAGE, tests))
    assert folders - rooms == {"cases", "docs", "examples", "missing", "programs"} and rooms <= folders
    lengths = {f.name: len(f.read_text(encoding="utf-8").splitlines()) for f in tests.rglob("*.py")}
    assert not {name: count for name, count in lengths.items() if count > 500}


@pytest.mark.parametrize("name", SITTINGS)
def test_a_room_can_be_read_in_one_sitting(name):
    count = sum(len(f.read_text(encoding="utf-8").splitlines()) for f in (PACKAGE / name).glob("*.py"))
    assert 0 < count <= SITTINGS[name]


def test_capture_is_asked_for_at_few_places():
    asks = {f: sum("state.recorder" in line for line in f.read_text(encoding="utf-8").splitlines()) for f in FILES}
    assert sum(asks.values()) <= 31
    assert asks[PACKAGE / "core" / "engine.py"] + asks[PACKAGE / "tensors" / "tensor.py"] <= 8


def test_python_is_parsed_at_one_place():  # which knows what threads do to it
    asks = {name for name, f in zip(NAMES, FILES, strict=True) if "ast.parse(" in f.read_text(encoding="utf-8")}
    assert asks == {"core/syntax.py"}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_public_names_have_docstrings(path):
    for node in tree(path).body:
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if public and not {"vjp", "jvp"} & {*node.name.split("_")}:
            assert ast.get_docstring(node), f"{path.name}:{node.lineno} {node.name}"
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if not isinstance(inner, ast.FunctionDef) or inner.name in ("forward", "transform"):
                    continue  # which the class describes
                if not inner.name.startswith("_") and not inner.decorator_list:
                    assert ast.get_docstring(inner), f"{path.name}:{inner.lineno} {node.name}.{inner.name}"


def test_no_assert_for_user_errors_and_no_getattr_magic():
    for path in FILES:
        for node in ast.walk(tree(path)):
            assert not isinstance(node, ast.Assert), f"{path.name}:{node.lineno}: assert vanishes under -O"
            if isinstance(node, ast.FunctionDef):
                magic = node.name in ("__getattr__", "__setattr__")
                assert not magic or path == PACKAGE / "__init__.py", f"{path.name}:{node.lineno}"  # for tg.sklearn


def test_exports_exist_and_are_listed():
    rooms = ("nn", "optim", "data", "viz", "autograd", "training", "linalg", "utils", "datasets", "transforms")
    for module in (tinygrad_mnist, *(getattr(tinygrad_mnist, n) for n in rooms)):
        assert len(set(module.__all__)) == len(module.__all__)
        for name in module.__all__:
            assert hasattr(module, name), f"{module.__name__}.{name}"


@pytest.mark.parametrize("name", ["training", "sklearn", "datasets", "transforms", "viz"])
def test_what_is_loaded_when_first_named_is_what_was_named(name):
    if name == "sklearn":
        pytest.importorskip("sklearn")
    probe = f"import tinygrad_mnist as tg; print(tg.{name}.__name__, tg.{name} is tg.{name})"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [f"tinygrad_mnist.{name}", "True"]


def test_primitives_are_functions_of_numpy_names():
    for name, p in registry.items():
        assert isinstance(p, Primitive) and p.__doc__, name
        assert not {"dim", "keepdim", "input", "other"} & {*p.arguments, *p.static}, f"{name} speaks PyTorch"


def test_import_reads_nothing_and_loads_no_heavy_module():
    probe = """
import sys, numpy
before = set(sys.modules)
events = []
def hook(event, args):
    if event == "open" and not str(args[0]).endswith((".py", ".pyc")) or event.startswith(("socket.", "subprocess.")):
        if not (event == "open" and "__pycache__" in str(args[0])):
            events.append((event, str(args[0])))
sys.addaudithook(hook)
import tinygrad_mnist
print(sorted(set(sys.modules) - before))
print(events)
"""
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    modules, events = map(ast.literal_eval, result.stdout.strip().splitlines())
    heavy = {
        "graphviz", "matplotlib", "sklearn", "scipy", "tqdm", "torch", "urllib.request", "ssl", "http", "asyncio",
        "email", "multiprocessing", "unittest", "pytest", "hypothesis",
    }  # fmt: skip
    assert not heavy & set(modules)
    lazy = tuple(f"tinygrad_mnist.{name}" for name in ("training", "sklearn", "datasets", "transforms", "viz"))
    assert not [m for m in modules if m.startswith(lazy)]
    assert events == []
