"""NeuralRegressor: numbers from a neural network, one target or several.

Knows targets and their loss; the rest is in estimator.py, which is read before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from ..core.backend import Array
from ..core.errors import ArgumentError
from ..functions import mean, square
from .estimator import NeuralEstimator


class NeuralRegressor(RegressorMixin, NeuralEstimator):  # type: ignore[misc]
    """A neural network that predicts numbers, with half the squared error as its loss; NeuralEstimator has the Args.

    Shapes:
        X (N, n_features), y (N,) or (N, n_outputs), sample_weight (N,)
    Raises:
        ArgumentError: a ValueError, for parameters out of range
        TrainingError: if the loss stops being finite
    """

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> NeuralRegressor:
        """Train on these samples once, going on from what there is."""
        self._fit(X, y, sample_weight, go_on=True, partial=True)
        return self

    def _targets(self, y: Array, first: bool, partial: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if not first and outputs != self.n_outputs_:
            raise ArgumentError("y has another number of outputs.", got=f"{outputs}", expected=f"{self.n_outputs_}")
        self.n_outputs_, self._flat = outputs, y.ndim == 1
        return y.reshape(len(y), -1).astype(np.float64, copy=False)

    def _losses(self, outputs: Any, targets: Any) -> Any:
        return mean(square(outputs - targets), 1) / 2

    def _scores(self, targets: Any, weights: Any) -> Callable[[Any, Any], Any]:
        spread = ((targets - np.average(targets, 0, weights)) ** 2).astype(np.float64)
        variance = np.average(spread, 0, weights)

        def scores(outputs: Any, wanted: Any) -> Any:
            """Give terms of which the mean is R²; where targets are all alike, a column counts 1 if right, else 0."""
            errors = (outputs - wanted) ** 2
            each = np.where(variance > 0, 1 - errors / np.where(variance > 0, variance, 1), errors == 0)
            return np.mean(each, 1)

        return scores

    def predict(self, X: ArrayLike) -> Any:
        """Give the predicted numbers: (N,), or (N, n_outputs) where y was so."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs
