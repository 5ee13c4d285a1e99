"""Fetch one file over https, or say in one line why not.

Loaded by sources.py only when something must be downloaded: urllib.request, ssl and http cost 15 ms at import.
Only https is spoken, redirects included; certificates are always verified; proxies are those of the environment.
Knows nothing of folders, caches or MNIST. Look next at sources.py.
"""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import Message
from typing import IO

from ..core.errors import DataError

USER_AGENT = "tinygrad_mnist (https; python)"
CHUNK = 1 << 16
GRACE_SECONDS = 30.0
SLOWEST = 10_000.0  # bytes per second, on average after the grace: below it a mirror counts as hung
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def fetch(
    url: str, *, limit: int, patience: float, progress: Callable[[int, int], None] | None = None,
    allow_loopback_http: bool = False,
) -> bytes:  # fmt: skip
    """Download one file into memory.

    Units:
        patience in seconds, for the answer to begin (name look-up, connection and redirects included) and for each
        pause after that; limit in bytes.
    Args:
        progress: called with bytes done and total (0 where the server does not say)
        allow_loopback_http: let http pass for a server on this very machine, for tests
    Raises:
        DataError: whose problem is one line, made for a list of mirrors
    """
    check_url(url, allow_loopback_http)
    opener = urllib.request.build_opener(_SecureRedirects(allow_loopback_http))
    opener.addheaders = [("User-Agent", USER_AGENT), ("Accept", "*/*")]
    try:
        response = _open_within(opener, url, patience)
    except urllib.error.HTTPError as error:
        with error:
            raise DataError(" ".join(f"HTTP {error.code} {error.reason}".split())) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(_explain(error, patience)) from error
    with response:
        return _read_body(response, limit, patience, progress)


def check_url(url: str, allow_loopback_http: bool = False) -> None:
    """Refuse every address that is not https, by a DataError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or (allow_loopback_http and parts.scheme == "http" and parts.hostname in LOOPBACK):
        return
    raise DataError(f"refused: {url} is not https")


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, allow_loopback_http: bool) -> None:
        self.allow_loopback_http = allow_loopback_http

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        try:
            check_url(newurl, self.allow_loopback_http)
        except DataError as error:
            fp.close()
            raise DataError(f"redirect {error.problem}") from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _open_within(opener: urllib.request.OpenerDirector, url: str, patience: float) -> http.client.HTTPResponse:
    """Open a URL, giving up after `patience` seconds whatever it hangs in.

    A socket's timeout does not cover the name look-up, which without a network can block for half a minute; hence the
    thread. One that is given up on is left to end by itself, and closes what it may still get.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | BaseException] = queue.SimpleQueue()
    given_up = threading.Event()

    def work() -> None:
        try:
            response = opener.open(url, timeout=patience)
        except BaseException as error:
            if given_up.is_set() and isinstance(error, urllib.error.HTTPError):
                error.close()
            answers.put(error)
        else:
            if given_up.is_set():
                response.close()
            answers.put(response)

    try:
        threading.Thread(target=work, name="tinygrad_mnist-download", daemon=True).start()
    except RuntimeError:  # no threads on this platform (Pyodide)
        work()
    try:
        answer = answers.get(timeout=patience)
    except queue.Empty:
        given_up.set()
        raise TimeoutError from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _read_body(
    response: http.client.HTTPResponse, limit: int, patience: float, progress: Callable[[int, int], None] | None
) -> bytes:
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else 0
    if total > limit:
        raise DataError(f"refused: the server offers {total:,} bytes, more than {limit:,}")
    body = bytearray()
    start = time.monotonic()
    while True:
        try:
            chunk = response.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise DataError(_explain(error, patience)) from error
        if not chunk:
            break
        body += chunk
        if len(body) > limit:
            raise DataError(f"refused: the server sends more than {limit:,} bytes")
        if progress is not None:
            progress(len(body), total)
        elapsed = time.monotonic() - start
        if elapsed > GRACE_SECONDS and len(body) < SLOWEST * (elapsed - GRACE_SECONDS):
            raise DataError(f"too slow: {len(body):,} bytes in {elapsed:.0f} s")
    if len(body) < total:
        raise DataError(f"the connection closed after {len(body):,} of {total:,} bytes")
    return bytes(body)


def _explain(error: Exception, patience: float) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {patience:g} s"
    if isinstance(reason, socket.gaierror):
        return f"its name could not be looked up (no network?): {reason.strerror}"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate could not be verified ({reason.verify_message}); Python's root certificates may be out "
            "of date (macOS: run 'Install Certificates.command'), or a proxy re-signs the traffic (set SSL_CERT_FILE)"
        )
    return f"{type(reason).__name__}: {reason}" if isinstance(reason, BaseException) else str(reason)
