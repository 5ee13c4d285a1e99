"""Where a data set is sought, in which order, and what is said when it is nowhere.

Order: the path given, $TINYGRAD_MNIST_DATA, torchvision's ./data, for MNIST Keras's cache, the package's own cache and,
unless forbidden, the mirrors. Folders of others are only read. What was verified is kept in the own cache, as an .npz
sealed with its sha256, which every reading checks. A source that fails is never the end: the next one is asked, and
only when all have failed does one error list them all.
Knows nothing of datasets or batches. Look next at catalogue.py, then folders.py and download.py.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from ..core import bars
from ..core.archive import read_arrays, write_arrays
from ..core.errors import DataError
from ..core.files import remove_leftovers, write_whole
from ..core.locks import locked
from .catalogue import MNIST, SETS, UNKNOWN, Catalogue, File
from .folders import Reading, one_line, read_split, read_zip, unpacked
from .idx import Buffer, Bytes

Progress: TypeAlias = Callable[[str, int, int], None]

DATA_VARIABLE = "TINYGRAD_MNIST_DATA"
OFFLINE_VARIABLE = "TINYGRAD_MNIST_OFFLINE"
PATIENCE = 20.0
LOCK_PATIENCE = 6.0  # times the patience: another process may be fetching the very files
NEXT_LINE = "\n" + " " * 12  # in an error


class Found(NamedTuple):
    """One part, where it came from (a sentence), and what its user ought to know."""

    images: Bytes
    labels: Bytes
    source: str
    canonical: bool
    warnings: tuple[str, ...]


class Network(NamedTuple):
    """What may be downloaded from where: over https alone.

    Args:
        mirrors: addresses that file names are put behind; those of the data set if there are none
        patience: seconds, per mirror, until it begins to answer
    """

    mirrors: tuple[str, ...] = ()
    patience: float = PATIENCE


def find_split(
    path: str | os.PathLike[str] | None, *, train: bool, download: bool = True, progress: Progress | None = None,
    network: Network | None = None, catalogue: Catalogue = MNIST,
) -> Found:  # fmt: skip
    """Find one part of a data set.

    Args:
        path: a folder (of IDX files, or a torchvision root) or an .npz file, asked first; only there are well-formed
            files accepted that are known to be others, with a warning that names them. A path or $TINYGRAD_MNIST_DATA
            that cannot be used is passed over with a warning, too.
    Raises:
        DataError: it lists every source and why it failed, and says how to get the files by hand
    """
    name, failures, warnings = catalogue.name, list[str](), list[str]()
    cache = default_cache_folder() / name
    given = [] if path is None else [("path", Path(path).expanduser())]
    for label, place in [*given, *local_places(catalogue), ("cache", cache)]:
        try:
            if place is None:
                raise DataError("not set")
            reading = _read(label, place, catalogue, train)
        except DataError as error:
            failures.append(f"{label}: {one_line(error)}")
            if label == "path" or (label[0] == "$" and place is not None and catalogue.recognised):
                warnings.append(f"{name}: {failures[-1]}. Another source is used in its place.")
            continue
        identity, canonical = reading.identity, reading.identity == name
        if identity == UNKNOWN and not catalogue.recognised:
            identity = name  # which nothing contradicts
        if identity != name:
            others = ", ".join(other for other in SETS if other != name)
            of = f"{UNKNOWN} ({others}, or a damaged {name}?)" if identity == UNKNOWN else identity
            where = f"the files in {reading.place} have {name}'s names but hold"
            warnings.append(f"{name}: {where} {of}; used because path= asked for them.")
        source = f"{identity}, read from {reading.place}"
        return Found(reading.images, reading.labels, source, canonical, tuple(warnings))
    if not download or is_offline():
        why = f"{OFFLINE_VARIABLE}={os.environ[OFFLINE_VARIABLE]}" if download else "download=False"
        raise _nowhere([*failures, f"mirrors: not asked, {why}"], cache, catalogue, train, download)
    mirrors = _Mirrors(network or Network(), catalogue, progress, failures)
    with locked(cache, LOCK_PATIENCE * mirrors.patience):
        with suppress(DataError):  # while this one waited, another process may have fetched it
            kept = _read("cache", cache, catalogue, train)
            return Found(kept.images, kept.labels, f"{name}, read from {kept.place}", True, tuple(warnings))
        remove_leftovers(cache / _kept_as(catalogue, train))
        arrays: list[Bytes] = []
        for kind, file in catalogue.served(train):
            if not (answer := mirrors.fetch(kind, file, train)):
                raise _nowhere(failures, cache, catalogue, train)
            arrays += answer
        try:
            if catalogue.archive:
                write_whole(cache / catalogue.archive.name, mirrors.body)
            _keep(cache, catalogue, train, arrays[0], arrays[1])
        except OSError as error:
            warnings.append(
                f"{name} could not be kept in {cache} ({error.strerror or error}); it is in memory only and will be "
                "downloaded again next time. Point XDG_CACHE_HOME at a folder that can be written."
            )
    source = f"{name}, from {' and '.join(dict.fromkeys(mirrors.used))} by way of {cache}"
    return Found(arrays[0], arrays[1], source, True, tuple(warnings))


def default_cache_folder() -> Path:
    """Name the cache folder: $XDG_CACHE_HOME/tinygrad_mnist, else ~/.cache/tinygrad_mnist.

    Source:
        XDG Base Directory Specification 0.8: a relative $XDG_CACHE_HOME is invalid and ignored
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base if os.path.isabs(base) else os.path.expanduser("~/.cache")) / "tinygrad_mnist"


