"""What is done with one batch: a step of training, or a judgement without one; compiled where that is asked for.

Depends on nothing but weights, batch, settings and generators, never on what was computed before or on time: that is
what lets a killed run end with the same bits. Read after settings.py; run.py is next.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..compiler.pairs import compile
from ..core.graph import Array, Var
from ..functions import square
from ..functions import sum as _sum
from ..kernels.parallel import fall_asleep
from ..nn.utils.clip import clip_grad_norm_
from ..ops.promotion import cast
from .callbacks import Callback
from .evaluation import batch_loss, map_outputs, model_outputs
from .metrics import as_array
from .settings import Settings


class Step:
    """A step of the training that the settings describe: call it with a batch. `judge` computes outputs and loss."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.converted = settings, False
        self.parameters = list(settings.model.parameters())
        self.weights = [p for p in self.parameters if p.ndim > 1]
        self.watchers = [c for c in settings.callbacks if type(c).on_loss is not Callback.on_loss]
        self.train: Callable[..., Any] = self._train
        self.judge: Callable[..., Any] = self._judge
        if settings.compile is not None:
            self.train = compile(self.train, backend=settings.compile)
            self.judge = compile(self.judge, backend=settings.compile)

    def __call__(self, inputs: Any, targets: list[Any]) -> Any:
        """Step, from the same state of the threads each time; a compiled step gets its floats in the weights' dtype."""
        kind, compiled = self.parameters[0].dtype if self.parameters else None, self.settings.compile is not None
        if compiled and isinstance(inputs, Var) and inputs.dtype.kind == "f" and inputs.dtype != kind:
            if not self.converted:
                warnings.warn(f"fit: inputs are {inputs.dtype} and weights {kind}; all are converted.", stacklevel=2)
            self.converted = True
            inputs = cast(inputs, dtype=kind)
        fall_asleep()
        looking: list[Any] = [c for c in self.watchers if c.looks(self.settings)]  # type: ignore[arg-type]
        return self._train(inputs, *targets, looking=looking) if looking else self.train(inputs, *targets)

    def _train(self, inputs: Any, *targets: Any, looking: Sequence[Any] = ()) -> Any:
        """Compute the loss of a batch and change the weights along its gradient, with callbacks looking at it."""
        settings = self.settings
        outputs = model_outputs(settings.model, inputs)
        loss = batch_loss(settings.loss_function, outputs, targets)
        for callback in looking:
            callback.on_loss(settings, loss, outputs, inputs, [*targets])
        objective = loss
        if settings.l2:
            for w in self.weights:
                objective = objective + settings.l2 / 2 * _sum(square(w))
        settings.optimizer.zero_grad()
        objective.backward()
        if settings.clip_norm is not None:
            clip_grad_norm_(self.parameters, settings.clip_norm)
        settings.optimizer.step()
        return map_outputs(lambda t: t.detach(), outputs), loss.detach()

    def _judge(self, inputs: Any, *targets: Any) -> Any:
        outputs = model_outputs(self.settings.model, inputs)
        return outputs, batch_loss(self.settings.loss_function, outputs, targets)


def not_finite(inputs: Any, targets: list[Any]) -> str:
    """Say which parts of a batch have numbers that are none."""
    found = []
    for name, part in (("inputs", inputs), ("targets", targets)):
        flat: list[Array] = []
        map_outputs(lambda x, flat=flat: flat.append(as_array(x)), part)  # type: ignore[misc]
        count = sum(int((~np.isfinite(x)).sum()) for x in flat if x.dtype.kind == "f")
        found += [f"{count} numbers of the {name} are nan or infinite"] if count else []
    return ", ".join(found)
