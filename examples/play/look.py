"""What a trained network makes of a drawing: every layer's values, ten probabilities, and a gradient on the pixels.

A drawing becomes an image as MNIST's were made; the gradient of one class's logit says which pixels, if brighter, would
speak for that class and which against it. Knows nothing of pages. Look next at learn.py.
"""

from __future__ import annotations

import math
import threading
from contextlib import ExitStack
from functools import partial

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.viz.page import floats

from .server import Refusal

SIDE = 112  # of a drawing: four times MNIST's, so that its edges are as soft
SILENT = (nn.Flatten, nn.Dropout)  # which change nothing that could be seen here


def overlaps(start, scale, length):
    """Give how much of each of 28 pixels in a row is covered by each of `length` that are drawn at a scale.

    Shapes:  -> (28, length); number j lies from (j - start) · scale to (j + 1 - start) · scale
    """
    edges = (np.arange(length + 1) - start) * scale
    pixels = np.arange(28)[:, None]
    return np.clip(np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels), 0, None)


def as_mnist(drawing, box=20):
    """Bring a drawing to MNIST's form: its longer side 20 pixels of 28, its centre of mass in the middle.

    Grey levels come from averaging areas, so that edges are soft. Shifts are whole pixels.

    Shapes:  (S, S) -> float32 (28, 28)
    Units:   [0, 1]
    Args:    box: 28 for scikit-learn's digits, which fill their images
    Source:  LeCun et al. 1998, section III.A. In all of the first 2,000 test images the longer side is 20, and the
             centre of mass, pixel i lying from i to i + 1, in [14, 15): shifts were rounded up.
    """
    rows, columns = (np.flatnonzero(drawing.any(axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((28, 28), np.float32)
    scale = box / (max(np.ptp(rows), np.ptp(columns)) + 1)
    made = overlaps(rows[0], scale, len(drawing)) @ drawing @ overlaps(columns[0], scale, len(drawing)).T
    for axis, inked in ((0, rows), (1, columns)):
        centre = made.sum(1 - axis) @ (np.arange(28) + 0.5) / made.sum()
        room = 28 - math.ceil((np.ptp(inked) + 1) * scale - 1e-9)
        made = np.roll(made, min(max(math.ceil(14 - centre - 1e-9), 0), room), axis)
    return made.astype(np.float32)


def as_drawn(drawing):
    """Shrink a drawing where it is: the mean of each square."""
    step = overlaps(0, 28 / len(drawing), len(drawing))
    return (step @ drawing @ step.T).astype(np.float32)


def note_output(seen, name, module, inputs, output):
    """Keep what a module gives for the first image, as a forward hook."""
    seen[name] = output.array[0]


class Look:
    """Look into a trained network that takes images (N, 1, 28, 28) and gives logits (N, 10).

    Args:    box: how large its training images' digits are, see as_mnist
    """

    def __init__(self, model, box=20):
        self.model, self.box, self.lock = model, box, threading.Lock()
        self.watched = {
            name: module for name, module in model.named_modules()
            if next(module.children(), None) is None and not isinstance(module, SILENT)
        }  # fmt: skip
        _, seen = self.run(np.zeros((28, 28), np.float32), list(self.watched))
        self.layers = [
            {"name": name, "kind": type(self.watched[name]).__name__, "shape": seen[name].shape} for name in seen
        ]  # fmt: skip

    def run(self, image, layers):
        """Give the logits with their history back to the pixels, and the values of these layers."""
        seen = {}
        self.model.eval()
        x = tg.tensor(image[None, None], requires_grad=True)
        with ExitStack() as hooks:
            for name in layers:
                note = partial(note_output, seen, name)
                hooks.enter_context(self.watched[name].register_forward_hook(note))
            return (x, self.model(x)[0]), seen

    def __call__(self, image, target=None, layers=()):
        """Give what the network computes for an image float32 (28, 28); target: a class, None for the likeliest."""
        with self.lock:  # hooks are the model's, not the call's
            (x, logits), seen = self.run(image, layers)
        target = int(logits.array.argmax()) if target is None else target
        (gradient,) = tg.autograd.grad(logits[target], x)
        return {
            "input": floats(image), "logits": logits.array, "probabilities": logits.detach().softmax(-1).array,
            "target": target, "gradient": floats(gradient.array[0, 0]),
            "layers": {name: floats(values) for name, values in seen.items()},
        }  # fmt: skip

    def post(self, asked):
        """Answer the page: pixels (112 · 112 whole numbers to 255), centre (as MNIST?), target, names of layers."""
        pixels, centre = asked.get("pixels"), asked.get("centre", True)
        target, layers = asked.get("target"), asked.get("layers", [])
        whole = isinstance(pixels, list) and len(pixels) == SIDE * SIDE and set(map(type, pixels)) == {int}
        if not whole or min(pixels) < 0 or max(pixels) > 255:
            raise Refusal(400, f"pixels must be {SIDE * SIDE:,} whole numbers from 0 to 255")
        if target is not None and (type(target) is not int or not 0 <= target <= 9):
            raise Refusal(400, "target must be a class, 0 to 9, or null")
        names = {layer["name"] for layer in self.layers}
        if not isinstance(layers, list) or not all(isinstance(name, str) and name in names for name in layers):
            raise Refusal(400, "layers must be a list of names of layers")
        if type(centre) is not bool:
            raise Refusal(400, "centre must be true or false")
        drawing = np.array(pixels, np.float64).reshape(SIDE, SIDE) / 255
        return self(as_mnist(drawing, self.box) if centre else as_drawn(drawing), target, layers)
