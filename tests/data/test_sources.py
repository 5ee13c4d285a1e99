"""Where MNIST is looked for and what is said when it is nowhere; the cache: its stamp, damage, locks, leftovers."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mirrors import (
    GZ,
    HTML,
    IMAGES,
    LABELS,
    OTHER_RAW,
    RAW,
    TINY,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    LocalMirror,
    find,
    flip,
    message,
    network,
    put,
    put_npz,
    snapshot,
)

from tinygrad_mnist.core import locks
from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data import cache as cache_module
from tinygrad_mnist.data.cache import default_cache_folder, install, load_cached
from tinygrad_mnist.data.canonical import CanonicalFile
from tinygrad_mnist.data.mnist import MNIST, load_mnist_arrays
from tinygrad_mnist.data.sources import find_split

# --- the order of sources ---------------------------------------------------------------------------------------


def test_order_of_sources(
    tmp_path: Path,
    home: Path,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    start_mirror: Callable[..., LocalMirror],
) -> None:
    mirror = start_mirror()
    path = put(tmp_path / "path", GZ, ".gz")
    variable = put(tmp_path / "variable", RAW)
    torchvision = put(tmp_path / "work" / "data" / "MNIST" / "raw", RAW)
    keras = put_npz(home / ".keras" / "datasets" / "mnist.npz")
    put(own_cache, RAW)
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(variable))
    expected = [
        (str(path), lambda: shutil.rmtree(path)),
        (str(variable), lambda: monkeypatch.delenv("TINYGRAD_MNIST_DATA")),
        (os.path.join("data", "MNIST", "raw"), lambda: shutil.rmtree(torchvision)),
        (str(keras), lambda: keras.unlink()),
        (str(own_cache), lambda: shutil.rmtree(own_cache)),
    ]
    for place, remove in expected:
        given = path if path.exists() else None
        assert find(given, mirrors=network(mirror)).source == f"MNIST, read from {place}"
        assert not mirror.asked
        remove()
    assert find(mirrors=network(mirror)).source == f"MNIST, from {mirror.url} by way of {own_cache}"
    assert find().source == f"MNIST, read from {own_cache}"


def test_keras_home_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    path = put_npz(tmp_path / "keras" / "datasets" / "mnist.npz")
    assert find().source == f"MNIST, read from {path}"


def test_a_path_or_variable_that_cannot_be_used_is_passed_over_aloud(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(own_cache, RAW)
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(tmp_path / "nothing"))
    mine = put(tmp_path / "mine", {TRAIN_IMAGES: GZ[TRAIN_IMAGES][:99], TRAIN_LABELS: GZ[TRAIN_LABELS]}, ".gz")
    before = snapshot(mine)
    found = find(mine)
    assert found.source == f"MNIST, read from {own_cache}" and len(found.warnings) == 2
    assert f"path: {mine / TRAIN_IMAGES}.gz is truncated" in found.warnings[0]
    assert "$TINYGRAD_MNIST_DATA" in found.warnings[1] and "no such file or folder" in found.warnings[1]
    assert snapshot(mine) == before


def test_warnings_point_at_the_caller(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", OTHER_RAW)
    for load in (MNIST, load_mnist_arrays):
        with pytest.warns(UserWarning, match="have MNIST's names") as caught:
            load(folder)
        assert caught[0].filename == __file__


def test_cache_folder_default(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for relative in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        assert default_cache_folder() == home / ".cache" / "tinygrad_mnist"


# --- when all has failed ----------------------------------------------------------------------------------------


def test_error_when_every_source_failed(
    tmp_path: Path, home: Path, own_cache: Path, start_mirror: Callable[..., LocalMirror]
) -> None:
    first, second = start_mirror(train_images_idx3_ubyte=HTML), start_mirror()
    second.answers.clear()
    mine = put(tmp_path / "mine", {TRAIN_IMAGES: GZ[TRAIN_IMAGES][:-30]}, ".gz")
    with pytest.raises(DataError) as error:
        find_split(mine, train=True, network=network(first, second), catalogue=TINY)
    sizes = {name: f"{len(data):>9,}" for name, data in GZ.items()}
    keras = home / ".keras" / "datasets" / "mnist.npz"
    expected = f"""\
MNIST: the training files were found nowhere.
  got       path: train-labels-idx1-ubyte is missing from {mine}
            $TINYGRAD_MNIST_DATA: not set
            torchvision: {Path("data/MNIST/raw")}: no such file or folder
            Keras: {keras}: no such file or folder
            cache: {own_cache}: no such file or folder
            scikit-learn: {home / "scikit_learn_data" / "openml.org"} holds no copy of mnist_784
            {first.url}train-images-idx3-ubyte.gz: the answer is not an IDX file of images \
