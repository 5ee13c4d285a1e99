"""Why an entry of a gradient is what it is: paths by hand, their sum, their number, the largest, shares of samples."""

import itertools
import re

import numpy as np
import pytest
from drawn import Mlp

import tinygrad_mnist as tg
from tinygrad_mnist import nn, viz
from tinygrad_mnist.core.backend import default_generator
from tinygrad_mnist.core.errors import (
    ArgumentError,
    DTypeError,
    GradientError,
    GraphFreedError,
    IndexRangeError,
    InPlaceError,
)  # fmt: skip
from tinygrad_mnist.core.primitive import primitive
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.viz.paths import factors as explain_factors


def leaf(rng, *shape):
    return tg.tensor(rng.normal(size=shape), requires_grad=True, dtype=tg.float64)


def values(found):
    return [path.value for path in found.paths]


# ---------------------------------------------------------------- by hand


def tiny():
    """y = v · relu(W x): of the three hidden units the second is off."""
    x = tg.tensor([1.0, -2.0])
    w = tg.tensor([[3.0, 1.0], [1.0, 2.0], [0.5, -1.0]], requires_grad=True)  # W x = 1, -3, 2.5
    v = tg.tensor([[2.0, 5.0, -4.0], [1.0, 1.0, 3.0]], requires_grad=True)
    return x, w, v, F.linear(F.relu(F.linear(x, w)), v).sum()


def test_each_path_is_the_product_of_its_local_derivatives():
    _, w, _, loss = tiny()
    found = viz.explain(loss, w[2, 1])
    assert [p.factors for p in found.paths] == [[1, -4, 1, -2], [1, 3, 1, -2]]  # sum, v, relu, x
    assert values(found) == [8, -6] and found.count == 2 and found.magnitude == 14 and found.share == 1
    assert found.exact == found.total == 2 and found.numeric == pytest.approx(2) and found.agrees and found.complete
    assert found.place == (2, 1) and found.value == -1
    first = found.paths[0].steps
    assert [(s.node.name, s.place, s.source) for s in first] == [
        ("sum", 0, 0), ("linear", 0, 2), ("relu", 2, 2), ("linear", 2, 5),
    ]  # fmt: skip


def test_a_dead_relu_ends_every_path():
    _, w, _, loss = tiny()
    found = viz.explain(loss, w[1, 0])
    assert (found.exact, found.total, found.numeric, found.count, found.paths) == (0, 0, 0, 0, [])
    assert found.agrees and found.share == 1 and "no path" in str(found)
    assert "no path" in found.picture().source


def test_a_node_used_twice_is_on_a_path_for_each_use():
    w = tg.tensor([2.0, 3.0], requires_grad=True)
    h = w * w
    found = viz.explain((h * h).sum() + h[1], w[1], k=9)  # 2 · 2 uses of w and h, and 2 beside them
    assert sorted(values(found)) == [3, 3, 27, 27, 27, 27] and found.count == 6 and found.exact == 114


def test_what_cancels_is_counted():
    w = tg.tensor([2.0], requires_grad=True)
    found = viz.explain((3 * w - 3 * w).sum(), w[0])
    assert sorted(values(found)) == [-3, 3] and found.exact == found.total == 0 and found.magnitude == 6


def test_an_argument_that_broadcasts_has_a_path_for_each_place_where_it_stands():
    b, x = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert sorted(values(viz.explain((b * x).sum(), b[1]))) == [2, 4, 6]
    scale = tg.tensor(2.0, requires_grad=True)
    assert viz.explain((x * scale).mean(), scale, k=9).count == 6
    assert viz.explain((x + b.reshape(1, 2)).square().sum(), b[0]).exact == 2 * (2 + 4 + 6)


def test_a_convolution_has_a_path_for_each_place_of_its_window():
    rng = np.random.default_rng(1)
    x, w = tg.tensor(rng.normal(size=(2, 2, 5, 4))), leaf(rng, 3, 2, 2, 3)
    found = viz.explain(F.conv2d(x, w, stride=2, padding=1).sum(), w[1, 0, 1, 2], k=99)
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = padded[:, 0, 1:6:2, 2:6:2].ravel()  # what the tap meets at each place
    assert found.count == np.count_nonzero(expected)
    np.testing.assert_allclose(sorted(values(found)), sorted(expected[expected != 0]))


