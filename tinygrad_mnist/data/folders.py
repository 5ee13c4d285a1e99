"""Read one split of MNIST from a folder or an npz archive that belongs to somebody else: nothing is ever written here.

A folder may hold IDX files, plain or gzipped, under either spelling (train-images-idx3-ubyte, train-images.idx3-ubyte),
or Keras's mnist.npz; torchvision's sub-folders MNIST/raw and raw are looked into as well. The bytes decide what a file
is, not its suffix: browsers like to unpack a .gz and keep its name.
Knows nothing of the order of sources, the cache or the network. Look next at cache.py and sources.py.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.archive import Archive, read_arrays
from ..core.errors import DataError
from .canonical import CanonicalFile, Catalogue, matches
from .idx import GZIP, Buffer, Bytes, describe, format_idx, gunzip, parse_idx

NPZ_NAME = "mnist.npz"
SUB_FOLDERS = ("", "MNIST/raw", "raw")
# EMNIST's largest file, which shares the format, is 547 MB; anything beyond a GiB is no digit file.
DECOMPRESSED_LIMIT = 1 << 30
UNKNOWN = "not the canonical MNIST"


class Content(NamedTuple):
    """One well-formed file: its array, and what it is, "MNIST" of the canonical one."""

    array: Bytes
    identity: str  # "MNIST", the name of a known look-alike, or UNKNOWN


class Reading(NamedTuple):
    """One split as it was read: images (N, 28, 28), labels (N,)."""

    images: Bytes
    labels: Bytes
    place: str  # the folder or the archive
    identity: str

    @property
    def canonical(self) -> bool:
        """Whether it is MNIST itself."""
        return self.identity == "MNIST"


def read_split(place: Path, catalogue: Catalogue, train: bool, accept_other: bool = False) -> Reading:
    """Read the images and labels of one split.

    Args:
        place: a folder or an .npz file
        accept_other: take well-formed files that are not the canonical MNIST (Fashion-MNIST and KMNIST use the same
            four names). A folder in which one file of the pair is canonical and the other is not holds a damaged MNIST,
            and is refused all the same.
    Raises:
        DataError: with everything that was found wrong
    """
    if os.path.isfile(place):
        if place.suffix != ".npz":
            raise DataError(f"{place} is a file.", expected="the folder of the IDX files, or an .npz file")
        return read_npz(place, catalogue, train, accept_other)
    if not os.path.isdir(place):
        raise DataError(f"{place}: no such file or folder.")
    if not os.access(place, os.R_OK | os.X_OK):
        raise DataError(f"{place}: no permission to read it.")
    faults: list[str] = []
    for folder in (place / sub_folder for sub_folder in SUB_FOLDERS):
        found = [(file, candidates(folder, file)) for file in catalogue.split(train)]
        absent = [f"{file.name} is missing from {folder}" for file, paths in found if not paths]
        try:
            if not absent:
                images, labels = (_best(paths, file, catalogue.look_alikes) for file, paths in found)
                return _checked(images, labels, folder, accept_other)
        except DataError as error:
            faults.append(one_line(error))
        if len(absent) == 1:
            faults.append(absent[0])
        if os.path.isfile(folder / NPZ_NAME):
            try:
                return read_npz(folder / NPZ_NAME, catalogue, train, accept_other)
            except DataError as error:
                faults.append(one_line(error))
    if not faults:
        faults.append(f"{place} holds neither {catalogue.split(train)[0].name}(.gz) nor {NPZ_NAME}.")
    raise DataError("; ".join(faults))


def candidates(folder: Path, file: CanonicalFile) -> list[Path]:
    """List the existing files of a folder that could be a given MNIST file."""
    stem, _, ending = file.name.rpartition("-idx")
    names = (file.name, f"{stem}.idx{ending}")
    paths = (folder / f"{name}{suffix}" for name in names for suffix in ("", ".gz"))
    return [path for path in paths if os.path.isfile(path)]


def _read_content(data: Buffer, file: CanonicalFile, name: str, look_alikes: Mapping[str, str]) -> Content:
    """Read IDX bytes, plain or gzipped, and say what they are."""
    raw, alias = data, ""
    if data[:2] == GZIP:
        raw = gunzip(data, name, DECOMPRESSED_LIMIT)
        alias = look_alikes.get(hashlib.md5(data, usedforsecurity=False).hexdigest(), "")
    array = parse_idx(raw, file.kind, name)
    return Content(array, "MNIST" if matches(raw, file) else alias or UNKNOWN)


def read_npz(path: Path, catalogue: Catalogue, train: bool, accept_other: bool) -> Reading:
    """Read one split of an npz archive with Keras's names: x_train, y_train, x_test, y_test.

    Raises:
        DataError: if it is damaged, lacks an array, or holds Python objects (which only pickle could load)
    """
    suffix = "train" if train else "test"
    arrays: list[Bytes] = []
    try:
        with open(path, "rb") as stream:
            head = stream.read(512)
            if head[:4] != b"PK\x03\x04":
                raise DataError(f"{path} is not an npz archive.", got=describe(head))
            stream.seek(0)
            keys = f"x_{suffix}", f"y_{suffix}"
            found = read_arrays(stream, keys)
            for key in keys:
                if key not in found:
                    with Archive(stream) as archive:
                        there = ", ".join(sorted(n.removesuffix(".npy") for n in archive.namelist()))
                    raise DataError(f"{path} has no array {key}.", got=there)
                arrays.append(_as_bytes(found[key], 3 if key[0] == "x" else 1, f"{path}: {key}"))
    except DataError:
        raise
    except Exception as error:  # a damaged archive fails in as many ways as zip, deflate and npy have between them
        raise DataError(f"{path} cannot be read.", got=f"{type(error).__name__}: {error}") from error
    return recognised(arrays, path, catalogue, train, accept_other)


def recognised(arrays: Sequence[Bytes], place: Path, catalogue: Catalogue, train: bool, accept_other: bool) -> Reading:
    """Check images and labels that were no IDX files."""
    files = catalogue.split(train)
    same = [matches(format_idx(array), file) for array, file in zip(arrays, files, strict=True)]
    images, labels = (Content(a, "MNIST" if s else UNKNOWN) for a, s in zip(arrays, same, strict=True))
    return _checked(images, labels, place, accept_other)


def one_line(error: DataError) -> str:
    """Give an error as one line, for a list of what was tried."""
    return error.problem.rstrip(".") + (f" ({error.got})" if error.got else "")


def _best(paths: list[Path], file: CanonicalFile, look_alikes: Mapping[str, str]) -> Content:
    """Read the canonical one of a file's candidates, else the first well-formed one."""
    well_formed: list[Content] = []
    faults: list[str] = []
    for path in paths:
        try:
            content = _read_content(path.read_bytes(), file, str(path), look_alikes)
        except DataError as error:
            faults.append(one_line(error))
        except OSError as error:
            faults.append(f"{path} cannot be read ({error.strerror})")
        else:
            if content.identity == "MNIST":
                return content
            well_formed.append(content)
    if not well_formed:
        raise DataError("; ".join(faults))
    return well_formed[0]


