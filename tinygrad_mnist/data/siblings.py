"""Fashion-MNIST and KMNIST: sets of MNIST's form and file names, each in folders of its own.

Sought where torchvision keeps them (<root>/<name>/raw), in the package's cache, and on the mirrors, whose .gz files are
known by their sha256. Look next at datasets/mnist.py, which makes data sets of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..core.errors import DataError
from ..core.locks import locked
from .cache import default_cache_folder, load_cached, remove_leftovers
from .canonical import CanonicalFile, Catalogue
from .folders import one_line, read_split
from .idx import Bytes
from .sources import LOCK_PATIENCE, OFFLINE_VARIABLE, Found, Mirrors, Network, cached_or_fetched, is_offline

FORM = (  # name, kind, bytes after unpacking
    ("train-images-idx3-ubyte", "images", 47_040_016), ("train-labels-idx1-ubyte", "labels", 60_008),
    ("t10k-images-idx3-ubyte", "images", 7_840_016), ("t10k-labels-idx1-ubyte", "labels", 10_008),
)  # fmt: skip


class Sibling(NamedTuple):
    """A set: its name and folder, its files, where they are published, and what its labels mean."""

    name: str
    catalogue: Catalogue
    mirrors: tuple[str, ...]
    classes: tuple[str, ...]


def _catalogue(packed: str) -> Catalogue:
    """packed: size, md5 and sha256 of the .gz files, one a line."""
    lines = packed.strip().splitlines()
    files = [
        CanonicalFile(name, kind, int(size), md5, sha256, raw_bytes, "")
        for (name, kind, raw_bytes), (size, md5, sha256) in zip(FORM, map(str.split, lines), strict=True)
    ]
    return Catalogue((files[0], files[1]), (files[2], files[3]), {})


# Source: sizes and sha256 of the .gz files from TensorFlow Datasets' checksums, md5 from torchvision 0.28
FASHION_MNIST = Sibling(
    "FashionMNIST",
    _catalogue("""
        26421880 8d4fb7e6c68d591d4c3dfef9ec88bf0d 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
        29515 25c81989df183df01b3e8a0aad5dffbe a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
        4422102 bef4ecab320f06d8554ea6380940ec79 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
        5148 bb300cfdad3c16e7a12a480ee83cd310 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
    """),
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)  # fmt: skip
KMNIST = Sibling(
    "KMNIST",
    _catalogue("""
        18165135 bdb82020997e1d708af4cf47b453dcf7 51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4
        29497 e144d726b3acfaa3e44228e80efcd344 e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17
        3041136 5c965bf0a639b31b8f53240b1b52f4d7 edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5
        5120 7320c461ea6c1c855c0b718fb2a4b134 20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c
    """),
    ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
)  # fmt: skip


def find_sibling(
    sibling: Sibling, root: str | os.PathLike[str], *, train: bool, download: bool, network: Network | None = None
) -> Found:
    """Find one split of a set.

    Raises:  DataError that lists every place and why it failed
    """
    folder, cache = Path(root).expanduser() / sibling.name / "raw", default_cache_folder() / sibling.name
    files, failures, warnings = sibling.catalogue.split(train), list[str](), list[str]()
    try:
        reading = read_split(folder, sibling.catalogue, train, accept_other=True)
        return Found(reading.images, reading.labels, f"{sibling.name}, read from {folder}", False, ())
    except DataError as error:
        failures.append(f"root: {one_line(error)}")
    try:
        images, labels = (load_cached(cache, file) for file in files)
        return Found(images, labels, f"{sibling.name}, read from {cache}", True, ())
    except DataError as error:
        failures.append(f"cache: {one_line(error)}")
    arrays: list[Bytes] = []
    if not download or is_offline():
        why = f"{OFFLINE_VARIABLE}={os.environ[OFFLINE_VARIABLE]}" if download else "download=False"
        failures.append(f"mirrors: not asked, {why}")
    else:
        mirrors = Mirrors(network or Network(sibling.mirrors), None, failures)
        with locked(cache, LOCK_PATIENCE * mirrors.network.patience):
            remove_leftovers(cache)
            for file in files:
                if (array := cached_or_fetched(cache, file, mirrors, warnings)) is None:
                    break
                arrays.append(array)
    if len(arrays) == 2:
        return Found(arrays[0], arrays[1], f"{sibling.name}, downloaded to {cache}", True, tuple(warnings))
    raise DataError(f"{sibling.name}: the {'training' if train else 'test'} files were found nowhere.",
                    got=("\n" + " " * 12).join(failures), expected=", ".join(f"{file.name}.gz" for file in files),
                    hint=f"download=True, or put these files into {folder}")  # fmt: skip
