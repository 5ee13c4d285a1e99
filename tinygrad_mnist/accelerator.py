"""Whatever accelerator there is, as scripts ask for it (`accelerator.is_available()`): there is none.

The usual line takes "cpu" then. Look next at core/device.py.
"""

from __future__ import annotations

from .core.device import device


def is_available() -> bool:
    """Tell that there is no accelerator."""
    return False


def current_accelerator(check_available: bool = False) -> device | None:
    """Name the accelerator: None."""
    return None


def device_count() -> int:
    """Count the accelerators: 0."""
    return 0
