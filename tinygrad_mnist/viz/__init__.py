"""Pictures: the recorded graph, a model's layers, curves and confusion matrices. Exports only."""

from .plots import confusion_matrix, plot_confusion, plot_curves

__all__ = ["confusion_matrix", "plot_confusion", "plot_curves"]
