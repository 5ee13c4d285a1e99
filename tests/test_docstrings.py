"""Docstrings are read by people and by Sphinx: examples run and print what they say, sections have napoleon's form."""

import builtins
import doctest
import importlib
import inspect
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg

ROOT = Path(tg.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__main__.py")
FILES = [path for path in MODULES if ">>> " in path.read_text("utf-8")]
SECTIONS = {"Math", "Shapes", "Units", "Args", "Returns", "Raises", "Source", "Example"}


def module_of(path):
    return importlib.import_module(".".join((ROOT.name, *path.relative_to(ROOT).with_suffix("").parts)))


def run(examples):
    """Run examples; raise what they raise, so that a package which is not installed skips them."""
    try:
        doctest.DebugRunner().run(examples)
    except doctest.UnexpectedException as error:
        raise error.exc_info[1] from None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_print_what_they_say(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = module_of(path)
    names = {"tg": tg, "nn": tg.nn, "viz": tg.viz, "np": np}
    found = [t for t in doctest.DocTestFinder().find(module, globs=names) if t.examples]
    assert sum(len(t.examples) for t in found) >= path.read_text("utf-8").count(">>> ") > 0
    for examples in found:
        run(examples)


def test_an_example_that_is_wrong_fails():
    parse = doctest.DocTestParser().get_doctest
    with pytest.raises(doctest.DocTestFailure):
        run(parse(">>> 1 + 1\n3\n", {}, "wrong", None, 0))
    with pytest.raises(ZeroDivisionError):
        run(parse(">>> 1 / 0\n", {}, "raises", None, 0))


# the fifty that examples/, docs/ and tests/programs used most when this was written, with their counts: attributes from
# tg, nn, F, ...; methods of Tensor by name (so that NumPy's arrays are counted with them: mean, sum, item, max ...)
USED = """
    mean 110, nn.Linear 96, sum 75, Tensor.item 72, nn.ReLU 53, reshape 51, nn.Sequential 50, Tensor.backward 44,
    nn.Module 42, max 39, nn.Conv2d 35, Tensor.to 34, nn.Flatten 30, tensor 30, Tensor.numpy 29, no_grad 28, argmax 25,
    nn.Sigmoid 25, data.DataLoader 24, manual_seed 21, optim.SGD 20, norm 19, from_numpy 19, relu 18, Tensor.detach 18,
    randn 18, nn.CrossEntropyLoss 17, nn.MaxPool2d 17, nn.Dropout 15, training.evaluate 15, transpose 15,
    nn.functional.cross_entropy 15, autograd.grad 14, flatten 14, optim.Adam 13, zeros 13, nn.Parameter 13, rand 11,
    training.fit 10, nn.LayerNorm 10, data.TensorDataset 10, nn.Tanh 10, softmax 10, matmul 10, training.predict 9,
    nn.functional.relu 9, nn.BatchNorm2d 8, ones 8, compile 8, load 7
"""
# and what a reader looks for first, however often it is used
SOUGHT = """
    save, cat, nn.Embedding, autograd.gradcheck, optim.lr_scheduler.OneCycleLR, summary, viz.graph, viz.player,
    viz.explain, viz.failed, viz.plot_curves, viz.confusion_matrix, training.Statistics, func.grad, func.vmap
"""


@pytest.mark.parametrize("name", re.findall(r"[A-Za-z][\w.]*", USED + SOUGHT))
def test_what_is_used_most_has_an_example(name):
    thing = tg
    for part in name.split("."):
        thing = getattr(thing, part)
    heading, _, example = inspect.getdoc(thing).rpartition("Example:\n")
    assert heading and example.startswith("    >>> ")


def test_the_names_used_most_are_fifty():
    assert len(re.findall(r"[A-Za-z][\w.]* \d+", USED)) == 50


def sections(text):
    """Yield every heading, what stands beside it, and what begins an entry below it."""
    lines = inspect.cleandoc(text).splitlines()
    for i, line in enumerate(lines):
        heading, colon, beside = line.partition(":")
        if colon and (heading in SECTIONS or not beside and re.fullmatch("[A-Z][a-z]+", heading)):
            body = itertools.takewhile(lambda x: not x or x[0] == " ", lines[i + 1 :])
            yield heading, beside.strip(), [x.strip() for x in body if re.match(r"    \S", x)]


def faults(text, parameters, names):
    """Tell what napoleon would not read as it is meant."""
    found = []
    for heading, beside, entries in sections(text):
        if heading not in SECTIONS or beside or not entries:
            found.append(f"{heading}: is no section, has text beside it or none below")
        for entry in entries if heading in ("Args", "Raises") else ():
            known = re.match(r"([\w*]+(?:, [\w*]+)*): \S", entry)
            for name in known[1].replace("*", "").split(", ") if known else ("",):
                error = names.get(name, getattr(builtins, name, None))
                raised = isinstance(error, type) and issubclass(error, Exception)
                if not (raised if heading == "Raises" else name in parameters):
                    found.append(f"{heading}: {entry}")
    return found


def parameters_of(thing):
    """List the parameters of a function, or of a class, of calls of its instances, and of the function they call."""
    calls = [thing, *(getattr(thing, n, None) for n in ("forward", "function"))] if isinstance(thing, type) else [thing]
    return {name for call in filter(None, calls) for name in inspect.signature(call).parameters}


def documented(path):
    """Yield the functions, classes and methods of a file."""
    module = module_of(path)
    for thing in vars(module).values():
        if isinstance(thing, type) and thing.__module__ == module.__name__:
            yield thing
            yield from filter(inspect.isfunction, map(inspect.unwrap, map(unbound, vars(thing).values())))
        elif inspect.isfunction(inspect.unwrap(thing)) and thing.__module__ == module.__name__:
            yield inspect.unwrap(thing)


def unbound(member):
    return member.__func__ if isinstance(member, staticmethod | classmethod) else member


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sections_have_the_form_that_tools_read(path):
    if "sklearn" in path.parts:
        pytest.importorskip("sklearn")
    for thing in (found for found in documented(path) if found.__module__.startswith(ROOT.name)):
        names = vars(tg.errors) | vars(module_of(path))
        text = (vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__) or ""
        known = parameters_of(thing) if "Args:" in text else set()
        assert not (found := faults(text, known, names)), (thing.__qualname__, found)


@pytest.mark.parametrize("wrong", [
    "Args:    x: on one line", "Args:\n    y: no parameter", "Args:\n    as elsewhere", "Args:\n    x, y: both",
    "Raises:  ShapeError: here", "Raises:\n    ShapeError for that", "Raises:\n    OtherError: that",
    "Raises:\n    Path: no error", "Args:", "Usage:\n    x: that",
])  # fmt: skip
def test_a_section_of_another_form_is_found(wrong):
    good = "Do it.\n\nThis: that.\nArgs:\n    x: that,\n        y: on\nRaises:\n    ShapeError, OSError: then\n"
    assert not faults(good, {"x"}, vars(tg.errors))
    assert len(faults(good + wrong, {"x"}, vars(tg.errors) | globals())) == 1
