"""Saving and loading: round trips, damage, no code, no half-written file."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import DataError, DTypeError, OutputError
from tinygrad_mnist.core.files import output_folder, write_whole


def test_a_state_dict_is_a_plain_npz_with_the_parameters_names(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    tg.save(model.state_dict(), tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as archive:
        assert archive.files == ["0.weight", "0.bias", "2.weight", "2.bias"]
    other = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    other.load_state_dict(tg.load(tmp_path / "weights.npz"))
    for (name, p), (_, q) in zip(model.named_parameters(), other.named_parameters(), strict=True):
        assert np.array_equal(p.array, q.array), name


def test_nested_states_come_back_as_they_were(tmp_path):
    model = nn.Linear(3, 2)
    optimizer = tg.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        model(tg.ones(4, 3)).sum().backward()
        optimizer.step()
    state = {
        "optimizer": optimizer.state_dict(), "epoch": 3, "best": None, "note": "läuft", "rate": 0.1, "flags": [True, 2],
        "scalar": tg.tensor(2.5), "empty": tg.zeros(0, 3), "generator": tg.Generator(5).get_state(),
    }  # fmt: skip
    tg.save(state, tmp_path / "state.npz")
    back = tg.load(tmp_path / "state.npz")
    assert back["epoch"] == 3 and back["best"] is None and back["note"] == "läuft" and back["flags"] == [True, 2]
    assert back["scalar"].item() == 2.5 and back["scalar"].dtype == tg.float32
    assert back["empty"].shape == (0, 3)
    assert back["generator"] == state["generator"]
    continued = tg.optim.Adam(model.parameters(), lr=0.5)
    continued.load_state_dict(back["optimizer"])
    assert continued.param_groups[0]["lr"] == 0.01
    for mine, theirs in zip(optimizer.state.values(), continued.state.values(), strict=True):
        assert mine["step"] == theirs["step"] == 3
        assert np.array_equal(mine["exp_avg"], theirs["exp_avg"])


@pytest.mark.parametrize("bad", [object(), {"f": lambda: 0}, [nn.Linear(2, 2)], {3: 1}, np.array([object()])])
def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path, bad):
    with pytest.raises(DTypeError, match="save: "):
        tg.save(bad, tmp_path / "x.npz")
    assert os.listdir(tmp_path) == []


def test_a_pickled_object_is_refused_and_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    raw = tmp_path / "raw.npz"
    raw.write_bytes(pickle.dumps(Bomb()))
    inside = tmp_path / "inside.npz"
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Bomb()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(inside, "w") as archive:
        archive.writestr("weight.npy", stream.getvalue())
    for path in (raw, inside):
        with pytest.raises(DataError, match="damaged or is no file of this package"):
            tg.load(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "state",
    [
        {"a/b": tg.ones(1), "a": {"b": tg.zeros(1)}},
        {"allow_pickle": tg.ones(1), "b": tg.zeros(1), "file": tg.ones(2)},
        {"": tg.ones(2), "#1": tg.zeros(1), "#0": tg.zeros(2)},
        tg.ones(3),
        [tg.ones(1), {"0": tg.zeros(1)}],
        {},
    ],
)
def test_names_that_collide_or_are_reserved_come_back_right(tmp_path, state):
    def bare(x):
        if isinstance(x, dict):
            return {k: bare(v) for k, v in x.items()}
        return [bare(v) for v in x] if isinstance(x, list) else x.tolist()

    tg.save(state, tmp_path / "x.npz")
    assert bare(tg.load(tmp_path / "x.npz")) == bare(state)


def test_files_of_other_kinds_are_refused_in_our_words(tmp_path):
    np.save(tmp_path / "array.npy", np.ones(3))
    np.savez(tmp_path / "words.npz", names=np.array(["a", "b"]))
    with zipfile.ZipFile(tmp_path / "torch.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
    for name in ("array.npy", "words.npz", "torch.pt"):
        with pytest.raises(DataError) as caught:
            tg.load(tmp_path / name)
        assert "unsafe" not in str(caught.value)
    assert "tg.save({k: v.numpy()" in str(caught.value)


def test_damage_is_told(tmp_path):
    path = tmp_path / "weights.npz"
    tg.save({"weight": tg.arange(1000)}, path)
    whole = path.read_bytes()
    for broken in (whole[:-100], whole[:30], b"", whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="load: "):
            tg.load(path)
    with pytest.raises(DataError, match="does not exist"):
        tg.load(tmp_path / "missing.npz")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    tg.save({"a": tg.zeros(3)}, path)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left"):
        tg.save({"a": tg.ones(3)}, path)
    monkeypatch.undo()
    assert tg.load(path)["a"].tolist() == [0, 0, 0]
    assert os.listdir(tmp_path) == ["weights.npz"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    path = tmp_path / "weights.npz"
    tg.save({"a": tg.full((300_000,), 0.0)}, path)
    code = (
        "import sys, tinygrad_mnist as tg\nprint('ready', flush=True)\nn = 1\n"
        "while True:\n    tg.save({'a': tg.full((300_000,), float(n))}, sys.argv[1])\n    n += 1\n"
    )
    for wait in (0.02, 0.05, 0.09, 0.13):
        with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout.readline() == "ready\n"
            time.sleep(wait)
            writer.kill()
        values = tg.load(path)["a"].numpy()
        assert values.shape == (300_000,) and (values == values[0]).all()


def test_output_folder_tells_before_work_begins(tmp_path):
    assert output_folder(tmp_path / "a" / "b").is_dir()
    assert os.listdir(tmp_path / "a" / "b") == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError) as caught:
        output_folder(tmp_path / "file" / "out")
    assert "cannot be written to the folder" in str(caught.value) and "another folder" in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_write_whole_replaces_and_cleans_up(tmp_path):
    write_whole(tmp_path / "x", b"one")
    write_whole(tmp_path / "x", b"two")
    assert (tmp_path / "x").read_bytes() == b"two" and os.listdir(tmp_path) == ["x"]
