"""Weights of a given norm under the names of PyTorch's `nn.utils.parametrizations`. The mechanism is in norms.py.

Parametrizations of one's own are not here.
"""

from __future__ import annotations

from typing import Any

from .norms import Norm


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Learn the length and the direction of a weight apart.

    Math:
        w = g v / ‖v‖, with a length for every index of dim, or one for all (dim=None)
    Source:
        Salimans & Kingma 2016 (arXiv:1602.07868)
    """
    return Norm("parametrizations.weight_norm", module, name, dim).add(module)


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Any:  # fmt: skip
    """Divide a weight by its largest singular value, so that the layer lengthens nothing.

    Math:
        w / (uᵀ W v), with u = W v / ‖W v‖, v = Wᵀ u / ‖Wᵀ u‖ improved whenever it is read in training
    Source:
        Miyato et al. 2018 (arXiv:1802.05957)
    """
    return Norm("parametrizations.spectral_norm", module, name, dim, n_power_iterations, eps).add(module)
