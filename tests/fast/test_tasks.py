"""Tasks, phases and memory of a plan for numba."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_mnist.capture.program import Instruction, Program, Value
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.fast.plan import assign_by_phase, give_results_their_names
from tinygrad_mnist.fast.tasks import Phase, Task, schedule

pytest.importorskip("numba", reason="numba is not installed")


def value(shape=(4, 3), origin="result", base=None):
    value.count += 1
    return Value(value.count, shape, np.float32, tuple(range(len(shape))), origin, None, base, f"v{value.count}")


value.count = 0


def task(*inputs, rows=4, own=(), name="map", outputs=None, effect=""):
    outputs = [value()] if outputs is None else outputs
    step = Instruction(effect or "exp", list(inputs), outputs, {}, None if effect else registry["exp"])
    return Task(name, list(inputs), outputs, rows, own, step)


def phases_of(*tasks):
    return [[tasks.index(t) for t in (*p.whole, *p.shared)] for p in schedule(list(tasks))]


def test_tasks_share_a_phase_while_each_reads_its_own_rows():
    first = task(value(origin="input"))
    own = task(first.outputs[0], own=(0,))
    all_rows = task(own.outputs[0])  # of another thread's rows too: after a meeting
    aside = task(value(origin="input"))
    assert phases_of(first, own, all_rows, aside) == [[0, 1, 3], [2]]


def test_tasks_with_another_number_of_rows_wait():
    first = task(value(origin="input"), rows=4)
    other = task(first.outputs[0], rows=3, own=(0,), outputs=[value((3, 4))])
    assert phases_of(first, other) == [[0], [1]]


def test_numpys_tasks_open_a_phase_and_wait_for_shared_ones():
    whole = task(value(origin="input"), rows=None)
    reader = task(whole.outputs[0])
    after = task(reader.outputs[0], rows=None)
    assert phases_of(whole, reader, after) == [[0, 1], [2]]


def test_a_change_waits_for_all_who_read_what_was_there_before():
    weight = value(origin="state")
    reader = task(weight)
    change = task(weight, task(value(origin="input")).outputs[0], effect="write", outputs=[weight])
    assert phases_of(reader, change) == [[0], [1]]
    assert phases_of(task(value(origin="input")), change) == [[0, 1]]  # nobody reads it


def test_what_is_done_with_makes_place_in_later_phases_only():
    x = value(origin="input")
    first, second = task(x), task(x)
    third = task(first.outputs[0], second.outputs[0])
    fourth = task(third.outputs[0])
    fifth = task(fourth.outputs[0])
    tasks = [first, second, third, fourth, fifth]
    program = Program([t.step for t in tasks], [x], [fifth.outputs[0]], [])
    offsets, size = assign_by_phase(program, [Phase([], [first, second]), *(Phase([], [t]) for t in tasks[2:])])
    places = [offsets[t.outputs[0]] for t in tasks]
    assert len(set(places[:3])) == 3  # both are read while the third is written
    assert places[3] in places[:2] and places[4] in places[:3] and places[4] != places[3]
    assert size == 3 * 64  # 48 bytes each, from one line of the cache to the next
    crowded, _ = assign_by_phase(program, [Phase([], tasks)])
    assert len(set(crowded.values())) == 5  # threads are at different tasks


def test_what_is_cloned_for_a_gradient_is_computed_there():
    x, gradient = value(origin="input"), value()
    product = Instruction("exp", [x], [value()], {}, registry["exp"])
    clone = Instruction("clone", [product.outputs[0]], [gradient], {}, registry["clone"])
    user = Instruction("sin", [product.outputs[0]], [value()], {}, registry["sin"])
    program = Program([product, clone, user], [x], [user.outputs[0]], [(None, gradient)])
    give_results_their_names(program)
    assert [s.name for s in program.instructions] == ["exp", "sin"]
    assert product.outputs == [gradient] and user.inputs == [gradient]


def test_a_result_of_the_step_keeps_its_own_memory():
    x, gradient = value(origin="input"), value()
    product = Instruction("exp", [x], [value()], {}, registry["exp"])
    clone = Instruction("clone", [product.outputs[0]], [gradient], {}, registry["clone"])
    program = Program([product, clone], [x], [product.outputs[0]], [(None, gradient)])
    give_results_their_names(program)
    assert [s.name for s in program.instructions] == ["exp", "clone"]
