"""A playground that answers while a test runs."""

import threading

import pytest


@pytest.fixture
def page():
    """Serve a small playground; none of its threads is there at the end."""
    playgrounds = pytest.importorskip("playgrounds")
    before = {*threading.enumerate()}
    yield from playgrounds.serving(playgrounds.opened())
    assert not [t for t in {*threading.enumerate()} - before if not t.daemon]
