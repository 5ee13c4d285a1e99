"""NeuralClassifier: classes from a neural network, and their probabilities.

Knows labels, weights of classes and their loss; the rest is in estimator.py, which is read before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from ..core.backend import Array
from ..core.errors import ArgumentError
from ..functions import log_softmax, softmax
from ..nn import functional as F
from .estimator import NeuralEstimator


@dataclass(eq=False, repr=False)
class NeuralClassifier(ClassifierMixin, NeuralEstimator):  # type: ignore[misc]
    """A neural network that classifies, with the loss of logistic regression.

    Shapes:
        X (N, n_features), y (N,) of any labels, sample_weight (N,)
    Args:
        class_weight: None, "balanced", or a weight by label; everything else as in NeuralEstimator
    Raises:
        ArgumentError: a ValueError, for parameters out of range
        TrainingError: if the loss stops being finite
    """

    class_weight: Any = field(default=None, kw_only=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> NeuralClassifier:
        """Train on these samples once, going on from what there is.

        Args:
            classes: all labels that will ever come; needed at the first call
        """
        known = getattr(self, "classes_", None)
        if known is None and classes is None:
            raise ArgumentError("partial_fit: classes must be given at the first call.", hint="np.unique(all_y)")
        if known is not None and classes is not None and not np.array_equal(np.unique(classes), known):
            what = "partial_fit: classes is not what it was at the first call."
            raise ArgumentError(what, got=f"{np.unique(classes)}", expected=f"{known}")
        if isinstance(self.class_weight, str):
            what = f"partial_fit: class_weight={self.class_weight!r} needs all samples at once."
            raise ArgumentError(what, hint="weights by label")
        if known is None:
            self.classes_ = np.unique(classes)
        try:
            self._fit(X, y, sample_weight, go_on=True, partial=True)
        except Exception:
            if not hasattr(self, "module_"):  # nothing has begun, so other classes may come
                del self.classes_
            raise
        return self

    def _targets(self, y: Array, first: bool, partial: bool) -> Array:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if first and not partial:
            self.classes_ = np.unique(y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            what = f"{type(self).__name__}: y has labels that were not there before."
            hint = "warm_start=False to begin anew; name all classes at the first partial_fit"
            raise ArgumentError(what, got=f"{unknown[:5]}", expected=f"{self.classes_}", hint=hint)
        self.n_outputs_ = len(self.classes_)
        return np.searchsorted(self.classes_, y).astype(np.int64)

    def _weights(self, sample_weight: Any, X: Array, y: Array, partial: bool) -> Array | None:
        if self.class_weight is not None:
            given, labels = self.class_weight, column_or_1d(y)
            if partial:  # labels may be missing in a part
                by_class = np.array([given.get(label, 1.0) for label in labels.tolist()])
            else:
                by_class = compute_sample_weight(given, labels)
            sample_weight = by_class if sample_weight is None else _check_sample_weight(sample_weight, X) * by_class
        return super()._weights(sample_weight, X, y, partial)

    def _losses(self, outputs: Any, targets: Any) -> Any:
        return F.cross_entropy(outputs, targets, reduction="none")

    def _scores(self, targets: Any, weights: Any) -> Callable[[Any, Any], Any]:
        return lambda outputs, classes: outputs.argmax(1) == classes

    def predict_proba(self, X: ArrayLike) -> Any:
        """Give the probability of each class, (N, n_classes), in the order of classes_."""
        return softmax(self._outputs(X), 1)

    def predict_log_proba(self, X: ArrayLike) -> Any:
        """Give the logarithms of predict_proba."""
        return log_softmax(self._outputs(X), 1)

    def predict(self, X: ArrayLike) -> Any:
        """Give the most probable label of each sample, (N,)."""
        best = self._outputs(X).argmax(1)
        return self.classes_[best]
