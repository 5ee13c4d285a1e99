"""MNIST files: formats, verification, the order of sources, the cache, downloads. No test leaves this machine.

Tiny synthetic files stand for MNIST, with a hash table of their own; a server on 127.0.0.1 stands for the mirrors.
"""

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mirrors import (
    GZ,
    HTML,
    IMAGES,
    LABELS,
    OTHER_GZ,
    OTHER_RAW,
    OTHERS,
    RAW,
    TINY,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    StartMirror,
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
from tinygrad_mnist.data import catalogue
from tinygrad_mnist.data.folders import read_split
from tinygrad_mnist.data.idx import describe, format_idx, gunzip, parse_idx
from tinygrad_mnist.data.mnist import MNIST, load_mnist_arrays
from tinygrad_mnist.data.sources import default_cache_folder, find_split

# --- the IDX format ---------------------------------------------------------------------------------------------


def test_idx_round_trip_is_writable_and_own_memory() -> None:
    array = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
    data = format_idx(array)
    assert data[:16] == bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5])
    read = parse_idx(data, "images", "x")
    assert read.dtype == np.uint8 and np.array_equal(read, array) and read.flags.writeable and read.flags.owndata
    assert parse_idx(format_idx(np.zeros((0, 28, 28), np.uint8)), "images", "x").shape == (0, 28, 28)


