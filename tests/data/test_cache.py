"""The cache: its stamp, damage that is repaired, locks, leftovers."""

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
    network,
    put,
    put_npz,
)

from tinygrad_mnist.core import locks
from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data import cache as cache_module
from tinygrad_mnist.data.cache import install, load_cached
from tinygrad_mnist.data.canonical import CanonicalFile

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
