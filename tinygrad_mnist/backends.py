"""What scripts ask and set of other machinery: `cuda.is_available()`, `backends.cudnn.benchmark = True` ...

None is here; seeding it is no error, using it is DeviceError, and the switches change nothing. See core/device.py.
"""

from types import SimpleNamespace as _SimpleNamespace
from typing import Any as _Any

from .core.device import absent as _absent
from .core.errors import AbsentError as _AbsentError


def _explain(switches: _Any, name: str) -> _Any:
    """Refuse what is asked else: the error says why it is not here."""
    error = _AbsentError(f"no attribute {name!r}")
    error.name, error.obj = name, switches
    hint = 'device = "cuda" if tg.cuda.is_available() else "cpu"'
    what = "this package computes on the CPU alone, in float32 or float64 throughout."
    error.explain = lambda: (f"{name!r:.60} is PyTorch's for an accelerator, or a slip: {what}", hint)
    raise error


class _Switches(_SimpleNamespace):
    """Answers and switches of some machinery."""

    __getattr__ = _explain



def _nothing(*_: _Any, **__: _Any) -> None:
    """Do nothing, as PyTorch does without an accelerator."""


def _refuse(device: _Any = None) -> _Any:
    """Refuse, since there is no such device."""
    raise _absent("cuda", "cuda" if device is None else device)


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Change nothing: what is computed here is the same each time."""


def set_float32_matmul_precision(precision: str) -> None:
    """Change nothing: products of float32 are in float32, whatever the precision asked for."""


# what is asked is answered by bool() and int(), which are False and 0
mps = _Switches(is_available=bool, is_built=bool)
cudnn = _Switches(
    benchmark=False, deterministic=False, enabled=False, allow_tf32=False, is_available=bool, version=_nothing
)
accelerator = _Switches(is_available=bool, device_count=int, current_accelerator=_nothing)
gpu = _Switches(
    is_available=bool, is_initialized=bool, device_count=int, manual_seed=_nothing, manual_seed_all=_nothing,
    empty_cache=_nothing, synchronize=_refuse, current_device=_refuse, get_device_name=_refuse,
)  # fmt: skip
cuda = _Switches(is_built=bool, matmul=_Switches(allow_tf32=False))  # backends.cuda; tg.cuda is the GPU itself
