"""MNIST files: formats, verification, the order of sources, the cache, downloads. No test leaves this machine.

Tiny synthetic files stand for MNIST, with a hash table of their own; a server on 127.0.0.1 stands for the mirrors.
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.core import locks
from tinygrad_mnist.core.errors import ArgumentError, DataError, MissingDependencyError, ShapeError
from tinygrad_mnist.data import cache as cache_module
from tinygrad_mnist.data import choose, download, sources
from tinygrad_mnist.data.cache import default_cache_folder, install, load_cached
from tinygrad_mnist.data.canonical import MIRRORS, MNIST_FILES, CanonicalFile, Catalogue
from tinygrad_mnist.data.choose import open_dataset
from tinygrad_mnist.data.digits import Digits, load_digits_arrays, upsample
from tinygrad_mnist.data.download import check_url, fetch
from tinygrad_mnist.data.folders import read_split
from tinygrad_mnist.data.idx import describe, format_idx, gunzip, parse_idx
from tinygrad_mnist.data.image_set import ImageSet
from tinygrad_mnist.data.mnist import MNIST, load_mnist_arrays
from tinygrad_mnist.data.sources import Found, Network, find_split

REPOSITORY = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("TINYGRAD_MNIST_DATA") or REPOSITORY.parent / "shared" / "data" / "mnist")
HTML = b"<!DOCTYPE html>\n<html><body>Log in to the hotel's network</body></html>"


def make_raw(seed: int) -> dict[str, bytes]:
    """Draw four small files under MNIST's names, as IDX bytes."""
    rng = np.random.default_rng(seed)
    raw: dict[str, bytes] = {}
    for prefix, count in (("train", 6), ("t10k", 4)):
        raw[f"{prefix}-images-idx3-ubyte"] = format_idx(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        raw[f"{prefix}-labels-idx1-ubyte"] = format_idx(rng.integers(0, 10, count, dtype=np.uint8))
    return raw


RAW = make_raw(0)
GZ = {name: gzip.compress(data, mtime=0) for name, data in RAW.items()}
OTHER_RAW = make_raw(1)
OTHER_GZ = {name: gzip.compress(data, mtime=0) for name, data in OTHER_RAW.items()}
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def make_catalogue() -> Catalogue:
    def entry(name: str) -> CanonicalFile:
        raw, packed = RAW[name], GZ[name]
        return CanonicalFile(
            name=name,
            kind=name.split("-")[1],
            gz_bytes=len(packed),
            gz_md5=hashlib.md5(packed).hexdigest(),
            gz_sha256=hashlib.sha256(packed).hexdigest(),
            raw_bytes=len(raw),
            raw_sha256=hashlib.sha256(raw).hexdigest(),
        )

    names = list(RAW)
    return Catalogue(
        train=(entry(names[0]), entry(names[1])),
        test=(entry(names[2]), entry(names[3])),
        look_alikes={hashlib.md5(packed).hexdigest(): "Fashion-MNIST" for packed in OTHER_GZ.values()},
    )


TINY = make_catalogue()
IMAGES_FILE, LABELS_FILE = TINY.train
IMAGES = parse_idx(RAW[TRAIN_IMAGES], "images", "")
LABELS = parse_idx(RAW[TRAIN_LABELS], "labels", "")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a home, a cache and a working directory of its own, and no proxy."""
    for name in ("KERAS_HOME", "SCIKIT_LEARN_DATA", "TINYGRAD_MNIST_DATA", "TINYGRAD_MNIST_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "work")
    return folder


@pytest.fixture
def own_cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tinygrad_mnist"


Answer = bytes | Callable[[http.server.BaseHTTPRequestHandler], None]


class LocalMirror:
    """A mirror on 127.0.0.1: one answer per file name, and a count of what was asked for."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.release = threading.Event()  # set at the end, so that answers that hang let go
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                mirror.asked[name] += 1
                mirror.agents.add(self.headers["User-Agent"])
                answer = mirror.answers.get(name)
                if answer is None:
                    self.send_error(404)
                elif callable(answer):
                    answer(self)
                else:
                    send(self, answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/mnist/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def send(handler: http.server.BaseHTTPRequestHandler, body: bytes, length: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def send_late(seconds: float, body: bytes) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        send(handler, body)

    return answer


def send_nonsense(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")


def redirect_to(target: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.fixture
def start_mirror() -> Iterator[Callable[..., LocalMirror]]:
    mirrors: list[LocalMirror] = []

    def start(**changes: Answer) -> LocalMirror:
        """Start a mirror that has all files, but for changes: name with _ for - and without .gz."""
        answers: dict[str, Answer] = {f"{name}.gz": data for name, data in GZ.items()}
        answers |= {f"{name.replace('_', '-')}.gz": answer for name, answer in changes.items()}
        mirrors.append(LocalMirror(answers))
        return mirrors[-1]

    yield start
    for mirror in mirrors:
        mirror.close()


def network(*mirrors: LocalMirror, patience: float = 5.0) -> Network:
    return Network(tuple(mirror.url for mirror in mirrors), patience, allow_loopback_http=True)


def find(path: Path | None = None, *, mirrors: Network | None = None, train: bool = True, **options: Any) -> Found:
    """Search with the tiny catalogue, and without a network unless a mirror is given."""
    found = find_split(path, train=train, download=mirrors is not None, network=mirrors, catalogue=TINY, **options)
    name = "train" if train else "t10k"
    if found.canonical:
        assert np.array_equal(found.images, parse_idx(RAW[f"{name}-images-idx3-ubyte"], "images", ""))
        assert np.array_equal(found.labels, parse_idx(RAW[f"{name}-labels-idx1-ubyte"], "labels", ""))
    return found


def put(folder: Path, files: dict[str, bytes], suffix: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / f"{name}{suffix}").write_bytes(data)
    return folder


def put_npz(path: Path, **changes: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "x_train": IMAGES,
        "y_train": LABELS,
        "x_test": parse_idx(RAW["t10k-images-idx3-ubyte"], "images", ""),
        "y_test": parse_idx(RAW["t10k-labels-idx1-ubyte"], "labels", ""),
    }
    np.savez(path, **{key: value for key, value in (arrays | changes).items() if value is not None})
    return path


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def flip(data: bytes, position: int = -5) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def message(error: pytest.ExceptionInfo[DataError]) -> str:
    return str(error.value)


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


# --- downloading ------------------------------------------------------------------------------------------------


def test_download_reports_progress_and_names_itself(own_cache: Path, start_mirror: Callable[..., LocalMirror]) -> None:
    mirror = start_mirror()
    reports: list[tuple[str, int, int]] = []
    find(mirrors=network(mirror), progress=lambda *report: reports.append(report))
    for name in (TRAIN_IMAGES, TRAIN_LABELS):
        assert (f"{name}.gz", len(GZ[name]), len(GZ[name])) in reports
    assert mirror.agents == {download.USER_AGENT} and "urllib" not in download.USER_AGENT
    names = {path.name for path in own_cache.iterdir()}
    kept = {name for file in (TRAIN_IMAGES, TRAIN_LABELS) for name in (file, f"{file}.verified")}
    assert names == kept | {locks.NAME}


def test_what_the_progress_callback_raises_is_not_a_mirror_s_fault(
    own_cache: Path, start_mirror: Callable[..., LocalMirror]
) -> None:
    def interrupted(*_: object) -> None:
        raise ValueError("from the callback")

    with pytest.raises(ValueError, match="from the callback"):
        find(mirrors=network(start_mirror()), progress=interrupted)
    assert [path.name for path in own_cache.iterdir()] == [locks.NAME]


def test_a_mirror_may_compress_differently_or_not_at_all(start_mirror: Callable[..., LocalMirror]) -> None:
    mirror = start_mirror(
        train_images_idx3_ubyte=gzip.compress(RAW[TRAIN_IMAGES], 1, mtime=5), train_labels_idx1_ubyte=RAW[TRAIN_LABELS]
    )
    find(mirrors=network(mirror))


BAD_ANSWERS: dict[str, tuple[Answer | None, str]] = {
    "404": (None, "HTTP 404 Not Found"),
    "403": (lambda handler: handler.send_error(403), "HTTP 403 Forbidden"),
    "503": (lambda handler: handler.send_error(503), "HTTP 503 Service Unavailable"),
    "html": (HTML, "the answer is not an IDX file of images (an HTML page"),
    "empty": (b"", "the answer is not an IDX file of images (an empty file)"),
    "truncated": (GZ[TRAIN_IMAGES][:-20], "the answer is truncated"),
    "bit flipped": (flip(GZ[TRAIN_IMAGES]), "the answer is damaged (gzip: CRC check failed"),
    "labels": (GZ[TRAIN_LABELS], "the answer is not an IDX file of images (IDX labels: magic number 2049)"),
    "other set": (OTHER_GZ[TRAIN_IMAGES], "the answer is not the canonical MNIST (content with another sha256)"),
    "bomb": (gzip.compress(bytes(1_000_000)), "the answer is too large"),
    "huge": (lambda handler: send(handler, b"", 10**9), "refused: the server offers 1,000,000,000 bytes"),
    "closed early": (
        lambda handler: send(handler, GZ[TRAIN_IMAGES][:50], len(GZ[TRAIN_IMAGES])),
        f"the connection closed after 50 of {len(GZ[TRAIN_IMAGES]):,} bytes",
    ),
    "no HTTP": (send_nonsense, "BadStatusLine"),
    "redirect to http": (redirect_to("http://example.com/x.gz"), "redirect refused: http://example.com/x.gz is not"),
    "redirect to a file": (redirect_to("file:///etc/passwd"), "HTTP 302"),
    "redirect loop": (redirect_to("/mnist/train-images-idx3-ubyte.gz"), "HTTP 302"),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_bad_answers_are_named_and_the_next_mirror_asked(
    own_cache: Path, case: str, start_mirror: Callable[..., LocalMirror]
) -> None:
    answer, words = BAD_ANSWERS[case]
    bad, good = start_mirror(), start_mirror()
    if answer is None:
        del bad.answers[f"{TRAIN_IMAGES}.gz"]
    else:
        bad.answers[f"{TRAIN_IMAGES}.gz"] = answer
    with pytest.raises(DataError) as error:
        find(mirrors=network(bad))
    line = next(line for line in message(error).splitlines() if line.strip().startswith(bad.url))
    assert f"{bad.url}{TRAIN_IMAGES}.gz: {words}" in line
    assert not (own_cache / TRAIN_IMAGES).exists()
    found = find(mirrors=network(bad, good))
    assert found.source == f"MNIST, from {good.url} by way of {own_cache}"
    assert good.asked == {f"{TRAIN_IMAGES}.gz": 1, f"{TRAIN_LABELS}.gz": 1}
    assert not bad.asked[f"{TRAIN_LABELS}.gz"]  # the mirror that answered is asked first from then on


def test_only_https_in_production(start_mirror: Callable[..., LocalMirror]) -> None:
    mirror = start_mirror()
    with pytest.raises(DataError, match=r"refused: http://127\.0\.0\.1:\d+/mnist/.* is not https"):
        find(mirrors=Network((mirror.url,), 5.0))
    assert not mirror.asked
    assert all(url.startswith("https://") and url.endswith("/") for url in MIRRORS)
    assert Network() == Network(MIRRORS, sources.PATIENCE, allow_loopback_http=False)
    for url in ("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "http://127.0.0.1.evil.com/"):
        with pytest.raises(DataError, match="is not https"):
            check_url(url, allow_loopback_http=True)
    check_url("https://example.com/")


def test_certificates_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ssl._create_default_https_context is ssl.create_default_context
    source = Path(download.__file__).read_text()
    assert "_unverified" not in source and "CERT_NONE" not in source and "check_hostname" not in source
    bad = ssl.SSLCertVerificationError(1, "certificate verify failed")
    bad.verify_message = "unable to get local issuer certificate"

    def refuse(*_: object) -> None:
        raise urllib.error.URLError(bad)

    monkeypatch.setattr(download, "_open_within", refuse)
    with pytest.raises(DataError, match="certificate could not be verified .unable to get local issuer certificate"):
        fetch("https://example.com/", limit=1, patience=1.0)


def test_proxies_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, start_mirror: Callable[..., LocalMirror]
) -> None:
    monkeypatch.setenv("https_proxy", start_mirror().url)  # it does not know CONNECT, and says so
    with pytest.raises(DataError, match="Tunnel connection failed: 501"):
        fetch("https://example.com/", limit=1, patience=5.0)


def test_a_hanging_mirror_costs_its_patience_only(start_mirror: Callable[..., LocalMirror]) -> None:
    hanging = start_mirror()

    def hang(handler: http.server.BaseHTTPRequestHandler) -> None:
        hanging.release.wait(30)

    hanging.answers[f"{TRAIN_IMAGES}.gz"] = hang
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"no answer within 0\.3 s"):
        find(mirrors=network(hanging, patience=0.3))
    assert time.monotonic() - begin < 3


def test_a_hanging_name_lookup_costs_its_patience_only(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_: object, **__: object) -> None:
        release.wait(30)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"no answer within 0\.2 s"):
        find(mirrors=Network(MIRRORS, 0.2))
    assert time.monotonic() - begin < 3
    release.set()
    with pytest.raises(DataError, match=r"could not be looked up \(no network\?\): Temporary failure"):
        find(mirrors=Network(MIRRORS, 5.0))


def test_a_trickling_mirror_is_given_up(
    monkeypatch: pytest.MonkeyPatch, start_mirror: Callable[..., LocalMirror]
) -> None:
    monkeypatch.setattr(download, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(download, "SLOWEST", 1e12)
    with pytest.raises(DataError, match="too slow: "):
        find(mirrors=network(start_mirror()))


def test_offline_variable(monkeypatch: pytest.MonkeyPatch, start_mirror: Callable[..., LocalMirror]) -> None:
    mirror = start_mirror()
    for value in ("1", "yes"):
        monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", value)
        with pytest.raises(DataError, match=f"mirrors: not asked, TINYGRAD_MNIST_OFFLINE={value}"):
            find(mirrors=network(mirror))
    assert not mirror.asked
    for value in ("", "0", "false"):
        monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", value)
        assert not sources.is_offline()
    find(mirrors=network(mirror))


def test_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_mirror: Callable[..., LocalMirror]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = find(mirrors=network(start_mirror()))
    assert len(found.warnings) == 2 and found.canonical
    assert "it is in memory only" in found.warnings[0] and "XDG_CACHE_HOME" in found.warnings[0]


def test_a_python_that_cannot_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tinygrad_mnist.data.download", None)
    with pytest.raises(DataError, match="mirrors: this Python cannot download"):
        find(mirrors=Network())


def test_threads_download_once(own_cache: Path, start_mirror: Callable[..., LocalMirror]) -> None:
    mirror = start_mirror()
    mirror.answers[f"{TRAIN_IMAGES}.gz"] = send_late(0.2, GZ[TRAIN_IMAGES])
    results: list[Found] = []
    threads = [threading.Thread(target=lambda: results.append(find(mirrors=network(mirror)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert mirror.asked == {f"{TRAIN_IMAGES}.gz": 1, f"{TRAIN_LABELS}.gz": 1}


CHILD = """
    import sys
    from tinygrad_mnist.data.canonical import CanonicalFile, Catalogue
    from tinygrad_mnist.data.sources import Network, find_split
    files = [CanonicalFile(*row) for row in {files!r}]
    catalogue = Catalogue((files[0], files[1]), (files[2], files[3]), {{}})
    print("ready", flush=True)
    sys.stdin.readline()
    find_split(None, train=True, network=Network(({url!r},), 20.0, True), catalogue=catalogue)
    print("done", flush=True)
"""


def start_child(mirror: LocalMirror) -> subprocess.Popen[str]:
    rows = [tuple(file) for file in (*TINY.train, *TINY.test)]
    code = textwrap.dedent(CHILD.format(files=rows, url=mirror.url))
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == "ready\n"
    child.stdin.write("go\n")
    child.stdin.flush()
    return child


def test_processes_download_once(own_cache: Path, start_mirror: Callable[..., LocalMirror]) -> None:
    mirror = start_mirror()
    mirror.answers[f"{TRAIN_IMAGES}.gz"] = send_late(0.5, GZ[TRAIN_IMAGES])
    children = [start_child(mirror) for _ in range(2)]
    for child in children:
        assert child.communicate(timeout=15)[0] == "done\n"
    assert mirror.asked == {f"{TRAIN_IMAGES}.gz": 1, f"{TRAIN_LABELS}.gz": 1}
    find()


def test_killed_in_mid_download(own_cache: Path, start_mirror: Callable[..., LocalMirror]) -> None:
    mirror = start_mirror()
    half_sent = threading.Event()

    def half(handler: http.server.BaseHTTPRequestHandler) -> None:
        send(handler, GZ[TRAIN_LABELS][:20], len(GZ[TRAIN_LABELS]))
        handler.wfile.flush()
        half_sent.set()
        mirror.release.wait(20)

    mirror.answers[f"{TRAIN_LABELS}.gz"] = half
    child = start_child(mirror)
    assert half_sent.wait(15)
    child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    child.communicate(timeout=15)
    assert (own_cache / TRAIN_IMAGES).read_bytes() == RAW[TRAIN_IMAGES]  # whole, from before
    assert not (own_cache / TRAIN_LABELS).exists()
    begin = time.monotonic()
    find(mirrors=network(start_mirror()))  # the dead process's lock does not hold
    assert time.monotonic() - begin < 5


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
    with pytest.raises(ArgumentError, match="auto, mnist or digits"):
        open_dataset("cifar")


def test_open_dataset_fallback_is_fast_where_names_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    assert choose.AUTO_PATIENCE * len(MIRRORS) <= 12
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(30))
    monkeypatch.setattr(choose, "AUTO_PATIENCE", 0.1)
    begin = time.monotonic()
    assert open_dataset().notice is not None
    assert time.monotonic() - begin < 5
    release.set()


def test_open_dataset_never_mixes_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = {
        True: Found(IMAGES, LABELS, "Fashion-MNIST, read from x", False, ()),
        False: Found(IMAGES, LABELS, "MNIST, read from y", True, ()),
    }
    monkeypatch.setattr("tinygrad_mnist.data.mnist.find_split", lambda *_, train, **__: sets[train])
    with pytest.raises(DataError, match="not of one set"):
        open_dataset("mnist", tmp_path)


# --- the real files, and the cost of importing ------------------------------------------------------------------


@pytest.mark.skipif(not (REAL / f"{TRAIN_IMAGES}.gz").exists(), reason="the real MNIST files are not here")
def test_the_real_files_in_place(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(REAL))
    for file in (*MNIST_FILES.train, *MNIST_FILES.test):
        packed = (REAL / f"{file.name}.gz").read_bytes()
        assert len(packed) == file.gz_bytes
        assert hashlib.md5(packed).hexdigest() == file.gz_md5
        assert hashlib.sha256(packed).hexdigest() == file.gz_sha256
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


# ---------------------------------------------------------------- scikit-learn's copy of OpenML's table


def openml_table(damage: Callable[[str], str] = lambda text: text) -> bytes:
    """Write the tiny data set as fetch_openml keeps it."""
    rows, names = [], list(RAW)
    for images, labels in (names[:2], names[2:]):
        pixels, classes = parse_idx(RAW[images], "images", ""), parse_idx(RAW[labels], "labels", "")
        for row, label in zip(pixels, classes, strict=True):
            rows.append(",".join(map(str, row.reshape(-1).tolist())) + f",'{label}'")
    attributes = "".join(f"@ATTRIBUTE pixel{i + 1} REAL\n" for i in range(784)) + "@ATTRIBUTE class {0,1,2,3}\n"
    text = f"% a comment\n@RELATION mnist_784\n\n{attributes}\n@DATA\n" + "\n".join(rows) + "\n"
    return gzip.compress(damage(text).encode())


def put_openml(home: Path, data: bytes) -> Path:
    path = home / "scikit_learn_data" / "openml.org" / "data" / "v1" / "download" / "52667" / "mnist_784.arff.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


def test_scikit_learns_copy_is_read_once_and_kept(home: Path, own_cache: Path) -> None:
    path = put_openml(home, openml_table())
    for train, images, labels in ((True, TRAIN_IMAGES, TRAIN_LABELS), (False, *list(RAW)[2:])):
        found = find_split(None, train=train, download=False, catalogue=TINY)
        assert found.canonical and found.source == f"MNIST, read from {path}"
        assert format_idx(found.images) == RAW[images] and format_idx(found.labels) == RAW[labels]
    again = find_split(None, train=True, download=False, catalogue=TINY)
    assert again.source == f"MNIST, read from {own_cache}"


def test_scikit_learn_data_names_another_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_openml(tmp_path / "elsewhere", openml_table())
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "elsewhere" / "scikit_learn_data"))
    assert find_split(None, train=True, download=False, catalogue=TINY).canonical


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (openml_table(lambda text: text.replace("@DATA\n", "@DATA\n1,")), "no table of pixels and labels"),
        (openml_table(lambda text: text.replace("\n@DATA\n", "\n@DATA\nabc,")), "something other than numbers"),
        (openml_table(lambda text: text.replace("@DATA\n", "@DATA\n" + ",".join(["300"] * 785) + "\n")), "no table of"),
        (openml_table(lambda text: text.replace("@DATA\n", "@DATA\n" + ",".join(["3"] * 785) + "\n")), "other content"),
        (openml_table()[:-20], "scikit-learn: "),
        (gzip.compress(b"<html>no table</html>"), "no table of pixels and labels"),
    ],
)
def test_a_damaged_table_is_passed_over(home: Path, own_cache: Path, data: bytes, told: str) -> None:
    put_openml(home, data)
    with pytest.raises(DataError) as caught:
        find_split(None, train=True, download=False, catalogue=TINY)
    line = next(line for line in str(caught.value).splitlines() if "scikit-learn: " in line)
    assert told in line and not own_cache.exists()
