"""The networks that commands train, by name, and the files that keep them.

A file is what `tg.save` writes: the settings that a network is built from, and its state dict. Read with train.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import nn
from ..core.errors import DataError, TinygradError
from ..tensors.saving import load, save
from .line import ACTIVATIONS, MODELS

SHAPE = (1, 28, 28)
KINDS = dict(zip(ACTIVATIONS, (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU), strict=True))


def build(name: str, hidden: list[int] | None = None, activation: str = "relu") -> nn.Sequential:
    """Make a network with new weights: an mlp of hidden layers of these sizes, or the cnn of examples/mnist_cnn.py."""
    if name == "cnn":
        return nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 5 * 5, 128), nn.ReLU(), nn.Dropout(0.4), nn.Linear(128, 10),
        )  # fmt: skip
    layers: list[nn.Module] = [nn.Flatten()]
    size = 28 * 28
    for width in hidden or [128]:
        layers += [nn.Linear(size, width), KINDS[activation]()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, 10))


def keep(path: Path, model: nn.Module, settings: dict[str, Any]) -> None:
    """Write a network to a file."""
    save({"network": settings, "state": model.state_dict()}, path)


def named(what: str) -> tuple[str, nn.Module]:
    """Give a network by its name, or from a file that `train`, or a program of examples/, saved; in evaluation mode."""
    if what in MODELS:
        return what, build(what).eval()
    if not Path(what).exists() and Path(what).suffix == "":
        wanted = f"{' or '.join(MODELS)}, or a file that `train` saved"
        raise DataError(f"there is no model {what!r}.", expected=wanted)
    found = load(what)
    try:
        if "network" in found:
            model = build(**found["network"])
            model.load_state_dict(found["state"])
        else:  # weights alone, of a program of examples/: those of a known network, in their order
            shapes = [tuple(x.shape) for x in found.values()]
            known = (build(name) for name in MODELS)
            model = next(m for m in known if [tuple(p.shape) for p in m.state_dict().values()] == shapes)
            model.load_state_dict(dict(zip(model.state_dict(), found.values(), strict=True)))
    except (TinygradError, StopIteration, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{what} holds no network that is known here.", expected="a file that `train` saved") from error
    return Path(what).stem, model.eval()
