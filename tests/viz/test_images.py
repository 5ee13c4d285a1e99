"""Mistakes, weights and feature maps: which, with which figures, and from which layer."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, viz
from tinygrad_mnist.core.backend import default_generator
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_mnist.data import DataLoader, TensorDataset

RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 1, 6, 6), dtype=np.float32)
LABELS = RNG.integers(0, 3, 40)


class Net(nn.Module):
    def __init__(self):
        tg.manual_seed(4)
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Dropout(0.5))
        self.head = nn.Linear(64, 3)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


def probability(model):
    model.eval()
    with tg.no_grad():
        z = model(tg.tensor(IMAGES)).numpy().astype(np.float64)
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


# ---------------------------------------------------------------- mistakes


def test_the_worst_mistakes_come_first():
    model = Net()
    p = probability(model)
    wrong = np.flatnonzero(p.argmax(1) != LABELS)
    expected = sorted(wrong, key=lambda i: p[i, LABELS[i]])
    loader = DataLoader(TensorDataset(tg.tensor(IMAGES), tg.tensor(LABELS)), batch_size=7)
    for data in (loader, (IMAGES, LABELS), (tg.tensor(IMAGES), tg.tensor(LABELS)), [(IMAGES, LABELS)]):
        found = viz.mistakes(model, data, count=9)
        assert [m.index for m in found] == expected[:9] and len(wrong) > 9
        for m in found:
            assert (m.label, m.predicted) == (LABELS[m.index], p[m.index].argmax())
            assert np.array_equal(m.image, IMAGES[m.index])
            np.testing.assert_allclose(m.probabilities, p[m.index], rtol=1e-5)
    assert len(viz.mistakes(model, loader, count=99)) == len(wrong)


def test_the_gallery_shows_images_and_probabilities(tmp_path):
    pytest.importorskip("matplotlib")
    model, names = Net(), ["cat", "dog", "a long name"]
    worst = viz.mistakes(model, (IMAGES, LABELS), count=8)
    figure = viz.plot_mistakes(model, (IMAGES, LABELS), tmp_path / "worst.png", count=8, names=names)
    assert (tmp_path / "worst.png").read_bytes()[:4] == b"\x89PNG"
    images = [axes for axes in figure.axes if axes.images]
    bars = [axes for axes in figure.axes if axes.patches]
    assert len(images) == len(bars) == 8 and len(figure.axes) == 16
    for m, image, bar in zip(worst, images, bars, strict=True):
        assert np.array_equal(image.images[0].get_array(), m.image[0])
        assert image.get_title() == f"{names[m.label]}, taken for {names[m.predicted]}"
        np.testing.assert_allclose([b.get_height() for b in bar.patches], m.probabilities)
        assert f"taken {m.probabilities[m.predicted]:.1%}" in bar.get_title()
        assert len({b.get_facecolor() for b in bar.patches}) == 3  # true, taken, other
    figure.draw_without_rendering()
    labels = [t.get_window_extent() for axes in bars for t in axes.get_xticklabels()]
    assert all(figure.bbox.y0 <= box.y0 and box.x1 <= figure.bbox.x1 for box in labels)
    assert not any(a.overlaps(i.title.get_window_extent()) for a in labels for i in images)


def test_without_a_mistake_there_is_no_gallery():
    model = Net()
    with pytest.raises(ArgumentError, match="no mistake"):
        viz.plot_mistakes(model, (IMAGES, probability(model).argmax(1)))
    with pytest.raises(DTypeError, match="images with their labels"):
        viz.mistakes(model, IMAGES)
    with pytest.raises(DTypeError, match=r"DataLoader\(dataset, batch_size=500\)"):
        viz.mistakes(model, tg.data.TensorDataset(tg.tensor(IMAGES), tg.tensor(LABELS)))
    with pytest.raises(ShapeError, match="labels do not fit"):
        viz.mistakes(model, (IMAGES, LABELS[:5]))


# ---------------------------------------------------------------- weights


def test_weights_are_drawn_as_images_on_one_scale(tmp_path):
    pytest.importorskip("matplotlib")
    model = Net()
    filters = model.body[0].weight.detach().numpy()
    for module in (model, model.body[0]):
        figure = viz.plot_weights(module, tmp_path / "w.png")
        *cells, bar = figure.axes
        assert len(cells) == 4 and bar.get_ylabel() == "weight" and "Conv2d(1, 4" in figure._suptitle.get_text()
        for cell, w in zip(cells, filters[:, 0], strict=True):
            assert np.array_equal(cell.images[0].get_array(), w)
            assert cell.images[0].get_clim() == (-abs(filters).max(), abs(filters).max())
    dense = nn.Sequential(nn.Flatten(), nn.Linear(36, 10))
    figure = viz.plot_weights(dense, count=3)
    assert len(figure.axes) == 4 and "3 of 10" in figure._suptitle.get_text()
    assert np.array_equal(figure.axes[2].images[0].get_array(), dense[1].weight.detach().numpy()[2].reshape(6, 6))
    layer = nn.Conv2d(5, 3, 4)  # five channels: tiles, three in a row, with a gap between
    tiles = np.ma.filled(viz.plot_weights(layer).axes[1].images[0].get_array(), np.nan)
    assert tiles.shape == (9, 14) and np.isnan(tiles[4]).all() and np.isnan(tiles[5:, 10:]).all()
    assert np.array_equal(tiles[5:, 5:9], layer.weight.detach().numpy()[1, 4])
    with pytest.raises(ShapeError, match="no layer has weights"):
        viz.plot_weights(nn.Sequential(nn.Linear(7, 3)))
    with pytest.raises(DTypeError, match="a layer or a model"):
        viz.plot_weights(filters)


# ---------------------------------------------------------------- feature maps


def test_feature_maps_are_what_each_layer_gave():
    model = Net()
    model.train()
    draws = str(default_generator.get_state())
    found = viz.feature_maps(model, IMAGES[:1])
    titles = [title.split("(")[0] for title, _ in found]
    assert titles == ["body.0 Conv2d", "body.1 ReLU", "body.2 Dropout", "head Linear"]
    assert all(m.training for m in model.modules()) and str(default_generator.get_state()) == draws
    with tg.no_grad():
        conv = model.body[0](tg.tensor(IMAGES[:1])).numpy()[0]
    np.testing.assert_allclose(found[0][1], conv, rtol=1e-6)  # not what the layer behind wrote over it
    np.testing.assert_allclose(found[1][1], np.maximum(conv, 0), rtol=1e-6)
    assert np.array_equal(found[2][1], found[1][1]) and found[3][1].shape == (3,) and found[0][1].min() < 0


def test_feature_maps_are_drawn_a_row_a_layer(tmp_path):
    pytest.importorskip("matplotlib")
    model = Net()
    figure = viz.plot_feature_maps(model, IMAGES[:1], tmp_path / "maps.png", count=3)
    rows = figure.subfigs
    assert [len(r.axes) for r in rows] == [3, 3, 3, 3, 1] and "3 of 4" in rows[1]._suptitle.get_text()
    found = viz.feature_maps(model, IMAGES[:1])
    assert np.array_equal(rows[0].axes[0].images[0].get_array(), IMAGES[0, 0])
    for row, (_, maps) in zip(rows[1:4], found, strict=False):
        for axes, plane in zip(row.axes, maps, strict=False):
            assert np.array_equal(axes.images[0].get_array(), plane)
            assert axes.images[0].get_clim() == (-abs(maps).max(), abs(maps).max())
    with pytest.raises(ShapeError, match="expected one image"):
        viz.plot_feature_maps(model, IMAGES[:2])
