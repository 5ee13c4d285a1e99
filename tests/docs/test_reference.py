"""The reference names all that is public, each once: docs/extensions/reference.py, against the package itself."""

import dataclasses
import doctest
import importlib
import inspect
import re
import sys
import warnings
from collections import Counter
from pathlib import Path

import pytest

import tinygrad_mnist as tg

pytest.importorskip("sphinx")
pytest.importorskip("sklearn")
sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "extensions"))
import docstrings  # noqa: E402
import from_pytorch  # noqa: E402
import reference  # noqa: E402
import topics  # noqa: E402

import examples  # noqa: E402

OPERATIONS = {"elementwise", "reductions", "shapes", "algebra", "functional"}
TARGET = re.compile(r"^\.\. py:\w+:: tg\.([\w.]+)", re.MULTILINE)


@pytest.fixture(scope="module")
def texts():
    return reference.texts()


def public():
    """List all public names, from what rooms export, by other code than the reference's."""
    rooms = {*from_pytorch.ROOMS, *topics.ROOMS} - {"tg"}
    for room in rooms:
        for name in from_pytorch.names_of(room):
            whole = f"{room}.{name}".lstrip(".")
            if type(getattr(from_pytorch.ours_of(room), name, None)).__name__ != "module":
                yield whole


def test_every_public_name_stands_there_exactly_once(texts):
    counts = Counter(name for text in texts.values() for name in TARGET.findall(text))
    assert {name for name, count in counts.items() if count > 1} == set()
    assert {*counts} == {*public()}
    assert len(counts) > 1000


def test_docstrings_are_there_in_full(texts):
    whole = "\n".join(texts.values())
    for name in ("matmul", "nn.Linear", "training.fit", "viz.graph", "optim.Adam"):
        thing = reference.entries()[name].thing
        entry = whole.partition(f":: tg.{name}(")[2].partition("\n.. py:")[0]
        words = set(re.findall(r"[A-Za-z]{3,}", thing.__doc__)) - {"Args", "Raises"}
        assert words <= set(re.findall(r"[A-Za-z]{3,}", entry)), name


def test_every_entry_and_page_says_what_it_is(texts):
    assert not [name for name, entry in reference.entries().items() if not reference.first(entry)]
    index = texts["index"]
    assert all(f":py:obj:`{reference.short(n)} <tg.{n}>`" in index for n in reference.entries())
    assert all(f"\n   {page.file}\n" in index for page in topics.PAGES)


def test_a_name_without_a_page_fails(monkeypatch):
    monkeypatch.setattr(reference, "PAGES", [p for p in topics.PAGES if p.file != "optim"])
    with pytest.raises(LookupError, match=r"no page for optim\."):
        reference.placed.__wrapped__()


def test_examples_are_nearly_everywhere_and_print_what_they_say():
    operations = [page for page in topics.PAGES if page.file in OPERATIONS]
    found = {e.name: e for page in operations for h in page.families for e in reference.placed()[page.file, h]}
    shown = {name: text for name in found if (text := examples.example(name))}
    lacking = [n for n, e in found.items() if n not in shown and ">>> " not in inspect.getdoc(e.thing)]
    assert len(found) > 300 and all(name.startswith("nn.utils.") for name in lacking) and len(lacking) < 12
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, text in shown.items():
            space = {"tg": tg, "nn": tg.nn, "F": tg.nn.functional}
            test = doctest.DocTestParser().get_doctest(text + "\n", space, name, None, 0)
            assert test.examples
            doctest.DebugRunner().run(test)
    assert "tg.func.grad" in shown["exp"] and "tg.func.grad" not in shown["scatter_add"] + shown["nn.init.ones_"]


def test_gradients_are_compared_with_those_by_hand(monkeypatch):
    case = next(c for c in examples.by_hand()["tan"] if c.examples)
    *_, call, gradient = examples.from_case("tan", True)
    assert ">>> tg.func.grad(lambda x: tg.tan(x).sum())(x)" in call and gradient == "tensor([1., 2.])"
    wrong = dataclasses.replace(case.examples[0], gradients=(case.examples[0].gradients[0] + 1,))
    monkeypatch.setattr(examples, "by_hand", lambda: {"tan": [dataclasses.replace(case, examples=(wrong,))]})
    with pytest.raises(ValueError, match="tan: the gradients are not what"):
        examples.from_case("tan", True)
    monkeypatch.setattr(examples, "by_hand", dict)  # without what the tests need
    assert examples.from_case("tan", True) == []


def test_what_classes_call_themselves_is_not_shown():
    torch = pytest.importorskip("torch")
    beside = {"numpy", "pop", "insert", "init_state", "update"}  # of Generator, lists, and optimizers of one's own
    for entry in reference.entries().values():
        room = from_pytorch.ROOMS.get("utils.data" if entry.room == "data" else entry.room, "")
        if not isinstance(entry.thing, type) or not room.startswith("torch.") or entry.thing is tg.Tensor:
            continue
        other = getattr(importlib.import_module(room), entry.name.rpartition(".")[2], None)
        unlike = {n for n in reference.members(entry.thing) if not hasattr(other, n)} if other else set()
        assert unlike <= beside, entry.name
    assert torch.nn.Conv2d and not {"plain"} & {*reference.members(tg.nn.Conv2d)}
    assert "step" in reference.members(tg.optim.Adam.__mro__[2])


def test_families_of_large_pages_have_pages_of_their_own(texts):
    assert ":: tg.nn.Conv2d(" in texts["nn_convolution"] and ":: tg.nn." not in texts["nn"]
    assert ":py:obj:`nn.Conv2d <tg.nn.Conv2d>`" in texts["nn"] and "   Convolution <nn_convolution>\n" in texts["nn"]
    assert max(len(text) for name, text in texts.items()) < 45_000


def test_prose_is_escaped_and_names_are_links():
    known = {"tg.sum": "tg.sum"}
    assert docstrings.prose("a_ |x| *y `z`s `tg.sum`", lambda n: known.get(n, "")) == (
        r"a\_ \|x\| \*y ``z``\ s :py:obj:`tg.sum <tg.sum>`"
    )
    assert docstrings.summary("Do it, as in fig. 3 of that. Then more.\n\nMore.") == "Do it, as in fig. 3 of that."
    assert reference.link("x.sum()") == "tg.Tensor.sum" and reference.link("dim", "nn") == ""
    assert ":raises ShapeError: then" in docstrings.rest("Do.\n\nMath:\n    x\nRaises:\n    ShapeError: then\n")


def test_signatures_are_readable():
    assert reference.signature(tg.sum) == "(input, dim=None, keepdim=False, *, dtype=None)"
    assert reference.signature(tg.Tensor.backward, bound=True).startswith("(gradient=None, retain_graph=None")
    assert not [e.name for e in reference.entries().values() if " at 0x" in reference.signature(e.thing)]
