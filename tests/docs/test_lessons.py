"""The lessons: fourteen percent files, each a program by itself that ends with exercises. The site's build runs all."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "docs" / "lessons").glob("[0-9]*.py"))


def test_there_are_fourteen_in_order():
    assert [path.name[:3] for path in LESSONS] == [f"{i:02}_" for i in range(1, 15)]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_a_title_cells_with_words_and_exercises(path):
    text = path.read_text(encoding="utf-8")
    title, line, *_ = ast.get_docstring(ast.parse(text)).splitlines()
    assert title.startswith(f"{int(path.stem[:2])}. ") and line == "=" * len(title)
    assert len([cell for cell in text.split("\n# %%\n")[1:] if cell.startswith("# ")]) > 5
    _, exercises = re.split(r"^# Exercises\n# -+\n", text, flags=re.MULTILINE)
    assert len(re.findall(r"^# \d\. ", exercises, flags=re.MULTILINE)) >= 3
    asserts = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assert)]
    assert len(asserts) > 3  # what the text claims is held


@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_a_lesson_runs_alone_and_leaves_nothing(number, tmp_path):
    pytest.importorskip("sklearn")  # whose digits are read where MNIST is not
    pytest.importorskip("matplotlib")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TINYGRAD_MNIST_OFFLINE": "1"}
    command = [sys.executable, LESSONS[number - 1]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not [*tmp_path.iterdir()]
