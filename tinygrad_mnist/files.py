"""Writing files so that a reader finds the old content or the new, never half of it.

Knows no format. saving.py and data/cache.py write through here.
"""

from __future__ import annotations

import glob
import os
import time
from contextlib import suppress
from pathlib import Path

from .errors import OutputError

Buffer = bytes | bytearray | memoryview


def write_whole(path: Path, data: Buffer) -> None:
    """Write a temporary file beside the final one, flush it to the disk, rename it.

    Raises:  OSError if the folder cannot be written; then the final file is what it was
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.part")
    try:
        with open(part, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files beside a final one whose writers were killed."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        writer = part.name[len(path.name) + 2 :].partition(".")[0]
        if writer.isdigit() and not _alive(int(writer)):
            with suppress(OSError):
                part.unlink()


def _alive(process: int) -> bool:
    """Tell whether a process of this machine is still there; True where that cannot be told."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def output_folder(folder: str | os.PathLike[str]) -> Path:
    """Make a folder if need be and prove, before work begins, that files can be written to it.

    Raises:  OutputError otherwise
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe.{os.getpid()}.{time.monotonic_ns()}"
        write_whole(probe, b"")
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"Files cannot be written to the folder {path}.",
            got=error.strerror or str(error),
            expected="a folder that exists or can be made, with permission to write",
            hint="choose another folder",
        ) from error
    return path
