"""MNIST as OpenML has it and scikit-learn's fetch_openml("mnist_784") keeps it: one gzipped table of decimal numbers.

Every row is the 784 pixels of an image and its label, the training images first, then the test images. Reading 55
million decimal numbers takes seconds, so sources.py asks here late and keeps what it gets in the own cache.
Only reads. Look next at sources.py.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np

from ..core.errors import DataError
from .canonical import Catalogue
from .folders import DECOMPRESSED_LIMIT, Reading, recognised
from .idx import Bytes, gunzip

OTHER = re.compile(rb"[^0-9,]|,,|\A,|,\Z|[0-9]{4}")  # than a list of whole numbers up to 999
FILE_ID = "52667"  # of the data file of mnist_784, version 1


def scikit_learn_home() -> Path:
    """Name the folder in which scikit-learn keeps what it downloaded: $SCIKIT_LEARN_DATA, else ~/scikit_learn_data."""
    return Path(os.environ.get("SCIKIT_LEARN_DATA") or "~/scikit_learn_data").expanduser()


def copies(home: Path) -> list[Path]:
    """List scikit-learn's copies of mnist_784."""
    tables = sorted((home / "openml.org").rglob("*.gz"))
    return [p for p in tables if FILE_ID in p.parts or p.name.startswith(f"{FILE_ID}.")]


def read_openml(home: Path, catalogue: Catalogue, train: bool) -> Reading:
    """Read one split from scikit-learn's copy of mnist_784; a DataError if that is none, or not MNIST."""
    tables = copies(home)
    if not tables:
        raise DataError(f"{home / 'openml.org'} holds no copy of mnist_784.")
    table, count = read_table(tables[0]), catalogue.train[1].raw_bytes - 8  # a file of labels has a head of 8 bytes
    rows = table[:count] if train else table[count:]
    side = math.isqrt(rows.shape[1] - 1)
    if side * side != rows.shape[1] - 1:
        raise DataError("mnist_784: the pixels of a row make no square.", got=f"{rows.shape[1] - 1} pixels")
    arrays = np.ascontiguousarray(rows[:, :-1]).reshape(-1, side, side), np.ascontiguousarray(rows[:, -1])
    return recognised(arrays, tables[0], catalogue, train, accept_other=False)


def read_table(path: Path) -> Bytes:
    """Read the numbers of a gzipped ARFF file, whole ones from 0 to 255: (rows, columns) of uint8."""
    try:
        text = gunzip(path.read_bytes(), str(path), DECOMPRESSED_LIMIT)
    except OSError as error:
        raise DataError(f"{path} cannot be read.", got=error.strerror or str(error)) from error
    head, mark, body = text.partition(b"\n@DATA")
    if not mark:
        head, mark, body = text.partition(b"\n@data")
    columns = head.upper().count(b"\n@ATTRIBUTE")
    body = body.strip().replace(b"'", b"").replace(b"\r", b"").replace(b"\n", b",").replace(b" ", b"")
    if OTHER.search(body):  # which np.fromstring would only warn of, or wrap around
        raise DataError(f"{path} holds something other than numbers.")
    try:
        numbers = np.fromstring(body.decode("ascii"), dtype=np.int16, sep=",")
    except (ValueError, OverflowError, MemoryError) as error:
        raise DataError(f"{path} holds something other than numbers.", got=str(error)) from error
    if columns < 2 or not numbers.size or numbers.size % columns or numbers.min() < 0 or numbers.max() > 255:
        got, wanted = f"{numbers.size} numbers in {columns} columns", "rows of pixels from 0 to 255 and a label"
        raise DataError(f"{path} is no table of pixels and labels.", got=got, expected=wanted)
    return numbers.astype(np.uint8).reshape(-1, columns)
