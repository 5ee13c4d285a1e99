"""Weights of a given norm under the names of PyTorch's `nn.utils.parametrizations`. The mechanism is in norms.py.

Parametrizations of one's own are not here.
"""

from ...core.absent import absent as _absent
from .norms import forms

weight_norm, spectral_norm = forms("parametrizations.")

__getattr__ = _absent(__name__)
