"""What a name answers that is not here: PyTorch's, a slip, or what Python itself asks for."""

import copy
import importlib
import inspect
import operator
import pickle
import subprocess
import sys

import absent_names
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core import torch_names
from tinygrad_mnist.core.absent import ROOMS, spelled
from tinygrad_mnist.core.errors import AbsentError


def module(room):
    """Import a room, or give the class."""
    if room == "Tensor":
        return tg.Tensor
    return importlib.import_module(f"tinygrad_mnist.{room}".rstrip("."))


def test_the_list_is_what_the_script_writes():
    torch = pytest.importorskip("torch")
    if torch.__version__.startswith("2.13"):
        assert absent_names.FILE.read_text(encoding="utf-8") == absent_names.text(), "run python tests/absent_names.py"


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_in_the_list_is_here_and_every_name_in_it_answers(room):
    names = torch_names.NAMES[room].split()
    assert len(names) == len({*names})
    for name in names:
        assert not hasattr(module(room), name)
        with pytest.raises(AttributeError) as caught:
            getattr(module(room), name)
        assert f"{spelled(room, name)} is" in str(caught.value) and "not here yet" in str(caught.value)


@pytest.mark.parametrize(("whole", "other"), torch_names.ALTERNATIVES.items())
def test_what_is_here_instead_is_here(whole, other):
    assert absent_names.found(other) is not None
    room, _, name = whole.removeprefix("tg.").rpartition(".")
    with pytest.raises(AbsentError) as caught:
        getattr(module(room), name)
    assert str(caught.value) == f"{whole} is not here yet; {other} is."


@pytest.mark.parametrize(
    ("room", "name", "told"),
    [
        ("nn", "Liner", "nn.Linear"), ("nn", "sofmax", "nn.Softmax"), ("nn", "relu", "tg.relu"),
        ("", "Linear", "nn.Linear"), ("", "matmull", "tg.matmul"), ("optim", "Adamm", "optim.Adam"),
        ("nn.functional", "crossentropy", "nn.functional.cross_entropy"), ("", "Dataloader", ""),
        ("data", "Dataloader", "data.DataLoader"), ("optim.lr_scheduler", "StepLr", "optim.lr_scheduler.StepLR"),
        ("autograd", "gradchek", "autograd.gradcheck"), ("", "qqqqqq", ""),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_what_was_meant(room, name, told):
    with pytest.raises(AbsentError) as caught:
        getattr(module(room), name)
    text = str(caught.value)
    assert text.startswith(f"{room or 'tg'} has no {name!r}.") and told in text and ("try" in text) == bool(told)
    assert text == str(caught.value) == str(copy.copy(text))


@pytest.mark.parametrize("room", [*filter("Tensor".__ne__, ROOMS)])
def test_protocols_of_python_stay_right(room):
    here = module(room)
    for name in ("__wrapped__", "__path_of__", "_repr_html_", "__len__"):
        assert not hasattr(here, name)
        with pytest.raises(AttributeError, match=f"module '{here.__name__}' has no attribute '{name}'"):
            getattr(here, name)
    assert getattr(here, "nothing_of_the_kind", 5) == 5
    assert inspect.getmembers(here) and dir(here) and inspect.unwrap(here) is here and inspect.getdoc(here)
    for name in [n for n in getattr(here, "__all__", ()) if isinstance(getattr(here, n), type) and n != "Generator"]:
        value = getattr(here, name)
        assert pickle.loads(pickle.dumps(value)) is value
    with pytest.raises(ImportError, match=f"{room or 'tg'} has no 'NothingOfTheKind'"):
        exec(f"from {here.__name__} import NothingOfTheKind")
    for absent in torch_names.NAMES[room].split()[:3]:
        with pytest.raises(ImportError, match=f"{spelled(room, absent)} is .*not here yet"):
            exec(f"from {here.__name__} import {absent}")


@pytest.mark.parametrize(("name", "told"), [
    ("amp", "tg.amp is PyTorch's, and not here yet."), ("autocast", "tg.autocast is PyTorch's, and not here yet."),
    ("utils.tensorboard", "utils.tensorboard is not here yet; training.TensorBoard is."),
    ("utils.checkpoint", "utils.checkpoint is PyTorch's, and not here yet."),
    ("nn.utils.prune", "nn.utils.prune is PyTorch's, and not here yet."),
    ("nn.functional.elu_", "nn.functional.elu_ is not here yet; nn.functional.elu is."),
    ("linalg.eig", "linalg.eig is not here yet; linalg.eigh is."),
    ("get_rng_state", "tg.get_rng_state is not here yet; tg.Generator is."),
    ("nn.init.xavier_unifrom_", "nn.init has no 'xavier_unifrom_'.\n  try       nn.init.xavier_uniform_"),
    ("cuda.amp", "'amp' is PyTorch's for an accelerator, or a slip: this package computes on the CPU alone"),
    ("backends.mkldnn", "backends has no 'mkldnn'."),
    ("backends.cudnn.foo", "'foo' is PyTorch's for an accelerator, or a slip"),
])  # fmt: skip
def test_modules_and_what_they_hold_answer_without_a_wrong_suggestion(name, told):
    with pytest.raises(AbsentError) as caught:
        operator.attrgetter(name)(tg)
    assert str(caught.value).startswith(told)
    assert "not here yet." not in told or str(caught.value) == told  # and nothing far from it is suggested


def test_switches_stay_what_they_are():
    copied = copy.deepcopy(tg.backends.cudnn)
    assert copied == tg.backends.cudnn and not hasattr(tg.cuda, "amp") and not hasattr(tg.cuda, "__wrapped__")
    assert not tg.cuda.is_available() and tg.cuda.device_count() == 0 and pickle.dumps(tg.accelerator)


def test_the_list_is_read_only_when_an_error_is_shown():
    probe = (
        "import sys, tinygrad_mnist as tg\n"
        "hasattr(tg, 'asarray'), hasattr(tg.nn, 'LSTMCell')\n"
        "print('difflib' in sys.modules)\n"
        "try: tg.asarray\nexcept AttributeError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert done.splitlines()[0].startswith("False") and "tg." in done.splitlines()[1]
    assert tg.errors.AbsentError is AbsentError


def test_rooms_that_are_loaded_late_are_there_by_name():
    program = "import tinygrad_mnist as tg; print(tg.primitive.elementwise.__name__, tg.viz.player.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["elementwise", "player"], done.stderr
