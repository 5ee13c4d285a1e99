"""Losses as modules: what a model's output is compared with, and how.

Each is its function with settings: nn/functional/loss.py and distance.py have the formulas and the checks.
"""

from __future__ import annotations

from typing import Any

from ..core.errors import DTypeError
from . import functional as F
from .functional.arguments import check_reduction
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


def _losses(**functions: Any) -> Any:
    """Make modules of losses, whose settings are those of their functions."""
    return (layer(name, function, base=Loss) for name, function in functions.items())


CrossEntropyLoss, NLLLoss = _losses(CrossEntropyLoss=F.cross_entropy, NLLLoss=F.nll_loss)
MSELoss = layer("MSELoss", F.mse_loss, base=Loss, reduction="mean")
L1Loss = layer("L1Loss", F.l1_loss, base=Loss, reduction="mean")
HuberLoss = layer("HuberLoss", F.huber_loss, base=Loss, reduction="mean", delta=1.0)
SmoothL1Loss, KLDivLoss = _losses(SmoothL1Loss=F.smooth_l1_loss, KLDivLoss=F.kl_div)
BCELoss, BCEWithLogitsLoss = _losses(
    BCELoss=F.binary_cross_entropy, BCEWithLogitsLoss=F.binary_cross_entropy_with_logits
)
PoissonNLLLoss, GaussianNLLLoss = _losses(PoissonNLLLoss=F.poisson_nll_loss, GaussianNLLLoss=F.gaussian_nll_loss)
CosineEmbeddingLoss, HingeEmbeddingLoss, MarginRankingLoss = _losses(
    CosineEmbeddingLoss=F.cosine_embedding_loss, HingeEmbeddingLoss=F.hinge_embedding_loss,
    MarginRankingLoss=F.margin_ranking_loss,
)  # fmt: skip
MultiMarginLoss, MultiLabelMarginLoss, MultiLabelSoftMarginLoss, SoftMarginLoss = _losses(
    MultiMarginLoss=F.multi_margin_loss, MultiLabelMarginLoss=F.multilabel_margin_loss,
    MultiLabelSoftMarginLoss=F.multilabel_soft_margin_loss, SoftMarginLoss=F.soft_margin_loss,
)  # fmt: skip
TripletMarginLoss, TripletMarginWithDistanceLoss = _losses(
    TripletMarginLoss=F.triplet_margin_loss, TripletMarginWithDistanceLoss=F.triplet_margin_with_distance_loss
)
CosineSimilarity = layer("CosineSimilarity", F.cosine_similarity)
PairwiseDistance = layer("PairwiseDistance", F.pairwise_distance)
