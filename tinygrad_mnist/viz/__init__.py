"""Pictures: the graph, backpropagation played, a compiled step, layers, curves, confusion matrices. Exports only."""

from ..core.lines import record_lines
from .failed import failed
from .graph import graph
from .player import player
from .plots import confusion_matrix, plot_confusion, plot_curves
from .program import program
from .summary import Summary, summary

__all__ = ["Summary", "confusion_matrix", "failed", "graph", "player", "plot_confusion", "plot_curves", "program",
           "record_lines", "summary"]  # fmt: skip
