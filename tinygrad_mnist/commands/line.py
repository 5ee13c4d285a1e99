"""The command line: which commands there are, their options, and what becomes of errors.

A command's work is a function `run(settings)` in the file of its name, which is loaded when it is called and gives the
exit status. A mistake that the package explains, and Ctrl-C, end without a traceback. Look next at train.py.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from ..core.errors import TinygradError, reason
from ..data.choose import NAMES

PACKAGE = __package__.partition(".")[0]
PROGRAM = f"python -m {PACKAGE}"
INTERRUPTED = 130  # as a shell says it of Ctrl-C
ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu")
EPOCHS = {"mlp": 10, "cnn": 4}
MODELS = (*EPOCHS,)
OWNED = ("hidden", "model", "mlp"), ("activation", "model", "mlp"), ("momentum", "optimizer", "sgd")  # options


def whole(least: int) -> Any:
    """Make a reader of whole numbers that are not less than the least."""

    def read(text: str) -> int:
        if (number := int(text)) < least:
            raise argparse.ArgumentTypeError(f"{number} is less than {least}")
        return number

    read.__name__ = "whole number"
    return read


def positive(text: str) -> float:
    """Read a number above 0."""
    if not 0 < (number := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return number


def sizes(text: str) -> list[int]:
    """Read sizes of layers: 128, or 300,100."""
    try:
        return [whole(1)(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers, such as 300,100") from None


def momentum(text: str) -> float:
    """Read a number from 0 to below 1."""
    if not 0 <= (number := float(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def percent(text: str) -> float:
    """Read a share in percent."""
    if not 1 < (number := float(text)) <= 100:
        raise argparse.ArgumentTypeError(f"{text}: in percent, such as 98")
    return number


def levels(text: str) -> int | None:
    """Read a number of levels, or "all"."""
    if text != "all" and not text.lstrip("-").isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor all")
    return None if text == "all" else int(whole(0)(text))


def parser() -> argparse.ArgumentParser:
    """Describe all commands."""
    top = argparse.ArgumentParser(prog=PROGRAM, description="Train networks on MNIST, and look at what they compute.")
    version: str = importlib.import_module(PACKAGE).__version__
    top.add_argument("--version", action="version", version=f"{PACKAGE} {version}")
    commands = top.add_subparsers(dest="command", required=True)

    def command(name: str, text: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"Example: {PROGRAM} {example}",
        )  # fmt: skip

    train = command("train", "train a network on MNIST, test it and save it", "train cnn --target 99")
    training(train, EPOCHS)
    train.add_argument("--target", type=percent, help="test accuracy in percent below which the status is 1")
    train.add_argument("--out", help="file for the model (default: runs/MODEL.npz; runs/MODEL_digits.npz of digits)")

    doctor = command("doctor", "train, and have the doctor say what is wrong", "doctor --optimizer sgd --lr 30")
    training(doctor, dict.fromkeys(MODELS, 2))
    doctor.add_argument("--scale", type=positive, default=1.0, help="multiply the pixels, from 0 to 1, by this")
    doctor.add_argument("--shuffle-labels", action="store_true", help="give the images wrong labels")
    doctor.add_argument("--off", action="append", default=[], metavar="SYMPTOM", help="not to look for; repeatable")

    draw = command("draw", "draw the graph of a training step", "draw mlp --out mlp.svg")
    what(draw, None)
    draw.add_argument("--batch-size", type=whole(1), default=64, help="images in the step (default: 64)")
    draw.add_argument("--depth", type=levels, default=argparse.SUPPRESS, 
                      help="levels of modules to open, or all (default: what a page has room for)")  # fmt: skip
    draw.add_argument("--direction", choices=("TB", "LR"), default="TB", help="down, or to the right")

    play = command("play", "write a page that steps through backpropagation", "play mlp --open")
    what(play, "backprop.html", "scalar")
    play.add_argument("--batch-size", type=whole(1), default=4, help="images in the step (default: 4)")
    where(play)
    play.add_argument("--open", action="store_true", help="show the page in a browser")

    info = command("info", "say what is installed, where data is, and how many threads there are", "info")
    info.add_argument("--quick", action="store_true", help="do not try whether optional packages can be imported")
    return top


def what(command: argparse.ArgumentParser, out: str | None, *more: str) -> None:
    """Add what draw and play are asked for."""
    known = (*more, *MODELS)
    command.add_argument("what", nargs="?", default=known[0], metavar="WHAT",
                         help=f"{', '.join(known)}, or a file that `train` saved (default: {known[0]})")  # fmt: skip
    usual = out or "graph_WHAT.svg"
    command.add_argument("--out", default=out, help=f"the file, whose ending says what it is (default: {usual})")
    command.add_argument("--seed", type=whole(0), default=0, help="of all that is drawn at random (default: 0)")


def where(command: argparse.ArgumentParser) -> None:
    """Add where images come from."""
    command.add_argument("--data", choices=NAMES, default="auto",
                         help="a set; auto: MNIST, or else scikit-learn's digits (default: auto)")  # fmt: skip
    command.add_argument("--data-dir", help="folder of the files, asked before all other places")


def training(command: argparse.ArgumentParser, epochs: dict[str, int]) -> None:
    """Add the settings of a training."""
    add = command.add_argument
    known = " or ".join(MODELS)
    add("model", nargs="?", choices=MODELS, default="mlp", metavar="MODEL", help=f"{known} (default: mlp)")
    add("--hidden", type=sizes, metavar="SIZES", help="of the mlp's layers, as 300,100 (default: 128)")
    add("--activation", choices=ACTIVATIONS, help="of the mlp (default: relu)")
    counts = ", ".join(f"{name} {count}" for name, count in epochs.items())
    command.set_defaults(usual=epochs)
    add("--epochs", type=whole(1), help=f"times that every image is seen (default: {counts})")
    add("--batch-size", type=whole(1), default=64, help="images in a step (default: 64)")
    add("--optimizer", choices=("adam", "sgd"), default="adam", help="what changes the weights (default: adam)")
    add("--lr", type=positive, help="highest learning rate of the one-cycle schedule (default: 0.003, of sgd 0.1)")
    add("--momentum", type=momentum, help="of sgd (default: 0.9)")
    add("--seed", type=whole(0), default=0, help="of all that is drawn at random (default: 0)")
    where(command)
    add("--images", type=whole(24), help="train on the first so many only, for a quick look")
    add("--compile", nargs="?", const="numpy", choices=("numpy", "numba"), help="replay the step by this backend")
    add("--quiet", action="store_true", help="show no progress")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; give the exit status: 0, 1 for failures, 2 for wrong usage, 130 for Ctrl-C."""
    top = parser()
    settings = top.parse_args(arguments)
    for option, by, only in OWNED:
        if getattr(settings, option, None) is not None and getattr(settings, by) != only:
            top.error(f"--{option} is for {only} alone: it would change nothing for {getattr(settings, by)}")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
            status: int = importlib.import_module(f".{settings.command}", __package__).run(settings)
            sys.stdout.flush()
            return status
    except TinygradError as error:
        return failed(settings.command, f"{type(error).__name__}: {error}")
    except BrokenPipeError:  # who reads has had enough, as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (OSError, MemoryError) as error:
        return failed(settings.command, reason(error))
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED


def failed(command: str, text: str) -> int:
    """Say in one message why a command failed."""
    print(f"{PROGRAM} {command}: {text}", file=sys.stderr)
    return 1
