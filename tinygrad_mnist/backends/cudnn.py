"""The switches of NVIDIA's library that scripts set (`cudnn.benchmark = True`): they can be set, and change nothing."""

from __future__ import annotations

benchmark = deterministic = allow_tf32 = enabled = False


def is_available() -> bool:
    """Tell that the library is not used."""
    return False


def version() -> None:
    """Tell no version."""
    return None
