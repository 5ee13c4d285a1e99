"""Downloads: progress, bad answers, patience, certificates, several processes, a kill in the middle."""

import gzip
import http.server
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest
from graphs import in_threads
from mirrors import (
    GZ,
    HTML,
    OTHER_GZ,
    RAW,
    REPOSITORY,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Answer,
    LocalMirror,
    StartMirror,
    find,
    flip,
    message,
    network,
    send,
)

from tinygrad_mnist.core import bars, locks
from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data import download, sources
from tinygrad_mnist.data.catalogue import EMNIST, MNIST, SETS
from tinygrad_mnist.data.download import check_url, fetch
from tinygrad_mnist.data.sources import Found, Network


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


# --- downloading ------------------------------------------------------------------------------------------------


def test_download_reports_progress_and_names_itself(own_cache: Path, start_mirror: StartMirror) -> None:
    mirror = start_mirror()
    reports: list[tuple[str, int, int]] = []
    find(mirrors=network(mirror), progress=lambda *report: reports.append(report))
    for name in (TRAIN_IMAGES, TRAIN_LABELS):
        assert (f"{name}.gz", len(GZ[name]), len(GZ[name])) in reports
    assert mirror.agents == {download.USER_AGENT} and "urllib" not in download.USER_AGENT
    assert {path.name for path in own_cache.iterdir()} == {"train.npz", locks.NAME}


def test_a_download_that_is_watched_shows_bars(
    start_mirror: StartMirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(bars, "is_watched", lambda: True)
    find(mirrors=network(start_mirror()))
    shown = capsys.readouterr().err
    assert all(f"{name}.gz: 100%" in shown for name in (TRAIN_IMAGES, TRAIN_LABELS))


def test_what_the_progress_callback_raises_is_not_a_mirror_s_fault(own_cache: Path, start_mirror: StartMirror) -> None:
    def interrupted(*_: object) -> None:
        raise ValueError("from the callback")

    with pytest.raises(ValueError, match="from the callback"):
        find(mirrors=network(start_mirror()), progress=interrupted)
    assert [path.name for path in own_cache.iterdir()] == [locks.NAME]


def test_a_mirror_may_compress_differently_or_not_at_all(start_mirror: StartMirror) -> None:
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
    "other set": (OTHER_GZ[TRAIN_IMAGES], "the answer is not the published file (content with another sha256)"),
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
def test_bad_answers_are_named_and_the_next_mirror_asked(own_cache: Path, case: str, start_mirror: StartMirror) -> None:
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
    assert not (own_cache / "train.npz").exists()
    found = find(mirrors=network(bad, good))
    assert found.source == f"MNIST, from {good.url} by way of {own_cache}"
    assert good.asked == {f"{TRAIN_IMAGES}.gz": 1, f"{TRAIN_LABELS}.gz": 1}
    assert not bad.asked[f"{TRAIN_LABELS}.gz"]  # the mirror that answered is asked first from then on


def test_nothing_but_https_is_spoken() -> None:
    mirror = LocalMirror(dict(GZ))
    try:
        with pytest.raises(DataError, match=r"refused: http://127\.0\.0\.1:\d+/mnist/.* is not https"):
            find(mirrors=network(mirror))
        assert not mirror.asked
    finally:
        mirror.close()
    for one in (*SETS.values(), *EMNIST.values()):
        assert one.mirrors and all(url.startswith("https://") and url.endswith("/") for url in one.mirrors)
    for url in ("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "HTTP://127.0.0.1/", "//x/", ""):
        with pytest.raises(DataError, match="is not https"):
            check_url(url)
    check_url("https://example.com/")
    assert Network._fields == ("mirrors", "patience")  # and no way to ask for anything else


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


def test_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch, start_mirror: StartMirror) -> None:
    monkeypatch.setenv("https_proxy", start_mirror().url)  # it does not know CONNECT, and says so
    with pytest.raises(DataError, match="Tunnel connection failed: 501"):
        fetch("https://example.com/", limit=1, patience=5.0)


def test_a_hanging_mirror_costs_its_patience_only(start_mirror: StartMirror) -> None:
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
        find(mirrors=Network(MNIST.mirrors, 0.2))
    assert time.monotonic() - begin < 3
    release.set()
    with pytest.raises(DataError, match=r"could not be looked up \(no network\?\): Temporary failure"):
        find(mirrors=Network(MNIST.mirrors, 5.0))


def test_a_trickling_mirror_is_given_up(monkeypatch: pytest.MonkeyPatch, start_mirror: StartMirror) -> None:
    monkeypatch.setattr(download, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(download, "SLOWEST", 1e12)
    with pytest.raises(DataError, match="too slow: "):
        find(mirrors=network(start_mirror()))


def test_offline_variable(monkeypatch: pytest.MonkeyPatch, start_mirror: StartMirror) -> None:
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_mirror: StartMirror
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = find(mirrors=network(start_mirror()))
    assert len(found.warnings) == 1 and found.canonical
    assert "it is in memory only" in found.warnings[0] and "XDG_CACHE_HOME" in found.warnings[0]


def test_a_python_that_cannot_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tinygrad_mnist.data.download", None)
    with pytest.raises(DataError, match="mirrors: this Python cannot download"):
        find(mirrors=Network())


def test_threads_download_once(own_cache: Path, start_mirror: StartMirror) -> None:
    mirror = start_mirror()
    mirror.answers[f"{TRAIN_IMAGES}.gz"] = send_late(0.2, GZ[TRAIN_IMAGES])
    results: list[Found] = []
    in_threads(*[lambda: results.append(find(mirrors=network(mirror)))] * 4)
    assert len(results) == 4
    assert mirror.asked == {f"{TRAIN_IMAGES}.gz": 1, f"{TRAIN_LABELS}.gz": 1}


CHILD = """
    import sys
    from mirrors import TINY, let_loopback_pass
    from tinygrad_mnist.data import download
    from tinygrad_mnist.data.sources import Network, find_split
    download.check_url = let_loopback_pass
    print("ready", flush=True)
    sys.stdin.readline()
    find_split(None, train=True, network=Network(({url!r},), 20.0), catalogue=TINY)
    print("done", flush=True)
"""


def start_child(mirror: LocalMirror) -> subprocess.Popen[str]:
    code = textwrap.dedent(CHILD.format(url=mirror.url))
    paths = os.pathsep.join(map(str, (REPOSITORY, Path(__file__).parent)))
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == "ready\n"
    child.stdin.write("go\n")
    child.stdin.flush()
    return child


def test_processes_download_once(own_cache: Path, start_mirror: StartMirror) -> None:
    mirror = start_mirror()
    mirror.answers[f"{TRAIN_IMAGES}.gz"] = send_late(0.5, GZ[TRAIN_IMAGES])
    children = [start_child(mirror) for _ in range(2)]
    for child in children:
        assert child.communicate(timeout=15)[0] == "done\n"
    assert mirror.asked == {f"{TRAIN_IMAGES}.gz": 1, f"{TRAIN_LABELS}.gz": 1}
    find()


def test_killed_in_mid_download(own_cache: Path, start_mirror: StartMirror) -> None:
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
    assert [path.name for path in own_cache.iterdir()] == [locks.NAME]  # a part is there whole, or not at all
    begin = time.monotonic()
    find(mirrors=network(start_mirror()))  # the dead process's lock does not hold
    assert time.monotonic() - begin < 5
