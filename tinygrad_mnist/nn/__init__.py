"""Layers, containers and losses. Exports only; start reading with module.py."""

from ..core.absent import absent as _absent
from . import functional, init, utils
from .activation import Dropout, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .containers import ModuleList, Sequential
from .conv import Conv2d, MaxPool2d
from .linear import Flatten, Linear
from .loss import CrossEntropyLoss, Loss, MSELoss, NLLLoss
from .module import Module
from .parameter import Parameter

Conv2D, MaxPool = Conv2d, MaxPool2d

__all__ = [
    "Conv2D", "Conv2d", "CrossEntropyLoss", "Dropout", "Flatten", "Linear", "LogSoftmax", "Loss", "MSELoss", "MaxPool",
    "MaxPool2d", "Module", "ModuleList", "NLLLoss", "Parameter", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh",
    "functional", "init", "utils",
]  # fmt: skip

__getattr__ = _absent(__name__)
