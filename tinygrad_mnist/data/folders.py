"""Read one part of a data set from a folder or an archive: nothing is ever written here.

A folder may hold IDX files, plain or gzipped, under either spelling (train-images-idx3-ubyte, train-images.idx3-ubyte),
the zip in which they are published, or Keras's mnist.npz; torchvision's sub-folders are looked into as well. The bytes
decide what a file is, not its suffix: browsers like to unpack a .gz and keep its name.
Knows nothing of the order of sources, the cache or the network. Look next at sources.py.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ..core.archive import Archive, read_arrays
from ..core.errors import DataError
from .catalogue import UNKNOWN, Catalogue, File
from .idx import GZIP, Buffer, Bytes, describe, format_idx, gunzip, parse_idx

# EMNIST's largest file is 547 MB; anything beyond a GiB is no set of digits
LIMIT = 1 << 30


class Reading(NamedTuple):
    """One part as it was read: images (N, 28, 28), labels (N,)."""

    images: Bytes
    labels: Bytes
    place: str  # the folder or the archive
    identity: str  # the name of a data set, or UNKNOWN


def read_split(place: Path, catalogue: Catalogue, train: bool, accept: Sequence[str] | None = None) -> Reading:
    """Read the images and labels of one part.

    Args:
        place: a folder or an .npz file
        accept: the identities to take beside the set's own; None takes any well-formed files, but for a folder in which
            one file of the pair is the published one and the other is not: that is damaged
    Raises:
        DataError: with everything that was found wrong
    """
    if os.path.isfile(place):
        if place.suffix != ".npz":
            raise DataError(f"{place} is a file.", expected="the folder of the IDX files, or an .npz file")
        return _checked(read_npz(place, catalogue, train), catalogue, accept)
    if not os.path.isdir(place):
        raise DataError(f"{place}: no such file or folder.")
    if not os.access(place, os.R_OK | os.X_OK):
        raise DataError(f"{place}: no permission to read it.")
    faults: list[str] = []
    for folder in (place, place / catalogue.name / "raw", place / "raw"):
        for reader in (_read_files, _read_zip, _read_keras):
            try:
                if (reading := reader(folder, catalogue, train)) is not None:
                    return _checked(reading, catalogue, accept)
            except DataError as error:
                faults.append(one_line(error))
    names = (catalogue.files[0 if train else 2].name, catalogue.archive and catalogue.archive.name, catalogue.keras)
    raise DataError("; ".join(faults) or f"{place} holds no {' or '.join(name for name in names if name)}.")


def candidates(folder: Path, file: File) -> list[Path]:
    """List the existing files of a folder that could be a published one."""
    stem, _, ending = file.raw_name.rpartition("-idx")
    paths = (folder / f"{name}{suffix}" for name in (file.raw_name, f"{stem}.idx{ending}") for suffix in ("", ".gz"))
    return [path for path in paths if os.path.isfile(path)]


def holds(folder: Path, catalogue: Catalogue, train: bool) -> bool:
    """Tell whether a folder has anything of what is published."""
    archive = catalogue.archive is not None and os.path.isfile(folder / catalogue.archive.name)
    return archive or any(candidates(folder, file) for _, file in catalogue.of(train))


def unpacked(data: Buffer, kind: str, name: str, limit: int = LIMIT) -> tuple[Bytes, Buffer]:
    """Read IDX bytes, plain or gzipped: the array, and the bytes it was read from."""
    raw = gunzip(data, name, limit) if data[:2] == GZIP else data
    return parse_idx(raw, kind, name), raw


def one_line(error: DataError) -> str:
    """Give an error as one line, for a list of what was tried."""
    return error.problem.rstrip(".") + (f" ({error.got})" if error.got else "")


def _read_files(folder: Path, catalogue: Catalogue, train: bool) -> Reading | None:
    """Read a pair of IDX files."""
    found = [(kind, file, candidates(folder, file)) for kind, file in catalogue.of(train)]
    absent = [f"{file.raw_name} is missing from {folder}" for _, file, paths in found if not paths]
    if len(absent) == 1:
        raise DataError(absent[0])
    if absent:
        return None
    (images, one), (labels, two) = (_best(paths, kind, file, catalogue) for kind, file, paths in found)
    return _pair(images, labels, str(folder), one, two, catalogue)


def _best(paths: list[Path], kind: str, file: File, catalogue: Catalogue) -> tuple[Bytes, str]:
    """Read the published one of a file's candidates, else the first well-formed one, and say what it is."""
    well_formed: list[tuple[Bytes, str]] = []
    faults: list[str] = []
    for path in paths:
        try:
            data = path.read_bytes()
            array, raw = unpacked(data, kind, str(path))
        except DataError as error:
            faults.append(one_line(error))
        except OSError as error:
            faults.append(f"{path} cannot be read ({error.strerror})")
        else:
            well_formed.append((array, catalogue.identify(file, raw, data)))
            if well_formed[-1][1] == catalogue.name:
                return well_formed[-1]
    if not well_formed:
        raise DataError("; ".join(faults))
    return well_formed[0]


