"""Read and write .safetensors files by the package of that name, which checks them: tensors by name, and metadata.

Knows no other format. Look next at saving.py.
"""

from __future__ import annotations

import importlib
import json
from collections import OrderedDict
from typing import Any

import numpy as np

from ..core.errors import MissingDependencyError, UnsavableError
from ..core.graph import Var
from .tensor import Tensor

KINDS = {
    "F64": "f8", "F32": "f4", "F16": "f2", "BF16": "u2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip


def package(owner: str, name: str = "safetensors") -> Any:
    """Load safetensors, an extra."""
    try:
        importlib.import_module("safetensors")
        return importlib.import_module(name)
    except ImportError as error:
        what, hint = f"{owner}: safetensors is not installed.", "pip install 'tinygrad_mnist[safetensors]'"
        raise MissingDependencyError(what, got=str(error), hint=hint) from error


def read_safe(data: bytes) -> Any:
    """Read tensors (bfloat16 as float32) as an OrderedDict, whose attribute `metadata` has the file's."""
    result: OrderedDict[str, Tensor] = OrderedDict()
    for name, entry in package("load").deserialize(data):
        kind = entry["dtype"]
        array = np.frombuffer(entry["data"], np.dtype(KINDS[kind]).newbyteorder("<")).reshape(entry["shape"])
        array = array.astype(array.dtype.newbyteorder("="), copy=not array.flags.writeable)
        result[name] = Tensor.wrap((array.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else array)
    head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    vars(result)["metadata"] = head.get("__metadata__", {})
    return result


def written_safe(obj: Any) -> Any:
    """Write a dict of tensors, and the metadata (texts by name) that it carries as an attribute."""
    arrays = {k: v.array if isinstance(v, Var) else v for k, v in obj.items()} if isinstance(obj, dict) else {0: obj}
    numbers = {k for k, v in arrays.items() if isinstance(v, np.ndarray) and v.dtype.kind in "fiub"}
    bad = [k for k in arrays if k not in numbers or not isinstance(k, str)]
    if bad:
        wanted, hint = "a flat dict of tensors by name, as state_dict() gives", "a path that ends in .npz or .pt"
        got = f"{type(arrays[bad[0]]).__name__} at {bad[0]!r:.60}"
        raise UnsavableError("save: a .safetensors file holds named tensors only.", got=got, expected=wanted, hint=hint)
    contiguous = {k: np.ascontiguousarray(v).reshape(v.shape) for k, v in arrays.items()}
    return package("save", "safetensors.numpy").save(contiguous, metadata=getattr(obj, "metadata", None) or None)
