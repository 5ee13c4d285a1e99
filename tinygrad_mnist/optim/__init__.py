"""Optimizers and learning-rate schedules. Exports only; start reading with optimizer.py."""

from ..core.absent import absent as _absent
from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["Adam", "AdamW", "Optimizer", "SGD", "lr_scheduler"]

__getattr__ = _absent(__name__)
