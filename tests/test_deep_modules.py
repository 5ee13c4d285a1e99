"""Models nested 2,000 levels: summaries, pictures and errors end, in time in proportion to the depth."""

from __future__ import annotations

import time

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.errors import ShapeError


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
    start = time.perf_counter()
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
        assert tg.viz.graph(out, max_nodes=100_000).source.count("subgraph") == levels + 1
    assert repr(out.node) and repr(out)
    return time.perf_counter() - start


@pytest.mark.parametrize("kind", [nn.Sequential, Wrap])
def test_2000_levels_take_time_in_proportion(kind):
    pytest.importorskip("graphviz")
    small, large = nested(kind, 250), nested(kind, 2000)
    look(nested(kind, 20), 20)  # imports
    few, many = look(small, 250), look(large, 2000)
    assert many < 8 * 4 * few + 1, f"{few:.2f} s for 250 levels and {many:.2f} s for 2,000"  # quadratic would be 64


def test_a_folded_picture_opens_as_many_levels_as_fit():
    pytest.importorskip("graphviz")
    out = nested(Wrap, 30)(tg.ones(4, 3))
    for most, frames, folds in ((100, 31, 0), (20, 19, 1), (3, 2, 1)):
        source = tg.viz.graph(out, max_nodes=most).source
        assert (source.count("subgraph"), source.count("folded")) == (frames, folds), most


def test_parameters_of_a_module_alone():
    model = Wrap(nn.Linear(3, 2))
    assert [n for n, _ in model.named_parameters(recurse=False)] == ["scale"]
    assert [n for n, _ in model.named_parameters("m", False)] == ["m.scale"]
    assert list(model.parameters(recurse=False)) == [model.scale] and len(list(model.parameters())) == 3
