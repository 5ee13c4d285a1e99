"""Examples in docstrings run, and print what they say; what is used most has one."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import tinygrad_mnist as tg

ROOT = Path(tg.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text("utf-8"))


def run(examples):
    """Run examples; raise what they raise, so that a package which is not installed skips them."""
    try:
        doctest.DebugRunner().run(examples)
    except doctest.UnexpectedException as error:
        raise error.exc_info[1] from None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_print_what_they_say(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(".".join((ROOT.name, *path.relative_to(ROOT).with_suffix("").parts)))
    names = {"tg": tg, "nn": tg.nn, "viz": tg.viz}
    found = [t for t in doctest.DocTestFinder().find(module, globs=names) if t.examples]
    assert sum(len(t.examples) for t in found) == path.read_text("utf-8").count(">>> ")
    for examples in found:
        run(examples)


def test_an_example_that_is_wrong_fails():
    parse = doctest.DocTestParser().get_doctest
    with pytest.raises(doctest.DocTestFailure):
        run(parse(">>> 1 + 1\n3\n", {}, "wrong", None, 0))
    with pytest.raises(ZeroDivisionError):
        run(parse(">>> 1 / 0\n", {}, "raises", None, 0))


@pytest.mark.parametrize("name", [
    "summary", "viz.graph", "viz.player", "viz.explain", "viz.failed", "viz.plot_curves", "viz.confusion_matrix",
    "training.Statistics",
])  # fmt: skip
def test_what_is_used_most_has_an_example(name):
    thing = tg
    for part in name.split("."):
        thing = getattr(thing, part)
    assert ">>> " in inspect.getdoc(thing)
