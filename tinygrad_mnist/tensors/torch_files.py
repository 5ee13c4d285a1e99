"""Read what torch.save wrote, without running a line of it.

A .pt file is a zip archive: one pickle, and each tensor's memory as a member of its own. The pickle is a program; here
its opcodes are read by hand, its names are looked up in the tables below and nothing else can be named or called.
Sizes are checked before memory is taken, shapes and strides against that memory. Look next at torch_writing.py.
"""

from __future__ import annotations

import math
import struct
import sys
import zipfile
from collections import OrderedDict
from typing import IO, Any

import numpy as np

from ..core.archive import Archive, ArchiveError, check_archive, read_member
from ..core.errors import DataError
from ..core.graph import Array
from ..core.versions import Version
from .tensor import Tensor

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how files of torch.save before 1.6 begin
STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "bool",
}  # fmt: skip
UNTYPED = "torch.storage.UntypedStorage"
NAMES = {
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter", "collections.OrderedDict", "collections.Counter", "torch.Size", "torch.device",
    "builtins.set", "__builtin__.set", "builtins.complex", "__builtin__.complex", "_codecs.encode", UNTYPED,
    *(f"torch.{name}" for name in (*STORAGES, "uint16", "uint32", "uint64")),
}  # fmt: skip
KEYS = {type(None), bool, int, float, str, bytes}
PLAIN = {*KEYS, complex, Tensor}
CONSTANTS: dict[bytes, Any] = {b"N": None, b"\x88": True, b"\x89": False, b")": ()}
NUMBERS = {b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}  # opcode -> how the number is stored
LENGTHS = {b"X": "<I", b"\x8c": "<B", b"\x8d": "<Q", b"B": "<I", b"C": "<B", b"\x8a": "<B"}  # ..., the length
MOST = 2**59  # elements of a tensor, which may be fewer in memory: a stride can be 0


class Name:
    """What a pickle names, allowed by NAMES; never the thing itself."""

    def __init__(self, name: str) -> None:
        self.name = name


class Storage:
    """The memory that tensors look at, and who looks."""

    def __init__(self, array: Array) -> None:
        self.array, self.version = array, Version()


def is_torch_file(members: list[zipfile.ZipInfo]) -> bool:
    """Tell a file of torch.save from an .npz file."""
    return any(m.filename.endswith("/data.pkl") for m in members)


