"""The programs as a user runs them, on the embedded digits: numbers repeat, pictures appear, bad input is told."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ShapeError

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PNG = b"\x89PNG\r\n\x1a\n"


def start(script, *args, **env):
    for package in ("matplotlib", "tqdm", *["sklearn"] * ("digits" in args)):  # without which it ends at its first line
        pytest.importorskip(package)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TINYGRAD_MNIST")}
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / script), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**environment, **env}, cwd=ROOT,
    )  # fmt: skip


def run(script, *args, **env):
    with start(script, *args, **env) as process:
        out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def numbers(out):
    """Keep the lines with losses and accuracies, which must repeat; times must not."""
    return [line for line in out.splitlines() if line.startswith("epoch") or "Test accuracy" in line]


@pytest.mark.parametrize(("script", "target"), [("mnist_mlp.py", 85), ("mnist_cnn.py", 85)])
def test_a_program_trains_on_the_digits_and_repeats_its_numbers(script, target, tmp_path):
    args = ("--data", "digits", "--epochs", 4, "--seed", 3, "--target", target, "--out", tmp_path / "a")
    status, out, err = run(script, *args)
    assert status == 0, out + err
    assert out.count("THIS IS NOT MNIST") == 2, "the stand-in must be announced at the start and at the end"
    assert re.search(r"\d images per second", out)
    for name in ("curves.png", "confusion.png"):
        assert (tmp_path / "a" / name).read_bytes().startswith(PNG)
    weights = tg.load(tmp_path / "a" / "weights.npz")
    assert all(isinstance(w, tg.Tensor) for w in weights.values()) and len(weights) >= 4
    assert sorted(os.listdir(tmp_path / "a")) == ["confusion.png", "curves.png", "weights.npz"]

    status, again, _ = run(script, *args[:-1], tmp_path / "b")
    assert status == 0 and numbers(again) == numbers(out) and len(numbers(out)) == 5
    other = tg.load(tmp_path / "b" / "weights.npz")
    assert all(np.array_equal(weights[k].array, other[k].array) for k in weights)


def test_a_missed_target_fails(tmp_path):
    status, out, _ = run("mnist_mlp.py", "--data", "digits", "--epochs", 1, "--target", 100, "--out", tmp_path)
    assert status == 1 and "FAILED: test accuracy" in out


def test_insisting_on_mnist_without_files_or_network_lists_the_sources(tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "KERAS_HOME": str(tmp_path / "keras")}
    status, out, err = run("mnist_mlp.py", "--data", "mnist", "--out", tmp_path, TINYGRAD_MNIST_OFFLINE="1", **home)
    assert status == 1 and "Traceback" not in err
    for part in ("DataError", "train-images-idx3-ubyte.gz", "TINYGRAD_MNIST_DATA", str(tmp_path / "cache")):
        assert part in err


def test_an_unwritable_folder_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    status, out, err = run("mnist_mlp.py", "--data", "digits", "--out", tmp_path / "file" / "out")
    assert status == 1 and "OutputError" in err and "epoch" not in out and "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_keeps_the_best_weights_and_says_where(tmp_path):
    args = ("--data", "digits", "--epochs", 5000, "--out", tmp_path)
    with start("mnist_mlp.py", *args, PYTHONUNBUFFERED="1") as process:
        lines = []
        while not any(line.startswith("epoch  2") for line in lines):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            lines.append(line)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    told = re.search(r"Interrupted: the best weights so far \(epoch \d+\) are in (\S+)", out)
    assert told and told[1] == str(tmp_path / "weights.npz")
    assert tg.load(told[1]) and (tmp_path / "curves.png").read_bytes().startswith(PNG)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_in_the_first_epoch_keeps_the_weights_too(tmp_path):
    args = ("--data", "digits", "--batch-size", 1, "--out", tmp_path)
    with start("mnist_cnn.py", *args, PYTHONUNBUFFERED="1") as process:
        line = ""
        while "parameters" not in line:
            line = process.stdout.readline()
            assert line, process.stderr.read()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert f"the weights as they are now are in {tmp_path / 'weights.npz'}" in out
    assert tg.load(tmp_path / "weights.npz")


def test_an_interruption_while_saving_names_the_weights_that_are_there(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    program = importlib.import_module("mnist_mlp")
    save, calls = tg.save, []

    def interrupted(state, path):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        save(state, path)

    monkeypatch.setattr(tg, "save", interrupted)
    assert program.main(["--data", "digits", "--epochs", "3", "--out", str(tmp_path)]) == 130
    out = capsys.readouterr().out
    assert f"Interrupted: the best weights so far (epoch 1) are in {tmp_path / 'weights.npz'}" in out
    assert "with the weights of epoch 1\n" in out and len(calls) == 2


@pytest.mark.parametrize("wrong", [("--target", "nan"), ("--target", "0.99"), ("--seed", "-1"), ("--epochs", "0")])
def test_arguments_that_make_no_sense_are_refused(wrong):
    status, out, err = run("mnist_mlp.py", *wrong)
    assert status == 2 and "error: --" in err and out == ""


def test_a_target_is_not_met_by_the_stand_in(tmp_path):
    pytest.importorskip("sklearn")
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "KERAS_HOME": str(tmp_path / "keras")}
    args = ("--epochs", 1, "--target", 2, "--out", tmp_path)
    status, out, _ = run("mnist_mlp.py", *args, TINYGRAD_MNIST_OFFLINE="1", **home)
    assert status == 1 and "FAILED: the target of 2 % is for MNIST" in out and out.count("THIS IS NOT MNIST") == 2


@pytest.mark.parametrize("name", ["mnist_mlp", "mnist_cnn"])
def test_the_stand_in_has_a_folder_of_its_own_unless_one_is_named(name, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    program = importlib.import_module("mnist_mlp")
    monkeypatch.chdir(tmp_path)
    model = program.MLP if name == "mnist_mlp" else importlib.import_module("mnist_cnn").CNN
    source = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert name == "mnist_mlp" or f'name="{name}"' in source

    def train(*args, notice="THIS IS NOT MNIST"):
        def few(*_):
            train, test, _ = tg.data.open_dataset("digits")
            train.images, train.labels = train.images[:24], train.labels[:24]
            return train, test, notice

        monkeypatch.setattr(program, "open_dataset", few)
        assert program.main(["--epochs", "1", *args], model_class=model, name=name) == 0

    train("--seed", "1", notice=None)  # as if it were MNIST
    weights = tmp_path / "runs" / name / "weights.npz"
    real = weights.read_bytes()
    train("--seed", "2")
    assert weights.read_bytes() == real and sorted(os.listdir("runs")) == [name, f"{name}_digits"]
    stand_in = Path("runs", f"{name}_digits", "weights.npz").read_bytes()
    assert stand_in != real
    train("--seed", "3", "--out", "mine")
    assert Path("mine", "weights.npz").exists() and weights.read_bytes() == real
    assert Path("runs", f"{name}_digits", "weights.npz").read_bytes() == stand_in
    assert sorted(os.listdir("runs")) == [name, f"{name}_digits"]


def test_every_example_says_how_to_run_it_and_what_to_expect():
    programs = (EXAMPLES / "studies").glob("*.py")
    studies = [path for path in programs if "__main__" in path.read_text(encoding="utf-8")]  # not what they share
    assert len(studies) == 6
    for path in [*EXAMPLES.glob("*.py"), *studies]:
        head = path.read_text(encoding="utf-8").split('"""')[1]
        place = path.relative_to(EXAMPLES.parent).as_posix()
        assert f"python {place}" in head and "Expected" in head, path.name


