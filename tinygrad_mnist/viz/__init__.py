"""Pictures: the recorded graph, backpropagation played, a compiled step, a model's layers, training, why a gradient is
what it is, and what a network sees. Exports only.
"""

from ..core.calls import answer as _answer
from ..core.lines import record_lines
from .backprop.player import player
from .curves.histograms import plot_histograms
from .curves.plots import confusion_matrix, plot_confusion, plot_curves
from .graphs.failed import failed
from .graphs.graph import graph
from .paths.explain import Explanation, explain
from .predictions.attribution import occlusion, plot_occlusion, plot_saliency, saliency
from .predictions.features import feature_maps, plot_feature_maps, plot_weights
from .predictions.mistakes import Mistake, mistakes, plot_mistakes
from .steps.flame import flame
from .steps.program import program
from .summary import Summary, summary

__all__ = [
    "Explanation", "Mistake", "Summary", "confusion_matrix", "explain", "failed", "feature_maps", "flame", "graph",
    "mistakes", "occlusion", "player", "plot_confusion", "plot_curves", "plot_feature_maps", "plot_histograms",
    "plot_mistakes", "plot_occlusion", "plot_saliency", "plot_weights", "program", "record_lines", "saliency",
    "summary",
]  # fmt: skip
_answer(globals(), __all__)
