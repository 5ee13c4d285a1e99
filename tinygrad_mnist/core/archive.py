"""Sealed .npz archives of numbers: every size is checked before memory is taken, and every bit after.

A member says its length three times (in the archive, in its own header by shape and dtype, and by being there); where
the three disagree nothing is allocated. The seal is a sha256 over names, shapes, dtypes and bytes in the archive's
comment, which other readers skip. Knows no Tensor. Look next at saving.py.
"""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
from collections.abc import Collection
from typing import IO, Any

import numpy as np

from .backend import Array

SEAL = b"tinygrad_mnist sha256 "
# compressed members (NumPy's savez_compressed, never ours) may unpack to this many times the file, or to this much
RATIO, FLOOR = 100, 1 << 26
CHUNK = 1 << 20


class ArchiveError(ValueError):
    """An archive that is damaged, lies about its sizes or holds something other than numbers."""


class Archive(zipfile.ZipFile):
    """Goes without closing: ZipFile's `__del__` is Python, and a Ctrl-C that arrives in one is dropped."""

    __del__: Any = object.__hash__  # in C


def digest(arrays: dict[str, Any]) -> bytes:
    """Seal arrays: names, dtypes, shapes, memory order and bytes, in their order."""
    total = hashlib.sha256()
    for name, array in arrays.items():
        total.update(repr((name, array.dtype.str, array.shape, array.flags.fnc)).encode("utf-8", "surrogatepass"))
        plain = np.ascontiguousarray(array.T if array.flags.fnc else array)
        total.update(plain.reshape(-1).view(np.uint8).data)
    return SEAL + total.hexdigest().encode()


def write_arrays(stream: IO[bytes], arrays: dict[str, Any]) -> None:
    """Write arrays as np.savez does, and seal them."""
    archive = Archive(stream, "w")  # without `with`, whose end fails after Ctrl-C inside a member and would hide it
    for name, array in arrays.items():
        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    archive.comment = digest(arrays)
    archive.close()


def read_arrays(
    stream: IO[bytes], only: Collection[str] | None = None, own: bool = False
) -> dict[str, np.ndarray[Any, Any]]:
    """Read the arrays of an .npz archive, or those of some names. own: it must have the seal of `write_arrays`.

    Raises:
        ArchiveError: or whatever else zipfile and NumPy raise, if it is damaged
    """
    with Archive(stream) as archive:
        members = check_archive(stream, archive)
        for m in members:
            if m.filename.endswith(".pkl"):
                raise ArchiveError(f"pickled objects in {m.filename}")
        arrays = {
            m.filename.removesuffix(".npy"): _read(archive, m)
            for m in members
            if only is None or m.filename.removesuffix(".npy") in only
        }
        comment = archive.comment
    sealed = comment.startswith(SEAL) or len(comment) == len(SEAL) + 64  # whatever has become of its words
    if own and not sealed:
        raise ArchiveError("no sha256")
    if sealed and only is None and comment != digest(arrays):
        raise ArchiveError("content with another sha256")
    if comment != b"" and SEAL.startswith(comment[: len(SEAL)]) and len(comment) < len(SEAL):
        raise ArchiveError("half a sha256")
    return arrays


def check_archive(stream: IO[bytes], archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """List the members of an archive in which nothing is larger than the file, hidden or there twice."""
    size, members = stream.seek(0, os.SEEK_END), archive.infolist()
    _check_members(members, size)
    _check_end(stream, size, archive.comment, len(members))
    return members


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """Read the bytes of one member, in memory that may be written to."""
    data = np.empty(member.file_size, np.uint8)
    with archive.open(member) as stream:
        _fill(stream, data.data, member)
    return data


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse members that share a name or bytes, or are larger than the file can hold."""
    names = [m.filename.removesuffix(".npy") for m in members]
    if len({*names}) < len(names):
        raise ArchiveError("two entries of one name")
    end = 0
    for m in sorted(members, key=lambda m: m.header_offset):
        if m.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError(f"entry {m.filename!r:.60} has compression {m.compress_type}")
        if m.compress_type == zipfile.ZIP_STORED and m.compress_size != m.file_size:
            raise ArchiveError(f"entry {m.filename!r:.60} has two sizes")
        if m.header_offset < end:
            raise ArchiveError(f"entry {m.filename!r:.60} lies over another one")
        end = m.header_offset + 30 + len(m.filename) + m.compress_size  # 30 bytes and the name come before the data
        if m.compress_size < 0 or m.file_size < 0 or end > size:
            raise ArchiveError(f"entry {m.filename!r:.60} is larger than the file")
    unpacked = sum(m.file_size for m in members)
    if unpacked > size and unpacked > max(FLOOR, RATIO * size):
        raise ArchiveError(f"{unpacked:,} bytes packed into {size:,}")


def _check_end(stream: IO[bytes], size: int, comment: bytes, found: int) -> None:
    """Refuse bytes behind the archive's end, a comment shorter than it says, and fewer or more entries."""
    stream.seek(max(0, size - 22 - len(comment)))
    tail = stream.read(22)
    if tail[:4] != b"PK\x05\x06" or int.from_bytes(tail[20:22], "little") != len(comment):
        raise ArchiveError("no end where the end must be")
    told = int.from_bytes(tail[10:12], "little")
    if told != min(found, 0xFFFF):  # one more than that stands elsewhere
        raise ArchiveError(f"{found} entries where there must be {told}")  # one lies inside another one's comment


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray[Any, Any]:
    """Read one .npy member whose header agrees with its size."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise ArchiveError(f"entry {member.filename!r:.60} has .npy version {version}")
        if dtype.hasobject:
            raise ArchiveError("Object arrays cannot be loaded when allow_pickle=False")  # NumPy's words
        if dtype.kind not in "fiub" or dtype.subdtype is not None:
            raise ArchiveError(f"entry {member.filename!r:.60} is no array of numbers")
        if any(type(n) is not int or n < 0 for n in shape):
            raise ArchiveError(f"entry {member.filename!r:.60} has shape {shape!r:.60}")
        expected, there = math.prod(shape) * dtype.itemsize, member.file_size - stream.tell()
        if expected != there:
            raise ArchiveError(f"entry {member.filename!r:.60} needs {expected:,} bytes and has {there:,}")
        array = np.empty(shape[::-1] if fortran else shape, dtype)
        memory = array.reshape(-1).view(np.uint8).data
        _fill(stream, memory, member)
    return array.T if fortran else array


def _fill(stream: IO[bytes], memory: memoryview, member: zipfile.ZipInfo) -> None:
    """Read the rest of a member, which must be as long as this memory and have its checksum."""
    at, expected = 0, len(memory)
    while at < expected:
        chunk = stream.read(min(CHUNK, expected - at))
        if not chunk:
            raise ArchiveError(f"entry {member.filename!r:.60} ends early")
        memory[at : at + len(chunk)] = chunk
        at += len(chunk)
    if stream.read(1):  # reading to the end also compares the checksum
        raise ArchiveError(f"entry {member.filename!r:.60} goes on behind its end")
