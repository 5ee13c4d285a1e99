"""Averages of weights along a training, PyTorch's `optim.swa_utils`: a running mean (SWA) or a decaying one (EMA).

The one file of optim/ that knows modules: an average of a model is a model. Read after schedule.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..core.absent import absent as _absent
from ..core.errors import ArgumentError
from ..core.graph import no_grad
from ..nn.module import Module
from ..nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..tensors.creation import tensor
from .optimizer import Optimizer, check_at_least
from .schedule import Scheduler, by_group, checked_optimizer, one_of

Average = Callable[[Any, Any, Any], Any]


def _several(one: Average) -> Average:
    """Make of a function of an average one that changes a list of them."""
    @no_grad()
    def change(averages: Iterable[Any], values: Iterable[Any], count: Any) -> None:
        for p, q in zip(averages, values, strict=True):
            p.copy_(one(p, q, count))

    return change


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Make the function that gives decay · average + (1 - decay) · value."""
    check_at_least("get_ema_avg_fn", 0, math.nextafter(1, 2), decay=decay)
    return lambda average, value, count: decay * average + (1 - decay) * value


def get_swa_avg_fn() -> Average:
    """Make the function that gives the mean of count values and one more."""
    return lambda average, value, count: average + (value - average) / (count + 1)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Average:
    """Make the function that moves averages by 1 - decay towards the values: lists of both."""
    return _several(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Average:
    """Make the function that turns means of count values into means of one more: lists of both, shares in float32."""
    return _several(lambda p, q, count: p + (q - p) * float(np.float32(1 / (float(count) + 1))))


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those that `update_parameters` was shown.

    Args:
        avg_fn: of (average, value, count so far), gives the new average: get_swa_avg_fn() unless given
        multi_avg_fn: of lists of averages and values, changes the averages
        use_buffers: average buffers, too, instead of copying them

    Source:
        Izmailov et al. 2018 (arXiv:1803.05407); Polyak & Juditsky 1992
    """

    def __init__(self, model: Module, device: Any = None, avg_fn: Average | None = None,
                 multi_avg_fn: Average | None = None, use_buffers: bool = False) -> None:  # fmt: skip
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("AveragedModel: avg_fn and multi_avg_fn exclude each other.", expected="one of them")
        if device is not None and str(device).split(":")[0] != "cpu":
            raise ArgumentError(f"AveragedModel: there is no device {device}.", expected="cpu")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the weights of a model into the average; the first are the average."""
        mine, its = ([m.parameters(), *([m.buffers()] if self.use_buffers else [])] for m in (self.module, model))
        pairs = [(p, q.detach()) for p, q in zip(chain(*mine), chain(*its), strict=False)]
        count: Any = vars(self)["n_averaged"]
        if int(count) and self.multi_avg_fn is not None:
            self.multi_avg_fn([p for p, _ in pairs], [q for _, q in pairs], count)
        else:
            average = (self.avg_fn or get_swa_avg_fn()) if int(count) else (lambda p, q, count: q)
            for p, q in pairs:
                p.copy_(average(p.detach(), q, count))
        for p, q in () if self.use_buffers else zip(self.module.buffers(), model.buffers(), strict=True):
            p.copy_(q)
        count.add_(1)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of batch norms anew, as means over the batches (or their first members)."""
    norms: list[Any] = [m for m in model.modules() if isinstance(m, BatchNorm1d | BatchNorm2d | BatchNorm3d)]
    before, training = [m.momentum for m in norms], model.training
    try:
        for m in norms:
            m.reset_running_stats()
            m.momentum = None
        model.train()
        for batch in loader if norms else ():
            model(batch[0] if isinstance(batch, list | tuple) else batch)
    finally:
        for m, momentum in zip(norms, before, strict=True):
            m.momentum = momentum
        model.train(training)


class SWALR(Scheduler):
    """Bring the lr to swa_lr in anneal_epochs steps, along half a cosine or a line, and leave it there."""

    own, count = ("count",), 0

    def __init__(self, optimizer: Optimizer, swa_lr: float | Sequence[float], anneal_epochs: int = 10,
                 anneal_strategy: str = "cos", last_epoch: int = -1) -> None:  # fmt: skip
        rates = by_group("SWALR", "swa_lr", swa_lr, checked_optimizer("SWALR", optimizer))
        one_of("SWALR", ("cos", "linear"), anneal_strategy=anneal_strategy)
        check_at_least("SWALR", 0, anneal_epochs=anneal_epochs)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _advance(self, epoch: int | None = None) -> None:
        self.count = 0 if self._first else self.count + 1
        super()._advance(epoch)

    def _share(self, step: int) -> float:
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self.anneal_strategy == "cos" else t

    def get_lr(self) -> list[float]:
        """Undo the share of the step before, and apply the next."""
        step = self.count if self.anneal_epochs else max(1, self.count)
        before, now = self._share(step - 1), self._share(step)
        pairs = [(lr, group["swa_lr"]) for lr, group in zip(self._rates(), self.optimizer.param_groups, strict=True)]
        starts = [end if before == 1 else (lr - before * end) / (1 - before) for lr, end in pairs]
        return [end * now + start * (1 - now) for start, (_, end) in zip(starts, pairs, strict=True)]


__getattr__ = _absent(__name__)
