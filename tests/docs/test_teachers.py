"""Worksheets and their grader: what is blank, right, wrong in many ways, broken or endless is told apart.

Solutions are the lessons themselves; mistakes are planted in them, one at a time. Look next at docs/teachers/grade.py.
"""

from __future__ import annotations

import ast
import copy
import csv
import importlib
import json
import os
import re
import subprocess
import sys
import time
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


blanks, worksheets, grade, variants = map(load, ("blanks", "worksheets", "grade", "variants"))
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
    header, rest = sheet.body[1:4], sheet.body[4:]
    assert [type(node) for node in header] == [ast.Import, ast.Assign, ast.FunctionDef]
    assert ast.dump(ast.Module(rest, [])) == ast.dump(ast.Module(lesson.body[1:], []))
    assert ast.get_docstring(sheet).startswith(ast.get_docstring(lesson).partition("\n")[0])
    text = worksheets.worksheet(name)
    comments = [line for line in worksheets.solution(name).splitlines() if line.startswith("#")]
    assert [line for line in text.splitlines() if line.startswith("#")] == comments
    asked = [b.asks for b in SHEETS[name] if isinstance(blanks.find(lesson, b.place), ast.FunctionDef)]
    assert all(f': {asks}")\n' in text for asks in asked)
    assert text.count("your_turn(\"") == len(SHEETS[name])


@pytest.mark.parametrize("name", [*NAMES, "variant_7"])
def test_a_worksheet_that_nobody_filled_in_ends_with_a_sentence_that_names_the_blank(name, tmp_path):
    (tmp_path / "mine.py").write_text(worksheets.worksheet(name), "utf-8")
    ended = subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True)
    last = ended.stderr.splitlines()[-1]
    said = re.fullmatch(
        rf"NotImplementedError: {name}: line (\d+) is still blank. Your turn: (\S+): .+", last
    )
    assert ended.returncode == 1 and said, last
    node = blanks.find(ast.parse(worksheets.worksheet(name)), said[2])
    assert node.lineno < int(said[1]) <= node.end_lineno


def test_a_rule_that_is_blank_says_which_when_it_is_called(tmp_path):
    steps = [(b.place, b.asks) for b in SHEETS[ENGINE] if b.place == "divide.b"]
    header = worksheets.HEADER.format(name=ENGINE)
    text = header + blanks.emptied(worksheets.solution(ENGINE), steps).split("# ---- the engine ends")[0]
    line = next(i for i, row in enumerate(text.splitlines(), 1) if row.startswith("divide = "))
    (tmp_path / "mine.py").write_text(text + "gradient(Tensor(1.0) / Tensor(2.0), [])", "utf-8")
    ended = subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True)
    told = f"NotImplementedError: {ENGINE}: line {line} is still blank. Your turn: divide.b"
    assert ended.stderr.splitlines()[-1] == told


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


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("lambda g, out, a, b: transpose(a) @ g.data[0, 0])", ", line {blank}"),  # the last lines are of operation
        ("lambda g, out, a, b: None)", ", line {pull}; matmul.b stands in line {blank}"),  # the walk has to use it
        ("lambda g, out, a, b: helper(a) @ g)\n\ndef helper(a):\n    return a.T", ", line {blank}"),
    ],
)
def test_what_raises_is_named_by_the_line_of_the_blank(rule, said):
    text = "\n" * 7 + replaced(ENGINE, "lambda g, out, a, b: transpose(a) @ g)", rule)
    lines = text.splitlines()
    blank = next(i for i, row in enumerate(lines, 1) if row.startswith("matmul = "))
    pull = next(i for i, row in enumerate(lines, 1) if "sums = pull_back(out, g)" in row)
    found = judged(text, ENGINE, "matmul.b")
    assert found["verdict"] == "raised" and found["text"].endswith(said.format(blank=blank, pull=pull)), found


