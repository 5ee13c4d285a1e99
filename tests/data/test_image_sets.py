"""Image sets, the embedded digits, the real files."""

import gzip
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from mirrors import IMAGES, LABELS, RAW, REPOSITORY, TRAIN_IMAGES, message, put

from tinygrad_mnist.core.errors import ArgumentError, DataError, MissingDependencyError, ShapeError
from tinygrad_mnist.data import catalogue as known
from tinygrad_mnist.data import choose
from tinygrad_mnist.data.choose import open_dataset
from tinygrad_mnist.data.digits import Digits, load_digits_arrays, upsample
from tinygrad_mnist.data.image_set import ImageSet
from tinygrad_mnist.data.mnist import MNIST, load_mnist_arrays
from tinygrad_mnist.data.sources import Found

REAL = Path(os.environ.get("TINYGRAD_MNIST_DATA") or REPOSITORY.parent / "shared" / "data" / "mnist")


# --- data sets --------------------------------------------------------------------------------------------------


def test_image_set_indexing_and_arrays() -> None:
    data = ImageSet(IMAGES, LABELS, classes=list("0123456789"), source="a test")
    image, label = data[1]
    assert len(data) == 6 and image.shape == (1, 28, 28) and image.dtype == np.float32
    assert type(label) is int and label == LABELS[1]
    assert np.array_equal(image[0], IMAGES[1].astype(np.float32) / np.float32(255))
    for index in (slice(1, 4), [3, 0], np.array([5, 5, 1]), LABELS > 4, slice(0, 0)):
        images, labels = data[index]
        assert images.dtype == np.float32 and isinstance(labels, np.ndarray) and labels.dtype == np.int64
        assert np.array_equal(images[:, 0], IMAGES[index].astype(np.float32) / np.float32(255))
        assert np.array_equal(labels, LABELS[index])
    assert sum(1 for _ in data) == 6
    with pytest.raises(IndexError):
        data[6]
    assert data.arrays()[0].shape == (6, 28, 28) and data.arrays(channel=True)[0].shape == (6, 1, 28, 28)
    images, labels = data.arrays(flatten=True, scale=False)
    assert images.shape == (6, 784) and images.dtype == np.float32 and images.max() > 200 and labels.dtype == np.int64
    with pytest.raises(ArgumentError, match="flatten and channel exclude each other"):
        data.arrays(flatten=True, channel=True)
    with pytest.raises(ShapeError, match="do not fit together"):
        ImageSet(IMAGES, LABELS[:5], classes="", source="")
    assert repr(data) == "ImageSet(6 images of 28x28; a test)"


def test_digits_are_deterministic_and_disjoint() -> None:
    pytest.importorskip("sklearn")
    (images, labels), (test_images, test_labels) = load_digits_arrays(True), load_digits_arrays(False)
    assert images.shape == (1437, 8, 8) and test_images.shape == (360, 8, 8)
    assert images.dtype == labels.dtype == np.uint8 and images.max() == 255 and images.min() == 0
    assert labels[:8].tolist() == FIRST_DIGITS
    assert np.bincount(test_labels).min() >= 25  # every class is there to be tested
    both = np.concatenate([images, test_images]).reshape(1797, 64)
    assert len(np.unique(both, axis=0)) == 1797
    enlarged = Digits(train=False, size=28)
    assert enlarged.images.shape == (360, 28, 28) and enlarged[0][0].shape == (1, 28, 28)
    assert "NOT MNIST" in repr(enlarged) and np.array_equal(Digits(train=False).images, test_images)


FIRST_DIGITS = [2, 8, 2, 6, 6, 7, 1, 9]


def test_upsample_against_torch() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    assert np.array_equal(upsample(images, 8), images)
    assert np.all(upsample(np.full((1, 8, 8), 77, np.uint8), 28) == 77)
    with pytest.raises(ArgumentError, match="size is too small"):
        upsample(images, 4)
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.interpolate(torch.tensor(images[:, None]).float(), size=28, mode="bilinear")
    assert np.abs(upsample(images, 28) - expected[:, 0].numpy()).max() <= 0.501


