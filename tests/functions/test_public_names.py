"""The public face: every function has PyTorch's argument names, says what it does, and is what its name says."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import pydoc
import re
import sys
import typing
from types import ModuleType

import pytest
from public_names import FAMILIES, INTERNAL, PACKAGE, primitives, texts

import tinygrad_mnist as tg
from tinygrad_mnist.core.primitive import registry

F = tg.nn.functional


def public():
    """Yield (name, function, where PyTorch has its own): of tg, of nn.functional, and the methods of Tensor."""
    for name in tg.__all__:
        if not isinstance(getattr(tg, name), type | ModuleType) and callable(getattr(tg, name)):
            yield name, getattr(tg, name), ""
    yield from ((f"F.{name}", getattr(F, name), "nn.functional") for name in F.__all__)
    for name in dir(tg.zeros(1)):
        if name[0] != "_" and callable(getattr(tg.Tensor, name)) and name not in ("wrap", "result_type"):
            yield f"Tensor.{name}", getattr(tg.Tensor, name), "Tensor"


PUBLIC = {name: (function, where) for name, function, where in public()}


@pytest.mark.parametrize("name", PUBLIC)
def test_help_shows_a_signature_and_a_sentence(name):
    function, _ = PUBLIC[name]
    assert inspect.isfunction(function) and inspect.signature(function)
    first = function.__doc__.splitlines()[0]
    assert first.endswith(".")
    shown = pydoc.plain(pydoc.render_doc(function))
    assert f"{function.__name__}(" in shown and first in shown
    assert "return" in typing.get_type_hints(function)


# what is called otherwise than in PyTorch, or PyTorch's documentation does not tell
POSITION = "PyTorch takes it by position only"
DIFFERENT = {
    ("compile", "function"): "a function or a model, where PyTorch's is called model",
    ("from_numpy", "array"): POSITION, ("set_num_threads", "n"): POSITION,
    ("load", "path"): "a path, where PyTorch's f may also be an open file", ("save", "path"): "likewise",
    ("std", "unbiased"): "PyTorch still takes it", ("var", "unbiased"): "PyTorch still takes it",
    ("std_mean", "unbiased"): "PyTorch still takes it", ("var_mean", "unbiased"): "PyTorch still takes it",
    ("Tensor.std", "unbiased"): "PyTorch still takes it", ("Tensor.var", "unbiased"): "PyTorch still takes it",
    ("Tensor.max", "other"): "PyTorch takes it", ("Tensor.min", "other"): "PyTorch takes it",
    ("Tensor.copy_", "other"): "PyTorch takes it, and not the src of its documentation",
    ("Tensor.log_softmax", "dtype"): "PyTorch takes it; its documentation does not say so",
    ("Tensor.dot", "tensor"): "PyTorch's function takes it, and its method too",
    **{("normal", name): "PyTorch takes it" for name in ("device", "dtype", "requires_grad")},
    **{(f"F.{name}", "generator"): "PyTorch draws from a global generator; ours can be given one"
       for name in ("alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
                    "rrelu")},
    **{("F.scaled_dot_product_attention", name): "PyTorch takes it; its documentation's first lines do not say so"
       for name in ("enable_gqa", "is_causal", "scale")},
}  # fmt: skip
# functions that PyTorch has as methods only, elsewhere or not at all
OURS = {"expand", "export_onnx", "pad", "summary", "view"}


def torchs_signatures(torch, function):
    """List the argument names of each signature that PyTorch's documentation or its list for overriding gives."""
    head = r"^[ \t]*(?:\.\. (?:function|method):: )?(?:torch\.)?(\w+)\((.*)\)(?= *(?:->.*)?$)"
    found = [
        [re.match(r"[\\*]*(\w*)", a.strip())[1] for a in inside.split(",")]
        for name, inside in re.findall(head, function.__doc__ or "", re.MULTILINE)
        if name == function.__name__
    ]
    overriding = torch.overrides.get_testing_overrides().get(function)
    for f in (overriding, function if inspect.isfunction(function) else None):
        found += [[*inspect.signature(f).parameters]] if f is not None else []
    return found


