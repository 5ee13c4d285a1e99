"""Where tensors live, which here is the CPU: PyTorch's `device`, and the error for any other place.

Other devices can be named and compared, so that scripts which choose one run; to use one is refused. Knows no tensor.
Look next at backend.py, which has the settings for new tensors.
"""

from __future__ import annotations

from typing import Any

from .errors import ArgumentError, DeviceError, DTypeError

# PyTorch's names of kinds of devices
KINDS = set("cpu cuda ipu xpu mkldnn opengl opencl ideep hip ve fpga maia xla lazy vulkan mps meta hpu mtia".split())


class device:
    """Name a device: `device("cpu")`, `device("cpu", 0)`, `device("cuda:1")`. Only "cpu" can be used."""

    __slots__ = ("type", "index")
    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index if index is None else index
        if isinstance(type, int) and index is None:
            raise absent("device", f"accelerator {type}")
        if not isinstance(type, str) or not (index is None or isinstance(index, int)):
            raise DTypeError("device: expected a name and a number.", got=f"{type!r:.60}, {index!r:.60}")
        kind, colon, number = type.partition(":")
        if kind not in KINDS or (colon and (index is not None or not number.isdecimal())):
            raise ArgumentError(f"device: {type!r:.60} names no device.", expected='"cpu", here the only one')
        self.type, self.index = kind, int(number) if colon else index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __enter__(self) -> device:
        on_cpu("with device", self)  # new tensors are made there, as everywhere
        return self

    def __exit__(self, *exception: Any) -> None:
        pass


CPU = device("cpu")


def absent(name: str, what: Any) -> DeviceError:
    """Explain that there is no other device than the CPU."""
    hint = 'device = "cuda" if tg.cuda.is_available() else "cpu"'
    expected = '"cpu": this package computes on the CPU alone'
    return DeviceError(f"{name}: there is no such device here.", got=str(what), expected=expected, hint=hint)


def on_cpu(name: str, where: Any) -> None:
    """Raise unless a device argument is None or names the CPU."""
    if where is not None and where is not CPU and (d := device(where)).type != "cpu":
        raise absent(name, d)


def set_default_device(device: Any) -> None:
    """Choose where new tensors are made: on the CPU; any other device is a DeviceError."""
    on_cpu("set_default_device", device)


def get_default_device() -> device:
    """Name the device on which new tensors are made."""
    return CPU
