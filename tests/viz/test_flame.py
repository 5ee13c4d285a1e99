"""The flame chart: bars are as wide as the times of the program, and lie inside the bars above them."""

import importlib

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import CaptureError, DTypeError
from tinygrad_mnist.viz.steps.rows import Rows

pytest.importorskip("matplotlib")
flame = importlib.import_module("tinygrad_mnist.viz.steps.flame")  # whose name in the package is that of the function


class Held:
    """A compiled step whose times are known."""

    def __init__(self, step, times):
        self.held = step.program()
        for s, time in zip(self.held.instructions, times, strict=False):
            s.microseconds = None if s in self.held.fused else 0.0 if s.is_view else time

    def program(self, measure=True):
        return self.held


def step_of(backend="numpy"):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Sequential(nn.Linear(6, 5), nn.ReLU()), nn.Linear(5, 3))
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)

    @tg.compile(backend=backend)
    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(tg.rand(4, 6), tg.tensor([0, 1, 2, 0]))
    return step


def drawn_bars(figure):
    """Give (row, start, width) of every bar that was drawn."""
    (axes,) = figure.axes
    bars = [(round(p.get_y() + p.get_height() / 2), p.get_x(), p.get_width()) for p in axes.patches]
    return axes, bars


def test_a_narrow_picture_has_the_same_bars_and_shorter_labels():
    held = Held(step_of(), [float(3 * i + 1) for i in range(100)])
    wide, narrow = tg.viz.flame(held), tg.viz.flame(held, width=5)
    assert (wide.get_figwidth(), narrow.get_figwidth()) == (12, 5)
    assert drawn_bars(wide)[1] == drawn_bars(narrow)[1]
    labels = [[len(text.get_text()) for text in figure.axes[0].texts] for figure in (wide, narrow)]
    assert all(a >= b for a, b in zip(*labels, strict=True)) and sum(labels[0]) > sum(labels[1])
    for text, bar in zip(narrow.axes[0].texts, narrow.axes[0].patches, strict=True):
        assert len(text.get_text()) * flame.CHARACTER <= 72 * 4.6 * bar.get_width() / narrow.axes[0].get_xlim()[1]


def test_widths_are_the_times_and_each_bar_lies_in_one_above():
    held = Held(step_of(), [float(3 * i + 1) for i in range(100)])
    program = held.program()
    axes, bars = drawn_bars(tg.viz.flame(held))
    times = [s.microseconds for s in program.instructions if s.microseconds]
    total = sum(times)
    assert bars[0] == (0, 0.0, pytest.approx(total)) and axes.get_xlim() == (0, pytest.approx(total))
    start = 0.0
    for time in times:  # every instruction is there, where those before it end
        assert any(x == pytest.approx(start) and w == pytest.approx(time) for _, x, w in bars), (start, time)
        start += time
    for row, x, width in bars[1:]:
        above = [b for b in bars if b[0] == row - 1 and b[1] <= x + 1e-6 and x + width <= b[1] + b[2] + 1e-6]
        assert len(above) == 1, (row, x, width)
    column = Rows(program).column
    for phase, word in enumerate(("forward", "backward", "update")):
        spent = sum(s.microseconds or 0 for s in program.instructions if column[s] == phase)
        assert any(row == 1 and width == pytest.approx(spent) for row, _, width in bars), word
        assert f"{word} {100 * spent / total:.0f} %" in axes.get_title(loc="left")


def test_modules_are_nested_as_they_call_each_other():
    held = Held(step_of(), [100.0] * 100)
    axes, _ = drawn_bars(tg.viz.flame(held))
    texts = {t.get_text().partition("  ")[0]: round(t.get_position()[1]) for t in axes.texts}
    assert texts["step"] == 0 and texts["forward"] == texts["backward"] == texts["update"] == 1
    assert texts["SGD"] == 2 and texts["Sequential"] == 2
    program = held.program()
    forward = [s for s in program.instructions if s.where == "0.0 Linear" and not s.backward]
    assert forward, [s.where for s in program.instructions]
    bars = flame.bars(program)
    inside = next(b for b in bars if b.leaf and b.label == forward[0].name)
    around = [b.label for b in bars if not b.leaf and b.start <= inside.start and b.start + b.time >= inside.start + 1]
    assert around == ["step", "forward", "Sequential", "0 Sequential", "0 Linear"] and inside.row == 5


def test_kernels_of_numba_are_whole_and_stand_where_all_their_instructions_do(as_python):
    pytest.importorskip("numba")
    held = Held(step_of("numba"), [5.0] * 100)
    program = held.program()
    for i, name in enumerate(program.wholes):
        program.wholes[name] = 70.0 + i
    bars = flame.bars(program)
    rest = sum(s.microseconds or 0.0 for s in program.instructions)
    assert bars[0].time == pytest.approx(sum(program.wholes.values()) + rest)
    for name, spent in program.wholes.items():
        title = name.partition(",")[0]
        (bar,) = [b for b in bars if b.leaf and b.label.startswith(f"{title}: ")]
        assert bar.time == spent
        steps = [s for s in program.instructions if program.fused.get(s) == name]
        assert set(bar.label.removeprefix(f"{title}: ").split(", ")) == {s.name for s in steps}
        if {s.backward for s in steps} == {False, True}:
            assert bar.row == 1  # of no one phase, so of no module


def test_a_figure_is_given_and_a_file_written(tmp_path):
    step = step_of()
    figure = tg.viz.flame(step, tmp_path / "flame.svg", title="my step")
    assert (tmp_path / "flame.svg").read_text(encoding="utf-8").count("<svg") == 1
    assert figure.axes[0].get_title(loc="left") == "my step"
    total = sum(s.microseconds for s in step.latest.replay.program.instructions)
    assert figure.axes[0].get_xlim()[1] == pytest.approx(total)


def test_what_is_not_compiled_is_refused():
    with pytest.raises(DTypeError, match="flame: expected a compiled step"):
        tg.viz.flame(lambda x: x)
    with pytest.raises(CaptureError, match="not captured yet"):
        tg.viz.flame(tg.compile(lambda x: x + 1))
