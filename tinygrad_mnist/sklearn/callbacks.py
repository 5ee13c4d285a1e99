"""What an estimator listens to its training with.

Knows nothing of scikit-learn. Look next at estimator.py.
"""

from __future__ import annotations

from ..training import Callback, EarlyStopping, History
from ..training.callbacks import Training


class Converged(EarlyStopping):
    """Stop when the training loss gets no better; keep the weights of the last epoch, as MLPClassifier does."""

    def on_epoch_end(self, run: Training) -> None:
        """Count epochs without progress; copy nothing."""
        super().on_epoch_end(run)
        self.kept = None


class Verbose(Callback):
    """Print a line per epoch."""

    def on_epoch_end(self, run: Training) -> None:
        """Print it."""
        row = run.history[-1]
        print(", ".join(f"{k} {v:.6g}" for k, v in row.items()), flush=True)


class HistoryKeeper(Callback):
    """Hold on to the history of a training that does not come to its end."""

    history: History | None = None

    def on_start(self, run: Training) -> None:
        """Remember it."""
        self.history = run.history
