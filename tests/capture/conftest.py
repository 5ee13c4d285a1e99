"""What every test of capture leaves behind: no recorder."""

from __future__ import annotations

import pytest

from tinygrad_mnist.core.scope import state


@pytest.fixture(autouse=True)
def recorder_is_off():
    yield
    assert state.recorder is None and state.around is None
