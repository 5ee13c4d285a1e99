"""Pictures: the recorded graph, a compiled step, a model's layers, curves and confusion matrices. Exports only."""

from ..core.lines import record_lines
from .failed import failed
from .graph import graph
from .plots import confusion_matrix, plot_confusion, plot_curves
from .program import program
from .summary import Summary, summary

__all__ = ["Summary", "confusion_matrix", "failed", "graph", "plot_confusion", "plot_curves", "program", "record_lines",
           "summary"]  # fmt: skip
