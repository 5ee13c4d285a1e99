"""How generated machine code is called and given its arrays: by addresses, as quick for fifty arrays as for two.

A phase is a C function of a thread's number and of the address of a list of addresses. Whoever calls it keeps the
arrays alive, and gives them in the shape and dtype that the phase was written for. Read with source.py.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from ..core.backend import Array

PHASE = types.void(types.intp, types.intp)
WORD = ir.IntType(64)


@intrinsic
def at(typing: Any, places: Any, i: Any) -> Any:
    """Give the i-th address of a list of them, as a pointer."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        addresses = builder.inttoptr(args[0], WORD.as_pointer())
        address = builder.load(builder.gep(addresses, [args[1]]))
        return builder.inttoptr(address, context.get_value_type(types.voidptr))

    return types.voidptr(types.intp, types.intp), write


@intrinsic
def call(typing: Any, phase: Any, t: Any, places: Any) -> Any:
    """Call the phase at an address."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [WORD, WORD])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), write


class Places:
    """Arrays by number: kept alive here, and their addresses in a row."""

    def __init__(self, count: int) -> None:
        self.arrays: list[Array | None] = [None] * count
        self.addresses = np.zeros(count, np.int64)
        self.start = self.addresses.ctypes.data

    def put(self, i: int, array: Array) -> None:
        """Set one."""
        self.arrays[i] = array
        self.addresses[i] = array.__array_interface__["data"][0]


class Launcher:
    """Runs phases of a compiled module, one after the other, each on all threads."""

    def __init__(self, module: ModuleType, phases: list[str], threads: int) -> None:
        self.run, self.threads = module.run, threads
        self.phases = np.array([getattr(module, name).address for name in phases], np.int64)

    def __call__(self, places: Places) -> None:
        self.run(self.phases, places.start, self.threads)
