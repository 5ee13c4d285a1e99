"""`play`: a page that steps through backpropagation, of a small formula or of a network on images of digits.

The page is viz.player's. Read after draw.py.
"""

from __future__ import annotations

import argparse
import sys
import webbrowser

from .. import viz
from ..core.backend import manual_seed
from ..data import open_dataset
from ..tensors.creation import tensor
from ..tensors.tensor import Tensor
from .draw import out_of, step_of

SCALAR = "scalar"


def formula() -> tuple[Tensor, dict[str, Tensor]]:
    """Compute (tanh(w x + b) - y)², as one neuron does."""
    names = {"x": tensor(0.5), "w": tensor(-1.5, requires_grad=True), "b": tensor(1.0, requires_grad=True)}
    names["y"] = tensor(0.8)
    names["out"] = (names["w"] * names["x"] + names["b"]).tanh()
    difference = names["out"] - names["y"]
    return difference * difference, names


def run(settings: argparse.Namespace) -> int:
    """Write the page."""
    path = out_of(settings, (".html",))
    if settings.what == SCALAR:
        loss, names = formula()
        title = "Backpropagation through one neuron"
    else:
        manual_seed(settings.seed)
        opened = open_dataset(settings.data, settings.data_dir)
        if opened.notice:
            print(opened.notice, file=sys.stderr)
        images, labels = opened.train[: settings.batch_size]
        loss, names, name = step_of(settings.what, images, labels)
        title = f"Backpropagation through {name}"
    viz.player(loss, path, names=names, title=title)
    print(f"wrote {path}")
    if settings.open:
        webbrowser.open(path.resolve().as_uri())
    return 0
