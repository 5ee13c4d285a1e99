"""What the MNIST files are: names, sizes, hashes, and where they are published.

Content is recognised by the sha256 of its decompressed IDX bytes: that survives another gzip and covers an npz too.
Knows nothing of folders or the network. Look next at folders.py (reading them) and sources.py (where they are sought).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://yann.lecun.com/exdb/mnist/",
)


class CanonicalFile(NamedTuple):
    """One published file: the .gz as it is served, and the IDX bytes inside."""

    name: str
    kind: str  # "images" or "labels"
    gz_bytes: int
    gz_md5: str
    gz_sha256: str
    raw_bytes: int
    raw_sha256: str


class Catalogue(NamedTuple):
    """The files of a data set by split, and the md5 of .gz files of other sets that go by the same names."""

    train: tuple[CanonicalFile, CanonicalFile]  # images, labels
    test: tuple[CanonicalFile, CanonicalFile]
    look_alikes: Mapping[str, str]

    def split(self, train: bool) -> tuple[CanonicalFile, CanonicalFile]:
        """Give the two files, images and labels, of a split."""
        return self.train if train else self.test


def matches(data: bytes | bytearray, file: CanonicalFile) -> bool:
    """Tell whether decompressed bytes are the canonical ones; a wrong length settles it without hashing 47 MB.

    Of files whose raw_sha256 is "" only the .gz is known: `sources.verified` compares that as it arrives.
    """
    return len(data) == file.raw_bytes and hashlib.sha256(data).hexdigest() == file.raw_sha256


# Measured on the files themselves; the md5 are also those of torchvision 0.29.2 (torchvision/datasets/mnist.py).
MNIST_FILES = Catalogue(
    train=(
        CanonicalFile(
            "train-images-idx3-ubyte", "images", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        CanonicalFile(
            "train-labels-idx1-ubyte", "labels", 28_881, "d53e105ee54ea40749a09fcbcd1e9432",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
    ),
    test=(
        CanonicalFile(
            "t10k-images-idx3-ubyte", "images", 1_648_877, "9fb629c4189551a2d022fa330f9573f3",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        CanonicalFile(
            "t10k-labels-idx1-ubyte", "labels", 4_542, "ec29112dd5afa0611ce80d1b7f02629c",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    look_alikes={
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d": "Fashion-MNIST",
        "25c81989df183df01b3e8a0aad5dffbe": "Fashion-MNIST",
        "bef4ecab320f06d8554ea6380940ec79": "Fashion-MNIST",
        "bb300cfdad3c16e7a12a480ee83cd310": "Fashion-MNIST",
        "bdb82020997e1d708af4cf47b453dcf7": "KMNIST",
        "e144d726b3acfaa3e44228e80efcd344": "KMNIST",
        "5c965bf0a639b31b8f53240b1b52f4d7": "KMNIST",
        "7320c461ea6c1c855c0b718fb2a4b134": "KMNIST",
    },
)
