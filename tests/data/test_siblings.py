"""Fashion-MNIST and KMNIST: found in torchvision's folder, in the cache, downloaded and verified, or explained."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from mirrors import (
    GZ,
    OTHER_GZ,
    OTHER_RAW,
    OTHERS,
    RAW,
    TRAIN_IMAGES,
    declared,
    flip,
    message,
    network,
    put,
    snapshot,
)

from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data import catalogue
from tinygrad_mnist.data.catalogue import EMNIST, SETS
from tinygrad_mnist.data.idx import parse_idx
from tinygrad_mnist.data.sources import find_split


@pytest.fixture
def tiny():
    """A set of the tiny files, known by their .gz alone."""
    return declared("Tiny", mirrors=(), keras="")


def find_sibling(catalogue, path=None, **settings):
    return find_split(path, catalogue=catalogue, **settings)


def same(found, raw=RAW, name="train"):
    assert np.array_equal(found.images, parse_idx(raw[f"{name}-images-idx3-ubyte"], "images", ""))
    assert np.array_equal(found.labels, parse_idx(raw[f"{name}-labels-idx1-ubyte"], "labels", ""))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_torchvisions_folder_is_read_and_only_read(tiny, tmp_path, suffix):
    put(tmp_path / "Tiny" / "raw", OTHER_GZ if suffix else OTHER_RAW, suffix)
    before = snapshot(tmp_path)
    for train, name in ((True, "train"), (False, "t10k")):
        found = find_sibling(tiny, tmp_path / "Tiny" / "raw", train=train, download=False)
        same(found, OTHER_RAW, name)
        assert found.source.startswith("Tiny, read from") and not found.warnings
    assert snapshot(tmp_path) == before


def test_another_set_in_its_folder_is_told(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "KNOWN", OTHERS)
    found = find_sibling(tiny, put(tmp_path / "mine", OTHER_GZ, ".gz"), train=True, download=False)
    assert "have Tiny's names but hold FashionMNIST" in found.warnings[0] and not found.canonical


@pytest.mark.parametrize("variable", [True, False])
def test_roots_of_ones_own_are_known_by_the_folder(tiny, tmp_path, monkeypatch, variable):
    root = tmp_path / "mine" if variable else tmp_path / "work" / "data"
    put(root / "Tiny" / "raw", RAW)
    if variable:
        monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(root))
    else:  # which nobody named: there only files count that are known
        with pytest.raises(DataError, match="content of their own"):
            find_sibling(tiny, train=True, download=False)
        put(root / "Tiny" / "raw", GZ, ".gz")  # as torchvision leaves them beside the others
    same(find_sibling(tiny, train=True, download=False))


def test_downloads_go_to_the_cache_once_and_are_read_from_there(tiny, own_cache, start_mirror):
    mirror, cache = start_mirror(), own_cache.parent / "Tiny"
    for _ in range(2):
        same(find_sibling(tiny, train=True, download=True, network=network(mirror)))
    assert set(mirror.asked.values()) == {1} and (cache / "train.npz").exists()
    same(find_sibling(tiny, train=True, download=False))
    path = cache / "train.npz"
    path.write_bytes(flip(path.read_bytes(), 400))  # no longer what was verified
    same(find_sibling(tiny, train=True, download=True, network=network(mirror)))
    assert set(mirror.asked.values()) == {2}


def test_an_answer_that_is_not_the_published_file_is_refused(tiny, own_cache, start_mirror):
    for wrong in (OTHER_GZ[TRAIN_IMAGES], gzip.compress(OTHER_RAW[TRAIN_IMAGES]), RAW[TRAIN_IMAGES], b"<html>"):
        mirror = start_mirror(train_images_idx3_ubyte=wrong)
        with pytest.raises(DataError, match="found nowhere"):
            find_sibling(tiny, train=True, download=True, network=network(mirror))
        assert not (own_cache.parent / "Tiny" / "train.npz").exists()


def test_what_is_nowhere_is_explained(tiny, monkeypatch):
    with pytest.raises(DataError) as caught:
        find_sibling(tiny, train=True, download=False)
    for part in ("Tiny: the training", "cache:", "download=False", "download=True", "Tiny/raw, and set"):
        assert part in message(caught).replace("\\", "/")
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    with pytest.raises(DataError, match="OFFLINE"):
        find_sibling(tiny, train=True, download=True)


def test_the_mnist_beside_it_is_not_taken_for_it(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(put(tmp_path / "work" / "data" / "MNIST" / "raw", RAW)))
    with pytest.raises(DataError):
        find_sibling(tiny, train=True, download=False)


@pytest.mark.parametrize("one", [*SETS.values(), *EMNIST.values()], ids=lambda one: f"{one.name}{one.split}")
def test_every_set_is_declared_in_full(one):
    assert len(one.files) == 4 and len(set(one.classes)) == len(one.classes)
    for train in (True, False):
        for _, file in one.served(train):
            assert len(file.sha256 or file.raw_sha256) == 64 and file.size > 4000
            assert all(f.name.endswith(".gz") and f.raw_name in f.name for _, f in one.of(train))
    assert one.raw_bytes("images", True) == 16 + 784 * one.counts[0] and one.raw_bytes("labels", False) < 120_000
    assert all(mirror.startswith("https://") for mirror in one.mirrors)


def test_the_facts_that_were_published_of_mnist_and_emnist():
    assert [SETS["MNIST"].raw_bytes(k, t) for t in (True, False) for k in ("images", "labels")] == [
        47_040_016, 60_008, 7_840_016, 10_008]  # fmt: skip
    sizes = {split: (*one.counts, len(one.classes)) for split, one in EMNIST.items()}
    assert sizes == {
        "byclass": (697_932, 116_323, 62), "bymerge": (697_932, 116_323, 47), "balanced": (112_800, 18_800, 47),
        "letters": (124_800, 20_800, 27), "digits": (240_000, 40_000, 10), "mnist": (60_000, 10_000, 10),
    }  # fmt: skip
    assert "".join(EMNIST["byclass"].classes[8:12]) == "89AB" and EMNIST["letters"].classes[:3] == ("N/A", "a", "b")
    assert "".join(EMNIST["balanced"].classes[-11:]) == "abdefghnqrt"