def local_places(catalogue: Catalogue) -> list[tuple[str, Path | None]]:
    """List the places that belong to the user or to other libraries, in order."""
    variable, own = os.environ.get(DATA_VARIABLE, ""), Path(catalogue.name, "raw")
    place = Path(variable).expanduser() if variable else None
    if place and not catalogue.recognised:  # what cannot be told by its content lies in a folder of its own name
        place /= own
    keras = Path(os.environ.get("KERAS_HOME", "") or os.path.expanduser("~/.keras"), "datasets", catalogue.keras)
    found = [(f"${DATA_VARIABLE}", place), ("torchvision", Path("data") / own)]
    return [*found, ("Keras", keras)] if catalogue.keras else found


def local_sources() -> list[tuple[str, str, bool]]:
    """List the places of this machine where MNIST is sought, what is there, and whether it is MNIST.

    Nothing is fetched or written.
    """
    listed = []
    for label, place in [*local_places(MNIST), ("cache", default_cache_folder() / MNIST.name)]:
        try:
            if place is None:
                raise DataError("not set")
            found = [_read(label, place, MNIST, train, keep=False) for train in (True, False)]
            listed.append((label, found[0].place, True))
        except DataError as error:
            listed.append((label, one_line(error), False))
    return listed


def is_offline() -> bool:
    """Tell whether $TINYGRAD_MNIST_OFFLINE forbids the network (any value but 0, false and no)."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")


class _Mirrors:
    """The mirrors, and those that have answered."""

    def __init__(
        self, network: Network, catalogue: Catalogue, progress: Progress | None, failures: list[str]
    ) -> None:  # fmt: skip
        self.mirrors, self.patience = network.mirrors or catalogue.mirrors, network.patience
        self.catalogue, self.progress, self.failures = catalogue, progress, failures
        self.used: list[str] = []
        self.body: Buffer = b""  # of the last answer

    def fetch(self, kind: str, file: File, train: bool) -> list[Bytes]:
        """Get the arrays of a file, verified; none (and failures) if no mirror has it."""
        try:
            # The one lazy import of the package's own: urllib.request and ssl cost 15 ms, which only a download should
            # pay, and some builds of Python (Pyodide) lack ssl.
            downloader = importlib.import_module(".download", __package__)
        except ImportError as error:
            self.failures.append(f"mirrors: this Python cannot download ({error})")
            return []
        tell = self.progress or bars.for_downloads()
        report = None if tell is None else lambda done, total: tell(file.name, done, total or file.size)
        most = max(file.size, self.catalogue.raw_bytes(kind, train) if kind else 0)  # it may well be sent unpacked
        for mirror in dict.fromkeys([*self.used[-1:], *self.mirrors]):  # the one that answered last in front
            url = f"{mirror}{file.name}"
            try:
                self.body = downloader.fetch(url, limit=most + 65536, patience=self.patience, progress=report)
                arrays = self.verified(kind, file, train)
            except DataError as error:
                self.failures.append(f"{url}: {one_line(error)}")
                continue
            self.used.append(mirror)
            return arrays
        return []

    def verified(self, kind: str, file: File, train: bool) -> list[Bytes]:
        """Read the answer, which must be the published file."""
        if not kind:
            reading = read_zip(io.BytesIO(self.body), "the answer", self.catalogue, train)
            return [reading.images, reading.labels]
        array, raw = unpacked(self.body, kind, "the answer", self.catalogue.raw_bytes(kind, train))
        if self.catalogue.identify(file, raw, self.body) != self.catalogue.name:
            raise DataError("the answer is not the published file.", got="content with another sha256")
        return [array]


def _read(label: str, place: Path, catalogue: Catalogue, train: bool, keep: bool = True) -> Reading:
    """Read what is in a place; files put into the cache by hand are verified and kept there as others are."""
    if label != "cache":
        trusted = label[0] == "$" and not catalogue.recognised  # the user's own word for what nothing contradicts
        return read_split(place, catalogue, train, None if label == "path" else [UNKNOWN] * trusted)
    fault = ""
    try:
        with open(place / _kept_as(catalogue, train), "rb") as stream:
            found = read_arrays(stream, own=True)
        if found["part"].tobytes() != _part(catalogue, train):
            raise DataError("it holds something else")
        return Reading(found["images"], found["labels"], str(place), catalogue.name)
    except FileNotFoundError:
        pass
    except Exception as error:  # a damaged archive fails in many ways
        fault = f"{place / _kept_as(catalogue, train)} is damaged ({type(error).__name__}: {error})"
    try:
        reading = read_split(place, catalogue, train, ())
    except DataError as error:
        raise DataError(fault) if fault else error from None
    if keep:
        with suppress(OSError):
            _keep(place, catalogue, train, reading.images, reading.labels)
    return reading._replace(place=str(place))


def _kept_as(catalogue: Catalogue, train: bool) -> str:
    """Name the file of a part in the cache."""
    return f"{catalogue.split}{'-' * bool(catalogue.split)}{'train' if train else 'test'}.npz"


def _part(catalogue: Catalogue, train: bool) -> bytes:
    """Write what a file of the cache holds, which it says itself: it may have been renamed."""
    return f"{catalogue.name} {_kept_as(catalogue, train)}".encode()


def _keep(cache: Path, catalogue: Catalogue, train: bool, images: Bytes, labels: Bytes) -> None:
    """Put a verified part into the cache, in one atomic step; an OSError if it cannot be written."""
    cache.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    write_arrays(stream, {"images": images, "labels": labels, "part": np.frombuffer(_part(catalogue, train), np.uint8)})
    write_whole(cache / _kept_as(catalogue, train), stream.getbuffer())


def _nowhere(
    failures: list[str], cache: Path, catalogue: Catalogue, train: bool, download: bool = True
) -> DataError:  # fmt: skip
    """Say what was tried, and how to get the files by hand."""
    files = [catalogue.archive] if catalogue.archive else catalogue.files
    what, name = ("this file", files[0].name) if catalogue.archive else ("these four files", "<name>")
    folder = f"any folder, and set {DATA_VARIABLE}=<that folder> or pass path=<that folder>"
    if not catalogue.recognised:
        folder = f"<folder>/{catalogue.name}/raw, and set {DATA_VARIABLE}=<folder> or pass <folder> as root or path"
    return DataError(
        f"{catalogue.name}: the {'training' if train else 'test'} files were found nowhere.",
        got=NEXT_LINE.join(failures),
        expected=NEXT_LINE.join(f"{file.name}  {file.size:>9,} bytes" for file in files),
        hint=("" if download else f"download=True, or{NEXT_LINE}")
        + f"download {what} with a browser, from {(*catalogue.mirrors, '')[0]}{name} or elsewhere,"
        f"{NEXT_LINE}into {cache}{NEXT_LINE}or into {folder}",
    )
