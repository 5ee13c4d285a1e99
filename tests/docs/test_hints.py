"""The page of hints has a section for every lesson, and in it a hint for every exercise, folded."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
LESSONS = sorted((DOCS / "lessons").glob("[0-9]*.py"))
SECTIONS = re.split(r"^\(lesson-(\d+)\)=\n", (DOCS / "hints.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


def exercises(path):
    """Give the numbers of a lesson's exercises."""
    below = path.read_text(encoding="utf-8").rpartition("# Exercises\n")[2]
    return [int(n) for n in re.findall(r"^# (\d+)\. ", below, flags=re.MULTILINE)]


def test_every_lesson_has_a_section_in_order():
    assert [int(n) for n in SECTIONS[::2]] == [int(path.name[:2]) for path in LESSONS]


@pytest.mark.parametrize("number", range(len(LESSONS)), ids=[path.stem for path in LESSONS])
def test_every_exercise_has_a_hint(number):
    path, section = LESSONS[number], SECTIONS[2 * number + 1]
    assert section.startswith(f"## {number + 1}. ") and f"{{doc}}`/learn/{path.stem}`" in section
    hints = re.findall(r"^:::\{dropdown\} Exercise (\d+)\n(.*?)^:::$", section, flags=re.MULTILINE | re.DOTALL)
    assert [int(n) for n, _ in hints] == exercises(path)
    assert all(len(re.findall(r"\w+", text)) > 12 for _, text in hints)
