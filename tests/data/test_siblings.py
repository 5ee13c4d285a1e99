"""Fashion-MNIST and KMNIST: found in torchvision's folder, in the cache, downloaded and verified, or explained."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
from mirrors import GZ, OTHER_GZ, OTHER_RAW, RAW, TRAIN_IMAGES, TRAIN_LABELS, flip, message, network, put, snapshot

from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data.canonical import FASHION_MNIST, FORM, KMNIST, catalogue_of
from tinygrad_mnist.data.idx import parse_idx
from tinygrad_mnist.data.sources import find_split


@pytest.fixture
def tiny():
    """A set of the tiny files, known by their .gz alone."""
    lines = [f"{len(GZ[n])} {hashlib.md5(GZ[n]).hexdigest()} {hashlib.sha256(GZ[n]).hexdigest()}" for n, _, _ in FORM]
    catalogue = catalogue_of("Tiny", (), "a, b", "\n".join(lines))
    files = [f._replace(raw_bytes=len(RAW[f.name])) for f in (*catalogue.train, *catalogue.test)]
    return catalogue._replace(train=tuple(files[:2]), test=tuple(files[2:]))


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


def test_downloads_go_to_the_cache_once_and_are_read_from_there(tiny, own_cache, start_mirror):
    mirror = start_mirror()
    for _ in range(2):
        same(find_sibling(tiny, train=True, download=True, network=network(mirror)))
    assert set(mirror.asked.values()) == {1} and (own_cache / "Tiny" / TRAIN_IMAGES).exists()
    same(find_sibling(tiny, train=True, download=False))
    path = own_cache / "Tiny" / TRAIN_LABELS
    path.write_bytes(flip(path.read_bytes()))  # no longer what was verified
    same(find_sibling(tiny, train=True, download=True, network=network(mirror)))
    assert mirror.asked[f"{TRAIN_LABELS}.gz"] == 2 and mirror.asked[f"{TRAIN_IMAGES}.gz"] == 1


def test_an_answer_that_is_not_the_published_file_is_refused(tiny, own_cache, start_mirror):
    for wrong in (OTHER_GZ[TRAIN_IMAGES], gzip.compress(OTHER_RAW[TRAIN_IMAGES]), RAW[TRAIN_IMAGES], b"<html>"):
        mirror = start_mirror(train_images_idx3_ubyte=wrong)
        with pytest.raises(DataError, match="found nowhere"):
            find_sibling(tiny, train=True, download=True, network=network(mirror))
        assert not (own_cache / "Tiny" / TRAIN_IMAGES).exists()


def test_what_is_nowhere_is_explained(tiny, monkeypatch):
    with pytest.raises(DataError) as caught:
        find_sibling(tiny, train=True, download=False)
    for part in ("Tiny: the training", "cache:", "download=False", "download=True", "Tiny/raw"):
        assert part in message(caught).replace("\\", "/")
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    with pytest.raises(DataError, match="OFFLINE"):
        find_sibling(tiny, train=True, download=True)


def test_the_mnist_beside_it_is_not_taken_for_it(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(put(tmp_path / "work" / "data" / "MNIST" / "raw", RAW)))
    with pytest.raises(DataError):
        find_sibling(tiny, train=True, download=False)


@pytest.mark.parametrize("sibling", [FASHION_MNIST, KMNIST], ids=lambda s: s.name)
def test_the_published_files_are_known_by_size_and_hash(sibling):
    for file in (*sibling.train, *sibling.test):
        assert len(file.gz_md5) == 32 and len(file.gz_sha256) == 64 and 5000 < file.gz_bytes < file.raw_bytes
    assert len(set(sibling.classes)) == 10 and all(m.startswith("https://") for m in sibling.mirrors)
