"""A training that is killed and resumed ends with the bits of one that was not.

In this process a run is broken off after any batch; in others it is killed (kill -9) at random moments, in the middle
of whatever it does, also of writing.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from training_data import calling, weights_of
from worlds import BATCHES, EPOCHS, WORLDS, KillAfter, Killed, Others, World, mlp, samples

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, DataError, OutputError, StateDictError
from tinygrad_mnist.data import DataLoader, Subset, TensorDataset
from tinygrad_mnist.optim import SGD, Adam
from tinygrad_mnist.optim.lr_scheduler import ExponentialLR, LambdaLR
from tinygrad_mnist.training import Checkpoint, EarlyStopping, KeepBest, fit


class Wrapped:
    """A loader around a loader, with a generator of its own inside."""

    def __init__(self, x, y):
        self.loader = DataLoader(TensorDataset(x, y), batch_size=9, shuffle=True, generator=tg.Generator(5))

    def __iter__(self):
        return ((x * 0.5, y) for x, y in self.loader)


class Scaling(DataLoader):
    """A DataLoader that changes what it yields."""

    def __iter__(self):
        return ((x * 0.5, y) for x, y in super().__iter__())


class Noisy:
    """A dataset that draws from a generator of its own."""

    def __init__(self, x, y):
        self.x, self.y, self.generator = x, y, np.random.default_rng(3)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i] + self.generator.normal(size=self.x[i].shape).astype(np.float32), self.y[i]


def plain_sgd(p):
    return SGD(p, 0.2)


REVIEWED = {
    "a generator in a loader in a loader": (mlp, plain_sgd, None, "epoch", Wrapped, {}),
    "a loader that changes batches": (
        mlp, plain_sgd, None, "epoch", lambda x, y: Scaling(TensorDataset(x, y), 9, shuffle=True), {}
    ),
    "a generator in a dataset in a subset": (
        mlp, plain_sgd, None, "epoch", lambda x, y: DataLoader(Subset(Noisy(x, y), np.arange(36)), 9, shuffle=True), {},
    ),
    "validation that draws": (
        mlp, plain_sgd, None, "epoch", None, {"valid": DataLoader(TensorDataset(*samples(20, 1)), 6, shuffle=True)},
    ),
    "a rate of NumPy's": (
        mlp, lambda p: Adam(p, 0.02), lambda o: LambdaLR(o, lambda t: np.float32(0.9) ** t), "batch", None, {}
    ),
    "machine code, somebody else's loader": (mlp, plain_sgd, None, "epoch", Others, {"compile": "numba"}),
}  # fmt: skip


WORLDS.update(REVIEWED)


@pytest.mark.parametrize("name", WORLDS)
def test_a_run_broken_off_after_any_batch_ends_with_the_same_bits(name, tmp_path):
    if "machine code" in name:
        pytest.importorskip("numba")
    world = World(name, tmp_path / "whole.npz")
    wanted = world.end(world.fit())
    few = name in REVIEWED or "machine code" in name
    for every in (1, 2) if name not in REVIEWED else (1,):  # with 2, the batch before the end is done again
        for kill in (2, 5, 8, 12) if few else range(1, EPOCHS * BATCHES + 1):
            path = tmp_path / f"{every} {kill}.npz"
            with pytest.raises(Killed):
                World(name, path).fit(kill, batches=every)
            world = World(name, path)
            assert world.end(world.fit(batches=every)) == wanted, f"killed after {kill}, written every {every}"


@pytest.mark.parametrize("name", ["adam, one cycle, own generators", "replayed"])
def test_a_run_broken_off_again_and_again(name, tmp_path):
    world = World(name, tmp_path / "whole.npz")
    wanted = world.end(world.fit())
    path, times = tmp_path / "run.npz", 0
    while True:
        world = World(name, path)
        try:
            history = world.fit(2)
        except Killed:
            times += 1
            continue
        break
    assert times == EPOCHS * BATCHES - 1 and world.end(history) == wanted


def test_more_epochs_than_the_run_began_with(tmp_path):
    world = World("momentum", tmp_path / "whole.npz")
    wanted = world.end(world.fit(epochs=5))
    path = tmp_path / "run.npz"
    World("momentum", path).fit(epochs=2)
    world = World("momentum", path)
    assert world.end(world.fit(epochs=5)) == wanted


def test_a_finished_run_is_given_back(tmp_path):
    path = tmp_path / "run.npz"
    first = World("momentum", path)
    history = first.fit()
    again = World("momentum", path)
    assert again.fit().rows == history.rows
    np.testing.assert_equal(weights_of(again.model), weights_of(first.model))
    kept = again.stopper.kept  # the best weights, though the file has the last
    assert kept and again.stopper.best_epoch == first.stopper.best_epoch


def falling(path, patience):
    """Begin a training that is stopped early, since the rate, which it watches, falls."""
    made = World("momentum", path)
    made.stopper = EarlyStopping(patience=patience, monitor="lr", mode="max")
    return made


def test_a_run_that_was_stopped_stays_stopped(tmp_path):
    first, again = (falling(tmp_path / "run.npz", 1).fit() for _ in range(2))
    assert len(first) == len(again) == 2 and first.ended == again.ended and "early stopping" in again.ended


@pytest.mark.parametrize("kill", [5, 7, 12])
def test_patience_is_not_renewed_by_a_resume(tmp_path, kill):
    with pytest.raises(Killed):
        falling(tmp_path / "run.npz", 2).fit(kill, epochs=9)
    assert len(falling(tmp_path / "run.npz", 2).fit(epochs=9)) == 3


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("batch", [1, 4, 5, 7])
def test_ctrl_c_writes_where_it_stopped(tmp_path, batch):
    class Interrupt(KillAfter):
        def on_batch_end(self, run):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)

    def go(world, left):
        callbacks = [world.stopper, world.log, Interrupt(left)]
        checkpoint = Checkpoint(world.path, seconds=None)
        return fit(world.model, world.data, callbacks=callbacks, checkpoint=checkpoint, resume=True, **world.kwargs)

    world = World("momentum", tmp_path / "whole.npz")
    wanted = world.end(go(world, 0))
    path = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        go(World("momentum", path), batch)
    world = World("momentum", path)
    state = tg.load(path)
    assert state["epoch"] * BATCHES + state["batch"] == batch
    assert world.end(go(world, 0)) == wanted


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("compile", [False, True])
def test_ctrl_c_in_validation_and_while_a_resumed_run_warms_up(tmp_path, compile):
    """Then the checkpoint has the state before the validation; and what a warm-up computes is never written."""
    calls = []

    def go(path, interrupt_at=None, **kwargs):
        tg.manual_seed(3)
        model = mlp()
        calls.clear()

        def metric(outputs, targets):
            calls.append(1)
            if len(calls) == interrupt_at:
                os.kill(os.getpid(), signal.SIGINT)
            return 0.0

        valid = DataLoader(TensorDataset(*samples(20, 1)), 6, shuffle=True)
        history = fit(
            model, samples(40, 0), valid=valid, epochs=3, batch_size=9, metrics={"m": metric}, compile=compile,
            optimizer=SGD(model.parameters(), 0.1), checkpoint=Checkpoint(path, seconds=None), resume=True,
        )  # fmt: skip
        return [p.detach().numpy().tobytes() for p in model.parameters()], history["valid_loss"]

    wanted = go(tmp_path / "whole.npz")
    path = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        go(path, 5 + 4 + 5 + 2)  # in the second epoch's validation
    state = tg.load(path)
    assert (state["epoch"], state["batch"]) == (1, 5)
    if compile:  # the first metric of a resumed run is one of the warm-up's
        with pytest.raises(KeyboardInterrupt):
            go(path, 1)
    assert go(path) == wanted


def test_settings_that_a_callback_moves_are_restored_and_not_refused(tmp_path):
    def rise(run):
        run.optimizer.param_groups[0]["momentum"] = min(0.9, 0.1 * (run.epoch * BATCHES + run.batch))

    def go(path, kill=10**9):
        tg.manual_seed(3)
        model = mlp()
        optimizer = SGD(model.parameters(), 0.1, momentum=0.05)
        fit(
            model, samples(40, 0), epochs=3, batch_size=9, optimizer=optimizer, resume=True,
            callbacks=[calling(on_batch_end=rise), KillAfter(kill)],
            checkpoint=Checkpoint(path, batches=1, seconds=None),
        )  # fmt: skip
        return [p.detach().numpy().tobytes() for p in model.parameters()]

    wanted, path = go(tmp_path / "whole.npz"), tmp_path / "run.npz"
    with pytest.raises(Killed):
        go(path, 7)
    assert go(path) == wanted


def test_what_a_callback_stopped_is_written(tmp_path):
    stop = calling(on_batch_end=lambda run: (run.epoch, run.batch) == (1, 2) and run.stop("budget"))
    path = tmp_path / "run.npz"
    checkpoint = Checkpoint(path, seconds=None)
    fit(mlp(), samples(40, 0), epochs=3, batch_size=9, callbacks=[stop], checkpoint=checkpoint)
    state = tg.load(path)
    assert (state["epoch"], state["batch"], state["stopping"]) == (1, 2, "budget")


def test_what_killed_writers_left_goes(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    path = tmp_path / "run.npz"
    old, own = tmp_path / f".run.npz.{dead.stdout.strip()}.1.part", tmp_path / f".run.npz.{os.getpid()}.1.part"
    other = tmp_path / f".other.npz.{dead.stdout.strip()}.1.part"
    for leftover in (old, own, other):
        leftover.write_bytes(b"half")
    fit(mlp(), samples(10, 0), epochs=1, checkpoint=path)
    assert not old.exists() and own.exists() and other.exists()


def test_time_decides_when_nothing_else_does(tmp_path):
    written = []

    class Noting(Checkpoint):
        def write(self, run):
            written.append((run.epoch, run.batch))
            super().write(run)

    fit(mlp(), samples(40, 0), epochs=2, batch_size=20, checkpoint=Noting(tmp_path / "a.npz", seconds=0))
    assert written == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    written.clear()
    fit(mlp(), samples(40, 0), epochs=2, batch_size=20, checkpoint=Noting(tmp_path / "b.npz", seconds=None))
    assert written == [(1, 0), (2, 0)]


def test_a_checkpoint_that_is_there_is_not_overwritten(tmp_path):
    world = World("momentum", tmp_path / "run.npz")
    world.fit()
    before = world.path.read_bytes()
    with pytest.raises(ArgumentError, match="there already") as caught:
        fit(world.model, world.data, checkpoint=world.path)
    assert "resume=True" in str(caught.value) and world.path.read_bytes() == before


def test_a_path_is_a_checkpoint_per_epoch(tmp_path):
    model = mlp()
    fit(model, samples(40, 0), epochs=2, checkpoint=str(tmp_path / "deep" / "run.npz"))
    assert tg.load(tmp_path / "deep" / "run.npz")["epoch"] == 2


OTHERS = {
    "optimizer": dict(optimizer=lambda m: Adam(m.parameters())), "batch_size": dict(batch_size=10),
    "callbacks": dict(callbacks=[KeepBest()]), "l2": dict(l2=0.1), "columns": dict(metrics=[]),
    "schedule": dict(schedule=lambda o: ExponentialLR(o, 0.5)), "samples": dict(data=samples(41, 0)),
    "compile": dict(compile=True), "settings": dict(optimizer=lambda m: SGD(m.parameters(), lr=0.1, momentum=0.5)),
    "loss": dict(loss_function=nn.CrossEntropyLoss(label_smoothing=0.1), metrics=["accuracy"]),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, what):
    def go(model, data=None, optimizer=lambda m: SGD(m.parameters(), lr=0.1), schedule=None, **kwargs):
        data = samples(40, 0) if data is None else data
        made = optimizer(model)
        fit(
            model, data, optimizer=made, epochs=1, checkpoint=tmp_path / "run.npz", resume=True,
            schedule=None if schedule is None else schedule(made), **{"batch_size": 9, **kwargs},
        )  # fmt: skip

    go(mlp())
    model = mlp()
    before = weights_of(model)
    with pytest.raises(StateDictError, match="of another training") as caught:
        go(model, **OTHERS[what])
    assert f"{what} " in str(caught.value)
    np.testing.assert_equal(weights_of(model), before)


def test_files_that_are_no_checkpoints(tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="damaged"):
        fit(mlp(), samples(10, 0), checkpoint=path, resume=True)
    assert path.read_bytes() == b"PK nothing"
    tg.save(mlp().state_dict(), path)
    with pytest.raises(StateDictError, match="no checkpoint"):
        fit(mlp(), samples(10, 0), checkpoint=path, resume=True)
    path.unlink()
    fit(mlp(), samples(10, 0), epochs=1, checkpoint=path)
    with pytest.raises(StateDictError, match="of another training") as caught:
        fit(cnn_like_mlp(), samples(10, 0), checkpoint=path, resume=True)
    assert len(str(caught.value).splitlines()) == 4 and r"\n" not in str(caught.value)  # one line of each
    for resume in (False, True):
        with pytest.raises(OutputError, match="(?s)this is a folder.*run.npz"):
            fit(mlp(), samples(10, 0), checkpoint=tmp_path, resume=resume)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        fit(mlp(), samples(10, 0), checkpoint=tmp_path / "file" / "run.npz")
    with pytest.raises(ArgumentError, match="batches"):
        Checkpoint(path, batches=0)
    with pytest.raises(ArgumentError, match="seconds"):
        Checkpoint(path, seconds=-1)


def cnn_like_mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 9), nn.ReLU(), nn.Dropout(0.3), nn.Linear(9, 2))


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