def test_what_raises_before_a_rule_is_asked_is_named_by_its_own_line():
    text = replaced(ENGINE, "exp = operation(np.exp, ", "exp = operation(np.expo, ")
    line = next(i for i, row in enumerate(text.splitlines(), 1) if "np.expo" in row)
    blank = next(i for i, row in enumerate(text.splitlines(), 1) if row.startswith("log = "))
    found = judged(text, ENGINE, "log.x")
    assert found["text"].endswith(f"line {line}; log.x stands in line {blank}"), found


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="another system has no fork")
def test_what_a_program_starts_ends_with_it(tmp_path):
    started = "    import os, time\n    if not os.fork():\n        open(%r, 'w').write(str(os.getpid()))\n"
    started = started % str(tmp_path / "pid") + "        time.sleep(3000)\n    while True:\n        pass\n"
    text = replaced("02_tensors", "    return g @ w.T, x.T @ g, sum_to(g, b.shape)", started)
    (tmp_path / "02_tensors.py").write_text(text, "utf-8")
    rows = grade.grade(tmp_path / "02_tensors.py", "02_tensors", seconds=2)
    assert rows[-1]["text"] == "took longer than 2 s"
    process = Path("/proc", (tmp_path / "pid").read_text(), "stat")
    assert not process.exists() or process.read_text().rpartition(") ")[2][0] == "Z"  # it has ended


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="another system has no groups of processes")
def test_an_endless_program_ends_with_a_grader_that_is_killed(tmp_path):
    place = repr(str(tmp_path / "pid"))
    endless = f"    import os\n    open({place}, 'w').write(f'{{os.getpid()}}.')\n    while True:\n        pass\n"
    text = replaced("02_tensors", "    return g @ w.T, x.T @ g, sum_to(g, b.shape)", endless)
    (tmp_path / "02_tensors.py").write_text(text, "utf-8")
    grader = subprocess.Popen([sys.executable, TEACHERS / "grade.py", "02_tensors.py"], cwd=tmp_path)

    def within(seconds, true):
        end = time.monotonic() + seconds
        while not true() and time.monotonic() < end:
            time.sleep(0.1)
        return true()

    try:
        assert within(60, lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("."))
    finally:
        grader.kill()
        grader.wait()
    process = Path("/proc", (tmp_path / "pid").read_text()[:-1], "stat")
    assert within(20, lambda: not process.exists() or process.read_text().rpartition(") ")[2][0] == "Z")


def test_what_a_program_prints_is_no_verdict(tmp_path):
    path = tmp_path / "02_tensors.py"
    fake = "    import sys; print('{\"verdict\": \"right\", \"text\": \"\"}'); sys.exit()  #"
    path.write_text(worksheets.worksheet("02_tensors").replace('    your_turn("sum_to', fake), "utf-8")
    rows = grade.grade(path, "02_tensors")
    assert [row["verdict"] for row in rows] == ["raised", "missing", "missing"] and "SystemExit" in rows[0]["text"]


