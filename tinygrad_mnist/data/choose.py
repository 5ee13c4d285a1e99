"""Choose the data an example runs on: MNIST where it can be had, else the embedded digits, and never in silence.

Nothing is printed here: the notice is returned, for the example to print at its start and at its end.
Knows nothing of how either is found. Look next at mnist.py and digits.py.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from ..core.errors import ArgumentError, DataError, MissingDependencyError
from .digits import Digits
from .image_set import ImageSet
from .mnist import MNIST
from .sources import DATA_VARIABLE, Network, Progress

# Seconds for each of three mirrors to begin an answer: without a network an example starts within some ten seconds.
AUTO_PATIENCE = 4.0


class Opened(NamedTuple):
    """Both splits of a data set, and what has to be said if they are not MNIST."""

    train: ImageSet
    test: ImageSet
    notice: str | None


def open_dataset(
    name: str = "auto", path: str | os.PathLike[str] | None = None, progress: Progress | None = None
) -> Opened:
    """Open the training and test split of MNIST or of its stand-in, both with images of 28x28.

    Args:
        name: "mnist" insists on MNIST; "digits" takes scikit-learn's 8x8 digits, enlarged; "auto" tries MNIST for some
            ten seconds, then takes the digits
        path: as in MNIST, not used by "digits"
    Raises:
        DataError: if MNIST is insisted on, or nothing at all, can be had
        MissingDependencyError: for "digits" without scikit-learn
        ArgumentError: for another name
    """
    if name == "mnist":
        return _open_mnist(path, progress, None)
    if name == "digits":
        return _open_digits("because name='digits' was asked for.")
    if name != "auto":
        raise ArgumentError("open_dataset: no such data set.", got=f"name={name!r}", expected="auto, mnist or digits")
    try:
        return _open_mnist(path, progress, Network(patience=AUTO_PATIENCE))
    except DataError as error:
        tried = "".join(f"\n!!     {line.strip()}" for line in error.got.splitlines())
        try:
            return _open_digits(f"because MNIST could not be had:{tried}")
        except MissingDependencyError:
            hint = f"{error.hint}\n{' ' * 12}or, for a stand-in that needs no files: pip install scikit-learn"
            raise DataError(error.problem, got=error.got, expected=error.expected, hint=hint) from error


def _open_mnist(path: str | os.PathLike[str] | None, progress: Progress | None, network: Network | None) -> Opened:
    train, test = (MNIST(path, train=part, progress=progress, network=network) for part in (True, False))
    if train.canonical != test.canonical:
        got, hint = f"train: {train.source}; test: {test.source}", "complete the files in the folder that path= names"
        raise DataError("open_dataset: the training and the test files are not of one set.", got=got, hint=hint)
    return Opened(train, test, None)


def _open_digits(why: str) -> Opened:
    rule = "!" * 78
    notice = f"""{rule}
!! THIS IS NOT MNIST. It is scikit-learn's set of 1,797 digits of 8x8 pixels,
!! enlarged to 28x28, {why}
!! An accuracy on it says nothing about MNIST.
!! To get MNIST, connect to the internet and insist on it (--data mnist), or put
!! its four files into a folder and set {DATA_VARIABLE} to that folder.
{rule}"""
    return Opened(Digits(train=True, size=28), Digits(train=False, size=28), notice)
