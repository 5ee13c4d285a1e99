"""The reference names all that is public, each once: docs/extensions/reference.py, against the package itself."""

import re
import sys
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
        reference.placed()


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