# ---------------------------------------------------------------- all paths, counted and enumerated


def jacobian(call, position):
    """Rows by one-hot cotangents, one at a time."""
    rows = []
    for i in range(call.out.size):
        g = np.zeros(call.out.shape)
        g.reshape(-1)[i] = 1
        rows.append(call.pull(position, g).reshape(-1))
    return np.array(rows)


def net(rng, depth=2):
    tg.manual_seed(1)
    model = nn.Sequential(*itertools.chain(*[(nn.Linear(5, 5), nn.Tanh(), nn.ReLU()) for _ in range(depth)]),
                          nn.Linear(5, 3))  # fmt: skip
    x, target = tg.tensor(rng.normal(size=(4, 5)).astype(np.float32)), tg.tensor([0, 2, 1, 1])
    return model, x, target


def test_the_largest_paths_are_those_of_an_enumeration():
    model, x, target = net(np.random.default_rng(0))
    loss = nn.CrossEntropyLoss()(model(x), target)
    found = viz.explain(loss, model[0].weight[1, 2], k=7)
    calls = list(found.cone.calls.values())
    products = [(1.0, 0)]  # by brute force through a chain of dense Jacobians
    for call in calls[::-1]:
        (position, _), = found.cone.inputs(call)  # fmt: skip
        matrix = jacobian(call, position)
        products = [(p * matrix[i, j], j) for p, i in products for j in np.flatnonzero(matrix[i])]
    ours = [p for p, at in products if at == found.cone.entry]
    assert found.count == len(ours) > 30
    assert found.magnitude == pytest.approx(np.abs(ours).sum()) and found.total == pytest.approx(sum(ours))
    largest = sorted(np.abs(ours))[::-1][:7]
    np.testing.assert_allclose(np.abs(values(found)), largest, rtol=1e-12)
    assert found.share == pytest.approx(sum(largest) / np.abs(ours).sum())


def whole(x, w, v, b):
    """A function through many families: dense, moved, reduced, normalized, shared, broadcast, convolved, pooled."""
    h = F.max_pool2d(tg.tanh(F.conv2d(x, w, b[:2], padding=1)), 2)
    h = tg.cat([h.flatten(1), x.amax((2, 3)).exp()], 1)
    h = F.layer_norm(h, (9,)) + h / (h.square().sum(1, keepdim=True) + 1).sqrt()
    y = F.linear(h, v, b) * tg.sigmoid(b) - tg.softmax(b, 0) ** 3
    return F.cross_entropy(y, tg.tensor([2, 0])) + F.log_softmax(y @ v, 1).mean() + y.T.reshape(-1)[[0, 3, 0]].var()


@pytest.mark.parametrize(("which", "at"), [(0, (1, 0, 2, 3)), (1, (1, 0, 2, 0)), (2, (2, 7)), (3, (1,)), (3, (2,))])
def test_all_paths_add_up_to_what_autograd_says(which, at):
    rng = np.random.default_rng(3)
    leaves = [leaf(rng, 2, 1, 4, 4), leaf(rng, 2, 1, 3, 3), leaf(rng, 3, 9), leaf(rng, 3)]
    loss = whole(*leaves)
    found = viz.explain(loss, leaves[which][at])
    exact = tg.autograd.grad(loss, [leaves[which]])[0].numpy()[at]
    assert found.exact == exact and found.total == pytest.approx(exact, rel=1e-9, abs=1e-12 * found.magnitude)
    assert found.numeric == pytest.approx(exact, rel=1e-5) and found.complete and found.agrees
    assert found.count > 10 and abs(values(found)[0]) >= abs(values(found)[-1]) > 0


