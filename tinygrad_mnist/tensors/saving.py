"""Save and load tensors with the dicts, lists and numbers around them: an .npz file, and not a line of code in it.

Arrays go in under their paths; what is not a flat dict of arrays also gets a description in JSON. Nothing is ever
unpickled, so a file from a stranger can be wrong but not harmful. Other formats: torch_files.py, safe_files.py.
"""

from __future__ import annotations

import io
import json
import os
import re
from typing import Any

import numpy as np

from ..core.archive import Archive, read_arrays, write_arrays
from ..core.errors import ArgumentError, DataError, MissingDependencyError, OutputError, UnsavableError, reason
from ..core.files import kind_of, write_whole
from ..core.graph import Var
from .safe_files import read_safe, written_safe
from .tensor import Tensor
from .torch_files import LEGACY, is_torch_file, read_torch
from .torch_writing import write_torch

STRUCTURE = "__structure__"
MARK = "__array__"
NUMBERED = "__numbered__"  # a dict whose keys are whole numbers
TORCHS = (".pt", ".pth", ".tar", ".bin", ".ckpt")  # as which PyTorch's programs save
RESERVED = ("", "file", "allow_pickle")  # names that an .npz file or NumPy's writer cannot take

LONGEST_NAME = 10_000
DEEPEST = 100  # dicts and lists inside one another: far from where Python or JSON stops
DEEPEST_JSON = 1000  # in a file: earlier ones went as deep as Python did
TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # a JSON string, whose brackets do not count


def save(obj: Any, path: Any) -> None:
    """Write a state dict, or any nesting of dicts, lists, tensors, arrays, numbers, strings and None.

    The file is whole or not there: an old one stays until the new one is on the disk. Its name decides what it is: .pt,
    .pth, .tar, .bin or .ckpt for PyTorch, as what is open for writing, .safetensors (a flat dict of tensors; an
    attribute `metadata` of it goes in, too), else .npz, from which tuples come back as lists. Dicts and lists may be
    nested 100 deep.

    Raises:
        OutputError: if the file cannot be written; for anything else inside, one that is a DTypeError too
    """
    try:
        ending = os.path.splitext(os.fspath(path))[1] if isinstance(path, str | os.PathLike) else ""
        if ending in TORCHS or hasattr(path, "write"):
            data = write_torch(obj, DEEPEST)
        else:
            data = written_safe(obj) if ending == ".safetensors" else _npz(obj)
    except (OutputError, MissingDependencyError):
        raise
    except Exception as error:  # numbers without end, no memory: whatever JSON, zip and npy cannot take
        wanted = "tensors, arrays, numbers and strings in dicts and lists, and memory for one more copy of them"
        raise OutputError("save: what is to be saved cannot be written.", got=reason(error), expected=wanted) from error
    if hasattr(path, "write"):
        path.write(data)
    else:
        write_whole(path, data, "save")


def _npz(obj: Any) -> Any:
    arrays: dict[str, Any] = {}
    stream = io.BytesIO()
    structure = _describe(obj, "", arrays)
    if structure != {name: {MARK: name} for name in arrays}:  # more than a dict of arrays under their own names
        arrays[STRUCTURE] = np.frombuffer(json.dumps(structure).encode(), dtype=np.uint8)
    write_arrays(stream, arrays)
    return stream.getvalue()


