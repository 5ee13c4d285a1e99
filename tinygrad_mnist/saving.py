"""Save and load tensors with the dicts, lists and numbers around them: an .npz file, and not a line of code in it.

Arrays go in under their paths; what is not a flat dict of arrays also gets a description in JSON. Nothing is ever
unpickled, so a file from a stranger can be wrong but not harmful. Read after files.py.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, DTypeError, OutputError
from .files import write_whole
from .graph import Var
from .tensor import Tensor

STRUCTURE = "__structure__"
MARK = "__array__"
RESERVED = ("", "file", "allow_pickle")  # names that an .npz file or NumPy's writer cannot take


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Write a state dict, or any nesting of dicts, lists, tensors, arrays, numbers, strings and None.

    The file is whole or not there: an old one stays until the new one is on the disk. Tuples come back as lists.

    Raises:  DTypeError for anything else inside; OutputError if the file cannot be written
    """
    arrays: dict[str, Any] = {}
    structure = _describe(obj, "", arrays)
    if structure != {name: {MARK: name} for name in arrays}:  # more than a dict of arrays under their own names
        arrays[STRUCTURE] = np.frombuffer(json.dumps(structure).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    try:
        write_whole(Path(path), stream.getbuffer())
    except OSError as error:
        raise OutputError(
            f"save: {path} cannot be written.",
            got=error.strerror or str(error),
            expected="a folder that exists, with permission and room",
        ) from error


def load(path: str | os.PathLike[str]) -> Any:
    """Read what `save` wrote, arrays as tensors.

    Raises:  DataError if the file is missing, damaged or of another kind; nothing in it is executed
    """
    try:
        with open(path, "rb") as stream, zipfile.ZipFile(stream):  # anything else is no .npz file
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        strange = [n for n, a in arrays.items() if not isinstance(a, np.ndarray) or a.dtype.kind not in "fiub"]
        if strange:
            raise ValueError(f"entry {strange[0]!r} is no array of numbers")
        structure = json.loads(arrays.pop(STRUCTURE).tobytes()) if STRUCTURE in arrays else None
        if structure is None:
            return {name: Tensor.wrap(array) for name, array in arrays.items()}
        return _rebuild(structure, arrays)
    except FileNotFoundError:
        raise DataError(f"load: {path} does not exist.", expected="a file that tg.save wrote") from None
    except (OSError, ValueError, KeyError, AttributeError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        pickled = "pickle" in str(error) or ".pkl" in str(error)
        raise DataError(
            f"load: {path} is damaged or is no file of this package.",
            got="Python objects, whose loading could run code" if pickled else str(error),
            expected="an .npz file that tg.save wrote",
            hint="where the weights were made: tg.save({k: v.numpy() for k, v in state_dict.items()}, path)"
            if pickled
            else "",
        ) from error


def _describe(x: Any, path: str, arrays: dict[str, Any]) -> Any:
    """Replace arrays by marks that name them, collecting them on the way."""
    if isinstance(x, Var | np.ndarray):
        array = x.array if isinstance(x, Var) else x
        if array.dtype.kind not in "fiub":
            raise DTypeError(f"save: cannot save {array.dtype} data.", got=f"at {path or 'the top'}")
        name = path if path not in (*RESERVED, *arrays) else f"#{len(arrays)}"
        arrays[name] = array
        return {MARK: name}
    if isinstance(x, dict):
        bad = [k for k in x if not isinstance(k, str) or k in (MARK, STRUCTURE)]
        if bad:
            raise DTypeError(f"save: keys must be strings other than {MARK}.", got=f"{bad[0]!r} at {path or 'the top'}")
        return {k: _describe(v, f"{path}/{k}" if path else k, arrays) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [_describe(v, f"{path}/{i}" if path else str(i), arrays) for i, v in enumerate(x)]
    if isinstance(x, np.generic):
        return x.item()
    if x is None or isinstance(x, bool | int | float | str):
        return x
    raise DTypeError(
        f"save: cannot save a {type(x).__name__}.",
        got=f"{x!r:.60} at {path or 'the top'}",
        expected="dicts, lists, tensors, arrays, numbers, strings, None",
        hint="model.state_dict() instead of the model",
    )


def _rebuild(x: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(x, dict):
        return Tensor.wrap(arrays[x[MARK]]) if MARK in x else {k: _rebuild(v, arrays) for k, v in x.items()}
    return [_rebuild(v, arrays) for v in x] if isinstance(x, list) else x