def test_entries_are_those_of_one_hot_cotangents():
    rng = np.random.default_rng(5)
    leaves = [leaf(rng, 2, 1, 4, 4), leaf(rng, 2, 1, 3, 3), leaf(rng, 3, 9), leaf(rng, 3)]
    cone = viz.explain(whole(*leaves), leaves[1][0, 0, 1, 1]).cone
    seen = set()
    for call in cone.calls.values():
        for position, _ in cone.inputs(call):
            expected = jacobian(call, position)
            dense = np.zeros_like(expected)
            rows, columns, factors = call.entries(position, np.arange(expected.shape[1]), np.arange(len(expected)))
            np.add.at(dense, (rows, columns), factors)
            np.testing.assert_allclose(dense, expected, rtol=1e-9, atol=1e-13 * abs(expected).max())
            seen.add(call.inner.name)
    assert {"conv2d", "tanh", "max_pool2d", "cat", "linear", "cross_entropy", "log_softmax", "getitem"} <= seen


def test_elements_that_are_sent_together_are_kept_apart():
    """Columns that overlap, that cancel as ones, and that are 0."""
    matrix = np.array([[1.0, -1, 0, 0], [0, 0, 2, 0], [3, 0, 0, 0], [0, 0, 5, 0]])
    found = [*explain_factors.probed(lambda x: matrix @ x, (4,), np.arange(4), np.arange(4))]
    dense = np.zeros((4, 4))
    for columns, rows, factors in found:
        dense[rows, columns] += factors
    assert np.array_equal(dense, matrix)


def test_a_beam_says_that_it_is_one():
    model, x, target = net(np.random.default_rng(0))
    loss = nn.CrossEntropyLoss()(model(x), target)
    entry = model[0].weight[1, 2]
    whole, some = viz.explain(loss, entry), viz.explain(loss, entry, width=6)
    assert not some.complete and some.count < whole.count and some.magnitude < whole.magnitude
    assert "at least" in str(some) and "more not followed" in str(some) and "at least" not in str(whole)
    assert some.agrees and some.exact == whole.exact  # a sum that is known to lack some is not held against it
    every = values(viz.explain(loss, entry, k=999))
    assert all(np.isclose(every, v, rtol=1e-12, atol=0).any() for v in values(some))


def test_an_mnist_sized_net_takes_seconds_at_most():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    x, target = tg.tensor(rng.random((64, 784), dtype=np.float32)), tg.tensor(rng.integers(0, 10, 64))
    loss = nn.CrossEntropyLoss()(model(x), target)
    found = viz.explain(loss, model[0].weight[3, 7])
    on = np.count_nonzero((model[0](x).detach().numpy()[:, 3] > 0) & (x.numpy()[:, 7] != 0))
    assert found.count == 10 * on and found.agrees and found.name == "0.weight[3, 7]"


# ---------------------------------------------------------------- planted mistakes


def test_a_rule_that_is_wrong_is_noticed():
    @primitive(registered=False)
    def twisted(x):
        """Square."""
        return x * x

    @twisted.vjp("x")
    def twisted_vjp_x(g, out, x):
        return g * (2.1 * x)

    w = tg.tensor([2.0, 3.0], requires_grad=True)
    found = viz.explain(twisted(w).sum(), w[1])
    assert found.total == pytest.approx(found.exact) == pytest.approx(6.3) and found.numeric == pytest.approx(6)
    assert not found.agrees and "✗ the loss itself changes by 6" in str(found)


@pytest.mark.parametrize("wrong", [lambda v: v * 1.01, lambda v: v * (np.arange(len(v)) > 0)])
def test_a_local_factor_that_is_wrong_or_missing_is_noticed(wrong, monkeypatch):
    right = explain_factors.Call.entries

    def entries(call, *args):
        rows, columns, factors = right(call, *args)
        return rows, columns, wrong(factors) if call.node.name == "relu" else factors

    model, x, target = net(np.random.default_rng(0), 1)
    loss = nn.CrossEntropyLoss()(model(x), target)
    assert viz.explain(loss, model[0].bias[2]).agrees
    monkeypatch.setattr(explain_factors.Call, "entries", entries)
    found = viz.explain(loss, model[0].bias[2])
    assert not found.agrees and "✗ the paths add up to" in str(found)


