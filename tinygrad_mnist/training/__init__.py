"""Training without writing the loop. Exports only; start reading with history.py, then callbacks.py and run.py."""

from .callbacks import Callback, EarlyStopping, KeepBest, Log
from .checkpoint import Checkpoint
from .doctor import RULES, Checkup, Doctor, Rule, Verdict
from .fit import evaluate, fit, predict
from .history import History
from .metrics import accuracy
from .rates import RateSearch, lr_find
from .run import Run
from .statistics import Statistics
from .tensorboard import TensorBoard

__all__ = [
    "RULES", "Callback", "Checkpoint", "Checkup", "Doctor", "EarlyStopping", "History", "KeepBest", "Log", "RateSearch",
    "Rule", "Run", "Statistics", "TensorBoard", "Verdict", "accuracy", "evaluate", "fit", "lr_find", "predict",
]  # fmt: skip
