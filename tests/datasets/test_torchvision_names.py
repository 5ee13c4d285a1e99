"""tg.datasets beside torchvision's: arguments, samples, transforms, batches, and what a program does with them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import datasets, nn, transforms
from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data.idx import format_idx

KINDS = [datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A torchvision root with small files of all three sets, and neither cache nor network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    monkeypatch.delenv("TINYGRAD_MNIST_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    for seed, kind in enumerate(KINDS):
        folder, rng = tmp_path / "data" / kind.__name__ / "raw", np.random.default_rng(seed)
        folder.mkdir(parents=True)
        for prefix, count in (("train", 40), ("t10k", 12)):
            images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            labels = rng.integers(0, 10, count, dtype=np.uint8)
            (folder / f"{prefix}-images-idx3-ubyte").write_bytes(format_idx(images))
            (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(format_idx(labels))
    return tmp_path / "data"


def load(kind, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # these are not the real MNIST, which is said
        return kind(*args, **kwargs)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_and_facts_are_torchvisions(kind, root):
    data = load(kind, root, train=True, download=True)
    assert len(data) == 40 and len(load(kind, str(root), train=False)) == 12
    assert tuple(data.data.shape) == (40, 28, 28) and data.data.dtype == tg.uint8 and data.targets.dtype == tg.int64
    image, label = data[3]
    assert image.shape == (28, 28) and image.dtype == np.uint8 and type(label) is int
    assert image.tolist() == data.data[3].tolist() and label == data.targets[3].item()
    assert len(data.classes) == 10 and data.class_to_idx[data.classes[4]] == 4
    assert f"Dataset {kind.__name__}" in repr(data) and "40" in repr(data) and "Train" in repr(data)
    with pytest.raises(DataError, match="nowhere"):
        kind(root / "elsewhere")


STEPS = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]


@pytest.mark.parametrize("transform", [
    None, *[transforms.Compose(s) for s in (STEPS, [transforms.Resize(14), *STEPS], [*STEPS, transforms.CenterCrop(20)],
                                            [transforms.ToImage(), transforms.ToDtype(tg.float32, scale=True)])],
])  # fmt: skip
def test_a_batch_gathered_at_once_is_its_samples(root, transform):
    data = load(datasets.MNIST, root, transform=transform)
    assert data.takes_index_arrays
    loader = tg.utils.data.DataLoader(data, batch_size=16)
    one_by_one = tg.utils.data.DataLoader(data, batch_size=16, collate_fn=tg.utils.data.default_collate)
    for (x, y), (a, b) in zip(loader, one_by_one, strict=True):
        assert x.dtype == a.dtype and x.shape == a.shape and y.tolist() == b.tolist()
        np.testing.assert_allclose(x.numpy(), a.numpy(), rtol=1e-6, atol=1e-6)


def test_transforms_that_draw_are_given_each_sample_by_itself(root):
    turned = transforms.Compose([transforms.RandomRotation(30), transforms.ToTensor()])
    data = load(datasets.MNIST, root, transform=turned, target_transform=lambda label: label % 2)
    assert not data.takes_index_arrays
    tg.manual_seed(0)
    x, y = next(iter(tg.utils.data.DataLoader(data, batch_size=40)))
    assert x.shape == (40, 1, 28, 28) and set(y.tolist()) <= {0, 1}
    tg.manual_seed(0)
    assert x.tolist() == next(iter(tg.utils.data.DataLoader(data, batch_size=40)))[0].tolist()
    assert np.abs(x.numpy()[:, 0] * 255 - data.data.numpy()).max() > 1


def test_what_a_program_assigns_to_data_and_targets_counts(root):
    data = load(datasets.MNIST, root, transform=transforms.ToTensor())
    even = data.targets % 2 == 0 if hasattr(data.targets, "__mod__") else tg.from_numpy(data.targets.numpy() % 2 == 0)
    data.data, data.targets = data.data[even], data.targets[even]
    assert len(data) == int(even.numpy().sum()) == sum(1 for _, label in (data[i] for i in range(len(data))))


def test_the_usual_program_trains(root):
    torch = tg  # the lines below are PyTorch's
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    dataset = load(datasets.MNIST, root, train=True, download=True, transform=transform)
    loader = torch.utils.data.DataLoader(dataset, batch_size=10, shuffle=True, num_workers=1, pin_memory=True)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(6):
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(data), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
