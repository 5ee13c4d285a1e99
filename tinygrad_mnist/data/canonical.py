"""What the files of MNIST, Fashion-MNIST and KMNIST are: names, sizes, hashes, and where they are published.

MNIST is recognised by the sha256 of its decompressed IDX bytes: that survives another gzip and covers an npz too; the
others, whose files go by the same names, by that of the .gz as it arrives.
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
FORM = (  # name, kind, bytes after unpacking
    ("train-images-idx3-ubyte", "images", 47_040_016), ("train-labels-idx1-ubyte", "labels", 60_008),
    ("t10k-images-idx3-ubyte", "images", 7_840_016), ("t10k-labels-idx1-ubyte", "labels", 10_008),
)  # fmt: skip


class CanonicalFile(NamedTuple):
    """One published file: the .gz as it is served, and the IDX bytes inside, of which one sha256 is known."""

    name: str
    kind: str  # "images" or "labels"
    gz_bytes: int
    gz_md5: str
    raw_bytes: int
    raw_sha256: str
    gz_sha256: str = ""


class Catalogue(NamedTuple):
    """The files of a data set by split, and the md5 of .gz files of other sets that go by the same names."""

    train: tuple[CanonicalFile, CanonicalFile]  # images, labels
    test: tuple[CanonicalFile, CanonicalFile]
    look_alikes: Mapping[str, str]
    name: str = "MNIST"
    mirrors: tuple[str, ...] = MIRRORS
    classes: tuple[str, ...] = ()

    def split(self, train: bool) -> tuple[CanonicalFile, CanonicalFile]:
        """Give the two files, images and labels, of a split."""
        return self.train if train else self.test


def matches(data: bytes | bytearray, file: CanonicalFile) -> bool:
    """Tell whether decompressed bytes are the canonical ones; a wrong length settles it without hashing 47 MB."""
    return len(data) == file.raw_bytes and hashlib.sha256(data).hexdigest() == file.raw_sha256


def catalogue_of(name: str, mirrors: tuple[str, ...], classes: str, packed: str) -> Catalogue:
    """packed: size and md5 of the .gz files, and their sha256 or (MNIST) that of what is inside; a file a line."""
    files = []
    for form, (size, md5, sha256) in zip(FORM, map(str.split, packed.strip().splitlines()), strict=True):
        known = ("", sha256) if name != "MNIST" else (sha256, "")
        files.append(CanonicalFile(form[0], form[1], int(size), md5, form[2], *known))
    return Catalogue((files[0], files[1]), (files[2], files[3]), {}, name, mirrors, tuple(classes.split(", ")))


# Source: sizes and sha256 from TensorFlow Datasets' checksums, md5 from torchvision (torchvision/datasets/mnist.py)
FASHION_MNIST = catalogue_of(
    "FashionMNIST",
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
     "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"),
    "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot",
    """
    26421880 8d4fb7e6c68d591d4c3dfef9ec88bf0d 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
    29515 25c81989df183df01b3e8a0aad5dffbe a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
    4422102 bef4ecab320f06d8554ea6380940ec79 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
    5148 bb300cfdad3c16e7a12a480ee83cd310 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
    """,
)  # fmt: skip
KMNIST = catalogue_of(
    "KMNIST", ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",), "o, ki, su, tsu, na, ha, ma, ya, re, wo",
    """
    18165135 bdb82020997e1d708af4cf47b453dcf7 51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4
    29497 e144d726b3acfaa3e44228e80efcd344 e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17
    3041136 5c965bf0a639b31b8f53240b1b52f4d7 edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5
    5120 7320c461ea6c1c855c0b718fb2a4b134 20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c
    """,
)  # fmt: skip
# Measured on the files themselves
MNIST_FILES = catalogue_of(
    "MNIST", MIRRORS, "0 - zero, 1 - one, 2 - two, 3 - three, 4 - four, 5 - five, 6 - six, 7 - seven, 8 - eight, "
    "9 - nine",
    """
    9912422 f68b3c2dcbeaaa9fbdd348bbdeb94873 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
    28881 d53e105ee54ea40749a09fcbcd1e9432 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
    1648877 9fb629c4189551a2d022fa330f9573f3 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
    4542 ec29112dd5afa0611ce80d1b7f02629c ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
    """,
)._replace(
    look_alikes={f.gz_md5: other.name for other in (FASHION_MNIST, KMNIST) for f in (*other.train, *other.test)}
)  # fmt: skip
