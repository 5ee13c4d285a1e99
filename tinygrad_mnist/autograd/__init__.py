"""Derivatives as values, operations of one's own, and the checker that compares derivatives with numeric ones."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from ..core.absent import absent as _absent
from ..core.graph import enable_grad, is_grad_enabled, no_grad
from ..tensors.tensor import Tensor as Variable
from .grad import backward, grad
from .gradcheck import gradcheck, gradgradcheck
from .modes import inference_mode, set_grad_enabled

if _TYPE_CHECKING:
    from . import forward_ad, function, functional
    from .anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
    from .function import Function

__all__ = [
    "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "forward_ad", "function", "functional", "grad",
    "gradcheck", "gradgradcheck", "inference_mode", "is_anomaly_enabled", "is_grad_enabled", "no_grad",
    "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip

__getattr__ = _absent(__name__, {
    ".forward_ad": "forward_ad", ".functional": "functional", ".function": "function Function",
    ".anomaly": "detect_anomaly is_anomaly_enabled set_detect_anomaly",
})  # fmt: skip