def test_the_callback_of_the_guide_warms_up_and_resumes():
    guide = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    (warm_up,) = [code for code in re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL) if "class WarmUp" in code]
    code = (
        "import tinygrad_mnist as tg\nfrom tinygrad_mnist import nn\n" + warm_up + """
class Seen(tg.training.Callback):
    rates = []

    def on_batch_end(self, run):
        self.rates.append(round(run.optimizer.param_groups[0]["lr"], 4))

model = nn.Linear(2, 2)
optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
data = tg.rand(1500, 2), tg.randint(0, 2, (1500,))
tg.training.fit(model, data, batch_size=10, epochs=2, optimizer=optimizer, callbacks=[WarmUp(), Seen()])
print(Seen.rates[0], Seen.rates[48], Seen.rates[98], Seen.rates[-1])  # 0.002 0.05 0.1 0.1

class Killed(tg.training.Callback):
    left = 30

    def on_batch_end(self, run):
        Killed.left -= 1
        if Killed.left == 0:
            raise SystemExit

def rates(path):
    Seen.rates, optimizer = [], tg.optim.SGD(model.parameters(), lr=0.1)
    checkpoint = tg.training.Checkpoint(path, batches=7)
    tg.training.fit(model, data, batch_size=10, epochs=1, optimizer=optimizer, callbacks=[WarmUp(), Seen(), Killed()],
                    checkpoint=checkpoint, resume=True)
    return Seen.rates

import pathlib, tempfile
with tempfile.TemporaryDirectory() as folder:
    try:
        rates(pathlib.Path(folder, "run.npz"))
    except SystemExit:
        pass
    after = rates(pathlib.Path(folder, "run.npz"))
    print(len(after) < 130, after == rates(pathlib.Path(folder, "other.npz"))[-len(after):])  # True True
"""
    )
    probe = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert probe.returncode == 0, probe.stderr
    assert probe.stdout.splitlines() == re.findall(r"print\(.*\)\s*# (.*)", code)


def test_the_readmes_error_is_what_people_see():
    class Net(nn.Module):
        def __init__(self):
            self.net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10))

        def forward(self, x):
            return self.net(x)

    with pytest.raises(ShapeError) as caught:
        Net()(tg.zeros(4, 1, 28, 28))
    assert f"```\nShapeError: {caught.value}\n```" in README


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 160