def _read_zip(folder: Path, catalogue: Catalogue, train: bool) -> Reading | None:
    """Read the zip in which the files are published."""
    path = folder / (catalogue.archive.name if catalogue.archive else "")
    if not catalogue.archive or not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as stream:
            return read_zip(stream, str(path), catalogue, train)
    except OSError as error:
        raise DataError(f"{path} cannot be read.", got=error.strerror or str(error)) from error


def _read_keras(folder: Path, catalogue: Catalogue, train: bool) -> Reading | None:
    """Read Keras's archive."""
    there = catalogue.keras and os.path.isfile(folder / catalogue.keras)
    return read_npz(folder / catalogue.keras, catalogue, train) if there else None


def read_zip(stream: IO[bytes], name: str, catalogue: Catalogue, train: bool) -> Reading:
    """Read two files out of the published zip, which alone is opened: only those, into memory, nothing to a disk.

    Raises:
        DataError: it is another zip, or a member is missing, damaged or larger than it must be
    """
    digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    if catalogue.archive is None or digest != catalogue.archive.sha256:
        raise DataError(f"{name} is not the published file.", got="content with another sha256")
    arrays = []
    try:
        with Archive(stream) as archive:
            members = {member.filename.rpartition("/")[2]: member for member in archive.infolist()}
            for kind, file in catalogue.of(train):
                limit = catalogue.raw_bytes(kind, train)
                if members[file.name].file_size > limit + 65536:  # noise does not become smaller
                    raise DataError(f"{name}: {file.name} is too large.", got=f"{members[file.name].file_size:,} bytes")
                packed = archive.read(members[file.name])
                arrays.append(unpacked(packed, kind, f"{name}: {file.name}", limit)[0])
    except DataError:
        raise
    except Exception as error:  # a damaged archive fails in as many ways as zip and deflate have between them
        raise DataError(f"{name} cannot be read.", got=f"{type(error).__name__}: {error}") from error
    return _checked(Reading(arrays[0], arrays[1], name, catalogue.name), catalogue, ())


def read_npz(path: Path, catalogue: Catalogue, train: bool) -> Reading:
    """Read one part of an npz archive with Keras's names: x_train, y_train, x_test, y_test.

    Raises:
        DataError: it is damaged, lacks an array, or holds Python objects (which only pickle could load)
    """
    keys = [f"{axis}_{'train' if train else 'test'}" for axis in "xy"]
    try:
        with open(path, "rb") as stream:
            head = stream.read(512)
            if head[:4] != b"PK\x03\x04":
                raise DataError(f"{path} is not an npz archive.", got=describe(head))
            found = read_arrays(stream, keys)
        arrays = [_as_bytes(found[key], 3 if key[0] == "x" else 1, f"{path}: {key}") for key in keys]
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f"{path} has no array {error.args[0]}.") from error
    except Exception as error:  # a damaged archive fails in as many ways as zip, deflate and npy have between them
        raise DataError(f"{path} cannot be read.", got=f"{type(error).__name__}: {error}") from error
    one, two = (catalogue.identify(f, format_idx(a)) for (_, f), a in zip(catalogue.of(train), arrays, strict=True))
    return _pair(arrays[0], arrays[1], str(path), one, two, catalogue)


def _as_bytes(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], axes: int, name: str) -> Bytes:
    got = f"{array.dtype} {array.shape}"
    if array.ndim != axes or not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{name} has the wrong shape or dtype.", got=got, expected=f"integers, {axes} axes")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= 255:
        raise DataError(f"{name} has values outside 0..255.", got=got)
    return np.array(array, dtype=np.uint8, order="C")


def _pair(images: Bytes, labels: Bytes, place: str, one: str, two: str, catalogue: Catalogue) -> Reading:
    """Put two files together that are what their identities say, or refuse a damaged pair."""
    if catalogue.recognised and (one == catalogue.name) != (two == catalogue.name):
        good, bad = ("images", "labels") if one == catalogue.name else ("labels", "images")
        raise DataError(f"the {bad} in {place} are damaged.", got=f"the published {good} beside other {bad}")
    return Reading(images, labels, place, two if one in (UNKNOWN, catalogue.name) else one)


def _checked(reading: Reading, catalogue: Catalogue, accept: Sequence[str] | None) -> Reading:
    """Check that images and labels belong together and are what was asked for."""
    images, labels, place, identity = reading
    if accept is not None and identity not in (catalogue.name, *accept):
        raise DataError(f"{place} holds files with {catalogue.name}'s names and other content.", got=identity)
    if images.shape[1:] != catalogue.shape or images.shape[:1] != labels.shape or not len(labels):
        got, wanted = f"images {images.shape}, labels {labels.shape}", "images (N, 28, 28), labels (N,), N > 0"
        raise DataError(f"the images and labels in {place} do not fit together.", got=got, expected=wanted)
    most, largest = len(catalogue.classes) - 1, int(labels.max())
    if largest > most:
        got, wanted = f"a label {largest}", f"{len(catalogue.classes)} classes"
        raise DataError(f"{place} has labels above {most}.", got=got, expected=wanted)
    return reading
