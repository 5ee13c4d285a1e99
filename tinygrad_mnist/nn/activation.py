"""Layers without parameters: activations and probabilities; and PReLU, which has one.

Each is its function with settings: nn/functional/activation.py has the formulas. Read after layer.py.
"""

from __future__ import annotations

from typing import Any

from ..tensors.creation import full
from ..tensors.tensor import Tensor
from . import functional as F
from .layer import REQUIRED, layer
from .module import Module
from .parameter import Parameter

ReLU = layer("ReLU", F.relu, inplace=False)
ReLU6 = layer("ReLU6", F.relu6, inplace=False)
LeakyReLU = layer("LeakyReLU", F.leaky_relu, "negative_slope={negative_slope}", negative_slope=0.01, inplace=False)
RReLU = layer("RReLU", F.rrelu, "lower={lower}, upper={upper}", trains=True, lower=1 / 8, upper=1 / 3, inplace=False)
ELU = layer("ELU", F.elu, "alpha={alpha}", alpha=1.0, inplace=False)
SELU = layer("SELU", F.selu, inplace=False)
CELU = layer("CELU", F.celu, "alpha={alpha}", alpha=1.0, inplace=False)
GELU = layer("GELU", F.gelu, "approximate={approximate!r}", approximate="none")
SiLU = layer("SiLU", F.silu, inplace=False)
Mish = layer("Mish", F.mish, inplace=False)
Softplus = layer("Softplus", F.softplus, "beta={beta}, threshold={threshold}", beta=1.0, threshold=20.0)
Softsign = layer("Softsign", F.softsign)
Tanh = layer("Tanh", F.tanh)
Tanhshrink = layer("Tanhshrink", F.tanhshrink)
Sigmoid = layer("Sigmoid", F.sigmoid)
LogSigmoid = layer("LogSigmoid", F.logsigmoid)
Hardtanh = layer("Hardtanh", F.hardtanh, "min_val={min_val}, max_val={max_val}", min_val=-1.0, max_val=1.0,
                 inplace=False)  # fmt: skip
Hardsigmoid = layer("Hardsigmoid", F.hardsigmoid, inplace=False)
Hardswish = layer("Hardswish", F.hardswish, inplace=False)
Hardshrink = layer("Hardshrink", F.hardshrink, "{lambd}", lambd=0.5)
Softshrink = layer("Softshrink", F.softshrink, "{lambd}", lambd=0.5)
Threshold = layer("Threshold", F.threshold, "threshold={threshold}, value={value}", threshold=REQUIRED, value=REQUIRED,
                  inplace=False)  # fmt: skip
GLU = layer("GLU", F.glu, "dim={dim}", dim=-1)
Softmin = layer("Softmin", F.softmin, "dim={dim}", dim=None)


def softmax_of_channels(input: Tensor) -> Tensor:
    """Turn logits of (N, C, H, W) or (C, H, W) into probabilities along the channels."""
    return F.softmax(input, -3)


Softmax2d = layer("Softmax2d", softmax_of_channels)


class Softmax(Module):
    """Probabilities from logits along a dimension. CrossEntropyLoss includes it: do not put it before that loss."""

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Name the dimension."""
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """Log-probabilities from logits along a dimension; NLLLoss takes them."""

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class PReLU(Module):
    """Keep what is positive, and multiply the rest by a slope that is learned: one, or one per channel.

    Source:
        He et al. 2015 (arXiv:1502.01852)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), init, dtype=dtype, device=device))

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Name the number of slopes."""
        return f"num_parameters={self.num_parameters}"
