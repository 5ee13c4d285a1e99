"""`draw`: the graph of one training step of a named or a saved network, as a file.

Knows no data: the images are random. play.py plays the same step, on digits; read it next.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.backend import manual_seed
from ..core.errors import ArgumentError, MissingDependencyError
from ..core.files import check_output
from ..functions.types import TensorLike
from ..nn.functional import cross_entropy
from ..tensors.creation import rand, randint, tensor
from ..tensors.tensor import Tensor
from ..viz import graph
from .models import SHAPE, named

ENDINGS = (".svg", ".png", ".pdf", ".html", ".dot", ".gv")


def out_of(settings: argparse.Namespace, endings: tuple[str, ...]) -> Path:
    """Read the name of the file that is asked for, and prove that it can be written."""
    path = Path(settings.out or f"graph_{Path(settings.what).stem}.svg")
    if path.suffix.lower() not in endings:
        what = f"{settings.command}: --out {path} has an ending that is not written here."
        raise ArgumentError(what, expected=f"a name that ends in {', '.join(endings)}")
    check_output(path, settings.command)
    return path


def step_of(what: str, images: TensorLike, targets: TensorLike) -> tuple[Tensor, dict[str, Tensor], str]:
    """Run a network forward on some images.

    Returns:
        the loss, the tensors that have names, and the name of the network
    """
    name, model = named(what)
    x, target = tensor(images), tensor(targets)
    logits = model.train()(x)
    loss = cross_entropy(logits, target)
    return loss, {"x": x, "target": target, "logits": logits, "loss": loss}, name


def run(settings: argparse.Namespace) -> int:
    """Draw, on random images."""
    path = out_of(settings, ENDINGS)
    manual_seed(settings.seed)
    count = settings.batch_size
    loss, names, _ = step_of(settings.what, rand(count, *SHAPE), randint(0, 10, (count,)))
    depth: dict[str, Any] = {"depth": settings.depth} if "depth" in settings else {}
    picture = graph(loss, names, gradients=True, direction=settings.direction, **depth)
    try:
        picture.save(path)
    except MissingDependencyError as error:  # the text, at least, can be written
        text = path.with_suffix(".dot")
        picture.save(text)
        print(f"wrote {text} instead of {path}")
        raise error
    print(f"wrote {path}")
    return 0
