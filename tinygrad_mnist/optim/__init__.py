"""Optimizers and learning-rate schedules. Exports only; start reading with optimizer.py."""

from ..core.absent import absent as _absent
from . import lr_scheduler, swa_utils
from .adaptive import ASGD, Adadelta, Adagrad, Adamax, NAdam, RAdam, RMSprop, Rprop
from .formula import SGD, Adam, AdamW
from .lbfgs import LBFGS
from .muon import Muon
from .optimizer import Optimizer

__all__ = [
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam", "Optimizer", "RAdam", "RMSprop",
    "Rprop", "SGD", "lr_scheduler", "swa_utils",
]  # fmt: skip

__getattr__ = _absent(__name__)
