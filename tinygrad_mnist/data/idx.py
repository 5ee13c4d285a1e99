"""The IDX format: bytes in, array out, and every way in which the bytes can be wrong named in the error.

An IDX file is two zero bytes, a type code, the number of axes, one big-endian uint32 per axis, then the values. MNIST
uses type 0x08 (unsigned byte) with three axes for images (magic 2051) and one for labels (magic 2049).
Knows nothing of MNIST's file names, hashes or folders. Look next at canonical.py and folders.py.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..core.errors import DataError

Bytes: TypeAlias = npt.NDArray[np.uint8]
Buffer: TypeAlias = bytes | bytearray

GZIP = b"\x1f\x8b"
BEGINNINGS: dict[bytes | tuple[bytes, ...], str] = {
    GZIP: "a gzip file", b"PK\x03\x04": "a zip or npz archive", b"\x93NUMPY": "a .npy file",
    (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"): "a pickle (never loaded: it can run any code)",
}  # fmt: skip
UNSIGNED_BYTE = 0x08
AXES = {"images": 3, "labels": 1}
TYPE_NAMES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def parse_idx(data: Buffer, kind: str, name: str) -> Bytes:
    """Read the array that IDX bytes hold.

    Shapes:
        "images" -> (N, rows, columns), "labels" -> (N,); uint8, writable, in memory of its own.
    Args:
        kind: "images" or "labels"
        name: what the error calls the bytes (a path or a URL)
    Raises:
        DataError: if the magic number, the number of axes or the length is wrong; bytes to spare count as wrong
    Source:
        the format as described on https://yann.lecun.com/exdb/mnist/.
    """
    axes = AXES[kind]
    expected = f"IDX {kind}: magic number {UNSIGNED_BYTE * 256 + axes}"
    start = 4 + 4 * axes
    if data[:4] != bytes((0, 0, UNSIGNED_BYTE, axes)):
        raise DataError(f"{name} is not an IDX file of {kind}.", got=describe(data), expected=expected)
    if len(data) < start:
        raise DataError(f"{name} is truncated.", got=f"{len(data)} bytes", expected=f"a header of {start} bytes")
    shape = struct.unpack(f">{axes}I", data[4:start])
    length = start + math.prod(shape)
    if len(data) != length:
        problem = "is truncated" if len(data) < length else "has bytes after its end"
        raise DataError(f"{name} {problem}.", got=f"{len(data):,} bytes", expected=f"{length:,} bytes for {shape}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


def format_idx(array: Bytes) -> bytes:
    """Write a uint8 array as IDX bytes, so that one hash recognises content from any container."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()


def gunzip(data: Buffer, name: str, limit: int) -> bytes:
    """Decompress gzip bytes, checksum included.

    Args:
        limit: the most bytes to accept, so that a hostile file cannot fill the memory
    Raises:
        DataError: if the bytes are not gzip, are damaged, end early or hold more than the limit
    """
    if data[:2] != GZIP:
        raise DataError(f"{name} is not a gzip file.", got=describe(data), expected="gzip (1f 8b ...)")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            content = stream.read(limit + 1)
    except EOFError as error:
        raise DataError(f"{name} is truncated.", got=f"{len(data):,} bytes of gzip without an end") from error
    except (OSError, zlib.error, ValueError, struct.error, MemoryError) as error:
        raise DataError(f"{name} is damaged.", got=f"gzip: {error}") from error
    if len(content) > limit:
        raise DataError(f"{name} is too large.", got=f"more than {limit:,} bytes", expected=f"at most {limit:,} bytes")
    return content


def describe(data: Buffer) -> str:
    """Name what some bytes look like, for an error message."""
    head = bytes(data[:512])
    text = head.lstrip().lower()
    if not head:
        return "an empty file"
    for begins, words in BEGINNINGS.items():
        if head.startswith(begins):
            return words
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "an HTML page (an error or log-in page in place of the file?)"
    if text.startswith(b"<?xml"):
        return "an XML page (an error message of the server?)"
    if text.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer (run: git lfs pull)"
    if head[:2] == b"\0\0" and len(head) >= 4:
        code, axes = head[2], head[3]
        if code == UNSIGNED_BYTE:
            known = {3: "images", 1: "labels"}.get(axes, f"an array of {axes} axes")
            return f"IDX {known}: magic number {code * 256 + axes}"
        if code in TYPE_NAMES:
            return f"IDX of {TYPE_NAMES[code]}: magic number {code * 256 + axes}"
    return f"bytes that begin with {head[:4].hex(' ')}"
