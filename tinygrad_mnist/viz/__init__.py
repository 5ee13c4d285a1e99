"""Pictures: the recorded graph, a compiled step, a model's layers, curves and confusion matrices. Exports only."""

from .flame import flame
from .graph import graph
from .histograms import plot_histograms
from .plots import confusion_matrix, plot_confusion, plot_curves
from .program import program
from .summary import Summary, summary

__all__ = [
    "Summary", "confusion_matrix", "flame", "graph", "plot_confusion", "plot_curves", "plot_histograms",
    "program", "summary",
]  # fmt: skip
