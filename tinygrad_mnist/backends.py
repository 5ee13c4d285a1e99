"""What scripts ask and set of other machinery: `cuda.is_available()`, `backends.cudnn.benchmark = True` ...

None is here; seeding it is no error, using it is DeviceError, and the switches change nothing. See core/device.py.
"""

from types import SimpleNamespace as _Switches
from typing import Any as _Any

from .core.device import absent as _absent


def _no() -> bool:
    """Tell that it is not here."""
    return False


def _count() -> int:
    """Count what is here: 0."""
    return 0


def _nothing(seed: _Any = None, check_available: bool = False) -> None:
    """Do nothing, as PyTorch does without an accelerator."""


def _refuse(device: _Any = None) -> _Any:
    """Refuse, since there is no such device."""
    raise _absent("cuda", "cuda" if device is None else device)


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Change nothing: what is computed here is the same each time."""


def set_float32_matmul_precision(precision: str) -> None:
    """Change nothing: products of float32 are in float32, whatever the precision asked for."""


mps = _Switches(is_available=_no, is_built=_no)
cudnn = _Switches(
    benchmark=False, deterministic=False, enabled=False, allow_tf32=False, is_available=_no, version=_nothing
)
accelerator = _Switches(is_available=_no, device_count=_count, current_accelerator=_nothing)
gpu = _Switches(
    is_available=_no, is_initialized=_no, device_count=_count, manual_seed=_nothing, manual_seed_all=_nothing,
    empty_cache=_nothing, synchronize=_refuse, current_device=_refuse, get_device_name=_refuse,
)  # fmt: skip
cuda = _Switches(is_built=_no, matmul=_Switches(allow_tf32=False))  # backends.cuda; tg.cuda is the GPU itself
