"""What TensorBoard is given, read back with the classes of its own format."""

import struct
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, MissingDependencyError, OutputError
from tinygrad_mnist.core.scope import state
from tinygrad_mnist.training import Callback, Statistics, TensorBoard, fit

event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
graph_pb2 = pytest.importorskip("tensorboardX.proto.graph_pb2")


def events(folder):
    """Read all records of a folder, in the order in which TensorBoard does; check each one's checksums."""
    crc = pytest.importorskip("tensorboardX.record_writer").masked_crc32c
    found = []
    for path in sorted(folder.iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):
            size, sum_of_size = struct.unpack("<QI", data[at : at + 12])
            record = data[at + 12 : at + 12 + size]
            assert sum_of_size == crc(data[at : at + 8])
            assert struct.unpack("<I", data[at + 12 + size : at + 16 + size])[0] == crc(record)
            found.append(event_pb2.Event.FromString(record))
            at += 16 + size
    return found


def scalars(folder):
    """Give {tag: {step: value}}; what came before a restart at some step, and is not before that step, is dropped."""
    table = {}
    for event in events(folder):
        if event.HasField("session_log"):
            table = {tag: {n: v for n, v in rows.items() if n < event.step} for tag, rows in table.items()}
        for value in event.summary.value:
            if value.HasField("simple_value"):
                table.setdefault(value.tag, {})[event.step] = value.simple_value
    return {tag: rows for tag, rows in table.items() if rows}


class Losses(Callback):
    def __init__(self):
        self.seen = []

    def on_batch_end(self, run):
        self.seen.append(run.loss)


class Killed(Exception):
    pass


class Kill(Callback):
    def __init__(self, after):
        self.left = after

    def on_batch_end(self, run):
        self.left -= 1
        if self.left == 0:
            raise Killed


def model_and_data():
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Sequential(nn.Linear(5, 3)))
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    return model, (x, np.argmax(x[:, :3], 1))


@pytest.mark.parametrize("compile", [False, True])
def test_scalars_are_the_history_and_the_losses(tmp_path, compile):
    model, data = model_and_data()
    losses = Losses()
    board = TensorBoard(tmp_path / "new" / "run", every=2)
    history = fit(model, data, valid=data, epochs=3, batch_size=4, callbacks=[losses, board], compile=compile,
                  progress=False)  # fmt: skip
    found = scalars(tmp_path / "new" / "run")
    assert found["loss/batch"] == pytest.approx({i: losses.seen[i] for i in range(0, 15, 2)}, rel=1e-6)
    assert found["lr"] == pytest.approx(dict.fromkeys(range(0, 15, 2), 1e-3))
    tags = {"loss/train": "train_loss", "loss/valid": "valid_loss", "accuracy/train": "train_accuracy",
            "accuracy/valid": "valid_accuracy", "epoch": "epoch", "seconds": "seconds", "lr/epoch": "lr"}  # fmt: skip
    for tag, column in tags.items():
        assert found.pop(tag) == pytest.approx(dict(zip((4, 9, 14), history[column], strict=True)), rel=1e-6)
    assert set(found) == {"loss/batch", "lr"}


def test_histograms_are_those_of_weights_and_gradients(tmp_path):
    model, data = model_and_data()
    fit(model, data, epochs=2, batch_size=10, callbacks=[TensorBoard(tmp_path)], progress=False)
    found = {(v.tag, e.step): v.histo for e in events(tmp_path) for v in e.summary.value if v.HasField("histo")}
    names = [name for name, _ in model.named_parameters()]
    assert set(found) == {(f"{kind}/{n}", s) for kind in ("parameters", "gradients") for n in names for s in (1, 3)}
    for name, p in model.named_parameters():
        for kind, array in (("parameters", np.asarray(p)), ("gradients", np.asarray(p.grad))):
            histo, array = found[f"{kind}/{name}", 3], array.astype(np.float64)
            assert (histo.num, histo.min, histo.max) == (array.size, array.min(), array.max())
            assert histo.sum == pytest.approx(array.sum()) and histo.sum_squares == pytest.approx((array**2).sum())
            assert sum(histo.bucket) == array.size