@pytest.mark.parametrize(("data", "words"), [
    (b"", "an empty file"), (GZ[TRAIN_IMAGES], "a gzip file"), (b"PK\x03\x04rest", "a zip or npz archive"),
    (b"\x80\x04\x95pickle", "a pickle (never loaded"), (b"\x93NUMPY\x01\x00", "a .npy file"),
    (HTML, "an HTML page"), (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML page"),
    (b"version https://git-lfs.github.com/spec/v1\n", "a git-lfs pointer"),
    (RAW[TRAIN_LABELS], "IDX labels: magic number 2049"),
    (bytes([0, 0, 0x0D, 3]) + bytes(12), "IDX of float32: magic number 3331"),
    (bytes([0, 0, 8, 2]) + bytes(8), "IDX an array of 2 axes"),
    (b"\xde\xad\xbe\xef", "bytes that begin with de ad be ef"),
])  # fmt: skip
def test_wrong_magic_says_what_was_found(data: bytes, words: str) -> None:
    with pytest.raises(DataError) as error:
        parse_idx(data, "images", "some/file")
    assert "some/file is not an IDX file of images" in message(error)
    assert words in message(error) and "magic number 2051" in message(error)
    assert words in describe(data)


@pytest.mark.parametrize("cut", [4, 15, 16, -1])
def test_truncated_idx(cut: int) -> None:
    with pytest.raises(DataError, match="f is truncated"):
        parse_idx(RAW[TRAIN_IMAGES][:cut], "images", "f")


def test_trailing_bytes_and_huge_header() -> None:
    with pytest.raises(DataError, match="f has bytes after its end"):
        parse_idx(RAW[TRAIN_LABELS] + b"\0", "labels", "f")
    with pytest.raises(DataError, match="f is truncated"):  # and nothing of that size is allocated
        parse_idx(bytes([0, 0, 8, 3]) + b"\xff" * 12, "images", "f")


def test_every_damage_to_a_gzip_is_seen() -> None:
    packed = GZ[TRAIN_LABELS]
    for cut in range(2, len(packed)):
        with pytest.raises(DataError, match="f is (truncated|damaged)"):
            gunzip(packed[:cut], "f", 1000)
    for position in range(10, len(packed)):  # the header before holds only time, flags and system
        with pytest.raises(DataError, match="f is (truncated|damaged|too large)"):
            gunzip(flip(packed, position), "f", 1000)
    with pytest.raises(DataError, match="f is not a gzip file"):
        gunzip(HTML, "f", 1000)
    with pytest.raises(DataError, match="f is too large"):
        gunzip(gzip.compress(bytes(10_000)), "f", 1000)


# --- folders and archives ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sub_folder", ["", "MNIST/raw", "raw"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dotted", [True, False])
def test_every_layout_of_a_folder(tmp_path: Path, sub_folder: str, packed: bool, dotted: bool) -> None:
    files = {name.replace("-idx", ".idx") if dotted else name: data for name, data in (GZ if packed else RAW).items()}
    put(tmp_path / "mine" / sub_folder, files, ".gz" if packed else "")
    before = snapshot(tmp_path / "mine")
    for train in (True, False):
        assert find(tmp_path / "mine", train=train).warnings == ()
    assert snapshot(tmp_path / "mine") == before


def test_a_browser_that_unpacked_the_gz_and_kept_its_name(tmp_path: Path) -> None:
    assert find(put(tmp_path / "mine", RAW, ".gz")).canonical


def test_a_sound_gz_beside_a_damaged_raw_file(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", GZ, ".gz")
    for bad in (RAW[TRAIN_IMAGES][:-9], flip(RAW[TRAIN_IMAGES]), HTML, b""):
        (folder / TRAIN_IMAGES).write_bytes(bad)
        assert find(folder).source == f"MNIST, read from {folder}"


def test_npz_as_file_and_in_a_folder(tmp_path: Path) -> None:
    path = put_npz(tmp_path / "mine" / "mnist.npz")
    assert find(path, train=False).canonical
    assert find(tmp_path / "mine").source == f"MNIST, read from {path}"
    put_npz(path, y_train=LABELS.astype(np.int64))  # wider integers of the same values are the same labels
    assert find(path).labels.dtype == np.uint8


@pytest.mark.parametrize(("changes", "words"), [
    ({"y_train": np.array([1, None], dtype=object)}, "Object arrays cannot be loaded when allow_pickle=False"),
    ({"y_train": None}, "has no array y_train"), ({"x_train": IMAGES.astype(np.float32)}, "wrong shape or dtype"),
    ({"x_train": IMAGES.reshape(6, 784)}, "wrong shape or dtype"),
    ({"y_train": LABELS.astype(np.int64) + 256}, "values outside 0..255"),
    ({"y_train": LABELS[::-1].copy()}, "the published images beside other labels"),
])  # fmt: skip
def test_npz_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = put_npz(tmp_path / "mnist.npz", **changes)
    with pytest.raises(DataError) as error:
        find(path)
    assert words in message(error)


def test_damaged_npz_and_pickles_in_its_place(tmp_path: Path) -> None:
    path = put_npz(tmp_path / "mnist.npz")
    whole = path.read_bytes()
    for bad, words in (
        (whole[: len(whole) // 2], "cannot be read"), (flip(whole, 3000), "cannot be read"),
        (b"\x80\x04N.", "a pickle (never loaded"), (HTML, "an HTML page"),
    ):  # fmt: skip
        path.write_bytes(bad)
        with pytest.raises(DataError) as error:
            find(path)
        assert words in message(error)


def test_another_set_under_the_same_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "KNOWN", OTHERS)
    folder = put(tmp_path / "fashion", OTHER_GZ, ".gz")
    found = find(folder)
    assert not found.canonical and found.source == f"FashionMNIST, read from {folder}"
    assert found.warnings == (
        f"MNIST: the files in {folder} have MNIST's names but hold FashionMNIST; used because path= asked for them.",
    )
    unnamed = find(put(tmp_path / "unknown", OTHER_RAW))
    assert not unnamed.canonical and "(FashionMNIST, KMNIST, or a damaged MNIST?)" in unnamed.warnings[0]
    # A folder that every program sees must hold MNIST itself.
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(folder))
    with pytest.raises(DataError, match=r"other content \(FashionMNIST\)"):
        find()


def test_half_a_canonical_pair_is_a_damaged_mnist(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", RAW)
    (folder / TRAIN_IMAGES).write_bytes(flip(RAW[TRAIN_IMAGES]))
    with pytest.raises(DataError, match="the images in .* are damaged"):
        find(folder)


@pytest.mark.parametrize(("images", "labels", "words"), [
    (np.zeros((3, 28, 28), np.uint8), np.zeros(4, np.uint8), "do not fit together"),
    (np.zeros((3, 8, 8), np.uint8), np.zeros(3, np.uint8), "do not fit together"),
    (np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8), "do not fit together"),
    (np.zeros((1, 28, 28), np.uint8), np.full(1, 26, np.uint8), "labels above 9"),
])  # fmt: skip
def test_pairs_that_are_no_digits(tmp_path: Path, images: Any, labels: Any, words: str) -> None:
    folder = put(tmp_path, {TRAIN_IMAGES: format_idx(images), TRAIN_LABELS: format_idx(labels)})
    with pytest.raises(DataError, match=words):
        read_split(folder, TINY, True)


# --- the order of sources ---------------------------------------------------------------------------------------


def test_order_of_sources(
    tmp_path: Path,
    home: Path,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    start_mirror: StartMirror,
) -> None:
    mirror = start_mirror()
    path = put(tmp_path / "path", GZ, ".gz")
    variable = put(tmp_path / "variable", RAW)
    torchvision = put(tmp_path / "work" / "data" / "MNIST" / "raw", RAW)
    keras = put_npz(home / ".keras" / "datasets" / "mnist.npz")
    put(own_cache, RAW)
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(variable))
    expected = [
        (str(path), lambda: shutil.rmtree(path)), (str(variable), lambda: monkeypatch.delenv("TINYGRAD_MNIST_DATA")),
        (os.path.join("data", "MNIST", "raw"), lambda: shutil.rmtree(torchvision)),
        (str(keras), lambda: keras.unlink()), (str(own_cache), lambda: shutil.rmtree(own_cache)),
    ]  # fmt: skip
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


def test_error_when_every_source_failed(tmp_path: Path, home: Path, own_cache: Path, start_mirror: StartMirror) -> None:
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


# --- the own cache ----------------------------------------------------------------------------------------------


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "truncated": lambda data: data[:-7], "emptied": lambda data: b"", "a pixel": lambda data: flip(data, 300),
    "the seal": flip, "html": lambda data: HTML, "too long": lambda data: data + b"\0", "missing": lambda data: None,
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_cache_is_repaired(own_cache: Path, damage: str, start_mirror: StartMirror) -> None:
    mirror = start_mirror()
    find(mirrors=network(mirror))
    path = own_cache / "train.npz"
    whole = path.read_bytes()
    if (changed := DAMAGES[damage](whole)) is None:
        path.unlink()
    else:
        path.write_bytes(changed)
    os.utime(path, ns=(1, 1)) if changed else None  # nobody goes by the time of a file
    with pytest.raises(DataError, match="found nowhere") as error:
        find()
    assert "train.npz is damaged" in message(error) or changed is None
    find(mirrors=network(mirror))
    assert set(mirror.asked.values()) == {2} and path.read_bytes() == whole
    found = find(mirrors=network(mirror))
    assert found.source == f"MNIST, read from {own_cache}" and found.warnings == () and found.images.flags.writeable
    assert set(mirror.asked.values()) == {2}


@pytest.mark.parametrize("other", ["unsealed", "renamed"])
def test_a_cache_that_holds_something_else_is_damaged(own_cache: Path, other: str, start_mirror: StartMirror) -> None:
    mirror = start_mirror()
    find(mirrors=network(mirror))
    find(train=False, mirrors=network(mirror))
    path = own_cache / "train.npz"
    if other == "renamed":
        path.write_bytes((own_cache / "test.npz").read_bytes())
    else:
        np.savez(path, images=np.zeros((5, 2, 2)), labels=np.full(7, 99.5))
    with pytest.raises(DataError, match="found nowhere") as error:
        find()
    assert "train.npz is damaged" in message(error)


@pytest.mark.parametrize("form", ["gz", "raw", "npz"])
def test_files_put_into_the_cache_by_hand(own_cache: Path, form: str) -> None:
    if form == "npz":
        put_npz(own_cache / "mnist.npz")
    else:
        put(own_cache, GZ if form == "gz" else RAW, ".gz" * (form == "gz"))
    find()
    for path in own_cache.iterdir():
        path.unlink() if path.name != "train.npz" else None
    assert find().source == f"MNIST, read from {own_cache}"
    put(own_cache, OTHER_RAW)  # and what is not MNIST is not taken from there
    with pytest.raises(DataError, match="content of their own"):
        find(train=False)


def test_lock_excludes_threads_and_is_left_by_exceptions(own_cache: Path) -> None:
    with pytest.raises(KeyError), locks.locked(own_cache, 0.0) as first:
        assert first
        with locks.locked(own_cache, 0.1) as second:
            assert not second
        raise KeyError
    with locks.locked(own_cache, 0.0) as again:
        assert again


def test_leftovers_of_killed_writers_are_removed(own_cache: Path, start_mirror: StartMirror) -> None:
    own_cache.mkdir(parents=True)
    dead, alive = (own_cache / f".train.npz.{process}.2.part" for process in (2**22 + 7, os.getpid()))
    for part in (dead, alive):
        part.write_bytes(b"half")
    find(mirrors=network(start_mirror()))
    assert not dead.exists() and alive.exists()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_nothing(
    own_cache: Path, step: str, monkeypatch: pytest.MonkeyPatch, start_mirror: StartMirror
) -> None:  # fmt: skip
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    assert "No space left" in find(mirrors=network(start_mirror())).warnings[0]
    assert [path.name for path in own_cache.iterdir()] == [locks.NAME]
