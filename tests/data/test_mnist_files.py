"""MNIST files: formats, verification, the order of sources, the cache, downloads. No test leaves this machine.

Tiny synthetic files stand for MNIST, with a hash table of their own; a server on 127.0.0.1 stands for the mirrors.
"""

from __future__ import annotations

import gzip
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
    RAW,
    TINY,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    find,
    flip,
    message,
    put,
    put_npz,
    snapshot,
)

from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data.folders import read_split
from tinygrad_mnist.data.idx import describe, format_idx, gunzip, parse_idx

# --- the IDX format ---------------------------------------------------------------------------------------------


def test_idx_round_trip_is_writable_and_own_memory() -> None:
    array = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
    data = format_idx(array)
    assert data[:16] == bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5])
    read = parse_idx(data, "images", "x")
    assert read.dtype == np.uint8 and np.array_equal(read, array) and read.flags.writeable and read.flags.owndata
    assert parse_idx(format_idx(np.zeros((0, 28, 28), np.uint8)), "images", "x").shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (GZ[TRAIN_IMAGES], "a gzip file"),
        (b"PK\x03\x04rest", "a zip or npz archive"),
        (b"\x80\x04\x95pickle", "a pickle (never loaded"),
        (b"\x93NUMPY\x01\x00", "a .npy file"),
        (HTML, "an HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a git-lfs pointer"),
        (RAW[TRAIN_LABELS], "IDX labels: magic number 2049"),
        (bytes([0, 0, 0x0D, 3]) + bytes(12), "IDX of float32: magic number 3331"),
        (bytes([0, 0, 8, 2]) + bytes(8), "IDX an array of 2 axes"),
        (b"\xde\xad\xbe\xef", "bytes that begin with de ad be ef"),
    ],
)
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


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y_train": np.array([1, None], dtype=object)}, "Object arrays cannot be loaded when allow_pickle=False"),
        ({"y_train": None}, "has no array y_train"),
        ({"x_train": IMAGES.astype(np.float32)}, "wrong shape or dtype"),
        ({"x_train": IMAGES.reshape(6, 784)}, "wrong shape or dtype"),
        ({"y_train": LABELS.astype(np.int64) + 256}, "values outside 0..255"),
        ({"y_train": LABELS[::-1].copy()}, "canonical images beside other labels"),
    ],
)
def test_npz_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = put_npz(tmp_path / "mnist.npz", **changes)
    with pytest.raises(DataError) as error:
        find(path)
    assert words in message(error)


def test_damaged_npz_and_pickles_in_its_place(tmp_path: Path) -> None:
    path = put_npz(tmp_path / "mnist.npz")
    whole = path.read_bytes()
    for bad, words in (
        (whole[: len(whole) // 2], "cannot be read"),
        (flip(whole, 3000), "cannot be read"),
        (b"\x80\x04N.", "a pickle (never loaded"),
        (HTML, "an HTML page"),
    ):
        path.write_bytes(bad)
        with pytest.raises(DataError) as error:
            find(path)
        assert words in message(error)


def test_another_set_under_the_same_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(tmp_path / "fashion", OTHER_GZ, ".gz")
    found = find(folder)
    assert not found.canonical and found.source == f"Fashion-MNIST, read from {folder}"
    assert found.warnings == (
        f"MNIST: the files in {folder} have MNIST's names but hold Fashion-MNIST; used because path= asked for them.",
    )
    unnamed = find(put(tmp_path / "unknown", OTHER_RAW))
    assert not unnamed.canonical and "(Fashion-MNIST, KMNIST, or a damaged MNIST?)" in unnamed.warnings[0]
    # A folder that every program sees must hold MNIST itself.
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(folder))
    with pytest.raises(DataError, match=r"other content \(Fashion-MNIST\)"):
        find()


def test_half_a_canonical_pair_is_a_damaged_mnist(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", RAW)
    (folder / TRAIN_IMAGES).write_bytes(flip(RAW[TRAIN_IMAGES]))
    with pytest.raises(DataError, match="the images in .* are damaged"):
        find(folder)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((3, 28, 28), np.uint8), np.zeros(4, np.uint8), "do not fit together"),
        (np.zeros((3, 8, 8), np.uint8), np.zeros(3, np.uint8), "do not fit together"),
        (np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8), "do not fit together"),
        (np.zeros((1, 28, 28), np.uint8), np.full(1, 26, np.uint8), "labels above 9"),
    ],
)
def test_pairs_that_are_no_digits(tmp_path: Path, images: Any, labels: Any, words: str) -> None:
    folder = put(tmp_path, {TRAIN_IMAGES: format_idx(images), TRAIN_LABELS: format_idx(labels)})
    with pytest.raises(DataError, match=words):
        read_split(folder, TINY, True, accept_other=True)