def read_torch(stream: IO[bytes], path: object) -> Any:
    """Read a zip file of torch.save: tensors (bfloat16 as float32) in dicts, lists, tuples and sets.

    Raises:
        DataError: naming what else is in it; for damage whatever zipfile and NumPy raise
    """
    with Archive(stream) as archive:
        members = {m.filename: m for m in check_archive(stream, archive)}
        (top,) = (name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl"))
        reader = Pickle(read_member(archive, members[f"{top}data.pkl"]).tobytes(), path)
        told = members.get(f"{top}byteorder")  # not in older files
        order = b"little" if told is None else read_member(archive, told).tobytes()
        if order not in (b"little", b"big"):
            raise ArchiveError(f"byte order {order!r:.60}")
        reader.raw = lambda key: read_member(archive, members[f"{top}data/{key}"])
        reader.swapped = order.decode() != sys.byteorder
        return reader.read()


class Pickle:
    """One run over a pickle's opcodes: those that torch.load(weights_only=True) knows, and their newer spellings."""

    raw: Any
    swapped = False

    def __init__(self, text: bytes, path: object) -> None:
        self.text, self.at, self.path = text, 0, path
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0
        self.storages: dict[str, tuple[str, Storage]] = {}

    def refuse(self, what: str) -> DataError:
        """Say what is in the file that has no place there."""
        wanted = "tensors, numbers and strings in dicts, lists, tuples and sets: nothing else is read, or run"
        hint = "where it was made: torch.save(model.state_dict(), path)"
        return DataError(f"load: {self.path} holds {what[:200]}, which is refused.", expected=wanted, hint=hint)

    def take(self, count: int) -> bytes:
        """Take the next bytes."""
        self.at += count
        if self.at > len(self.text):
            raise ArchiveError("instructions that end early")
        return self.text[self.at - count : self.at]

    def number(self, form: str) -> Any:
        """Take a number."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """Take a line of text."""
        return self.take(self.text.index(b"\n", self.at) + 1 - self.at)[:-1].decode()

    def marked(self, count: int = 0) -> list[Any]:
        """Take what lies on the stack since the mark, or so many."""
        start = len(self.stack) - count if count else self.marks.pop()
        if not 0 <= start <= len(self.stack) or (self.marks and start < self.marks[-1]):
            raise ArchiveError("instructions whose stack runs empty")
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def read(self) -> Any:
        """Run to the end; what comes out is made of plain things only."""
        while (op := self.take(1)) != b".":
            self.run(op)
        (result,) = self.stack
        self.check(result)
        return result

    def run(self, op: bytes) -> None:
        """Follow one opcode."""
        stack, memo = self.stack, self.memo
        if op in CONSTANTS:
            stack.append(CONSTANTS[op])
        elif op in NUMBERS:
            stack.append(self.number(NUMBERS[op]))
        elif op in LENGTHS:
            data: Any = self.take(self.number(LENGTHS[op]))
            if op in b"X\x8c\x8d":
                data = data.decode("utf-8", "surrogatepass")
            stack.append(int.from_bytes(data, "little", signed=True) if op == b"\x8a" else data)
        elif op in b"}]\x8f":
            stack.append({} if op == b"}" else [] if op == b"]" else set())
        elif op == b"(":
            self.marks.append(len(stack))
        elif op in b"t\x85\x86\x87":
            stack.append(tuple(self.marked(b"t\x85\x86\x87".index(op))))
        elif op in b"qr\x94":
            memo[len(memo) if op == b"\x94" else self.number("<B" if op == b"q" else "<I")] = stack[-1]
        elif op in b"hj":
            stack.append(memo[self.number("<B" if op == b"h" else "<I")])
        elif op in b"aesu\x90":
            self.put(self.marked({b"a": 1, b"s": 2}.get(op, 0)), op)
        elif op in b"c\x93":
            stack.append(self.name(".".join((self.line(), self.line()) if op == b"c" else self.marked(2))))
        elif op == b"R":
            stack.append(self.call(*self.marked(2)))
        elif op == b"b":
            self.build(*self.marked(1))
        elif op == b"Q":
            stack.append(self.storage(*self.marked(1)))
        elif op in b"\x80\x95":  # the protocol, the length of a frame
            self.take(1 if op == b"\x80" else 8)
        else:
            raise self.refuse(f"the pickle opcode {op!r}")

    def put(self, items: list[Any], op: bytes) -> None:
        """Add to the list, dict or set below."""
        target = self.stack[-1]
        if type(target) is list and op in b"ae":
            target.extend(items)
        elif type(target) in (dict, OrderedDict) and op in b"su" and len(items) % 2 == 0:
            target.update(zip(map(self.key, items[::2]), items[1::2], strict=True))
        elif type(target) is set and op == b"\x90":
            target.update(map(self.key, items))
        else:
            raise ArchiveError(f"instructions that add to a {type(target).__name__}")

    def key(self, x: Any) -> Any:
        """Let through what can be a key without calling anything deep."""
        if not KEYS.issuperset(map(type, x if type(x) is tuple else (x,))):
            raise self.refuse(f"a key of type {type(x).__name__}")
        return x

    def name(self, name: str) -> Name:
        """Look a name up; it is the only thing that happens with it."""
        if name not in NAMES:
            raise self.refuse(name)
        return Name(name)

    def call(self, function: Any, arguments: Any) -> Any:
        """Make what a name stands for."""
        if type(function) is not Name or type(arguments) is not tuple:
            raise ArchiveError(f"instructions that call a {type(function).__name__}")
        name = function.name.rpartition(".")[2]
        if name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return self.tensor(*arguments[:5])
        if name == "_rebuild_tensor_v3":
            return self.tensor(*(*arguments[:5], arguments[6]))
        if name == "_rebuild_parameter":
            return shared(arguments[0].array, arguments[0].version, arguments[1] is True)
        if name == "OrderedDict" and not arguments:
            return OrderedDict()
        if name == "device":
            return ":".join(map(str, map(self.key, arguments)))
        if name == "complex":
            return complex(*map(float, map(self.key, arguments)))
        if name == "encode" and arguments[1:] == ("latin1",) and type(arguments[0]) is str:
            return self.once(arguments[0]).encode("latin1")
        if (name, *map(type, arguments)) in (("Size", tuple), ("Counter", dict)):
            return arguments[0]
        if (name, *map(type, arguments)) == ("set", list):
            return {*map(self.key, self.once(arguments[0]))}
        raise self.refuse(f"a call of {function.name}")

    def once(self, x: Any) -> Any:
        """Let through what is to be copied, as long as the copies are not more than the pickle itself."""
        self.copied += len(x)
        if self.copied > len(self.text):
            raise ArchiveError("instructions that copy without end")
        return x

    def build(self, state: Any) -> None:
        """Keep the versions that a state dict carries of its modules."""
        target = self.stack[-1]
        if type(target) is not OrderedDict or type(state) is not dict or [*state] != ["_metadata"]:
            raise self.refuse(f"the inner state of a {type(target).__name__}")
        vars(target).update(state)

    def storage(self, told: Any) -> Storage:
        """Read the memory that a pickle refers to, once."""
        word, kind, key, _, count = told
        if word != "storage" or type(kind) is not Name or type(key) is not str or type(count) is not int:
            raise ArchiveError("a reference to something other than a tensor's memory")
        kind = "u1" if kind.name == UNTYPED else STORAGES[kind.name.removeprefix("torch.")]
        if key not in self.storages:
            self.storages[key] = kind, Storage(self.typed(self.raw(key), kind))
        known, storage = self.storages[key]
        if known != kind or storage.array.size != count:
            raise ArchiveError(f"memory of {storage.array.size:,} {known} values for {count:,} of {kind}")
        return storage

    def typed(self, raw: Array, kind: str) -> Array:
        """Read bytes as values of a dtype; bfloat16, which NumPy has not, as float32."""
        if kind == "bool":
            return raw != 0
        dtype = np.dtype("u2" if kind == "bfloat16" else kind)
        values = raw.view(dtype).byteswap() if self.swapped else raw.view(dtype)
        return (values.astype(np.uint32) << 16).view(np.float32) if kind == "bfloat16" else values

    def tensor(self, storage: Any, offset: Any, sizes: Any, strides: Any, grad: Any = 0, dtype: Any = None) -> Tensor:
        """Look at memory; sizes, strides and offset that leave it are refused."""
        if (type(storage), type(sizes), type(strides)) != (Storage, tuple, tuple) or len(sizes) > 64:
            raise ArchiveError("a tensor of something other than memory, sizes and strides")
        if any(type(n) is not int or n < 0 for n in (offset, *sizes, *strides)):
            raise ArchiveError("an offset, size or stride that is no number of elements")
        array, version = storage.array, storage.version
        if dtype is not None:  # of an untyped storage
            array = array.view(np.dtype(dtype.name.removeprefix("torch.")).newbyteorder("S" if self.swapped else "="))
        reach, overlaps = 0, False
        for stride, n in sorted(zip(strides, sizes, strict=True)):
            overlaps |= n > 1 and stride <= reach
            reach += max(n - 1, 0) * stride
        count = math.prod(sizes)
        if count > MOST or offset > array.size or (count and offset + reach >= array.size):
            raise ArchiveError(f"sizes {sizes!r:.60}, strides {strides!r:.60} at {offset} in {array.size:,} elements")
        item = array.itemsize
        view: Array = np.ndarray(sizes, array.dtype, array, offset * item, [s * item for s in strides])
        view.flags.writeable = not overlaps  # as after expand()
        return shared(view, version, grad is True)

    def check(self, result: Any) -> None:
        """Refuse anything that is no data, wherever it lies."""
        seen, left = set(), [result]
        while left:
            x = left.pop()
            if id(x) in seen:
                continue
            seen.add(id(x))
            if type(x) in (dict, OrderedDict):
                left += [*x.values(), *vars(x).values()] if type(x) is OrderedDict else x.values()
            elif type(x) in (list, tuple, set):
                left += x
            elif type(x) not in PLAIN:
                raise self.refuse(x.name if type(x) is Name else f"a {type(x).__name__} outside a tensor")


def shared(array: Array, version: Version, requires_grad: bool) -> Tensor:
    """Make a tensor that looks at memory with others."""
    result = Tensor.wrap(array, requires_grad and array.dtype.kind == "f")
    result.version = version
    version.share(result)
    return result
