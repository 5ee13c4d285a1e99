"""What moves a prediction: saliency against numbers and torch, occlusion against a loop, and that nothing changes."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, viz
from tinygrad_mnist.core.backend import default_generator
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 1, 8, 8), dtype=np.float32)


def cnn(channels=1):
    tg.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.MaxPool2d(2), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(36, 5),
    )  # fmt: skip


def probability(model, images):
    """In float64 from the scores, without the package's softmax."""
    model.eval()
    with tg.no_grad():
        z = model(tg.tensor(images)).numpy().astype(np.float64)
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def test_saliency_is_the_derivative_of_the_score():
    torch = pytest.importorskip("torch")
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), nn.Tanh(), nn.Linear(9, 5))
    twin = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 9), torch.nn.Tanh(), torch.nn.Linear(9, 5))
    twin.load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    x = torch.tensor(IMAGES, requires_grad=True)
    scores = twin(x)
    for labels, classes in (([4, 0, 2], [4, 0, 2]), (None, scores.argmax(1).tolist()), (3, [3, 3, 3])):
        (expected,) = torch.autograd.grad(scores[range(3), classes].sum(), x, retain_graph=True)
        np.testing.assert_allclose(viz.saliency(model, IMAGES, labels), expected.numpy(), rtol=1e-4, atol=1e-6)


def test_saliency_asks_in_evaluation_mode():
    model, step = cnn(), 1e-2
    g = viz.saliency(model, IMAGES, [1, 2, 3])
    model.eval()
    for at in [(0, 0, 3, 4), (2, 0, 1, 6)]:
        sides = []
        for sign in (1, -1):
            x = IMAGES.copy()
            x[at] += sign * step
            with tg.no_grad():
                sides.append(model(tg.tensor(x)).numpy()[at[0], [1, 2, 3][at[0]]])
        assert g[at] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=0.05, abs=1e-3)


@pytest.mark.parametrize(("size", "stride", "value"), [(3, 2, None), (4, 4, 0.5), (8, 1, 0.0), (2, 5, -1.0)])
def test_occlusion_is_what_a_loop_gives(size, stride, value):
    model, labels = cnn(), np.array([1, 2, 3])
    found = viz.occlusion(model, IMAGES, labels, size=size, stride=stride, value=value)
    fill = IMAGES.min() if value is None else value
    whole = probability(model, IMAGES)
    starts = sorted({*range(0, 8 - size, stride), 8 - size})
    lost, times = np.zeros((3, 8, 8)), np.zeros((8, 8))
    for row in starts:
        for column in starts:
            x = IMAGES.copy()
            x[:, :, row : row + size, column : column + size] = fill
            hidden = probability(model, x)
            for i in range(3):
                change = whole[i, labels[i]] - hidden[i, labels[i]]
                lost[i, row : row + size, column : column + size] += change
            times[row : row + size, column : column + size] += 1
    np.testing.assert_allclose(found, lost / np.maximum(times, 1), atol=1e-6)
    assert np.abs(found).max() > 1e-3


def test_flat_and_coloured_images_are_images_too():
    flat = nn.Sequential(nn.Linear(64, 5))
    assert viz.occlusion(flat, IMAGES.reshape(3, 64)).shape == (3, 8, 8)
    planes = nn.Sequential(nn.Flatten(), *flat)
    np.testing.assert_allclose(viz.occlusion(planes, IMAGES), viz.occlusion(flat, IMAGES.reshape(3, 64)), atol=1e-6)
    colour = RNG.random((2, 3, 8, 8), dtype=np.float32)
    assert viz.occlusion(cnn(3), colour).shape == (2, 8, 8) and viz.saliency(cnn(3), colour).shape == colour.shape


def test_the_place_that_decides_is_found():
    class Corner(nn.Module):
        def forward(self, x):
            return tg.stack([10 * x[:, 0, 1, 6], 0 * x[:, 0, 0, 0]], 1)

    images = np.zeros((1, 1, 8, 8), np.float32)
    images[0, 0, 1, 6] = 1
    assert np.argmax(viz.saliency(Corner(), images)) == 14 and np.count_nonzero(viz.saliency(Corner(), images, 0)) == 1
    lost = viz.occlusion(Corner(), images, 0, size=1, stride=1)[0]
    assert np.argmax(lost) == 14 and lost[1, 6] == pytest.approx(1 / (1 + np.exp(-10)) - 0.5)
    assert np.count_nonzero(np.abs(lost) > 1e-9) == 1


def test_the_model_is_left_as_it_was():
    model = cnn()
    model.train()
    model[1].eval()
    before = [b.numpy().copy() for b in model.buffers()], str(default_generator.get_state())
    images = tg.tensor(IMAGES, requires_grad=True)
    viz.saliency(model, images, [0, 1, 2])
    viz.occlusion(model, images)
    assert [m.training for m in model] == [True, False, True, True, True, True, True] and model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters()) and images.grad is None
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before[0], model.buffers(), strict=True))
    assert str(default_generator.get_state()) == before[1] and tg.is_grad_enabled()
    assert np.array_equal(images.detach().numpy(), IMAGES)


def test_figures_show_each_image_beside_its_map(tmp_path):
    pytest.importorskip("matplotlib")
    model, labels = cnn(), [1, 2, 3]
    p = probability(model, IMAGES)
    steep, lost = np.abs(viz.saliency(model, IMAGES, labels))[:, 0], viz.occlusion(model, IMAGES, labels)
    for name, expected in (("saliency", steep), ("occlusion", lost)):
        path = tmp_path / f"{name}.png"
        figure = getattr(viz, f"plot_{name}")(model, IMAGES, labels, path)
        assert path.read_bytes()[:4] == b"\x89PNG" and len(figure.axes) == 6
        for i in range(3):
            image, map_ = figure.axes[2 * i : 2 * i + 2]
            assert np.array_equal(image.images[0].get_array(), IMAGES[i, 0])
            np.testing.assert_allclose(map_.images[0].get_array(), expected[i], rtol=1e-6)
            assert image.get_title() == f"class {labels[i]}: {p[i, labels[i]]:.1%}"
        figure.draw_without_rendering()
        boxes = [t.get_window_extent() for t in (figure._suptitle, *(axes.title for axes in figure.axes))]
        assert all(figure.bbox.x0 <= b.x0 and b.x1 <= figure.bbox.x1 for b in boxes)
    signed = viz.plot_occlusion(model, IMAGES, labels).axes[1].images[0].get_clim()
    assert signed[0] == -signed[1]  # 0 is the pale middle


def test_mistakes_in_asking_are_explained():
    model = cnn()
    with pytest.raises(DTypeError, match="must be a model"):
        viz.saliency(np.sin, IMAGES)
    with pytest.raises(DTypeError, match="must be floats"):
        viz.saliency(model, (IMAGES * 255).astype(np.uint8))
    with pytest.raises(ShapeError, match="labels do not fit"):
        viz.saliency(model, IMAGES, [1, 2])
    with pytest.raises(ArgumentError, match="there are 5 classes"):
        viz.occlusion(model, IMAGES, 5)
    with pytest.raises(ShapeError, match="no images"):
        viz.occlusion(nn.Linear(7, 2), np.zeros((3, 7), np.float32))
    with pytest.raises(ArgumentError, match="does not fit"):
        viz.occlusion(model, IMAGES, size=9)
    with pytest.raises(ShapeError, match="score for each class"):
        viz.saliency(nn.Flatten(0), IMAGES)
