"""Derivatives as values, and the checker that compares them with numeric ones."""

from ..core.absent import absent as _absent
from ..core.graph import enable_grad, is_grad_enabled, no_grad
from .grad import grad
from .gradcheck import gradcheck, gradgradcheck

__all__ = ["enable_grad", "grad", "gradcheck", "gradgradcheck", "is_grad_enabled", "no_grad"]

__getattr__ = _absent(__name__)