(an HTML page (an error or log-in page in place of the file?))
            {second.url}train-images-idx3-ubyte.gz: HTTP 404 Not Found
  expected  train-images-idx3-ubyte.gz  {sizes["train-images-idx3-ubyte"]} bytes
            train-labels-idx1-ubyte.gz  {sizes["train-labels-idx1-ubyte"]} bytes
            t10k-images-idx3-ubyte.gz  {sizes["t10k-images-idx3-ubyte"]} bytes
            t10k-labels-idx1-ubyte.gz  {sizes["t10k-labels-idx1-ubyte"]} bytes
  try       download these four files with a browser, \
from https://ossci-datasets.s3.amazonaws.com/mnist/<name> or elsewhere,
            into {own_cache}
            or into any folder, and set TINYGRAD_MNIST_DATA=<that folder> or pass path=<that folder>"""
    assert message(error) == expected


def test_the_advice_works(own_cache: Path) -> None:
    with pytest.raises(DataError, match="found nowhere"):
        find()
    put(own_cache, GZ, ".gz")
    assert find().source == f"MNIST, read from {own_cache}"


IMAGES_FILE, LABELS_FILE = TINY.train


# --- the own cache ----------------------------------------------------------------------------------------------


def fill(own_cache: Path) -> Path:
    for file in (*TINY.train, *TINY.test):
        install(own_cache, file, RAW[file.name])
    return own_cache


def test_stamp_saves_the_hash_and_its_mismatch_brings_it_back(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    whole = cache_module.matches

    def counted(data: bytes, file: CanonicalFile) -> bool:
        hashed.append(file.name)
        return whole(data, file)

    monkeypatch.setattr(cache_module, "matches", counted)
    fill(own_cache)
    find()
    assert hashed == []
    os.utime(own_cache / TRAIN_IMAGES)  # a new mtime, the same content
    find()
    assert hashed == [TRAIN_IMAGES]
    find()
    assert hashed == [TRAIN_IMAGES]
    (own_cache / f"{TRAIN_LABELS}.verified").write_bytes(b"\xff nonsense")
    find()
    assert hashed == [TRAIN_IMAGES, TRAIN_LABELS]


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "truncated": lambda data: data[:-7],
    "emptied": lambda data: b"",
    "bit flipped": flip,
    "wrong magic": lambda data: b"\0\0\x08\x01" + data[4:],
    "html": lambda data: HTML,
    "too long": lambda data: data + b"\0",
    "another set": lambda data: OTHER_RAW[TRAIN_IMAGES],
    "missing": lambda data: None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_cache_is_repaired(own_cache: Path, damage: str, start_mirror: Callable[..., LocalMirror]) -> None:
    mirror = start_mirror()
    fill(own_cache)
    path = own_cache / TRAIN_IMAGES
    changed = DAMAGES[damage](path.read_bytes())
    if changed is None:
        path.unlink()
    else:
        path.write_bytes(changed)
    with pytest.raises(DataError, match="found nowhere"):
        find()
    find(mirrors=network(mirror))
    assert mirror.asked == {f"{TRAIN_IMAGES}.gz": 1}  # its sound partner is kept
    assert path.read_bytes() == RAW[TRAIN_IMAGES]
    assert find().warnings == ()


def test_files_put_into_the_cache_by_hand(own_cache: Path) -> None:
    put(own_cache, GZ, ".gz")
    find()
    assert (own_cache / TRAIN_IMAGES).read_bytes() == RAW[TRAIN_IMAGES]
    assert np.array_equal(load_cached(own_cache, IMAGES_FILE), IMAGES)
    shutil.rmtree(own_cache)
    put_npz(own_cache / "mnist.npz")
    find()
    assert np.array_equal(load_cached(own_cache, LABELS_FILE), LABELS)


def test_lock_excludes_threads_and_is_left_by_exceptions(own_cache: Path) -> None:
    with pytest.raises(KeyError), locks.locked(own_cache, 0.0) as first:
        assert first
        with locks.locked(own_cache, 0.1) as second:
            assert not second
        raise KeyError
    with locks.locked(own_cache, 0.0) as again:
        assert again


def test_leftovers_of_killed_writers_are_removed(own_cache: Path, start_mirror: Callable[..., LocalMirror]) -> None:
    own_cache.mkdir(parents=True)
    old, young = own_cache / ".x.1.2.part", own_cache / ".y.1.2.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    find(mirrors=network(start_mirror()))
    assert not old.exists() and young.exists()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_nothing(own_cache: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        install(own_cache, IMAGES_FILE, RAW[TRAIN_IMAGES])
    assert list(own_cache.iterdir()) == []
