"""What scripts set for NVIDIA's GPUs (`backends.cuda.matmul.allow_tf32 = True`): it can be set, and changes nothing."""

from __future__ import annotations

from types import SimpleNamespace

matmul = SimpleNamespace(allow_tf32=False)


def is_built() -> bool:
    """Tell that this package was not made for one."""
    return False
