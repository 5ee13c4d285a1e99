"""A small web server for one page on this machine: known paths, small JSON, and a stream of events.

It answers requests that name it as 127.0.0.1 or localhost and come from its own page, and refuses all others: another
site that a visitor has open can neither send it work nor, by giving its own name this address (DNS rebinding), read
what it says. It reads no file and keeps no cookie. Knows nothing of networks. Look next at look.py and learn.py.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tinygrad_mnist.viz.page import plain

LARGEST = 64 * 1024  # bytes of a request's body: a drawing of 112 x 112 numbers takes at most 50,000
MOST_STREAMS = 12
PATIENCE = 10.0  # seconds that a request may take to arrive
HEARTBEAT = 1.0  # seconds after which a stream says something, and so notices that its page is gone


class Refusal(Exception):
    """A request that is answered with a status from 400 on and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Page(NamedTuple):
    """What a GET gives: its kind, its bytes, and the Content-Security-Policy that goes with it."""

    kind: str
    body: bytes
    policy: str = "default-src 'none'"


class Feed:
    """Events for all pages that are open, and for those that come later: what they need to catch up is kept."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.events: list[tuple[int, str, str]] = []  # (number, kind, JSON)
        self.number = self.watchers = 0
        self.closed = False

    def publish(self, kind: str, data: Any, *, alone: bool = False, ends: tuple[str, ...] = ()) -> None:
        """Tell of something. alone: earlier ones of its kind are forgotten, and so are those of the kinds in `ends`."""
        text = json.dumps(plain(data), allow_nan=False)
        gone = {*ends, kind} if alone else {*ends}
        with self.changed:
            self.events = [event for event in self.events if event[1] not in gone]
            self.number += 1
            self.events.append((self.number, kind, text))
            self.changed.notify_all()

    def after(self, number: int, seconds: float) -> list[tuple[int, str, str]]:
        """Give what came after the event of a number, as soon as there is something, or nothing after a while."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.number > number, seconds)
            return [event for event in self.events if event[0] > number]

    def watch(self, change: int) -> None:
        """Count a page that comes (1) or goes (-1)."""
        with self.changed:
            if change > 0 and self.watchers >= MOST_STREAMS:
                raise Refusal(503, f"{MOST_STREAMS} pages are open already: close one")
            self.watchers += change
            self.changed.notify_all()

    def close(self) -> None:
        """End all streams."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Server(ThreadingHTTPServer):
    """Listen on 127.0.0.1.

    Args:    port: 0 for any that is free; gets, posts: what answers a path: () -> Page, (dict) -> what JSON can hold;
             feed: what GET /events streams
    """

    daemon_threads = False  # so that server_close waits for them
    allow_reuse_address = os.name != "nt"  # where it would let two programs listen

    def __init__(
        self, port: int, gets: dict[str, Callable[[], Page]], posts: dict[str, Callable[[dict[str, Any]], Any]],
        feed: Feed,
    ) -> None:  # fmt: skip
        self.gets, self.posts, self.feed = gets, posts, feed
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)
        hosts = [f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")]
        self.hosts = {*hosts, "127.0.0.1", "localhost"} if self.server_port == 80 else {*hosts}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.url = f"http://{hosts[0]}/"

    def server_bind(self) -> None:
        """Take the address, without asking the network for this machine's name as HTTPServer does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def close(self) -> None:
        """End every stream and connection, and wait for their threads. Not for a thread of its own."""
        self.feed.close()
        for connection in list(self.connections):
            hang_up(connection)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of mistakes in here, not of visitors who hang up."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


