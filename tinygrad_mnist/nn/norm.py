"""Normalization layers: batch, instance, layer, group, root mean square, local response.

Running moments are buffers that training changes in place, and a compiled step with them. Read after layer.py;
nn/functional/norm.py has the functions.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.errors import ArgumentError, ShapeError
from ..core.graph import no_grad
from ..tensors.creation import ones, tensor, zeros
from ..tensors.tensor import Tensor
from . import functional as F
from .layer import MADE, REQUIRED, Learned, layer
from .linear import positive
from .parameter import Parameter


class _Norm(Learned):
    """Base: settings, and a weight of ones and a bias of zeros, or None in their places."""

    learned: ClassVar[tuple[str, ...]] = ("weight", "bias")
    eps: float

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        given = vars(self)
        positive(type(self).__name__, **{k: v for k, v in given.items() if k.startswith("num_")})
        size = next(given[k] for k in ("normalized_shape", "num_channels", "num_features") if k in given)
        if "normalized_shape" in given:
            size = given["normalized_shape"] = (size,) if isinstance(size, int) else tuple(size)
        affine = given["affine" if "affine" in given else "elementwise_affine"]
        for name, make, wanted in (("weight", ones, affine), ("bias", zeros, affine and bias)):
            if name in self.learned:
                self.register_parameter(name, Parameter(make(size, **made)) if wanted else None)

    def forward(self, input: Tensor) -> Any:
        learned = [getattr(self, name) for name in self.learned]
        return type(self).function(input, getattr(self, next(iter(self.settings))), *learned, self.eps)


class _Running(_Norm):
    """What batch and instance norm share: one weight, bias and pair of running moments per channel."""

    num_features: int
    momentum: float | None
    track_running_stats: bool
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        super()._build(bias, made)
        kept, size = self.track_running_stats, self.num_features
        self.register_buffer("running_mean", zeros(size, **made) if kept else None)
        self.register_buffer("running_var", ones(size, **made) if kept else None)
        self.register_buffer("num_batches_tracked", tensor(0) if kept else None)

    def reset_running_stats(self) -> None:
        """Forget the running moments."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            with no_grad():
                self.running_mean.zero_()
                self.running_var.fill_(1)
                self.num_batches_tracked.zero_()

    def _dims(self) -> tuple[int, ...]:
        return (2, 3) if self.count == 1 else (self.count + 2,)

    def check(self, x: Tensor) -> None:
        """Raise unless the input has the dimensions and channels of this layer."""
        dims = self._dims()
        at = 0 if isinstance(self, _Instance) and x.ndim == dims[0] else 1
        if x.ndim not in dims or x.shape[at] != self.num_features:
            letters = {2: "(N, C)", 3: "(N, C, L)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}
            forms = " or ".join(letters[d] for d in dims)
            last = x.ndim == 4 and x.ndim in dims and x.shape[-1] == self.num_features
            raise ShapeError(f"{type(self).__name__}: the input does not fit.", got=f"{tuple(x.shape)}",
                             expected=f"{forms}, C = {self.num_features}",
                             hint="x.permute(0, 3, 1, 2): the channels seem to come last" if last else "")  # fmt: skip

    def factor(self) -> Any:
        """Give the weight of the new moments, which with momentum None makes the running ones averages."""
        if not (self.training and self.track_running_stats):
            return 0.0 if self.momentum is None else self.momentum
        if self.num_batches_tracked is None:
            return self.momentum
        with no_grad():
            self.num_batches_tracked.add_(1)
            return 1 / self.num_batches_tracked.double() if self.momentum is None else self.momentum

    def forward(self, input: Tensor) -> Any:
        self.check(input)
        own = self.training or self.running_mean is None
        factor = self.factor()
        kept = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if kept else (None, None)
        return type(self).function(input, mean, var, self.weight, self.bias, own, factor, self.eps)


class _Instance(_Running):
    """Instance norm, whose input may be without a batch."""

    def _dims(self) -> tuple[int, ...]:
        return self.count + 1, self.count + 2

    def forward(self, input: Tensor) -> Any:
        self.check(input)
        own = self.training or not self.track_running_stats
        batch = input if input.ndim == self.count + 2 else input.unsqueeze(0)
        out = type(self).function(batch, self.running_mean, self.running_var, self.weight, self.bias, own,
                                  self.momentum, self.eps)  # fmt: skip
        return out if batch is input else out.squeeze(0)


def _running(name: str, function: Any, base: Any, kept: bool) -> Any:
    """Make the layers of one, two and three dimensions."""
    shown = "{num_features}, eps={eps}, momentum={momentum}, affine={affine}, bias={bias}, "
    shown += "track_running_stats={track_running_stats}"
    settings: dict[str, Any] = {"eps": 1e-5, "momentum": 0.1, "affine": kept, "track_running_stats": kept}
    return (layer(f"{name}{n}d", function, shown, base, num_features=REQUIRED, **settings, **MADE, bias=True)
            for n in (1, 2, 3))  # fmt: skip


BatchNorm1d, BatchNorm2d, BatchNorm3d = _running("BatchNorm", F.batch_norm, _Running, True)
InstanceNorm1d, InstanceNorm2d, InstanceNorm3d = _running("InstanceNorm", F.instance_norm, _Instance, False)


class _RootNorm(_Norm):
    """Root mean square norm has no bias."""

    learned = ("weight",)

    def forward(self, x: Tensor) -> Any:
        return super().forward(x)


class _Groups(_Norm):
    """Group norm, whose groups must divide the channels."""

    num_groups: int
    num_channels: int

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        super()._build(bias, made)
        if self.num_channels % self.num_groups:
            got = f"{self.num_groups}, {self.num_channels}"
            raise ArgumentError("GroupNorm: num_groups must divide num_channels.", got=got)


ROWS: dict[str, Any] = {"normalized_shape": REQUIRED, "eps": 1e-5, "elementwise_affine": True}
SHOWN = "{normalized_shape}, eps={eps}, elementwise_affine={elementwise_affine}"
LayerNorm = layer("LayerNorm", F.layer_norm, SHOWN + ", bias={bias}", _Norm, **ROWS, bias=True, **MADE)
RMSNorm = layer("RMSNorm", F.rms_norm, SHOWN, _RootNorm, **ROWS | {"eps": None}, **MADE)
GroupNorm = layer("GroupNorm", F.group_norm, "{num_groups}, {num_channels}, eps={eps}, affine={affine}, bias={bias}",
                  _Groups, num_groups=REQUIRED, num_channels=REQUIRED, eps=1e-5, affine=True, **MADE,
                  bias=True)  # fmt: skip
LocalResponseNorm = layer("LocalResponseNorm", F.local_response_norm, "{size}, alpha={alpha}, beta={beta}, k={k}",
                          size=REQUIRED, alpha=1e-4, beta=0.75, k=1.0)  # fmt: skip
