"""A training killed for real, at random moments, also while it writes (kill -9)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg

# ---------------------------------------------------------------- killed for real

PROGRAM = """
import sys
import numpy as np
import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.training import Checkpoint, EarlyStopping, Log, fit
folder, batches, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
tg.set_num_threads(1)
tg.manual_seed(2)
draw = np.random.default_rng(0)
x = draw.random((2000, 1, 12, 12), dtype=np.float32)
y = (x.mean((1, 2, 3)) * 40 % 4).astype(np.int64)
model = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.1), nn.Linear(100, 32), nn.ReLU(),
    nn.Linear(32, 4),
)
optimizer = tg.optim.Adam(model.parameters(), lr=2e-3)
schedule = tg.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=6 * 63)
print("begin", flush=True)
fit(
    model, (x, y), valid=(x[:300], y[:300]), epochs=6, batch_size=32, optimizer=optimizer, schedule=schedule,
    schedule_every="batch", callbacks=[EarlyStopping(4), Log(folder + "/log.csv")],
    checkpoint=Checkpoint(folder + "/run.npz", batches=batches, seconds=seconds), resume=True, progress=False,
)
tg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "draw": tg.rand(4)}, folder + "/end.npz")
print("end", flush=True)
"""


def start(folder, batches=3, seconds=30.0):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(batches), str(seconds)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def numbers(folder):
    with np.load(Path(folder) / "end.npz") as archive:
        return {name: archive[name].tobytes() for name in archive.files}


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and "end" in out, err


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX's")
def test_a_run_killed_at_many_random_moments_ends_with_the_same_bits(tmp_path):
    """Writing after every batch or two, so that many kills fall into a write; each process gets a little time.

    A run that comes to its end between two kills is compared, and another begun: there are 25 kills at any speed.
    """
    whole = tmp_path / "whole"
    whole.mkdir()
    with start(whole) as process:
        finish(process)
    draw, kills, places = np.random.default_rng(0), 0, set()
    for number in range(100):
        broken = tmp_path / f"broken{number}"
        broken.mkdir()
        ended = False
        while not ended:
            with start(broken, batches=int(draw.integers(1, 3))) as process:
                assert process.stdout.readline() == "begin\n", process.stderr.read()
                if kills >= 25:  # enough: to the end
                    finish(process)
                    break
                time.sleep(float(draw.uniform(0.01, 0.35)))
                process.kill()
                ended = "end" in process.communicate(timeout=60)[0]
            if not ended:
                kills += 1
                if (broken / "run.npz").exists():
                    state = tg.load(broken / "run.npz")  # whole, whenever it was
                    places.add((state["epoch"], state["batch"]))
        same_end(whole, broken)
        if not ended:
            break
    assert kills == 25 and len(places) >= 4  # it got on in between, and was killed at various places


def same_end(whole, broken):
    assert numbers(broken) == numbers(whole)
    with_time = [line.rsplit(",", 1)[0] for line in (whole / "log.csv").read_text().splitlines()]
    assert [line.rsplit(",", 1)[0] for line in (broken / "log.csv").read_text().splitlines()] == with_time
    assert {f.name.split(".")[-1] for f in broken.iterdir()} <= {"npz", "csv", "part"}
