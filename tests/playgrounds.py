"""A small playground to be tested: quick data, a small network, requests as strangers would send them."""

from __future__ import annotations

import http.client
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.append(str(EXAMPLES))
for package in ("matplotlib", "tqdm"):  # without which the program ends at its first line
    pytest.importorskip(package)

import playground  # noqa: E402


def images(count, seed):
    """Bright discs, whose class is where they are."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 10, count)
    row, column = np.mgrid[:28, :28]
    apart = np.hypot(row - (6 + 12 * (labels // 5))[:, None, None], column - (4 + 5 * (labels % 5))[:, None, None])
    inked = np.clip(900 - 180 * apart, 0, 255) * draw.uniform(0.5, 1, (count, 28, 28))
    return tg.data.ImageSet(inked.astype(np.uint8), labels, classes="0123456789", source="discs")


def small_network():
    """Know nothing, quickly."""
    tg.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(1, 3, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5), nn.Flatten(), nn.Linear(108, 10)
    )


def opened(**settings):
    """Make a playground with a small network."""
    model = settings.pop("model", None) or small_network()
    return playground.Playground(model, images(256, 1), images(64, 2), **settings)


def serving(made):
    """Have a playground answer, and end it; after a test that failed too, or the whole run would wait for it."""
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.close()


def asked(made, method="GET", path="/", body=None, timeout=10, **headers):
    """Send a request as it is given, and give the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", made.server.server_port, timeout=timeout)
    sent = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, body, {**sent, **{k.replace("_", "-"): v for k, v in headers.items()}})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return SimpleNamespace(status=reply.status, text=text, headers=reply.headers)


def until(what, seconds=20.0):
    """Wait for something to be so, and give it."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found
