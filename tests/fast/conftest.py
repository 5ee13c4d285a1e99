"""A cache of its own for what is generated, and running it as plain Python."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """Keep what is generated here out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def as_python(monkeypatch):
    """Run what is generated as plain Python."""
    importlib.import_module("numba_as_python").in_place_of_numba(monkeypatch)
