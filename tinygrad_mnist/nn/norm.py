"""Normalization layers: batch, instance, layer, group, root mean square, local response.

_Running moments are buffers that training changes in place, and a compiled step with them. Read after linear.py;
nn/functional/norm.py has the functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.graph import no_grad
from ..tensors.creation import ones, tensor, zeros
from ..tensors.tensor import Tensor
from . import functional as F
from .layer import REQUIRED, layer
from .linear import positive
from .module import Module
from .parameter import Parameter


def _affine(
    module: Any, shape: Any, weight: bool, bias: bool, made: Any, names: tuple[str, ...] = ("weight", "bias")
) -> None:
    """Give a module a weight of ones and a bias of zeros, or None in their places."""
    for name, make, wanted in (("weight", ones, weight), ("bias", zeros, bias)):
        if name in names:
            module.register_parameter(name, Parameter(make(shape, **made)) if wanted else None)


class _Running(Module):
    """What batch and instance norm share: one weight, bias and pair of running moments per channel."""

    dims: tuple[int, ...] = ()

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        positive(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        made, kept = {"dtype": dtype, "device": device}, track_running_stats
        _affine(self, num_features, affine, affine and bias, made)
        self.register_buffer("running_mean", zeros(num_features, **made) if kept else None)
        self.register_buffer("running_var", ones(num_features, **made) if kept else None)
        self.register_buffer("num_batches_tracked", tensor(0) if kept else None)

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def reset_running_stats(self) -> None:
        """Forget the running moments."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            with no_grad():
                self.running_mean.zero_()
                self.running_var.fill_(1)
                self.num_batches_tracked.zero_()

    def check(self, x: Tensor) -> None:
        """Raise unless the input has the dimensions and channels of this layer."""
        at = 1 if x.ndim != min(self.dims) or not isinstance(self, _Instance) else 0
        if x.ndim not in self.dims or x.shape[at] != self.num_features:
            letters = {2: "(N, C)", 3: "(N, C, L)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}
            forms = " or ".join(letters[d] for d in self.dims if d in letters)
            raise ShapeError(f"{type(self).__name__}: the input does not fit.", got=f"{tuple(x.shape)}",
                             expected=f"{forms}, C = {self.num_features}")  # fmt: skip

    def factor(self) -> Any:
        """Give the weight of the new moments, which with momentum None makes the running ones averages."""
        if not (self.training and self.track_running_stats):
            return 0.0 if self.momentum is None else self.momentum
        if self.num_batches_tracked is None:
            return self.momentum
        with no_grad():
            self.num_batches_tracked.add_(1)
            return 1 / self.num_batches_tracked.float() if self.momentum is None else self.momentum

    def extra_repr(self) -> str:
        """Name the settings."""
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}")  # fmt: skip


class _Batch(_Running):
    def forward(self, input: Tensor) -> Tensor:
        self.check(input)
        own = self.training or self.running_mean is None
        factor = self.factor()
        kept = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if kept else (None, None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, own, factor, self.eps)


class BatchNorm1d(_Batch):
    """Batch norm of features (N, C) or sequences (N, C, L); see `functional.batch_norm`.

    Source:
        Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 1
    """

    dims = (2, 3)


class BatchNorm2d(_Batch):
    """Batch norm of images (N, C, H, W); see `functional.batch_norm`."""

    dims = (4,)


class BatchNorm3d(_Batch):
    """Batch norm of volumes (N, C, D, H, W); see `functional.batch_norm`."""

    dims = (5,)


class _Instance(_Running):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self.check(input)
        own = self.training or not self.track_running_stats
        batch = input if input.ndim == max(self.dims) else input.unsqueeze(0)
        out = F.instance_norm(batch, self.running_mean, self.running_var, self.weight, self.bias, own,
                              self.momentum, self.eps)  # fmt: skip
        return out if batch is input else out.squeeze(0)


class InstanceNorm1d(_Instance):
    """Instance norm of sequences (N, C, L) or (C, L); see `functional.instance_norm`."""

    dims = (2, 3)


class InstanceNorm2d(_Instance):
    """Instance norm of images (N, C, H, W) or (C, H, W); see `functional.instance_norm`."""

    dims = (3, 4)


class InstanceNorm3d(_Instance):
    """Instance norm of volumes (N, C, D, H, W) or (C, D, H, W); see `functional.instance_norm`."""

    dims = (4, 5)


class LayerNorm(Module):
    """Layer norm of the last dimensions; see `functional.layer_norm`.

    Source:
        Ba et al. 2016 (arXiv:1607.06450)
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        single = isinstance(normalized_shape, int)
        self.normalized_shape: Any = (normalized_shape,) if single else tuple(normalized_shape)  # type: ignore[arg-type]
        self.eps, self.elementwise_affine = eps, elementwise_affine
        made = {"dtype": dtype, "device": device}
        _affine(self, self.normalized_shape, elementwise_affine, elementwise_affine and bias, made)

    weight: Parameter | None
    bias: Parameter | None

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Name the settings."""
        text = f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        return f"{text}, bias={self.bias is not None}"


class RMSNorm(Module):
    """Root mean square norm of the last dimensions; see `functional.rms_norm`."""

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        single = isinstance(normalized_shape, int)
        self.normalized_shape: Any = (normalized_shape,) if single else tuple(normalized_shape)  # type: ignore[arg-type]
        self.eps, self.elementwise_affine = eps, elementwise_affine
        made = {"dtype": dtype, "device": device}
        _affine(self, self.normalized_shape, elementwise_affine, False, made, names=("weight",))

    weight: Parameter | None

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Name the settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Group norm of (N, C, *); see `functional.group_norm`."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ArgumentError("GroupNorm: num_groups must divide num_channels.", got=f"{num_groups}, {num_channels}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        _affine(self, num_channels, affine, affine and bias, {"dtype": dtype, "device": device})

    weight: Parameter | None
    bias: Parameter | None

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Name the settings."""
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return f"{text}, bias={self.bias is not None}"


LocalResponseNorm = layer("LocalResponseNorm", F.local_response_norm, "{size}, alpha={alpha}, beta={beta}, k={k}",
                          size=REQUIRED, alpha=1e-4, beta=0.75, k=1.0)  # fmt: skip
