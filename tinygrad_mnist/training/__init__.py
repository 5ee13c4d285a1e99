"""Training without writing the loop. Exports only; start reading with history.py, then callbacks.py and run.py."""

from .callbacks import Callback, EarlyStopping, KeepBest, Log
from .checkpoint import Checkpoint
from .fit import evaluate, fit, predict
from .history import History
from .metrics import accuracy
from .run import Run
from .statistics import Statistics
from .tensorboard import TensorBoard

__all__ = [
    "Callback", "Checkpoint", "EarlyStopping", "History", "KeepBest", "Log", "Run", "Statistics", "TensorBoard",
    "accuracy", "evaluate", "fit", "predict",
]  # fmt: skip
