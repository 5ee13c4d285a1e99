"""What repeats itself is drawn once: blocks, loops, both inside each other, and nothing that differs."""

import re

import numpy as np
import pytest
from drawn import Dot

import tinygrad_mnist as tg
from tinygrad_mnist import nn, viz
from tinygrad_mnist.core.graph import reachable
from tinygrad_mnist.viz.graphs.repeat import Repeats


class Block(nn.Module):
    def __init__(self, width=16):
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self, blocks):
        self.embedding, self.head = nn.Embedding(50, 16), nn.Linear(16, 50)
        self.blocks = nn.Sequential(*(Block() for _ in range(blocks)))

    def forward(self, letters):
        return self.head(self.blocks(self.embedding(letters)))


class Loop(nn.Module):
    def __init__(self):
        self.cell, self.head = nn.RNNCell(8, 16), nn.Linear(16, 3)

    def forward(self, sequence):
        h = tg.zeros(len(sequence), 16)
        for t in range(sequence.shape[1]):
            h = self.cell(sequence[:, t], h)
        return self.head(h)


def gpt(blocks):
    return Gpt(blocks)(tg.randint(0, 50, (2, 10)))


def found(tensor):
    """How often what is repeated, in operations: rounds and operations in one, and what is left."""
    repeats = Repeats(reachable([tensor.node])[::-1])
    return [(r.count, len(r.rounds[0])) for r in repeats.found], repeats


@pytest.mark.parametrize("blocks", [2, 3, 12])
def test_blocks_are_drawn_once_and_counted(blocks):
    dot = Dot(viz.graph(gpt(blocks)))
    assert f"× {blocks}: blocks.0 … blocks.{blocks - 1}" in dot.source
    assert "blocks.1 Block" not in dot.source and "blocks.1." not in dot.source
    assert dot.labels.keys() == Dot(viz.graph(gpt(2))).labels.keys(), "as large for any number of blocks"


def test_every_block_is_counted_and_every_operation_has_its_place():
    counts, repeats = found(gpt(12))
    ((rounds, length),) = counts
    assert rounds == 12 and len(repeats.nodes) + 11 * length == len(repeats.times)
    assert sum(repeats.times[node] for node in repeats.nodes) == len(repeats.times)
    for node in repeats.times:
        stand_in = repeats.drawn(node)
        assert (stand_in.name, stand_in.out.shape) == (node.name, node.out.shape)
        assert (stand_in is node) == (node in set(repeats.nodes))


def test_a_loop_of_120_steps_is_one_round_with_an_edge_back():
    dot = Dot(viz.graph(Loop()(tg.rand(4, 120, 8))))
    assert "cell RNNCell(8, 16)" in dot.source and "× 120" in dot.source
    (back,) = re.findall(r"^\s*(\w+) -> (\w+) \[.*style=dashed", dot.source, re.M)
    order = [*dot.labels]
    assert order.index(back[0]) > order.index(back[1]), "from the end of a round to its beginning"
    assert dot.count("o") <= 6


