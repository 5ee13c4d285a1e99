"""Pictures: the recorded graph, a model's layers, curves and confusion matrices. Exports only."""

from .graph import graph
from .plots import confusion_matrix, plot_confusion, plot_curves
from .summary import Summary, summary

__all__ = ["Summary", "confusion_matrix", "graph", "plot_confusion", "plot_curves", "summary"]
