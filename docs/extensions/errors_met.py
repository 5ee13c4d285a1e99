"""The errors that beginners meet: each is made by a program while the page is built, and shown as it is said today.

Must not know: the index of all messages. Look next at errors_index.py.
"""

from __future__ import annotations

import importlib.abc
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import docstrings

import tinygrad_mnist as tg

START = """
import numpy as np
import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.nn import functional as F
"""


class Met(NamedTuple):
    """A program that fails, the class of its error, and what to know of it; reST, a paragraph for each of three."""

    kind: str
    code: str
    happened: str
    see: str
    mend: str
    missing: str = ""  # a package that is kept away from the program


MET = [
    Met("ShapeError", """
        model = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(784, 10)
        )
        model(tg.zeros(64, 1, 28, 28))
    """,
        "A ``Linear`` layer is a table of weights with a column for each number that comes in. This one has 784 "
        "columns, and each image comes with 1352 numbers. Where does 1352 come from? The filters of 3 by 3 make "
        "26 by 26 of 28 by 28, the pooling makes 13 by 13 of that, and there are 8 channels: 8 · 13 · 13 = 1352.",
        "The line ``in`` names the layer: number 4, counted from 0. ``print(tg.summary(model[:4], (64, 1, 28, "
        "28)))`` lists the shapes before it, and ``tg.viz.failed()`` draws them.",
        "Write the number that comes: ``nn.Linear(1352, 10)``. Or keep the size with ``padding=1``: then it is 8 "
        "· 14 · 14 = 1568. Images that were never flattened need ``nn.Flatten()`` before their first ``Linear``."),
    Met("ShapeError", """
        layer = nn.Conv2d(3, 8, kernel_size=3)
        layer(tg.zeros(64, 1, 28, 28))
    """,
        "A convolution was made for images of 3 channels (red, green, blue), and these have 1, as MNIST's.",
        "Look at ``got``: the axes of ``x`` are images, channels, rows, columns. The second is the number of "
        "channels.",
        "Make the layer for what comes: ``nn.Conv2d(1, 8, kernel_size=3)``. If your images have their channels "
        "last, as files do, write ``x.permute(0, 3, 1, 2)``."),
    Met("DTypeError", """
        logits = tg.zeros(4, 10)
        F.cross_entropy(logits, tg.tensor([0.0, 1.0, 2.0, 3.0]))
    """,
        "``cross_entropy`` wants the *number* of the right class for each row, and numbers of classes are "
        "integers. These are floats, often because labels were read from a file together with the pixels.",
        "Print ``target.dtype`` and ``target[:5]``.",
        "``target.long()`` if the values are whole numbers. If you have a row of 0 and 1 for each sample "
        "(one-hot), it must have the shape of the logits; ``target.argmax(1)`` makes class numbers of it."),
    Met("ArgumentError", """
        logits = tg.zeros(4, 10)
        F.cross_entropy(logits, tg.tensor([1, 2, 3, 10]))
    """,
        "Ten classes have the numbers 0 to 9, and there is a label 10.",
        "``np.unique(labels)`` lists what labels there are.",
        "If they are 1 to 10, subtract 1. If there are eleven, the last layer must give 11 numbers."),
    Met("DTypeError", """
        x = tg.tensor([1, 2, 3], requires_grad=True)
    """,
        "A derivative says what happens if a number grows by a little. An integer cannot grow by a little.",
        "Print ``x.dtype``: of whole numbers without a point a tensor of integers is made.",
        "Write a point: ``tg.tensor([1.0, 2.0, 3.0], requires_grad=True)``, or convert by ``.float()`` first."),
    Met("GraphFreedError", """
        w = tg.tensor(2.0, requires_grad=True)
        loss = (w * 3 - 1) ** 2
        loss.backward()
        loss.backward()
    """,
        "To go backward, each operation keeps what it was given. After one backward that is let go, to save "
        "memory. A second one through the same operations finds nothing.",
        "The message says where the first backward was. Look for what is computed *before* a loop and used in "
        "each turn of it, or kept from one turn to the next.",
        "Compute the loss again before each backward: the forward pass belongs into the loop. Two losses: ``(a + "
        "b).backward()``. A state that is carried on: ``state = state.detach()``. Only if you really want both: "
        "``loss.backward(retain_graph=True)``."),
    Met("InPlaceError", """
        w = tg.ones(3, requires_grad=True)
        (w * w).sum().backward()
        w -= 0.1 * w.grad
    """,
        "The update of a weight is no part of the computation that is differentiated. Here it would be recorded, "
        "and the old value, which gradients are of, would be lost.",
        "The tensor in ``got`` is one that you made yourself (a *leaf*), with ``requires_grad=True``.",
        "Put the update into ``with tg.no_grad():``, or let an optimizer do it: ``tg.optim.SGD([w], "
        "lr=0.1).step()``. ``w = w - 0.1 * w.grad`` makes a new tensor, which is no leaf: after it ``w.grad`` is "
        "None."),
    Met("GradientError", """
        model = nn.Linear(3, 1)
        with tg.no_grad():
            loss = model(tg.ones(2, 3)).sum()
        loss.backward()
    """,
        "There is no way back from this loss to anything that wants a gradient. Nothing was recorded, since it "
        "was computed under ``no_grad``. The same is said if no tensor has ``requires_grad=True``, or after "
        "``.detach()`` or ``.item()``, or if the loss was made by NumPy.",
        "Print ``loss.requires_grad`` and that of what it was computed from, step by step: the first False is the "
        "place.",
        "Compute the loss outside ``no_grad``, with tensors from end to end."),
    Met("GradientError", """
        x = tg.ones(3, requires_grad=True)
        y = 2 * x
        y.backward()
    """,
        "Backward begins at *one* number, since it asks how that number changes. Here there are three.",
        "Print ``y.shape``: a loss has the shape ``()``.",
        "Make one number of it: ``y.sum().backward()`` or ``y.mean().backward()``. A loss function that was "
        "called with ``reduction=\"none\"`` gives one number per sample."),
    Met("GradientError", """
        x = tg.ones(3, requires_grad=True)
        x.numpy()
    """,
        "An array knows nothing of gradients. If you went on computing with it, the way back would be cut without "
        "a word.",
        "``x.requires_grad`` is True, here or in something that ``x`` was computed from.",
        "To look at it or draw it: ``x.detach().numpy()``. A single number: ``loss.item()``. To go on computing "
        "with it, stay with tensors."),
    Met("StateDictError", """
        saved = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)).state_dict()
        model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
        model.load_state_dict(saved)
    """,
        "The saved weights are those of another model: one with 128 hidden units, and this one has 64. The model "
        "was not changed.",
        "``got`` lists what does not fit, by name. *missing* and *unexpected* names mean that layers were added, "
        "removed or renamed: a ``Flatten`` in front makes ``1.weight`` of ``0.weight``.",
        "Build the model exactly as it was when its weights were saved. ``strict=False`` loads what fits by name, "
        "but never another shape."),
    Met("TrainingError", """
        x, y = np.ones((64, 4), np.float32), np.zeros(64, np.int64)
        x[3, 1] = np.nan
        tg.training.fit(nn.Linear(4, 2), (x, y), epochs=1, progress=False)
    """,
        "The loss is NaN, *not a number*, and each step after it would make all weights NaN, too. So ``fit`` "
        "stops. Here one of the inputs was NaN.",
        "``got`` says when it happened and whether the inputs are to blame. If they are not, run the step in "
        "``with tg.autograd.detect_anomaly():``; it names the operation. :doc:`/howto/nan` goes on from there.",
        "Leave such numbers out, scale inputs to about 0 to 1, lower the rate, or give ``clip_norm=1.0``."),
    Met("CaptureError", """
        @tg.compile
        def step(x):
            loss = (x * x).sum()
            print(loss.item())
            return loss

        step(tg.ones(3))
    """,
        "A compiled step is a list of operations that is run again and again. Python's own lines between them run "
        "once only: it would print the first loss for ever.",
        "The message has the line. ``float(...)`` is an ``item()``, too; of ``if`` with a tensor it says *a branch*.",
        "Return the tensor and print it outside: ``print(step(x).item())``. Choose by ``tg.where`` instead of "
        "``if``. Or do without ``tg.compile``: it changes the speed only."),
    Met("MissingDependencyError", """
        step = tg.compile(lambda x: 2 * x, backend="numba")
        step(tg.ones(3))
    """,
        "The package itself needs NumPy only. Some parts need more, and say so when they are used.",
        "The message names what is missing. ``python -m pip list`` shows what is installed, if ``python`` is the "
        "one that runs your program; in a notebook write ``%pip list``.",
        "Run the command behind ``try``, in the environment that runs the program, and start a notebook's kernel "
        "anew.",
        "numba"),
]  # fmt: skip


