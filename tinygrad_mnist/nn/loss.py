"""Losses as modules: what a model's output is compared with, and how.

Each is its function with settings: nn/functional/loss.py and distance.py have the formulas and the checks.
"""

from __future__ import annotations

from typing import Any

from ..core.errors import DTypeError
from . import functional as F
from .functional.checks import check_reduction
from .layer import Layer, layer


class Loss(Layer):
    """Base of the losses: keeps how the losses of a batch are reduced ("mean", "sum" or "none")."""

    settings = {"reduction": "mean"}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and hasattr(args[0], "ndim") and (args[0].ndim != 1 or len(args) > 1 and hasattr(args[1], "ndim")):
            check_reduction(args[0])
        if "weight" in self.settings and args and isinstance(args[0], str):
            raise DTypeError(f"{type(self).__name__}: the first argument is the weight of the classes, a tensor.",
                             got=repr(args[0]), hint=f"reduction={args[0]!r}")  # fmt: skip
        super().__init__(*args, **kwargs)
        self.reduction: Any
        if type(self).__name__ != "KLDivLoss" or self.reduction != "batchmean":
            check_reduction(self.reduction)
        if "distance_function" in self.settings and vars(self)["distance_function"] is None:
            self.distance_function: Any = PairwiseDistance()


def _loss(name: str, function: Any, **settings: Any) -> Any:
    return layer(name, function, base=Loss, **settings)


MEAN = {"reduction": "mean"}
CrossEntropyLoss = _loss("CrossEntropyLoss", F.cross_entropy, weight=None, ignore_index=-100, **MEAN,
                         label_smoothing=0.0)  # fmt: skip
NLLLoss = _loss("NLLLoss", F.nll_loss, weight=None, ignore_index=-100, **MEAN)
MSELoss, L1Loss = _loss("MSELoss", F.mse_loss, **MEAN), _loss("L1Loss", F.l1_loss, **MEAN)
SmoothL1Loss = _loss("SmoothL1Loss", F.smooth_l1_loss, **MEAN, beta=1.0)
HuberLoss = _loss("HuberLoss", F.huber_loss, **MEAN, delta=1.0)
BCELoss = _loss("BCELoss", F.binary_cross_entropy, weight=None, **MEAN)
BCEWithLogitsLoss = _loss("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits, weight=None, **MEAN,
                          pos_weight=None)  # fmt: skip
KLDivLoss = _loss("KLDivLoss", F.kl_div, **MEAN, log_target=False)
PoissonNLLLoss = _loss("PoissonNLLLoss", F.poisson_nll_loss, log_input=True, full=False, eps=1e-8, **MEAN)
GaussianNLLLoss = _loss("GaussianNLLLoss", F.gaussian_nll_loss, full=False, eps=1e-6, **MEAN)
CosineEmbeddingLoss = _loss("CosineEmbeddingLoss", F.cosine_embedding_loss, margin=0.0, **MEAN)
HingeEmbeddingLoss = _loss("HingeEmbeddingLoss", F.hinge_embedding_loss, margin=1.0, **MEAN)
MarginRankingLoss = _loss("MarginRankingLoss", F.margin_ranking_loss, margin=0.0, **MEAN)
MultiMarginLoss = _loss("MultiMarginLoss", F.multi_margin_loss, p=1, margin=1.0, weight=None, **MEAN)
MultiLabelMarginLoss = _loss("MultiLabelMarginLoss", F.multilabel_margin_loss, **MEAN)
MultiLabelSoftMarginLoss = _loss("MultiLabelSoftMarginLoss", F.multilabel_soft_margin_loss, weight=None, **MEAN)
SoftMarginLoss = _loss("SoftMarginLoss", F.soft_margin_loss, **MEAN)
TripletMarginLoss = _loss("TripletMarginLoss", F.triplet_margin_loss, margin=1.0, p=2.0, eps=1e-6, swap=False, **MEAN)
TripletMarginWithDistanceLoss = _loss("TripletMarginWithDistanceLoss", F.triplet_margin_with_distance_loss,
                                      distance_function=None, margin=1.0, swap=False, **MEAN)  # fmt: skip
CosineSimilarity = layer("CosineSimilarity", F.cosine_similarity, dim=1, eps=1e-8)
PairwiseDistance = layer("PairwiseDistance", F.pairwise_distance, p=2.0, eps=1e-6, keepdim=False)