@pytest.mark.parametrize("model", [lambda: gpt(2), lambda: Loop()(tg.rand(4, 120, 8)), lambda: gpt(12)])
def test_pictures_fit_a_page(model):
    pytest.importorskip("pygraphviz")
    svg = viz.graph(model()).pipe("svg", encoding="utf-8")
    width, height = (float(x) * 4 / 3 for x in re.search(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups())
    assert max(width, height) <= 1600
    assert min(float(x) for x in re.findall(r'font-size="([\d.]+)"', svg)) >= 9, "legible"


def test_what_differs_is_not_the_same_again():
    x = tg.rand(4, 8, requires_grad=True)
    wide = nn.Sequential(*(nn.Sequential(nn.Linear(8 + i, 9 + i), nn.ReLU()) for i in range(12)))
    assert found(wide(x))[0] == [], "other shapes"
    y = x
    for i in range(40):
        y = y * (1 + i / 100)
    assert found(y)[0] == [], "other numbers"
    y = x
    for i in range(40):
        y = y.softmax(dim=i % 2)
    assert found(y)[0] == [(20, 2)], "other settings: two by two"
    tower = nn.Sequential(*(m for i in range(12) for m in (nn.Linear(8, 8), nn.ReLU() if i % 2 else nn.Tanh())))
    assert found(tower(x))[0] == [(6, 4)]


def test_put_together_otherwise_is_not_the_same_again():
    """The same operations, of which every second round adds another value."""
    y = tg.rand(4, requires_grad=True)
    for i in range(40):
        z = y.sin()
        y = z + (z if i % 2 else y)
    assert found(y)[0] == [(20, 4)]


def test_loops_inside_blocks():
    class Inner(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            for _ in range(30):
                x = self.fc(x).tanh()
            return x

    counts, repeats = found(nn.Sequential(*(Inner() for _ in range(5)))(tg.rand(2, 8)))
    assert sorted(counts) in ([(5, 2), (30, 2)], [(5, 60), (30, 2)]) and len(repeats.nodes) == 2
    assert [repeats.times[node] for node in repeats.nodes] == [150, 150]
    dot = Dot(viz.graph(nn.Sequential(*(Inner() for _ in range(5)))(tg.rand(2, 8))))
    assert "repeated × 30" in dot.source and "× 5: 0 … 4" in dot.source
    titles = [title for title, _, _ in dot.frames()]
    assert titles.index("repeated × 30") > titles.index("0 Inner"), "the loop stands in the block"


def test_what_every_round_gives_is_one_edge_that_counts():
    h, w = tg.rand(3, 8, requires_grad=True), tg.rand(8, 8, requires_grad=True)
    states = [h := (h @ w).tanh() for _ in range(30)]
    dot = Dot(viz.graph(tg.cat(states).sum(), {"w": w}))
    (into,) = [label for _, head, label in dot.passing if dot.labels[head].startswith("cat")]
    assert into == "(3, 8) × 30"
    assert sum(tail == dot.one("w") for tail, _ in dot.edges) == 1


def test_few_rounds_are_drawn_as_they_are():
    data, w = tg.rand(5, 4), tg.rand(4, requires_grad=True)
    total = sum((data[i] * w).sum() for i in range(5))
    total.backward()
    dot = Dot(viz.graph(total, {"w": w}))
    constants = [label for label in dot.labels.values() if label == "constant|(4,) float32"]
    assert len(constants) == 5, "five slices of one tensor stay five after backward"
    names = {"data": data, "w": w}
    assert [label.split("|")[0] for label in Dot(viz.graph(total, names)).labels.values()].count("data (view)") == 5


def test_one_array_used_twice_stays_one_after_backward():
    array, w = np.float32([1, 2]), tg.rand(2, requires_grad=True)
    loss = (w * array + array).sum()
    before = Dot(viz.graph(loss)).count("v")
    loss.backward()
    assert Dot(viz.graph(loss)).count("v") == before


def test_all_is_drawn_where_all_is_asked_for():
    loop = Loop()(tg.rand(4, 40, 8))
    everything = Dot(viz.graph(loop, depth=None))
    assert "×" not in everything.source and everything.count("o") == len(reachable([loop.node]))
    assert "× 40" not in viz.graph(loop, repeats=False).source


def test_argument_names_of_primitives_are_nobodys_names():
    x = tg.rand(3, 2, requires_grad=True)
    y = tg.where(tg.tensor([[True, False]] * 3), x, tg.rand(3, 2))
    y = tg.cat([y, tg.rand(2, 2)]) + nn.functional.dropout(tg.rand(5, 2, requires_grad=True), 0.5)
    dot = Dot(viz.graph(y))
    assert {label.split("|")[0] for n, label in dot.labels.items() if n.startswith("v")} == {
        "constant", "output", "(3, 2) float32", "(5, 2) float32",
    }  # fmt: skip


def test_a_key_explains_what_is_drawn_and_nothing_else():
    x = tg.rand(2, 6, requires_grad=True)
    source = viz.graph(nn.Linear(6, 3)(x).sum(), {"x": x}).source
    key = re.search(r"label=<(<font color=.*?)>", source, re.S)
    text = re.sub(r"<[^>]*>|&nbsp;", " ", source.splitlines()[-2])
    assert key or text
    for word in ("parameter", "input", "output", "operation"):
        assert word in text
    assert "folded" not in text and "backward" not in text and "×" not in text
    assert "■" not in viz.graph(x * 2, key=False).source


def test_a_module_called_often_hides_its_parameters_in_the_middle_too():
    dot = Dot(viz.graph(Loop()(tg.rand(4, 120, 8)).sum(), repeats=False))
    assert "operations folded" in dot.source and not any("weight" in label for label in dot.labels.values())


def test_a_leaf_used_far_away_is_drawn_there_again():
    w, h = tg.rand(5, 5, requires_grad=True), tg.rand(2, 5)
    for _ in range(40):
        h = (h @ w).tanh()
    picture = viz.graph(h, {"w": w}, repeats=False)
    dot = Dot(picture)
    heads = re.findall(rf"^\s*{dot.one('w')}(?:x\d+)? -> (o\d+)", dot.source, re.M)
    assert len(heads) == len({*heads}) == 40  # each use once
    assert dot.source.count(f"\t{dot.one('w')} -> ") == 5  # those nearby
    assert len(picture.pipe("svg")) > 1000  # laid out in no time; with all edges from one box in most of a minute
