"""What people see of a plan: its table, source and picture."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core import backend
from tinygrad_mnist.core.errors import DTypeError
from tinygrad_mnist.optim import Adam

# ---------------------------------------------------------------- what people see


class Net(nn.Module):
    def __init__(self):
        self.net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))

    def forward(self, x):
        return self.net(x)


def net_step():
    tg.manual_seed(2)
    model = Net()
    optimizer = Adam(model.parameters(), lr=0.01)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 3)

    @tg.compile
    def step(images, labels):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss

    batch = tg.rand(8, 6), tg.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    for _ in range(3):
        step(*batch)
    return step, batch, model, optimizer, schedule


def test_the_table_lists_every_instruction_and_adds_up():
    step, *_ = net_step()
    program = step.program()
    head, rule, *rows = str(program).splitlines()
    assert head.split() == ["#", "op", "shapes", "result", "buffer", "bytes", "in", "place", "µs", "%", "module"]
    assert set(rule) == {"─"}
    table, totals = rows[: rows.index("")], rows[rows.index("") + 1 :]
    assert [row.split()[1] for row in table] == [s.name for s in program.instructions]
    column = head.index("module")
    modules = [row[column:] for row in table]
    assert modules[0] == "net.0 Linear" and "net.3 Linear (backward)" in modules and "Adam" in modules
    relu = next(row for row in table if " relu " in row)
    assert "yes" in relu and "(8, 5) → (8, 5)" in relu and "arena 0" in relu
    assert totals[0].startswith(f"{len(table)} instructions")
    without = sum(v.nbytes for s in program.instructions for v in s.outputs if v.origin == "result" and not s.is_view)
    assert totals[1].startswith(f"arena {program.size:,} bytes; without reuse {without:,}; gradients ")
    assert "forward" in totals[2] and "backward" in totals[2] and "update" in totals[2]
    assert all(s.microseconds is not None and s.microseconds >= 0 for s in program.instructions)
    assert program.size < without


def test_asking_for_the_table_changes_nothing():
    logs = []
    for look in (False, True):
        step, batch, model, optimizer, schedule = net_step()
        log = []
        for _ in range(4):
            if look:
                str(step.program())
                step.source()
                tg.viz.program(step)
            log.append(step(*batch).item())
            log += [p.tolist() for p in model.parameters()] + [p.grad.tolist() for p in model.parameters()]
            log += [schedule.last_epoch, optimizer.param_groups[0]["lr"], backend.default_generator.get_state()]
            log += [np.asarray(v).tolist() for s in optimizer.state_dict()["state"].values() for v in s.values()]
        logs.append(log)
    assert logs[0] == logs[1]


def test_the_table_without_measuring_and_of_large_arguments():
    step, *_ = net_step()
    assert "µs:" not in str(step.program(measure=False))
    big = tg.compile(lambda x, y: (x[y] * 2).sum())
    x, y = tg.ones(700, 400), tg.arange(5)
    for _ in range(2):
        assert big(x, y).item() == 4000.0
    assert big.latest.sample is None and "getitem" in str(big.program())  # measured with zeros


def test_the_source_names_parameters_modules_and_arguments():
    step, *_ = net_step()
    source = step.source()
    lines = source.splitlines()
    assert "def step(images, labels):" in lines
    for text in (
        "    # net.0 Linear", "    # net.3 Linear, backward", "    # Adam", "    kept(kept_1, generator, p=0.5)",
        "    relu(linear_1, out=linear_1)", "    steplr.step()", "    return [mean_1.copy()]",
        "    adam.apply(net_0_weight_tensor, net_0_weight_grad, adam_group)", "net_3_weight_T = net_3_weight.T",
    ):  # fmt: skip
        assert text in lines, text
    assert any(line.startswith("    np.matmul(images, net_0_weight_T, out=linear_1)") for line in lines)
    compile(source, "<step>", "exec")


def test_argument_names_that_python_numpy_or_the_step_use_already():
    step = tg.compile(lambda np, step, relu, kept, product, sum: (np + step).relu() * relu + kept - product * sum)
    batch = [tg.tensor([float(i), 2.0 * i]) for i in range(6)]
    for _ in range(3):
        assert step(*batch).tolist() == step.function(*batch).tolist()


def test_the_picture_shows_instructions_values_places_and_phases():
    step, *_ = net_step()
    source = tg.viz.program(step).source
    program = step.program(measure=False)
    assert source.count("bgcolor=") >= len([s for s in program.instructions if s.outputs and not s.is_view])
    for text in ("net.0 Linear", "net.3 Linear, backward", "<b>relu</b>", "net_0_weight", "images", "result 0", "Adam"):
        assert text in source, text
    assert source.count("#dd8b34") >= sum(s.in_place for s in program.instructions)
    assert len(re.findall(r"^\s*o\d+ \[", source, re.M)) == len(program.instructions)
    colors = dict(re.findall(r'bgcolor="(#\w+)"[^>]*><font[^>]*>arena ([\d,]+)', source))
    assert colors  # one colour per place in the block
    with pytest.raises(DTypeError, match="expected a compiled step"):
        tg.viz.program(lambda x: x)


@pytest.mark.skipif(shutil.which("dot") is None, reason="the program `dot` of graphviz is not installed")
def test_the_picture_can_be_laid_out(tmp_path):
    step, *_ = net_step()
    path = tg.viz.program(step, direction="LR").save(tmp_path / "step.svg")
    assert Path(path).read_text(encoding="utf-8").count("<svg") == 1


def test_a_deep_step_needs_no_recursion():
    w = tg.ones(2, requires_grad=True)

    @tg.compile
    def step(x):
        w.grad = None
        y = x * w
        for _ in range(3000):
            y = y.tanh() if False else y * 1.0001
        y.sum().backward()
        return y

    for _ in range(3):
        y = step(tg.ones(2))
    assert y.array[0] == pytest.approx(1.0001**3000, rel=1e-3)
    assert step.program(measure=False).size <= 256
