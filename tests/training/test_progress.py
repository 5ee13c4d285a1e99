"""What `fit` shows: a bar where somebody watches, a line per epoch where nobody does, nothing if asked; downloads."""

import importlib
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from training_data import network, samples

from tinygrad_mnist.core import bars
from tinygrad_mnist.core.errors import MissingDependencyError
from tinygrad_mnist.training import fit

PROGRAM = """
import sys
from training_data import network, samples
from tinygrad_mnist.training import fit
fit(network(), samples(60), valid=samples(10), epochs=2, batch_size=20, progress={})
print("done")
"""


def child(progress, **streams):
    command = [sys.executable, "-c", PROGRAM.format(progress)]
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    places = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(command, text=True, check=True, timeout=60, env=places, **streams)


def in_a_terminal(progress, columns=200):
    """Run the program with a pseudo-terminal for standard error; give what was written there."""
    pty = pytest.importorskip("pty", reason="needs pseudo-terminals")
    ours, theirs = pty.openpty()
    importlib.import_module("termios").tcsetwinsize(ours, (24, columns))
    try:
        done = child(progress, stdout=subprocess.PIPE, stderr=theirs)
        assert done.stdout == "done\n"
    finally:
        os.close(theirs)
    pieces = []
    with open(ours, "rb", buffering=0) as stream:
        try:
            while piece := stream.read(4096):
                pieces.append(piece)
        except OSError:  # all is read
            pass
    return b"".join(pieces).decode()


def test_lines_where_there_is_no_terminal(capsys):
    history = fit(network(), samples(60), valid=samples(10), epochs=2, batch_size=20)
    out, err = capsys.readouterr()
    names = [name for name in history[0] if name not in ("epoch", "lr", "seconds")]
    wanted = [
        "  ".join([f"epoch {i + 1}/2", *(f"{n} {row[n]:.4f}" for n in names)]) for i, row in enumerate(history)
    ]
    assert out == "" and err.splitlines() == wanted
    assert "valid_loss" in wanted[0]


@pytest.mark.parametrize("progress", ["None", "False"])
def test_a_pipe_gets_lines_or_nothing(progress):
    done = child(progress, capture_output=True)
    assert done.stdout == "done\n"
    heads = [line.partition("  ")[0] for line in done.stderr.splitlines()]
    assert heads == ([] if progress == "False" else ["epoch 1/2", "epoch 2/2"])
    assert "\r" not in done.stderr and "%" not in done.stderr


@pytest.mark.parametrize("progress", ["None", "True", "False"])
def test_a_terminal_gets_bars_and_no_lines(progress):
    pytest.importorskip("tqdm")
    text = in_a_terminal(progress)
    if progress == "False":
        assert text == ""
        return
    lines = [line.rpartition("\r")[2] for line in text.strip().split("\r\n")]
    assert len(lines) == 2 and all("100%" in line and "3/3" in line for line in lines)
    assert lines[1].startswith("epoch 2/2:") and "valid_loss=" in lines[1]
    assert "epoch 2/2  " not in text


def test_a_narrow_terminal_shows_the_figures_of_the_validation():
    pytest.importorskip("tqdm")
    last = in_a_terminal("None", 80).strip().rpartition("\r")[2]
    assert "3/3" in last and "valid_loss=" in last and "valid_accuracy=" in last and len(last) <= 80


def test_bars_that_are_insisted_on(capsys):
    pytest.importorskip("tqdm")
    fit(network(), samples(60), valid=samples(10), epochs=2, batch_size=20, progress=True)
    err = capsys.readouterr().err
    assert "epoch 2/2:" in err and "3/3" in err and "valid_loss" in err and "epoch 2/2  " not in err
    fit(network(), samples(20), epochs=1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_without_tqdm(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, bars.TQDM, None)
    for watched in (False, True):
        monkeypatch.setattr(bars, "is_watched", lambda watched=watched: watched)
        fit(network(), samples(20), epochs=1)
        assert capsys.readouterr().err.startswith("epoch 1/1  train_loss ")
        assert bars.for_downloads() is None
    with pytest.raises(MissingDependencyError, match="tqdm"):
        fit(network(), samples(20), epochs=1, progress=True)
    fit(network(), samples(20), epochs=1, progress=False)
    assert capsys.readouterr().err == ""


def test_an_epoch_that_is_not_finished_leaves_no_line(capsys):
    def broken(outputs, targets):
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fit(network(), samples(20), epochs=1, loss_function=broken)
    assert capsys.readouterr().err == ""


def test_a_stream_that_is_closed_does_not_end_the_training(monkeypatch):
    class Closed:
        def write(self, text=""):
            raise ValueError("I/O operation on closed file")

        isatty = flush = write

    for stream in (Closed(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        assert len(fit(network(), samples(20), epochs=1)) == 1


def test_notebooks_are_recognized(monkeypatch):
    assert not bars.in_notebook()
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert bars.in_notebook() and bars.is_watched() and bars.stream() is sys.stdout
    del shell.kernel  # IPython in a terminal
    assert not bars.in_notebook() and bars.stream() is sys.stderr


def test_a_notebook_without_widgets_gets_a_bar_of_text_and_no_line(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(bars, "in_notebook", lambda: True)
    fit(network(), samples(20), epochs=1)
    out, err = capsys.readouterr()
    assert err == "" and "epoch 1/1: 100%" in out and "epoch 1/1  " not in out


def test_bars_of_downloads(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    assert bars.for_downloads() is None  # nobody watches
    monkeypatch.setattr(bars, "is_watched", lambda: True)
    tell = bars.for_downloads()
    for done in (0, 50_000, 20_000, 100_000):  # a second mirror begins anew
        tell("train-images.gz", done, 100_000)
    last = capsys.readouterr().err.rpartition("\r")[2]
    assert last.startswith("train-images.gz: 100%") and "97.7k/97.7k" in last