# ---------------------------------------------------------------- samples of the batch


def test_shares_are_the_gradients_of_each_sample():
    torch = pytest.importorskip("torch")
    model, x, target = net(np.random.default_rng(2))
    found = viz.explain(nn.CrossEntropyLoss()(model(x), target), model[0].weight[1, 2])
    layers = torch.nn
    twin = layers.Sequential(
        layers.Linear(5, 5), layers.Tanh(), layers.ReLU(), layers.Linear(5, 5), layers.Tanh(), layers.ReLU(),
        layers.Linear(5, 3),
    )  # fmt: skip
    twin.load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    expected = []
    for i in range(4):
        logits = twin(torch.tensor(x.numpy()[i : i + 1]))
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([target[i].item()]))
        expected.append(torch.autograd.grad(loss, twin[0].weight)[0][1, 2].item() / 4)
    np.testing.assert_allclose(found.shares(4), expected, rtol=1e-4, atol=1e-9)
    assert found.shares(x).sum() == pytest.approx(found.exact, rel=1e-5)


def test_a_penalty_is_no_sample_and_a_batch_of_another_size_is_refused():
    model, x, target = net(np.random.default_rng(2))
    w = model[0].weight
    found = viz.explain(nn.CrossEntropyLoss()(model(x), target) + 0.5 * w.square().sum(), w[1, 2])
    assert found.exact - found.shares(4).sum() == pytest.approx(w[1, 2].item(), rel=1e-5)
    with pytest.raises(ArgumentError, match="has 7 rows"):
        found.shares(7)


def test_samples_are_drawn_beside_their_images(tmp_path):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(16, 5), nn.Tanh(), nn.Linear(5, 3))
    x, target = tg.tensor(rng.random((6, 16), dtype=np.float32)), tg.tensor([0, 2, 1, 1, 0, 2])
    found = viz.explain(nn.CrossEntropyLoss()(model(x), target) + model[0].weight.sum(), model[0].weight[1, 2])
    figure = found.plot_samples(x, target, tmp_path / "shares.png", count=3)
    *images, bars = figure.axes
    shares = found.shares(6)
    order = np.argsort(-np.abs(shares))[:3]
    for axes, i in zip(images, order, strict=True):
        assert np.array_equal(axes.images[0].get_array(), x.numpy()[i].reshape(4, 4))
    widths = [bar.get_width() for bar in bars.patches]
    np.testing.assert_allclose(widths, [*shares[order], np.delete(shares, order).sum(), 1], rtol=1e-4)
    assert sum(widths) == pytest.approx(found.exact, rel=1e-5)
    names = [label.get_text() for label in bars.get_yticklabels()]
    assert names == [*(f"sample {i}: {target[int(i)].item()}" for i in order), "the other 3", "no sample (a penalty)"]
    assert (tmp_path / "shares.png").read_bytes()[:4] == b"\x89PNG"
    figure.draw_without_rendering()
    texts = [t.get_window_extent() for t in (*bars.texts, *bars.get_yticklabels())]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(texts, 2))
    assert all(figure.bbox.x0 <= t.x0 and t.x1 <= figure.bbox.x1 for t in texts)


# ---------------------------------------------------------------- what may be asked, and what is left as it was


def test_an_entry_is_read_from_what_was_written():
    model, x, target = net(np.random.default_rng(0))
    loss = nn.CrossEntropyLoss()(model(x), target)
    w = model[0].weight
    entries = [w[3, 2], w[3][2], w[-2][2], w[1:][2, 2], w[[3, 0], [2, 0]][0], (w, (3, 2)), (w, (-2, 2)), w[3:4, 2:3]]
    assert {viz.explain(loss, e).exact for e in entries} == {viz.explain(loss, w[3, 2]).exact}
    assert {viz.explain(loss, e).name for e in entries} == {"0.weight[3, 2]"}
    with tg.no_grad():
        assert viz.explain(loss, (w, (3, 2))).exact == viz.explain(loss, entries[0]).exact
    scalar = tg.tensor(3.0, requires_grad=True)
    assert viz.explain(scalar * scalar, scalar).exact == 6


