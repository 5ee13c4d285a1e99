"""Fill tensors with initial values, in place: PyTorch's functions and formulas.

fan_in is the number of inputs that one output sums (I, or C / groups · KH · KW), fan_out the number of outputs that
one input feeds. xavier: Glorot & Bengio 2010, equation 16; kaiming: He et al. 2015 (arXiv:1502.01852). The modules call
these; read any one alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.absent import absent as _absent
from ..core.backend import Generator, generator_or_default
from ..core.draws import draw, normal, uniform
from ..core.errors import ArgumentError, ShapeError
from ..core.graph import Array, no_grad
from ..tensors.tensor import Tensor

Draw = Generator | None


def _fill(tensor: Tensor, values: Array | float) -> Tensor:
    with no_grad():
        tensor.copy_(values)
    return tensor


def _fans(tensor: Tensor) -> tuple[int, int]:
    """Count (fan_in, fan_out) of a weight (O, I, ...)."""
    if tensor.ndim < 2:
        raise ShapeError("init: a weight needs two dimensions or more to have fans.", got=f"tensor {tensor.shape}",
                         expected="(out, in) or (out, in, kh, kw)", hint="zeros_ or uniform_ for a bias")  # fmt: skip
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


_calculate_fan_in_and_fan_out = _fans  # as PyTorch's layers, and those written after them, ask for it


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Draw = None) -> Tensor:
    """Draw from U(a, b)."""
    return _fill(tensor, draw(uniform, tensor.shape, np.float64, generator, low=a, high=b))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Draw = None) -> Tensor:
    """Draw from N(mean, std²)."""
    return _fill(tensor, draw(normal, tensor.shape, np.float64, generator, mean=mean, std=std))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Set every element to one value."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Set every element to 0."""
    return _fill(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Set every element to 1."""
    return _fill(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """Set a matrix to the identity, with 0 in the rows or columns that are left over."""
    if tensor.ndim != 2:
        raise ShapeError("eye_: expected a matrix.", got=f"tensor {tensor.shape}", expected="(out, in)")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Set a convolution's weight so that it passes on its channels, as many as there are; in every group."""
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError("dirac_: expected the weight of a convolution.", got=f"tensor {tensor.shape}")
    if groups < 1 or tensor.shape[0] % groups:
        got = f"{tensor.shape[0]} outputs, {groups} groups"
        raise ArgumentError("dirac_: the groups do not divide the outputs.", got=got)
    values, outputs = np.zeros(tensor.shape), tensor.shape[0] // groups
    middle: Any = tuple(n // 2 for n in tensor.shape[2:])
    for i in range(min(outputs, tensor.shape[1])):
        values[(slice(i, None, outputs), i, *middle)] = 1
    return _fill(tensor, values)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Give the factor that keeps the scale of activations through a nonlinearity."""
    linear = [f"{kind}{n}d" for kind in ("conv", "conv_transpose") for n in (1, 2, 3)]
    gains = dict.fromkeys(["linear", *linear, "sigmoid"], 1.0) | {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, int | float)):
            raise ArgumentError("calculate_gain: the slope of leaky_relu must be a number.", got=f"{param!r:.60}")
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in gains:
        raise ArgumentError(f"calculate_gain: {nonlinearity!r} is unknown.", expected=", ".join([*gains, "leaky_relu"]))
    return gains[nonlinearity]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Draw = None) -> Tensor:
    """Draw from U(-r, r) with r = gain √(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Draw = None) -> Tensor:
    """Draw from N(0, s²) with s = gain √(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"kaiming: mode {mode!r} is unknown.", expected="'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode == "fan_out"] or 1)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Draw = None
) -> Tensor:
    """Draw from U(-r, r) with r = gain √(3 / fan)."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Draw = None
) -> Tensor:
    """Draw from N(0, s²) with s = gain / √fan."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Draw = None
) -> Tensor:
    """Draw from N(mean, std²), and again what is not in [a, b]."""
    if not (a < b and std > 0):
        raise ArgumentError("trunc_normal_: nothing can be drawn.", got=f"std {std}, [{a}, {b}]", expected="a < b")
    return _fill(tensor, draw(_truncated, tensor.shape, np.float64, generator, mean=mean, std=std, low=a, high=b))


def _truncated(out: Any, generator: Any, mean: float, std: float, low: float, high: float) -> None:
    """Draw by rejection: from the normal distribution where enough of it lies between, else from the uniform one."""
    source, flat, ends = generator_or_default(generator), out.reshape(-1), (low, high)
    low, high = (low - mean) / std, (high - mean) / std
    often = math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)) > 0.5
    top = min(max(0.0, low), high)  # where the density is largest
    missing = np.arange(flat.size)
    while missing.size:
        x = source.standard_normal(missing.size) if often else source.uniform(low, high, missing.size)
        fits = (x >= low) & (x <= high)
        if not often:
            fits &= np.log(source.random(missing.size)) <= (top**2 - x**2) / 2
        flat[missing[fits]] = np.clip(x[fits] * std + mean, *ends)
        missing = missing[~fits]


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Draw = None) -> Tensor:
    """Draw a matrix with orthonormal rows or columns, whichever are fewer, times gain; Saxe et al. 2014."""
    if tensor.ndim < 2:
        raise ShapeError("orthogonal_: expected two dimensions or more.", got=f"tensor {tensor.shape}")
    if not tensor.numel():
        return tensor
    return _fill(tensor, draw(_orthonormal, tensor.shape, np.float64, generator, gain=gain))


def _orthonormal(out: Any, generator: Any, gain: float) -> None:
    """Take the Q of a random matrix, with signs that leave it uniform."""
    rows, columns = len(out), out[0].size
    q, r = np.linalg.qr(generator_or_default(generator).standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diagonal(r)) * gain
    out[...] = (q if rows >= columns else q.T).reshape(out.shape)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Draw = None) -> Tensor:
    """Draw a matrix from N(0, std²), and set a share of every column to 0; Martens 2010."""
    if tensor.ndim != 2:
        raise ShapeError("sparse_: expected a matrix.", got=f"tensor {tensor.shape}", expected="(out, in)")
    if not 0 <= sparsity <= 1:
        raise ArgumentError("sparse_: sparsity must be a share.", got=f"sparsity = {sparsity}", expected="from 0 to 1")
    return _fill(tensor, draw(_sparse, tensor.shape, np.float64, generator, sparsity=sparsity, std=std))


def _sparse(out: Any, generator: Any, sparsity: float, std: float) -> None:
    source = generator_or_default(generator)
    out[...] = source.standard_normal(out.shape) * std
    order = np.argsort(source.random(out.shape), axis=0)
    np.put_along_axis(out, order[: math.ceil(sparsity * len(out))], 0.0, axis=0)


__getattr__ = _absent(__name__)
