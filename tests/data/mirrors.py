"""Tiny files that stand for MNIST, and a server on 127.0.0.1 that stands for the mirrors."""

import gzip
import hashlib
import http.server
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data import download
from tinygrad_mnist.data.catalogue import MNIST, Catalogue
from tinygrad_mnist.data.idx import format_idx, parse_idx
from tinygrad_mnist.data.sources import Found, Network, find_split

REPOSITORY = Path(__file__).resolve().parents[2]

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


def declared(name: str, of: str = "sha256", **changes: Any) -> Catalogue:
    """Declare the small files as a data set, known by its .gz files, or (raw_sha256) by what is inside."""
    files = []
    for file in MNIST.files:
        content = {"sha256": GZ, "raw_sha256": RAW}[of][file.raw_name]
        known = {"sha256": "", "raw_sha256": ""} | {of: hashlib.sha256(content).hexdigest()}
        files.append(file._replace(size=len(GZ[file.raw_name]), **known))
    return MNIST._replace(name=name, files=tuple(files), counts=(6, 4), **changes)


TINY = declared("MNIST", "raw_sha256")
OTHERS = {hashlib.sha256(packed).hexdigest(): "FashionMNIST" for packed in OTHER_GZ.values()}

IMAGES = parse_idx(RAW[TRAIN_IMAGES], "images", "")
LABELS = parse_idx(RAW[TRAIN_LABELS], "labels", "")

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


StartMirror = Callable[..., LocalMirror]  # what the fixture start_mirror gives


def send(handler: http.server.BaseHTTPRequestHandler, body: bytes, length: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def network(*mirrors: LocalMirror, patience: float = 5.0) -> Network:
    return Network(tuple(mirror.url for mirror in mirrors), patience)


def let_loopback_pass(url: str, check: Callable[[str], None] = download.check_url) -> None:
    """Stand for check_url, so that a mirror on this machine, and it alone, may be asked over http."""
    if not url.startswith("http://127.0.0.1:"):
        check(url)


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
        "x_train": IMAGES, "y_train": LABELS, "x_test": parse_idx(RAW["t10k-images-idx3-ubyte"], "images", ""),
        "y_test": parse_idx(RAW["t10k-labels-idx1-ubyte"], "labels", ""),
    }  # fmt: skip
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
