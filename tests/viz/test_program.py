"""The picture of a compiled step: heights are the recorded times, rows and sides are where they should be."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.capture.program import Instruction, Program, Value
from tinygrad_mnist.viz.steps.key import HIGHEST, Scale, key
from tinygrad_mnist.viz.steps.program import Drawing
from tinygrad_mnist.viz.steps.rows import AFTER, FORWARD, Rows

pytest.importorskip("graphviz")
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="the program `dot` of graphviz is not installed")


class Residual(nn.Module):
    """A module whose own operations come before and after those of another inside it."""

    def __init__(self):
        self.inner = nn.Linear(6, 6)

    def forward(self, x):
        return x.tanh() + self.inner(x).relu()


def models():
    return {
        "mlp": (nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), tg.rand(8, 6)),
        "cnn": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                              nn.Dropout(0.2), nn.Linear(16, 3)), tg.rand(8, 1, 6, 6)),
        "residual": (nn.Sequential(*[Residual() for _ in range(8)], nn.Linear(6, 3)), tg.rand(8, 6)),
        "shared": ((lambda m: nn.Sequential(m, nn.Tanh(), m, nn.Linear(6, 3)))(nn.Linear(6, 6)), tg.rand(8, 6)),
    }  # fmt: skip


def compiled(name, backend="numpy"):
    """A step with an optimizer, clipping and a schedule, called often enough to be replayed."""
    tg.manual_seed(2)
    model, x = models()[name]
    y = tg.tensor(np.arange(8) % 3)
    optimizer = tg.optim.Adam(model.parameters(), lr=0.01)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 3)

    @tg.compile(backend=backend)
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        return loss

    for _ in range(3):
        step(x, y)
    return step


def timed(name, backend="numpy"):
    """The program with times that are known."""
    step = compiled(name, backend)
    program = step.program(measure=True)
    for i, s in enumerate(program.instructions):
        s.microseconds = None if s in program.fused else 0.0 if s.is_view else 1.5 * (i % 7) ** 3
    return program


def heights_in(source):
    """Heights in inches, by the id of a box."""
    return {name: float(h) for name, h in re.findall(r"^\s*(o\d+) \[.*?height=([\d.]+)", source, re.M)}


@pytest.mark.parametrize("name", models())
def test_the_height_of_every_box_is_its_time(name):
    program = timed(name)
    drawing = Drawing(program)
    source = drawing.draw("TB").source
    heights, inch = heights_in(source), drawing.scale.inch
    assert len(heights) == len(program.instructions)
    longest = max(s.microseconds for s in program.instructions)
    assert longest / inch <= HIGHEST and inch in (100, 200, 500)  # 324 µs at most, in 2 inches
    scaled = 0
    for i, s in enumerate(program.instructions):
        least = drawing.label(s)[1] / 72
        assert heights[f"o{i}"] == pytest.approx(max(s.microseconds / inch, least), abs=1e-4)
        scaled += s.microseconds / inch > least
    assert scaled >= 2
    assert f"height is time: this is {inch / 2:g} µs" in source


@needs_dot
@pytest.mark.parametrize("name", models())
def test_laid_out_boxes_keep_their_height_and_nothing_drifts(name):
    program = timed(name)
    drawing = Drawing(program)
    source, rows = drawing.draw("TB").source, Rows(program)
    done = subprocess.run(["dot", "-Tplain"], input=source, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    place = {}
    for line in done.stdout.splitlines():
        if line.startswith("node o"):
            _, box, x, y, width, height = line.split()[:6]
            place[box] = float(x), float(y), float(width), float(height)
    wanted = heights_in(source)
    for box, (*_, height) in place.items():
        assert height == pytest.approx(wanted[box], abs=0.02), "the text needs no more than is thought"
    boxes = [(s, *place[f"o{i}"]) for i, s in enumerate(program.instructions)]
    left = [x + w / 2 for s, x, y, w, h in boxes if rows.column[s] == FORWARD]
    right = [x - w / 2 for s, x, y, w, h in boxes if rows.column[s] != FORWARD]
    assert max(left) < min(right), "forward is on the left, what comes back on the right"
    tops, bottoms = {}, {}
    for s, _, y, _, h in boxes:
        row = rows.row[s]
        tops[row], bottoms[row] = max(tops.get(row, -9e9), y + h / 2), min(bottoms.get(row, 9e9), y - h / 2)
    assert sorted(tops) == list(range(rows.count))
    for row in range(1, rows.count):
        assert tops[row] < bottoms[row - 1] + 1e-3, "rows lie below each other, and do not overlap"


def test_backward_stands_in_the_row_of_its_call():
    program = timed("residual")
    rows = Rows(program)
    forward, backward = {}, {}
    for s in program.instructions:
        if rows.column[s] != AFTER:
            (backward if s.backward else forward).setdefault(rows.row[s], set()).add(s.where)
    assert all(len(wheres) == 1 for wheres in forward.values())
    assert sum(where == "3 Residual" for (where,) in forward.values()) == 2  # before and after the layer inside
    for row, wheres in backward.items():
        assert wheres <= forward[row]
    updates = [s for s in program.instructions if s.name == "update"]
    assert updates and all(rows.column[s] == AFTER for s in updates)


def test_a_module_called_twice_has_two_rows_and_each_its_own_backward():
    program = timed("shared")
    rows = Rows(program)
    mine = {rows.row[s] for s in program.instructions if s.where == "0 Linear" and rows.column[s] == FORWARD}
    back = {rows.row[s] for s in program.instructions if s.where == "0 Linear" and s.backward}
    assert len(mine) == 2 and back == mine
    read = {rows.row[s]: s.values()[0] for s in program.instructions if s.where == "0 Linear" and not s.backward}
    products = [s for s in program.instructions if s.where == "0 Linear" and s.backward and s.name == "matmul"]
    assert len(products) == 2 and all(read[rows.row[s]] in s.values() for s in products), "x of its own call"


def test_edges_stand_in_no_frame_and_values_are_all_drawn():
    """An edge inside a frame makes what it ends at part of that frame, too: frames then overlap, and dot may crash."""
    program = timed("cnn")
    source = Drawing(program).draw("TB").source
    depth, found = 0, []
    for line in source.splitlines():
        depth += line.count("{") - line.count("}") if "label=" not in line else 0
        if match := re.match(r"\s*(o\d+) -> (o\d+)(.*)", line):
            assert depth == 1, line
            found.append((*match.groups()[:2][:: -1 if "dir=back" in match[3] else 1], "#dd8b34" in match[3]))
    ids = {s: f"o{i}" for i, s in enumerate(program.instructions)}
    maker = {v: s for s in program.instructions for v in s.outputs}
    wanted = [
        (ids[maker[v]], ids[s], s.in_place and v.holder is s.outputs[0].holder)
        for s in program.instructions for v in dict.fromkeys(s.values()) if v in maker
    ]  # fmt: skip
    assert sorted(found) == sorted(wanted) and any(taken for *_, taken in found)


def test_the_key_names_what_is_there_and_nothing_else():
    program = timed("cnn")
    source = Drawing(program).draw("TB").source
    head = source[source.rindex("label=<<table") :]
    for word in ("forward", "backward", "update, write", "view", "parameter, buffer", "input", "result", "arena", "━▶"):
        assert word in head, word
    x, y = Value(0, (2,), "f4", (0,), "input"), Value(1, (2,), "f4", (0,))
    small = Program([Instruction("exp", [x], [y])], [x], [y], [])
    head = key(small, Scale(small), [])
    assert "forward" in head and "input" in head and "result" in head
    assert not any(word in head for word in ("backward", "update", "view", "arena", "━▶", "µs", "kernel"))


def test_without_times_there_is_no_scale():
    source = tg.viz.program(compiled("mlp"), measure=False).source
    assert "µs" not in source and "height is time" not in source


def test_kernels_of_numba_are_bars_as_high_as_their_time(as_python):
    pytest.importorskip("numba")
    program = timed("mlp", "numba")
    assert program.fused and set(program.fused.values()) == set(program.wholes)
    for i, name in enumerate(program.wholes):
        program.wholes[name] = 40.0 * (i + 1)
        assert name.endswith(f", {sum(n == name for n in program.fused.values())} instructions at once")
    drawing = Drawing(program)
    source = drawing.draw("TB").source
    inch = drawing.scale.inch
    for name, spent in program.wholes.items():
        title = name.partition(",")[0]
        bar = re.search(rf'height="(\d+)" fixedsize="true" bgcolor="#808893"></td></tr></table></td></tr><tr><td><font '
                        rf'point-size="8">{title}</font>', source)  # fmt: skip
        assert int(bar[1]) == round(spent / inch * 72) and f"{spent:,.1f} µs" in source
    some = next(s for s in program.instructions if s in program.fused)
    assert f"in {program.fused[some].partition(',')[0]}<" in source


@needs_dot
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_pictures_of_random_times_can_all_be_laid_out(direction):
    program, draw = timed("residual"), np.random.default_rng(0)
    for _ in range(8):
        for s in program.instructions:
            s.microseconds = 0.0 if s.is_view else float(draw.exponential(20))
        source = Drawing(program).draw(direction).source
        assert subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True).returncode == 0


def test_an_unknown_direction_is_refused():
    step = tg.compile(lambda x: x + 1)
    step(tg.ones(2))
    with pytest.raises(tg.errors.ArgumentError, match="program: unknown direction"):
        tg.viz.program(step, direction="UP")


def test_without_the_package_graphviz_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    monkeypatch.delitem(sys.modules, "tinygrad_mnist.viz.picture", raising=False)
    with pytest.raises(tg.errors.MissingDependencyError) as error:
        tg.viz.graph(tg.ones(2))
    assert "pip install graphviz" in error.value.hint