class Without(importlib.abc.MetaPathFinder):
    """Have a package be missing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        """Refuse it in Python's words."""
        if name.partition(".")[0] == self.name:
            raise ModuleNotFoundError(f"No module named {self.name!r}", name=self.name)


@contextmanager
def without(name: str) -> Iterator[None]:
    """Have a package be missing, even where it was imported already."""
    kept = {key: module for key, module in sys.modules.items() if name and key.partition(".")[0] == name}
    finder = Without(name)
    sys.meta_path.insert(0, finder)
    for key in kept:
        del sys.modules[key]
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        sys.modules.update(kept)


def error(met: Met) -> tg.TinygradError:
    """Run a program, and give the error that it ends with."""
    names: dict[str, object] = {"__name__": "__main__"}
    exec(START, names)
    code = compile(textwrap.dedent(met.code).strip() + "\n", "train.py", "exec")
    try:
        with without(met.missing):
            exec(code, names)
    except tg.TinygradError as raised:
        return raised
    raise AssertionError(f"no error: {met.code}")


def lines(link: str = "error-{}") -> list[str]:
    """Write the section: title, program, message, and what to do."""
    title = "The errors that beginners meet"
    found = [
        title, "-" * len(title), "", "Each program below was run when this page was made, after the imports here; what "
        "it says stands below it. Your numbers will be others: when you search this site, leave them out.", "",
        ".. code-block:: python", "", *(f"   {line}" for line in START.strip().splitlines()), "",
    ]  # fmt: skip
    for met in MET:
        raised = error(met)
        heading = docstrings.escaped(raised.problem)
        found += [heading, "~" * len(heading), "", ".. code-block:: python", ""]
        found += [*textwrap.indent(textwrap.dedent(met.code).strip(), "   ").splitlines(), ""]
        found += [".. code-block:: text", "", *textwrap.indent(f"{met.kind}: {raised}", "   ").splitlines(), ""]
        said = [("What happened.", met.happened), ("How to see it.", met.see), ("How to mend it.", met.mend)]
        found += [part for name, text in said for part in (f"**{name}** {text}", "")]
        found += [f"Its class is :ref:`{met.kind} <{link.format(met.kind.lower())}>`.", ""]
    return found