def test_the_graph_has_the_operations_inside_their_modules(tmp_path):
    model, data = model_and_data()
    fit(model, data, epochs=2, batch_size=10, callbacks=[TensorBoard(tmp_path), Statistics()], progress=False)
    (text,) = [e.graph_def for e in events(tmp_path) if e.graph_def]
    nodes = {n.name: n for n in graph_pb2.GraphDef.FromString(text).node}
    inside = {name: (n.op, list(n.input)) for name, n in nodes.items()}
    first, last = "Sequential/0_Linear/", "Sequential/2_Sequential/0_Linear/"
    assert inside == {
        "input_0": ("Input", []),
        f"{first}weight": ("Parameter", []), f"{first}bias": ("Parameter", []),
        f"{first}linear": ("linear", ["input_0", f"{first}weight", f"{first}bias"]),
        "Sequential/1_ReLU/relu": ("relu", [f"{first}linear"]),
        f"{last}weight": ("Parameter", []), f"{last}bias": ("Parameter", []),
        f"{last}linear": ("linear", ["Sequential/1_ReLU/relu", f"{last}weight", f"{last}bias"]),
    }  # fmt: skip
    shape = nodes[f"{last}linear"].attr["_output_shapes"].list.shape[0]
    assert [d.size for d in shape.dim] == [10, 3] and state.around is None


class Repeating(nn.Module):
    """One layer three times, with a name that TensorBoard does not take."""

    def __init__(self):
        self.part = nn.ModuleDict({"a b é": nn.Linear(6, 6)})

    def forward(self, x):
        for _ in range(3):
            x = self.part["a b é"](x) + x
        return x[:, :3]


def test_names_are_unique_and_allowed(tmp_path):
    _, data = model_and_data()
    fit(Repeating(), data, epochs=1, callbacks=[TensorBoard(tmp_path, histograms=False)], progress=False)
    (text,) = [e.graph_def for e in events(tmp_path) if e.graph_def]
    nodes = graph_pb2.GraphDef.FromString(text).node
    names = [n.name for n in nodes]
    assert len(set(names)) == len(names) and sum(n.op == "linear" for n in nodes) == 3
    assert sum(n.op == "Parameter" for n in nodes) == 2, "shared"
    for i, node in enumerate(nodes):
        assert node.name.isascii() and " " not in node.name
        assert set(node.input) <= set(names[:i]) and (node.input or node.op in ("Input", "Parameter", "Tensor"))


def test_what_is_not_wanted_is_left_out(tmp_path):
    model, data = model_and_data()
    fit(model, data, epochs=1, callbacks=[TensorBoard(tmp_path, histograms=False, graph=False)], progress=False)
    assert not any(e.graph_def or any(v.HasField("histo") for v in e.summary.value) for e in events(tmp_path))


def test_a_resumed_run_goes_on_and_a_new_one_replaces(tmp_path):
    def run(folder, kill=0, checkpoint=None):
        model, data = model_and_data()
        callbacks = [TensorBoard(folder, every=1), Kill(kill)]
        fit(model, data, valid=data, epochs=3, batch_size=5, callbacks=callbacks, checkpoint=checkpoint, resume=True
            if checkpoint else False, progress=False)  # fmt: skip

    def without_time(folder):
        found = scalars(folder)
        assert set(found.pop("seconds")) == {3, 7, 11}
        return found

    run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "killed", kill=7, checkpoint=tmp_path / "run.npz")  # whose checkpoint is of 4 batches
    run(tmp_path / "killed", checkpoint=tmp_path / "run.npz")
    assert len(list((tmp_path / "killed").iterdir())) == 2
    assert [e.step for e in events(tmp_path / "killed") if e.HasField("session_log")] == [0, 4], "what is dropped"
    assert without_time(tmp_path / "killed") == without_time(tmp_path / "whole")
    run(tmp_path / "whole")
    assert set(scalars(tmp_path / "whole")["loss/batch"]) == set(range(12))


def test_a_training_is_the_same_with_and_without(tmp_path):
    ends = []
    for callbacks in ([], [TensorBoard(tmp_path)]):
        model, data = model_and_data()
        fit(model, data, epochs=2, batch_size=5, callbacks=callbacks, compile=True, progress=False)
        ends.append([p.tolist() for p in model.parameters()])
    assert ends[0] == ends[1]


def test_a_folder_that_cannot_be_is_told_before_the_first_batch(tmp_path):
    (tmp_path / "file").write_text("x")
    model, data = model_and_data()
    losses = Losses()
    with pytest.raises(OutputError):
        fit(model, data, callbacks=[losses, TensorBoard(tmp_path / "file")], progress=False)
    assert losses.seen == [] and state.around is None
    with pytest.raises(ArgumentError, match="every must be a whole number"):
        TensorBoard(tmp_path, every=0)


def test_without_tensorboardx_the_command_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingDependencyError, match="written by tensorboardX") as error:
        TensorBoard(tmp_path)
    assert error.value.hint == "pip install tensorboardX"


def test_importing_the_room_loads_no_tensorboardx():
    code = "import sys, tinygrad_mnist.training; sys.exit('tensorboardX' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
