"""Models nested 2,000 levels: summaries, pictures and errors end, in time in proportion to the depth."""

from __future__ import annotations

import copy
import sys
import threading
import time

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ShapeError

# 3.12 and 3.13 count the calls that pass through C, of which a level is 8, whatever limit is set: 3.12.1 ends at 1,500
MOST = {(3, 12): 150, (3, 13): 1000}.get(sys.version_info[:2], 2000)


class Wrap(nn.Module):
    def __init__(self, inner):
        self.inner, self.scale = inner, nn.Parameter(tg.ones(1))

    def forward(self, x):
        return self.inner(x) * self.scale


def nested(kind, levels):
    model = nn.Linear(3, 2)
    for _ in range(levels):
        model = kind(model)
    return model


def look(model, levels):
    """Ask for everything that names modules; give the seconds that took."""
    start = time.process_time()
    summary = tg.summary(model, (4, 3))
    own = 0 if isinstance(model, nn.Sequential) else levels
    assert len(summary.rows) == levels + 1 and summary.rows[-1].depth == levels and summary.not_called == []
    assert sum(row.parameters for row in summary.rows) == summary.total_parameters == 8 + own
    assert str(summary).count("\n") > levels
    failed = tg.summary(model, (4, 5))
    assert failed.failed is failed.rows[-1] and "FAILED" in str(failed)
    with pytest.raises(ShapeError) as caught:
        model(tg.ones(4, 5))
    assert f"Linear of {type(model).__name__}" in str(caught.value)
    out = model(tg.ones(4, 3))
    assert type(model).__name__ in tg.viz.graph(out).source  # folded, where it is large
    if own:
        assert tg.viz.graph(out, max_nodes=100_000, depth=None).source.count("subgraph") == min(levels + 1, 100)
    assert repr(out.node) and repr(out)
    return time.process_time() - start


@pytest.mark.parametrize("kind", [nn.Sequential, Wrap])
def test_2000_levels_take_time_in_proportion(kind):
    pytest.importorskip("graphviz")
    small, large = nested(kind, MOST // 8), nested(kind, MOST)
    look(nested(kind, 20), 20)  # imports
    few, many = look(small, MOST // 8), look(large, MOST)
    assert many < 8 * 4 * few + 1, f"{few:.2f} s, and {many:.2f} s for 8 times as many levels"  # quadratic would be 64


@pytest.mark.parametrize("kind", [nn.Sequential, Wrap])
def test_modules_nest_2000_levels(kind):
    model, x = nested(kind, MOST), tg.ones(4, 3)
    out = model(x)
    out.sum().backward()
    text = repr(model)
    assert text.count("\n") == 2 * MOST and "in_features" in text or "Linear(" in text
    twin = copy.deepcopy(model)
    assert np.array_equal(np.asarray(twin(x)), np.asarray(out))
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    twin.eval().train().load_state_dict(model.state_dict())


def test_a_folded_picture_opens_as_many_levels_as_fit():
    pytest.importorskip("graphviz")
    out = nested(Wrap, 30)(tg.ones(4, 3))
    for most, depth, frames in ((100, None, 31), (100, "page", 6), (5, "page", 4), (3, "page", 2)):
        source = tg.viz.graph(out, max_nodes=most, depth=depth, repeats=False, key=False).source
        assert (source.count("subgraph"), source.count("folded")) == (frames, frames < 31), most


class Asked(nn.Module):
    def forward(self, x):
        limits.append(sys.getrecursionlimit())
        if x.shape[0] == 2:
            raise KeyError("inside")
        return x


limits: list[int] = []


@pytest.mark.parametrize("levels", [10, 62, 63, 64, 100, MOST])
@pytest.mark.parametrize("own", [None, 1500, 50_000])
def test_pythons_limit_is_raised_for_deep_calls_only(levels, own):
    before = sys.getrecursionlimit()
    limit = own or before
    model = nn.Sequential(nn.ReLU(), Asked())
    for _ in range(levels - 1):
        model = nn.Sequential(model)
    limits.clear()
    try:
        sys.setrecursionlimit(limit)
        for rows in (1, 2, 1):
            if rows == 2:
                with pytest.raises(KeyError):
                    model(tg.ones(rows, 2))
            else:
                model(tg.ones(rows, 2))
            assert sys.getrecursionlimit() == limit
        assert (limits[-1] > limit) is (levels >= 63 and limit < 1000 + 8 * levels)
    finally:
        sys.setrecursionlimit(before)


def test_pythons_limit_stays_up_while_another_thread_needs_it():
    before, entered, go_on, found = sys.getrecursionlimit(), threading.Event(), threading.Event(), []

    class Waits(nn.Module):
        def forward(self, x):
            entered.set()
            go_on.wait(20)
            return inner(x)

    inner, outer = nested(nn.Sequential, MOST // 8), Waits()
    for _ in range(MOST // 2):
        outer = nn.Sequential(outer)
    thread = threading.Thread(target=lambda: found.append(outer(tg.ones(4, 3)).shape))
    thread.start()
    assert entered.wait(20)
    nested(nn.Sequential, MOST * 3 // 4)(tg.ones(4, 3))
    assert sys.getrecursionlimit() > before
    go_on.set()
    thread.join()
    assert found == [(4, 2)] and sys.getrecursionlimit() == before


def test_a_limit_set_inside_deep_calls_is_left_alone():
    before = sys.getrecursionlimit()

    class Sets(nn.Module):
        def forward(self, x):
            sys.setrecursionlimit(77_777)
            return x

    model = Sets()
    for _ in range(200):
        model = nn.Sequential(model)
    try:
        model(tg.ones(1))
        assert sys.getrecursionlimit() == 77_777
    finally:
        sys.setrecursionlimit(before)


def test_the_time_to_compile_grows_as_the_depth_does():
    """A list of the callers for each instruction, and one of all generators for each, took 10 s for 400 levels."""

    def seconds(levels):
        model = nested(Wrap, levels)
        step = tg.compile(lambda x: model(x).sum().backward())
        start = time.process_time()
        step(tg.ones(4, 3))
        return time.process_time() - start

    seconds(20)
    few, many = seconds(min(400, MOST) // 8), seconds(min(400, MOST))
    assert many < 8 * 4 * few + 1, f"{few:.2f} s, and {many:.2f} s for 8 times as many levels"


def test_parameters_of_a_module_alone():
    model = Wrap(nn.Linear(3, 2))
    assert [n for n, _ in model.named_parameters(recurse=False)] == ["scale"]
    assert [n for n, _ in model.named_parameters("m", False)] == ["m.scale"]
    assert list(model.parameters(recurse=False)) == [model.scale] and len(list(model.parameters())) == 3