def _as_bytes(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], axes: int, name: str) -> Bytes:
    got = f"{array.dtype} {array.shape}"
    if array.ndim != axes or not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{name} has the wrong shape or dtype.", got=got, expected=f"integers, {axes} axes")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= 255:
        raise DataError(f"{name} has values outside 0..255.", got=got)
    return np.array(array, dtype=np.uint8, order="C")


def _checked(images: Content, labels: Content, place: Path, accept_other: bool) -> Reading:
    """Check that two files belong together and are what was asked for."""
    if (images.identity == "MNIST") != (labels.identity == "MNIST"):
        good, bad = ("images", "labels") if images.identity == "MNIST" else ("labels", "images")
        raise DataError(f"the {bad} in {place} are damaged.", got=f"canonical {good} beside other {bad}")
    identity = labels.identity if images.identity == UNKNOWN else images.identity
    if identity != "MNIST" and not accept_other:
        raise DataError(f"{place} holds files with MNIST's names and other content.", got=identity)
    shapes = images.array.shape, labels.array.shape
    if shapes[0][1:] != (28, 28) or shapes[0][:1] != shapes[1] or shapes[1] == (0,):
        got, wanted = f"images {shapes[0]}, labels {shapes[1]}", "images (N, 28, 28), labels (N,), N > 0"
        raise DataError(f"the images and labels in {place} do not fit together.", got=got, expected=wanted)
    largest = int(labels.array.max())
    if largest > 9:
        raise DataError(f"{place} has labels above 9.", got=f"a label {largest}", expected="ten classes")
    return Reading(images.array, labels.array, str(place), identity)
