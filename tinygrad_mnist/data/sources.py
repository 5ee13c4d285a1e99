"""Where MNIST, and what is like it, is sought, in which order, and what is said when it is nowhere.

Order: the path given, $TINYGRAD_MNIST_DATA, torchvision's ./data and Keras's cache, the package's own cache,
scikit-learn's (slow to read, so kept in the own one) and, unless forbidden, the mirrors, whose files go there too.
Folders of others are only read. A source that fails is never the end: the next one is asked, and only when all have
failed does one error list them all.
Knows nothing of datasets or batches. Look next at folders.py, cache.py and download.py, one per kind of source.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..core import bars
from ..core.errors import DataError
from ..core.locks import locked
from .cache import default_cache_folder, install, load_cached, remove_leftovers
from .canonical import MIRRORS, MNIST_FILES, CanonicalFile, Catalogue, matches
from .folders import NPZ_NAME, UNKNOWN, Reading, one_line, read_split
from .idx import GZIP, Buffer, Bytes, format_idx, gunzip, parse_idx
from .openml import copies, read_openml, scikit_learn_home

Progress: TypeAlias = Callable[[str, int, int], None]

DATA_VARIABLE = "TINYGRAD_MNIST_DATA"
OFFLINE_VARIABLE = "TINYGRAD_MNIST_OFFLINE"
PATIENCE = 20.0
LOCK_PATIENCE = 6.0  # times the patience: another process may be fetching the very files


class Found(NamedTuple):
    """One split, where it came from (a sentence), and what its user ought to know."""

    images: Bytes
    labels: Bytes
    source: str
    canonical: bool
    warnings: tuple[str, ...]


class Network(NamedTuple):
    """What may be downloaded from where.

    Units:
        patience in seconds, per mirror, until it begins to answer.
    Args:
        allow_loopback_http: let http pass for 127.0.0.1, for tests; everything else is https or refused
    """

    mirrors: tuple[str, ...] = MIRRORS
    patience: float = PATIENCE
    allow_loopback_http: bool = False


def find_split(
    path: str | os.PathLike[str] | None, *, train: bool, download: bool = True, progress: Progress | None = None,
    network: Network | None = None, catalogue: Catalogue = MNIST_FILES,
) -> Found:  # fmt: skip
    """Find one split of MNIST, or of a set like it.

    Args:
        path: a folder (of IDX files, or a torchvision root) or an .npz file, asked first; only there are well-formed
            files accepted that are not the canonical MNIST, with a warning that names them. A path or
            $TINYGRAD_MNIST_DATA that cannot be used is passed over with a warning too.
    Raises:
        DataError: listing every source and why it failed, and how to get the files by hand
    """
    failures: list[str] = []
    warnings: list[str] = []
    name, known = catalogue.name, bool(catalogue.train[0].raw_sha256)
    shared = name == "MNIST"  # of the others nobody else keeps copies
    cache = default_cache_folder() / ("" if shared else name)
    given = [] if path is None else [("path", Path(path).expanduser())]
    rest = [("cache", cache), ("scikit-learn", cache)] if shared else [("cache", cache)]
    for label, place in [*given, *(_local_places() if shared else []), *rest]:
        if place is None:
            failures.append(f"{label}: not set")
            continue
        try:
            if label == "cache":
                reading = _from_cache(cache, catalogue, train)
            elif label == "scikit-learn":
                reading = read_openml(scikit_learn_home(), catalogue, train)
                _keep(cache, catalogue, train, reading)  # so that the table is read once
            else:
                reading = read_split(place, catalogue, train, accept_other=label == "path")
        except DataError as error:
            failures.append(f"{label}: {one_line(error)}")
            if label in ("path", f"${DATA_VARIABLE}"):
                warnings.append(f"{name}: {failures[-1]}. Another source is used in its place.")
            continue
        if not reading.canonical and known:
            of_their_own = "content of their own (Fashion-MNIST, KMNIST, or a damaged MNIST?)"
            what = of_their_own if reading.identity == UNKNOWN else reading.identity
            where = f"the files in {reading.place} have MNIST's names but hold"
            warnings.append(f"MNIST: {where} {what}; used because path= asked for them.")
        source = f"{reading.identity if known else name}, read from {reading.place}"
        return Found(reading.images, reading.labels, source, reading.canonical, tuple(warnings))
    if not download or is_offline():
        why = f"{OFFLINE_VARIABLE}={os.environ[OFFLINE_VARIABLE]}" if download else "download=False"
        failures.append(f"mirrors: not asked, {why}")
        raise _nowhere(failures, cache, catalogue, train)
    mirrors = _Mirrors(network or Network(catalogue.mirrors), progress, failures)
    with locked(cache, LOCK_PATIENCE * mirrors.network.patience):
        remove_leftovers(cache)
        arrays: list[Bytes] = []
        for file in catalogue.split(train):
            if (array := _cached_or_fetched(cache, file, mirrors, warnings)) is None:
                raise _nowhere(failures, cache, catalogue, train)
            arrays.append(array)
    hosts = " and ".join(dict.fromkeys(mirrors.used)) or "another process's download"
    return Found(arrays[0], arrays[1], f"{name}, from {hosts} by way of {cache}", True, tuple(warnings))


def local_sources() -> list[tuple[str, str, bool]]:
    """List the places of this machine where MNIST is sought, what is there, and whether it is MNIST.

    Nothing is fetched or written, and scikit-learn's copy, which takes seconds, is not read.
    """
    listed = []
    for label, place in [*_local_places(), ("cache", default_cache_folder())]:
        try:
            if place is None:
                raise DataError("not set")
            for train in (True, False):
                reading = read_split(place, MNIST_FILES, train)
            listed.append((label, str(reading.place), True))
        except DataError as error:
            listed.append((label, one_line(error), False))
    kept = copies(home := scikit_learn_home())
    return [*listed, ("scikit-learn", str(kept[0]) if kept else f"no copy of mnist_784 in {home}", bool(kept))]


def is_offline() -> bool:
    """Tell whether $TINYGRAD_MNIST_OFFLINE forbids the network (any value but 0, false and no)."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")


