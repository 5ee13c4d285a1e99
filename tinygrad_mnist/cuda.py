"""NVIDIA's GPUs, as scripts ask for them (`cuda.is_available()`): there are none, and seeding none is no error.

`from ... import cuda` as in PyTorch; what would use a GPU raises DeviceError. Look next at core/device.py.
"""

from __future__ import annotations

from typing import Any

from .core.device import absent


def is_available() -> bool:
    """Tell that no GPU can be used."""
    return False


def device_count() -> int:
    """Count the GPUs: 0."""
    return 0


def is_initialized() -> bool:
    """Tell that none is in use."""
    return False


def manual_seed(seed: int) -> None:
    """Seed no generator, as PyTorch does without a GPU."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Give back no memory, as PyTorch does without a GPU."""


def synchronize(device: Any = None) -> None:
    """Refuse, since there is nothing to wait for.

    Raises:
        DeviceError
    """
    raise absent("cuda.synchronize", "cuda" if device is None else device)


def current_device() -> int:
    """Refuse, since there is none.

    Raises:
        DeviceError
    """
    raise absent("cuda.current_device", "cuda")


def get_device_name(device: Any = None) -> str:
    """Refuse, since there is none.

    Raises:
        DeviceError
    """
    raise absent("cuda.get_device_name", "cuda" if device is None else device)
