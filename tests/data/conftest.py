"""A home and a cache of its own for each test of data, and mirrors to start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mirrors import GZ, Answer, LocalMirror, let_loopback_pass

from tinygrad_mnist.data import download


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a home, a cache and a working directory of its own, and no proxy."""
    for name in ("KERAS_HOME", "TINYGRAD_MNIST_DATA", "TINYGRAD_MNIST_OFFLINE"):
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
    return tmp_path / "cache" / "tinygrad_mnist" / "MNIST"


@pytest.fixture
def start_mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LocalMirror]]:
    monkeypatch.setattr(download, "check_url", let_loopback_pass)
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