@pytest.mark.parametrize("name", sorted({*PUBLIC} - OURS))
def test_arguments_have_pytorchs_names_in_pytorchs_order(name):
    torch = pytest.importorskip("torch")
    function, where = PUBLIC[name]
    last = name.rpartition(".")[2]
    home = {"": torch, "nn.functional": torch.nn.functional, "Tensor": torch.Tensor}[where]
    signatures = torchs_signatures(torch, getattr(home, last, None) or getattr(torch, last))
    assert signatures
    names = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    names = names[1:] if where == "Tensor" else names
    known = {n for signature in signatures for n in signature}
    assert {n for n in names if n not in known} == {n for of, n in DIFFERENT if of == name}
    for signature in signatures:
        placed = [*itertools.takewhile(bool, signature)]  # up to the * before those that are given by name only
        here = [n for n in names if n in placed]
        assert here == sorted(here, key=placed.index)


ROOMS = {"nn": tg.nn, "optim": tg.optim, "optim.lr_scheduler": tg.optim.lr_scheduler, "utils.data": tg.data}


@pytest.mark.parametrize("room", ROOMS)
def test_classes_and_their_methods_have_pytorchs_argument_names(room):
    torch = pytest.importorskip("torch")
    theirs = importlib.import_module(f"{torch.__name__}.{room}")
    shared = [n for n in dir(ROOMS[room]) if isinstance(getattr(theirs, n, None), type) and n != "Parameter"]
    assert len(shared) > 2
    for cls, twin in ((getattr(ROOMS[room], name), getattr(theirs, name)) for name in shared):
        for name in {"__init__", *(n for n in dir(cls) if n[0] != "_" and callable(getattr(cls, n)))} & {*dir(twin)}:
            known, own = (inspect.signature(getattr(c, name)).parameters.values() for c in (twin, cls))
            ours = {"generator", "epoch"}  # draws of one's own; schedules share step(epoch), which some refuse
            named = {p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
            unknown = named - {p.name for p in known} - ours
            assert not unknown or any(p.kind is p.VAR_KEYWORD for p in known), f"{cls.__name__}.{name}"


def test_what_stands_for_nothing_in_pytorch_is_so():
    torch = pytest.importorskip("torch")
    assert not [name for name in OURS if hasattr(torch, name)]


def test_what_the_script_writes_is_what_is_checked_in():
    stale = [path.name for path, text in texts().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run python tests/public_names.py"


def test_every_elementwise_primitive_is_public_or_internal():
    families = {f"tinygrad_mnist.ops.{family}" for family in FAMILIES}
    plain = {p.name for p in registry.values() if p.__module__ in families and not {*p.static} - {"out"}}
    assert plain == {f.name for family, f in primitives().values() if family in FAMILIES} | INTERNAL


def test_every_error_is_in_errors():
    internal = {"ArchiveError", "TooMany", "Unpaired"}  # caught where they are raised
    for module in [m for n, m in sys.modules.items() if n.startswith("tinygrad_mnist")]:
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__:
                assert name in internal or getattr(tg.errors, name) is value


@pytest.mark.parametrize("room", ["autograd", "compiler", "functions", "nn", "optim", "tensors"])
def test_sections_of_docstrings_have_their_text_below_the_heading(room):
    for path in (PACKAGE / room).rglob("*.py"):
        beside = re.findall(r"^ +(?:Args|Math|Raises|Shapes|Source|Units): .*", path.read_text("utf-8"), re.MULTILINE)
        assert not beside, path.name


def test_public_names_are_what_they_say_after_every_module_is_imported():
    for found in pkgutil.walk_packages(tg.__path__, "tinygrad_mnist."):
        try:
            importlib.import_module(found.name)
        except ImportError as error:  # an extra that is not installed
            assert error.name and not error.name.startswith("tinygrad_mnist")
    rooms = {"autograd", "data", "errors", "func", "linalg", "nn", "optim", "training", "viz"}
    rooms |= {"backends", "utils", "datasets", "transforms"}
    assert {name for name in tg.__all__ if isinstance(getattr(tg, name), ModuleType)} == rooms
    files = {path.stem for path in PACKAGE.iterdir()}
    assert not files & ({*tg.__all__} - rooms)
    for room in (getattr(tg, name) for name in rooms - {"errors", "linalg", "backends", "utils"}):
        modules = {name for name in room.__all__ if isinstance(getattr(room, name), ModuleType)}
        known = {"forward_ad", "function", "functional", "init", "utils", "lr_scheduler", "swa_utils"}
        assert modules <= known, room.__name__
