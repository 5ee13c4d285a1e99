"""What all frameworks start from, made once: first weights and batches of images or text, written for the workers.

The text is the documentation of Python that comes with it, what help() prints, in printable ASCII; it is cut into
contexts at random places. Look next at worker.py.
"""

from __future__ import annotations

import math
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

import tinygrad_mnist as tg

from .models import CHARACTERS, CONTEXT, MODELS
from .steps import CHAIN_WIDTH, SIDE, Data, Step

# Enough images that no batch is seen twice in the time a processor's cache remembers it, few enough to load at once.
IMAGES_AT_HAND = 6400


def first_weights(step: Step, seed: int = 0) -> list[np.ndarray]:
    """Draw weights and biases from U(-1/√fan_in, 1/√fan_in), the start of PyTorch's layers and of ours.

    The newer models start as ours do.
    """
    if step.model:
        tg.manual_seed(seed)
        return [p.detach().numpy() for p in MODELS[step.model](tg).parameters()]
    generator = np.random.default_rng(seed)
    shapes: list[tuple[int, ...]] = [
        (wide, narrow, 3, 3) for narrow, wide in zip((1, *step.channels), step.channels, strict=False)
    ]
    shapes += [(wide, narrow) for narrow, wide in zip(step.widths, step.widths[1:], strict=False)]
    weights = []
    for shape in shapes:
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        for part in (shape, shape[:1]):
            weights.append(generator.uniform(-bound, bound, part).astype(np.float32))
    return weights


def characters() -> np.ndarray:
    """Give the text as places in CHARACTERS; what is not among them is left out."""
    places = {c: i for i, c in enumerate(CHARACTERS)}
    return np.array([places[c] for name in sorted(topics) for c in topics[name] if c in places])


def batches(step: Step, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Cut the first images into batches; a set too small for that is gone through again."""
    count = max(4, IMAGES_AT_HAND // step.batch)
    if step.chain:  # where the depth is measured the numbers do not matter, only that there are some
        values = np.random.default_rng(1).normal(size=(4, step.batch, CHAIN_WIDTH)).astype(np.float32)
        return values, np.zeros((4, step.batch), np.int64)
    if step.model == "gpt":
        text = characters()
        starts = np.random.default_rng(1).integers(0, len(text) - CONTEXT, (count, step.batch, 1))
        contexts = text[starts + np.arange(CONTEXT + 1)]
        return contexts[..., :-1].copy(), contexts[..., 1:].copy()
    chosen = np.arange(count * step.batch) % len(data.images)
    images = data.images[chosen].astype(np.float32) / np.float32(255)
    shape = (SIDE * SIDE,)
    if step.channels or step.model:
        shape = (SIDE, SIDE) if step.model == "gru" else (1, SIDE, SIDE)
    return images.reshape(count, step.batch, *shape), data.labels[chosen].reshape(count, step.batch).astype(np.int64)


def save_material(path: Path, step: Step, data: Data) -> None:
    images, labels = batches(step, data)
    weights = {f"weight{i}": w for i, w in enumerate(first_weights(step))}
    np.savez(path, images=images, labels=labels, **weights)
