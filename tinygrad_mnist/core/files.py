"""Writing files so that a reader finds the old content or the new, never half of it.

A link is followed and stays; a file keeps its mode; what is no plain file (a device, a pipe, a folder) is refused.
Knows no format. saving.py and data/cache.py write through here.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from .errors import OutputError, reason

Buffer = bytes | bytearray | memoryview
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}  # fmt: skip
PRIVATE = functools.partial(os.open, mode=0o600)  # no function in Python, inside which Ctrl-C would lose the open file
LONGEST = 150  # bytes of a name that is repeated in the name of its temporary file: file systems end at 255


def write_whole(path: str | os.PathLike[str], data: Buffer, owner: str = "write_whole") -> None:
    """Write a temporary file beside the final one, flush it to the disk, rename it.

    Args:
        owner: what was called, for the error
    Raises:
        OutputError: an OSError, if that cannot be done; then the final file is what it was
    """
    try:
        final, old = _destination(path)
        part = _temporary(final)
        # nobody may read what replaces a private file before it has that file's mode
        try:
            with open(part, "xb", opener=None if old is None else PRIVATE) as stream:
                stream.write(data)
                stream.flush()
                if old is not None:  # after the writing, which takes the marks of set-user-id and its kin away
                    _inherit(stream.fileno(), part, old)
                os.fsync(stream.fileno())
            os.replace(part, final)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
    except (OSError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise unwritable(owner, path, error) from error


def unwritable(owner: str, path: object, error: BaseException) -> OutputError:
    """Say that a file cannot be written, and why."""
    if isinstance(error, OutputError):
        return OutputError(f"{owner}: {error.problem}", got=error.got, expected=error.expected, hint=error.hint)
    wanted = "a folder that exists, with permission and room"
    failure = OutputError(f"{owner}: {_shown(path)} cannot be written.", got=_shown(reason(error)), expected=wanted)
    if isinstance(error, OSError):
        failure.errno, failure.strerror = error.errno, error.strerror
    return failure


def kind_of(mode: int) -> str:
    """Name what is no plain file, by the mode that `os.stat` gives ('' for one that is)."""
    return "" if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "no plain file")


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files beside a final one whose writers were killed."""
    final = Path(os.path.realpath(path))
    start = _stem(final)
    for part in final.parent.glob(f"{glob.escape(start)}*.part"):
        writer = part.name[len(start) :].partition(".")[0]
        if writer.isdigit() and not _alive(int(writer)):
            with suppress(OSError):
                part.unlink()


def output_folder(folder: str | os.PathLike[str]) -> Path:
    """Make a folder if need be and prove, before work begins, that files can be written to it.

    Raises:
        OutputError: otherwise
    """
    try:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path / "probe")
        probe = _temporary(path / "probe")
        with open(probe, "xb"):
            pass
        probe.unlink()
    except (OSError, ValueError, TypeError) as error:
        named = "that you are in" if folder in (Path(), ".") else _shown(folder)  # "." would end the sentence
        what = f"Files cannot be written to the folder {named}."
        wanted = "a folder that exists or can be made, with permission to write"
        raise OutputError(what, got=_shown(reason(error)), expected=wanted, hint="choose another folder") from error
    return path


def output_path(path: str | os.PathLike[str], owner: str) -> Path:
    """Take the name of a file that is to be written, or raise OutputError if it is no name."""
    try:
        return Path(path)
    except TypeError as error:
        raise unwritable(owner, path, error) from error


def check_output(path: Path, owner: str) -> None:
    """Prove, before work begins, that a file can be written; its folder is made if need be.

    Raises:
        OutputError: otherwise
    """
    try:
        _destination(path)
    except (OSError, ValueError) as error:
        raise unwritable(owner, path, error) from error
    output_folder(path.parent)


def _destination(path: str | os.PathLike[str]) -> tuple[Path, os.stat_result | None]:
    """Follow links to the file that is meant, there or not; give it and what it is now."""
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"a path of {type(name).__name__}")
    if "\0" in name:  # before os.stat, whose words for it differ
        raise ValueError("embedded null byte")
    try:
        old = os.stat(name)  # a ring of links fails here
    except FileNotFoundError:
        old = None
    new = "an empty name" if not name else "a folder" if os.path.basename(name) in ("", ".", "..") else ""
    kind = new if old is None else kind_of(old.st_mode)
    if kind:
        raise OutputError(f"{_shown(path)} cannot be written.", got=kind, expected="a plain file, or none as yet")
    return Path(os.path.realpath(name)), old


def _inherit(descriptor: int, part: Path, old: os.stat_result) -> None:
    """Give the new file the old one's owner, as far as permitted, and its mode."""
    if hasattr(os, "fchown"):
        for owner, group in ((old.st_uid, old.st_gid), (-1, old.st_gid)):  # a group may be given by its members
            with suppress(OSError):
                os.fchown(descriptor, owner, group)
                break
    new, mode = os.fstat(descriptor), stat.S_IMODE(old.st_mode)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        mode &= 0o1777  # a program that ran as its owner must not run as another
    with suppress(PermissionError):  # a file system without modes
        os.chmod(descriptor if os.chmod in os.supports_fd else part, mode)


def _stem(final: Path) -> str:
    """Begin the names of a file's temporary files; a long name is told by its hash."""
    name = os.fsencode(final.name)
    return f".{final.name}." if len(name) <= LONGEST else f".{hashlib.sha256(name).hexdigest()[:32]}."


def _temporary(final: Path) -> Path:
    """Name a file that is to become the final one, after this process and moment."""
    return final.with_name(f"{_stem(final)}{os.getpid()}.{time.monotonic_ns()}.part")


def _shown(x: object) -> str:
    """Write a path or message so that any terminal can show it."""
    return str(x).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")[:300]


def _alive(process: int) -> bool:
    """Tell whether a process of this machine is still there; True where that cannot be told."""
    try:
        if os.name != "nt":
            os.kill(process, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True