def load(path: Any, map_location: Any = None, *, weights_only: bool | None = None) -> Any:
    """Read what `save`, torch.save or safetensors wrote, arrays as tensors; the content decides how.

    Args:
        path: where it is, or what is open for reading
        map_location: None, "cpu", a function or a dict of such: all tensors come to the CPU
        weights_only: taken for PyTorch's sake; nothing else is read, whatever it says
    Raises:
        DataError: if the file is missing, damaged or of another kind; nothing in it is executed
        ArgumentError: for another device
    """
    asked = map_location.values() if isinstance(map_location, dict) else [map_location]
    if not all(place is None or callable(place) or str(place) in ("cpu", "cpu:0") for place in asked):
        got = f"map_location={map_location!r:.60}"
        raise ArgumentError("load: tensors are on the CPU alone.", got=got, expected='map_location="cpu" or None')
    try:
        is_open = hasattr(path, "read")
        # reading from a pipe would wait for ever
        if not is_open and (kind := kind_of(os.stat(os.fspath(path)).st_mode)):
            raise ValueError(kind)
        with io.BytesIO(path.read()) if is_open else open(path, "rb") as stream:
            start = stream.read(16)
            if not start.startswith((b"PK", b"\x80")) and (start[8:9] == b"{" or str(path).endswith(".safetensors")):
                return read_safe(start + stream.read())
            if start.startswith(LEGACY):
                what, hint = f"load: {path} was written by torch.save before 1.6.", "torch.save(torch.load(path), path)"
                raise DataError(what, expected="a zip file, as torch.save writes now", hint=hint)
            if start.startswith(b"PK") and is_torch_file(Archive(stream).infolist()):
                return read_torch(stream, path)
            arrays = read_arrays(stream)
        structure = _parse(arrays.pop(STRUCTURE).tobytes()) if STRUCTURE in arrays else None
        if structure is None:
            return {name: Tensor.wrap(array) for name, array in arrays.items()}
        return _rebuild(structure, arrays)
    except FileNotFoundError:
        raise DataError(f"load: {path} does not exist.", expected="a file that tg.save wrote") from None
    except (DataError, MissingDependencyError):
        raise
    except Exception as error:  # damage fails in as many ways as zip, deflate, npy and JSON have
        what, got, hint = f"load: {path} is damaged or is no file of this package.", reason(error), ""
        if "pickle" in str(error) or ".pkl" in str(error):
            got = "Python objects, whose loading could run code"
            hint = "where the weights were made: tg.save({k: v.numpy() for k, v in state_dict.items()}, path)"
        raise DataError(what, got=got, expected="an .npz file that tg.save wrote", hint=hint) from error


def _describe(x: Any, path: str, arrays: dict[str, Any], depth: int = 0) -> Any:
    """Replace arrays by marks that name them, collecting them on the way."""
    if depth > DEEPEST:
        what = "save: the object contains itself, or is nested too deeply."
        wanted, hint = f"dicts and lists at most {DEEPEST} deep", "a flat dict, as state_dict() gives"
        raise OutputError(what, got=f"{path[:60]}...", expected=wanted, hint=hint)
    if isinstance(x, Var | np.ndarray):
        array = x.array if isinstance(x, Var) else x
        if array.dtype.kind not in "fiub":
            raise UnsavableError(f"save: cannot save {array.dtype} data.", got=f"at {path or 'the top'}")
        name, number = path, len(arrays)
        while name in RESERVED or name in arrays or not _is_plain(name):
            name, number = f"#{number}", number + 1
        arrays[name] = array
        return {MARK: name}
    if isinstance(x, dict):
        if x and all(type(k) is int for k in x):  # as an optimizer's
            return {NUMBERED: _describe({str(k): v for k, v in x.items()}, path, arrays, depth)}
        bad = [k for k in x if not isinstance(k, str) or k in (MARK, STRUCTURE, NUMBERED)]
        if bad:
            wanted = f"strings other than {MARK}, or whole numbers"
            raise UnsavableError(f"save: keys must be {wanted}.", got=f"{bad[0]!r:.60} at {path}")
        return {k: _describe(v, f"{path}/{k}" if path else k, arrays, depth + 1) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [_describe(v, f"{path}/{i}" if path else str(i), arrays, depth + 1) for i, v in enumerate(x)]
    if isinstance(x, np.generic):
        x = x.item()
    if x is None or isinstance(x, bool | int | float | str):
        return x
    got, wanted = f"{x!r:.60} at {path or 'the top'}", "dicts, lists, tensors, arrays, numbers, strings, None"
    hint = "model.state_dict() instead of the model"
    raise UnsavableError(f"save: cannot save a {type(x).__name__}.", got=got, expected=wanted, hint=hint)


def _is_plain(name: str) -> bool:
    """Tell whether a zip archive can hold an entry of this name and give it back."""
    return len(name) < LONGEST_NAME and "\0" not in name and "\\" not in name and name.isprintable()


def _parse(text: bytes) -> Any:
    """Read JSON whose nesting cannot exhaust the stack."""
    marks = np.frombuffer(TEXT.sub(b"", text), np.uint8)
    opening, closing = ((marks == ord(a)) | (marks == ord(b)) for a, b in ("[{", "]}"))
    if (np.cumsum(opening.astype(np.int64) - closing) > DEEPEST_JSON).any():
        raise ValueError(f"a structure nested more than {DEEPEST_JSON} deep")
    return json.loads(text)


def _rebuild(x: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(x, dict) and NUMBERED in x:
        return {int(k): v for k, v in _rebuild(x[NUMBERED], arrays).items()}
    if isinstance(x, dict):
        return Tensor.wrap(arrays[x[MARK]]) if MARK in x else {k: _rebuild(v, arrays) for k, v in x.items()}
    return [_rebuild(v, arrays) for v in x] if isinstance(x, list) else x