def hang_up(connection: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    """End a connection that may have ended."""
    try:
        connection.shutdown(how)
    except OSError:
        pass


class Handler(BaseHTTPRequestHandler):
    """One request, and its answer."""

    server: Server
    server_version, sys_version = "playground", ""
    timeout = PATIENCE

    def setup(self) -> None:
        """Note the connection, so that the end of the program ends it."""
        super().setup()
        self.server.connections.add(self.connection)
        if self.server.feed.closed:
            hang_up(self.connection)

    def finish(self) -> None:
        """Forget it."""
        self.server.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """Answer with a page, or with the stream."""
        self.answer(self.stream if self.path == "/events" else self.get)

    def do_POST(self) -> None:
        """Answer JSON with JSON."""
        self.answer(self.post)

    def answer(self, work: Callable[[], None]) -> None:
        """Do the work for a request of the own page; whatever goes wrong is an answer, too."""
        try:
            self.check_sender()
            work()
        except Refusal as refusal:
            self.reply(refusal.status, Page("text/plain; charset=utf-8", refusal.text.encode()))
            self.read_on()
        except OSError:  # the visitor is gone
            return
        except Exception:
            traceback.print_exc()
            self.reply(500, Page("text/plain; charset=utf-8", b"a mistake in the playground: the terminal has it"))

    def check_sender(self) -> None:
        """Refuse what was not sent to this machine's own name, by this page or by hand."""
        hosts, origins = (self.headers.get_all(name, []) for name in ("Host", "Origin"))
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            raise Refusal(403, f"this page is at {self.server.url} and answers to no other name")
        if not self.server.origins.issuperset(origins):
            raise Refusal(403, "another site's page may not ask this one")
        sites = self.headers.get_all("Sec-Fetch-Site", ["none"])  # browsers say so themselves
        if self.path != "/" and not {"same-origin", "none"}.issuperset(sites):
            raise Refusal(403, "another site's page may not ask this one")

    def get(self) -> None:
        """Send one of the pages."""
        if self.path not in self.server.gets:
            raise Refusal(404, "there is nothing here")
        self.reply(200, self.server.gets[self.path]())

    def post(self) -> None:
        """Read a small JSON object, and send what comes of it."""
        if self.path not in self.server.posts:
            raise Refusal(404, "there is nothing here")
        if self.headers.get_content_type() != "application/json":
            raise Refusal(415, "the body must be application/json")
        length = self.headers.get("Content-Length", "")
        if not length:
            raise Refusal(411, "the body's length must be said")
        if not (length.isascii() and length.isdigit()):
            raise Refusal(400, "Content-Length must be a number")
        if len(length) > 9 or int(length) > LARGEST:
            raise Refusal(413, f"the body may have {LARGEST:,} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise Refusal(400, "the body is shorter than was said")
        result = self.server.posts[self.path](read_object(body))
        text = json.dumps(plain(result), allow_nan=False)
        self.reply(200, Page("application/json", text.encode()))

    def stream(self) -> None:
        """Send events until the page closes or the program ends."""
        feed, number = self.server.feed, 0
        feed.watch(1)
        try:
            self.reply(200, Page("text/event-stream", b""), stream=True)
            while not feed.closed:
                events = feed.after(number, HEARTBEAT)
                text = "".join(f"event: {kind}\ndata: {data}\n\n" for _, kind, data in events) or ": still here\n\n"
                self.wfile.write(text.encode())
                number = events[-1][0] if events else number
        finally:
            feed.watch(-1)

    def reply(self, status: int, page: Page, *, stream: bool = False) -> None:
        """Send a page, with what keeps browsers from doing more with it than showing it."""
        self.send_response(status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Security-Policy", f"{page.policy}; frame-ancestors 'none'; form-action 'none'")
        for name, value in (
            ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ):  # fmt: skip
            self.send_header(name, value)
        if not stream:
            self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        self.wfile.write(page.body)

    def read_on(self) -> None:
        """Take some of a body that nobody wanted, so that its sender comes to reading the answer."""
        hang_up(self.connection, socket.SHUT_WR)
        self.connection.settimeout(0.5)
        for _ in range(64):
            if not self.rfile.read1(16 * 1024):
                break

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""


def read_object(body: bytes) -> dict[str, Any]:
    """Read JSON as it is defined: without NaN and Infinity."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    try:
        found = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Refusal(400, "the body must be an object: {...}")
    return found
