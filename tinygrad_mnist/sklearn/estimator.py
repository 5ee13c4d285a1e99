"""What NeuralClassifier and NeuralRegressor share: scikit-learn's estimator protocol over `tg.training.fit`.

Parameters carry the names that MLPClassifier and MLPRegressor have for the same things, so that one grid serves both.
Read after network.py; training/ has the loop. Look next at classifier.py.
"""

from __future__ import annotations

import copy
import numbers
import warnings
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..core.backend import Array, Generator
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..data import DataLoader, TensorDataset
from ..functions import mean
from ..nn import Module
from ..nn.functional.arguments import check_probability
from ..tensors.tensor import Tensor
from ..training import Callback, EarlyStopping, KeepBest, fit, predict
from ..training.callbacks import check_callbacks
from ..training.sources import in_dtype
from . import network
from .callbacks import Converged, HistoryKeeper, Verbose

MANY_STEPS = 150  # from here on, capturing a step costs less than it saves


@dataclass(eq=False, repr=False)
class NeuralEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: parameters, fitting, and the outputs of the network.

    Args:
        hidden_layer_sizes: neurons per hidden layer
        activation: "relu", "tanh", "logistic" or "identity"
        module: instead of these, a function of (n_features, n_outputs) that makes any nn.Module
        dropout: share of hidden values set to 0 while training
        solver: "adam", "adamw", "sgd" (with momentum and nesterovs_momentum), an optimizer's class, or a function of
            the parameters that makes one
        learning_rate_init: the lr, but for such a function
        alpha: L2 penalty, alpha / 2 · Σ w² / (batch_size · mean weight of samples), not on biases (MLPClassifier has a
            larger one in a last batch that is short); with "adamw" its weight_decay
        schedule: None, "cosine", "one_cycle" (up to learning_rate_init), "plateau", or a function of (optimizer, total
            steps) that makes a schedule, stepped after each batch
        batch_size: "auto" for the smaller of 200 and the number of samples
        max_iter: most epochs
        tol, n_iter_no_change: stop when the training loss, or with early_stopping the score on a held-out
            validation_fraction, has not got better by tol for so many epochs; early_stopping also brings the best
            weights back; tol=None: never
        clip_norm: largest norm of all gradients together
        callbacks: tg.training.Callback objects, copied for each fit
        random_state: seeds weights, order, dropout
        warm_start: fit goes on with the network there is, whatever hidden_layer_sizes says by then; loss_curve_ and
            validation_scores_ go on, too
        verbose: a line per epoch
        compile: "auto" compiles the step of networks made here if 150 may come, True or a backend's name any, False
            none
        dtype: "float32" or "float64" to compute in, whatever the data has; None: the data's (a module's own dtype is
            left as it is)
    Units:
        float64 is computed at half the speed of float32
    """

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: str = "relu"
    _: KW_ONLY
    module: Callable[..., Module] | None = None
    dropout: float = 0.0
    solver: network.Solver = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate_init: float = 0.001
    schedule: network.Schedule = None
    max_iter: int = 200
    shuffle: bool = True
    random_state: int | np.random.RandomState | None = None
    tol: float | None = 1e-4
    verbose: bool = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    clip_norm: float | None = None
    callbacks: Sequence[Callback] | None = None
    compile: bool | str = "auto"
    dtype: DTypeLike | None = None
    n_outputs_: int = field(init=False)

    # ------------------------------------------------------------ what the two have to say

    def _targets(self, y: Array, first: bool, partial: bool) -> Array:
        """Bring y to what the loss takes; at first learn from it what predictions are made of."""
        raise TypeError(f"{type(self).__name__} must define _targets(y, first, partial)")

    def _losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute one loss per sample."""
        raise TypeError(f"{type(self).__name__} must define _losses(outputs, targets)")

    def _scores(self, targets: Any, weights: Any) -> Callable[[Any, Any], Any]:
        """Give a function of outputs and targets: one score per sample, whose mean over these is the score of all."""
        raise TypeError(f"{type(self).__name__} must define _scores(targets, weights)")

    # ------------------------------------------------------------ fitting

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on all samples, max_iter times at most."""
        self._fit(X, y, sample_weight, go_on=self.warm_start)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, go_on: bool, partial: bool = False) -> None:
        """Train: a new network, or with go_on the one there is; partial: for one epoch, with the optimizer there is."""
        self._check_settings()
        if partial and self.early_stopping:
            raise ArgumentError("partial_fit does not support early_stopping=True.", hint="early_stopping=False")
        first = not go_on or not hasattr(self, "module_")
        numeric = not is_classifier(self)
        kinds = np.float64, np.float32
        X, y = validate_data(self, X, y, dtype=kinds, multi_output=True, y_numeric=numeric, reset=first)
        targets = self._targets(y, first, partial)
        weights = self._weights(sample_weight, X, y, partial)
        importance = 1.0  # of a sample, in the mean
        if weights is not None and not partial:  # a part of the data cannot know the mean of all
            importance = float(weights.mean())
            weights = weights / importance
        random = check_random_state(self.random_state)
        train = [X, targets] if weights is None else [X, targets, weights]
        valid = None
        if self.early_stopping:
            train, valid = self._held_out(train, random)
        if first:
            self.generator_ = Generator(int(random.randint(np.iinfo(np.int32).max)))
            self.module_ = self._network(X.shape[1], X.dtype if self.dtype is None else np.dtype(self.dtype))
        if first or not partial:
            self.optimizer_ = network.optimizer_for(
                self.solver, self.module_, self.learning_rate_init, self.momentum, self.nesterovs_momentum
            )
        kind = next(self.module_.parameters()).dtype
        train = [in_dtype(a, kind) for a in train]
        valid = None if valid is None else [in_dtype(a, kind) for a in valid]
        self._run(train, valid, importance, partial, first)

    def _run(self, train: list[Array], valid: list[Array] | None, weight: float, partial: bool, first: bool) -> None:
        """Train on arrays, and note what came of it, also after Ctrl-C."""
        size = min(200 if self.batch_size == "auto" else int(self.batch_size), len(train[0]))
        loader = DataLoader(TensorDataset(*train), size, shuffle=self.shuffle, generator=self.generator_)
        epochs, schedule, every = 1 if partial else self.max_iter, None, "epoch"
        rates = [group["lr"] for group in self.optimizer_.param_groups]
        if not partial:
            steps = epochs * len(loader)
            schedule, every = network.schedule_for(self.schedule, self.optimizer_, steps, self.n_iter_no_change)
        stopper = None if partial else self._stopper(valid is not None)
        self.callbacks_ = [copy.deepcopy(c) for c in self.callbacks or ()]
        keeper, verbose = HistoryKeeper(), [Verbose()] if self.verbose else []
        many = self.module is None and epochs * len(loader) >= MANY_STEPS
        compile = many if self.compile == "auto" else self.compile
        penalty = network.decay_in(self.optimizer_, self.solver, self.alpha, size * weight)
        try:
            fit(
                self.module_, loader, epochs=epochs, optimizer=self.optimizer_, loss_function=self._loss,
                valid=None if valid is None else DataLoader(TensorDataset(*valid), 500),
                metrics={} if valid is None else {"score": self._metric(valid)}, l2=penalty,
                clip_norm=self.clip_norm, schedule=schedule, schedule_every=every, progress=False, compile=compile,
                callbacks=[keeper, *self.callbacks_, *([] if stopper is None else [stopper]), *verbose],
            )  # fmt: skip
        finally:  # after Ctrl-C too there is a network to look at
            self.module_.eval()  # for good, so that threads may predict side by side
            for group, rate in zip(self.optimizer_.param_groups, rates, strict=True):
                group["lr"] = rate  # a schedule's last is no rate for partial_fit
            if keeper.history is not None:
                self.history_ = keeper.history
                self._note(valid is not None, first)
        if isinstance(stopper, EarlyStopping) and schedule is None and self.history_.ended == "all epochs done":
            warnings.warn(
                f"{type(self).__name__}: all {epochs} epochs (max_iter) are done and the training has not converged.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _stopper(self, validated: bool) -> KeepBest | None:
        if validated:
            return KeepBest("valid_score", "max") if self.tol is None else EarlyStopping(
                self.n_iter_no_change, self.tol, "valid_score", "max"
            )
        return None if self.tol is None else Converged(self.n_iter_no_change, self.tol, "train_loss")

    def _note(self, validated: bool, first: bool) -> None:
        """Set the attributes that MLPClassifier has for a training; figures go on where the network does."""
        rows = self.history_.rows
        losses = [row["train_loss"] for row in rows]
        self.loss_curve_ = [*([] if first else getattr(self, "loss_curve_", [])), *losses]
        self.n_iter_ = len(rows)
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else np.nan
        self.best_loss_ = min(self.loss_curve_) if self.loss_curve_ and not validated else None
        earlier = None if first else getattr(self, "validation_scores_", None)
        self.validation_scores_ = [*(earlier or ()), *(row["valid_score"] for row in rows)] if validated else None
        self.best_validation_score_ = max(self.validation_scores_) if self.validation_scores_ else None

    def _check_settings(self) -> None:
        """Refuse settings that nothing further down would."""
        for name, low in (("max_iter", 1), ("n_iter_no_change", 1)):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < low:
                raise ArgumentError(f"{name} must be a whole number of at least {low}.", got=f"{value!r}")
        if self.batch_size != "auto" and (not isinstance(self.batch_size, numbers.Integral) or self.batch_size < 1):
            raise ArgumentError("batch_size must be 'auto' or a whole number above 0.", got=f"{self.batch_size!r}")
        if not 0 < self.validation_fraction < 1:
            raise ArgumentError("validation_fraction must lie between 0 and 1.", got=f"{self.validation_fraction!r}")
        if self.tol is not None and not (isinstance(self.tol, numbers.Real) and 0 <= self.tol < np.inf):
            raise ArgumentError("tol must be None or a number that is not negative.", got=f"{self.tol!r}")
        check_callbacks(type(self).__name__, () if self.callbacks is None else self.callbacks)
        if not isinstance(self.alpha, numbers.Real) or not 0 <= self.alpha < np.inf:
            raise ArgumentError("alpha must be a number that is not negative.", got=f"{self.alpha!r}")
        check_probability("dropout", self.dropout)
        if self.dtype not in (None, "float32", "float64", np.float32, np.float64):
            raise ArgumentError("dtype must be 'float32', 'float64' or None.", got=f"{self.dtype!r}")
        if self.module is not None and self.dtype is not None:
            raise ArgumentError("dtype is for networks made here.", hint="make the module's layers with dtype=...")
        if self.module is None:
            network.choice("activation", self.activation, tuple(network.ACTIVATIONS))
        elif isinstance(self.module, Module) or not callable(self.module):
            what = "module must be a function of (n_features, n_outputs) that makes a network."
            raise DTypeError(what, got=type(self.module).__name__)
        if not callable(self.solver):
            network.choice("solver", self.solver, network.OPTIMIZERS, "a function that makes an optimizer")
        if self.schedule is not None and not callable(self.schedule):
            network.choice("schedule", self.schedule, network.SCHEDULES, "a function that makes a schedule")

    def _weights(self, sample_weight: Any, X: Array, y: Array, partial: bool) -> Array | None:
        """Check the weights of the samples."""
        if sample_weight is None:
            return None
        weights: Array = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        if not weights.sum() > 0:
            raise ArgumentError("sample_weight: all weights are 0.", expected="a positive sum")
        return weights

    def _held_out(self, parts: list[Array], random: np.random.RandomState) -> tuple[list[Array], list[Array]]:
        """Deal a share of the samples to validation, the same of each class."""
        classes = parts[1] if is_classifier(self) else None
        dealt = train_test_split(*parts, random_state=random, test_size=self.validation_fraction, stratify=classes)
        train, valid = dealt[::2], dealt[1::2]
        if len(valid[0]) < 2:
            raise ArgumentError("The validation set is too small.", hint="a larger validation_fraction, or more data")
        for part in (train, valid):
            if len(part) == 3:
                if not part[2].sum() > 0:
                    raise ArgumentError("sample_weight: all weights of the training or the validation part are 0.")
                part[2] = part[2] / part[2].mean()
        return train, valid

    def _network(self, features: int, dtype: np.dtype[Any]) -> Module:
        if self.module is not None:
            return network.built(self.module, features, self.n_outputs_, self.generator_)
        return network.perceptron(
            features, self.n_outputs_, self.hidden_layer_sizes, self.activation, self.dropout, dtype, self.generator_
        )

    def _loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        wanted = targets.shape[0], self.n_outputs_
        if tuple(outputs.shape) != wanted:  # which would be broadcast, or never predicted
            got = f"{tuple(outputs.shape)}"
            raise ShapeError("module: the network gives outputs of another shape.", got=got, expected=f"{wanted}")
        losses = self._losses(outputs, targets)
        return mean(losses if weights is None else losses * weights)

    def _metric(self, valid: list[Array]) -> Callable[..., float]:
        """Make the metric of `fit` from the scores of samples."""
        scores = self._scores(valid[1], valid[2] if len(valid) > 2 else None)

        def score(outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> float:
            each = scores(outputs.array, targets.array)
            return float(np.mean(each if weights is None else each * weights.array))

        return score

    def _outputs(self, X: Any) -> Any:
        """Compute what the network gives for X, (N, n_outputs_)."""
        check_is_fitted(self, "module_")
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        kind = next(self.module_.parameters()).dtype
        return predict(self.module_, X.astype(kind, copy=False))
