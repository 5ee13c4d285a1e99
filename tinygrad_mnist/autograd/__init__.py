"""Derivatives as values, operations of one's own, and the checker that compares derivatives with numeric ones."""

from ..core.graph import enable_grad, is_grad_enabled, no_grad
from . import function
from .function import Function
from .grad import backward, grad
from .gradcheck import gradcheck, gradgradcheck
from .modes import inference_mode, set_grad_enabled

__all__ = [
    "Function", "backward", "enable_grad", "function", "grad", "gradcheck", "gradgradcheck", "inference_mode",
    "is_grad_enabled", "no_grad", "set_grad_enabled",
]  # fmt: skip
