"""What a run is told once: frozen settings, of which it and a checkpoint's facts are made."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.training import Callback, fit
from tinygrad_mnist.training.settings import Settings


def test_settings_are_frozen_and_what_a_run_makes_of_them_is_not():
    seen = []

    class Shorter(Callback):
        def on_epoch_end(self, run):
            seen.append({f.name: getattr(run, f.name) for f in dataclasses.fields(Settings)})
            run.epochs = 2

    model, y = nn.Linear(5, 3), np.arange(60) % 3
    history = fit(model, (np.eye(60, 5, dtype=np.float32), y), epochs=5, l2=0.5, callbacks=[Shorter()])
    assert len(history) == 2 and [s["epochs"] for s in seen] == [5, 2]
    assert seen[0]["model"] is model and seen[0]["l2"] == 0.5 and seen[0]["schedule_every"] == "epoch"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings(**seen[0]).epochs = 3


@pytest.mark.parametrize("name", ["callbacks", "checkpoint", "settings", "step"])
def test_what_a_run_stands_on_does_not_import_it(name):
    assert "import Run" not in inspect.getsource(getattr(tg.training, name))  # not even for types