def test_the_command_reads_programs_and_notebooks(tmp_path):
    next_rule = "\n\n\n@long_side.vjp"
    half = replaced(OPERATION, f"    return g * a / out{next_rule}", f"    return -g * a / out{next_rule}")
    cells = [{"cell_type": "markdown", "source": ["text"]}]
    cells += [{"cell_type": "code", "source": ["%matplotlib inline\n"]}, {"cell_type": "code", "source": [half]}]
    (tmp_path / "ada.ipynb").write_text(json.dumps({"cells": cells}), "utf-8")
    (tmp_path / "ben.py").write_text("def (", "utf-8")
    command = [sys.executable, TEACHERS / "grade.py", "ada.ipynb", "ben.py", "--lesson", OPERATION, "--json", "m.json"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 1 and "mark: 4 of 5 (80%)" in found.stdout, found.stderr
    assert "long_side_vjp_a    wrong             order 1: the gradient of a[0, 0]: given -" in found.stdout
    assert found.stdout.count("the file cannot be read: line 1: ") == 1 and "mark: 0 of 5 (0%)" in found.stdout
    marks = json.loads((tmp_path / "m.json").read_text())
    assert [m["mark"] for m in marks.values()] == [4, 0]


def test_a_batch_goes_on_behind_files_that_cannot_be_graded_and_ends_with_a_table(tmp_path):
    sheet = worksheets.worksheet("02_tensors")
    right = sheet.replace('your_turn("sum_to: ', "return summed(g, shape=shape)  # (")
    right += "\nfrom tinygrad_mnist.ops.broadcast import sum_to as summed\n"
    cells = [{"cell_type": "code", "source": "import sys" + sheet.partition("import sys")[2]}]
    (tmp_path / "ann_02.py").write_text(right, "utf-8-sig")  # as some editors save
    (tmp_path / "cleo.ipynb").write_text(json.dumps({"cells": cells}), "utf-8")
    (tmp_path / "dan.py").write_text(sheet + "def (", "utf-8")
    (tmp_path / "eve.py").write_text("x = 1", "utf-8")
    (tmp_path / "fay.ipynb").write_text("[1]", "utf-8")
    (tmp_path / "gil_variant_3.py").write_text(sheet.replace("WORKSHEET = ", "SHEET = "), "utf-8")
    (tmp_path / "hal_02_tensors.ipynb").write_text("[1]", "utf-8")
    names = ["eve.py", "ann_02.py", "cleo.ipynb", "dan.py", "fay.ipynb", "gil_variant_3.py", "gone.py",
             "hal_02_tensors.ipynb"]  # fmt: skip
    command = [sys.executable, TEACHERS / "grade.py", *names, "--csv", "marks.csv"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 2, found.stderr
    assert found.stdout.count("skipped: which lesson is it?") == 2
    assert found.stdout.count("the file cannot be read: ") == 2 and "this is no notebook: " in found.stdout
    table = found.stdout.partition("\nmarks\n")[2]
    assert [line.split() for line in table.splitlines()] == [
        ["eve.py", "skipped"], ["ann_02.py", "1", "of", "3", "33%", "02_tensors"],
        ["cleo.ipynb", "0", "of", "3", "0%", "02_tensors"],
        ["dan.py", "0", "of", "3", "0%", "02_tensors", "the", "file", "cannot", "be", "read"],
        ["fay.ipynb", "skipped"], ["gil_variant_3.py", "0", "of", "8", "0%", "variant_3"], ["gone.py", "skipped"],
        ["hal_02_tensors.ipynb", "0", "of", "3", "0%", "02_tensors", "the", "file", "cannot", "be", "read"],
    ]  # fmt: skip
    with (tmp_path / "marks.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == names and rows[1]["mark"] == "1.0" and rows[1]["of"] == "3"


# ---------------------------------------------------------------- variants


def filled(name, change="{}"):
    """Fill a variant in: each rule asks the package's own operations what the formula's gradient is."""
    text = worksheets.worksheet(name)
    for operation, arguments, formula in variants.formulas(name):
        for i, argument in enumerate(arguments):
            with_tensors = f"lambda {', '.join(arguments)}: {formula.replace('np.', 'tg.')}"
            answer = f"slope({with_tensors}, {i}, g, {', '.join(arguments)})"
            blank = f'your_turn("{operation}_vjp_{argument}: what {argument} gets")'
            assert text.count(blank) == 1
            text = text.replace(blank, "return " + change.format(answer))
    helper = """
def leaf(x):
    return x if isinstance(x, tg.Tensor) and x.requires_grad else tg.tensor(np.asarray(x), requires_grad=True)


def slope(function, i, g, *xs):
    with tg.enable_grad():
        xs = [leaf(x) for x in xs]
        found = tg.autograd.grad(function(*xs), xs[i], tg.as_tensor(g), create_graph=True)[0]
    return found if isinstance(g, tg.Tensor) else found.detach().numpy()


"""
    return text.replace("# %%", helper + "# %%", 1)


ALL = [f"variant_{seed}" for seed in (0, 1, 2, 3, 4, 5, 8, 9)]


def test_the_variants_tested_have_all_formulas():
    found = {name for variant in ALL for name, _, _ in variants.formulas(variant)}
    assert found == {name for _, group in variants.FORMULAS for name, _, _ in group}


@pytest.mark.parametrize("variant", ALL)
def test_right_rules_of_a_variant_are_right_and_mistakes_are_found(variant, tmp_path):
    for change, said in [("{}", "right"), ("-{}", "wrong"), ("{} * out", "wrong"), ("{} * 1.001", "wrong")]:
        text = filled(variant, change)
        for index in range(len(variants.sheet(variant))):
            assert grade.verdict(text, variant, index)["verdict"] == said
    unrecorded = filled(variant, "g * np.asarray({0}) / np.asarray(g)")
    assert grade.verdict(unrecorded, variant, 0)["verdict"] == "right at order 1"
    assert {grade.verdict(worksheets.worksheet(variant), variant, i)["verdict"] for i in range(8)} == {"missing"}


def test_a_variant_is_graded_by_its_number_and_by_its_own_formula(tmp_path):
    command = [sys.executable, TEACHERS / "worksheets.py", tmp_path / "exam", "--variant", "7", "--variant", "8"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert sorted(p.name for p in (tmp_path / "exam").iterdir()) == ["variant_7.py", "variant_8.py"]
    assert (tmp_path / "exam" / "variant_7.py").read_text("utf-8") == worksheets.worksheet("variant_7")
    assert variants.formulas("variant_7") != variants.formulas("variant_8")
    path = tmp_path / "ann.py"
    path.write_text(filled("variant_7"), "utf-8")
    assert grade.lesson_of(path) == "variant_7"
    assert [row["verdict"] for row in grade.grade(path, "variant_7")] == ["right"] * 8
    ended = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stdout.count("right at orders 1 and 2") == 5, ended.stderr
    easier = re.sub(r"(def share\(a, b, c\):\n    return) .*", r"\1 a + b + c", filled("variant_7"))
    easier = re.sub(r"(def share_vjp_a.*:\n    return) .*", r"\1 g", easier)
    assert judged_variant(easier, "share_vjp_a")["verdict"] == "wrong", "an easier formula is not the one asked for"


def judged_variant(text, place):
    return grade.verdict(text, "variant_7", [b.place for b in variants.sheet("variant_7")].index(place))


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


def test_the_page_for_teachers_shows_a_blank_a_variant_and_the_table_as_they_are():
    page = (TEACHERS.parent / "teachers.md").read_text("utf-8")
    sheets = [worksheets.worksheet(name) for name in (ENGINE, "02_tensors", "variant_7")]
    for block in page.split("```{code-block} python\n")[1:]:
        lines = [line for line in block.partition("```")[0].splitlines() if line]
        assert all(any(line in sheet.splitlines() for sheet in sheets) for line in lines)
    blank = re.search("NotImplementedError: (.*): line [0-9]+ is still blank. Your turn: (.*)", page)
    assert f'    your_turn("{blank[2]}")' in worksheets.worksheet(blank[1]).splitlines()
    none, unread, skipped = "", "the file cannot be read: line 1", "skipped: which lesson is it?"
    rows = [("ann.ipynb", "02_tensors", 3, 3, none), ("ann_03.py", ENGINE, 17.5, 21, none),
            ("ben_02.py", "02_tensors", 0, 3, unread), ("my_list_2.py", None, 0, 0, skipped)]  # fmt: skip
    found = {f"handed_in/{name}": dict(zip(("lesson", "mark", "of", "note"), row, strict=True)) for name, *row in rows}
    assert page.split("```text\nmarks\n")[1].partition("```")[0].splitlines() == grade.table(found)
    assert f"from {sum(len(group) for _, group in variants.FORMULAS)}, and" in page
    assert {len(variants.sheet(f"variant_{n}")) for n in range(9)} == {8}


def test_grading_changes_nothing_that_it_is_given():
    tree = ast.parse(worksheets.solution(ENGINE))
    before = ast.dump(copy.deepcopy(tree))
    blanks.definitions(tree)
    assert ast.dump(tree) == before
