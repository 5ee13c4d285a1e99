"""The package's own cache folder: files that are whole and verified, or absent; nothing in between under a final name.

Each file lies decompressed beside a stamp (size, mtime and sha256 as of its last verification). While size and mtime
agree with the stamp the file is trusted and only its header is read; when they do not, it is hashed anew.
Knows nothing of mirrors or other sources. Look next at sources.py.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from ..core.errors import DataError
from ..core.files import Buffer, write_whole
from .canonical import CanonicalFile, matches
from .idx import Bytes, parse_idx

LEFTOVER_SECONDS = 3600.0


def default_cache_folder() -> Path:
    """Name the cache folder: $XDG_CACHE_HOME/tinygrad_mnist, else ~/.cache/tinygrad_mnist.

    Source:
        XDG Base Directory Specification 0.8: a relative $XDG_CACHE_HOME is invalid and ignored.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base if os.path.isabs(base) else os.path.expanduser("~/.cache")) / "tinygrad_mnist"


def load_cached(folder: Path, file: CanonicalFile) -> Bytes:
    """Read a verified file, hashing it only where its stamp does not vouch for it.

    Raises:
        DataError: if the file is missing, or is not the canonical one (truncated, altered, another format)
    """
    path, stamp = folder / file.name, folder / f"{file.name}.verified"
    try:
        with open(path, "rb") as stream:
            before = _signature(os.fstat(stream.fileno()), file)
            data = stream.read()
    except FileNotFoundError:
        raise DataError(f"{file.name} is not in {folder}.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read.", got=error.strerror or str(error)) from error
    array = parse_idx(data, file.kind, str(path))
    known = b""
    with suppress(OSError):
        known = stamp.read_bytes()
    if before.encode() != known:
        if not matches(data, file):
            raise DataError(f"{path} is damaged.", got="content with another sha256")
        with suppress(OSError):  # a read-only cache is as good, only slower
            write_whole(stamp, before.encode())
    return array


def install(folder: Path, file: CanonicalFile, data: Buffer) -> None:
    """Put verified bytes into the cache, in one atomic step; an OSError if it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file.name
    write_whole(path, data)
    write_whole(folder / f"{file.name}.verified", _signature(os.stat(path), file).encode())


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that were killed long ago."""
    with suppress(OSError):
        for part in folder.glob(".*.part"):
            if time.time() - part.stat().st_mtime > LEFTOVER_SECONDS:
                part.unlink()


def _signature(status: os.stat_result, file: CanonicalFile) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {file.raw_sha256}\n"
