"""The architecture, kept by reading the source: floors, imports, the vocabulary of rules, names, budgets, exports."""

from __future__ import annotations

import ast
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
# optim, data and viz do not know nn, nor each other.
FLOORS = {
    "core/errors": 0, "core/backend": 0, "core/locks": 0, "core/files": 0.1, "core/archive": 0.1, "kernels": 1,
    "core/scope": 1, "core/versions": 1, "core/draws": 1.1, "core/mode": 1.1,
    "core/explain": 1.1, "core/numbers": 1.2, "core/graph": 2, "core/primitive": 3,
    "core/once": 3.1, "core/stale": 3.1, "core/seeds": 3.1, "core/engine": 4, "core/__init__": 4, "ops": 5,
    "primitive": 5.1,
    "functions": 6, "tensors/numpy_protocol": 6.1, "tensors/in_place": 6.1, "tensors/methods": 6.15,
    "tensors/tensor": 6.2,
    "tensors/creation": 6.3, "tensors/saving": 7, "tensors/__init__": 7, "autograd": 7, "capture/program": 7.1,
    "capture/guards": 7.3, "capture": 7.4, "compiler": 7.5, "fast": 7.6, "nn": 8, "optim": 8, "data": 8, "viz": 8,
    "compiler/pairs": 8.1, "training": 8.5, "sklearn": 8.7, "__init__": 9,
}  # fmt: skip
# where a module may be loaded when it is first needed: the optional and the slow ones
LAZY = {
    "data/sources.py", "core/locks.py", "data/digits.py", "viz/graph.py", "viz/plots.py", "viz/program.py",
    "__init__.py", "compiler/compiled.py", "fast/plan.py", "fast/setup.py", "training/progress.py",
}  # fmt: skip
# inside ops/ the families stand on each other in reading order
OPS = [
    "promotion", "broadcast", "compare", "elementwise", "elementary", "special", "activation", "gates", "index",
    "layout", "reduce", "cumulate", "order", "norms", "embedding", "contract", "recurrent", "conv", "pool", "blend",
    "softmax",
]  # fmt: skip


# what can be read in one sitting
SITTINGS = {"capture/guards": 1240, "capture": 1320, "compiler": 1200, "compiler/pairs": 820, "fast": 1400}


def floor_of(parts: tuple[str, ...]) -> str:
    """Name the entry of FLOORS for a file or a name in the package: the longest that fits."""
    whole = "/".join(parts)
    return max((known for known in FLOORS if f"{whole}/".startswith(f"{known}/")), key=len, default=whole)


def room(path: Path) -> str:
    """Name the floor's entry that a file belongs to."""
    return floor_of(path.relative_to(PACKAGE).with_suffix("").parts)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def type_checking_only(module: ast.Module) -> set[int]:
    """Ids of the imports under `if TYPE_CHECKING:`, which never run."""
    return {
        id(inner)
        for node in ast.walk(module)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }


def imported_rooms(path: Path) -> list[tuple[int, str, str]]:
    """List (line, room, file within it) for every import from inside the package."""
    module, found = tree(path), []
    skip = type_checking_only(module)
    for node in ast.walk(module):
        if not isinstance(node, ast.ImportFrom) or node.level == 0 or id(node) in skip:
            continue
        base = path.parent
        for _ in range(node.level - 1):
            base = base.parent
        parts = [*base.relative_to(PACKAGE).parts, *(node.module or "").split(".")]
        parts = [p for p in parts if p]
        for alias in node.names:
            full = (*parts, alias.name)
            found.append((node.lineno, floor_of(full), full[1] if len(full) > 1 else ""))
    return found


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_only_point_down(path):
    here = room(path)
    for line, there, _ in imported_rooms(path):
        assert there in FLOORS, f"{path.name}:{line} imports {there}, which is on no floor"
        if there != here:
            assert FLOORS[there] < FLOORS[here], f"{path.name}:{line}: {here} must not import {there}"
    assert not here.startswith("core/") or not type_checking_only(tree(path)), path.name


@pytest.mark.parametrize("name", OPS)
def test_op_families_stand_on_each_other(name):
    for line, there, family in imported_rooms(PACKAGE / "ops" / f"{name}.py"):
        if there == "ops" and family in OPS:
            assert OPS.index(family) < OPS.index(name), f"ops/{name}.py:{line} imports ops/{family}.py"


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
            if isinstance(node, ast.FunctionDef) and "_vjp_" in node.name:
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
    written = {rule.__name__ for p in registry.values() for rule in p.rules.values()}
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
    assert len(text.splitlines()) <= 360, f"{path.name} has {len(text.splitlines())} lines"
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring and docstring.strip().endswith("."), f"{path.name} must say what it is"


def test_the_tests_mirror_the_rooms_in_short_files():
    tests = Path(__file__).parent
    rooms, folders = ({f.name for f in of.iterdir() if f.is_dir() and f.name[0] not in "_."} for of in (PACKAGE, tests))
    assert folders - rooms == {"cases", "examples", "missing"} and rooms <= folders
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


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_public_names_have_docstrings(path):
    for node in tree(path).body:
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if public and "_vjp_" not in node.name:
            assert ast.get_docstring(node), f"{path.name}:{node.lineno} {node.name}"
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if not isinstance(inner, ast.FunctionDef) or inner.name == "forward":  # which the class describes
                    continue
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
    rooms = ("nn", "optim", "data", "viz", "autograd", "training")
    for module in (tinygrad_mnist, *(getattr(tinygrad_mnist, n) for n in rooms)):
        assert len(set(module.__all__)) == len(module.__all__)
        for name in module.__all__:
            assert hasattr(module, name), f"{module.__name__}.{name}"


@pytest.mark.parametrize("name", ["training", "sklearn"])
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
    assert not [m for m in modules if m.startswith(("tinygrad_mnist.training", "tinygrad_mnist.sklearn"))]
    assert events == []
