"""The index of errors has every message whose text the source tells, and for each class a meaning and a cure."""

import ast
import re
import sys
from pathlib import Path

import pytest

import tinygrad_mnist as tg

pytest.importorskip("sphinx")
sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "extensions"))
import errors_index  # noqa: E402
import errors_met  # noqa: E402

PACKAGE = Path(tg.__file__).parent


@pytest.fixture(scope="module")
def page():
    return errors_index.page()


def words(text):
    """List the words of a text, without marks."""
    return re.findall(r"[A-Za-z]{2,}", text)


def literal():
    """Yield the file, class and fixed words of every raise whose message is written in place, by other code."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            call = getattr(node, "exc", None) if isinstance(node, ast.Raise) else None
            if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr):
                parts = getattr(call.args[0], "values", [call.args[0]])
                fixed = [str(p.value) for p in parts if isinstance(p, ast.Constant)]
                if (name := ast.unparse(call.func).rpartition(".")[2]) in vars(tg.errors):
                    yield str(path.relative_to(PACKAGE)), name, fixed


def test_every_raise_with_a_literal_message_is_there():
    known = [(set(files), m.kind, m.text) for m, files in errors_index.messages().items()]
    count = 0
    for file, kind, fixed in literal():
        wanted = [text.strip() for text in fixed if text.strip()]
        assert any(file in files and kind == k and all(w in text for w in wanted) for files, k, text in known), fixed
        count += 1
    assert count > 250


def test_the_page_shows_each_with_its_file_and_a_place_of_its_own(page):
    blocks = page.partition("All messages\n---")[2].split("\n   .. _")[1:]
    found = sorted(errors_index.messages().items())
    places = [block.partition(":")[0] for block in blocks]
    assert len(blocks) == len(found) == len({*places})
    order = [*errors_index.CLASSES]
    found.sort(key=lambda item: order.index(item[0].kind))
    for (message, files), block, place in zip(found, blocks, places, strict=True):
        assert place.startswith(f"{message.kind.lower()}-") and place[-1] != "-"
        assert f"   {errors_index.shown(message.text)} `# <#{place}>`__\n" in block
        assert all(f"``{file}``" in block for file in files)
        for label, said in (("expected", message.expected), ("try", message.hint)):
            rows = [f"| {label if i == 0 else 'or'}: {errors_index.shown(text)}" for i, text in enumerate(said)]
            assert all(f"      {row}\n" in block for row in rows)


def test_what_is_put_in_cannot_be_read_as_text():
    assert errors_index.shown("x has {features} features, not {...}.") == (
        "x has \\ *⟨features⟩*\\  features, not \\ *⟨…⟩*\\ ."
    )


@pytest.mark.parametrize("met", errors_met.MET, ids=lambda met: met.code.split("\n")[1].strip()[:40])
def test_what_beginners_meet_is_raised_and_shown_as_it_is(page, met):
    raised = errors_met.error(met)
    assert type(raised).__name__ == met.kind
    section = page.partition("The errors that beginners meet\n---")[2].partition("All messages\n---")[0]
    heading = errors_index.docstrings.escaped(raised.problem)
    below = section.partition(f"\n{heading}\n{'~' * len(heading)}\n")[2].partition("\n~~~")[0]
    assert f"   {met.kind}: {raised.problem}\n" in below and "/" not in raised.problem
    assert all(f"   {line}\n" in below for line in str(raised).splitlines()[1:])
    assert all(f"**{part}.** " in below for part in ("What happened", "How to see it", "How to mend it"))
    assert f"<error-{met.kind.lower()}>`" in below
    assert f".. _error-{met.kind.lower()}:" in page


def test_what_no_longer_fails_is_told():
    with pytest.raises(AssertionError, match="no error"):
        errors_met.error(errors_met.MET[0]._replace(code="tg.ones(3)"))


def test_a_package_is_missing_only_inside():
    with errors_met.without("json"), pytest.raises(ModuleNotFoundError, match="No module named 'json'"):
        import json
    import json

    assert json.loads("1") == 1 and sys.modules["json"] is json


def test_each_class_has_a_meaning_and_a_cure(page):
    kinds = {n for n, k in vars(tg.errors).items() if isinstance(k, type) and issubclass(k, tg.TinygradError)}
    assert {*errors_index.CURES} == kinds
    for kind in kinds:
        section = page.partition(f"\n{kind}\n{'~' * len(kind)}\n")[2]
        meaning, _, cure = section.partition("**Cure:** ")
        assert {*words(errors_index.docstrings.summary(vars(tg.errors)[kind].__doc__))} <= {*words(meaning)}
        assert len(words(cure.partition("\n")[0])) > 3


@pytest.mark.parametrize(("source", "expected"), [
    ('raise ShapeError("a.")', {"a."}), ('raise ShapeError(f"{x.who}: b {n}.")', {"{...}: b {n}."}),
    ('what = "c" if y else "d"\n    raise ShapeError(what)', {"c", "d"}),
    ('for bad, what in ((1, "e"), (2, "f")):\n        raise errors.ShapeError(f"g {what}")', {"g e", "g f"}),
    ("raise ShapeError(text())", set()), ('raise OtherError("h")', set()),
])  # fmt: skip
def test_messages_are_read_from_source(tmp_path, source, expected):
    (path := tmp_path / "a.py").write_text(f"def f(x, n, y):\n    {source}\n")
    found = {text for call, _, names in errors_index.made(path) for text in errors_index.texts(call.args[0], names)}
    assert found == expected


def test_what_stands_beside_a_value_keeps_its_distance():
    assert errors_index.shown("below {sizes}") == r"below \ *⟨sizes⟩*" and r"\ · " not in errors_index.page()