def test_a_result_on_the_way_can_be_explained():
    _, w, _, loss = tiny()
    del loss
    x = tg.tensor([1.0, -2.0])
    h = F.linear(x, w)
    loss = (F.relu(h) ** 2).sum()
    found = viz.explain(loss, (h, 2))
    assert found.exact == found.total == 5 and found.numeric == pytest.approx(5) and found.name.endswith("linear [2]")
    assert viz.explain(loss, h[2]).exact == 5


def test_nothing_is_changed():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.5), nn.Linear(5, 3))
    x, target = tg.tensor(rng.normal(size=(4, 5)).astype(np.float32)), tg.tensor([0, 2, 1, 1])
    seen = []
    h = model[0](x)
    h.retain_grad()
    h.register_hook(seen.append)
    model[0].weight.register_hook(seen.append)
    loss = nn.CrossEntropyLoss()(model[2](model[1](h)), target)
    before, draws = w_of(model), str(default_generator.get_state())
    found = viz.explain(loss, model[0].weight[1, 2])
    str(found), found.picture(), found.shares(4)
    assert found.agrees and seen == [] and h.grad is None and all(p.grad is None for p in model.parameters())
    assert w_of(model) == before and str(default_generator.get_state()) == draws
    loss.backward()
    assert len(seen) == 2 and found.exact == model[0].weight.grad[1, 2].item() and h.grad is not None


def w_of(model):
    return [np.asarray(p).tobytes() for p in model.parameters()]


def test_a_dropout_mask_is_that_of_the_run():
    tg.manual_seed(3)
    w = tg.ones(8, requires_grad=True)
    y = F.dropout(w, 0.5) * tg.arange(1.0, 9.0)
    loss = y.sum()
    for i in range(8):
        found = viz.explain(loss, w[i])
        assert found.exact == y[i].item() and found.count == (y[i].item() != 0) and found.agrees


