"""Apple's GPU, as scripts ask for it: not here."""

from __future__ import annotations


def is_available() -> bool:
    """Tell that there is no GPU of Apple's to use."""
    return False


def is_built() -> bool:
    """Tell that this package was not made for one."""
    return False
