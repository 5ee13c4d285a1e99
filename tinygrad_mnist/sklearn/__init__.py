"""Neural networks as scikit-learn estimators (extra `sklearn`). Exports only; start reading with estimator.py.

`tg.sklearn` loads this, and scikit-learn with it, when it is first named.
"""

from ..core.errors import MissingDependencyError

try:
    from .classifier import NeuralClassifier
    from .regressor import NeuralRegressor
except ImportError as error:
    what = "tinygrad_mnist.sklearn: scikit-learn 1.6 or newer is not installed."
    raise MissingDependencyError(what, got=str(error), hint="pip install 'tinygrad_mnist[sklearn]'") from error

__all__ = ["NeuralClassifier", "NeuralRegressor"]