class Cube(tg.autograd.Function):
    """A Function with two results."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3, x * 2

    @staticmethod
    def backward(ctx, g, h):
        return 3 * ctx.saved_tensors[0] ** 2 * g + 2 * h


def test_a_function_of_ones_own_needs_a_closure_for_the_difference():
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def closure():
        a, b = Cube.apply(w)
        return (a * 5).sum() + b.sum()

    found = viz.explain(closure(), w[1])
    assert sorted(values(found)) == pytest.approx([2, 60]) and found.exact == 62 and found.numeric is None
    assert found.agrees and "closure=" in str(found)
    found = viz.explain(closure(), w[1], closure=closure)
    assert found.numeric == pytest.approx(62, rel=1e-3) and found.agrees and w.tolist() == [1, 2]


def test_a_closure_draws_the_same_each_time():
    w = tg.ones(50, requires_grad=True)
    tg.manual_seed(0)
    loss = F.dropout(w * w, 0.5).sum()
    tg.manual_seed(0)
    found = viz.explain(loss, w[3], closure=lambda: F.dropout(w * w, 0.5).sum())
    assert found.numeric == pytest.approx(found.exact, rel=1e-3, abs=1e-3)


def test_mistakes_in_asking_are_explained():
    model, x, target = net(np.random.default_rng(0))
    w, logits = model[0].weight, model(x)
    loss = nn.CrossEntropyLoss()(logits, target)
    with pytest.raises(DTypeError, match="a tensor of one element"):
        viz.explain(logits, w[0, 0])
    with pytest.raises(ArgumentError, match="one entry"):
        viz.explain(loss, w[0])
    with pytest.raises(DTypeError, match="expected an entry"):
        viz.explain(loss, "w")
    with pytest.raises(IndexRangeError, match="out of bounds"):
        viz.explain(loss, (w, (9, 9)))
    with pytest.raises(GradientError, match="does not depend on"):
        viz.explain(loss, tg.ones(3, requires_grad=True)[1])
    with pytest.raises(GradientError, match="does not depend on the result of .*[^ ]\\.\\n(?s:.*)in this order"):
        viz.explain(w[0, 0], loss)
    with pytest.raises(GradientError, match="requires a gradient"):
        viz.explain(loss, x[0, 0])
    with pytest.raises(ArgumentError, match="count from 1"):
        viz.explain(loss, w[0, 0], k=0)
    with pytest.raises(DTypeError, match="closure"):
        viz.explain(loss, w[0, 0], closure=3)
    with tg.no_grad():
        model[3].weight.mul_(2)
    with pytest.raises(InPlaceError, match="changed in place"):
        viz.explain(loss, w[0, 0])
    loss = nn.CrossEntropyLoss()(model(x), target)
    entry = w[0, 0]
    loss.backward()
    with pytest.raises(GraphFreedError, match="retain_graph=True"):
        viz.explain(loss, entry)


def test_a_leaf_that_was_changed_since_has_no_difference():
    w, x = tg.tensor([2.0, 3.0], requires_grad=True), tg.tensor([5.0, 7.0])
    loss = (w * x).sum()
    with tg.no_grad():
        w[0] = 9.0
    found = viz.explain(loss, (w, 1))
    assert found.exact == found.total == 7 and found.numeric is None and "was something changed?" in str(found)


# ---------------------------------------------------------------- text and picture


def test_the_text_names_layers_places_and_figures():
    model = Mlp()
    x, target = tg.rand(5, 6), tg.tensor([0, 1, 2, 0, 1])
    found = viz.explain(nn.CrossEntropyLoss()(model(x), target), model.fc2.weight[1, 2], k=30)
    text = str(found)
    assert text.startswith("∂ loss / ∂ fc2.weight[1, 2], where it is")
    assert re.search(r"^linear in fc2 Linear +input ", text, re.M) and "probability − target" in text
    assert f"{found.exact:.6g}" in text and f"{int(found.count)}" in text
    assert max(map(len, text.splitlines())) <= 125  # 30 paths are several tables
    products = re.findall(r"^product +(.*)$", text, re.M)
    assert [float(v) for line in products for v in line.split()] == pytest.approx(values(found), rel=0.01)
    html = found._repr_html_()
    assert html.startswith("<pre") and "∂ loss" in html


def test_the_picture_has_every_element_once_and_every_factor():
    _, w, _, loss = tiny()
    source = viz.explain(loss, w[2, 1]).picture().source
    boxes, edges = re.findall(r"^\s*(e\d+) \[", source, re.M), re.findall(r"(e\d+) -> (e\d+) \[label=<(.*?)<", source)
    assert len(boxes) == 6 and len(edges) == 6  # entry, two times linear's hidden one, relu, two outputs, sum
    assert sorted(label for *_, label in edges) == sorted(["× −2", "× 1", "× −4", "× 3", "× 1", "× 1"])
    assert source.count("style=dashed") == 2  # what lowers is told by more than its colour
    assert "tensor" in source and "[2, 1] = -1" in source


def test_tensors_have_the_names_that_are_given():
    w, x = tg.tensor([2.0, 3.0], requires_grad=True), tg.tensor(4.0)
    h = w * x
    loss = (h * h).sum()
    found = viz.explain(loss, w[1], names={"w": w, "h": h})
    assert str(found).startswith("∂ loss / ∂ w[1], where it is 3") and ">w<" in found.picture().source
    assert viz.explain(loss, h[0], names={"h": h}).name == "h[0]" and viz.explain(loss, w[0]).name == "tensor[0]"
    assert "rankdir=LR" in found.picture().source and "rankdir=TB" in found.picture("TB").source


def test_names_are_escaped():
    model = nn.Sequential()
    model.add_module("<b>&", nn.Linear(2, 1))
    found = viz.explain(model(tg.ones(3, 2)).sum(), model[0].weight[0, 1])
    assert "<b>&[" not in found._repr_html_() and "&lt;b&gt;&amp;" in found.picture().source