class _Mirrors:
    """The mirrors, and those that have answered."""

    def __init__(self, network: Network, progress: Progress | None, failures: list[str]) -> None:
        self.network, self.progress, self.failures, self.used = network, progress, failures, list[str]()

    def fetch(self, file: CanonicalFile) -> tuple[Bytes, Buffer] | None:
        """Get one file, verified, as an array and as decompressed bytes; None (and failures) if no mirror has it."""
        try:
            # The one lazy import of the package's own: urllib.request and ssl cost 15 ms, which only a download should
            # pay, and some builds of Python (Pyodide) lack ssl.
            downloader = importlib.import_module(".download", __package__)
        except ImportError as error:
            self.failures.append(f"mirrors: this Python cannot download ({error})")
            return None
        tell = self.progress or bars.for_downloads()
        report = None if tell is None else lambda done, total: tell(f"{file.name}.gz", done, total or file.gz_bytes)
        for mirror in dict.fromkeys([*self.used[-1:], *self.network.mirrors]):  # the one that answered last in front
            url, limit = f"{mirror}{file.name}.gz", file.raw_bytes + 65536  # a server may well send it unpacked
            try:
                body: bytes = downloader.fetch(
                    url, limit=limit, patience=self.network.patience, progress=report,
                    allow_loopback_http=self.network.allow_loopback_http,
                )  # fmt: skip
                content = _verified(body, file)
            except DataError as error:
                self.failures.append(f"{url}: {one_line(error)}")
                continue
            self.used.append(mirror)
            return content
        return None


def _local_places() -> list[tuple[str, Path | None]]:
    """List the places that belong to the user or to other libraries, in order."""
    variable = os.environ.get(DATA_VARIABLE, "")
    keras = os.environ.get("KERAS_HOME", "") or os.path.expanduser("~/.keras")
    return [
        (f"${DATA_VARIABLE}", Path(variable).expanduser() if variable else None),
        ("torchvision", Path("data", "MNIST", "raw")),
        ("Keras", Path(keras, "datasets", NPZ_NAME)),
    ]


def _from_cache(cache: Path, catalogue: Catalogue, train: bool) -> Reading:
    """Read the own cache; files put there by hand, in any form, are verified and unpacked beside the others."""
    images, labels = catalogue.split(train)
    try:
        return Reading(load_cached(cache, images), load_cached(cache, labels), str(cache), "MNIST")
    except DataError:
        if not images.raw_sha256:
            raise
        reading = read_split(cache, catalogue, train)
    _keep(cache, catalogue, train, reading)
    return reading._replace(place=str(cache))


def _keep(cache: Path, catalogue: Catalogue, train: bool, reading: Reading) -> None:
    """Put a verified split into the own cache, if it can be written."""
    for file, array in zip(catalogue.split(train), (reading.images, reading.labels), strict=True):
        with suppress(OSError):
            install(cache, file, format_idx(array))


def _cached_or_fetched(cache: Path, file: CanonicalFile, mirrors: _Mirrors, warnings: list[str]) -> Bytes | None:
    """Give one file of the cache, downloading it first where it is missing or damaged."""
    with suppress(DataError):
        return load_cached(cache, file)
    if (content := mirrors.fetch(file)) is None:
        return None
    array, raw = content
    try:
        install(cache, file, raw)
    except OSError as error:
        warnings.append(
            f"{file.name} could not be kept in {cache} ({error.strerror or error}); it is in memory only and "
            "will be downloaded again next time. Point XDG_CACHE_HOME at a folder that can be written."
        )
    return array


def _verified(body: bytes, file: CanonicalFile) -> tuple[Bytes, Buffer]:
    raw = gunzip(body, "the answer", file.raw_bytes) if body[:2] == GZIP else body
    array = parse_idx(raw, file.kind, "the answer")
    if not (matches(raw, file) if file.raw_sha256 else hashlib.sha256(body).hexdigest() == file.gz_sha256):
        raise DataError("the answer is not the published file.", got="content with another sha256")
    return array, raw


def _nowhere(failures: list[str], cache: Path, catalogue: Catalogue, train: bool) -> DataError:
    files = (*catalogue.train, *catalogue.test)
    separator = "\n" + " " * 12
    folder = f"any folder, and set {DATA_VARIABLE}=<that folder> or pass path=<that folder>"
    return DataError(
        f"{catalogue.name}: the {'training' if train else 'test'} files were found nowhere.",
        got=separator.join(failures),
        expected=separator.join(f"{file.name}.gz  {file.gz_bytes:>9,} bytes" for file in files),
        hint=f"download these four files with a browser, from {(*catalogue.mirrors, '')[0]}<name> or elsewhere,"
        f"{separator}into {cache}{separator}or into "
        + (folder if catalogue.name == "MNIST" else f"<root>/{catalogue.name}/raw; download=True does it"),
    )
