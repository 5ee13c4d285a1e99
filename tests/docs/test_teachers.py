"""Worksheets and their grader: what is blank, right, wrong in many ways, broken or endless is told apart.

Solutions are the lessons themselves; mistakes are planted in them, one at a time. Look next at docs/teachers/grade.py.
"""

from __future__ import annotations

import ast
import copy
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

TEACHERS = Path(__file__).parents[2] / "docs" / "teachers"
ENGINE, OPERATION = "03_build_the_engine", "08_write_an_operation"


def load(name):
    sys.path.insert(0, str(TEACHERS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(TEACHERS))


blanks, worksheets, grade = load("blanks"), load("worksheets"), load("grade")
SHEETS = worksheets.SHEETS
NAMES = [*SHEETS]
STEPS = ("Tensor.backward", "reachable", "pull_back")  # which give no gradient of one operation
PLACES = [(name, blank.place) for name in SHEETS for blank in SHEETS[name] if blank.place not in STEPS]


def judged(text, name, place):
    """Grade one blank of a program, in this process."""
    return grade.verdict(text, name, [blank.place for blank in SHEETS[name]].index(place))


def planted(name, place, change):
    """Give a lesson in which what is returned at a place is changed; change: of an expression's text."""
    tree = ast.parse(worksheets.solution(name))
    node = blanks.find(tree, place)

    def changed(x):
        return ast.parse(change(ast.unparse(x)), mode="eval").body

    if isinstance(node, ast.Lambda):
        node.body = changed(node.body)
    else:
        returned = [x for x in ast.walk(node) if isinstance(x, ast.Return)][-1]
        returned.value = changed(returned.value)
    return ast.unparse(tree)


def replaced(name, old, new):
    text = worksheets.solution(name)
    assert text.count(old) == 1, f"{old} is no longer in the lesson, or more than once"
    return text.replace(old, new)


# ---------------------------------------------------------------- worksheets


@pytest.mark.parametrize("name", NAMES)
def test_a_worksheet_is_the_lesson_with_all_its_blanks_and_no_other_change(name):
    sheet, lesson = ast.parse(worksheets.worksheet(name)), ast.parse(worksheets.solution(name))
    for blank in SHEETS[name]:
        mine, theirs = blanks.find(sheet, blank.place), blanks.find(lesson, blank.place)
        assert blanks.is_empty(mine) and not blanks.is_empty(theirs)
        assert ast.unparse(mine.args) == ast.unparse(theirs.args)
        mine.body = theirs.body
    assert ast.dump(ast.Module(sheet.body[1:], [])) == ast.dump(ast.Module(lesson.body[1:], []))
    assert ast.get_docstring(sheet).startswith(ast.get_docstring(lesson).partition("\n")[0])
    text = worksheets.worksheet(name)
    comments = [line for line in worksheets.solution(name).splitlines() if line.startswith("#")]
    assert [line for line in text.splitlines() if line.startswith("#")] == comments
    asked = [b.asks for b in SHEETS[name] if isinstance(blanks.find(lesson, b.place), ast.FunctionDef)]
    assert all(f"...  # your turn: {asks}\n" in text for asks in asked)


def test_worksheets_are_written_once_and_never_over_answers(tmp_path):
    command = [sys.executable, TEACHERS / "worksheets.py", tmp_path / "new", "--only", "02_tensors"]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 0 and "3 blanks" in first.stdout, first.stderr
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["02_tensors.py"]
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode != 0 and "is there already" in again.stderr


# ---------------------------------------------------------------- the grader


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_has_full_marks_and_the_worksheet_none(name, tmp_path):
    solution, sheet = tmp_path / "ada.py", tmp_path / f"{name}_ben.py"
    solution.write_text(worksheets.solution(name), "utf-8")
    sheet.write_text(worksheets.worksheet(name), "utf-8")
    rows = grade.grade(solution, name)
    assert [(row["place"], row["verdict"]) for row in rows] == [(b.place, "right") for b in SHEETS[name]]
    assert grade.mark(rows) == len(rows)
    rows = grade.grade(sheet, grade.lesson_of(sheet))
    assert {row["verdict"] for row in rows} == {"missing"} and grade.mark(rows) == 0


@pytest.mark.parametrize(("name", "place"), PLACES)
@pytest.mark.parametrize("mistake", ["sign", "factor"])
def test_a_wrong_sign_and_a_missing_factor_are_wrong(name, place, mistake):
    node = blanks.find(ast.parse(worksheets.solution(name)), place)
    value = blanks.body_of(node)[-1]
    several = isinstance(getattr(value, "value", None), ast.Tuple) or place == "slopes"
    sign = "type({0})(-v for v in {0})" if several else "-({0})"
    factor = "type({0})(v * 2 for v in {0})" if several else "({0}) * 2.0"
    text = planted(name, place, {"sign": sign, "factor": factor}[mistake].format)
    found = judged(text, name, place)
    assert found["verdict"] == "wrong", found
    assert "given " in found["text"] and ("numeric " in found["text"] or "expected " in found["text"])
    others = [b.place for b in SHEETS[name] if b.place != place][:1]
    assert all(judged(text, name, other)["verdict"] == "right" for other in others), "each is judged by itself"


WRONG = {
    "g forgotten": (ENGINE, "exp.x", "lambda g, out, x: g * out)", "lambda g, out, x: out)", "order 1"),
    "the other argument": (ENGINE, "multiply.a", "multiply = operation(np.multiply, lambda g, out, a, b: g * b",
                           "multiply = operation(np.multiply, lambda g, out, a, b: g * a",
                           "order 1: the gradient of a[0, 0]: given "),
    "recorded nowhere": (ENGINE, "tanh.x", "g * (1 - out * out)", "g * (1 - out.data * out.data)", "order 2"),
    "not added": (ENGINE, "pull_back", "sums[x] + gx if x in sums else gx", "gx", "order 1: a * a + a: "),
    "stretched, not summed": (ENGINE, "pull_back", "gx if gx.shape == x.shape else sum_to(gx, shape=x.shape)", "gx",
                              "shape"),
    "the wrong way round": (ENGINE, "reachable", "key=lambda t: t.index, reverse=True", "key=lambda t: t.index",
                            "a stands before c, which used it"),
    "one left out": (ENGINE, "reachable", "{out}, [out]", "{out, *out.inputs}, [out]",
                     "expected each of a b c d e once"),
    "overwritten": (ENGINE, "Tensor.backward", "g.data if t.grad is None else t.grad + g.data", "g.data", "which adds"),
    "left on results": (ENGINE, "Tensor.backward", "if not t.inputs:", "if True:", "a result got a .grad"),
    "sum forgotten": ("02_tensors", "multiply_backward", "sum_to(g * b, a.shape), sum_to(g * a, b.shape)",
                      "g * b, g * a", "the gradient of b: given shape (2, 3), and b has (3,)"),
    "one row of many": ("02_tensors", "linear_backward", "x.T @ g, sum_to(g, b.shape)", "x.T @ g, g[0]",
                        "the gradient of b[0]: given "),
    "axes of size 1 forgotten": ("02_tensors", "sum_to", "g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), "
                                 "keepdims=True)", "g", "to (2, 1)"),
    "one gradient too few": ("02_tensors", "linear_backward", ", x.T @ g, sum_to(g, b.shape)", ", x.T @ g",
                             "expected 3 gradients"),
    "a use forgotten": ("01_backprop_by_hand", "shared_backward", "    d_c += d_product * a", "    0",
                        "the gradient of a: given "),
    "the chain cut": ("01_backprop_by_hand", "neuron_backward", "d_s = d_o * (1 - o * o)", "d_s = d_o", "of x: given"),
    "right at one order": (OPERATION, "log_cosh_vjp_x", "def log_cosh_vjp_x(g, out, x):\n    return g * tg.tanh(x)",
                           "def log_cosh_vjp_x(g, out, x):\n    return g * np.tanh(np.asarray(x))", "order 2"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_what_students_get_wrong_is_wrong(mistake):
    name, place, old, new, said = WRONG[mistake]
    found = judged(replaced(name, old, new), name, place)
    assert found["verdict"] == ("right at order 1" if said == "order 2" else "wrong"), found
    assert said in found["text"]


def test_another_right_way_and_helpers_of_ones_own_are_right():
    text = replaced(ENGINE, "lambda g, out, x: g * (1 - out * out))", "lambda g, out, x: g * flat(out, ONE))")
    helper = "ONE = 1.0\n\n\ndef flat(out, one):\n    return one - out**2\n\n\ntanh = operation"
    text = text.replace("tanh = operation", helper)
    assert judged(text, ENGINE, "tanh.x")["verdict"] == "right"


def test_what_raises_says_so_with_its_line():
    text = replaced(ENGINE, "lambda g, out, x: g / x)", "lambda g, out, x: g / y)")
    line = next(i for i, row in enumerate(text.splitlines(), 1) if "g / y" in row)
    found = judged(text, ENGINE, "log.x")
    assert found == {"verdict": "raised", "text": f"NameError: name 'y' is not defined, line {line}"}


def test_a_rule_that_is_gone_is_missing():
    tree = ast.parse(worksheets.solution(OPERATION))
    tree.body = [n for n in tree.body if getattr(n, "name", "") != "LogCosh"]
    assert judged(ast.unparse(tree), OPERATION, "LogCosh.backward")["verdict"] == "missing"


def test_endless_and_deadly_programs_cost_one_rule_each(tmp_path):
    loop = replaced("02_tensors", "    return g @ w.T, x.T @ g, sum_to(g, b.shape)", "    while True:\n        pass")
    path = tmp_path / "02_tensors.py"
    deadly = loop.replace("    return sum_to(g * b, a.shape), ", "    import os; os._exit(0)\n    return ")
    path.write_text(deadly, "utf-8")
    rows = grade.grade(path, "02_tensors", seconds=2)
    assert [row["verdict"] for row in rows] == ["right", "raised", "raised"]
    assert [row["text"] for row in rows[1:]] == ["the program ended the process", "took longer than 2 s"]


def test_what_a_program_prints_is_no_verdict(tmp_path):
    path = tmp_path / "02_tensors.py"
    fake = "    import sys; print('{\"verdict\": \"right\", \"text\": \"\"}'); sys.exit()  #"
    path.write_text(worksheets.worksheet("02_tensors").replace("    ...  # your turn: sum", fake), "utf-8")
    rows = grade.grade(path, "02_tensors")
    assert [row["verdict"] for row in rows] == ["raised", "missing", "missing"] and "SystemExit" in rows[0]["text"]


def test_the_command_reads_programs_and_notebooks(tmp_path):
    next_rule = "\n\n\n@long_side.vjp"
    half = replaced(OPERATION, f"    return g * a / out{next_rule}", f"    return -g * a / out{next_rule}")
    cells = [{"cell_type": "markdown", "source": ["text"]}]
    cells += [{"cell_type": "code", "source": ["%matplotlib inline\n"]}, {"cell_type": "code", "source": [half]}]
    (tmp_path / "ada.ipynb").write_text(json.dumps({"cells": cells}), "utf-8")
    (tmp_path / "ben.py").write_text("def (", "utf-8")
    command = [sys.executable, TEACHERS / "grade.py", tmp_path / "ada.ipynb", tmp_path / "ben.py"]
    asked = subprocess.run(command, capture_output=True, text=True)
    assert asked.returncode == 2 and "which lesson is it?" in asked.stderr
    command += ["--lesson", OPERATION, "--json", tmp_path / "marks.json"]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 1 and "mark: 4 of 5 (80%)" in found.stdout, found.stderr
    assert "long_side_vjp_a    wrong             order 1: the gradient of a[0, 0]: given -" in found.stdout
    assert "the file cannot be read: line 1: " in found.stdout and "mark: 0 of 5 (0%)" in found.stdout
    marks = json.loads((tmp_path / "marks.json").read_text())
    assert [m["mark"] for m in marks.values()] == [4, 0]


def test_the_page_for_teachers_shows_what_the_grader_says(tmp_path):
    page = (TEACHERS.parent / "teachers.md").read_text("utf-8")
    text = replaced(ENGINE, "lambda g, out, x: g * out)", "lambda g, out, x: out)")
    text = text.replace("g * (1 - out * out)", "g * (1 - out.data * out.data)").replace("g * (x.data > 0)", "...")
    (tmp_path / f"{ENGINE}.py").write_text(text.replace("out, x: g / x)", "out, x: g / y)"), "utf-8")
    said = subprocess.run([sys.executable, TEACHERS / "grade.py", f"{ENGINE}.py"], cwd=tmp_path, capture_output=True)
    lines = re.sub("line [0-9]+", "line N", said.stdout.decode()).splitlines()
    shown = re.sub("line [0-9]+", "line N", page).split("```text\n")[1].partition("```")[0].splitlines()
    assert len(shown) == 7 and [line for line in shown if line not in lines] == ["  ..."], said.stdout.decode()
    for name, sheet in SHEETS.items():
        assert f"| `{name}.py` | {len(sheet)} |" in page
    quoted = ("given shape (2, 3), and b has (3,)", "a * a + a: ", "a stands before c, which used it", "which adds")
    assert all(text in page and any(text in row[-1] for row in WRONG.values()) for text in quoted)


def test_grading_changes_nothing_that_it_is_given():
    tree = ast.parse(worksheets.solution(ENGINE))
    before = ast.dump(copy.deepcopy(tree))
    blanks.definitions(tree)
    assert ast.dump(tree) == before
