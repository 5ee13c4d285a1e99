"""Write what torch.load(weights_only=True) reads: a zip archive of one pickle and the tensors' memory.

The pickle is written opcode by opcode, in the few that such a file needs. Look next at torch_files.py, which reads.
"""

from __future__ import annotations

import io
import math
import struct
import sys
from typing import Any

import numpy as np

from ..core.archive import Archive
from ..core.errors import UnsavableError
from ..core.graph import Array, Var
from .torch_files import STORAGES


def write_torch(obj: Any, deepest: int) -> bytes:
    """Write what torch.load(weights_only=True) reads: tensors, numbers, strings in dicts, lists and tuples."""
    storages = {np.dtype(kind): name for name, kind in STORAGES.items() if kind != "bfloat16"}
    arrays: list[Array] = []

    def text(x: str) -> bytes:
        data = x.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(data)) + data

    def numbers(x: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(pickled, x)) + b"t"

    def tensor(x: Var | Array) -> bytes:
        array = np.asarray(x.array if isinstance(x, Var) else x)
        if array.dtype not in storages:
            raise UnsavableError(f"save: cannot save {array.dtype} data for PyTorch.", expected="a dtype of PyTorch's")
        wanted = isinstance(x, Var) and x.node is None and x.differentiable
        arrays.append(np.ascontiguousarray(array))
        steps = tuple(math.prod(array.shape[i + 1 :]) for i in range(array.ndim))
        reference = text("storage") + f"ctorch\n{storages[array.dtype]}\n".encode()
        reference += text(str(len(arrays) - 1)) + text("cpu") + pickled(array.size)
        rebuilt = b"(" + reference + b"tQ" + pickled(0) + numbers(array.shape) + numbers(steps) + pickled(wanted)
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + rebuilt + b"ccollections\nOrderedDict\n)RtR"

    def pickled(x: Any, depth: int = 0) -> bytes:
        if isinstance(x, np.generic):
            x = x.item()
        if depth > deepest:
            raise UnsavableError("save: the object contains itself, or is nested too deeply.")
        if x is None or isinstance(x, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[x]
        if isinstance(x, int):
            count = x.bit_length() // 8 + 1
            return b"\x8a" + bytes([count]) + x.to_bytes(count, "little", signed=True)
        if isinstance(x, float):
            return b"G" + struct.pack(">d", x)
        if isinstance(x, str):
            return text(x)
        if isinstance(x, Var | np.ndarray):
            return tensor(x)
        if isinstance(x, dict):
            if bad := [k for k in x if not (k is None or isinstance(k, str | int | float))]:
                raise UnsavableError("save: keys must be strings or numbers.", got=f"{bad[0]!r:.60}")
            return b"}(" + b"".join(pickled(v, depth + 1) for item in x.items() for v in item) + b"u"
        if isinstance(x, list | tuple):
            inner = b"".join(pickled(v, depth + 1) for v in x)
            return b"](" + inner + b"e" if isinstance(x, list) else b"(" + inner + b"t"
        wanted = "dicts, lists, tuples, tensors, arrays, numbers, strings, None"
        raise UnsavableError(f"save: cannot save a {type(x).__name__}.", got=f"{x!r:.60}", expected=wanted)

    stream = io.BytesIO()
    archive = Archive(stream, "w")
    members: dict[str, Any] = {"data.pkl": b"\x80\x02" + pickled(obj) + b".", "byteorder": sys.byteorder.encode()}
    members |= {f"data/{i}": array.reshape(-1).view(np.uint8).data for i, array in enumerate(arrays)}
    for name, data in (members | {"version": b"3\n"}).items():
        with archive.open(f"archive/{name}", "w", force_zip64=True) as member:
            member.write(data)
    archive.close()
    return stream.getvalue()