def test_digits_without_sklearn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependencyError, match="pip install scikit-learn"):
        Digits()
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    with pytest.raises(DataError, match="found nowhere") as error:
        open_dataset()
    assert "pip install scikit-learn" in message(error)


def test_open_dataset_falls_back_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    train, test, notice = open_dataset()
    assert isinstance(train, Digits) and len(train) == 1437 and len(test) == 360 and train.images.shape[1:] == (28, 28)
    assert notice is not None and "THIS IS NOT MNIST" in notice and notice.count("\n") >= 6
    assert "TINYGRAD_MNIST_OFFLINE=1" in notice and "TINYGRAD_MNIST_DATA" in notice and "--data mnist" in notice
    assert "asked for" in (open_dataset("digits").notice or "")
    with pytest.raises(DataError, match="found nowhere"):
        open_dataset("mnist")
    with pytest.raises(ArgumentError, match="auto, mnist, fashionmnist, kmnist, digits"):
        open_dataset("cifar")


@pytest.mark.parametrize("name", ["FashionMNIST", "KMNIST"])
def test_open_dataset_has_the_kin_of_mnist(tmp_path: Path, name: str) -> None:
    put(tmp_path / name / "raw", RAW)
    train, test, notice = open_dataset(name.lower(), tmp_path)
    assert np.array_equal(train.images, IMAGES) and len(test) == 4 and notice is None
    assert train.classes == known.SETS[name].classes and train.source.startswith(f"{name}, read from")
    with pytest.raises(DataError, match=f"{name}: the training files were found nowhere"):
        MNIST(None, download=False, catalogue=known.SETS[name])


def test_open_dataset_fallback_is_fast_where_names_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    assert choose.AUTO_PATIENCE * len(known.MNIST.mirrors) <= 12
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(30))
    monkeypatch.setattr(choose, "AUTO_PATIENCE", 0.1)
    begin = time.monotonic()
    assert open_dataset().notice is not None
    assert time.monotonic() - begin < 5
    release.set()


def test_open_dataset_never_mixes_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = {
        True: Found(IMAGES, LABELS, "FashionMNIST, read from x", False, ()),
        False: Found(IMAGES, LABELS, "MNIST, read from y", True, ()),
    }
    monkeypatch.setattr("tinygrad_mnist.data.mnist.find_split", lambda *_, train, **__: sets[train])
    with pytest.raises(DataError, match="not of one set"):
        open_dataset("mnist", tmp_path)


@pytest.mark.skipif(not (REAL / f"{TRAIN_IMAGES}.gz").exists(), reason="the real MNIST files are not here")
def test_the_real_files_in_place(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(REAL))
    for train in (True, False):
        for kind, file in known.MNIST.of(train):
            packed = (REAL / file.name).read_bytes()
            raw = gzip.decompress(packed)
            assert len(packed) == file.size and len(raw) == known.MNIST.raw_bytes(kind, train)
            assert hashlib.sha256(raw).hexdigest() == file.raw_sha256
    train, test, notice = open_dataset("mnist")
    assert notice is None and len(train) == 60_000 and len(test) == 10_000
    assert train.source == f"MNIST, read from {REAL}" and isinstance(train, MNIST) and train.canonical
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9] and test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert abs(float(train.arrays()[0].mean(dtype=np.float64)) - 0.1307) < 1e-4  # the mean every tutorial quotes
    images, labels = load_mnist_arrays(train=False, download=False)
    assert images.dtype == labels.dtype == np.uint8 and np.array_equal(images, test.images)
    assert not own_cache.exists()  # what can be read in place is not copied


def test_importing_loads_nothing_that_only_a_download_needs() -> None:
    code = (
        "import sys; from tinygrad_mnist.data import choose; "
        "print([name for name in ('urllib.request', 'ssl', 'http.client', 'socket', 'sklearn') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}
    )
    assert result.stdout == "[]\n", result.stderr
