"""`python -m tinygrad_mnist`: what each command does, its status; mistakes and Ctrl-C that end without a traceback."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.commands import info, models
from tinygrad_mnist.commands.doctor import Changed
from tinygrad_mnist.commands.line import main
from tinygrad_mnist.core.errors import DataError

QUICK = ["--data", "digits", "--images", "240", "--epochs", "1", "--hidden", "16"]


def program(*arguments, cwd=None, **settings):
    command = [sys.executable, "-m", "tinygrad_mnist", *arguments]
    return subprocess.run(command, text=True, capture_output=True, timeout=120, cwd=cwd, **settings)


@pytest.fixture
def there(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["train", "draw", "play", "doctor", "info"])
def test_every_command_explains_itself_without_loading_what_it_uses(command):
    probe = (
        "import sys; from tinygrad_mnist.commands.line import main\n"
        f"try: main([{command!r}, '--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('matplotlib', 'sklearn', 'tqdm', 'numba', 'pandas')"
        " or m.startswith('tinygrad_mnist.training')])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: python -m tinygrad_mnist") and done.stdout.endswith("[]\n")
    assert "Example: python -m tinygrad_mnist" in done.stdout and "None" not in done.stdout


@pytest.mark.parametrize("arguments, said", [
    ([], "{train,doctor,draw,play,info}"), (["fly"], "invalid choice: 'fly'"),
    (["train", "--epochs", "0"], "0 is less than 1"), (["train", "--lr", "nan"], "nan is no positive number"),
    (["train", "--hidden", "a"], "such as 300,100"), (["train", "cnn", "--hidden", "8"], "--hidden is for mlp alone"),
    (["train", "rnn"], "invalid choice"), (["train", "--momentum", "1"], "not between 0 and 1"),
    (["train", "--target", "0.98"], "in percent"), (["draw", "--depth", "-1"], "-1 is less than 0"),
    (["draw", "--depth", "x"], "whole number nor all"), (["doctor", "--momentum", "0"], "--momentum is for sgd alone"),
])  # fmt: skip
def test_wrong_usage_has_status_2(arguments, said, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2 and said in capsys.readouterr().err


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0 and capsys.readouterr().out == f"tinygrad_mnist {tg.__version__}\n"


def test_train_saves_a_model_that_is_as_good_as_it_says(there, capsys):
    pytest.importorskip("sklearn")
    assert main(["train", *QUICK, "--epochs", "8", "--seed", "1"]) == 0
    out, err = capsys.readouterr()
    path = there / "runs" / "mlp_digits_quick.npz"
    said = float(re.search(r"Test accuracy ([\d.]+) %", out).group(1))
    assert "THIS IS NOT MNIST" in out and str(path.relative_to(there)) in out and "220 images to train on" in out
    assert err.count("\n") == 8 and err.startswith("epoch 1/8  train_loss")
    name, model = models.named(str(path))
    images, labels = tg.data.open_dataset("digits").test[:]
    with tg.no_grad():
        right = (model(tg.tensor(images)).argmax(1).numpy() == labels).mean()
    assert name == "mlp_digits_quick" and 100 * right == pytest.approx(said, abs=0.01) and right > 0.5
    assert [tuple(p.shape) for p in model.parameters()] == [(16, 784), (16,), (10, 16), (10,)]
    assert main(["train", *QUICK, "--target", "99.9", "--quiet", "--out", "here.npz"]) == 1
    out, err = capsys.readouterr()
    assert "FAILED: test accuracy" in out and err == "" and Path("here.npz").exists()


def test_train_takes_its_settings(there, capsys):
    pytest.importorskip("sklearn")
    sgd = ["--optimizer", "sgd", "--lr", "0.05", "--activation", "tanh", "--hidden", "12,8", "--compile", "--quiet"]
    assert main(["train", *QUICK, *sgd, "--out", "a.npz"]) == 0
    assert "Tanh()" in capsys.readouterr().out
    model = models.named("a.npz")[1]
    assert [tuple(p.shape) for p in model.parameters()][::2] == [(12, 784), (8, 12), (10, 8)]
    assert main(["train", "cnn", *QUICK[:-2], "--images", "24", "--quiet", "--out", "b.npz"]) == 0
    assert models.named("b.npz")[1](tg.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_what_cannot_be_written_is_told_before_training(there, capsys):
    (there / "file").write_text("")
    for out in ("file/a.npz", "a.pt"):
        assert main(["train", "--data", "digits", "--out", out]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("python -m tinygrad_mnist train: ") and "Traceback" not in err


def test_a_saved_model_is_found_and_other_files_are_refused(there):
    mlp = type("MLP", (nn.Module,), {})()
    mlp.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    tg.save(mlp.state_dict(), "weights.npz")  # as examples/mnist_mlp.py does
    model = models.named("weights.npz")[1]
    x = tg.rand(3, 1, 28, 28)
    assert np.array_equal(model(x).detach().numpy(), mlp.net(x).detach().numpy()) and not model.training
    tg.save({"a": tg.ones(2)}, "other.npz")
    tg.save({"network": {"name": "mlp", "wings": 2}, "state": {}}, "odd.npz")
    tg.save([tg.ones(2)], "list.npz")
    Path("text.npz").write_text("no model")
    for name in ("other.npz", "odd.npz", "list.npz", "text.npz", "missing.npz", "resnet"):
        with pytest.raises(DataError):
            models.named(name)


@pytest.mark.parametrize("what", ["mlp", "cnn"])
def test_draw_writes_text_and_pictures(what, there, capsys):
    pytest.importorskip("graphviz")
    assert main(["draw", what, "--out", "step.dot", "--batch-size", "3"]) == 0
    text = Path("step.dot").read_text()
    assert text.startswith("digraph") and "cross_entropy" in text and "(3, 10)" in text
    assert "wrote step.dot" in capsys.readouterr().out
    assert main(["draw", what, "--out", "one.dot", "--depth", "0"]) == 0
    assert len(Path("one.dot").read_text()) < len(text) and "cross_entropy" in Path("one.dot").read_text()
    assert main(["draw", what, "--out", "step.gif"]) == 1
    err = capsys.readouterr().err
    assert "step.gif has an ending that is not written here" in err and ".svg" in err and "Traceback" not in err


def test_draw_writes_pages(there):
    pytest.importorskip("graphviz")
    if shutil.which("dot") is None:
        pytest.importorskip("pygraphviz")
    assert main(["draw", "--out", "step.html"]) == main(["draw", "--out", "step.svg"]) == main(["draw", "cnn"]) == 0
    page, picture = Path("step.html").read_text("utf-8"), Path("step.svg").read_text("utf-8")
    assert "Conv2d" in Path("graph_cnn.svg").read_text("utf-8")  # named by what is drawn
    assert page.startswith("<!DOCTYPE html>") and "cross_entropy" in page and "<svg" in picture


def test_draw_without_dot_gives_the_text_and_says_so(there, capsys, monkeypatch):
    pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert main(["draw", "--out", "step.svg"]) == 1
    out, err = capsys.readouterr()
    assert "wrote step.dot instead of step.svg" in out and "MissingDependencyError" in err and "graphviz" in err
    assert Path("step.dot").read_text().startswith("digraph") and not Path("step.svg").exists()


# ---------------------------------------------------------------- info


def test_info_says_what_is_here(capsys, monkeypatch, there):
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(there / "nothing"))
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(there / "cache"))
    assert main(["info", "--quick"]) == 0
    out, err = capsys.readouterr()
    for text in (tg.__version__, np.__version__, sys.executable, "BLAS", f"{tg.get_num_threads()} thread", "matplotlib",
                 f"{there}/nothing: no such file or folder", "forbidden by $TINYGRAD_MNIST_OFFLINE"):  # fmt: skip
        assert text in out
    assert err == "" and not (there / "cache").exists()


def test_info_tells_broken_packages_and_survives_them(capsys, monkeypatch, there):
    texts = {
        "fine_one": "print('noise')", "raises_one": "raise RuntimeError('old\\nlibrary')", "last_one": "",
        "exits_one": "raise SystemExit(3)", "dies_one": "import os; os._exit(7)",
        "crashes_one": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    }  # fmt: skip
    for name, text in texts.items():
        (there / f"{name}.py").write_text(text)
    packages = [*((name, name, f"for {name}", "") for name in sorted(texts)), ("absent", "absent", "it", "draw")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(there), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr(info, "PACKAGES", packages)
    monkeypatch.setattr(info, "installed", lambda package: "" if package == "absent" else "1.2")
    assert main(["info"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line[:2] == "  "}
    assert "broken 1.2" in lines["raises_one"] and "(RuntimeError: old library)" in lines["raises_one"]
    assert "SystemExit" in lines["exits_one"] and "ends Python with status 7" in lines["dies_one"]
    assert "ends Python with status -9" in lines["crashes_one"]
    assert lines["absent"].endswith('-           it: pip install "tinygrad_mnist[draw]"')
    assert all("broken" not in lines[name] and "1.2" in lines[name] for name in ("fine_one", "last_one"))


def test_info_survives_a_section_that_fails(capsys, monkeypatch):
    monkeypatch.setattr(np, "show_config", lambda mode: 1 / 0)
    monkeypatch.setattr(info, "local_sources", lambda: [][0])
    assert main(["info", "--quick"]) == 0
    out = capsys.readouterr().out
    assert "ZeroDivisionError" in out and "IndexError" in out and "Optional packages" in out


def test_info_finds_mnist_where_it_is(capsys, monkeypatch):
    folder = os.environ.get("TINYGRAD_MNIST_DATA", "")
    if not folder:
        pytest.skip("the real MNIST files are not here")
    assert main(["info", "--quick"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "$TINYGRAD_MNIST_DATA  " in line)
    assert line.split()[1] in ("yes", folder)


# ---------------------------------------------------------------- as a program


def test_it_runs_from_any_folder_and_a_mistake_is_one_message(tmp_path):
    done = program("draw", "nothing", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[0] == "python -m tinygrad_mnist draw: DataError: there is no model 'nothing'."
    assert "Traceback" not in done.stderr
    done = program("info", "--quick", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "" and "Versions" in done.stdout


@pytest.mark.filterwarnings("default")
def test_warnings_are_a_line_and_mistakes_of_ours_are_not_hidden(capsys, monkeypatch):
    monkeypatch.setattr("tinygrad_mnist.commands.draw.run", lambda settings: warnings.warn("beware", stacklevel=1) or 0)
    assert main(["draw"]) == 0
    assert capsys.readouterr().err == "warning: beware\n"
    monkeypatch.setattr("tinygrad_mnist.commands.draw.run", lambda settings: {}["nothing"])
    with pytest.raises(KeyError):
        main(["draw"])


def test_a_reader_that_leaves_is_no_error():
    command = [sys.executable, "-m", "tinygrad_mnist", "info"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "Versions\n"
        child.stdout.close()
        assert child.stderr.read() == "" and child.wait(60) == 1


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_keeps_the_weights_and_has_no_traceback(tmp_path):
    pytest.importorskip("sklearn")
    command = [sys.executable, "-m", "tinygrad_mnist", "train", "--data", "digits", "--hidden", "8", "--epochs", "9999"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as child:  # fmt: skip
        lines = [child.stderr.readline() for _ in range(3)]
        assert lines[-1].startswith("epoch 3/9999"), lines
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and "Traceback" not in err
    assert "Interrupted. Test accuracy" in out and "with the weights of epoch" in out
    assert models.named(str(tmp_path / "runs" / "mlp_digits.npz"))[1] is not None


def test_ctrl_c_elsewhere(capsys, monkeypatch):
    def pressed():
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "packages", lambda quick: pressed())
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


# ---------------------------------------------------------------- the player and the doctor


@pytest.mark.parametrize("what", ["scalar", "mlp", "cnn"])
def test_play_writes_a_page(what, there, capsys, monkeypatch):
    pytest.importorskip("sklearn")
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    data = [] if what == "scalar" else ["--data", "digits", "--batch-size", "2"]
    assert main(["play", what, "--open", *data]) == 0
    out, err = capsys.readouterr()
    assert out == "wrote backprop.html\n" and ("NOT MNIST" in err) == (what != "scalar")
    assert opened == [(there / "backprop.html").as_uri()]
    page = Path("backprop.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>") and len(page) < 1_100_000 and "http://" not in page.split("</head>")[0]
    assert main(["play", "--out", "page.pdf"]) == 1


def test_the_doctor_says_what_is_wrong(there, capsys):
    pytest.importorskip("sklearn")
    data = ["--data", "digits", "--quiet", "--hidden", "32"]
    assert main(["doctor", *data]) == 0
    assert "Nothing found" in capsys.readouterr().out
    assert main(["doctor", *data, "--scale", "255"]) == 1
    out = capsys.readouterr().out
    assert "unscaled input" in out and "Found: unscaled_input" in out and "Nothing found" not in out
    assert main(["doctor", *data, "--scale", "255", "--off", "unscaled_input"]) in (0, 1)
    assert "unscaled input" not in capsys.readouterr().out
    assert main(["doctor", *data, "--off", "no_such"]) == 1
    assert "no_such" in capsys.readouterr().err


def test_the_doctors_data_is_what_was_asked_for():
    images = tg.data.ImageSet(np.full((8, 2, 2), 255, np.uint8), np.arange(8), classes="abcdefgh", source="")
    plain, changed = Changed(images, 1.0, False), Changed(images, 255.0, True)
    assert plain[3][1] == 3 and plain[3][0].max() == 1 and plain[np.arange(2)][1].tolist() == [0, 1] and len(plain) == 8
    assert changed[np.arange(8)][0].max() == 255 and changed[0][0].dtype == np.float32
    labels = changed[np.arange(8)][1].tolist()
    assert sorted(labels) == list(range(8)) != labels and [changed[i][1] for i in range(8)] == labels


def test_info_names_the_extras_that_there_are():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    for _, package, _, extra in info.PACKAGES:
        assert not extra or any(line.startswith(package) for line in extras[extra]), package
    named = {package for _, package, *_ in info.PACKAGES}
    for name, lines in extras.items():
        assert name in ("test", "docs") or all(re.match(r"[\w-]+", line).group() in named for line in lines), name
